noinst_LIBRARIES += libcrypto-suite.a
libcrypto_suite_a_SOURCES = \
	src/crypto/algorithms.c src/crypto/algorithms.h \
	src/crypto/cipher.c src/crypto/cipher.h \
	src/crypto/keymat.c src/crypto/keymat.h \
	src/crypto/random.c src/crypto/random.h
