# unit tests of src/kerberos
check_PROGRAMS += \
	tests/unit/test-kerberos \
	tests/unit/test-kerberos-replay
TESTS += \
	tests/unit/test-kerberos \
	tests/unit/test-kerberos-replay
EXTRA_DIST += tests/realm.sh
kerberos_test_libs = libkerberos.a libcrypto-suite.a libbase.a $(KRB5_LIBS) $(OPENSSL_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_test_kerberos_SOURCES = tests/unit/test-kerberos.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_replay_SOURCES = tests/unit/test-kerberos-replay.c
tests_unit_test_kerberos_replay_LDADD = $(kerberos_test_libs)
