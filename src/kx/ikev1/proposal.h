/* The SA payload of phase 1: what is offered, chosen and answered (RFC 2409 5 and Appendix A). */
#ifndef KX_IKEV1_PROPOSAL_H
#define KX_IKEV1_PROPOSAL_H

#include "kx/ikev1/ikev1-internal.h"

/* One transform, read. */
struct ikev1_choice {
	struct ikev1_suite suite;
	uint32_t life_seconds; /* 0: not stated */
	uint8_t proposal_number;
	uint8_t transform_number;
	struct bytes gss_identity; /* a view; empty when there is none */
	struct bytes attributes;   /* a view */
	struct bytes gss_answer;   /* a view: what takes gss_identity's place; empty: nothing */
};

/*
 * All that the peer's entry allows, in its order: a transform for each way to authenticate and
 * each proposal. In aggressive mode only those of the first one's group, which cannot be negotiated
 * there (RFC 2409 5). gss_identity goes with GSS-API's transforms; without one they are left out.
 */
void ikev1_put_offer(struct isakmp_writer *chain, const struct policy_ike *ike, bool aggressive,
    struct bytes gss_identity);
/* The group of aggressive mode's offer; DH_NONE when there is none. */
enum dh_group ikev1_offer_group(const struct policy_ike *ike);

/*
 * The first transform of the body of an offer's SA payload that the entry allows. gss: 65001 means
 * GSS-API. ERR_NOT_FOUND when there is none, with problem telling what was offered; ERR_INVALID
 * when it is malformed.
 */
enum err ikev1_choose(struct bytes body, const struct policy_ike *ike, bool gss,
    struct ikev1_choice *out, struct problem *problem) MUST_CHECK;
/*
 * The answer to it: just that transform, unchanged (RFC 2408 4.2) but for our own name in place of
 * the initiator's.
 */
void ikev1_put_choice(struct isakmp_writer *chain, const struct ikev1_choice *choice);
/*
 * The answer to an offer of ours, whose own SA payload had that body: one transform of it,
 * unchanged but for a shorter lifetime. NULL when it is good, else what is wrong.
 */
const char *ikev1_read_answer(
    struct bytes offered, struct bytes answer, struct ikev1_choice *out) MUST_CHECK;
/* Which form messages have with that way to authenticate. */
enum ikev1_family ikev1_family_of(enum ike_authentication authentication);

#endif
