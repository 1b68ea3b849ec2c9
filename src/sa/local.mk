noinst_LIBRARIES += libsa.a
libsa_a_SOURCES = \
	src/sa/lifetime.c \
	src/sa/orders.c \
	src/sa/peer.c src/sa/peer.h \
	src/sa/sad.c src/sa/sad.h \
	src/sa/sad-internal.h
