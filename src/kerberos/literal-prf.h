/*
 * The PRF of the AES encryption types of RFC 3962 as its text has it, with a message block of one
 * octet: all 20 octets of the SHA-1 hash are encrypted. Libraries cut the hash to a block of the
 * cipher, and so does libkrb5's; only one implementation of KINK did not.
 */
#ifndef KERBEROS_LITERAL_PRF_H
#define KERBEROS_LITERAL_PRF_H

#include "base/bytes.h"
#include "base/error.h"

#define LITERAL_PRF_SIZE 20
#define LITERAL_KEY_MAX  32

/* key is that of etype 17 or 18; ERR_UNSUPPORTED when it has another length. */
enum err literal_prf(
    struct bytes key, struct bytes input, uint8_t out[LITERAL_PRF_SIZE]) MUST_CHECK;

/* Its parts. */

/* DK(key, "prf") of RFC 3961 5.1; as long as key. */
enum err literal_prf_key(struct bytes key, uint8_t out[LITERAL_KEY_MAX]) MUST_CHECK;
/* n-fold of RFC 3961 5.1; lengths in octets, at most 64 each. */
void literal_prf_fold(struct bytes input, uint8_t *out, size_t out_len);
/* CBC with ciphertext stealing and an initial vector of zeros (RFC 3962 5); 17 to 32 octets. */
enum err literal_prf_encrypt(struct bytes key, struct bytes input, uint8_t *out) MUST_CHECK;

#endif
