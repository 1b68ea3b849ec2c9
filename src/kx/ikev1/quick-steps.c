/*
 * Quick Mode step by step: RFC 2409 5.5, RFC 2407 4.5 to 4.6.3, RFC 3947 5. Each table is one
 * column of the RFC's figure. The responder's inbound SA is in before its answer leaves, its
 * outbound one once the third message proves that the initiator lives.
 */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase2.h"
#include "sa/peer.h"

static struct ikev1 *ikev1_of(const struct ikev1_quick *quick)
{
	return quick->peer->ikev1;
}

static enum ikev1_outcome fail(struct ikev1_quick *quick, enum err code, const char *what)
{
	struct problem problem;

	(void)problem_set(&problem, code, "%s: %s", what, err_text(code));
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
	return IKEV1_OVER;
}

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

static enum err keep(struct bytes octets, struct bytes *out)
{
	*out = ikev1_copy(octets);
	return octets.len == 0 || out->data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static uint64_t owner(const struct ikev1_quick *quick)
{
	return ikev1_token(IKEV1_OWNER_QUICK, quick->handle);
}

static enum ikev1_outcome agree(struct ikev1_quick *quick, const struct agreement_request *request)
{
	const struct host *host = kx_host(ikev1_of(quick)->kx);
	struct agreement_request copy = *request;
	enum err error = ERR_NO_MEMORY;

	if (quick->key_exchange == NULL)
		quick->key_exchange = quick_key_exchange_new(quick->group);
	copy.token = owner(quick);
	if (quick->key_exchange != NULL)
		error = host->agree(host->self, &copy);
	return error == ERR_OK ? IKEV1_PENDING
	                       : fail(quick, error, "the key exchange cannot be computed");
}

/* Messages. */

static void begin_message(struct ikev1_quick *quick, struct ikev1_message_writer *message)
{
	ikev1_message_begin(
	    message, &quick->sa->cookies, ISAKMP_EXCHANGE_QUICK, quick->exchange.message_id);
	ikev1_message_put_hash(message, quick->sa->keys);
}

static enum ikev1_outcome send_message(
    struct ikev1_quick *quick, struct ikev1_message_writer *message, bool repeat)
{
	struct bytes octets;
	enum err error = ikev1_message_seal(message, quick->sa->keys, quick->exchange.iv, &octets);

	quick->exchange.fragments = quick->sa->knows_fragments;
	if (error == ERR_OK)
		error = ikev1_exchange_send(&quick->exchange, octets, repeat);
	if (error != ERR_OK)
		return fail(quick, error, "a message of Quick Mode cannot be sent");
	quick->sent = true;
	return IKEV1_NEXT;
}

/* RFC 3947 5.2: in transport mode both ends tell the addresses that a NAT hides. */
static void put_original_addresses(const struct ikev1_quick *quick, struct isakmp_writer *chain)
{
	const struct ikev1_sa *sa = quick->sa;

	if (quick->pair->mode != IPSEC_TRANSPORT || !quick->udp)
		return;
	isakmp_put_nat_oa(
	    chain, quick->initiator ? &sa->path.local.address : &sa->path.remote.address);
	isakmp_put_nat_oa(
	    chain, quick->initiator ? &sa->path.remote.address : &sa->path.local.address);
}

/* Keys. */

static enum err derive(
    const struct ikev1_quick *quick, enum ipsec_direction direction, struct quick_keys *out)
{
	const struct ikev1_keys *keys = quick->sa->keys;
	size_t length = prf_length(keys->hash);
	struct bytes ours = bytes_of(quick->nonce, sizeof(quick->nonce));
	struct quick_inputs inputs = {.secret = quick_key_exchange_secret(quick->key_exchange),
	    .ni = quick->initiator ? ours : quick->peer_nonce,
	    .nr = quick->initiator ? quick->peer_nonce : ours};
	struct prf *prf;
	enum err error = prf_new(keys->hash, bytes_of(keys->derivation, length), &prf);

	if (error != ERR_OK)
		return error;
	error = quick_derive_keys(prf, length, quick->pair, direction, &inputs, out);
	prf_free(prf);
	return error;
}

static enum err install(struct ikev1_quick *quick, enum ipsec_direction direction)
{
	struct quick_keys keys;
	enum err error = derive(quick, direction, &keys);

	if (error == ERR_OK)
		sad_install(kx_sad(ikev1_of(quick)->kx), quick->pair, direction, keys.parts);
	secret_wipe(&keys, sizeof(keys));
	return error;
}

static void encapsulate(struct ikev1_quick *quick)
{
	const struct ikev1_sa *sa = quick->sa;

	if (quick->udp)
		sad_encapsulate(quick->pair,
		    sa->path.port == HOST_PORT_IKE_NAT ? sa->path.remote.port
						       : IPSEC_ENCAPSULATION_PORT,
		    sa->local_nat);
}

static enum ikev1_outcome install_inbound(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	enum err error = install(quick, IPSEC_IN);

	return error == ERR_OK ? IKEV1_PENDING : fail(quick, error, "no keys can be derived");
}

static enum ikev1_outcome install_outbound(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	enum err error = install(quick, IPSEC_OUT);

	return error == ERR_OK ? IKEV1_PENDING : fail(quick, error, "no keys can be derived");
}

/* The pair is in use from here on. */
static struct sa_pair *establish(struct ikev1_quick *quick)
{
	struct sad *sad = kx_sad(ikev1_of(quick)->kx);
	struct sa_pair *pair = quick->pair;

	if (quick->sa->identity != NULL &&
	    sad_peer_set_principal(pair->peer, quick->sa->identity) != ERR_OK) {
		/* The peer is nameless in the log, no more. */
	}
	quick->sa->used = true;
	ikev1_quick_done(quick);
	sad_establish(sad, pair);
	return pair;
}

/* The initiator. */

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
	    .owner = owner(quick),
	    .initiator = true};
	enum ipsec_protocol protocols[BUNDLE_MAX];
	size_t count = policy_protocols(proposal, protocols);
	enum err error =
	    sad_add(kx_sad(ikev1_of(quick)->kx), &model, protocols, count, &quick->pair);

	if (proposal->pfs != POLICY_PFS_OFF && proposal->group_count > 0)
		quick->group = proposal->groups[0];
	return error == ERR_OK ? IKEV1_PENDING : fail(quick, error, "no SA can be added");
}

static enum ikev1_outcome want_sa(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1 *ikev1 = ikev1_of(quick);
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
	return quick->group != DH_NONE ? agree(quick, &request) : IKEV1_NEXT;
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
	struct ikev1 *ikev1 = ikev1_of(quick);

	if (sa->established_ms + ikev1_cycle_ms(ikev1) > ikev1_now(ikev1))
		return fail(quick, ERR_UNSUPPORTED,
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
	begin_message(quick, &message);
	if (error == ERR_OK)
		error = quick_put_offer(chain, &offer);
	isakmp_put(chain, ISAKMP_NONCE, bytes_of(quick->nonce, sizeof(quick->nonce)));
	if (quick->key_exchange != NULL)
		isakmp_put(chain, ISAKMP_KE, quick_key_exchange_public(quick->key_exchange));
	quick_put_identities(chain, &pair->selector, &pair->local, &pair->remote, true);
	put_original_addresses(quick, chain);
	if (quick->sa->tell_contact)
		ikev1_put_initial_contact(quick->sa, chain);
	quick->sa->tell_contact = false;
	if (error == ERR_OK)
		error =
		    ikev1_message_hash(&message, quick->sa->keys, quick->exchange.message_id, none);
	if (error != ERR_OK)
		return fail(quick, error, "no request can be made");
	return send_message(quick, &message, true);
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

/* <-- HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr] */
static enum ikev1_outcome read_answer(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct sa_pair *pair = quick->pair;
	const struct isakmp_chain *chain = &quick->received.chain;
	struct suite suites[BUNDLE_MAX];
	struct quick_answer answer;
	struct selector selector;
	struct offer offered;
	const char *wrong;

	if (make_offer(quick, &offered) != ERR_OK)
		return fail(quick, ERR_NOT_FOUND, "the policy has changed meanwhile");
	wrong = quick_read_answer(chain, &offered, quick->group != DH_NONE, &answer);
	if (wrong != NULL)
		return unusable(quick, NOTIFY_NO_PROPOSAL_CHOSEN, wrong);
	if (answer.nonce.len == 0)
		return unusable(quick, NOTIFY_PAYLOAD_MALFORMED, "the peer's answer has no nonce");
	if (quick_get_identities(chain, &pair->local, &pair->remote, true, &selector) != ERR_OK ||
	    (isakmp_chain_find(chain, ISAKMP_ID, NULL) != NULL &&
		!is_same_selector(&selector, &pair->selector)))
		return unusable(quick, NOTIFY_INVALID_ID_INFORMATION,
		    "the peer's answer is about other traffic than was asked for");
	if (quick_take_spis(kx_sad(ikev1_of(quick)->kx), pair, &answer.choice) != ERR_OK)
		return unusable(
		    quick, NOTIFY_INVALID_SPI, "the peer's answer names an SPI that is in use");
	if (answer.choice.lifetime.seconds == 0)
		answer.choice.lifetime.seconds = offered.choices[answer.index].lifetime.seconds;
	lower_lifetime(chain, &answer.choice.lifetime);
	offer_suites(&answer.choice, suites);
	sad_agree(pair, suites, &answer.choice.lifetime);
	encapsulate(quick);
	if (keep(answer.nonce, &quick->peer_nonce) != ERR_OK ||
	    keep(answer.peer_value, &quick->peer_value) != ERR_OK)
		return fail(quick, ERR_NO_MEMORY, "the answer cannot be used");
	return IKEV1_NEXT;
}

static enum ikev1_outcome finish_agreement(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct agreement_request request;

	if (quick->group == DH_NONE)
		return IKEV1_NEXT;
	request = quick_key_exchange_finish(quick->key_exchange, quick->peer_value);
	return agree(quick, &request);
}

/* HDR*, HASH(3) --> */
static enum ikev1_outcome send_confirmation(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1_message_writer message;
	struct bytes ours = bytes_of(quick->nonce, sizeof(quick->nonce));
	enum err error;

	begin_message(quick, &message);
	error = ikev1_hash_nonces(quick->sa->keys, quick->exchange.message_id, ours,
	    quick->peer_nonce, message.octets + message.hash_at);
	if (error != ERR_OK)
		return fail(quick, error, "no confirmation can be made");
	return send_message(quick, &message, false);
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
	struct ikev1 *ikev1 = ikev1_of(quick);
	enum err error = timers_set(
	    kx_timers(ikev1->kx), &quick->timer, ikev1_now(ikev1) + PAUSE_MS, pause_over, quick);

	return error == ERR_OK ? IKEV1_PENDING : fail(quick, error, "no SA can be used");
}

static enum ikev1_outcome report(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1 *ikev1 = ikev1_of(quick);
	struct kx_negotiation *negotiation = quick->negotiation;
	struct sa_pair *pair;
	char identity[256];

	(void)snprintf(identity, sizeof(identity), "%s",
	    quick->sa->identity != NULL ? quick->sa->identity : "");
	quick->negotiation = NULL;
	pair = establish(quick);
	kx_negotiation_done(ikev1->kx, negotiation, pair, identity);
	return IKEV1_OVER;
}

/* The responder. */

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

static enum err keep_request(struct ikev1_quick *quick, const struct quick_request *request)
{
	const struct isakmp_payload *id = NULL;
	enum err error = keep(request->nonce, &quick->peer_nonce);

	if (error == ERR_OK)
		error = keep(request->peer_value, &quick->peer_value);
	for (size_t i = 0; error == ERR_OK && i < 2; i++) {
		id = isakmp_chain_find(&quick->received.chain, ISAKMP_ID, id);
		if (id == NULL)
			break;
		error = keep(id->body, &quick->identities[i]);
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

static enum err add_pair(struct ikev1_quick *quick, const struct policy_rule *rule,
    const struct selector *selector, const struct offer_choice *choice)
{
	struct sad *sad = kx_sad(ikev1_of(quick)->kx);
	struct sa_pair model = {.local = quick->peer->key.local,
	    .remote = quick->peer->key.remote,
	    .mode = rule->mode,
	    .selector = *selector,
	    .policy_id = rule->id,
	    .packet_limit = rule->proposal.packet_limit,
	    .exchange = EXCHANGE_IKEV1,
	    .owner = owner(quick)};
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
	encapsulate(quick);
	return quick_take_spis(sad, quick->pair, choice);
}

static enum ikev1_outcome read_request(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1_sa *sa = quick->sa;
	const struct ikev1_peer_key *ends = &quick->peer->key;
	const struct policy *policy = kx_policy(ikev1_of(quick)->kx);
	struct quick_nat nat = {.local = sa->local_nat, .remote = sa->remote_nat};
	const struct policy_rule *rule;
	struct quick_request request;
	struct quick_refusal refusal;
	struct offer_choice choice;
	uint32_t spi = 0;
	enum err error;

	if (ikev1_has_initial_contact(&quick->received.chain))
		ikev1_take_initial_contact(sa);
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
	return error == ERR_OK ? IKEV1_PENDING : fail(quick, error, "no SA can be added");
}

/*
 * One SPI in both directions is one key in both directions (RFC 2409 5.5), and with it the same
 * nonces of a counter mode. The initiator has chosen, so this end takes another.
 */
static enum ikev1_outcome avoid_equal_spis(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	const struct policy *policy = kx_policy(ikev1_of(quick)->kx);
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
	sad_remove(kx_sad(ikev1_of(quick)->kx), equal);
	if (rule != NULL)
		error = add_pair(quick, rule, &selector, &choice);
	return error == ERR_OK ? IKEV1_PENDING : fail(quick, error, "no SA can be added");
}

static enum ikev1_outcome answer_agreement(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct agreement_request request = {
	    .operation = AGREEMENT_ANSWER, .group = quick->group, .peer_value = quick->peer_value};

	if (quick_has_equal_spis(quick->pair))
		return fail(quick, ERR_EXISTS, "both ends came to the same SPI");
	return quick->group != DH_NONE ? agree(quick, &request) : IKEV1_NEXT;
}

/* RFC 2407 4.6.3.1. */
static void put_responder_lifetime(const struct ikev1_quick *quick, struct isakmp_writer *chain)
{
	const struct lifetime *offered = &quick->offered.lifetime;
	struct ipsec_attributes attributes = {.life_seconds = quick->lifetime.seconds,
	    .life_kilobytes = quick->lifetime.bytes / 1024};
	const struct sa_part *part = sa_primary(quick->pair);
	uint8_t octets[32];
	struct writer data = writer_of(octets, sizeof(octets));

	if (offered->seconds == quick->lifetime.seconds && offered->bytes == quick->lifetime.bytes)
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
	begin_message(quick, &message);
	error = quick_put_offer(chain, &answer);
	isakmp_put(chain, ISAKMP_NONCE, bytes_of(quick->nonce, sizeof(quick->nonce)));
	if (quick->key_exchange != NULL)
		isakmp_put(chain, ISAKMP_KE, quick_key_exchange_public(quick->key_exchange));
	for (size_t i = 0; i < 2 && quick->identities[i].len > 0; i++)
		isakmp_put(chain, ISAKMP_ID, quick->identities[i]);
	put_original_addresses(quick, chain);
	put_responder_lifetime(quick, chain);
	if (error == ERR_OK)
		error = ikev1_message_hash(
		    &message, quick->sa->keys, quick->exchange.message_id, quick->peer_nonce);
	if (error != ERR_OK)
		return fail(quick, error, "no answer can be made");
	return send_message(quick, &message, true);
}

static enum ikev1_outcome accept_pair(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	struct ikev1 *ikev1 = ikev1_of(quick);
	struct sa_pair *pair;
	char identity[256];

	(void)snprintf(identity, sizeof(identity), "%s",
	    quick->sa->identity != NULL ? quick->sa->identity : "");
	pair = establish(quick);
	kx_pair_accepted(ikev1->kx, pair, identity);
	return IKEV1_OVER;
}

#define RECEIVE(number)                                                                            \
	{                                                                                          \
		NULL, (number)                                                                     \
	}
#define DO(step)                                                                                   \
	{                                                                                          \
		(step), 0                                                                          \
	}

// clang-format off
const struct ikev1_step ikev1_quick_initiator[] = {
	DO(reserve), DO(want_sa), DO(begin_agreement), DO(send_request),
	RECEIVE(2), DO(read_answer), DO(finish_agreement), DO(install_inbound),
	DO(send_confirmation), DO(pause_sending), DO(install_outbound), DO(report)};

const struct ikev1_step ikev1_quick_responder[] = {
	DO(read_request), DO(avoid_equal_spis), DO(answer_agreement), DO(install_inbound), DO(send_answer),
	RECEIVE(3), DO(install_outbound), DO(accept_pair)};
// clang-format on

#define AFTER_RESERVATION 1 /* its place in the initiator's table */

bool ikev1_quick_do_without_exchange(struct ikev1_quick *quick)
{
	const struct host *host = kx_host(ikev1_of(quick)->kx);

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
