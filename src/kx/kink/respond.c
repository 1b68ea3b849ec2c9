/* What each command asks for, and the answers: RFC 4430 3.2 to 3.5, 5.5, 6. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/algorithms.h"
#include "kx/kink/kink-internal.h"

#define ANSWER_ROOM 256 /* what stands around the SPIs in the answer to a DELETE */

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

	for (size_t i = 0; i < pair->part_count; i++)
		answer.choices[0].parts[i].spi = pair->parts[i].spi_in;
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

size_t kink_respond_derivations(const struct kink_response *response,
    enum ipsec_direction direction, struct writer *seeds, struct kerberos_derivation *out)
{
	const struct kink_handshake *handshake = response->handshake;
	struct quick_inputs inputs = {.ni = response->nonce};

	if (handshake != NULL) {
		inputs.nr = bytes_of(handshake->nonce, sizeof(handshake->nonce));
		inputs.secret = kink_key_exchange_secret(&handshake->exchange);
	}
	return kink_derivations(response->pair, direction, &inputs, seeds, out);
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

static bool has_equal_spis(const struct sa_pair *pair)
{
	for (size_t i = 0; i < pair->part_count; i++) {
		if (pair->parts[i].spi_in == pair->parts[i].spi_out)
			return true;
	}
	return false;
}

void kink_respond_reserved(struct kink_response *response, const struct problem *problem)
{
	/*
	 * One SPI in both directions is one key in both directions (RFC 2409 5.5), and with it the
	 * same nonces of a counter mode. The command's next transmission will find another SPI.
	 */
	if (problem->code == ERR_OK && has_equal_spis(response->pair)) {
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

static bool is_same_choice(const struct offer_choice *a, const struct offer_choice *b)
{
	bool same = a->proposal_number == b->proposal_number && a->part_count == b->part_count;

	for (size_t i = 0; same && i < a->part_count; i++)
		same = a->parts[i].transform_number == b->parts[i].transform_number;
	return same;
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
	           is_same_choice(&response->choice, &first);
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
		.until_ms = host->now_ms(host->self) + kink_memory_ms(kink)};
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

/* The pair that was chosen, with the peer's SPIs. */
static enum err add_pair(struct kink_response *response, const struct sa_pair *model)
{
	const struct offer_choice *choice = &response->choice;
	struct sad *sad = kx_sad(response->kink->kx);
	enum ipsec_protocol protocols[BUNDLE_MAX];
	struct suite suites[BUNDLE_MAX];
	enum err error;

	offer_suites(choice, suites);
	for (size_t i = 0; i < choice->part_count; i++)
		protocols[i] = suites[i].protocol;
	error = sad_add(sad, model, protocols, choice->part_count, &response->pair);
	if (error != ERR_OK)
		return error;
	sad_agree(response->pair, suites, &choice->lifetime);
	for (size_t i = 0; error == ERR_OK && i < choice->part_count; i++)
		error = sad_set_spi_out(sad, &response->pair->parts[i], choice->parts[i].spi);
	return error;
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
	for (size_t i = 0; i < response->choice.part_count; i++) {
		const struct offer_part *part = &response->choice.parts[i];

		/* RFC 4430 3.2: the responder MUST reject an SPI that exists. */
		if (sad_by_spi_out(sad, &response->key.remote, part->suite.protocol, part->spi) !=
		    NULL) {
			refuse(response, NOTIFY_INVALID_SPI, part->spi, none, "its SPI is in use");
			return;
		}
		if (is_withdrawn(response, part->spi)) {
			refuse(response, NOTIFY_INVALID_SPI, part->spi, none,
			    "it was deleted before it came");
			return;
		}
	}
	model.mode = rule->mode;
	model.policy_id = rule->id;
	error = two_way ? ERR_OK : kink_handshake_begin(response);
	if (error == ERR_OK)
		error = add_pair(response, &model);
	if (error == ERR_OK)
		error = kink_response_know_peer(response);
	if (error != ERR_OK) {
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
		kink_response_end(response);
	}
}

/* What a DELETE command comes to. */
struct deletion {
	struct kink_response *response;
	struct isakmp_writer *answer;
	size_t found;
	uint32_t unknown; /* an SPI that nobody has; 0: none */
	enum ipsec_protocol unknown_protocol;
};

/* Drops the pair that has this SPI; returns our SPI of the same protocol, 0 when there is none. */
static uint32_t delete_one(struct deletion *deletion, enum ipsec_protocol protocol, uint32_t spi)
{
	struct kink_response *response = deletion->response;
	struct sad *sad = kx_sad(response->kink->kx);
	struct sa_pair *pair = sad_by_spi_out(sad, &response->key.remote, protocol, spi);
	uint32_t ours = 0;

	if (pair == NULL || pair->state == SA_LARVAL) {
		/* The peer gave up before we were done; so do we. */
		if (pair != NULL)
			kink_withdraw(response->kink, pair);
		remember_withdrawn(response, spi);
		deletion->unknown = spi;
		deletion->unknown_protocol = protocol;
		return 0;
	}
	for (size_t i = 0; i < pair->part_count; i++) {
		if (pair->parts[i].suite.protocol == protocol)
			ours = pair->parts[i].spi_in;
	}
	deletion->found++;
	sad_retire(sad, pair);
	return ours;
}

/* SPIs that are answered in one payload. */
#define DELETES_MAX 64

/* Drops the pairs that a Delete payload names and answers with ours. */
static void delete_named(
    struct deletion *deletion, enum ipsec_protocol protocol, const struct isakmp_delete *request)
{
	uint32_t ours[DELETES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < request->spi_count; i++) {
		uint32_t spi;

		if (quick_spi_decode(protocol, isakmp_delete_spi(request, i), &spi) == ERR_OK) {
			ours[count] = delete_one(deletion, protocol, spi);
			count += ours[count] != 0;
		}
		if (count == DELETES_MAX || (i + 1 == request->spi_count && count > 0)) {
			quick_put_delete(deletion->answer, protocol, ours, count);
			count = 0;
		}
	}
}

/* Whether a payload is a Delete payload of ours to understand, and of which protocol. */
static enum err read_delete(const struct isakmp_payload *payload, struct isakmp_delete *request,
    enum ipsec_protocol *protocol)
{
	enum err error = isakmp_delete_decode(payload->body, request);

	return error == ERR_OK ? quick_protocol_decode(request->protocol, protocol) : error;
}

/* The peer names its inbound SAs; we answer with ours and drop both (RFC 4430 3.3). */
static void respond_delete(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner)
{
	/* Nothing in the answer is longer than what it answers, but for the frame. */
	size_t capacity = response->command_plain.len + response->datagram.len + ANSWER_ROOM;
	uint8_t *buffer = malloc(capacity);
	struct writer out = writer_of(buffer, capacity);
	const struct isakmp_payload *payload = NULL;
	struct deletion deletion = {.response = response};
	struct isakmp_delete request;
	struct isakmp_chain chain;
	struct kink_writer answer;
	struct isakmp_writer payloads;
	enum ipsec_protocol protocol;
	struct bytes none = {0};
	bool good = kink_get_isakmp(message, inner, &chain) == ERR_OK;

	/* All of it is looked at before anything is done. */
	while (good && (payload = isakmp_chain_find(&chain, ISAKMP_DELETE, payload)) != NULL)
		good = read_delete(payload, &request, &protocol) == ERR_OK;
	if (!good || buffer == NULL) {
		free(buffer);
		kink_response_notify(response, NOTIFY_PAYLOAD_MALFORMED, 0, none);
		return;
	}
	answer = kink_begin_plain(&out);
	payloads = kink_isakmp_begin(&answer);
	deletion.answer = &payloads;
	while ((payload = isakmp_chain_find(&chain, ISAKMP_DELETE, payload)) != NULL) {
		if (read_delete(payload, &request, &protocol) == ERR_OK)
			delete_named(&deletion, protocol, &request);
	}
	if (deletion.found == 0 || deletion.unknown != 0)
		quick_put_notification(&payloads, NOTIFY_INVALID_SPI,
		    deletion.unknown != 0 ? deletion.unknown_protocol : IPSEC_ESP, deletion.unknown,
		    none);
	kink_isakmp_end(&answer);
	if (writer_ok(&out))
		kink_response_answer(response, kink_copy(writer_bytes(&out)));
	else
		kink_response_end(response);
	free(buffer);
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
