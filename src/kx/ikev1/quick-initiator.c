/*
 * Quick Mode step by step as its initiator: RFC 2409 5.5, RFC 2407 4.5 to 4.6.3, RFC 3947 5. The
 * table is one column of the RFC's figure.
 */
#include <stdio.h>

#include "kx/ikev1/informational.h"
#include "kx/ikev1/quick-steps.h"

/* The peer's answer cannot be used; it is told. */
static enum ikev1_outcome unusable(
    struct ikev1_quick *quick, enum notify_type notify, const char *why)
{
	struct problem problem;
	struct bytes none = {0};

	(void)problem_set(&problem, ERR_REFUSED, "%s", why);
	ikev1_inform_error(quick->sa, notify, IPSEC_ESP, 0, none);
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
	return IKEV1_OVER;
}

static enum ikev1_outcome reserve(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	const struct kx_negotiation *negotiation = quick->negotiation;
	const struct policy_proposal *proposal = &negotiation->rule->proposal;
	struct sa_pair model = {.local = negotiation->local,
	    .remote = negotiation->remote,
	    .mode = negotiation->rule->mode,
	    .selector = negotiation->selector,
	    .policy_id = negotiation->rule->id,
	    .packet_limit = negotiation->rule->proposal.packet_limit,
	    .exchange = EXCHANGE_IKEV1,
	    .owner = ikev1_quick_token(quick),
	    .initiator = true};
	enum ipsec_protocol protocols[BUNDLE_MAX];
	size_t count = policy_protocols(proposal, protocols);
	enum err error =
	    sad_add(kx_sad(ikev1_quick_method(quick)->kx), &model, protocols, count, &quick->pair);

	if (proposal->pfs != POLICY_PFS_OFF && proposal->group_count > 0)
		quick->group = proposal->groups[0];
	return error == ERR_OK ? IKEV1_PENDING
	                       : ikev1_quick_give_up(quick, error, "no SA can be added");
}

static enum ikev1_outcome want_sa(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	uint64_t handle = quick->handle;

	if (ikev1_peer_sa(quick->peer) != NULL)
		return IKEV1_NEXT;
	quick->waiting = true;
	/* Phase 1 may fail at once, and this Quick Mode with it. */
	ikev1_peer_want_sa(quick->peer);
	return slots_get(&ikev1->quicks, handle) == quick ? IKEV1_PENDING : IKEV1_OVER;
}

static enum ikev1_outcome begin_agreement(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct agreement_request request = {.operation = AGREEMENT_BEGIN, .group = quick->group};

	quick->sa = ikev1_peer_sa(quick->peer);
	quick->udp = ikev1_sa_has_nat(quick->sa);
	quick->exchange.path = &quick->sa->path;
	quick->exchange.message_id = ikev1_sa_new_message_id(quick->sa);
	return quick->group != DH_NONE ? ikev1_quick_agree(quick, &request) : IKEV1_NEXT;
}

static enum err make_offer(const struct ikev1_quick *quick, struct offer *out)
{
	uint32_t spis[BUNDLE_MAX] = {0};
	enum err error;

	for (size_t i = 0; i < quick->pair->part_count; i++)
		spis[i] = quick->pair->parts[i].spi_in;
	error = offer_make(quick->negotiation->rule, spis, quick->group, out);
	for (size_t i = 0; i < out->count; i++)
		out->choices[i].udp = quick->udp;
	quick_narrow_offer(out);
	return error == ERR_OK && out->count == 0 ? ERR_UNSUPPORTED : error;
}

/*
 * Nothing proves what was said of NATs, so an SA that has seen one for a while gives way to
 * another, which looks anew.
 */
static enum ikev1_outcome refuse_nat(struct ikev1_quick *quick)
{
	struct ikev1_sa *sa = quick->sa;
	struct ikev1 *ikev1 = ikev1_quick_method(quick);

	if (sa->established_ms + ikev1_cycle_ms(ikev1) > ikev1_now(ikev1))
		return ikev1_quick_give_up(quick, ERR_UNSUPPORTED,
		    "a NAT is between, which AH cannot cross (RFC 3715 2.1)");
	ikev1_tell_deleted(sa);
	ikev1_sa_free(sa);
	return IKEV1_OVER;
}

/* HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr] --> */
static enum ikev1_outcome send_request(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	const struct sa_pair *pair = quick->pair;
	struct ikev1_message_writer message;
	struct isakmp_writer *chain = &message.chain;
	struct bytes none = {0};
	struct offer offer;
	enum err error = make_offer(quick, &offer);

	if (error == ERR_OK && quick->udp &&
	    pair->parts[pair->part_count - 1].suite.protocol != IPSEC_ESP)
		return refuse_nat(quick);
	if (error == ERR_OK)
		error =
		    ikev1_keys_iv(quick->sa->keys, quick->exchange.message_id, quick->exchange.iv);
	ikev1_quick_begin_message(quick, &message);
	if (error == ERR_OK)
		error = quick_put_offer(chain, &offer);
	isakmp_put(chain, ISAKMP_NONCE, bytes_of(quick->nonce, sizeof(quick->nonce)));
	if (quick->key_exchange != NULL)
		isakmp_put(chain, ISAKMP_KE, quick_key_exchange_public(quick->key_exchange));
	quick_put_identities(chain, &pair->selector, &pair->local, &pair->remote, true);
	ikev1_quick_put_addresses(quick, chain);
	if (quick->sa->tell_contact)
		ikev1_put_initial_contact(quick->sa, chain);
	quick->sa->tell_contact = false;
	if (error == ERR_OK)
		error =
		    ikev1_message_hash(&message, quick->sa->keys, quick->exchange.message_id, none);
	if (error != ERR_OK)
		return ikev1_quick_give_up(quick, error, "no request can be made");
	return ikev1_quick_send_message(quick, &message, true);
}

/* RFC 2407 4.6.3.1: the responder means to give the SA up earlier than was offered. */
static void lower_lifetime(const struct isakmp_chain *chain, struct lifetime *lifetime)
{
	const struct isakmp_payload *payload = NULL;
	struct isakmp_notification notification;
	struct ipsec_attributes attributes;

	while ((payload = isakmp_chain_find(chain, ISAKMP_NOTIFICATION, payload)) != NULL) {
		if (isakmp_notification_decode(payload->body, &notification) != ERR_OK ||
		    notification.type != NOTIFY_RESPONDER_LIFETIME ||
		    ipsec_attributes_decode(notification.data, &attributes) != ERR_OK)
			continue;
		if (attributes.life_seconds != 0 && attributes.life_seconds < lifetime->seconds)
			lifetime->seconds = (uint32_t)attributes.life_seconds;
		if (attributes.life_kilobytes != 0 &&
		    attributes.life_kilobytes < UINT64_MAX / 1024 &&
		    (lifetime->bytes == 0 || attributes.life_kilobytes * 1024 < lifetime->bytes))
			lifetime->bytes = attributes.life_kilobytes * 1024;
	}
}

static bool is_same_selector(const struct selector *a, const struct selector *b)
{
	return range_equal(&a->local, &b->local) && range_equal(&a->remote, &b->remote) &&
	       a->protocol == b->protocol && a->local_ports.first == b->local_ports.first &&
	       a->local_ports.last == b->local_ports.last &&
	       a->remote_ports.first == b->remote_ports.first &&
	       a->remote_ports.last == b->remote_ports.last;
}

/*
 * Without identities it is about the hosts themselves. Behind a NAT in transport mode a peer may
 * name the addresses that it knows them by, even where none were sent to it.
 */
static bool is_about_what_was_asked(
    const struct ikev1_quick *quick, const struct isakmp_chain *chain)
{
	const struct quick_nat nat = {
	    .local = quick->sa->local_nat, .remote = quick->sa->remote_nat};
	const struct sa_pair *pair = quick->pair;
	struct selector selector;

	if (quick_get_identities(chain, &pair->local, &pair->remote, true, &selector) != ERR_OK)
		return false;
	if (isakmp_chain_find(chain, ISAKMP_ID, NULL) == NULL)
		return true;
	if (pair->mode == IPSEC_TRANSPORT)
		quick_translate(&selector, &pair->local, &pair->remote, &nat);
	return is_same_selector(&selector, &pair->selector);
}

/* <-- HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr] */
static enum ikev1_outcome read_answer(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct sa_pair *pair = quick->pair;
	const struct isakmp_chain *chain = &quick->received.chain;
	struct suite suites[BUNDLE_MAX];
	struct quick_answer answer;
	struct offer offered;
	const char *wrong;

	if (make_offer(quick, &offered) != ERR_OK)
		return ikev1_quick_give_up(
		    quick, ERR_NOT_FOUND, "the policy has changed meanwhile");
	wrong = quick_read_answer(chain, &offered, quick->group != DH_NONE, &answer);
	if (wrong != NULL)
		return unusable(quick, NOTIFY_NO_PROPOSAL_CHOSEN, wrong);
	if (answer.nonce.len == 0)
		return unusable(quick, NOTIFY_PAYLOAD_MALFORMED, "the peer's answer has no nonce");
	if (!is_about_what_was_asked(quick, chain))
		return unusable(quick, NOTIFY_INVALID_ID_INFORMATION,
		    "the peer's answer is about other traffic than was asked for");
	if (quick_take_spis(kx_sad(ikev1_quick_method(quick)->kx), pair, &answer.choice) != ERR_OK)
		return unusable(
		    quick, NOTIFY_INVALID_SPI, "the peer's answer names an SPI that is in use");
	if (answer.choice.lifetime.seconds == 0)
		answer.choice.lifetime.seconds = offered.choices[answer.index].lifetime.seconds;
	lower_lifetime(chain, &answer.choice.lifetime);
	offer_suites(&answer.choice, suites);
	sad_agree(pair, suites, &answer.choice.lifetime);
	ikev1_quick_encapsulate(quick);
	if (ikev1_quick_keep(answer.nonce, &quick->peer_nonce) != ERR_OK ||
	    ikev1_quick_keep(answer.peer_value, &quick->peer_value) != ERR_OK)
		return ikev1_quick_give_up(quick, ERR_NO_MEMORY, "the answer cannot be used");
	return IKEV1_NEXT;
}

static enum ikev1_outcome finish_agreement(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct agreement_request request;

	if (quick->group == DH_NONE)
		return IKEV1_NEXT;
	request = quick_key_exchange_finish(quick->key_exchange, quick->peer_value);
	return ikev1_quick_agree(quick, &request);
}

/* HDR*, HASH(3) --> */
static enum ikev1_outcome send_confirmation(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1_message_writer message;
	struct bytes ours = bytes_of(quick->nonce, sizeof(quick->nonce));
	enum err error;

	ikev1_quick_begin_message(quick, &message);
	error = ikev1_hash_nonces(quick->sa->keys, quick->exchange.message_id, ours,
	    quick->peer_nonce, message.octets + message.hash_at);
	if (error != ERR_OK)
		return ikev1_quick_give_up(quick, error, "no confirmation can be made");
	return ikev1_quick_send_message(quick, &message, quick->commit);
}

/*
 * Many responders make their SAs only when they have read the third message, so what is held here
 * for want of an SA would come too early.
 */
#define PAUSE_MS 20

static void pause_over(struct timer *timer, void *context)
{
	struct ikev1_quick *quick = context;

	(void)timer;
	ikev1_steps_go_on(&quick->steps, quick);
}

static enum ikev1_outcome pause_sending(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	enum err error = timers_set(
	    kx_timers(ikev1->kx), &quick->timer, ikev1_now(ikev1) + PAUSE_MS, pause_over, quick);

	return error == ERR_OK ? IKEV1_PENDING
	                       : ikev1_quick_give_up(quick, error, "no SA can be used");
}

static enum ikev1_outcome report(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	struct kx_negotiation *negotiation = quick->negotiation;
	struct sa_pair *pair;
	char identity[256];

	(void)snprintf(identity, sizeof(identity), "%s",
	    quick->sa->identity != NULL ? quick->sa->identity : "");
	quick->negotiation = NULL;
	pair = ikev1_quick_establish(quick);
	kx_negotiation_done(ikev1->kx, negotiation, pair, identity);
	return IKEV1_OVER;
}

// clang-format off
const struct ikev1_step ikev1_quick_initiator[] = {
	DO(reserve), DO(want_sa), DO(begin_agreement), DO(send_request),
	RECEIVE(2), DO(read_answer), DO(finish_agreement), DO(ikev1_quick_install_inbound),
	DO(send_confirmation), DO(ikev1_quick_expect_connected),
	RECEIVE(IKEV1_MESSAGE_CONNECTED), DO(pause_sending), DO(ikev1_quick_install_outbound),
	DO(report)};
// clang-format on

#define AFTER_RESERVATION 1 /* its place in the initiator's table */

bool ikev1_quick_do_without_exchange(struct ikev1_quick *quick)
{
	const struct host *host = kx_host(ikev1_quick_method(quick)->kx);

	if (quick->group == DH_NONE || quick->negotiation->rule->proposal.pfs != POLICY_PFS_OFFER)
		return false;
	quick->group = DH_NONE;
	quick_key_exchange_free(quick->key_exchange);
	quick->key_exchange = NULL;
	ikev1_exchange_clear(&quick->exchange);
	quick->exchange.mark = 0;
	host->random(host->self, quick->nonce, sizeof(quick->nonce));
	quick->steps.next = &ikev1_quick_initiator[AFTER_RESERVATION];
	ikev1_steps_run(&quick->steps, quick);
	return true;
}
