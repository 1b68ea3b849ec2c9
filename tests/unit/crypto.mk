check_PROGRAMS += tests/unit/test-crypto
TESTS += tests/unit/test-crypto
tests_unit_test_crypto_SOURCES = tests/unit/test-crypto.c tests/unit/crypto-vectors.h
tests_unit_test_crypto_LDADD = libcrypto-suite.a libbase.a $(OPENSSL_LIBS) $(CMOCKA_LIBS)
