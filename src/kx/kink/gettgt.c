/*
 * User-to-user as initiator: when a peer's ticket-granting ticket is needed, GETTGT that brings it,
 * and what to do when it is not good any more. RFC 4430 3.1, 3.7.1, 4.2.4, 4.2.8, 6.6.
 */
#include <stdlib.h>
#include <string.h>

#include "kx/kink/command.h"

/* Peers whose tickets are remembered. */
#define TGTS_MAX    16384
/* How often one command fetches a ticket before it fails. */
#define FETCHES_MAX 2

static const struct policy_peer *peer_of(const struct kink_command *command)
{
	return policy_peer_of(kx_policy(command->kink->kx), &command->remote.address);
}

static struct kink_tgt *find(struct kink *kink, const struct address *remote)
{
	struct kink_tgt *tgt;

	HASH_FIND(by_remote, kink->tgts, remote, sizeof(*remote), tgt);
	return tgt;
}

static void drop(struct kink *kink, struct kink_tgt *tgt)
{
	HASH_DELETE(by_remote, kink->tgts, tgt);
	bytes_drop(&tgt->octets);
	free(tgt);
}

void kink_tgts_clear(struct kink *kink)
{
	while (kink->tgts != NULL)
		drop(kink, kink->tgts);
}

/* The entry for a peer that is to be met by user-to-user, made if need be. */
static struct kink_tgt *entry_of(struct kink *kink, const struct address *remote)
{
	struct kink_tgt *tgt = find(kink, remote);

	if (tgt != NULL)
		return tgt;
	if (HASH_CNT(by_remote, kink->tgts) >= TGTS_MAX)
		drop(kink, kink->tgts); /* the oldest */
	tgt = calloc(1, sizeof(*tgt));
	if (tgt == NULL)
		return NULL;
	tgt->remote = *remote;
	HASH_ADD(by_remote, kink->tgts, remote, sizeof(tgt->remote), tgt);
	if (table_holds(&tgt->by_remote))
		return tgt;
	free(tgt);
	return NULL;
}

static bool keep(struct kink_command *command, struct bytes octets)
{
	struct kink_tgt *tgt = entry_of(command->kink, &command->remote.address);
	struct bytes copy = bytes_copy(octets);

	if (tgt == NULL || copy.data == NULL) {
		bytes_drop(&copy);
		return false;
	}
	bytes_drop(&tgt->octets);
	tgt->octets = copy;
	return true;
}

bool kink_is_user_to_user(const struct kink_command *command, struct bytes *octets)
{
	const struct policy_peer *peer = peer_of(command);
	const struct kink_tgt *tgt = find(command->kink, &command->remote.address);

	*octets = tgt != NULL ? tgt->octets : (struct bytes){0};
	if (peer == NULL || peer->user_to_user == POLICY_USER_TO_USER_OFF)
		return false;
	return peer->user_to_user == POLICY_USER_TO_USER_REQUIRE || tgt != NULL;
}

bool kink_want_user_to_user(struct kink_command *command)
{
	const struct policy_peer *peer = peer_of(command);

	return peer != NULL && peer->user_to_user == POLICY_USER_TO_USER_ALLOW &&
	       find(command->kink, &command->remote.address) == NULL &&
	       entry_of(command->kink, &command->remote.address) != NULL;
}

struct problem kink_user_to_user_advice(
    const struct kink_command *command, const struct kerberos_completion *completion)
{
	const struct policy_peer *peer = peer_of(command);
	struct problem advice = completion->problem;

	if (completion->remedy == KERBEROS_REMEDY_USER_TO_USER && peer != NULL &&
	    peer->user_to_user == POLICY_USER_TO_USER_OFF)
		(void)problem_set(&advice, completion->problem.code,
		    "%s: set user_to_user for peer \"%s\"", completion->problem.text, peer->name);
	return advice;
}

static void leave_user_to_user(struct kink_command *command)
{
	struct kink_tgt *tgt = find(command->kink, &command->remote.address);

	if (tgt != NULL)
		drop(command->kink, tgt);
}

bool kink_gettgt_after_failure(
    struct kink_command *command, const struct kerberos_completion *completion)
{
	struct bytes octets;

	if (completion->remedy == KERBEROS_REMEDY_USER_TO_USER)
		return kink_want_user_to_user(command);
	/* The KDC does not take it: it has ended, say. A new one may do. */
	if (!kink_is_user_to_user(command, &octets) || octets.len == 0 ||
	    command->tgts_fetched >= FETCHES_MAX || completion->problem.code == ERR_UNAVAILABLE ||
	    completion->problem.code == ERR_UNREACHABLE || completion->problem.code == ERR_LIMIT)
		return false;
	leave_user_to_user(command);
	return entry_of(command->kink, &command->remote.address) != NULL;
}

enum err kink_gettgt_send(struct kink_command *command)
{
	struct kink_header header = {.type = KINK_GETTGT, .doi = IPSEC_DOI, .xid = command->xid};
	uint8_t buffer[KERBEROS_NAME_MAX + 64];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin(&out, &header);

	kink_put(&message, KINK_TGT_REQ, bytes_of(command->principal, strlen(command->principal)));
	kink_close(&message);
	if (!writer_ok(&out))
		return ERR_TOO_LONG;
	return kink_send(command->kink, &command->local, &command->remote, writer_bytes(&out),
	    (struct bytes){0});
}

void kink_gettgt_begin(struct kink_command *command)
{
	struct problem problem;

	if (command->tgts_fetched >= FETCHES_MAX) {
		(void)problem_set(&problem, ERR_REFUSED,
		    "the KDC takes none of the tickets that the peer gives for %s",
		    command->principal);
		kink_command_fail(command, &problem);
		return;
	}
	command->tgts_fetched++;
	command->getting_tgt = true;
	kink_command_repeat(command);
}

void kink_gettgt_given_up(struct kink_command *command)
{
	/* It may be the ticket, or the peer may not want it at all: next time from the start. */
	leave_user_to_user(command);
}

static struct bytes tgt_in(
    const struct kink_message *message, const struct kink_command *command, bool *good)
{
	const struct kink_payload *payload = kink_find(&message->outer, KINK_TGT_REP);
	struct kink_violation violation;
	enum kink_form form;

	*good =
	    kink_grammar_check(message, NULL, command->kind->type, &form, &violation) == ERR_OK &&
	    form == KINK_FORM_REPLY_TGT;
	return *good ? payload->body : (struct bytes){0};
}

/* An error in place of a ticket: nobody has signed it. */
static void read_refusal(struct kink_command *command, const struct kink_message *message)
{
	const struct kink_payload *payload = kink_find(&message->outer, KINK_ERROR);
	uint32_t error = KINK_OK;

	if (kink_find(&message->outer, KINK_KRB_ERROR) != NULL)
		(void)problem_set(&command->hint, ERR_REFUSED,
		    "the peer has no ticket-granting ticket as %s", command->principal);
	else if (payload == NULL || kink_error_decode(payload->body, &error) != ERR_OK ||
		 error == KINK_OK)
		return;
	else if (error == KINK_U2UDENIED)
		(void)problem_set(&command->hint, ERR_REFUSED,
		    "the peer does not give us its ticket: set user_to_user for us there");
	else
		(void)problem_set(&command->hint, ERR_REFUSED, "%s", kink_error_name(error));
	kink_log_stranger(
	    command->kink, &command->remote, "unauthenticated error", command->hint.text);
}

void kink_gettgt_reply(struct kink_command *command, const struct kink_message *message)
{
	bool good;
	struct bytes octets = tgt_in(message, command, &good);

	if (!good) {
		read_refusal(command, message);
	} else if (keep(command, octets)) {
		command->getting_tgt = false;
		kink_command_restart(command);
	}
}

void kink_tgt_offered(struct kink_command *command, const struct kink_message *message)
{
	const struct host *host = kx_host(command->kink->kx);
	struct kerberos_request request = {.operation = KERBEROS_REQUEST,
	    .token = kink_token(KINK_STEP_TRY_TGT, command->handle),
	    .affinity = kx_affinity(&command->remote.address),
	    .server = command->principal,
	    .min_lifetime = 1};
	const struct policy_peer *peer = peer_of(command);
	struct bytes known;
	bool good;

	request.tgt = tgt_in(message, command, &good);
	/*
	 * Anyone could have sent it, and 3.7.1 wants the ticket kept until there is a better one:
	 * so the KDC is asked first, once for a command.
	 */
	if (!good || peer == NULL || command->offered.data != NULL || command->answered ||
	    !kink_is_user_to_user(command, &known) || bytes_equal(known, request.tgt)) {
		kx_count(command->kink->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	request.client = peer->local_principal;
	command->offered = bytes_copy(request.tgt);
	if (command->offered.data != NULL)
		(void)host->kerberos(host->self, &request);
}

void kink_tgt_tried(struct kink_command *command, const struct kerberos_completion *completion)
{
	struct problem problem;

	if (completion->problem.code != ERR_OK) {
		command->hint = completion->problem;
		kink_log_stranger(command->kink, &command->remote,
		    "the KDC does not take the ticket that came in place of a reply",
		    completion->problem.text);
		return;
	}
	if (command->answered || !keep(command, command->offered))
		return;
	(void)problem_set(&problem, ERR_EXPIRED, "the peer has another ticket than before");
	kink_command_begin_anew(command, &problem);
}
