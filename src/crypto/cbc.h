/*
 * The ciphers of ISAKMP's messages: CBC with an IV that is chained from message to message
 * (RFC 2409 Appendix B) and no integrity of its own. AES (RFC 3602), and
 * 3DES (RFC 2409 Appendix B) for peers that have nothing better.
 */
#ifndef CRYPTO_CBC_H
#define CRYPTO_CBC_H

#include "base/bytes.h"
#include "base/error.h"
#include "kinkd/ipsec.h"

#define CBC_KEY_MAX   32
#define CBC_BLOCK_MAX 16

/* Secret. */
struct cbc_key {
	enum encryption encryption;
	uint16_t bits; /* the negotiated size; 0 where the algorithm fixes it */
	uint8_t octets[CBC_KEY_MAX];
};

/* Octets of key, and of a block and so of the IV; 0 for what is no such cipher. */
size_t cbc_key_length(enum encryption encryption, uint16_t bits);
size_t cbc_block_length(enum encryption encryption);
/*
 * Whole blocks in place, else ERR_INVALID. iv becomes the last block of ciphertext, as what comes
 * next under this key wants it; after a failure nothing is of use.
 */
enum err cbc_encrypt(const struct cbc_key *key, uint8_t *iv, uint8_t *data, size_t len) MUST_CHECK;
enum err cbc_decrypt(const struct cbc_key *key, uint8_t *iv, uint8_t *data, size_t len) MUST_CHECK;

#endif
