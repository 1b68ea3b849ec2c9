/*
 * The three-way handshake as its responder: a REPLY that is repeated until its ACK comes, and the
 * outbound SA, which waits for that. RFC 4430 3.2, 6.2, 9.
 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "kx/kink/command.h"
#include "kx/kink/response.h"

enum err kink_handshake_begin(struct kink_response *response)
{
	struct kink_handshake *handshake = calloc(1, sizeof(*handshake));

	if (handshake == NULL)
		return ERR_NO_MEMORY;
	handshake->interval_ms = kx_policy(response->kink->kx)->daemon.retransmit_first;
	response->handshake = handshake;
	return ERR_OK;
}

void kink_handshake_give_up(struct kink_response *response)
{
	const struct host *host = kx_host(response->kink->kx);
	char remote[ENDPOINT_TEXT_SIZE];

	log_event(host->log, LOG_LEVEL_WARNING, LOG_AREA_KINK,
	    LOG_FIELDS({"remote", endpoint_format(&response->remote, remote)},
		{"principal", response->client}),
	    "the SAs are given up: %u replies were sent, and no ACK came",
	    response->handshake->tries);
	for (size_t i = 0; i < response->grant_count; i++) {
		struct sa_pair *pair = response->grants[i].pair;

		response->grants[i].pair = NULL;
		if (pair == NULL)
			continue;
		pair->owner = 0;
		kx_pair_unexpected(response->kink->kx, pair);
		kink_delete_pair(response->kink, pair, false);
	}
	kink_response_withdraw(response);
}

static void repeat(struct timer *timer, void *context)
{
	struct kink_response *response = context;
	struct kink *kink = response->kink;

	(void)timer;
	if (response->handshake->tries >= kx_policy(kink->kx)->daemon.retransmit_tries) {
		kink_handshake_give_up(response);
		return;
	}
	kx_count(kink->kx, KX_RETRANSMISSIONS);
	kink_response_protect(response);
}

void kink_handshake_wait(struct kink_response *response)
{
	struct kink_handshake *handshake = response->handshake;
	struct kink *kink = response->kink;
	const struct host *host = kx_host(kink->kx);
	uint64_t due = host->now_ms(host->self) + handshake->interval_ms;

	handshake->waiting = true;
	handshake->tries++;
	handshake->interval_ms = kink_next_interval(kink, handshake->interval_ms);
	if (timers_set(kx_timers(kink->kx), &response->timer, due, repeat, response) != ERR_OK)
		kink_handshake_give_up(response);
}

void kink_handshake_replied(
    struct kink_response *response, struct bytes message, struct bytes checksum)
{
	const struct kink_handshake *handshake = response->handshake;

	if (handshake->tries > 0 && !handshake->waiting)
		return; /* the ACK came meanwhile */
	if (kink_send(response->kink, &response->local, &response->remote, message, checksum) !=
	    ERR_OK)
		kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
	kink_handshake_wait(response);
}

void kink_handshake_ack(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message)
{
	const struct kink_payload *ap_req = kink_find(&message->outer, KINK_AP_REQ);
	struct kink_response_key key = {0};
	struct kink_response *response;
	struct kink_ap ap;

	key.remote = datagram->remote.address;
	key.xid = message->header.xid;
	HASH_FIND(by_key, kink->responses_by_key, &key, sizeof(key), response);
	if (response == NULL || response->handshake == NULL || !response->handshake->waiting) {
		kx_count(kink->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	if (message->checksum.len == 0 || ap_req == NULL ||
	    kink_ap_decode(ap_req->body, &ap) != ERR_OK) {
		kx_count(kink->kx, KX_DATAGRAMS_UNAUTHENTIC);
		return;
	}
	if (response->waiting || kink->pending >= kx_policy(kink->kx)->daemon.max_pending ||
	    kink_response_verify(response, message, KINK_STEP_CONFIRM) != ERR_OK) {
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
		return;
	}
	response->handshake->ack_epoch = ap.epoch;
}

void kink_handshake_confirmed(
    struct kink_response *response, const struct kerberos_completion *completion)
{
	struct kink_handshake *handshake = response->handshake;
	struct kink *kink = response->kink;
	const struct host *host = kx_host(kink->kx);
	enum err error = completion->problem.code;

	if (completion->session != KERBEROS_SESSION_NONE)
		host->kerberos_release(host->self, completion->session, completion->affinity);
	if (error != ERR_OK) {
		kx_count(kink->kx,
		    error == ERR_REPLAY ? KX_DATAGRAMS_REPLAYED : KX_DATAGRAMS_UNAUTHENTIC);
		kink_log_stranger(
		    kink, &response->remote, "an ACK is not accepted", completion->problem.text);
		return;
	}
	/* Who agreed confirms, and with the state that he had then (RFC 4430 3.7). */
	if (!handshake->waiting || strcmp(completion->client, response->client) != 0 ||
	    handshake->ack_epoch != response->epoch) {
		kx_count(kink->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	handshake->waiting = false;
	timers_cancel(kx_timers(kink->kx), &response->timer);
	for (size_t i = 0; i < response->grant_count; i++) {
		struct kink_grant *grant = &response->grants[i];
		struct bytes keys[BUNDLE_MAX];

		for (size_t j = 0; j < BUNDLE_MAX; j++)
			keys[j] = bytes_of(grant->keys_out[j], grant->key_lengths[j]);
		grant->installed = false;
		if (grant->pair != NULL)
			sad_install(kx_sad(kink->kx), grant->pair, IPSEC_OUT, keys);
		secret_wipe(grant->keys_out, sizeof(grant->keys_out));
	}
}
