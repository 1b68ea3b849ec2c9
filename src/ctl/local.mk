bin_PROGRAMS += kinkctl
kinkctl_SOURCES = \
	src/ctl/arguments.c \
	src/ctl/connection.c \
	src/ctl/ctl.h \
	src/ctl/format.c \
	src/ctl/main.c \
	src/ctl/show.c \
	src/ctl/table.c
kinkctl_LDADD = libcontrol.a libbase.a $(JANSSON_LIBS)
