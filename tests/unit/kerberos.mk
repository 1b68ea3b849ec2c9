# unit tests of src/kerberos
check_PROGRAMS += \
	tests/unit/test-kerberos \
	tests/unit/test-kerberos-clock \
	tests/unit/test-kerberos-credentials \
	tests/unit/test-kerberos-gss \
	tests/unit/test-kerberos-literal-prf \
	tests/unit/test-kerberos-pac \
	tests/unit/test-kerberos-peer \
	tests/unit/test-kerberos-replay \
	tests/unit/test-kerberos-skew \
	tests/unit/test-kerberos-trouble \
	tests/unit/test-kerberos-user-to-user
TESTS += \
	tests/unit/test-kerberos \
	tests/unit/test-kerberos-clock \
	tests/unit/test-kerberos-credentials \
	tests/unit/test-kerberos-gss \
	tests/unit/test-kerberos-literal-prf \
	tests/unit/test-kerberos-pac \
	tests/unit/test-kerberos-peer \
	tests/unit/test-kerberos-replay \
	tests/unit/test-kerberos-skew \
	tests/unit/test-kerberos-trouble \
	tests/unit/test-kerberos-user-to-user
EXTRA_DIST += tests/realm.sh
kerberos_test_libs = libkerberos.a libcrypto-suite.a libbase.a $(KRB5_LIBS) $(OPENSSL_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_test_kerberos_SOURCES = tests/unit/test-kerberos.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_clock_SOURCES = tests/unit/test-kerberos-clock.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_clock_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_replay_SOURCES = tests/unit/test-kerberos-replay.c
tests_unit_test_kerberos_replay_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_skew_SOURCES = tests/unit/test-kerberos-skew.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_skew_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_credentials_SOURCES = tests/unit/test-kerberos-credentials.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_credentials_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_user_to_user_SOURCES = tests/unit/test-kerberos-user-to-user.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_user_to_user_LDADD = $(kerberos_test_libs)
# MIT's own mechanism, as the other side
tests_unit_test_kerberos_gss_SOURCES = tests/unit/test-kerberos-gss.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_gss_LDADD = $(kerberos_test_libs) -lgssapi_krb5
tests_unit_test_kerberos_literal_prf_SOURCES = tests/unit/test-kerberos-literal-prf.c
tests_unit_test_kerberos_literal_prf_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_pac_SOURCES = tests/unit/test-kerberos-pac.c
tests_unit_test_kerberos_pac_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_peer_SOURCES = tests/unit/test-kerberos-peer.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_peer_LDADD = $(kerberos_test_libs)
tests_unit_test_kerberos_trouble_SOURCES = tests/unit/test-kerberos-trouble.c \
	tests/unit/kerberos.c tests/unit/kerberos.h
tests_unit_test_kerberos_trouble_LDADD = $(kerberos_test_libs)
