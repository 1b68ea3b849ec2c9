/*
 * Making an offer, choosing from one, and judging the answer (RFC 2408 4.2, RFC 4430 3.2). Written
 * once for all exchange methods: they translate their wire format to and from struct offer.
 */
#include "policy/proposal.h"

#include "crypto/algorithms.h"
#include "policy/text.h"

/* What an SA lives when the offer says nothing (RFC 2407 4.5). */
#define UNSTATED_SECONDS 28800

static const char *mode_name(enum ipsec_mode mode)
{
	return mode == IPSEC_TUNNEL ? "tunnel" : "transport";
}

static const char *group_name(enum dh_group group)
{
	const char *name = dh_group_name(group);

	return name != NULL ? name : "of an unknown group";
}

static uint32_t stated_seconds(const struct offer_choice *choice)
{
	return choice->lifetime.seconds != 0 ? choice->lifetime.seconds : UNSTATED_SECONDS;
}

void offer_suites(const struct offer_choice *choice, struct suite out[BUNDLE_MAX])
{
	for (size_t i = 0; i < choice->part_count; i++)
		out[i] = choice->parts[i].suite;
}

/* The suites of one protocol of a proposal. */
static const struct suite *suites_of(
    const struct policy_proposal *proposal, enum ipsec_protocol protocol, size_t *count)
{
	static const struct suite deflate = {.protocol = IPSEC_IPCOMP};

	switch (protocol) {
	case IPSEC_ESP:
		*count = proposal->suite_count;
		return proposal->suites;
	case IPSEC_AH:
		*count = proposal->ah_count;
		return proposal->ah;
	case IPSEC_IPCOMP:
		break;
	}
	*count = proposal->compress ? 1 : 0;
	return &deflate;
}

/* The combination of suites with this number; false behind the last. The outermost varies most. */
static bool combine(const struct policy_rule *rule, size_t number, const uint32_t *spis,
    struct offer_choice *choice)
{
	enum ipsec_protocol protocols[BUNDLE_MAX];

	choice->part_count = (uint8_t)policy_protocols(&rule->proposal, protocols);
	for (size_t i = choice->part_count; i-- > 0;) {
		size_t count;
		const struct suite *suites = suites_of(&rule->proposal, protocols[i], &count);

		choice->parts[i] =
		    (struct offer_part){.transform_number = (uint8_t)(number % count + 1),
			.spi = spis[i],
			.suite = suites[number % count],
			/* Only the innermost makes the tunnel; the others go around it (RFC 2401
		           4.3). */
			.mode = i == 0 ? rule->mode : IPSEC_TRANSPORT};
		number /= count;
	}
	return number == 0;
}

/* In a bundle all sequence numbers are of one size: half of the combinations are of no use. */
static bool mixes_sizes(const struct offer_choice *choice)
{
	const struct suite *outermost = &choice->parts[choice->part_count - 1].suite;

	for (size_t i = 0; i < choice->part_count; i++) {
		const struct suite *suite = &choice->parts[i].suite;

		if (suite->protocol != IPSEC_IPCOMP && suite->esn != outermost->esn)
			return true;
	}
	return false;
}

enum err offer_make(
    const struct policy_rule *rule, const uint32_t *spis, enum dh_group group, struct offer *out)
{
	struct offer_choice choice = {
	    .proposal_number = 1, .lifetime = rule->proposal.lifetime, .group = group};

	*out = (struct offer){0};
	if (rule->proposal.suite_count + rule->proposal.ah_count == 0)
		return ERR_INVALID;
	for (size_t i = 0; out->count < OFFER_CHOICES_MAX && combine(rule, i, spis, &choice); i++) {
		if (!mixes_sizes(&choice))
			out->choices[out->count++] = choice;
	}
	return ERR_OK;
}

static bool accepts_group(const struct policy_proposal *proposal, enum dh_group group)
{
	if (group == DH_NONE)
		return proposal->pfs != POLICY_PFS_REQUIRE;
	for (size_t i = 0; i < proposal->group_count; i++) {
		if (proposal->groups[i] == group)
			return proposal->pfs != POLICY_PFS_OFF;
	}
	return false;
}

static bool accepts_part(const struct policy_proposal *proposal, enum ipsec_protocol protocol,
    const struct offer_part *part)
{
	size_t count;
	const struct suite *suites = suites_of(proposal, protocol, &count);

	for (size_t i = 0; i < count; i++) {
		if (suite_equal(&suites[i], &part->suite))
			return true;
	}
	return false;
}

static bool accepts(const struct policy_rule *rule, const struct offer_choice *choice)
{
	const struct policy_proposal *proposal = &rule->proposal;
	enum ipsec_protocol protocols[BUNDLE_MAX];

	if (choice->part_count != policy_protocols(proposal, protocols) ||
	    choice->parts[0].mode != rule->mode || !accepts_group(proposal, choice->group))
		return false;
	for (size_t i = 0; i < choice->part_count; i++) {
		/* Some say "tunnel" of each protocol of a bundle that makes one. */
		if (!accepts_part(proposal, protocols[i], &choice->parts[i]) ||
		    (choice->parts[i].mode != IPSEC_TRANSPORT &&
			choice->parts[i].mode != rule->mode))
			return false;
	}
	return true;
}

/* Both 0 for no limit; the stricter one wins. */
static uint64_t stricter(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

/* "off", or which groups. */
static const char *pfs_format(const struct policy_proposal *proposal, char *text, size_t size)
{
	struct text_builder builder = text_into(text, size);

	if (proposal->pfs == POLICY_PFS_OFF)
		text_add(&builder, "off");
	if (proposal->pfs == POLICY_PFS_OFFER)
		text_add(&builder, "none or ");
	for (size_t i = 0; proposal->pfs != POLICY_PFS_OFF && i < proposal->group_count; i++)
		text_add(&builder, "%s%s", i > 0 ? ", " : "", group_name(proposal->groups[i]));
	return text;
}

/* "aes256gcm16", or for a bundle "deflate and aes256gcm16 and ah-sha256". */
static void add_choice(struct text_builder *out, const struct offer_choice *choice)
{
	char name[SUITE_TEXT_SIZE];

	for (size_t i = 0; i < choice->part_count; i++)
		text_add(
		    out, "%s%s", i > 0 ? " and " : "", suite_format(&choice->parts[i].suite, name));
}

static void add_offer(struct text_builder *out, const struct offer *offer)
{
	for (size_t i = 0; i < offer->count; i++) {
		text_add(out, "%s", i > 0 ? ", " : "");
		add_choice(out, &offer->choices[i]);
	}
}

static enum err explain(
    const struct policy_rule *rule, const struct offer *offer, struct problem *problem)
{
	static const uint32_t no_spis[BUNDLE_MAX];
	const struct offer_choice *first = &offer->choices[0];
	struct offer own;
	char offered[100];
	char accepted[100];
	char groups[100];
	struct text_builder theirs = text_into(offered, sizeof(offered));
	struct text_builder ours = text_into(accepted, sizeof(accepted));

	if (offer->count == 0)
		return problem_set(problem, ERR_NOT_FOUND, "the offer is empty");
	add_offer(&theirs, offer);
	if (offer_make(rule, no_spis, DH_NONE, &own) == ERR_OK)
		add_offer(&ours, &own);
	return problem_set(problem, ERR_NOT_FOUND,
	    "nothing offered is accepted: the peer offers %s (%s mode, pfs %s), policy \"%s\" "
	    "accepts %s (%s mode, pfs %s)",
	    offered, mode_name(first->parts[0].mode), group_name(first->group), rule->name,
	    accepted, mode_name(rule->mode), pfs_format(&rule->proposal, groups, sizeof(groups)));
}

enum err offer_select(const struct policy_rule *rule, const struct offer *offer,
    struct offer_choice *out, struct problem *problem)
{
	for (size_t i = 0; i < offer->count; i++) {
		const struct lifetime *ours = &rule->proposal.lifetime;
		struct lifetime *agreed = &out->lifetime;

		if (!accepts(rule, &offer->choices[i]))
			continue;
		*out = offer->choices[i];
		agreed->bytes = stricter(agreed->bytes, ours->bytes);
		agreed->seconds =
		    (uint32_t)stricter(stated_seconds(&offer->choices[i]), ours->seconds);
		return ERR_OK;
	}
	return explain(rule, offer, problem);
}

/* An answer may add a limit of bytes, but never lift or raise one. */
static bool is_more_bytes(uint64_t answer, uint64_t offered)
{
	return offered != 0 && (answer == 0 || answer > offered);
}

static bool is_same_part(const struct offer_part *a, const struct offer_part *b)
{
	return a->transform_number == b->transform_number && a->mode == b->mode &&
	       suite_equal(&a->suite, &b->suite);
}

static enum err check_answer(const struct offer_choice *offered, const struct offer_choice *answer)
{
	if (answer->proposal_number != offered->proposal_number ||
	    answer->part_count != offered->part_count || answer->group != offered->group ||
	    answer->udp != offered->udp)
		return ERR_NOT_FOUND;
	for (size_t i = 0; i < answer->part_count; i++) {
		if (!is_same_part(&answer->parts[i], &offered->parts[i]))
			return ERR_NOT_FOUND;
	}
	if (stated_seconds(answer) > stated_seconds(offered) ||
	    is_more_bytes(answer->lifetime.bytes, offered->lifetime.bytes))
		return ERR_INVALID;
	return ERR_OK;
}

enum err offer_find_answer(
    const struct offer *offer, const struct offer_choice *answer, size_t *index)
{
	enum err error = ERR_NOT_FOUND;

	for (size_t i = 0; error == ERR_NOT_FOUND && i < offer->count; i++) {
		error = check_answer(&offer->choices[i], answer);
		*index = i;
	}
	return error;
}
