/*
 * A transaction as its initiator: ticket, message, retransmission with fresh authenticators over
 * the same ticket, and the reply's verification. RFC 4430 3, 9.
 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "kx/kink/kink-internal.h"

/* Replies to one command that are verified at the same time; more are dropped. */
#define VERIFYING_MAX 4

/* A reply while Kerberos looks at it. */
struct kink_verification {
	uint64_t handle;
	uint64_t command;
	struct bytes datagram;
};

static uint64_t now_ms(const struct kink_command *command)
{
	const struct host *host = kx_host(command->kink->kx);

	return host->now_ms(host->self);
}

static const struct policy_daemon *settings(const struct kink_command *command)
{
	return &kx_policy(command->kink->kx)->daemon;
}

/* XIDs of outstanding transactions are unique (RFC 4430 4). */
static uint32_t new_xid(struct kink *kink)
{
	struct kink_command *other;

	do {
		kink->next_xid++;
		HASH_FIND(
		    by_xid, kink->commands_by_xid, &kink->next_xid, sizeof(kink->next_xid), other);
	} while (other != NULL);
	return kink->next_xid;
}

enum err kink_command_create(struct kink *kink, const struct kink_command_kind *kind,
    const struct address *local, const struct address *remote, struct kink_command **out)
{
	struct kink_command *command = calloc(1, sizeof(*command));
	enum err error;

	if (command == NULL)
		return ERR_NO_MEMORY;
	command->kink = kink;
	command->kind = kind;
	command->local = *local;
	command->remote =
	    (struct endpoint){.address = *remote, .port = kx_policy(kink->kx)->daemon.kink_port};
	command->began_ms = now_ms(command);
	command->interval_ms = settings(command)->retransmit_first;
	error = slots_add(&kink->commands, command, &command->handle);
	if (error != ERR_OK) {
		free(command);
		return error;
	}
	command->xid = new_xid(kink);
	HASH_ADD(by_xid, kink->commands_by_xid, xid, sizeof(command->xid), command);
	if (!table_holds(&command->by_xid)) {
		slots_remove(&kink->commands, command->handle);
		free(command);
		return ERR_NO_MEMORY;
	}
	*out = command;
	return ERR_OK;
}

static void release_session(struct kink_command *command)
{
	const struct host *host = kx_host(command->kink->kx);

	if (command->session != KERBEROS_SESSION_NONE)
		host->kerberos_release(
		    host->self, command->session, kink_affinity(&command->remote.address));
	command->session = KERBEROS_SESSION_NONE;
}

void kink_command_end(struct kink_command *command)
{
	struct kink *kink = command->kink;

	timers_cancel(kx_timers(kink->kx), &command->timer);
	kx_principal_cancel(&command->principal_wait);
	release_session(command);
	kink_delete_clear(command);
	HASH_DELETE(by_xid, kink->commands_by_xid, command);
	slots_remove(&kink->commands, command->handle);
	free((void *)command->plain.data);
	free(command->principal);
	secret_free(command->exchange, sizeof(*command->exchange));
	secret_wipe(command, sizeof(*command));
	free(command);
}

void kink_command_fail(struct kink_command *command, const struct problem *problem)
{
	bool over = command->acknowledging;

	if (!over)
		command->kind->failed(command, problem);
	if (!over && command->acknowledge)
		kink_acknowledge(command, NULL);
	else
		kink_command_end(command);
}

static void fail(struct kink_command *command, enum err code)
{
	struct problem problem;

	(void)problem_set(&problem, code, "cannot go on with %s: %s",
	    kink_type_name((uint8_t)command->kind->type), err_text(code));
	kink_command_fail(command, &problem);
}

/* How many seconds a whole cycle of transmissions may take: the ticket must outlive it. */
static uint32_t longest_seconds(const struct kink_command *command)
{
	const struct policy_daemon *daemon = settings(command);
	uint64_t longest = (uint64_t)daemon->retransmit_limit * (daemon->retransmit_tries + 1);

	return (uint32_t)(longest / 1000 + 60);
}

/* Lets Kerberos make the next message, around a new AP-REQ. */
static void build(struct kink_command *command, struct kerberos_request *request)
{
	const struct host *host = kx_host(command->kink->kx);
	struct kink_header header = {
	    .type = (uint8_t)command->kind->type, .doi = IPSEC_DOI, .xid = command->xid};
	uint8_t buffer[KINK_HEAD_MAX];
	struct writer head = writer_of(buffer, sizeof(buffer));
	enum err error = command->plain.data != NULL ? ERR_OK : ERR_NO_MEMORY;

	request->affinity = kink_affinity(&command->remote.address);
	if (!command->sent && command->kind->derivations != NULL)
		command->kind->derivations(command, request);
	if (error == ERR_OK)
		error = kink_prepare(
		    command->kink, &header, (struct bytes){0}, command->plain, 0, &head, request);
	if (error == ERR_OK)
		error = host->kerberos(host->self, request);
	if (error != ERR_OK)
		fail(command, error);
}

static void ask_for_ticket(struct kink_command *command)
{
	struct kerberos_request request = {.operation = KERBEROS_REQUEST,
	    .token = kink_token(KINK_STEP_TICKET, command->handle),
	    .server = command->principal,
	    .min_lifetime = longest_seconds(command)};
	const struct policy_peer *peer =
	    policy_peer_of(kx_policy(command->kink->kx), &command->remote.address);

	if (peer != NULL)
		request.client = peer->local_principal;
	build(command, &request);
}

void kink_command_start(struct kink_command *command, const char *principal, struct bytes plain)
{
	command->plain = plain;
	command->principal = strdup(principal);
	if (command->principal != NULL)
		ask_for_ticket(command);
	else
		fail(command, ERR_NO_MEMORY);
}

static void give_up(struct kink_command *command)
{
	struct problem problem;
	char remote[ENDPOINT_TEXT_SIZE];

	(void)endpoint_format(&command->remote, remote);
	if (command->hint.code != ERR_OK)
		(void)problem_set(&problem, ERR_REFUSED,
		    "%s gave no authenticated answer, only an error that anyone could have sent: "
		    "%s",
		    remote, command->hint.text);
	else
		(void)problem_set(&problem, ERR_TIMEOUT,
		    "%s did not answer %u messages; is kinkd running there, and does UDP port %u "
		    "get through?",
		    remote, command->tries, command->remote.port);
	kink_command_fail(command, &problem);
}

static void retransmit(struct timer *timer, void *context)
{
	struct kink_command *command = context;
	struct kerberos_request request = {.operation = KERBEROS_REPEAT,
	    .token = kink_token(KINK_STEP_REPEAT, command->handle),
	    .session = command->session};

	(void)timer;
	if (command->tries >= settings(command)->retransmit_tries) {
		give_up(command);
		return;
	}
	kx_count(command->kink->kx, KX_RETRANSMISSIONS);
	build(command, &request);
}

static void transmit(struct kink_command *command, const struct kerberos_completion *completion)
{
	uint64_t interval = command->interval_ms;
	enum err error;

	error = kink_send(command->kink, &command->local, &command->remote, completion->message,
	    completion->checksum);
	if (error == ERR_OK)
		error = timers_set(kx_timers(command->kink->kx), &command->timer,
		    now_ms(command) + interval, retransmit, command);
	if (error != ERR_OK) {
		fail(command, error);
		return;
	}
	command->sent = true;
	command->tries++;
	command->interval_ms = kink_next_interval(command->kink, interval);
}

void kink_command_answered(struct kink_command *command)
{
	command->answered = true;
	timers_cancel(kx_timers(command->kink->kx), &command->timer);
}

enum err kink_command_derive(
    struct kink_command *command, const struct kerberos_derivation *derivations, size_t count)
{
	const struct host *host = kx_host(command->kink->kx);
	struct kerberos_request request = {.operation = KERBEROS_PROTECT,
	    .token = kink_token(KINK_STEP_DERIVE, command->handle),
	    .session = command->session,
	    .affinity = kink_affinity(&command->remote.address),
	    .derivation_count = (uint8_t)count};

	for (size_t i = 0; i < count; i++)
		request.derivations[i] = derivations[i];
	kink_command_answered(command);
	return host->kerberos(host->self, &request);
}

/* A reply from before a restart that we know of, or one that tells of a restart. */
static bool epoch_is_stale(struct kink_command *command, const struct kink_message *message)
{
	struct kx *kx = command->kink->kx;
	const struct kink_payload *payload = kink_find(&message->outer, KINK_AP_REP);
	struct sa_peer *peer = sad_find_peer(kx_sad(kx), &command->remote.address);
	struct kink_ap ap;

	if (peer == NULL || payload == NULL || kink_ap_decode(payload->body, &ap) != ERR_OK)
		return false;
	switch (sad_peer_reply_epoch(peer, ap.epoch, command->began_ms, now_ms(command))) {
	case SA_EPOCH_STALE:
		return true;
	case SA_EPOCH_NEW:
		kx_peer_restarted(kx, &command->remote.address, command->pair);
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
	    .affinity = kink_affinity(&command->remote.address),
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
		return false;
	}
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

static void warn(const struct kink_command *command, const char *what, const char *why)
{
	const struct host *host = kx_host(command->kink->kx);
	char remote[ENDPOINT_TEXT_SIZE];

	log_event(host->log, LOG_LEVEL_WARNING, LOG_AREA_KINK,
	    LOG_FIELDS({"remote", endpoint_format(&command->remote, remote)}), "%s: %s", what, why);
}

/*
 * The peer does not accept the ticket: a new transaction with a new one (RFC 4430 9). Keys of SAs
 * depend on the ticket, so what has any begins with new SAs as well.
 */
static void begin_anew(struct kink_command *command, const struct problem *problem)
{
	if (command->negotiation != NULL)
		command->negotiation->again = true;
	if (command->renewed || command->kind->starting != NULL) {
		kink_command_fail(command, problem);
		return;
	}
	warn(command, "begins anew with another ticket", problem->text);
	command->renewed = true;
	command->sent = false;
	command->tries = 0;
	command->interval_ms = settings(command)->retransmit_first;
	timers_cancel(kx_timers(command->kink->kx), &command->timer);
	release_session(command);
	HASH_DELETE(by_xid, command->kink->commands_by_xid, command);
	command->xid = new_xid(command->kink);
	HASH_ADD(by_xid, command->kink->commands_by_xid, xid, sizeof(command->xid), command);
	if (table_holds(&command->by_xid))
		ask_for_ticket(command);
	else
		fail(command, ERR_NO_MEMORY);
}

/* What the peer says in a KRB-ERROR, and is proven to say. */
static void act_on_error(struct kink_command *command, const struct kerberos_completion *completion)
{
	switch (completion->remedy) {
	case KERBEROS_REMEDY_USER_TO_USER:
	case KERBEROS_REMEDY_WAIT:
		command->hint = completion->problem;
		break;
	case KERBEROS_REMEDY_REPEAT:
		warn(command, "goes by the peer's clock", completion->problem.text);
		command->hint = completion->problem;
		/* Once at once: if that is not enough, the timer will do. */
		if (!command->corrected) {
			command->corrected = true;
			timers_cancel(kx_timers(command->kink->kx), &command->timer);
			retransmit(&command->timer, command);
		}
		break;
	case KERBEROS_REMEDY_TICKET:
		begin_anew(command, &completion->problem);
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

static void verification_done(
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
		} else {
			command->hint = completion->problem;
			kink_log_stranger(kink, &command->remote, "unauthenticated error",
			    completion->problem.text);
		}
	} else {
		kx_count(kink->kx, KX_DATAGRAMS_UNAUTHENTIC);
		kink_log_stranger(
		    kink, &command->remote, "a reply is not authentic", completion->problem.text);
	}
	free((void *)verification->datagram.data);
	free(verification);
}

void kink_verifications_clear(struct kink *kink)
{
	uint32_t cursor = 0;
	struct kink_verification *verification;

	while ((verification = slots_next(&kink->verifications, &cursor)) != NULL) {
		free((void *)verification->datagram.data);
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
	    .affinity = kink_affinity(&command->remote.address),
	    .encryption_usage = KINK_USAGE_ENCRYPTION,
	    .checksum_usage = KINK_USAGE_CHECKSUM,
	    .checksum = message->checksum};
	uint8_t *buffer = malloc(message->octets.len);
	struct writer scratch = writer_of(buffer, message->octets.len);
	struct kink_ap ap = {0};
	enum err error = ERR_NO_MEMORY;

	if (verification == NULL || buffer == NULL)
		goto out;
	verification->command = command->handle;
	verification->datagram = kink_copy(datagram);
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
		command->kind->expected(command, &request);
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
		free((void *)verification->datagram.data);
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
	if (command == NULL || !command->sent ||
	    (command->answered && !(command->acknowledging && message->header.ackreq)) ||
	    !address_equal(&command->remote.address, &datagram->remote.address)) {
		kx_count(kink->kx, KX_DATAGRAMS_UNEXPECTED);
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

void kink_command_kerberos_done(struct kink *kink, enum kink_step step, uint64_t handle,
    const struct kerberos_completion *completion)
{
	const struct host *host = kx_host(kink->kx);
	struct kink_command *command;

	if (step == KINK_STEP_VERIFY) {
		verification_done(kink, handle, completion);
		return;
	}
	command = slots_get(&kink->commands, handle);
	if (command == NULL) {
		/* It ended meanwhile; what it was given goes back. */
		if (step == KINK_STEP_TICKET && completion->session != KERBEROS_SESSION_NONE)
			host->kerberos_release(
			    host->self, completion->session, completion->affinity);
		return;
	}
	if (step == KINK_STEP_ACK) {
		kink_acknowledge_made(command, completion);
		return;
	}
	/* What was asked for before the reply, or before its SAs went. */
	if (command->acknowledging || (step != KINK_STEP_DERIVE && command->answered))
		return;
	/* A transmission of the transaction before, which the peer ended. */
	if (step == KINK_STEP_REPEAT && !command->sent)
		return;
	if (completion->problem.code != ERR_OK) {
		kink_command_fail(command, &completion->problem);
		return;
	}
	switch (step) {
	case KINK_STEP_TICKET:
		command->session = completion->session;
		if (command->kind->starting != NULL) {
			enum err error = command->kind->starting(command, completion);

			if (error != ERR_OK) {
				fail(command, error);
				break;
			}
		}
		transmit(command, completion);
		break;
	case KINK_STEP_REPEAT:
		transmit(command, completion);
		break;
	case KINK_STEP_DERIVE:
		command->kind->derived(command, completion);
		break;
	default:
		break;
	}
}
