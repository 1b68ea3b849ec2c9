/* HMAC as a pseudo-random function: RFC 2104, RFC 2404, RFC 4868. Keyed once, used many times. */
#ifndef CRYPTO_PRF_H
#define CRYPTO_PRF_H

#include "base/bytes.h"
#include "base/error.h"

enum prf_hash { PRF_HMAC_SHA1, PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_384, PRF_HMAC_SHA2_512 };

struct prf;

/* Octets that it gives. */
size_t prf_length(enum prf_hash hash);
enum err prf_new(enum prf_hash hash, struct bytes key, struct prf **out) MUST_CHECK;
void prf_free(struct prf *prf);
/* Over the concatenation of parts; a crypto_prf (crypto/keymat.h) with a struct prf as its context.
 */
enum err prf_run(void *prf, const struct bytes *parts, size_t count, uint8_t *out) MUST_CHECK;

#endif
