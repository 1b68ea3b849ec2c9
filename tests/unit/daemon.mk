# unit tests of src/daemon and src/ctl
check_PROGRAMS += \
	tests/unit/test-daemon-control \
	tests/unit/test-daemon-options \
	tests/unit/test-daemon-workers \
	tests/unit/test-ctl
TESTS += \
	tests/unit/test-daemon-control \
	tests/unit/test-daemon-options \
	tests/unit/test-daemon-workers \
	tests/unit/test-ctl
tests_unit_test_daemon_control_SOURCES = tests/unit/test-daemon-control.c $(daemon_sources)
tests_unit_test_daemon_control_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=kx_sas_from
tests_unit_test_daemon_control_LDADD = $(kinkd_LDADD) $(CMOCKA_LIBS)
tests_unit_test_daemon_options_SOURCES = tests/unit/test-daemon-options.c \
	src/daemon/options.c src/daemon/options.h
tests_unit_test_daemon_options_LDADD = $(CMOCKA_LIBS)
tests_unit_test_daemon_workers_SOURCES = tests/unit/test-daemon-workers.c \
	src/daemon/workers.c src/daemon/workers.h
tests_unit_test_daemon_workers_LDADD = libbase.a $(LIBUV_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ctl_SOURCES = tests/unit/test-ctl.c \
	src/ctl/arguments.c src/ctl/ctl.h src/ctl/format.c src/ctl/show.c src/ctl/table.c
tests_unit_test_ctl_LDADD = libcontrol.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-srv
TESTS += tests/unit/test-srv
tests_unit_test_srv_SOURCES = tests/unit/test-srv.c src/daemon/srv.c
tests_unit_test_srv_LDADD = libbase.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-debug-keys
TESTS += tests/unit/test-debug-keys
tests_unit_test_debug_keys_SOURCES = tests/unit/test-debug-keys.c \
	src/daemon/debug-keys.c src/daemon/debug-keys.h
tests_unit_test_debug_keys_LDADD = libcrypto-suite.a libbase.a $(OPENSSL_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-daemon-jobs
TESTS += tests/unit/test-daemon-jobs
tests_unit_test_daemon_jobs_SOURCES = tests/unit/test-daemon-jobs.c tests/unit/pki.c \
	tests/unit/pki.h src/daemon/agreements.c src/daemon/agreements.h src/daemon/jobs.c \
	src/daemon/jobs.h src/daemon/keyring.c src/daemon/keyring.h
tests_unit_test_daemon_jobs_LDADD = libpolicy.a libcrypto-suite.a libwire.a libbase.a \
	$(LIBCONFIG_LIBS) $(OPENSSL_LIBS) $(LIBUV_LIBS) $(CMOCKA_LIBS)
