noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/address.c src/base/address.h \
	src/base/bytes.c src/base/bytes.h \
	src/base/error.c src/base/error.h \
	src/base/limit.c src/base/limit.h \
	src/base/log.c src/base/log.h \
	src/base/secret.c src/base/secret.h \
	src/base/sid.c src/base/sid.h \
	src/base/slots.c src/base/slots.h \
	src/base/source-address.c src/base/source-address.h \
	src/base/table.h \
	src/base/timers.c src/base/timers.h
