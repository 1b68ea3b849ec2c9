/*
 * Signatures as IKEv1 has them: PKCS #1 v1.5 around the bare hash (RFC 2409 5.1), ECDSA as r and s
 * of fixed length (RFC 4754 7). Header of this room alone: it shows OpenSSL's types.
 */
#ifndef CRYPTO_SIGNATURE_H
#define CRYPTO_SIGNATURE_H

#include <openssl/types.h>

#include "kinkd/credentials.h"

/* What a key can sign with; CREDENTIALS_NO_SCHEME for one of another kind, curve or size. */
enum credentials_scheme signature_scheme_of(const EVP_PKEY *key);
/* "RSA signatures", "ECDSA-256", ... */
const char *signature_scheme_name(enum credentials_scheme scheme);

/*
 * Writes at most CREDENTIALS_SIGNATURE_MAX octets. ERR_UNSUPPORTED when the key is not one of the
 * scheme.
 */
enum err signature_make(EVP_PKEY *key, enum credentials_scheme scheme, struct bytes hash,
    uint8_t *out, size_t *len) MUST_CHECK;
/* ERR_AUTH when it is not that key's signature of the hash, ERR_UNSUPPORTED as above. */
enum err signature_check(EVP_PKEY *key, enum credentials_scheme scheme, struct bytes hash,
    struct bytes signature) MUST_CHECK;

#endif
