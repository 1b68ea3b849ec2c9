/*
 * A transaction as its initiator: ticket, message, retransmission with fresh authenticators over
 * the same ticket. RFC 4430 3, 9.
 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "kx/kink/command.h"

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
		    host->self, command->session, kx_affinity(&command->remote.address));
	command->session = KERBEROS_SESSION_NONE;
}

void kink_command_close(struct kink_command *command)
{
	if (command->gathering != NULL)
		HASH_DELETE(by_remote, *command->gathering, command);
	command->gathering = NULL;
}

void kink_command_gather(struct kink_command *command, struct kink_command **table)
{
	struct kink_command *before;

	HASH_FIND(
	    by_remote, *table, &command->remote.address, sizeof(command->remote.address), before);
	if (before != NULL)
		kink_command_close(before);
	HASH_ADD(by_remote, *table, remote.address, sizeof(command->remote.address), command);
	/* One that cannot be found again has what it has alone. */
	if (table_holds(&command->by_remote))
		command->gathering = table;
}

void kink_command_end(struct kink_command *command)
{
	struct kink *kink = command->kink;

	timers_cancel(kx_timers(kink->kx), &command->timer);
	kx_principal_cancel(&command->principal_wait);
	release_session(command);
	kink_command_close(command);
	kink_delete_clear(command);
	kink_create_clear(command);
	HASH_DELETE(by_xid, kink->commands_by_xid, command);
	slots_remove(&kink->commands, command->handle);
	bytes_drop(&command->plain);
	bytes_drop(&command->message);
	bytes_drop(&command->checksum);
	free(command->principal);
	bytes_drop(&command->offered);
	secret_wipe(command, sizeof(*command));
	free(command);
}

void kink_command_fail(struct kink_command *command, const struct problem *problem)
{
	bool over = command->acknowledging;

	if (!over)
		command->kind->failed(command, problem);
	if (!over && command->acknowledge)
		kink_acknowledge(command);
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
	uint8_t seed_buffer[KINK_SEEDS_MAX];
	struct writer seeds = writer_of(seed_buffer, sizeof(seed_buffer));
	enum err error;

	request->affinity = kx_affinity(&command->remote.address);
	request->literal_prf = kink_is_racoon2(command->kink, &command->remote.address);
	if (!command->sent && command->kind->derivations != NULL)
		command->kind->derivations(command, request, &seeds);
	error = kink_prepare(command->kink, &command->remote.address, command->principal, &header,
	    (struct bytes){0}, command->plain, 0, &head, request);
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
	if (kink_is_user_to_user(command, &request.tgt) && request.tgt.len == 0)
		kink_gettgt_begin(command);
	else
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

	/* Another ticket may do. */
	if (command->doubted && !command->renewed && command->kind->starting == NULL) {
		kink_command_begin_anew(command, &command->hint);
		return;
	}
	if (command->doubted)
		kink_create_again(command);
	(void)endpoint_format(&command->remote, remote);
	if (command->hint.code != ERR_OK)
		(void)problem_set(&problem, ERR_TIMEOUT,
		    "%s gave no authenticated answer, only an error that anyone could have sent: "
		    "%s",
		    remote, command->hint.text);
	else
		(void)problem_set(&problem, ERR_TIMEOUT,
		    "%s did not answer %u messages; is kinkd running there, and does UDP port %u "
		    "get through?",
		    remote, command->tries, command->remote.port);
	/* An error that anyone could have sent leaves the method as it was. */
	if (command->hint.code == ERR_OK)
		command->failure = KX_FAILURE_SILENT;
	if (command->kind->type != KINK_STATUS)
		kx_peer_doubted(command->kink->kx, &command->remote.address);
	kink_command_fail(command, &problem);
}

static void transmitted(struct kink_command *command, enum err error);

static void retransmit(struct timer *timer, void *context)
{
	struct kink_command *command = context;
	struct kerberos_request request = {.operation = KERBEROS_REPEAT,
	    .token = kink_token(KINK_STEP_REPEAT, command->handle),
	    .session = command->session};

	(void)timer;
	if (command->tries >= settings(command)->retransmit_tries) {
		kink_gettgt_given_up(command);
		give_up(command);
		return;
	}
	if (command->tries > 0)
		kx_count(command->kink->kx, KX_RETRANSMISSIONS);
	if (command->getting_tgt)
		transmitted(command, kink_gettgt_send(command));
	else
		build(command, &request);
}

/* A message of the command went out, or did not. */
static void transmitted(struct kink_command *command, enum err error)
{
	uint64_t interval = command->interval_ms;

	if (error == ERR_OK)
		error = timers_set(kx_timers(command->kink->kx), &command->timer,
		    now_ms(command) + interval, retransmit, command);
	if (error != ERR_OK) {
		fail(command, error);
		return;
	}
	command->tries++;
	command->interval_ms = kink_next_interval(command->kink, interval);
}

static void transmit(struct kink_command *command, struct bytes message, struct bytes checksum)
{
	enum err error =
	    kink_send(command->kink, &command->local, &command->remote, message, checksum);

	if (error == ERR_OK)
		command->sent = true;
	transmitted(command, error);
}

void kink_command_depart(struct kink_command *command)
{
	struct bytes message = command->message;
	struct bytes checksum = command->checksum;

	command->message = (struct bytes){0};
	command->checksum = (struct bytes){0};
	transmit(command, message, checksum);
	bytes_drop(&message);
	bytes_drop(&checksum);
}

/* The ticket and the first message around it are there. */
static void begin(struct kink_command *command, const struct kerberos_completion *completion)
{
	enum err error = ERR_NO_MEMORY;

	command->session = completion->session;
	if (command->kind->starting == NULL) {
		transmit(command, completion->message, completion->checksum);
		return;
	}
	command->message = bytes_copy(completion->message);
	command->checksum = bytes_copy(completion->checksum);
	if (command->message.data != NULL && command->checksum.data != NULL)
		error = command->kind->starting(command, completion);
	if (error != ERR_OK)
		fail(command, error);
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
	    .affinity = kx_affinity(&command->remote.address),
	    .literal_prf = kink_is_racoon2(command->kink, &command->remote.address),
	    .derivation_count = (uint8_t)count};

	for (size_t i = 0; i < count; i++)
		request.derivations[i] = derivations[i];
	kink_command_answered(command);
	return host->kerberos(host->self, &request);
}

void kink_command_repeat(struct kink_command *command)
{
	timers_cancel(kx_timers(command->kink->kx), &command->timer);
	retransmit(&command->timer, command);
}

void kink_command_warn(const struct kink_command *command, const char *what, const char *why)
{
	const struct host *host = kx_host(command->kink->kx);
	char remote[ENDPOINT_TEXT_SIZE];

	log_event(host->log, LOG_LEVEL_WARNING, LOG_AREA_KINK,
	    LOG_FIELDS({"remote", endpoint_format(&command->remote, remote)}), "%s: %s", what, why);
}

/* Keys of SAs depend on the ticket, so what has any begins with new SAs as well. */
void kink_command_begin_anew(struct kink_command *command, const struct problem *problem)
{
	kink_create_again(command);
	if (command->renewed || command->kind->starting != NULL) {
		kink_command_fail(command, problem);
		return;
	}
	kink_command_warn(command, "begins anew with another ticket", problem->text);
	command->renewed = true;
	kink_command_restart(command);
}

void kink_command_restart(struct kink_command *command)
{
	command->sent = false;
	command->tries = 0;
	command->began_ms = now_ms(command);
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

static enum kx_failure failure_of_ticket(enum err code)
{
	switch (code) {
	case ERR_UNREACHABLE:
		return KX_FAILURE_NO_KDC;
	case ERR_NOT_FOUND:
		return KX_FAILURE_NO_PRINCIPAL;
	default:
		return KX_FAILURE_FINAL;
	}
}

void kink_command_kerberos_done(struct kink *kink, enum kink_step step, uint64_t handle,
    const struct kerberos_completion *completion)
{
	const struct host *host = kx_host(kink->kx);
	struct kink_command *command;

	if (step == KINK_STEP_VERIFY) {
		kink_verification_done(kink, handle, completion);
		return;
	}
	command = slots_get(&kink->commands, handle);
	if (command == NULL) {
		/* It ended meanwhile; what it was given goes back. */
		if ((step == KINK_STEP_TICKET || step == KINK_STEP_TRY_TGT) &&
		    completion->session != KERBEROS_SESSION_NONE)
			host->kerberos_release(
			    host->self, completion->session, completion->affinity);
		return;
	}
	if (step == KINK_STEP_TRY_TGT) {
		if (completion->session != KERBEROS_SESSION_NONE)
			host->kerberos_release(
			    host->self, completion->session, completion->affinity);
		kink_tgt_tried(command, completion);
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
	if (step == KINK_STEP_TICKET && completion->problem.code != ERR_OK &&
	    kink_gettgt_after_failure(command, completion)) {
		ask_for_ticket(command);
		return;
	}
	if (completion->problem.code != ERR_OK) {
		struct problem problem = kink_user_to_user_advice(command, completion);

		if (step == KINK_STEP_TICKET)
			command->failure = failure_of_ticket(completion->problem.code);
		kink_command_fail(command, &problem);
		return;
	}
	switch (step) {
	case KINK_STEP_TICKET:
		begin(command, completion);
		break;
	case KINK_STEP_REPEAT:
		transmit(command, completion->message, completion->checksum);
		break;
	case KINK_STEP_DERIVE:
		command->kind->derived(command, completion);
		break;
	default:
		break;
	}
}
