noinst_LIBRARIES += libdataplane.a
libdataplane_a_SOURCES = \
	src/dataplane/selector.c src/dataplane/selector.h \
	src/dataplane/record/record.c src/dataplane/record/record.h
