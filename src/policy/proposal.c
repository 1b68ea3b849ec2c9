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

enum err offer_make(
    const struct policy_rule *rule, uint32_t spi, enum dh_group group, struct offer *out)
{
	const struct policy_proposal *proposal = &rule->proposal;
	uint8_t number = 0;
	uint8_t transform = 0;

	*out = (struct offer){0};
	if (proposal->suite_count == 0 || proposal->suite_count > POLICY_SUITES_MAX)
		return ERR_INVALID;
	for (size_t i = 0; i < proposal->suite_count; i++) {
		const struct suite *suite = &proposal->suites[i];

		/* Transforms of one protocol are alternatives within one proposal. */
		if (i == 0 || suite->protocol != proposal->suites[i - 1].protocol) {
			number++;
			transform = 0;
		}
		out->choices[out->count++] = (struct offer_choice){
		    .proposal_number = number,
		    .transform_number = ++transform,
		    .spi = spi,
		    .suite = *suite,
		    .mode = rule->mode,
		    .lifetime = proposal->lifetime,
		    .group = group,
		};
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

static bool accepts(const struct policy_rule *rule, const struct offer_choice *choice)
{
	const struct policy_proposal *proposal = &rule->proposal;

	if (choice->mode != rule->mode || !accepts_group(proposal, choice->group))
		return false;
	for (size_t i = 0; i < proposal->suite_count; i++) {
		if (suite_equal(&proposal->suites[i], &choice->suite))
			return true;
	}
	return false;
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

static enum err explain(
    const struct policy_rule *rule, const struct offer *offer, struct problem *problem)
{
	const struct policy_proposal *proposal = &rule->proposal;
	const struct offer_choice *first = &offer->choices[0];
	char name[SUITE_TEXT_SIZE];
	char offered[100];
	char accepted[100];
	char groups[100];
	struct text_builder theirs = text_into(offered, sizeof(offered));
	struct text_builder ours = text_into(accepted, sizeof(accepted));

	if (offer->count == 0)
		return problem_set(problem, ERR_NOT_FOUND, "the offer is empty");
	for (size_t i = 0; i < offer->count; i++)
		text_add(&theirs, "%s%s", i > 0 ? ", " : "",
		    suite_format(&offer->choices[i].suite, name));
	for (size_t i = 0; i < proposal->suite_count; i++)
		text_add(
		    &ours, "%s%s", i > 0 ? ", " : "", suite_format(&proposal->suites[i], name));
	return problem_set(problem, ERR_NOT_FOUND,
	    "nothing offered is accepted: the peer offers %s (%s mode, pfs %s), policy \"%s\" "
	    "accepts %s (%s mode, pfs %s)",
	    offered, mode_name(first->mode), group_name(first->group), rule->name, accepted,
	    mode_name(rule->mode), pfs_format(proposal, groups, sizeof(groups)));
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

static enum err check_answer(const struct offer_choice *offered, const struct offer_choice *answer)
{
	if (answer->proposal_number != offered->proposal_number ||
	    answer->transform_number != offered->transform_number ||
	    answer->mode != offered->mode || answer->group != offered->group ||
	    !suite_equal(&answer->suite, &offered->suite))
		return ERR_NOT_FOUND;
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
