/*
 * Quick Mode step by step as its responder: RFC 2409 5.5, RFC 2407 4.5 to 4.6.3, RFC 3947 5. The
 * table is one column of the RFC's figure. The inbound SA is in before the answer leaves, the
 * outbound one once the third message proves that the initiator lives.
 */
#include <stdio.h>

#include "kx/ikev1/informational.h"
#include "kx/ikev1/quick-steps.h"

/* Policy, or what the message says, forbids it; the peer is told so. */
static enum ikev1_outcome refuse(
    struct ikev1_quick *quick, const struct quick_refusal *refusal, uint32_t spi)
{
	struct problem problem;

	(void)problem_set(&problem, ERR_DENIED, "%s", refusal->why);
	ikev1_inform_error(quick->sa, refusal->type, IPSEC_ESP, spi,
	    bytes_of(&refusal->payload_type, refusal->payload_type != 0));
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
	return IKEV1_OVER;
}

/*
 * RFC 2409 5.5: several SAs for the same traffic. One of them would be of no use, and an answer
 * that leaves some out is none, so the peer hears of each that it will not be made.
 */
static enum ikev1_outcome refuse_several(struct ikev1_quick *quick)
{
	const struct isakmp_chain *chain = &quick->received.chain;
	const struct isakmp_payload *payload = NULL;
	struct ikev1_information information;
	struct problem problem;

	ikev1_inform_begin(&information, quick->sa);
	while ((payload = isakmp_chain_find(chain, ISAKMP_SA, payload)) != NULL) {
		struct isakmp_notification notification = {.doi = IPSEC_DOI,
		    .protocol = PROTO_IPSEC_ESP,
		    .type = NOTIFY_NO_PROPOSAL_CHOSEN};
		struct isakmp_sa sa;

		if (isakmp_sa_decode(payload->body, &sa) == ERR_OK && sa.proposal_count > 0) {
			notification.protocol = sa.proposals[0].protocol;
			notification.spi = sa.proposals[0].spi;
		}
		isakmp_put_notification(&information.message.chain, &notification);
	}
	ikev1_inform_send(&information, false);
	(void)problem_set(&problem, ERR_UNSUPPORTED,
	    "it asks for %zu SAs in one Quick Mode, where one is made at a time",
	    isakmp_chain_count(chain, ISAKMP_SA));
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
	return IKEV1_OVER;
}

static enum err keep_request(struct ikev1_quick *quick, const struct quick_request *request)
{
	const struct isakmp_payload *id = NULL;
	enum err error = ikev1_quick_keep(request->nonce, &quick->peer_nonce);

	if (error == ERR_OK)
		error = ikev1_quick_keep(request->peer_value, &quick->peer_value);
	for (size_t i = 0; error == ERR_OK && i < 2; i++) {
		id = isakmp_chain_find(&quick->received.chain, ISAKMP_ID, id);
		if (id == NULL)
			break;
		error = ikev1_quick_keep(id->body, &quick->identities[i]);
	}
	return error;
}

/* The choice as it was offered: an answer changes nothing of it (RFC 2409 5). */
static void remember_offered(
    struct ikev1_quick *quick, const struct offer *offer, const struct offer_choice *choice)
{
	size_t index = offer->count;
	struct offer_choice same;

	quick->offered = *choice;
	for (size_t i = 0; i < offer->count && index == offer->count; i++) {
		same = offer->choices[i];
		same.lifetime = choice->lifetime;
		if (offer_find_answer(&(struct offer){.count = 1, .choices = {same}}, choice,
			&(size_t){0}) == ERR_OK)
			index = i;
	}
	if (index < offer->count)
		quick->offered.lifetime = offer->choices[index].lifetime;
	quick->lifetime = choice->lifetime;
}

/* The pair is to live shorter than was offered. */
static bool lowers_lifetime(const struct ikev1_quick *quick)
{
	const struct lifetime *offered = &quick->offered.lifetime;

	return offered->seconds != quick->lifetime.seconds ||
	       offered->bytes != quick->lifetime.bytes;
}

static enum err add_pair(struct ikev1_quick *quick, const struct policy_rule *rule,
    const struct selector *selector, const struct offer_choice *choice)
{
	struct sad *sad = kx_sad(ikev1_quick_method(quick)->kx);
	struct sa_pair model = {.local = quick->peer->key.local,
	    .remote = quick->peer->key.remote,
	    .mode = rule->mode,
	    .selector = *selector,
	    .policy_id = rule->id,
	    .packet_limit = rule->proposal.packet_limit,
	    .exchange = EXCHANGE_IKEV1,
	    .lifetime_lowered = lowers_lifetime(quick),
	    .owner = ikev1_quick_token(quick)};
	enum ipsec_protocol protocols[BUNDLE_MAX];
	struct suite suites[BUNDLE_MAX];
	enum err error;

	offer_suites(choice, suites);
	for (size_t i = 0; i < choice->part_count; i++)
		protocols[i] = suites[i].protocol;
	error = sad_add(sad, &model, protocols, choice->part_count, &quick->pair);
	if (error != ERR_OK)
		return error;
	sad_agree(quick->pair, suites, &choice->lifetime);
	ikev1_quick_encapsulate(quick);
	return quick_take_spis(sad, quick->pair, choice);
}

static enum ikev1_outcome read_request(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1_sa *sa = quick->sa;
	const struct ikev1_peer_key *ends = &quick->peer->key;
	const struct policy *policy = kx_policy(ikev1_quick_method(quick)->kx);
	struct quick_nat nat = {.local = sa->local_nat, .remote = sa->remote_nat};
	const struct policy_rule *rule;
	struct quick_request request;
	struct quick_refusal refusal;
	struct offer_choice choice;
	uint32_t spi = 0;
	enum err error;

	if (ikev1_has_notification(&quick->received.chain, NOTIFY_INITIAL_CONTACT))
		ikev1_take_initial_contact(sa);
	if (isakmp_chain_count(&quick->received.chain, ISAKMP_SA) > 1)
		return refuse_several(quick);
	if (quick_read_request(
		&quick->received.chain, &ends->local, &ends->remote, &request, &refusal) != ERR_OK)
		return refuse(quick, &refusal, 0);
	/* Where only the peer sees a NAT it is as the peer wants it. */
	quick->udp = ikev1_sa_sees_nat(sa);
	if (request.offer.count > 0) {
		spi = request.first.parts[0].spi;
		quick->udp = quick->udp || (request.first.udp && sa->peer_nat);
	}
	if (request.mode == IPSEC_TRANSPORT)
		quick_translate(&request.selector, &ends->local, &ends->remote, &nat);
	rule = quick_judge_request(policy, EXCHANGE_IKEV1, &ends->local, &ends->remote,
	    quick->udp ? QUICK_PATH_NAT_UDP : QUICK_PATH_PLAIN, &request, &choice, &refusal);
	if (rule == NULL)
		return refuse(quick, &refusal, spi);
	quick->group = request.peer_value.len > 0 ? choice.group : DH_NONE;
	remember_offered(quick, &request.offer, &choice);
	error = keep_request(quick, &request);
	if (error == ERR_OK)
		error = add_pair(quick, rule, &request.selector, &choice);
	return error == ERR_OK ? IKEV1_PENDING
	                       : ikev1_quick_give_up(quick, error, "no SA can be added");
}

/*
 * One SPI in both directions is one key in both directions (RFC 2409 5.5), and with it the same
 * nonces of a counter mode. The initiator has chosen, so this end takes another.
 */
static enum ikev1_outcome avoid_equal_spis(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	const struct policy *policy = kx_policy(ikev1_quick_method(quick)->kx);
	struct sa_pair *equal = quick->pair;
	const struct policy_rule *rule = policy_rule_by_id(policy, equal->policy_id);
	struct selector selector = equal->selector;
	struct offer_choice choice = quick->offered;
	enum err error = ERR_NOT_FOUND;

	if (!quick_has_equal_spis(equal))
		return IKEV1_NEXT;
	choice.lifetime = quick->lifetime;
	quick->pair = NULL;
	equal->owner = 0;
	sad_remove(kx_sad(ikev1_quick_method(quick)->kx), equal);
	if (rule != NULL)
		error = add_pair(quick, rule, &selector, &choice);
	return error == ERR_OK ? IKEV1_PENDING
	                       : ikev1_quick_give_up(quick, error, "no SA can be added");
}

static enum ikev1_outcome answer_agreement(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct agreement_request request = {
	    .operation = AGREEMENT_ANSWER, .group = quick->group, .peer_value = quick->peer_value};

	if (quick_has_equal_spis(quick->pair))
		return ikev1_quick_give_up(quick, ERR_EXISTS, "both ends came to the same SPI");
	return quick->group != DH_NONE ? ikev1_quick_agree(quick, &request) : IKEV1_NEXT;
}

/* RFC 2407 4.6.3.1. */
static void put_responder_lifetime(const struct ikev1_quick *quick, struct isakmp_writer *chain)
{
	struct ipsec_attributes attributes = {.life_seconds = quick->lifetime.seconds,
	    .life_kilobytes = quick->lifetime.bytes / 1024};
	const struct sa_part *part = sa_primary(quick->pair);
	uint8_t octets[32];
	struct writer data = writer_of(octets, sizeof(octets));

	if (!lowers_lifetime(quick))
		return;
	ipsec_attributes_put(&data, &attributes);
	quick_put_notification(chain, NOTIFY_RESPONDER_LIFETIME, part->suite.protocol, part->spi_in,
	    writer_bytes(&data));
}

/* <-- HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr] */
static enum ikev1_outcome send_answer(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	const struct sa_pair *pair = quick->pair;
	struct ikev1_message_writer message;
	struct isakmp_writer *chain = &message.chain;
	struct offer answer = {.count = 1, .choices = {quick->offered}};
	enum err error;

	for (size_t i = 0; i < pair->part_count; i++)
		answer.choices[0].parts[i].spi = pair->parts[i].spi_in;
	ikev1_quick_begin_message(quick, &message);
	error = quick_put_offer(chain, &answer);
	isakmp_put(chain, ISAKMP_NONCE, bytes_of(quick->nonce, sizeof(quick->nonce)));
	if (quick->key_exchange != NULL)
		isakmp_put(chain, ISAKMP_KE, quick_key_exchange_public(quick->key_exchange));
	for (size_t i = 0; i < 2 && quick->identities[i].len > 0; i++)
		isakmp_put(chain, ISAKMP_ID, quick->identities[i]);
	ikev1_quick_put_addresses(quick, chain);
	put_responder_lifetime(quick, chain);
	if (error == ERR_OK)
		error = ikev1_message_hash(
		    &message, quick->sa->keys, quick->exchange.message_id, quick->peer_nonce);
	if (error != ERR_OK)
		return ikev1_quick_give_up(quick, error, "no answer can be made");
	return ikev1_quick_send_message(quick, &message, true);
}

static enum ikev1_outcome accept_pair(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	struct sa_pair *pair;
	char identity[256];

	(void)snprintf(identity, sizeof(identity), "%s",
	    quick->sa->identity != NULL ? quick->sa->identity : "");
	pair = ikev1_quick_establish(quick);
	kx_pair_accepted(ikev1->kx, pair, identity);
	return IKEV1_OVER;
}

// clang-format off
const struct ikev1_step ikev1_quick_responder[] = {
	DO(read_request), DO(avoid_equal_spis), DO(answer_agreement),
	DO(ikev1_quick_install_inbound), DO(send_answer),
	RECEIVE(3), DO(ikev1_quick_expect_connected),
	RECEIVE(IKEV1_MESSAGE_CONNECTED), DO(ikev1_quick_install_outbound), DO(accept_pair)};
// clang-format on
