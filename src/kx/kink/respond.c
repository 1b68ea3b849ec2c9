/* What each command asks for, and the answers: RFC 4430 3.2 to 3.5, 5.5, 6. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/algorithms.h"
#include "kx/kink/kink-internal.h"

#define ANSWER_ROOM  128   /* what stands around the SPIs in the answer to a DELETE */
#define WITHDRAWN_MS 60000 /* no CREATE is under way for longer */

static struct bytes error_plain(enum kink_error error)
{
	uint8_t buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);

	kink_put_error(&message, error);
	return kink_copy(writer_bytes(&out));
}

void kink_response_error(struct kink_response *response, enum kink_error error)
{
	kink_response_answer(response, error_plain(error));
}

void kink_response_notify(
    struct kink_response *response, enum notify_type type, uint32_t spi, struct bytes data)
{
	uint8_t buffer[128];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct isakmp_writer chain = kink_isakmp_begin(&message);

	quick_put_notification(&chain, type, IPSEC_ESP, spi, data);
	kink_isakmp_end(&message);
	kink_response_answer(response, kink_copy(writer_bytes(&out)));
}

/* Refuses a CREATE, saying why in the log and to the peer. */
static void refuse(struct kink_response *response, enum notify_type type, uint32_t spi,
    struct bytes data, const char *why)
{
	kx_count(response->kink->kx, KX_RESPONSES_REFUSED);
	kink_log_stranger(response->kink, &response->remote, "refused to make an SA", why);
	kink_response_notify(response, type, spi, data);
}

static enum err put_answer(struct kink_response *response, struct bytes *plain)
{
	const struct sa_pair *pair = response->pair;
	struct kink_handshake *handshake = response->handshake;
	struct offer answer = {.count = 1, .choices = {response->choice}};
	uint8_t buffer[KINK_PLAIN_MAX];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct isakmp_writer chain = kink_isakmp_begin(&message);
	enum err error;

	answer.choices[0].spi = pair->spi_in;
	error = quick_put_offer(&chain, &answer);
	if (handshake != NULL)
		isakmp_put(
		    &chain, ISAKMP_NONCE, bytes_of(handshake->nonce, sizeof(handshake->nonce)));
	if (handshake != NULL && handshake->exchange.public_len > 0)
		isakmp_put(&chain, ISAKMP_KE, kink_key_exchange_public(&handshake->exchange));
	quick_put_identities(&chain, &pair->selector, &pair->local, &pair->remote, false);
	kink_isakmp_end(&message);
	if (error != ERR_OK)
		return error;
	*plain = writer_ok(&out) ? kink_copy(writer_bytes(&out)) : (struct bytes){0};
	return plain->data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

struct kerberos_derivation kink_respond_derivation(
    struct kink_response *response, enum ipsec_direction direction, uint8_t seed[QUICK_SEED_MAX])
{
	const struct sa_pair *pair = response->pair;
	const struct kink_handshake *handshake = response->handshake;
	struct quick_inputs inputs = {.ni = response->nonce};
	struct writer out = writer_of(seed, QUICK_SEED_MAX);

	if (handshake != NULL) {
		inputs.nr = bytes_of(handshake->nonce, sizeof(handshake->nonce));
		inputs.secret = kink_key_exchange_secret(&handshake->exchange);
	}
	quick_put_seed(&out, pair->suite.protocol,
	    direction == IPSEC_IN ? pair->spi_in : pair->spi_out, &inputs);
	return (struct kerberos_derivation){
	    .seed = writer_bytes(&out), .length = (uint16_t)suite_key_length(&pair->suite)};
}

/* All that the answer says is known. */
static void answer_create(struct kink_response *response)
{
	struct bytes plain;

	if (put_answer(response, &plain) != ERR_OK) {
		kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
		kink_response_end(response);
		return;
	}
	response->keys_wanted = true;
	kink_response_answer(response, plain);
}

static enum err agree(struct kink_response *response)
{
	const struct host *host = kx_host(response->kink->kx);
	struct agreement_request request = {.operation = AGREEMENT_ANSWER,
	    .token = kink_token(KINK_STEP_AGREE, response->handle),
	    .group = response->choice.group,
	    .peer_value = response->peer_value};

	return host->agree(host->self, &request);
}

/* Nobody is to do with the pair what it was made for. */
static void drop_pair(struct kink_response *response)
{
	struct sa_pair *pair = response->pair;

	response->pair = NULL;
	pair->owner = 0;
	sad_remove(kx_sad(response->kink->kx), pair);
}

void kink_respond_agreed(
    struct kink_response *response, const struct agreement_completion *completion)
{
	struct bytes none = {0};

	if (completion->error == ERR_INVALID) {
		drop_pair(response);
		refuse(response, NOTIFY_PAYLOAD_MALFORMED, 0, none,
		    "the value in its KE payload is not valid");
	} else if (completion->error != ERR_OK ||
		   kink_key_exchange_keep(&response->handshake->exchange, completion) != ERR_OK) {
		kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
		kink_response_end(response);
	} else {
		answer_create(response);
	}
}

void kink_respond_reserved(struct kink_response *response, const struct problem *problem)
{
	const struct sa_pair *pair = response->pair;

	/*
	 * One SPI in both directions is one key in both directions (RFC 2409 5.5), and with it the
	 * same nonces of a counter mode. The command's next transmission will find another SPI.
	 */
	if (problem->code == ERR_OK && pair->spi_in == pair->spi_out) {
		kink_response_end(response);
		return;
	}
	if (problem->code != ERR_OK) {
		kink_log_stranger(
		    response->kink, &response->remote, "an SA cannot be made", problem->text);
		kink_response_end(response);
		return;
	}
	if (response->peer_value.len == 0) {
		answer_create(response);
	} else if (agree(response) != ERR_OK) {
		kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
		kink_response_end(response);
	}
}

/* Where there is a key exchange, every choice has its group, and nowhere else any (RFC 2409 5.5).
 */
static void leave_out_of_place(struct offer *offer, bool exchange)
{
	size_t kept = 0;

	for (size_t i = 0; i < offer->count; i++) {
		if ((offer->choices[i].group != DH_NONE) == exchange)
			offer->choices[kept++] = offer->choices[i];
	}
	offer->count = kept;
}

/* The rule under which the peer may have this SA, and the choice that the rule accepts. */
static const struct policy_rule *judge(struct kink_response *response,
    const struct isakmp_chain *chain, struct selector *selector, bool *two_way)
{
	static const uint8_t ke = ISAKMP_KE;
	const struct policy *policy = kx_policy(response->kink->kx);
	const struct policy_rule *rule;
	struct offer offer;
	struct offer_choice first;
	struct problem problem;
	enum notify_type notify;
	bool first_known;
	enum err error;
	char why[2 * RANGE_TEXT_SIZE + 80];
	char local[RANGE_TEXT_SIZE];
	char remote[RANGE_TEXT_SIZE];
	struct bytes none = {0};

	error = quick_get_nonce(chain, &response->nonce);
	if (error != ERR_OK || response->nonce.len == 0) {
		refuse(response, NOTIFY_PAYLOAD_MALFORMED, 0, none, "it has no valid nonce");
		return NULL;
	}
	if (quick_get_key_exchange(chain, &response->peer_value) != ERR_OK) {
		refuse(response, NOTIFY_PAYLOAD_MALFORMED, 0, none, "its KE payload is empty");
		return NULL;
	}
	error = quick_get_offer(chain, &offer, &first_known, &notify);
	if (error != ERR_OK) {
		refuse(response, notify, 0, none, "its SA payload is not valid");
		return NULL;
	}
	error =
	    quick_get_identities(chain, &response->local, &response->key.remote, false, selector);
	if (error != ERR_OK) {
		refuse(response, NOTIFY_PAYLOAD_MALFORMED, 0, none, "its identities are not valid");
		return NULL;
	}
	rule = policy_lookup_selector(policy, selector, &response->local, &response->key.remote);
	if (rule == NULL) {
		(void)snprintf(why, sizeof(why),
		    "no policy protects traffic between %s and %s with this peer",
		    range_format(&selector->local, local), range_format(&selector->remote, remote));
		refuse(response, NOTIFY_NO_PROPOSAL_CHOSEN, 0, none, why);
		return NULL;
	}
	if (response->peer_value.len > 0 && rule->proposal.pfs == POLICY_PFS_OFF) {
		refuse(response, NOTIFY_INVALID_PAYLOAD_TYPE, 0, bytes_of(&ke, 1),
		    "it wants a key exchange, and the policy says pfs = \"off\"");
		return NULL;
	}
	first = offer.choices[0];
	leave_out_of_place(&offer, response->peer_value.len > 0);
	error = offer_select(rule, &offer, &response->choice, &problem);
	if (error != ERR_OK) {
		refuse(response, NOTIFY_NO_PROPOSAL_CHOSEN, 0, none, problem.text);
		return NULL;
	}
	/* RFC 4430 3.2: when to switch to, or begin with, the three-way handshake. */
	*two_way = first_known && response->peer_value.len == 0 &&
	           rule->proposal.nonces == POLICY_NONCES_INITIATOR &&
	           response->choice.transform_number == first.transform_number &&
	           response->choice.proposal_number == first.proposal_number;
	return rule;
}

/* A DELETE may overtake the CREATE that it ends; what comes then is not wanted any more. */
static void remember_withdrawn(struct kink_response *response, uint32_t spi)
{
	struct kink *kink = response->kink;
	const struct host *host = kx_host(kink->kx);

	kink->withdrawn[kink->withdrawn_count++ % KINK_WITHDRAWN] =
	    (struct kink_withdrawn){.remote = response->key.remote,
		.spi = spi,
		.until_ms = host->now_ms(host->self) + WITHDRAWN_MS};
}

static bool is_withdrawn(const struct kink_response *response, uint32_t spi)
{
	const struct kink *kink = response->kink;
	const struct host *host = kx_host(kink->kx);

	for (size_t i = 0; i < KINK_WITHDRAWN; i++) {
		const struct kink_withdrawn *withdrawn = &kink->withdrawn[i];

		if (withdrawn->spi == spi &&
		    address_equal(&withdrawn->remote, &response->key.remote) &&
		    host->now_ms(host->self) < withdrawn->until_ms)
			return true;
	}
	return false;
}

static void respond_create(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner)
{
	struct kink *kink = response->kink;
	struct sad *sad = kx_sad(kink->kx);
	const struct policy_rule *rule;
	struct isakmp_chain chain;
	struct sa_pair model;
	struct bytes none = {0};
	bool two_way;
	enum err error;

	if (kx_is_stopping(kink->kx)) {
		kink_response_end(response);
		return;
	}
	if (kink_get_isakmp(message, inner, &chain) != ERR_OK) {
		refuse(response, NOTIFY_NO_PROPOSAL_CHOSEN, 0, none,
		    "only one SA in one command is supported");
		return;
	}
	model = (struct sa_pair){.local = response->local,
	    .remote = response->key.remote,
	    .exchange = EXCHANGE_KINK,
	    .owner = kink_token(KINK_STEP_ACCEPT, response->handle)};
	rule = judge(response, &chain, &model.selector, &two_way);
	if (rule == NULL)
		return;
	if (sad_by_spi_out(sad, &response->key.remote, response->choice.spi) != NULL) {
		/* RFC 4430 3.2: the responder MUST reject an SPI that exists. */
		refuse(
		    response, NOTIFY_INVALID_SPI, response->choice.spi, none, "its SPI is in use");
		return;
	}
	if (is_withdrawn(response, response->choice.spi)) {
		refuse(response, NOTIFY_INVALID_SPI, response->choice.spi, none,
		    "it was deleted before it came");
		return;
	}
	model.mode = rule->mode;
	model.policy_id = rule->id;
	model.suite.protocol = response->choice.suite.protocol;
	error = two_way ? ERR_OK : kink_handshake_begin(response);
	if (error == ERR_OK)
		error = sad_add(sad, &model, &response->pair);
	if (error == ERR_OK) {
		sad_agree(response->pair, &response->choice.suite, &response->choice.lifetime);
		error = sad_set_spi_out(sad, response->pair, response->choice.spi);
	}
	if (error == ERR_OK)
		error = kink_response_know_peer(response);
	if (error != ERR_OK) {
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
		kink_response_end(response);
	}
}

/* How many SPIs a DELETE names; ERR_INVALID when it is malformed or about something else. */
static enum err count_deleted(const struct isakmp_chain *chain, size_t *count)
{
	const struct isakmp_payload *payload = NULL;
	struct isakmp_delete request;

	*count = 0;
	while ((payload = isakmp_chain_find(chain, ISAKMP_DELETE, payload)) != NULL) {
		if (isakmp_delete_decode(payload->body, &request) != ERR_OK ||
		    request.protocol != PROTO_IPSEC_ESP)
			return ERR_INVALID;
		*count += request.spi_count;
	}
	return ERR_OK;
}

/* Gives up the pairs that a Delete payload names; ours gets our SPIs of them. */
static size_t retire_named(struct kink_response *response, const struct isakmp_delete *request,
    uint32_t *ours, uint32_t *unknown)
{
	struct sad *sad = kx_sad(response->kink->kx);
	size_t count = 0;

	for (size_t i = 0; i < request->spi_count; i++) {
		struct sa_pair *pair;
		uint32_t spi;

		if (isakmp_spi_decode(isakmp_delete_spi(request, i), &spi) != ERR_OK)
			continue;
		pair = sad_by_spi_out(sad, &response->key.remote, spi);
		if (pair == NULL || pair->state == SA_LARVAL) {
			/* The peer gave up before we were done; so do we. */
			if (pair != NULL)
				kink_withdraw(response->kink, pair);
			remember_withdrawn(response, spi);
			*unknown = spi;
			continue;
		}
		ours[count++] = pair->spi_in;
		sad_retire(sad, pair);
	}
	return count;
}

/* The peer names its inbound SAs; we answer with ours and drop both (RFC 4430 3.3). */
static void respond_delete(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner)
{
	const struct isakmp_payload *payload = NULL;
	struct isakmp_chain chain;
	struct isakmp_delete request;
	struct writer out;
	struct kink_writer answer;
	struct isakmp_writer payloads;
	uint32_t *ours = NULL;
	uint8_t *buffer = NULL;
	uint32_t unknown = 0;
	size_t count = 0;
	size_t named;

	if (kink_get_isakmp(message, inner, &chain) != ERR_OK ||
	    count_deleted(&chain, &named) != ERR_OK) {
		kink_response_notify(response, NOTIFY_PAYLOAD_MALFORMED, 0, (struct bytes){0});
		return;
	}
	/* As many as one datagram can name. */
	ours = calloc(named > 0 ? named : 1, sizeof(*ours));
	buffer = malloc(named * sizeof(*ours) + ANSWER_ROOM);
	if (ours == NULL || buffer == NULL) {
		kink_response_end(response);
		goto out;
	}
	while ((payload = isakmp_chain_find(&chain, ISAKMP_DELETE, payload)) != NULL) {
		if (isakmp_delete_decode(payload->body, &request) == ERR_OK)
			count += retire_named(response, &request, &ours[count], &unknown);
	}
	out = writer_of(buffer, named * sizeof(*ours) + ANSWER_ROOM);
	answer = kink_begin_plain(&out);
	payloads = kink_isakmp_begin(&answer);
	if (count > 0)
		quick_put_delete(&payloads, IPSEC_ESP, ours, count);
	if (count == 0 || unknown != 0)
		quick_put_notification(
		    &payloads, NOTIFY_INVALID_SPI, IPSEC_ESP, unknown, (struct bytes){0});
	kink_isakmp_end(&answer);
	if (writer_ok(&out))
		kink_response_answer(response, kink_copy(writer_bytes(&out)));
	else
		kink_response_end(response);
out:
	free(buffer);
	free(ours);
}

void kink_respond(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner)
{
	switch (response->type) {
	case KINK_CREATE:
		respond_create(response, message, inner);
		break;
	case KINK_DELETE:
		respond_delete(response, message, inner);
		break;
	case KINK_STATUS:
		/* The AP-REP and our epoch in it are the whole answer (RFC 4430 3.4, 3.7). */
		kink_response_answer(response, (struct bytes){0});
		break;
	default:
		kink_response_end(response);
		break;
	}
}
