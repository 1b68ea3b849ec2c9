/*
 * A transaction as its responder, up to the command: verification first, then whether the principal
 * may speak for that address, and only then what the command asks for. RFC 4430 3, 6, 9.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "kx/kink/response.h"

void kink_response_not_pending(struct kink_response *response)
{
	if (response->waiting)
		response->kink->pending--;
	response->waiting = false;
}

static void release_session(struct kink_response *response)
{
	const struct host *host = kx_host(response->kink->kx);

	if (response->session != KERBEROS_SESSION_NONE)
		host->kerberos_release(
		    host->self, response->session, kx_affinity(&response->key.remote));
	response->session = KERBEROS_SESSION_NONE;
}

/* Everything that is not needed once the answer is on its way. */
void kink_response_shed(struct kink_response *response)
{
	release_session(response);
	kx_authorise_cancel(&response->authorisation);
	bytes_drop(&response->datagram);
	bytes_drop(&response->command_plain);
	bytes_drop(&response->ap_rep);
	bytes_drop(&response->message);
	bytes_drop(&response->checksum);
	free(response->client);
	response->datagram = (struct bytes){0};
	response->command_plain = (struct bytes){0};
	response->ap_rep = (struct bytes){0};
	response->message = (struct bytes){0};
	response->checksum = (struct bytes){0};
	response->client = NULL;
}

void kink_response_end(struct kink_response *response)
{
	struct kink *kink = response->kink;

	kink_response_not_pending(response);
	kink_response_shed(response);
	timers_cancel(kx_timers(kink->kx), &response->timer);
	kink_grants_free(response);
	if (response->listed)
		HASH_DELETE(by_key, kink->responses_by_key, response);
	if (response->answered) {
		DL_DELETE2(kink->retained, response, previous, next);
		kink->retained_count--;
	}
	slots_remove(&kink->responses, response->handle);
	free(response->handshake);
	bytes_drop(&response->plain);
	free(response);
}

void kink_response_withdraw(struct kink_response *response)
{
	if (response->handshake == NULL || response->handshake->tries == 0) {
		kink_response_end(response);
		return;
	}
	response->handshake->waiting = false;
	response->withdrawn = true;
	kink_response_answered(response);
}

/* What a retransmission has in common with the command: FNV-1a over what was authenticated. */
static uint64_t digest_of(uint8_t type, uint32_t epoch, struct bytes plain)
{
	uint64_t hash = 14695981039346656037ULL ^ type ^ (uint64_t)epoch << 8;

	for (size_t i = 0; i < plain.len; i++)
		hash = (hash ^ plain.data[i]) * 1099511628211ULL;
	return hash;
}

enum err kink_response_verify(
    struct kink_response *response, const struct kink_message *message, enum kink_step step)
{
	const struct host *host = kx_host(response->kink->kx);
	const struct kink_payload *ap_req = kink_find(&message->outer, KINK_AP_REQ);
	const struct kink_payload *sealed = kink_find(&message->outer, KINK_ENCRYPT);
	const struct policy_peer *peer =
	    policy_peer_of(kx_policy(response->kink->kx), &response->key.remote);
	struct kerberos_request request = {.operation = KERBEROS_ACCEPT,
	    .token = kink_token(step, response->handle),
	    .affinity = kx_affinity(&response->key.remote),
	    .encryption_usage = KINK_USAGE_ENCRYPTION,
	    .checksum_usage = KINK_USAGE_CHECKSUM,
	    .checksum = message->checksum};
	uint8_t *buffer = malloc(message->octets.len);
	struct writer scratch = writer_of(buffer, message->octets.len);
	struct kink_ap ap;
	enum err error = ERR_NO_MEMORY;

	if (buffer == NULL)
		return error;
	error = ap_req != NULL ? kink_ap_decode(ap_req->body, &ap) : ERR_INVALID;
	if (error == ERR_OK)
		error = kink_signed_part(message, &scratch, &request.signed_part);
	if (error == ERR_OK) {
		request.ap = ap.ap;
		if (sealed != NULL)
			request.sealed = sealed->body;
		if (peer != NULL) {
			request.groups = peer->initiator_groups;
			request.group_count = peer->initiator_group_count;
		}
		error = host->kerberos(host->self, &request);
	}
	if (error == ERR_OK) {
		response->waiting = true;
		response->kink->pending++;
	}
	free(buffer);
	return error;
}

void kink_response_begin(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message)
{
	struct kink_response *response;
	enum err error = ERR_LIMIT;

	if (message->checksum.len == 0) {
		/* RFC 4430 6: a command with a ticket has a checksum. */
		kx_count(kink->kx, KX_DATAGRAMS_UNAUTHENTIC);
		return;
	}
	if (kink->pending >= kx_policy(kink->kx)->daemon.max_pending) {
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
		return;
	}
	response = calloc(1, sizeof(*response));
	if (response == NULL) {
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
		return;
	}
	response->kink = kink;
	response->key.remote = datagram->remote.address;
	response->key.xid = message->header.xid;
	response->remote = datagram->remote;
	response->local = datagram->local.address;
	response->type = message->header.type;
	if (slots_add(&kink->responses, response, &response->handle) != ERR_OK) {
		free(response);
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
		return;
	}
	response->datagram = bytes_copy(datagram->data);
	if (response->datagram.data != NULL)
		error = kink_response_verify(response, message, KINK_STEP_ACCEPT);
	if (error != ERR_OK) {
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
		kink_response_end(response);
	}
}

/*
 * A command that was answered before: the same answer in a new AP-REP. One whose answer is on its
 * way is dropped, and so is the copy of a command that is being worked on.
 */
static bool is_retransmission(struct kink_response *response)
{
	struct kink *kink = response->kink;
	struct kink_response *earlier;

	HASH_FIND(by_key, kink->responses_by_key, &response->key, sizeof(response->key), earlier);
	if (earlier == NULL)
		return false;
	if (earlier->digest != response->digest) {
		/* Another command under an old number, of a peer that counts anew. */
		if (!earlier->answered)
			return true;
		kink_response_end(earlier);
		return false;
	}
	if (earlier->answered && !earlier->withdrawn && earlier->session == KERBEROS_SESSION_NONE) {
		earlier->session = response->session;
		earlier->lengths = response->lengths;
		earlier->ap_rep = response->ap_rep;
		earlier->remote = response->remote;
		earlier->keys_wanted = false;
		response->session = KERBEROS_SESSION_NONE;
		response->ap_rep = (struct bytes){0};
		kink_response_protect(earlier);
	}
	return true;
}

/* Whether the peer's state is what its SAs here were made with (RFC 4430 3.7). */
static bool epoch_is_good(struct kink_response *response)
{
	struct kx *kx = response->kink->kx;
	const struct host *host = kx_host(kx);
	struct sa_peer *peer = sad_find_peer(kx_sad(kx), &response->key.remote);

	if (peer == NULL)
		return true;
	switch (sad_peer_command_epoch(
	    peer, response->epoch, response->authenticator_us, host->now_ms(host->self))) {
	case SA_EPOCH_STALE:
		kx_count(kx, KX_DATAGRAMS_REPLAYED);
		return false;
	case SA_EPOCH_NEW:
		kx_peer_restarted(kx, &response->key.remote, TIMERS_NEVER);
		break;
	case SA_EPOCH_CURRENT:
		break;
	}
	kx_peer_heard(kx, &response->key.remote);
	return true;
}

enum err kink_response_know_peer(struct kink_response *response)
{
	const struct host *host = kx_host(response->kink->kx);
	struct sa_peer *peer = kink_grant_first(response)->pair->peer;

	(void)sad_peer_command_epoch(
	    peer, response->epoch, response->authenticator_us, host->now_ms(host->self));
	return sad_peer_set_principal(peer, response->client);
}

/*
 * Another host behind the same NAT. Peers are told apart by address (RFC 4430 3.7: epochs are a
 * host's), so that taking it in would end the first one's SAs.
 */
static void refuse_neighbour(struct kink_response *response, const char *neighbour)
{
	char why[2 * KERBEROS_NAME_MAX + 80];

	kx_count(response->kink->kx, KX_RESPONSES_REFUSED);
	(void)snprintf(why, sizeof(why),
	    "%s is behind the same NAT as %s, which has SAs: only one host of an address can",
	    response->client, neighbour);
	kink_log_stranger(response->kink, &response->remote, "refused to make an SA", why);
	kink_response_notify(response, NOTIFY_NO_PROPOSAL_CHOSEN, 0, (struct bytes){0});
}

void kink_response_authorised(struct kink_response *response)
{
	struct kink *kink = response->kink;
	struct kink_message message;
	struct kink_payloads inner;
	struct kink_violation violation;
	const struct kink_payload *ap_req;
	struct kink_ap ap;
	enum kink_form form;
	enum kink_error error;
	const char *neighbour;
	bool sealed;

	/* It was decoded when it arrived, so it decodes again. */
	if (kink_decode(response->datagram, &message, &error) != ERR_OK)
		goto drop;
	ap_req = kink_find(&message.outer, KINK_AP_REQ);
	if (ap_req == NULL || kink_ap_decode(ap_req->body, &ap) != ERR_OK)
		goto drop;
	response->epoch = ap.epoch;
	response->digest = digest_of(response->type, ap.epoch, response->command_plain);
	if (is_retransmission(response))
		goto drop;
	neighbour = kink_nat_neighbour(response);
	if (neighbour != NULL) {
		refuse_neighbour(response, neighbour);
		return;
	}
	if (!epoch_is_good(response))
		goto drop;
	HASH_ADD(by_key, kink->responses_by_key, key, sizeof(response->key), response);
	if (!table_holds(&response->by_key))
		goto drop;
	response->listed = true;
	sealed = kink_find(&message.outer, KINK_ENCRYPT) != NULL;
	if (sealed && kink_decode_plain(response->command_plain, &inner) != ERR_OK) {
		kx_count(kink->kx, KX_DATAGRAMS_MALFORMED);
		kink_response_error(response, KINK_PROTOERR);
		return;
	}
	if (kink_grammar_check(&message, sealed ? &inner : NULL, KINK_CREATE, &form, &violation) !=
	    ERR_OK) {
		kx_count(kink->kx, KX_DATAGRAMS_MALFORMED);
		kink_log_stranger(
		    kink, &response->remote, "an authentic command is malformed", violation.rule);
		if (violation.error != KINK_OK)
			kink_response_error(response, violation.error);
		else
			kink_response_notify(response, violation.notify, 0,
			    bytes_of(&violation.payload_type,
				violation.notify == NOTIFY_INVALID_PAYLOAD_TYPE ? 1 : 0));
		return;
	}
	kink_log_notifications(kink, &response->remote, &message, sealed ? &inner : NULL);
	kink_respond(response, &message, sealed ? &inner : NULL);
	return;
drop:
	kink_response_end(response);
}

static void accepted(struct kink_response *response, const struct kerberos_completion *completion)
{
	response->session = completion->session;
	response->lengths = completion->lengths;
	response->authenticator_us = completion->authenticator_us;
	response->membership = completion->membership;
	response->ap_rep = bytes_copy(completion->ap);
	response->command_plain = bytes_copy(completion->plain);
	response->client = strdup(completion->client);
	if (response->client == NULL || response->ap_rep.data == NULL ||
	    (completion->plain.len > 0 && response->command_plain.data == NULL)) {
		kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
		kink_response_end(response);
		return;
	}
	kink_authorise(response);
}

void kink_response_kerberos_done(struct kink *kink, enum kink_step step, uint64_t handle,
    const struct kerberos_completion *completion)
{
	const struct host *host = kx_host(kink->kx);
	struct kink_response *response = slots_get(&kink->responses, handle);

	if (response == NULL) {
		if (step != KINK_STEP_ANSWER && completion->session != KERBEROS_SESSION_NONE)
			host->kerberos_release(
			    host->self, completion->session, completion->affinity);
		return;
	}
	if (step == KINK_STEP_CONFIRM) {
		kink_response_not_pending(response);
		kink_handshake_confirmed(response, completion);
	} else if (step == KINK_STEP_ACCEPT) {
		kink_response_not_pending(response);
		if (completion->problem.code == ERR_OK)
			accepted(response, completion);
		else
			kink_response_refuse(response, completion);
	} else if (step == KINK_STEP_REFUSE) {
		kink_response_refused(response, completion);
	} else {
		kink_response_made(response, completion);
	}
}
