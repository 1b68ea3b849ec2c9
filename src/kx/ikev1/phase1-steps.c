/*
 * Main and aggressive mode step by step: RFC 2409 5, 5.1 to 5.4. Each table is one column of the
 * RFC's figures.
 */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase1.h"
#include "sa/peer.h"

static enum ikev1_outcome fail(struct ikev1_phase1 *phase1, enum err code, const char *what)
{
	struct problem problem;

	(void)problem_set(&problem, code, "%s: %s", what, err_text(code));
	ikev1_phase1_fail(phase1, KX_FAILURE_FINAL, &problem);
	return IKEV1_OVER;
}

static enum ikev1_outcome refuse(struct ikev1_phase1 *phase1, const char *why)
{
	struct problem problem;

	(void)problem_set(&problem, ERR_REFUSED, "%s", why);
	ikev1_phase1_fail(phase1, KX_FAILURE_FINAL, &problem);
	return IKEV1_OVER;
}

static enum ikev1_outcome outcome_of(
    struct ikev1_phase1 *phase1, enum auth_result result, const struct problem *problem)
{
	switch (result) {
	case AUTH_DONE:
		return IKEV1_NEXT;
	case AUTH_PENDING:
		return IKEV1_PENDING;
	case AUTH_FAILED:
		break;
	}
	ikev1_phase1_unauthenticated(phase1, problem);
	return IKEV1_OVER;
}

/* The message goes out; until an answer comes if one is to come. */
static enum ikev1_outcome send_message(
    struct ikev1_phase1 *phase1, struct ikev1_message_writer *message, bool encrypted, bool repeat)
{
	struct ikev1_sa *sa = phase1->sa;
	struct bytes octets;
	enum err error;

	ikev1_phase1_take(phase1);
	error = encrypted ? ikev1_message_seal(message, sa->keys, sa->exchange.iv, &octets)
	                  : ikev1_message_end(message, &octets);
	ikev1_phase1_keep_iv(phase1);
	if (error == ERR_OK)
		error = ikev1_exchange_send(&sa->exchange, octets, repeat);
	return error == ERR_OK ? IKEV1_NEXT
	                       : fail(phase1, error, "a message of phase 1 cannot be sent");
}

static void begin_message(struct ikev1_phase1 *phase1, struct ikev1_message_writer *message)
{
	ikev1_message_begin(message, &phase1->sa->cookies, phase1->mode, 0);
}

/* The way to authenticate is known: what it needs of the peer's entry. */
static enum ikev1_outcome begin_auth(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	const struct ikev1_suite *suite = &phase1->sa->suite;
	struct problem problem;

	phase1->inputs.authentication = suite->authentication;
	phase1->inputs.hash = suite->hash;
	phase1->inputs.encryption = suite->encryption;
	phase1->inputs.key_bits = suite->key_bits;
	phase1->inputs.group = suite->group;
	if (auth_new(&phase1->inputs, &phase1->auth, &problem) != ERR_OK) {
		ikev1_phase1_fail(phase1, KX_FAILURE_FINAL, &problem);
		return IKEV1_OVER;
	}
	return outcome_of(phase1, auth_begin(phase1->auth, &problem), &problem);
}

/* Aggressive mode cannot choose, so the first of everything is offered (RFC 2409 5). */
static enum ikev1_outcome choose_first(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	const struct policy_ike *ike = phase1->ike;

	if (ike->proposal_count == 0 || ike->authentication_count == 0)
		return fail(phase1, ERR_NOT_FOUND, "the peer's entry offers nothing");
	phase1->sa->suite = (struct ikev1_suite){.encryption = ike->proposals[0].encryption,
	    .key_bits = ike->proposals[0].key_bits,
	    .hash = ike->proposals[0].hash,
	    .group = ike->proposals[0].group,
	    .authentication = ike->authentications[0]};
	return IKEV1_NEXT;
}

/* The SA payload of our offer, whose body both ends keep: SAi_b. */
static enum err put_offer(struct ikev1_phase1 *phase1, struct ikev1_message_writer *message)
{
	const struct ikev1_sa *sa = phase1->sa;
	size_t body_at = message->out.len + 4; /* behind the generic header: RFC 2408 3.2 */
	bool aggressive = phase1->mode == ISAKMP_EXCHANGE_AGGRESSIVE;

	/* Kerberos is for main mode. */
	if (!aggressive)
		phase1->own_gss_name = ikev1_gss_name(sa->peer->ikev1, sa->peer->policy);
	ikev1_put_offer(&message->chain, phase1->ike, aggressive, phase1->own_gss_name);
	if (!writer_ok(&message->out))
		return ERR_TOO_LONG;
	phase1->sai_b = bytes_copy(bytes_of(message->octets + body_at, message->out.len - body_at));
	phase1->inputs.sai_b = phase1->sai_b;
	return phase1->sai_b.data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* HDR, SA --> */
static enum ikev1_outcome send_offer(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_message_writer message;
	enum err error;

	begin_message(phase1, &message);
	error = put_offer(phase1, &message);
	if (error != ERR_OK)
		return fail(phase1, error, "no offer can be made for the ISAKMP SA");
	ikev1_put_vendor(&message.chain, phase1->ike, NULL);
	return send_message(phase1, &message, false, true);
}

/* <-- HDR, SA */
static enum ikev1_outcome read_answer(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_sa *sa = phase1->sa;
	const struct isakmp_chain *chain = &phase1->received.chain;
	struct ikev1_vendor vendor = ikev1_read_vendor(chain);
	struct ikev1_cookies cookies = sa->cookies;
	struct ikev1_choice choice;
	const char *wrong = ikev1_read_answer(
	    phase1->sai_b, isakmp_chain_find(chain, ISAKMP_SA, NULL)->body, &choice);

	if (wrong != NULL)
		return refuse(phase1, wrong);
	if (phase1->auth != NULL && choice.suite.authentication != phase1->inputs.authentication)
		return refuse(phase1, "the peer chose another way to authenticate than the one "
				      "that aggressive mode has begun with");
	memcpy(cookies.responder, phase1->received.header.responder_cookie, IKEV1_COOKIE_SIZE);
	if (ikev1_sa_rename(sa, &cookies) != ERR_OK)
		return refuse(phase1, "the peer's cookie is in use");
	sa->suite = choice.suite;
	sa->life_seconds = choice.life_seconds;
	sa->knows_nat = vendor.nat;
	sa->knows_dpd = vendor.dpd;
	sa->knows_fragments = vendor.fragments && phase1->ike->fragmentation;
	sa->exchange.fragments = sa->knows_fragments;
	if (sa->suite.authentication == IKE_AUTHENTICATION_GSS)
		ikev1_take_gss_names(phase1, phase1->own_gss_name, choice.gss_identity);
	return IKEV1_NEXT;
}

static enum ikev1_outcome agree(
    struct ikev1_phase1 *phase1, const struct agreement_request *request)
{
	struct agreement_request copy = *request;
	const struct host *host = kx_host(phase1->sa->peer->ikev1->kx);
	enum err error = ERR_NO_MEMORY;

	if (phase1->key_exchange == NULL)
		phase1->key_exchange = quick_key_exchange_new(phase1->sa->suite.group);
	copy.token = ikev1_token(IKEV1_OWNER_PHASE1, phase1->sa->handle);
	if (phase1->key_exchange != NULL)
		error = host->agree(host->self, &copy);
	return error == ERR_OK ? IKEV1_PENDING
	                       : fail(phase1, error, "the key exchange cannot be computed");
}

static enum ikev1_outcome begin_agreement(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct agreement_request request = {
	    .operation = AGREEMENT_BEGIN, .group = phase1->sa->suite.group};

	return agree(phase1, &request);
}

static enum ikev1_outcome finish_agreement(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct agreement_request request =
	    quick_key_exchange_finish(phase1->key_exchange, phase1->inputs.public_r);

	return agree(phase1, &request);
}

static enum ikev1_outcome answer_agreement(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct agreement_request request = {.operation = AGREEMENT_ANSWER,
	    .group = phase1->sa->suite.group,
	    .peer_value = phase1->inputs.public_i};

	return agree(phase1, &request);
}

static enum ikev1_outcome prepare(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct problem problem;

	return outcome_of(phase1, auth_prepare(phase1->auth, &problem), &problem);
}

/* HDR, KE, Nonce --> */
static enum ikev1_outcome send_exchange(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_message_writer message;
	enum err error;

	begin_message(phase1, &message);
	auth_put_exchange(phase1->auth, &message.chain);
	error = ikev1_put_nat_d(phase1, &message.chain);
	if (error != ERR_OK)
		return fail(phase1, error, "NAT-D cannot be made");
	return send_message(phase1, &message, false, phase1->sa->initiator);
}

static enum ikev1_outcome read_exchange(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct problem problem;

	return outcome_of(
	    phase1, auth_read(phase1->auth, &phase1->received.chain, &problem), &problem);
}

/* What was in it is known to the inputs. */
static enum ikev1_outcome take_exchange(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct auth_inputs *inputs = &phase1->inputs;
	struct bytes nonce = auth_peer_nonce(phase1->auth);

	if (phase1->sa->initiator) {
		inputs->public_r = auth_peer_public(phase1->auth);
		inputs->nonce_r = nonce;
	} else {
		inputs->public_i = auth_peer_public(phase1->auth);
		inputs->nonce_i = nonce;
	}
	return IKEV1_NEXT;
}

static enum ikev1_outcome read_nat(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	enum err error;

	/* It is about where this message came from. */
	ikev1_phase1_take(phase1);
	error = ikev1_read_nat_d(phase1);
	return error == ERR_OK ? IKEV1_NEXT : fail(phase1, error, "NAT-D cannot be read");
}

/* SKEYID and what follows from it. */
static enum ikev1_outcome derive(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_sa *sa = phase1->sa;
	const struct auth_inputs *inputs = &phase1->inputs;
	uint8_t skeyid[CRYPTO_PRF_MAX];
	enum err error;

	sa->keys = secret_alloc(sizeof(*sa->keys));
	if (sa->keys == NULL)
		return fail(phase1, ERR_NO_MEMORY, "no keys can be derived");
	error = auth_skeyid(phase1->auth, skeyid);
	if (error == ERR_OK)
		error = ikev1_keys_derive(sa->keys, &sa->suite,
		    bytes_of(skeyid, prf_length(sa->suite.hash)), inputs->secret, &sa->cookies,
		    inputs->public_i, inputs->public_r);
	secret_wipe(skeyid, sizeof(skeyid));
	if (error != ERR_OK)
		return fail(phase1, error, "no keys can be derived");
	memcpy(sa->exchange.iv, sa->keys->iv, sizeof(sa->exchange.iv));
	return IKEV1_NEXT;
}

static enum ikev1_outcome prove(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct problem problem;

	return outcome_of(phase1, auth_prove(phase1->auth, &problem), &problem);
}

/* Nothing of what was made with the peer before is left here (RFC 2407 4.6.3.3). */
static bool knows_nothing_of_peer(const struct ikev1_sa *sa)
{
	const struct sa_peer *peer =
	    sad_find_peer(kx_sad(sa->peer->ikev1->kx), &sa->peer->key.remote);
	const struct ikev1_sa *other = sa->peer->sas;
	const struct sa_pair *pair = peer != NULL ? peer->pairs : NULL;

	/* One that the peer did not come to is not with it. */
	while (other != NULL && (other == sa || !other->established || !other->confirmed))
		other = other->next;
	while (pair != NULL && pair->state != SA_ESTABLISHED)
		pair = pair->peer_next;
	return other == NULL && pair == NULL;
}

/* HDR*, ID, HASH or SIG --> */
static enum ikev1_outcome send_proof(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_sa *sa = phase1->sa;
	struct ikev1_message_writer message;

	begin_message(phase1, &message);
	auth_put_proof(phase1->auth, &message.chain);
	if (knows_nothing_of_peer(sa))
		ikev1_put_initial_contact(sa, &message.chain);
	return send_message(phase1, &message, true, sa->initiator);
}

static enum ikev1_outcome check(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct problem problem;

	return outcome_of(
	    phase1, auth_check(phase1->auth, &phase1->received.chain, &problem), &problem);
}

/* INITIAL-CONTACT may stand beside the proof, in main mode only (RFC 2407 4.6.3.3). */
static enum ikev1_outcome read_contact(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;

	phase1->initial_contact =
	    ikev1_has_notification(&phase1->received.chain, NOTIFY_INITIAL_CONTACT);
	return IKEV1_NEXT;
}

/* HDR, SA, KE, Ni, IDii --> */
static enum ikev1_outcome send_first(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_message_writer message;
	enum err error;

	begin_message(phase1, &message);
	error = put_offer(phase1, &message);
	if (error != ERR_OK)
		return fail(phase1, error, "no offer can be made for the ISAKMP SA");
	auth_put_exchange(phase1->auth, &message.chain);
	ikev1_put_vendor(&message.chain, phase1->ike, NULL);
	return send_message(phase1, &message, false, true);
}

/* <-- HDR, SA, KE, Nr, IDir, HASH_R */
static enum ikev1_outcome send_second(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	const struct ikev1_sa *sa = phase1->sa;
	struct ikev1_vendor vendor = {sa->knows_nat, sa->knows_dpd, sa->knows_fragments, true};
	struct ikev1_message_writer message;
	enum err error;

	begin_message(phase1, &message);
	ikev1_put_choice(&message.chain, &phase1->choice);
	auth_put_exchange(phase1->auth, &message.chain);
	auth_put_proof(phase1->auth, &message.chain);
	error = ikev1_put_nat_d(phase1, &message.chain);
	if (error != ERR_OK)
		return fail(phase1, error, "NAT-D cannot be made");
	ikev1_put_vendor(&message.chain, phase1->ike, &vendor);
	return send_message(phase1, &message, false, false);
}

/* HDR*, NAT-D, HASH_I --> */
static enum ikev1_outcome send_third(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_message_writer message;
	enum err error;

	begin_message(phase1, &message);
	auth_put_proof(phase1->auth, &message.chain);
	error = ikev1_put_nat_d(phase1, &message.chain);
	if (error != ERR_OK)
		return fail(phase1, error, "NAT-D cannot be made");
	return send_message(phase1, &message, true, false);
}

/* Both ends have proved who they are. */
static enum ikev1_outcome establish(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_sa *sa = phase1->sa;
	struct ikev1_peer *peer = sa->peer;
	struct ikev1 *ikev1 = peer->ikev1;
	const struct host *host = kx_host(ikev1->kx);
	bool contact = phase1->initial_contact;
	struct ikev1_half_open *half_open = ikev1_half_open_find(ikev1, &sa->cookies);
	uint64_t handle = sa->handle;
	uint32_t ours = phase1->ike->lifetime;
	char identity[256];
	char remote[ENDPOINT_TEXT_SIZE];

	ikev1_phase1_take(phase1);
	(void)snprintf(identity, sizeof(identity), "%s", auth_peer_text(phase1->auth));
	if (sa->life_seconds == 0 || sa->life_seconds > ours)
		sa->life_seconds = ours;
	/*
	 * An initiator that sees a NAT goes on through the other port (RFC 3947 4). Where it did
	 * not, a NAT that is seen here is none: nothing proves the NAT-D of main mode, so that it
	 * may have been altered, and what both ends see must be the same.
	 */
	if (sa->path.port != HOST_PORT_IKE_NAT)
		sa->local_nat = sa->remote_nat = false;
	/* Aggressive mode has no place to say it in (RFC 2407 4.6.3.3). */
	sa->tell_contact = phase1->mode == ISAKMP_EXCHANGE_AGGRESSIVE && knows_nothing_of_peer(sa);
	/* Who sends the last message does not know whether it arrives. */
	sa->confirmed = (phase1->mode == ISAKMP_EXCHANGE_AGGRESSIVE) != sa->initiator;
	ikev1_phase1_free(sa);
	if (half_open != NULL)
		ikev1_half_open_free(ikev1, half_open);
	if (contact)
		ikev1_take_initial_contact(sa);
	ikev1_sa_establish(sa, identity);
	if (slots_get(&ikev1->sas, handle) != sa)
		return IKEV1_OVER;
	log_event(host->log, LOG_LEVEL_INFO, LOG_AREA_IKEV1,
	    LOG_FIELDS({"remote", endpoint_format(&sa->path.remote, remote)},
		{"identity", identity}, {"method", "ikev1"}),
	    "ISAKMP SA established as %s%s%s", sa->initiator ? "initiator" : "responder",
	    sa->local_nat ? ", this host behind a NAT" : "",
	    sa->remote_nat ? ", the peer behind a NAT" : "");
	ikev1_peer_ready(peer);
	/* No Quick Mode of ours is at hand to say it in. */
	if (slots_get(&ikev1->sas, handle) == sa && sa->tell_contact && peer->quicks == NULL)
		ikev1_tell_contact(sa);
	return IKEV1_OVER;
}

// clang-format off
const struct ikev1_step ikev1_main_initiator[] = {
	DO(send_offer),
	RECEIVE(2), DO(read_answer),
	DO(begin_auth), DO(begin_agreement), DO(ikev1_find_principal), DO(prepare),
	DO(send_exchange),
	RECEIVE(4), DO(read_exchange), DO(take_exchange), DO(read_nat),
	DO(finish_agreement), DO(derive), DO(prove), DO(send_proof),
	RECEIVE(6), DO(check), DO(read_contact), DO(establish)};

/* Its first message was answered before there was any state: half-open.c. */
const struct ikev1_step ikev1_main_responder[] = {
	DO(begin_auth), DO(read_exchange), DO(take_exchange), DO(read_nat),
	DO(answer_agreement), DO(prepare), DO(derive), DO(send_exchange),
	RECEIVE(5), DO(check), DO(ikev1_authorise), DO(read_contact), DO(prove), DO(send_proof),
	DO(establish)};

const struct ikev1_step ikev1_aggressive_initiator[] = {
	DO(choose_first), DO(begin_auth), DO(begin_agreement), DO(prepare), DO(send_first),
	RECEIVE(2), DO(read_answer), DO(read_exchange), DO(take_exchange), DO(read_nat),
	DO(finish_agreement), DO(derive), DO(check), DO(prove), DO(send_third), DO(establish)};

const struct ikev1_step ikev1_aggressive_responder[] = {
	DO(begin_auth), DO(read_exchange), DO(take_exchange),
	DO(answer_agreement), DO(prepare), DO(derive), DO(prove), DO(send_second),
	RECEIVE(3), DO(check), DO(read_nat), DO(establish)};
// clang-format on
