check_PROGRAMS += tests/unit/test-choice
TESTS += tests/unit/test-choice
tests_unit_test_choice_SOURCES = tests/unit/test-choice.c
tests_unit_test_choice_LDADD = libkx.a libbase.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-quick
TESTS += tests/unit/test-quick
tests_unit_test_quick_SOURCES = tests/unit/test-quick.c
tests_unit_test_quick_LDADD = libkx.a libsa.a libpolicy.a libcrypto-suite.a libwire.a libbase.a \
	$(LIBCONFIG_LIBS) $(OPENSSL_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-quick-nat
TESTS += tests/unit/test-quick-nat
tests_unit_test_quick_nat_SOURCES = tests/unit/test-quick-nat.c
tests_unit_test_quick_nat_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-auth tests/unit/test-auth-captures tests/unit/test-auth-signature
TESTS += tests/unit/test-auth tests/unit/test-auth-captures tests/unit/test-auth-signature
auth_test_sources = tests/unit/auth.c tests/unit/auth.h
tests_unit_test_auth_SOURCES = tests/unit/test-auth.c $(auth_test_sources)
tests_unit_test_auth_LDADD = $(tests_unit_test_quick_LDADD)
tests_unit_test_auth_captures_SOURCES = tests/unit/test-auth-captures.c tests/unit/auth.h \
	tests/unit/crypto.h tests/unit/ikev1-vectors.h
tests_unit_test_auth_captures_LDADD = $(tests_unit_test_quick_LDADD)
tests_unit_test_auth_signature_SOURCES = tests/unit/test-auth-signature.c tests/unit/pki.c \
	tests/unit/pki.h $(auth_test_sources)
tests_unit_test_auth_signature_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-ikev1-keys
TESTS += tests/unit/test-ikev1-keys
tests_unit_test_ikev1_keys_SOURCES = tests/unit/test-ikev1-keys.c tests/unit/crypto.h \
	tests/unit/ikev1-vectors.h
tests_unit_test_ikev1_keys_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-ikev1
TESTS += tests/unit/test-ikev1
tests_unit_test_ikev1_SOURCES = tests/unit/test-ikev1.c tests/unit/engine.c tests/unit/engine.h \
	tests/unit/crypto.h \
	tests/unit/ikev1-vectors.h
tests_unit_test_ikev1_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-auth-encryption
TESTS += tests/unit/test-auth-encryption
tests_unit_test_auth_encryption_SOURCES = tests/unit/test-auth-encryption.c tests/unit/pki.c \
	tests/unit/pki.h $(auth_test_sources)
tests_unit_test_auth_encryption_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-auth-encryption-vectors
TESTS += tests/unit/test-auth-encryption-vectors
EXTRA_DIST += tests/unit/make-encryption-vectors
tests_unit_test_auth_encryption_vectors_SOURCES = tests/unit/test-auth-encryption-vectors.c \
	tests/unit/encryption-vectors.h tests/unit/crypto.h $(auth_test_sources)
tests_unit_test_auth_encryption_vectors_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-auth-gss
TESTS += tests/unit/test-auth-gss
tests_unit_test_auth_gss_SOURCES = tests/unit/test-auth-gss.c $(auth_test_sources)
tests_unit_test_auth_gss_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-ikev1-new-group
TESTS += tests/unit/test-ikev1-new-group
tests_unit_test_ikev1_new_group_SOURCES = tests/unit/test-ikev1-new-group.c tests/unit/engine.c \
	tests/unit/engine.h tests/unit/crypto.h
tests_unit_test_ikev1_new_group_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-ikev1-commit
TESTS += tests/unit/test-ikev1-commit
tests_unit_test_ikev1_commit_SOURCES = tests/unit/test-ikev1-commit.c tests/unit/engine.c \
	tests/unit/engine.h tests/unit/crypto.h
tests_unit_test_ikev1_commit_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-ikev1-proofs
TESTS += tests/unit/test-ikev1-proofs
tests_unit_test_ikev1_proofs_SOURCES = tests/unit/test-ikev1-proofs.c tests/unit/engine.c \
	tests/unit/engine.h tests/unit/crypto.h
tests_unit_test_ikev1_proofs_LDADD = $(tests_unit_test_quick_LDADD)

check_PROGRAMS += tests/unit/test-ikev1-quick
TESTS += tests/unit/test-ikev1-quick
tests_unit_test_ikev1_quick_SOURCES = tests/unit/test-ikev1-quick.c tests/unit/engine.c \
	tests/unit/engine.h tests/unit/crypto.h
tests_unit_test_ikev1_quick_LDADD = $(tests_unit_test_quick_LDADD)
