noinst_LIBRARIES += libwire.a
libwire_a_SOURCES = \
	src/wire/ikev1.c src/wire/ikev1.h \
	src/wire/ikev1-grammar.c src/wire/ikev1-grammar.h \
	src/wire/isakmp.h \
	src/wire/isakmp-attributes.c src/wire/isakmp-attributes.h \
	src/wire/isakmp-chain.c \
	src/wire/isakmp-grammar.c src/wire/isakmp-grammar.h \
	src/wire/isakmp-header.c \
	src/wire/isakmp-id.c \
	src/wire/isakmp-payloads.c \
	src/wire/isakmp-sa.c \
	src/wire/kink.h src/wire/kink-chain.h \
	src/wire/kink-grammar.c src/wire/kink-grammar.h \
	src/wire/kink-message.c \
	src/wire/kink-payloads.c \
	src/wire/names.c src/wire/names.h \
	src/wire/utf16.c src/wire/utf16.h \
	src/wire/vendor.c src/wire/vendor.h
