noinst_LIBRARIES += libcontrol.a
libcontrol_a_SOURCES = src/control/commands.c src/control/commands.h
