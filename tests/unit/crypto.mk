crypto_test_libs = libcrypto-suite.a libbase.a $(OPENSSL_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-crypto tests/unit/test-crypto-dh \
	tests/unit/test-crypto-credentials tests/unit/test-crypto-identity tests/unit/test-crypto-ike \
	tests/unit/test-crypto-signature
TESTS += tests/unit/test-crypto tests/unit/test-crypto-credentials tests/unit/test-crypto-dh \
	tests/unit/test-crypto-identity tests/unit/test-crypto-ike \
	tests/unit/test-crypto-signature
tests_unit_test_crypto_SOURCES = tests/unit/test-crypto.c tests/unit/crypto.h \
	tests/unit/crypto-vectors.h
tests_unit_test_crypto_LDADD = $(crypto_test_libs)
tests_unit_test_crypto_dh_SOURCES = tests/unit/test-crypto-dh.c tests/unit/crypto.h \
	tests/unit/crypto-dh-vectors.h
tests_unit_test_crypto_dh_LDADD = $(crypto_test_libs)
tests_unit_test_crypto_ike_SOURCES = tests/unit/test-crypto-ike.c tests/unit/crypto.h \
	tests/unit/crypto-vectors.h
tests_unit_test_crypto_ike_LDADD = $(crypto_test_libs)
tests_unit_test_crypto_signature_SOURCES = tests/unit/test-crypto-signature.c \
	tests/unit/crypto.h tests/unit/crypto-signature-vectors.h
tests_unit_test_crypto_signature_LDADD = $(crypto_test_libs)
tests_unit_test_crypto_identity_SOURCES = tests/unit/test-crypto-identity.c tests/unit/crypto.h
tests_unit_test_crypto_identity_LDADD = $(crypto_test_libs)
tests_unit_test_crypto_credentials_SOURCES = tests/unit/test-crypto-credentials.c \
	tests/unit/crypto.h tests/unit/pki.c tests/unit/pki.h
tests_unit_test_crypto_credentials_LDADD = $(crypto_test_libs)
EXTRA_DIST += tests/unit/pki.sh

check_PROGRAMS += tests/unit/test-ikev1-vectors
TESTS += tests/unit/test-ikev1-vectors
tests_unit_test_ikev1_vectors_SOURCES = tests/unit/test-ikev1-vectors.c tests/unit/crypto.h \
	tests/unit/ikev1-vectors.h
tests_unit_test_ikev1_vectors_LDADD = libwire.a $(crypto_test_libs)
