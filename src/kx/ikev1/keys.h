/* The keys of an ISAKMP SA, and what is computed under them: RFC 2409 5 and Appendix B. */
#ifndef KX_IKEV1_KEYS_H
#define KX_IKEV1_KEYS_H

#include "crypto/cbc.h"
#include "crypto/keymat.h"
#include "crypto/prf.h"
#include "kinkd/ike.h"
#include "kinkd/ipsec.h"

#define IKEV1_COOKIE_SIZE 8

/* Both together name an ISAKMP SA (RFC 2408 2.5.3). */
struct ikev1_cookies {
	uint8_t initiator[IKEV1_COOKIE_SIZE];
	uint8_t responder[IKEV1_COOKIE_SIZE];
};

/* What phase 1 agreed on. */
struct ikev1_suite {
	enum encryption encryption;
	uint16_t key_bits;
	enum prf_hash hash; /* and its HMAC is the prf */
	enum dh_group group;
	enum ike_authentication authentication;
};

/* Secret. */
struct ikev1_keys {
	enum prf_hash hash;
	uint8_t derivation[CRYPTO_PRF_MAX];     /* SKEYID_d: keys of IPsec SAs come from it */
	uint8_t authentication[CRYPTO_PRF_MAX]; /* SKEYID_a: for HASH(1) to HASH(3) */
	struct cbc_key cipher;                  /* from SKEYID_e */
	uint8_t iv[CBC_BLOCK_MAX]; /* the last block of phase 1, which later IVs come from */
};

/*
 * From SKEYID and g^xy. The IV is that of phase 1's first encrypted message: from the public
 * values.
 */
enum err ikev1_keys_derive(struct ikev1_keys *keys, const struct ikev1_suite *suite,
    struct bytes skeyid, struct bytes secret, const struct ikev1_cookies *cookies,
    struct bytes public_i, struct bytes public_r) MUST_CHECK;
/* The IV of the first message of an exchange after phase 1. */
enum err ikev1_keys_iv(
    const struct ikev1_keys *keys, uint32_t message_id, uint8_t out[CBC_BLOCK_MAX]) MUST_CHECK;

/*
 * HASH(1) over what follows the HASH payload; HASH(2), where nonce is Ni_b. Writes
 * prf_length(keys->hash) octets.
 */
enum err ikev1_hash_message(const struct ikev1_keys *keys, uint32_t message_id, struct bytes nonce,
    struct bytes rest, uint8_t out[CRYPTO_PRF_MAX]) MUST_CHECK;
/* HASH(3). */
enum err ikev1_hash_nonces(const struct ikev1_keys *keys, uint32_t message_id, struct bytes ni,
    struct bytes nr, uint8_t out[CRYPTO_PRF_MAX]) MUST_CHECK;

#endif
