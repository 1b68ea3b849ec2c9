/* KEYMAT's expansion, one rule for every PRF: RFC 2409 5.5, RFC 4430 7. */
#ifndef CRYPTO_KEYMAT_H
#define CRYPTO_KEYMAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

/* The PRF of a key over the concatenation of parts; writes as many octets as its length is. */
typedef enum err (*crypto_prf)(
    void *context, const struct bytes *parts, size_t count, uint8_t *out);

/* No PRF gives more. */
#define CRYPTO_PRF_MAX 64

/*
 * K1 = prf(seed), Kn = prf(Kn-1 | seed), concatenated and cut to len octets. prf_length is at most
 * CRYPTO_PRF_MAX, else ERR_INVALID.
 */
enum err crypto_keymat_expand(crypto_prf prf, void *context, size_t prf_length, struct bytes seed,
    uint8_t *out, size_t len) MUST_CHECK;

#endif
