/* The keys of a Quick Mode: our half of a key exchange, and KEYMAT under a PRF (RFC 2409 5.5). */
#ifndef KX_QUICK_KEYS_H
#define KX_QUICK_KEYS_H

#include "crypto/prf.h"
#include "kinkd/agreement.h"
#include "kx/quick/quick.h"
#include "sa/sad.h"

/* Our half of a key agreement; secret. */
struct quick_key_exchange {
	enum dh_group group;
	uint8_t private_value[DH_PRIVATE_MAX];
	size_t private_len;
	uint8_t public_value[DH_PUBLIC_MAX];
	size_t public_len;
	uint8_t secret[DH_SECRET_MAX]; /* g^xy */
	size_t secret_len;             /* 0 until agreed */
};

/* NULL when out of memory; to be freed by quick_key_exchange_free(), which takes NULL as well. */
struct quick_key_exchange *quick_key_exchange_new(enum dh_group group);
void quick_key_exchange_free(struct quick_key_exchange *exchange);
/* Copies what a completion gives. ERR_INVALID when it is too long. */
enum err quick_key_exchange_keep(
    struct quick_key_exchange *exchange, const struct agreement_completion *completion) MUST_CHECK;
struct bytes quick_key_exchange_public(const struct quick_key_exchange *exchange); /* NULL: empty */
struct bytes quick_key_exchange_secret(const struct quick_key_exchange *exchange);
/* What finishes it with the peer's value; the caller sets the token. */
struct agreement_request quick_key_exchange_finish(
    const struct quick_key_exchange *exchange, struct bytes peer_value);

/* The keys of one direction of a pair, for sad_install(); to be wiped. */
struct quick_keys {
	uint8_t octets[BUNDLE_MAX][SA_KEY_MAX];
	struct bytes parts[BUNDLE_MAX]; /* views into octets: do not copy */
};

/* Derives them under a PRF that has its key: SKEYID_d (RFC 2409 5.5). */
enum err quick_derive_keys(struct prf *prf, size_t length, const struct sa_pair *pair,
    enum ipsec_direction direction, const struct quick_inputs *inputs,
    struct quick_keys *out) MUST_CHECK;

#endif
