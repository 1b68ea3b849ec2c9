/*
 * Replies to our commands: which transaction they are of, their verification, what errors mean.
 * RFC 4430 3.5, 3.7, 4.2.3, 4.2.8, 6.1.
 */
#include <stdlib.h>

#include "kx/kink/command.h"

/* Replies to one command that are verified at the same time; more are dropped. */
#define VERIFYING_MAX 4

/* A reply while Kerberos looks at it. */
struct kink_verification {
	uint64_t handle;
	uint64_t command;
	struct bytes datagram;
};

/* A reply from before a restart that we know of, or one that tells of a restart. */
static bool epoch_is_stale(struct kink_command *command, const struct kink_message *message)
{
	struct kx *kx = command->kink->kx;
	const struct host *host = kx_host(kx);
	const struct kink_payload *payload = kink_find(&message->outer, KINK_AP_REP);
	struct sa_peer *peer = sad_find_peer(kx_sad(kx), &command->remote.address);
	struct kink_ap ap;

	if (peer == NULL || payload == NULL || kink_ap_decode(payload->body, &ap) != ERR_OK)
		return false;
	switch (sad_peer_reply_epoch(peer, ap.epoch, command->began_ms, host->now_ms(host->self))) {
	case SA_EPOCH_STALE:
		return true;
	case SA_EPOCH_NEW:
		kx_peer_restarted(kx, &command->remote.address, TIMERS_NEVER);
		break;
	case SA_EPOCH_CURRENT:
		break;
	}
	return false;
}

/*
 * A KRB-ERROR that came with a good AP-REP (RFC 4430 6.3 to 6.5), in clear or decrypted: what it
 * says is Kerberos' business. Takes the datagram over when that is asked.
 */
static enum err read_error(struct kink_command *command, const struct kink_reply *reply,
    struct kink_verification *verification)
{
	const struct host *host = kx_host(command->kink->kx);
	const struct kink_payload *payload = kink_find(&reply->message->outer, KINK_KRB_ERROR);
	struct kerberos_request request = {.operation = KERBEROS_VERIFY,
	    .session = command->session,
	    .affinity = kx_affinity(&command->remote.address),
	    .proven = true};
	enum err error;

	if (payload == NULL)
		payload = kink_find(reply->inner, KINK_KRB_ERROR);
	request.krb_error = payload->body;
	error = slots_add(&command->kink->verifications, verification, &verification->handle);
	if (error != ERR_OK)
		return error;
	request.token = kink_token(KINK_STEP_VERIFY, verification->handle);
	error = host->kerberos(host->self, &request);
	if (error != ERR_OK)
		slots_remove(&command->kink->verifications, verification->handle);
	else
		command->verifying++;
	return error;
}

/* Returns whether the verification goes on. */
static bool verified(struct kink_command *command, struct kink_verification *verification,
    const struct kerberos_completion *completion)
{
	struct bytes datagram = verification->datagram;
	struct kink_message message;
	struct kink_payloads inner;
	struct kink_violation violation;
	struct kink_reply reply = {.message = &message, .plain = completion->plain};
	enum kink_error error;
	uint64_t handle = command->handle;
	struct kink *kink = command->kink;
	struct address remote = command->remote.address;
	bool sealed;

	/* It was decoded when it arrived, so it decodes again. */
	if (kink_decode(datagram, &message, &error) != ERR_OK)
		return false;
	sealed = kink_find(&message.outer, KINK_ENCRYPT) != NULL;
	if (sealed)
		reply.inner = &inner;
	if (completion->keymat_count > 0)
		reply.keymat = completion->keymat[0];
	if ((sealed && kink_decode_plain(completion->plain, &inner) != ERR_OK) ||
	    kink_grammar_check(
		&message, reply.inner, command->kind->type, &reply.form, &violation) != ERR_OK) {
		kx_count(kink->kx, KX_DATAGRAMS_MALFORMED);
		kink_log_stranger(kink, &command->remote, "an authentic reply is malformed",
		    sealed ? "its encrypted part" : "its payloads");
		return false;
	}
	if (epoch_is_stale(command, &message)) {
		kx_count(kink->kx, KX_DATAGRAMS_REPLAYED);
		/* Else a peer that has restarted twice meanwhile would be taken for dead. */
		if (command->kind->type == KINK_STATUS && !command->acknowledging)
			kink_command_restart(command);
		return false;
	}
	kink_log_notifications(kink, &command->remote, &message, reply.inner);
	if (kink_find(&message.outer, KINK_AP_REP) != NULL)
		kx_peer_heard(kink->kx, &remote);
	if (slots_get(&kink->commands, handle) != command)
		return false;
	if (command->acknowledging) {
		if (message.header.ackreq)
			kink_acknowledge_again(command);
		return false;
	}
	if (reply.form == KINK_FORM_REPLY_KRB_ERROR)
		return read_error(command, &reply, verification) == ERR_OK;
	command->kind->replied(command, &reply);
	return false;
}

/* What the peer says in a KRB-ERROR, and is proven to say. */
static void act_on_error(struct kink_command *command, const struct kerberos_completion *completion)
{
	switch (completion->remedy) {
	case KERBEROS_REMEDY_USER_TO_USER:
	case KERBEROS_REMEDY_WAIT:
		command->hint = kink_user_to_user_advice(command, completion);
		break;
	case KERBEROS_REMEDY_REPEAT:
		kink_command_warn(command, "goes by the peer's clock", completion->problem.text);
		command->hint = completion->problem;
		/* Once at once: if that is not enough, the timer will do. */
		if (!command->corrected) {
			command->corrected = true;
			kink_command_repeat(command);
		}
		break;
	case KERBEROS_REMEDY_TICKET:
		kink_command_begin_anew(command, &completion->problem);
		break;
	case KERBEROS_REMEDY_NONE:
		kink_command_fail(command, &completion->problem);
		break;
	}
}

static bool is_signed(struct bytes datagram)
{
	struct kink_message message;
	enum kink_error error;

	return kink_decode(datagram, &message, &error) == ERR_OK && message.checksum.len > 0;
}

void kink_verification_done(
    struct kink *kink, uint64_t handle, const struct kerberos_completion *completion)
{
	struct kink_verification *verification = slots_get(&kink->verifications, handle);
	struct kink_command *command;

	if (verification == NULL)
		return;
	command = slots_get(&kink->commands, verification->command);
	slots_remove(&kink->verifications, handle);
	if (command != NULL)
		command->verifying--;
	if (command == NULL || (command->answered && !command->acknowledging)) {
		/* Another copy of the reply was first. */
	} else if (completion->problem.code == ERR_OK) {
		if (verified(command, verification, completion))
			return;
	} else if (command->acknowledging && completion->problem.code == ERR_REFUSED) {
		/* It is over, whatever the peer says now. */
	} else if (completion->problem.code == ERR_REFUSED) {
		if (is_signed(verification->datagram)) {
			act_on_error(command, completion);
		} else if (completion->remedy == KERBEROS_REMEDY_USER_TO_USER &&
			   kink_want_user_to_user(command)) {
			/* RFC 4430 3.1: nobody has signed it, but policy says to try it. */
			kink_command_begin_anew(command, &completion->problem);
		} else {
			command->hint = kink_user_to_user_advice(command, completion);
			command->doubted = completion->remedy == KERBEROS_REMEDY_TICKET;
			kink_log_stranger(
			    kink, &command->remote, "unauthenticated error", command->hint.text);
		}
	} else {
		kx_count(kink->kx, KX_DATAGRAMS_UNAUTHENTIC);
		kink_log_stranger(
		    kink, &command->remote, "a reply is not authentic", completion->problem.text);
	}
	bytes_drop(&verification->datagram);
	free(verification);
}

void kink_verifications_clear(struct kink *kink)
{
	uint32_t cursor = 0;
	struct kink_verification *verification;

	while ((verification = slots_next(&kink->verifications, &cursor)) != NULL) {
		bytes_drop(&verification->datagram);
		free(verification);
	}
	slots_clear(&kink->verifications);
}

/* A lone KINK_ERROR proves nothing; it is remembered in case nothing better comes. */
static void remember_hint(struct kink_command *command, const struct kink_message *message)
{
	const struct kink_payload *payload = kink_find(&message->outer, KINK_ERROR);
	uint32_t error;

	if (payload == NULL || kink_error_decode(payload->body, &error) != ERR_OK ||
	    error == KINK_OK)
		return;
	(void)problem_set(&command->hint, ERR_REFUSED, "%s", kink_error_name(error));
	kink_log_stranger(
	    command->kink, &command->remote, "unauthenticated error", command->hint.text);
}

static enum err verify(
    struct kink_command *command, const struct kink_message *message, struct bytes datagram)
{
	const struct host *host = kx_host(command->kink->kx);
	struct kink_verification *verification = calloc(1, sizeof(*verification));
	const struct kink_payload *ap_rep = kink_find(&message->outer, KINK_AP_REP);
	const struct kink_payload *krb_error = kink_find(&message->outer, KINK_KRB_ERROR);
	const struct kink_payload *sealed = kink_find(&message->outer, KINK_ENCRYPT);
	struct kerberos_request request = {.operation = KERBEROS_VERIFY,
	    .session = command->session,
	    .affinity = kx_affinity(&command->remote.address),
	    .encryption_usage = KINK_USAGE_ENCRYPTION,
	    .checksum_usage = KINK_USAGE_CHECKSUM,
	    .literal_prf = kink_is_racoon2(command->kink, &command->remote.address),
	    .checksum = message->checksum};
	uint8_t *buffer = malloc(message->octets.len);
	struct writer scratch = writer_of(buffer, message->octets.len);
	uint8_t seed_buffer[KINK_SEEDS_MAX];
	struct writer seeds = writer_of(seed_buffer, sizeof(seed_buffer));
	struct kink_ap ap = {0};
	enum err error = ERR_NO_MEMORY;

	if (verification == NULL || buffer == NULL)
		goto out;
	verification->command = command->handle;
	verification->datagram = bytes_copy(datagram);
	if (verification->datagram.data == NULL)
		goto out;
	error = kink_signed_part(message, &scratch, &request.signed_part);
	if (error == ERR_OK && ap_rep != NULL)
		error = kink_ap_decode(ap_rep->body, &ap);
	if (error != ERR_OK)
		goto out;
	request.ap = ap.ap;
	if (krb_error != NULL && ap_rep == NULL)
		request.krb_error = krb_error->body;
	if (sealed != NULL)
		request.sealed = sealed->body;
	if (sealed != NULL && !command->acknowledging && command->kind->expected != NULL)
		command->kind->expected(command, &request, &seeds);
	error = slots_add(&command->kink->verifications, verification, &verification->handle);
	if (error != ERR_OK)
		goto out;
	request.token = kink_token(KINK_STEP_VERIFY, verification->handle);
	error = host->kerberos(host->self, &request);
	if (error != ERR_OK) {
		slots_remove(&command->kink->verifications, verification->handle);
		goto out;
	}
	command->verifying++;
	verification = NULL;
out:
	if (verification != NULL)
		bytes_drop(&verification->datagram);
	free(verification);
	free(buffer);
	return error;
}

void kink_command_reply(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message)
{
	struct kink_command *command;
	bool errors_only = kink_find(&message->outer, KINK_AP_REP) == NULL;

	HASH_FIND(by_xid, kink->commands_by_xid, &message->header.xid, sizeof(message->header.xid),
	    command);
	if (command == NULL || (!command->sent && !command->getting_tgt) ||
	    (command->answered && !(command->acknowledging && message->header.ackreq)) ||
	    !address_equal(&command->remote.address, &datagram->remote.address)) {
		kx_count(kink->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	if (command->getting_tgt) {
		kink_gettgt_reply(command, message);
		return;
	}
	if (errors_only && kink_find(&message->outer, KINK_TGT_REP) != NULL) {
		kink_tgt_offered(command, message);
		return;
	}
	if (!errors_only && message->checksum.len == 0) {
		/* RFC 4430 4: a checksum is there whenever there is a key. */
		kx_count(kink->kx, KX_DATAGRAMS_UNAUTHENTIC);
		return;
	}
	if (errors_only && message->checksum.len == 0 &&
	    kink_find(&message->outer, KINK_KRB_ERROR) == NULL) {
		remember_hint(command, message);
		return;
	}
	if (command->verifying >= VERIFYING_MAX ||
	    verify(command, message, datagram->data) != ERR_OK)
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
}
