noinst_LIBRARIES += libkerberos.a
libkerberos_a_SOURCES = \
	src/kerberos/acceptor.c \
	src/kerberos/ccache.c \
	src/kerberos/context.c \
	src/kerberos/gss.c \
	src/kerberos/gss-token.c src/kerberos/gss-token.h \
	src/kerberos/initiator.c \
	src/kerberos/keys.c \
	src/kerberos/keytab.c \
	src/kerberos/layout.c src/kerberos/layout.h \
	src/kerberos/literal-prf.c src/kerberos/literal-prf.h \
	src/kerberos/membership.c \
	src/kerberos/own-ticket.c \
	src/kerberos/pac.c src/kerberos/pac.h \
	src/kerberos/private.h \
	src/kerberos/problem.c \
	src/kerberos/protect.c \
	src/kerberos/realm.c src/kerberos/realm.h \
	src/kerberos/replay.c src/kerberos/replay.h \
	src/kerberos/ticket.c \
	src/kerberos/user-to-user.c \
	src/kerberos/worker.c src/kerberos/worker.h
