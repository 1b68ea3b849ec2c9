/*
 * CREATE as its responder: what is granted, the keys for it, and the answer. Nothing is sent before
 * the data plane has all of it. RFC 4430 3.2, 6.3.
 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "kx/kink/response.h"

/* No key exchange is under way. */
#define NONE_AGREEING KINK_SAS_MAX

static enum err put_answer(struct kink_response *response, struct bytes *plain)
{
	uint8_t buffer[KINK_PLAIN_MAX];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	enum err error = ERR_OK;

	for (size_t i = 0; error == ERR_OK && i < response->grant_count; i++)
		error = kink_grant_put(response, &response->grants[i], &message);
	if (error != ERR_OK)
		return error;
	*plain = writer_ok(&out) ? bytes_copy(writer_bytes(&out)) : (struct bytes){0};
	return plain->data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static void shed(struct kink_response *response)
{
	kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
	kink_response_end(response);
}

/* All that the answer says is known. */
static void answer(struct kink_response *response)
{
	struct bytes plain;

	/* Nothing is granted, so there is nothing to acknowledge. */
	if (kink_grant_first(response) == NULL) {
		free(response->handshake);
		response->handshake = NULL;
	}
	if (put_answer(response, &plain) != ERR_OK) {
		shed(response);
		return;
	}
	response->keys_wanted = kink_grant_first(response) != NULL;
	kink_response_answer(response, plain);
}

static enum err agree(struct kink_response *response, struct kink_grant *grant)
{
	const struct host *host = kx_host(response->kink->kx);
	struct agreement_request request = {.operation = AGREEMENT_ANSWER,
	    .token = kink_token(KINK_STEP_AGREE, response->handle),
	    .group = grant->choice.group,
	    .peer_value = grant->peer_value};

	grant->exchange = quick_key_exchange_new(grant->choice.group);
	return grant->exchange != NULL ? host->agree(host->self, &request) : ERR_NO_MEMORY;
}

/* The SPIs are there: one key exchange after the other, then the answer. */
static void go_on(struct kink_response *response)
{
	if (response->agreeing != NONE_AGREEING)
		return;
	for (uint8_t i = 0; i < response->grant_count; i++) {
		struct kink_grant *grant = &response->grants[i];

		if (grant->pair != NULL && !grant->reserved)
			return;
	}
	for (uint8_t i = 0; i < response->grant_count; i++) {
		struct kink_grant *grant = &response->grants[i];

		if (grant->pair == NULL || grant->peer_value.len == 0 || grant->exchange != NULL)
			continue;
		response->agreeing = i;
		if (agree(response, grant) != ERR_OK)
			shed(response);
		return;
	}
	answer(response);
}

void kink_respond_agreed(
    struct kink_response *response, const struct agreement_completion *completion)
{
	struct kink_grant *grant = &response->grants[response->agreeing];

	response->agreeing = NONE_AGREEING;
	if (completion->error == ERR_INVALID) {
		kink_grant_refuse(response, grant, NOTIFY_PAYLOAD_MALFORMED,
		    "the value in its KE payload is not valid");
	} else if (completion->error != ERR_OK ||
		   quick_key_exchange_keep(grant->exchange, completion) != ERR_OK) {
		shed(response);
		return;
	}
	go_on(response);
}

void kink_respond_reserved(
    struct kink_response *response, struct sa_pair *pair, const struct problem *problem)
{
	struct kink_grant *grant = kink_grant_of(response, pair);

	if (grant == NULL)
		return;
	/*
	 * One SPI in both directions is one key in both directions (RFC 2409 5.5), and with it the
	 * same nonces of a counter mode. The command's next transmission will find another SPI.
	 */
	if (problem->code == ERR_OK && quick_has_equal_spis(pair)) {
		kink_response_end(response);
		return;
	}
	if (problem->code != ERR_OK) {
		kink_log_stranger(
		    response->kink, &response->remote, "an SA cannot be made", problem->text);
		kink_response_end(response);
		return;
	}
	grant->reserved = true;
	go_on(response);
}

/* Three messages, with nonces of ours, when they are needed for any of the SAs (RFC 4430 6.3). */
static enum err begin_handshake(struct kink_response *response)
{
	const struct host *host = kx_host(response->kink->kx);
	bool two_way = true;

	for (size_t i = 0; i < response->grant_count; i++)
		two_way =
		    two_way && (response->grants[i].pair == NULL || response->grants[i].two_way);
	if (two_way)
		return ERR_OK;
	for (size_t i = 0; i < response->grant_count; i++)
		host->random(
		    host->self, response->grants[i].nonce, sizeof(response->grants[i].nonce));
	return kink_handshake_begin(response);
}

void kink_respond_create(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner)
{
	size_t count = kink_count_isakmp(message, inner);
	enum err error = ERR_OK;

	if (kx_is_stopping(response->kink->kx)) {
		kink_response_end(response);
		return;
	}
	if (count > KINK_SAS_MAX) {
		kx_count(response->kink->kx, KX_RESPONSES_REFUSED);
		kink_log_stranger(response->kink, &response->remote, "refused to make SAs",
		    "it asks for too many in one command");
		kink_response_notify(response, NOTIFY_NO_PROPOSAL_CHOSEN, 0, (struct bytes){0});
		return;
	}
	response->grants = secret_alloc(count * sizeof(*response->grants));
	response->agreeing = NONE_AGREEING;
	if (response->grants == NULL) {
		shed(response);
		return;
	}
	response->grant_count = (uint8_t)count;
	for (size_t i = 0; error == ERR_OK && i < count; i++) {
		struct isakmp_chain chain;

		error = kink_get_isakmp(message, inner, i, &chain);
		if (error == ERR_OK)
			error = kink_grant_begin(response, &response->grants[i], &chain);
	}
	if (error == ERR_OK)
		error = begin_handshake(response);
	if (error == ERR_OK && kink_grant_first(response) != NULL)
		error = kink_response_know_peer(response);
	if (error != ERR_OK)
		shed(response);
	else if (kink_grant_first(response) == NULL)
		answer(response);
}

void kink_respond_derivations(
    struct kink_response *response, struct kerberos_request *request, struct writer *seeds)
{
	for (size_t i = 0; i < response->grant_count; i++) {
		struct kink_grant *grant = &response->grants[i];
		struct quick_inputs inputs = {.ni = grant->initiator_nonce};

		grant->keys_asked = 0;
		if (grant->pair == NULL)
			continue;
		if (response->handshake != NULL)
			inputs.nr = bytes_of(grant->nonce, sizeof(grant->nonce));
		inputs.secret = quick_key_exchange_secret(grant->exchange);
		for (int direction = IPSEC_IN; direction <= IPSEC_OUT; direction++)
			grant->keys_asked += (uint8_t)kink_derivations(grant->pair,
			    (enum ipsec_direction)direction, &inputs, seeds,
			    &request->derivations[request->derivation_count + grant->keys_asked]);
		request->derivation_count += grant->keys_asked;
	}
}

static void keep_keys(struct kink_grant *grant, const struct bytes *keys)
{
	for (size_t i = 0; i < grant->pair->part_count; i++) {
		grant->key_lengths[i] = keys[i].len < SA_KEY_MAX ? keys[i].len : SA_KEY_MAX;
		if (keys[i].len > 0)
			memcpy(grant->keys_out[i], keys[i].data, grant->key_lengths[i]);
	}
}

/* With an ACK to come, the outbound SA waits for it. */
static enum err install(
    struct kink_response *response, struct kink_grant *grant, const struct bytes *keymat)
{
	struct sad *sad = kx_sad(response->kink->kx);
	struct bytes in[BUNDLE_MAX];
	struct bytes out[BUNDLE_MAX];
	size_t used = kink_spread_keys(grant->pair, keymat, grant->keys_asked, in);

	if (kink_spread_keys(grant->pair, &keymat[used], grant->keys_asked - used, out) == 0)
		return ERR_INVALID;
	sad_install(sad, grant->pair, IPSEC_IN, in);
	if (response->handshake == NULL)
		sad_install(sad, grant->pair, IPSEC_OUT, out);
	else
		keep_keys(grant, out);
	return ERR_OK;
}

enum err kink_respond_install(
    struct kink_response *response, const struct kerberos_completion *completion)
{
	size_t used = 0;

	for (size_t i = 0; i < response->grant_count; i++) {
		struct kink_grant *grant = &response->grants[i];
		enum err error = ERR_OK;

		if (grant->keys_asked > completion->keymat_count - used)
			return ERR_INVALID;
		if (grant->pair != NULL)
			error = install(response, grant, &completion->keymat[used]);
		if (error != ERR_OK)
			return error;
		used += grant->keys_asked;
	}
	return ERR_OK;
}

void kink_respond_lost(struct kink_response *response, struct sa_pair *pair)
{
	struct kink_grant *grant = kink_grant_of(response, pair);

	if (grant == NULL)
		return;
	grant->pair = NULL;
	grant->refusal = NOTIFY_INVALID_SPI;
	grant->refused_spi = pair->parts[0].spi_out;
	if (kink_grant_first(response) == NULL)
		kink_response_withdraw(response);
	else if (response->message.data != NULL)
		kink_response_go_on(response);
	else if (response->plain.data == NULL)
		go_on(response);
}
