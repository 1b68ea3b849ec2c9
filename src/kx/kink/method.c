/* KINK's place in the key-exchange layer: its state, and where each event goes. */
#include <stdlib.h>

#include "kx/kink/command.h"
#include "kx/kink/response.h"
#include "kx/kink/kink.h"

/* Unauthenticated errors and log lines that strangers may cause. */
#define ERRORS_PER_SECOND 50
#define LINES_PER_SECOND  5
/* Errors under a session key: whoever has seen our peers' messages can cause them. */
#define SIGNED_PER_SECOND 200
#define TGTS_PER_SECOND   20

static enum err kink_open(struct kx *kx, void **state)
{
	const struct host *host = kx_host(kx);
	struct kink *kink = calloc(1, sizeof(*kink));

	if (kink == NULL)
		return ERR_NO_MEMORY;
	kink->kx = kx;
	host->random(host->self, &kink->next_xid, sizeof(kink->next_xid));
	limit_init(
	    &kink->error_limit, ERRORS_PER_SECOND, ERRORS_PER_SECOND, host->now_ms(host->self));
	limit_init(
	    &kink->signed_limit, SIGNED_PER_SECOND, SIGNED_PER_SECOND, host->now_ms(host->self));
	limit_init(&kink->tgt_limit, TGTS_PER_SECOND, TGTS_PER_SECOND, host->now_ms(host->self));
	limit_init(
	    &kink->log_limit, 4 * LINES_PER_SECOND, LINES_PER_SECOND, host->now_ms(host->self));
	*state = kink;
	return ERR_OK;
}

static void kink_close_state(void *state)
{
	struct kink *kink = state;
	struct kink_command *command;
	struct kink_response *response;
	uint32_t cursor = 0;

	while ((command = slots_next(&kink->commands, &cursor)) != NULL)
		kink_command_end(command);
	cursor = 0;
	while ((response = slots_next(&kink->responses, &cursor)) != NULL) {
		for (size_t i = 0; i < response->grant_count; i++)
			response->grants[i].pair = NULL;
		kink_response_end(response);
	}
	kink_verifications_clear(kink);
	kink_questions_clear(kink);
	kink_tgts_clear(kink);
	slots_clear(&kink->commands);
	slots_clear(&kink->responses);
	free(kink);
}

static void kink_initiate(void *state, struct kx_negotiation *negotiation)
{
	kink_create_initiate(state, negotiation);
}

static void kink_abandon(void *state, struct kx_negotiation *negotiation)
{
	kink_create_abandon(state, negotiation);
}

static void kink_delete(void *state, struct sa_pair *pair)
{
	kink_delete_pair(state, pair, false);
}

static void kink_probe(void *state, struct kx_probe *probe)
{
	kink_status_probe(state, probe);
}

static void kink_withdraw_probe(void *state, struct kx_probe *probe)
{
	kink_status_withdraw(state, probe);
}

static void malformed(struct kink *kink, const struct host_datagram *datagram, uint32_t xid,
    bool is_command, enum kink_error error, const char *why)
{
	kx_count(kink->kx, KX_DATAGRAMS_MALFORMED);
	kink_log_stranger(kink, &datagram->remote, "dropped a malformed datagram", why);
	/* Errors are never answered with errors. */
	if (is_command)
		kink_send_error(kink, datagram, xid, error, (struct bytes){0});
}

static bool is_command(uint8_t type)
{
	return type == KINK_CREATE || type == KINK_DELETE || type == KINK_STATUS ||
	       type == KINK_GETTGT;
}

static void kink_datagram(void *state, const struct host_datagram *datagram)
{
	struct kink *kink = state;
	struct kink_message message;
	struct kink_violation violation;
	enum kink_form form;
	enum kink_error error = KINK_OK;
	enum err decoded = kink_decode(datagram->data, &message, &error);

	if (decoded != ERR_OK) {
		malformed(kink, datagram, decoded != ERR_TRUNCATED ? message.header.xid : 0,
		    decoded != ERR_TRUNCATED && is_command(message.header.type), error,
		    kink_error_name(error));
		return;
	}
	if (message.header.type == KINK_REPLY) {
		kink_command_reply(kink, datagram, &message);
		return;
	}
	if (kink_grammar_check(&message, NULL, KINK_CREATE, &form, &violation) != ERR_OK) {
		malformed(kink, datagram, message.header.xid, is_command(message.header.type),
		    KINK_PROTOERR, violation.rule);
		return;
	}
	if (form == KINK_FORM_GETTGT)
		kink_give_tgt(kink, datagram, &message);
	else if (form == KINK_FORM_ACK)
		kink_handshake_ack(kink, datagram, &message);
	else
		kink_response_begin(kink, datagram, &message);
}

static enum kink_step step_of(uint64_t token)
{
	return (enum kink_step)(token >> SLOTS_HANDLE_BITS & 0xff);
}

static uint64_t handle_of(uint64_t token)
{
	return token & ((1ULL << SLOTS_HANDLE_BITS) - 1);
}

static void kink_kerberos_done(void *state, const struct kerberos_completion *completion)
{
	enum kink_step step = step_of(completion->token);
	uint64_t handle = handle_of(completion->token);

	if (step == KINK_STEP_TGT)
		kink_give_tgt_done(state, handle, completion);
	else if (step >= KINK_STEP_ACCEPT)
		kink_response_kerberos_done(state, step, handle, completion);
	else
		kink_command_kerberos_done(state, step, handle, completion);
}

static void kink_agreement_done(void *state, const struct agreement_completion *completion)
{
	const struct kink *kink = state;
	enum kink_step step = step_of(completion->token);
	uint64_t handle = handle_of(completion->token);
	struct kink_response *response;
	struct kink_command *command;

	if (step == KINK_STEP_AGREE) {
		response = slots_get(&kink->responses, handle);
		if (response != NULL)
			kink_respond_agreed(response, completion);
	} else {
		command = slots_get(&kink->commands, handle);
		if (command != NULL && !command->acknowledging)
			kink_create_agreed(command, step, completion);
	}
}

/* Who negotiates a pair: one of the two is set. */
struct owner {
	struct kink_command *command;
	struct kink_response *response;
};

static struct owner owner_of(const struct kink *kink, const struct sa_pair *pair)
{
	struct owner owner = {0};

	if (step_of(pair->owner) == KINK_STEP_ACCEPT)
		owner.response = slots_get(&kink->responses, handle_of(pair->owner));
	else
		owner.command = slots_get(&kink->commands, handle_of(pair->owner));
	return owner;
}

static void kink_sa_reserved(void *state, struct sa_pair *pair, const struct problem *problem)
{
	struct owner owner = owner_of(state, pair);

	if (owner.command != NULL)
		kink_create_reserved(owner.command, pair, problem);
	else if (owner.response != NULL)
		kink_respond_reserved(owner.response, pair, problem);
}

static void kink_sa_installed(void *state, struct sa_pair *pair, const struct problem *problem)
{
	struct owner owner = owner_of(state, pair);

	if (owner.command != NULL)
		kink_create_installed(owner.command, pair, problem);
	else if (owner.response != NULL)
		kink_response_installed(owner.response, pair, problem);
}

void kink_withdraw(struct kink *kink, struct sa_pair *pair)
{
	struct owner owner = owner_of(kink, pair);
	struct problem problem;

	(void)problem_set(&problem, ERR_REFUSED, "the peer deleted the SA at once");
	if (owner.command != NULL) {
		kink_create_lost(owner.command, pair, &problem);
	} else if (owner.response != NULL) {
		pair->owner = 0;
		kink_respond_lost(owner.response, pair);
		sad_remove(kx_sad(kink->kx), pair);
	}
}

static void kink_sa_gone(void *state, struct sa_pair *pair)
{
	struct owner owner = owner_of(state, pair);
	struct problem problem;

	(void)problem_set(&problem, ERR_EXPIRED, "the SA was removed meanwhile");
	if (owner.command != NULL && owner.command->deletion != NULL) {
		kink_delete_gone(owner.command, pair);
	} else if (owner.command != NULL) {
		kink_create_gone(owner.command, pair, &problem);
	} else if (owner.response != NULL) {
		kink_respond_lost(owner.response, pair);
	}
}

const struct kx_method kink_method = {
    .exchange = EXCHANGE_KINK,
    .needs_principal = true,
    .open = kink_open,
    .close = kink_close_state,
    .initiate = kink_initiate,
    .abandon = kink_abandon,
    .delete_pair = kink_delete,
    .probe = kink_probe,
    .withdraw_probe = kink_withdraw_probe,
    .datagram = kink_datagram,
    .kerberos_done = kink_kerberos_done,
    .agreement_done = kink_agreement_done,
    .sa_reserved = kink_sa_reserved,
    .sa_installed = kink_sa_installed,
    .sa_gone = kink_sa_gone,
};
