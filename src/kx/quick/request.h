/*
 * What one end of a Quick Mode asks for and the other grants (RFC 2409 5.5), for KINK and IKEv1
 * alike: reading a request, judging it by policy, and holding an answer to what was offered.
 */
#ifndef KX_QUICK_REQUEST_H
#define KX_QUICK_REQUEST_H

#include "kx/quick/quick.h"
#include "sa/sad.h"

/* Why a request is not granted, for the peer and for people. */
struct quick_refusal {
	enum notify_type type;
	uint8_t payload_type; /* with NOTIFY_INVALID_PAYLOAD_TYPE: which; else 0 */
	char why[sizeof(((struct problem *)NULL)->text)];
};

/* What the peer asks for. Views live as long as its message. */
struct quick_request {
	struct bytes nonce;       /* Ni */
	struct bytes peer_value;  /* KE; empty without a key exchange */
	struct selector selector; /* seen from this host */
	struct offer offer;
	struct offer_choice first; /* as it was offered; undefined in an empty offer */
	bool first_known;          /* see quick_get_offer() */
	enum ipsec_mode mode;      /* of the first choice */
};

/* ERR_INVALID when it is malformed; then the refusal says how. */
enum err quick_read_request(const struct isakmp_chain *chain, const struct address *local,
    const struct address *remote, struct quick_request *out,
    struct quick_refusal *refusal) MUST_CHECK;

/* What is between the two ends, and how it shows in a Quick Mode's payloads. */
enum quick_path {
	QUICK_PATH_PLAIN,
	QUICK_PATH_NAT,    /* UDP encapsulation, which modes do not say: KINK */
	QUICK_PATH_NAT_UDP /* UDP encapsulation, and modes say so (RFC 3947 5.1) */
};

/*
 * The rule under which the peer may have that SA, and the choice that the rule accepts. NULL when
 * it is refused. Choices of the request that are out of place are left out.
 */
const struct policy_rule *quick_judge_request(const struct policy *policy, enum exchange method,
    const struct address *local, const struct address *remote, enum quick_path path,
    struct quick_request *request, struct offer_choice *choice, struct quick_refusal *refusal);

/* What the peer answers to an offer of ours. */
struct quick_answer {
	struct offer_choice choice;
	size_t index;            /* of the offer's choices: which it is */
	struct bytes nonce;      /* Nr; may be empty */
	struct bytes peer_value; /* KE; likewise */
};

/* NULL when it is good, else what is wrong. `exchange`: a key exchange was asked for. */
const char *quick_read_answer(const struct isakmp_chain *chain, const struct offer *offered,
    bool exchange, struct quick_answer *out) MUST_CHECK;

/* The peer's SPIs. ERR_EXISTS for one in use, or our own: that would be one key for both. */
enum err quick_take_spis(
    struct sad *sad, struct sa_pair *pair, const struct offer_choice *choice) MUST_CHECK;
/* Whether an SPI is the same in both directions, and with it the key (RFC 2409 5.5). */
bool quick_has_equal_spis(const struct sa_pair *pair);

#endif
