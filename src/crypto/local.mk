noinst_LIBRARIES += libcrypto-suite.a
libcrypto_suite_a_SOURCES = \
	src/crypto/agreement.c src/crypto/agreement.h \
	src/crypto/algorithms.c src/crypto/algorithms.h \
	src/crypto/cbc.c src/crypto/cbc.h \
	src/crypto/certificate.c src/crypto/certificate.h src/crypto/certificate-files.c \
	src/crypto/cipher.c src/crypto/cipher.h \
	src/crypto/credentials.c src/crypto/credentials.h \
	src/crypto/credentials-check.c src/crypto/credentials-files.c src/crypto/credentials-files.h \
	src/crypto/dh.c src/crypto/dh.h \
	src/crypto/digest.c src/crypto/digest.h \
	src/crypto/identity.c src/crypto/identity.h \
	src/crypto/keymat.c src/crypto/keymat.h \
	src/crypto/prf.c src/crypto/prf.h \
	src/crypto/random.c src/crypto/random.h \
	src/crypto/rsa-encryption.c src/crypto/rsa-encryption.h \
	src/crypto/signature.c src/crypto/signature.h \
	src/crypto/trust.c src/crypto/trust.h
