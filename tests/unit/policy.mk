check_PROGRAMS += tests/unit/test-policy tests/unit/test-policy-config tests/unit/test-policy-identity \
	tests/unit/test-policy-ike tests/unit/test-policy-proposal tests/unit/test-policy-refusals
TESTS += tests/unit/test-policy tests/unit/test-policy-config tests/unit/test-policy-identity \
	tests/unit/test-policy-ike tests/unit/test-policy-proposal tests/unit/test-policy-refusals
tests_unit_test_policy_SOURCES = tests/unit/test-policy.c tests/unit/policy.h
tests_unit_test_policy_LDADD = libpolicy.a libcrypto-suite.a libbase.a \
	$(LIBCONFIG_LIBS) $(OPENSSL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_policy_config_SOURCES = tests/unit/test-policy-config.c tests/unit/policy.h
tests_unit_test_policy_config_LDADD = $(tests_unit_test_policy_LDADD)
tests_unit_test_policy_identity_SOURCES = tests/unit/test-policy-identity.c tests/unit/policy.h
tests_unit_test_policy_identity_LDADD = $(tests_unit_test_policy_LDADD)
tests_unit_test_policy_ike_SOURCES = tests/unit/test-policy-ike.c
tests_unit_test_policy_ike_LDADD = $(tests_unit_test_policy_LDADD)
tests_unit_test_policy_proposal_SOURCES = tests/unit/test-policy-proposal.c tests/unit/policy.h
tests_unit_test_policy_proposal_LDADD = $(tests_unit_test_policy_LDADD)
tests_unit_test_policy_refusals_SOURCES = tests/unit/test-policy-refusals.c
tests_unit_test_policy_refusals_LDADD = $(tests_unit_test_policy_LDADD)
