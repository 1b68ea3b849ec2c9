/*
 * User-to-user as responder: our ticket-granting ticket for those to whom policy gives it. What is
 * asked and what goes out carry no checksum, so all is bounded. RFC 4430 3.1, 3.7.1, 4.2.4, 4.2.5,
 * 6.6.
 */
#include <stdlib.h>
#include <string.h>

#include "kx/kink/response.h"

/* Questions that wait for Kerberos. */
#define PENDING_MAX 64

/* A GETTGT under way. */
struct kink_question {
	uint64_t handle;
	uint32_t xid;
	struct endpoint remote;
	struct address local;
	struct bytes datagram;
};

static const struct policy_peer *allowed(struct kink *kink, const struct address *remote)
{
	const struct policy_peer *peer = policy_peer_of(kx_policy(kink->kx), remote);

	return peer != NULL && peer->user_to_user != POLICY_USER_TO_USER_OFF ? peer : NULL;
}

static void send_tgt(struct kink *kink, const struct address *local, const struct endpoint *remote,
    uint32_t xid, struct bytes tgt)
{
	const struct host *host = kx_host(kink->kx);
	struct kink_header header = {.type = KINK_REPLY, .doi = IPSEC_DOI, .xid = xid};
	size_t capacity = tgt.len + 64;
	uint8_t *buffer = malloc(capacity);
	struct writer out = writer_of(buffer, capacity);
	struct kink_writer message = kink_begin(&out, &header);

	/* A ticket is longer than the question: not everyone's wish counts. */
	if (buffer != NULL && limit_take(&kink->tgt_limit, host->now_ms(host->self))) {
		kink_put(&message, KINK_TGT_REP, tgt);
		kink_close(&message);
		if (!writer_ok(&out) ||
		    kink_send(kink, local, remote, writer_bytes(&out), (struct bytes){0}) != ERR_OK)
			kx_count(kink->kx, KX_DATAGRAMS_SHED);
	}
	free(buffer);
}

static void question_end(struct kink *kink, struct kink_question *question)
{
	slots_remove(&kink->questions, question->handle);
	bytes_drop(&question->datagram);
	free(question);
}

void kink_questions_clear(struct kink *kink)
{
	struct kink_question *question;
	uint32_t cursor = 0;

	while ((question = slots_next(&kink->questions, &cursor)) != NULL)
		question_end(kink, question);
	slots_clear(&kink->questions);
}

/* The name that is asked for, as RFC 1964 2.1.3 writes it. */
static bool read_name(const struct kink_message *message, char name[KERBEROS_NAME_MAX])
{
	const struct kink_payload *payload = kink_find(&message->outer, KINK_TGT_REQ);
	size_t len = payload != NULL ? payload->body.len : 0;

	if (len == 0 || len >= KERBEROS_NAME_MAX || memchr(payload->body.data, 0, len) != NULL)
		return false;
	memcpy(name, payload->body.data, len);
	name[len] = '\0';
	return true;
}

static enum err ask(struct kink *kink, const struct host_datagram *datagram,
    const struct kink_message *message, const char *name, const struct policy_peer *peer)
{
	const struct host *host = kx_host(kink->kx);
	struct kerberos_request request = {.operation = KERBEROS_TGT,
	    .affinity = kx_affinity(&datagram->remote.address),
	    .server = name};
	struct kink_question *question;
	enum err error = ERR_NO_MEMORY;

	if (kink->questions.count >= PENDING_MAX)
		return ERR_LIMIT;
	question = calloc(1, sizeof(*question));
	if (question == NULL)
		return error;
	question->xid = message->header.xid;
	question->remote = datagram->remote;
	question->local = datagram->local.address;
	question->datagram = bytes_copy(datagram->data);
	if (question->datagram.data == NULL ||
	    slots_add(&kink->questions, question, &question->handle) != ERR_OK) {
		bytes_drop(&question->datagram);
		free(question);
		return error;
	}
	if (peer->local_principal != NULL && strcmp(peer->local_principal, name) == 0)
		request.client = name;
	request.token = kink_token(KINK_STEP_TGT, question->handle);
	error = host->kerberos(host->self, &request);
	if (error != ERR_OK)
		question_end(kink, question);
	return error;
}

void kink_give_tgt(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message)
{
	const struct policy_peer *peer = allowed(kink, &datagram->remote.address);
	char name[KERBEROS_NAME_MAX];

	/* RFC 4430 6.6: whoever may not return a TGT says so. */
	if (peer == NULL)
		kink_send_error(
		    kink, datagram, message->header.xid, KINK_U2UDENIED, (struct bytes){0});
	else if (!read_name(message, name))
		kink_send_error(
		    kink, datagram, message->header.xid, KINK_PROTOERR, (struct bytes){0});
	else if (kx_is_stopping(kink->kx) || ask(kink, datagram, message, name, peer) != ERR_OK)
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
}

void kink_give_tgt_done(
    struct kink *kink, uint64_t handle, const struct kerberos_completion *completion)
{
	struct kink_question *question = slots_get(&kink->questions, handle);
	struct host_datagram datagram = {.port = HOST_PORT_KINK};

	if (question == NULL)
		return;
	datagram.local.address = question->local;
	datagram.remote = question->remote;
	datagram.data = question->datagram;
	if (completion->problem.code == ERR_OK) {
		send_tgt(kink, &question->local, &question->remote, question->xid, completion->tgt);
	} else {
		kink_log_stranger(
		    kink, &question->remote, "no ticket is given", completion->problem.text);
		kink_send_error(
		    kink, &datagram, question->xid, KINK_U2UDENIED, completion->reply_error);
	}
	question_end(kink, question);
}

bool kink_give_tgt_instead(struct kink_response *response, struct bytes tgt)
{
	if (tgt.len == 0 || allowed(response->kink, &response->key.remote) == NULL)
		return false;
	send_tgt(response->kink, &response->local, &response->remote, response->key.xid, tgt);
	return true;
}
