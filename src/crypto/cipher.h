/*
 * The transform of one SA in one direction: encryption with integrity over one packet at a time, in
 * place. RFC 4106 (AES-GCM), RFC 7634 (ChaCha20-Poly1305), RFC 3602 (AES-CBC), RFC 2404 and
 * RFC 4868 (HMAC), RFC 2410 (NULL). For AH the transform only makes or checks the ICV. Nothing is
 * allocated or fetched per packet.
 */
#ifndef CRYPTO_CIPHER_H
#define CRYPTO_CIPHER_H

#include "base/bytes.h"
#include "base/error.h"
#include "kinkd/ipsec.h"

struct cipher;

/*
 * keymat is cipher key, salt, integrity key (RFC 4301 4.5.2), suite_key_length() octets; it is not
 * kept. With seal the object encrypts, else it decrypts. Not thread-safe.
 */
enum err cipher_new(
    const struct suite *suite, struct bytes keymat, bool seal, struct cipher **out) MUST_CHECK;
void cipher_free(struct cipher *cipher);

/*
 * aad is what stands before the IV in the packet (SPI and sequence number) and is covered by the
 * ICV. iv has the length of encryption_info()->iv and must never repeat under one key; for AES-CBC
 * it must be unpredictable as well. len is a multiple of the cipher's block. icv has room for the
 * suite's ICV.
 */
enum err cipher_seal(struct cipher *cipher, struct bytes aad, const uint8_t *iv, uint8_t *data,
    size_t len, uint8_t *icv) MUST_CHECK;
/* ERR_AUTH when the ICV does not match; data is then garbage or untouched. */
enum err cipher_open(struct cipher *cipher, struct bytes aad, const uint8_t *iv, uint8_t *data,
    size_t len, const uint8_t *icv) MUST_CHECK;

#endif
