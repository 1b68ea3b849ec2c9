/*
 * How keys are made longer than a PRF's output: KEYMAT's rule (RFC 2409 5.5, RFC 4430 7) and that
 * of the keys of ISAKMP's own ciphers (RFC 2409 5.3, Appendix B).
 */
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
/*
 * K1 = prf(0), Kn = prf(Kn-1), concatenated and cut to len octets; 0 is one octet. For a cipher's
 * key that is longer than what the PRF gives: one that is not is the first octets of the PRF's key.
 */
enum err crypto_keymat_feedback(
    crypto_prf prf, void *context, size_t prf_length, uint8_t *out, size_t len) MUST_CHECK;

#endif
