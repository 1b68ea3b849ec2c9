/* Requests of a Quick Mode and answers to them: RFC 2409 5.5, RFC 2408 4.2, RFC 4430 3.2. */
#include "kx/quick/request.h"

#include <stdio.h>

static enum err malformed(struct quick_refusal *refusal, enum notify_type type, const char *why)
{
	*refusal = (struct quick_refusal){.type = type};
	(void)snprintf(refusal->why, sizeof(refusal->why), "%s", why);
	return ERR_INVALID;
}

enum err quick_read_request(const struct isakmp_chain *chain, const struct address *local,
    const struct address *remote, struct quick_request *out, struct quick_refusal *refusal)
{
	enum notify_type notify;
	enum err error = quick_get_nonce(chain, &out->nonce);

	if (error != ERR_OK || out->nonce.len == 0)
		return malformed(refusal, NOTIFY_PAYLOAD_MALFORMED, "it has no valid nonce");
	if (quick_get_key_exchange(chain, &out->peer_value) != ERR_OK)
		return malformed(refusal, NOTIFY_PAYLOAD_MALFORMED, "its KE payload is empty");
	if (quick_get_offer(chain, &out->offer, &out->first_known, &notify) != ERR_OK)
		return malformed(refusal, notify, "its SA payload is not valid");
	if (quick_get_identities(chain, local, remote, false, &out->selector) != ERR_OK)
		return malformed(refusal, NOTIFY_PAYLOAD_MALFORMED, "its identities are not valid");
	out->mode = IPSEC_TRANSPORT;
	if (out->offer.count > 0) {
		out->first = out->offer.choices[0];
		out->mode = out->first.parts[0].mode;
	}
	return ERR_OK;
}

/*
 * Where there is a key exchange, every choice has its group, and nowhere else any (RFC 2409 5.5);
 * and encapsulation modes are those of the path (RFC 3947 5.1).
 */
static void leave_out_of_place(struct offer *offer, bool exchange, enum quick_path path)
{
	size_t kept = 0;

	for (size_t i = 0; i < offer->count; i++) {
		const struct offer_choice *choice = &offer->choices[i];

		if ((choice->group != DH_NONE) == exchange &&
		    choice->udp == (path == QUICK_PATH_NAT_UDP))
			offer->choices[kept++] = *choice;
	}
	offer->count = kept;
}

/* False when nothing is left. */
static bool leave_out_ah(struct offer *offer)
{
	size_t kept = 0;

	for (size_t i = 0; i < offer->count; i++) {
		const struct offer_choice *choice = &offer->choices[i];

		if (choice->parts[choice->part_count - 1].suite.protocol == IPSEC_ESP)
			offer->choices[kept++] = *choice;
	}
	offer->count = kept;
	return kept > 0;
}

static const struct policy_rule *refuse(
    struct quick_refusal *refusal, enum notify_type type, const char *why)
{
	(void)malformed(refusal, type, why);
	return NULL;
}

const struct policy_rule *quick_judge_request(const struct policy *policy, enum exchange method,
    const struct address *local, const struct address *remote, enum quick_path path,
    struct quick_request *request, struct offer_choice *choice, struct quick_refusal *refusal)
{
	const struct policy_rule *rule =
	    policy_lookup_selector(policy, &request->selector, local, remote);
	bool exchange = request->peer_value.len > 0;
	char ours[RANGE_TEXT_SIZE];
	char theirs[RANGE_TEXT_SIZE];
	struct problem problem;

	if (rule == NULL) {
		*refusal = (struct quick_refusal){.type = NOTIFY_NO_PROPOSAL_CHOSEN};
		(void)snprintf(refusal->why, sizeof(refusal->why),
		    "no policy protects traffic between %s and %s with this peer",
		    range_format(&request->selector.local, ours),
		    range_format(&request->selector.remote, theirs));
		return NULL;
	}
	if (!policy_rule_allows(rule, method))
		return refuse(refusal, NOTIFY_NO_PROPOSAL_CHOSEN,
		    "the policy does not list this method in its exchange");
	if (exchange && rule->proposal.pfs == POLICY_PFS_OFF) {
		(void)malformed(refusal, NOTIFY_INVALID_PAYLOAD_TYPE,
		    "it wants a key exchange, and the policy says pfs = \"off\"");
		refusal->payload_type = ISAKMP_KE;
		return NULL;
	}
	leave_out_of_place(&request->offer, exchange, path);
	if (path != QUICK_PATH_PLAIN && !leave_out_ah(&request->offer))
		return refuse(refusal, NOTIFY_NO_PROPOSAL_CHOSEN,
		    "a NAT is between, which AH cannot cross (RFC 3715 2.1)");
	if (offer_select(rule, &request->offer, choice, &problem) != ERR_OK)
		return refuse(refusal, NOTIFY_NO_PROPOSAL_CHOSEN, problem.text);
	return rule;
}

const char *quick_read_answer(const struct isakmp_chain *chain, const struct offer *offered,
    bool exchange, struct quick_answer *out)
{
	struct offer answer;
	enum notify_type notify;
	bool first_known;

	if (isakmp_chain_count(chain, ISAKMP_SA) > 1)
		return "the peer's answer has more SAs than were asked for";
	if (quick_get_offer(chain, &answer, &first_known, &notify) != ERR_OK || answer.count != 1)
		return "the peer's answer is no single proposal";
	out->choice = answer.choices[0];
	switch (offer_find_answer(offered, &out->choice, &out->index)) {
	case ERR_OK:
		break;
	case ERR_INVALID:
		return "the peer's answer has a longer lifetime than was offered";
	default:
		return "the peer's answer is nothing that was offered";
	}
	if (quick_get_nonce(chain, &out->nonce) != ERR_OK)
		return "the peer's nonce is not valid";
	if (quick_get_key_exchange(chain, &out->peer_value) != ERR_OK ||
	    (out->peer_value.len > 0) != exchange)
		return exchange ? "the peer's answer leaves out the key exchange"
		                : "the peer wants a key exchange of its own";
	return NULL;
}

enum err quick_take_spis(struct sad *sad, struct sa_pair *pair, const struct offer_choice *choice)
{
	enum err error = ERR_OK;

	for (size_t i = 0; error == ERR_OK && i < pair->part_count; i++)
		error = choice->parts[i].spi == pair->parts[i].spi_in
		            ? ERR_EXISTS
		            : sad_set_spi_out(sad, &pair->parts[i], choice->parts[i].spi);
	return error;
}

bool quick_has_equal_spis(const struct sa_pair *pair)
{
	for (size_t i = 0; i < pair->part_count; i++) {
		if (pair->parts[i].spi_in == pair->parts[i].spi_out)
			return true;
	}
	return false;
}
