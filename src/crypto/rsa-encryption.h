/*
 * RSA encryption as PKCS #1 v1.5 has it (RFC 2409 5.2), which is safe only when whoever sends a
 * ciphertext cannot learn whether it was well-formed. Header of this room alone: it shows OpenSSL's
 * types.
 */
#ifndef CRYPTO_RSA_ENCRYPTION_H
#define CRYPTO_RSA_ENCRYPTION_H

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/error.h"

/* The most that a key encrypts at once: its size less PKCS #1's overhead. */
size_t rsa_encryption_room(const EVP_PKEY *key);
/* Writes as many octets as the key has. ERR_TOO_LONG, ERR_UNSUPPORTED for what is no RSA key. */
enum err rsa_encrypt(EVP_PKEY *key, struct bytes plain, uint8_t *out, size_t *len) MUST_CHECK;
/*
 * Writes between min and max octets, secret. What is not well-formed, or has less or more, gives
 * octets that follow from the ciphertext and the private key: as for who sent it, it decrypted to
 * something. Neither the result nor the time tells which it was. Fails only for reasons of our
 * own: ERR_UNSUPPORTED, ERR_INVALID (min is above max, or max above the key's room), ERR_SYSTEM.
 * out has the key's size.
 */
enum err rsa_decrypt(EVP_PKEY *key, struct bytes sealed, size_t min, size_t max, uint8_t *out,
    size_t *len) MUST_CHECK;

#endif
