/*
 * Proposals as a model, independent of any wire format, and the one selection of what is
 * acceptable (RFC 2408 4.2, RFC 4301 4.4.1.2).
 */
#ifndef POLICY_PROPOSAL_H
#define POLICY_PROPOSAL_H

#include "policy/policy.h"

#define OFFER_CHOICES_MAX 64

/* What one protocol does: in ISAKMP one transform of one Proposal payload. */
struct offer_part {
	uint8_t transform_number;
	uint32_t spi; /* the sender's inbound SPI */
	struct suite suite;
	enum ipsec_mode mode;
};

/* One way to make the SA, or a bundle: in ISAKMP the Proposal payloads of one number. */
struct offer_choice {
	uint8_t proposal_number;
	uint8_t part_count;
	struct offer_part parts[BUNDLE_MAX]; /* innermost first */
	struct lifetime lifetime;            /* 0: none was stated */
	enum dh_group group;
	bool udp; /* encapsulated in UDP, and its modes say so (RFC 3947 5.1) */
};

/* The suites alone, as sad_agree() takes them. */
void offer_suites(const struct offer_choice *choice, struct suite out[BUNDLE_MAX]);

/* All the ways that one side offers, in its order of preference. */
struct offer {
	struct offer_choice choices[OFFER_CHOICES_MAX];
	size_t count;
};

/*
 * What the policy would offer with these inbound SPIs, in policy_protocols()' order, and this
 * group; DH_NONE without a key exchange.
 */
enum err offer_make(const struct policy_rule *rule, const uint32_t *spis, enum dh_group group,
    struct offer *out) MUST_CHECK;

/*
 * The first offered choice that the rule accepts, in the offerer's order, so that the optimistic
 * proposal wins whenever it is acceptable (RFC 4430 3.2). *out is the choice as it should be
 * answered, with lifetimes lowered to ours. ERR_NOT_FOUND when there is none, with problem telling
 * what was offered and what is accepted.
 */
enum err offer_select(const struct policy_rule *rule, const struct offer *offer,
    struct offer_choice *out, struct problem *problem) MUST_CHECK;

/*
 * Which of the choices offered an answer is (RFC 4430 3.2): identical to it, except for lifetimes,
 * which may be lower. Choice 0 is the optimistic one. ERR_INVALID when a lifetime is higher;
 * ERR_NOT_FOUND when it was not offered.
 */
enum err offer_find_answer(
    const struct offer *offer, const struct offer_choice *answer, size_t *index) MUST_CHECK;

#endif
