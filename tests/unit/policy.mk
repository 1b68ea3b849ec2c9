check_PROGRAMS += tests/unit/test-policy tests/unit/test-policy-config tests/unit/test-policy-ike
TESTS += tests/unit/test-policy tests/unit/test-policy-config tests/unit/test-policy-ike
tests_unit_test_policy_SOURCES = tests/unit/test-policy.c
tests_unit_test_policy_LDADD = libpolicy.a libcrypto-suite.a libbase.a \
	$(LIBCONFIG_LIBS) $(OPENSSL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_policy_config_SOURCES = tests/unit/test-policy-config.c
tests_unit_test_policy_ike_SOURCES = tests/unit/test-policy-ike.c
tests_unit_test_policy_config_LDADD = $(tests_unit_test_policy_LDADD)
tests_unit_test_policy_ike_LDADD = $(tests_unit_test_policy_LDADD)
