/* What each command asks for, and the answers: RFC 4430 3.2 to 3.5, 5.5, 6. */
#include <stdio.h>

#include "kx/kink/kink-internal.h"

#define DELETES_MAX  64    /* SPIs in one DELETE command */
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
	struct offer answer = {.count = 1, .choices = {response->choice}};
	uint8_t buffer[512];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct isakmp_writer chain = kink_isakmp_begin(&message);
	enum err error;

	answer.choices[0].spi = pair->spi_in;
	error = quick_put_offer(&chain, &answer);
	quick_put_identities(&chain, &pair->selector, &pair->local, &pair->remote, false);
	kink_isakmp_end(&message);
	if (error != ERR_OK)
		return error;
	*plain = writer_ok(&out) ? kink_copy(writer_bytes(&out)) : (struct bytes){0};
	return plain->data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

void kink_respond_reserved(struct kink_response *response, const struct problem *problem)
{
	const struct sa_pair *pair = response->pair;
	struct bytes plain;

	/*
	 * One SPI in both directions is one key in both directions (RFC 2409 5.5), and with it the
	 * same nonces of a counter mode. The command's next transmission will find another SPI.
	 */
	if (problem->code == ERR_OK && pair->spi_in == pair->spi_out) {
		kink_response_end(response);
		return;
	}
	if (problem->code != ERR_OK || put_answer(response, &plain) != ERR_OK) {
		kink_log_stranger(response->kink, &response->remote, "an SA cannot be made",
		    problem->code != ERR_OK ? problem->text : "out of memory");
		kink_response_end(response);
		return;
	}
	response->keys_wanted = true;
	kink_response_answer(response, plain);
}

/* The rule under which the peer may have this SA, and the choice that the rule accepts. */
static const struct policy_rule *judge(
    struct kink_response *response, const struct isakmp_chain *chain, struct selector *selector)
{
	static const uint8_t ke = ISAKMP_KE;
	const struct policy *policy = kx_policy(response->kink->kx);
	const struct policy_rule *rule;
	struct offer offer;
	struct problem problem;
	enum notify_type notify;
	bool first_known;
	enum err error;
	char why[2 * RANGE_TEXT_SIZE + 80];
	char local[RANGE_TEXT_SIZE];
	char remote[RANGE_TEXT_SIZE];
	struct bytes none = {0};

	if (isakmp_chain_find(chain, ISAKMP_KE, NULL) != NULL) {
		refuse(response, NOTIFY_INVALID_PAYLOAD_TYPE, 0, bytes_of(&ke, 1),
		    "key exchange is not supported");
		return NULL;
	}
	error = quick_get_nonce(chain, &response->nonce);
	if (error != ERR_OK || response->nonce.len == 0) {
		refuse(response, NOTIFY_PAYLOAD_MALFORMED, 0, none, "it has no valid nonce");
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
	rule = policy_lookup_selector(policy, selector, &response->key.remote);
	if (rule == NULL) {
		(void)snprintf(why, sizeof(why),
		    "no policy protects traffic between %s and %s with this peer",
		    range_format(&selector->local, local), range_format(&selector->remote, remote));
		refuse(response, NOTIFY_NO_PROPOSAL_CHOSEN, 0, none, why);
		return NULL;
	}
	error = offer_select(rule, &offer, &response->choice, &problem);
	if (error != ERR_OK) {
		refuse(response, NOTIFY_NO_PROPOSAL_CHOSEN, 0, none, problem.text);
		return NULL;
	}
	if (!first_known ||
	    response->choice.transform_number != offer.choices[0].transform_number ||
	    response->choice.proposal_number != offer.choices[0].proposal_number) {
		refuse(response, NOTIFY_NO_PROPOSAL_CHOSEN, 0, none,
		    "its first proposal is not accepted; put the same esp suite first on both "
		    "hosts");
		return NULL;
	}
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
	rule = judge(response, &chain, &model.selector);
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

/* The peer names its inbound SAs; we answer with ours and drop both (RFC 4430 3.3). */
static void respond_delete(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner)
{
	struct sad *sad = kx_sad(response->kink->kx);
	const struct isakmp_payload *payload = NULL;
	struct isakmp_chain chain;
	uint32_t ours[DELETES_MAX];
	uint32_t unknown = 0;
	size_t count = 0;
	uint8_t buffer[512];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer answer = kink_begin_plain(&out);
	struct isakmp_writer payloads = kink_isakmp_begin(&answer);

	if (kink_get_isakmp(message, inner, &chain) != ERR_OK) {
		kink_response_notify(response, NOTIFY_PAYLOAD_MALFORMED, 0, (struct bytes){0});
		return;
	}
	while ((payload = isakmp_chain_find(&chain, ISAKMP_DELETE, payload)) != NULL) {
		struct isakmp_delete request;

		if (isakmp_delete_decode(payload->body, &request) != ERR_OK ||
		    request.protocol != PROTO_IPSEC_ESP) {
			kink_response_notify(
			    response, NOTIFY_PAYLOAD_MALFORMED, 0, (struct bytes){0});
			return;
		}
		for (size_t i = 0; i < request.spi_count && count < DELETES_MAX; i++) {
			struct sa_pair *pair = NULL;
			uint32_t spi;

			if (isakmp_spi_decode(isakmp_delete_spi(&request, i), &spi) != ERR_OK)
				continue;
			pair = sad_by_spi_out(sad, &response->key.remote, spi);
			if (pair == NULL || pair->state == SA_LARVAL) {
				/* The peer gave up before we were done; so do we. */
				if (pair != NULL)
					kink_withdraw(response->kink, pair);
				remember_withdrawn(response, spi);
				unknown = spi;
				continue;
			}
			ours[count++] = pair->spi_in;
			sad_retire(sad, pair);
		}
	}
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
