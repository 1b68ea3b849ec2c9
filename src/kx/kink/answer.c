/*
 * A transaction as its responder, from the answer on: its message, which goes out when the data
 * plane has the SAs that it tells of. It is kept for a while, so that a retransmitted command gets
 * the same one. RFC 4430 3.2, 6, 9.
 */
#include <utlist.h>

#include "base/secret.h"
#include "kx/kink/response.h"

/* Answers that are kept at a time; each for as long as Kerberos accepts copies of its command. */
#define RETAINED_MAX 65536

/* What was answered before stays known, so that the command is not taken for a new one. */
static void no_answer(struct kink_response *response)
{
	if (response->handshake != NULL && response->handshake->waiting)
		kink_handshake_wait(response);
	else if (response->answered)
		kink_response_shed(response);
	else
		kink_response_end(response);
}

/* Builds the answer around the AP-REP. */
void kink_response_protect(struct kink_response *response)
{
	struct kink_header header = {.type = KINK_REPLY,
	    .doi = IPSEC_DOI,
	    .xid = response->key.xid,
	    .ackreq = response->handshake != NULL};
	const struct host *host = kx_host(response->kink->kx);
	struct kerberos_request request = {.operation = KERBEROS_PROTECT,
	    .token = kink_token(KINK_STEP_ANSWER, response->handle),
	    .session = response->session,
	    .affinity = kx_affinity(&response->key.remote)};
	uint8_t seed_buffer[KINK_SEEDS_MAX];
	struct writer seeds = writer_of(seed_buffer, sizeof(seed_buffer));
	uint8_t buffer[KINK_HEAD_MAX];
	struct writer head = writer_of(buffer, sizeof(buffer));
	enum err error;

	request.literal_prf = kink_is_racoon2(response->kink, &response->key.remote);
	if (response->keys_wanted)
		kink_respond_derivations(response, &request, &seeds);
	error = kink_prepare(response->kink, &response->key.remote, response->client, &header,
	    response->ap_rep, response->plain,
	    response->plain.len + response->lengths.seal_overhead, &head, &request);
	if (error == ERR_OK)
		error = host->kerberos(host->self, &request);
	secret_wipe(seed_buffer, seeds.len);
	if (error != ERR_OK) {
		kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
		no_answer(response);
	}
}

void kink_response_answer(struct kink_response *response, struct bytes plain)
{
	response->plain = plain;
	kink_response_protect(response);
}

static void over(struct timer *timer, void *context)
{
	(void)timer;
	kink_response_end(context);
}

void kink_response_answered(struct kink_response *response)
{
	struct kink *kink = response->kink;
	const struct host *host = kx_host(kink->kx);

	kink_response_shed(response);
	kink_grants_free(response);
	if (response->answered)
		return;
	response->answered = true;
	DL_APPEND2(kink->retained, response, previous, next);
	kink->retained_count++;
	if (!response->listed ||
	    timers_set(kx_timers(kink->kx), &response->timer,
		host->now_ms(host->self) + kink_memory_ms(kink), over, response) != ERR_OK) {
		kink_response_end(response);
		return;
	}
	if (kink->retained_count > RETAINED_MAX)
		kink_response_end(kink->retained);
}

static void send_answer(struct kink_response *response, struct bytes message, struct bytes checksum)
{
	if (kink_send(response->kink, &response->local, &response->remote, message, checksum) !=
	    ERR_OK)
		kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
	kink_response_answered(response);
}

/* The keys are there; the answer waits until the data plane has the SAs. */
static void install(struct kink_response *response, const struct kerberos_completion *completion)
{
	response->keys_wanted = false;
	response->message = bytes_copy(completion->message);
	response->checksum = bytes_copy(completion->checksum);
	if (response->message.data == NULL || response->checksum.data == NULL ||
	    kink_respond_install(response, completion) != ERR_OK)
		kink_response_end(response);
}

void kink_response_made(
    struct kink_response *response, const struct kerberos_completion *completion)
{
	if (completion->problem.code != ERR_OK) {
		kink_log_stranger(response->kink, &response->remote, "an answer cannot be made",
		    completion->problem.text);
		no_answer(response);
	} else if (response->keys_wanted) {
		install(response, completion);
	} else if (response->handshake != NULL && !response->answered) {
		kink_handshake_replied(response, completion->message, completion->checksum);
	} else {
		send_answer(response, completion->message, completion->checksum);
	}
}

/* All SAs are in both ways. */
static void establish(struct kink_response *response)
{
	struct kx *kx = response->kink->kx;

	for (size_t i = 0; i < response->grant_count; i++) {
		struct sa_pair *pair = response->grants[i].pair;

		response->grants[i].pair = NULL;
		if (pair == NULL)
			continue;
		sad_establish(kx_sad(kx), pair);
		kx_pair_accepted(kx, pair, response->client);
	}
	if (response->handshake != NULL)
		kink_response_answered(response);
	else
		send_answer(response, response->message, response->checksum);
}

void kink_response_go_on(struct kink_response *response)
{
	const struct kink_handshake *handshake = response->handshake;

	for (size_t i = 0; i < response->grant_count; i++) {
		if (response->grants[i].pair != NULL && !response->grants[i].installed)
			return;
	}
	if (handshake == NULL || (handshake->tries > 0 && !handshake->waiting))
		establish(response);
	else if (handshake->tries == 0)
		kink_handshake_replied(response, response->message, response->checksum);
}

void kink_response_installed(
    struct kink_response *response, struct sa_pair *pair, const struct problem *problem)
{
	struct kink_grant *grant = kink_grant_of(response, pair);

	if (grant == NULL)
		return;
	if (problem->code != ERR_OK) {
		const struct host *host = kx_host(response->kink->kx);

		log_event(host->log, LOG_LEVEL_ERROR, LOG_AREA_KINK, LOG_NO_FIELDS,
		    "the data plane refused an SA: %s", problem->text);
		if (response->handshake != NULL && response->handshake->tries > 0)
			kink_handshake_give_up(response);
		else
			kink_response_end(response);
		return;
	}
	grant->installed = true;
	kink_response_go_on(response);
}
