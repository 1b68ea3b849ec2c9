/* Hashes without a key: RFC 2409's hash(), for IVs, certificates and nonces. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "crypto/prf.h"

/* Over the concatenation of parts; writes prf_length(hash) octets. */
enum err digest_run(
    enum prf_hash hash, const struct bytes *parts, size_t count, uint8_t *out) MUST_CHECK;
/* The name by which OpenSSL knows the hash. */
const char *digest_name(enum prf_hash hash);

#endif
