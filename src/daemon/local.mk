sbin_PROGRAMS += kinkd
# All but the command line: benchmarks are made of them as well.
daemon_sources = \
	src/daemon/agreements.c src/daemon/agreements.h \
	src/daemon/bypass.c \
	src/daemon/control.c src/daemon/control.h \
	src/daemon/answer-values.c src/daemon/answer-values.h \
	src/daemon/control-answer.c src/daemon/control-private.h \
	src/daemon/control-list.c \
	src/daemon/daemon.h \
	src/daemon/dataplane.c \
	src/daemon/debug-keys.c src/daemon/debug-keys.h \
	src/daemon/events.c \
	src/daemon/host.c \
	src/daemon/jobs.c src/daemon/jobs.h \
	src/daemon/keyring.c src/daemon/keyring.h \
	src/daemon/lifecycle.c \
	src/daemon/output-stderr.c src/daemon/output.h \
	src/daemon/privileges.c \
	src/daemon/query.c \
	src/daemon/reload.c src/daemon/reload.h \
	src/daemon/resolver.c src/daemon/resolver.h \
	src/daemon/srv.c src/daemon/srv.h \
	src/daemon/udp.c src/daemon/udp.h \
	src/daemon/workers.c src/daemon/workers.h
if HAVE_SYSTEMD
daemon_sources += src/daemon/output-systemd.c
EXTRA_DIST += src/daemon/output-plain.c
else
daemon_sources += src/daemon/output-plain.c
EXTRA_DIST += src/daemon/output-systemd.c
endif
kinkd_SOURCES = src/daemon/main.c src/daemon/options.c src/daemon/options.h $(daemon_sources)
kinkd_LDADD = libdataplane.a libkx.a libsa.a libpolicy.a libkerberos.a libcrypto-suite.a \
	libwire.a libcontrol.a libbase.a \
	$(KRB5_LIBS) $(OPENSSL_LIBS) $(LIBCONFIG_LIBS) $(LIBUV_LIBS) $(JANSSON_LIBS) $(SYSTEMD_LIBS) \
	$(DATAPLANE_LIBS)
