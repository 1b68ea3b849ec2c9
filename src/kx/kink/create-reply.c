/*
 * CREATE as its initiator, from the reply on: RFC 4430 3.2. Two messages are enough when the peer
 * chose what was offered first and added nothing to the keys; else it asks for a third.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "kx/kink/kink-internal.h"
#include "sa/sad.h"

/*
 * Not as it was wished. A reply that wants an ACK gets one all the same (RFC 4430 3.2: "even if it
 * believes that the responder was in error").
 */
__attribute__((format(printf, 3, 4))) static void refused(
    struct kink_command *command, const struct kink_reply *reply, const char *format, ...)
{
	struct problem problem = {.code = ERR_REFUSED};
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(problem.text, sizeof(problem.text), format, arguments);
	va_end(arguments);
	command->acknowledge = reply->message->header.ackreq;
	kink_command_fail(command, &problem);
}

static void too_busy(struct kink_command *command)
{
	struct problem problem;

	(void)problem_set(&problem, ERR_LIMIT, "too much work is waiting");
	kink_command_fail(command, &problem);
}

/* The peer has no key exchange, and policy can do without (RFC 4430 3.2): another transaction. */
static void go_without_exchange(struct kink_command *command, bool acknowledge)
{
	static const struct problem none = {.code = ERR_OK};
	struct kx_negotiation *negotiation = command->negotiation;
	struct sa_pair *pair = command->pair;
	struct kink *kink = command->kink;

	command->negotiation = NULL;
	command->pair = NULL;
	pair->owner = 0;
	sad_remove(kx_sad(kink->kx), pair);
	command->acknowledge = acknowledge;
	kink_command_fail(command, &none);
	kink_create_without_exchange(kink, negotiation);
}

/* Why the peer does not want the SA, from an authentic reply that is no agreement. */
static bool reply_is_error(
    struct kink_command *command, const struct kink_reply *reply, struct isakmp_chain *chain)
{
	const struct kink_payload *error =
	    reply->inner != NULL ? kink_find(reply->inner, KINK_ERROR) : NULL;
	uint32_t code;
	uint16_t notify;

	if (error == NULL)
		error = kink_find(&reply->message->outer, KINK_ERROR);
	if (error != NULL && kink_error_decode(error->body, &code) == ERR_OK && code != KINK_OK) {
		refused(command, reply, "the peer refuses: %s; its log says why",
		    kink_error_name(code));
		return true;
	}
	if (reply->form != KINK_FORM_REPLY) {
		refused(command, reply, "the peer reports a Kerberos error; its log says which");
		return true;
	}
	if (kink_get_isakmp(reply->message, reply->inner, chain) != ERR_OK) {
		refused(command, reply, "the peer's reply holds no single KINK_ISAKMP payload");
		return true;
	}
	if (command->exchange != NULL && quick_refuses_key_exchange(chain) &&
	    command->negotiation->rule->proposal.pfs == POLICY_PFS_OFFER) {
		go_without_exchange(command, reply->message->header.ackreq);
		return true;
	}
	notify = quick_find_error(chain);
	if (notify != 0) {
		refused(
		    command, reply, "the peer refuses: %s; its log says why", notify_name(notify));
		return true;
	}
	return false;
}

/* What an agreement says. */
struct answer {
	struct offer_choice choice;
	bool optimistic; /* it is what was offered first */
	struct bytes nonce;
	struct bytes peer_value; /* KE */
};

/* Reads it and holds it to what was offered; NULL when it is good, else what is wrong. */
static const char *read_answer(
    struct kink_command *command, const struct isakmp_chain *chain, struct answer *out)
{
	struct offer offered;
	struct offer answer;
	enum notify_type notify;
	bool first_known;
	size_t index;

	if (quick_get_offer(chain, &answer, &first_known, &notify) != ERR_OK || answer.count != 1)
		return "the peer's answer is no single proposal";
	out->choice = answer.choices[0];
	if (kink_create_offer(command, &offered) != ERR_OK)
		return "the policy has changed meanwhile";
	switch (offer_find_answer(&offered, &out->choice, &index)) {
	case ERR_OK:
		break;
	case ERR_INVALID:
		return "the peer's answer has a longer lifetime than was offered";
	default:
		return "the peer's answer is nothing that was offered";
	}
	out->optimistic = index == 0;
	if (quick_get_nonce(chain, &out->nonce) != ERR_OK)
		return "the peer's nonce is not valid";
	if (quick_get_key_exchange(chain, &out->peer_value) != ERR_OK ||
	    (out->peer_value.len > 0) != (command->exchange != NULL))
		return command->exchange != NULL ? "the peer's answer leaves out the key exchange"
		                                 : "the peer wants a key exchange of its own";
	return NULL;
}

/* All keys are made anew: the peer has added to them, or chose otherwise (RFC 4430 3.2). */
static void derive_both(struct kink_command *command)
{
	struct kerberos_derivation derivations[KERBEROS_DERIVATIONS_MAX];
	uint8_t buffer[2 * KINK_SEEDS_MAX];
	struct writer seeds = writer_of(buffer, sizeof(buffer));
	size_t count = kink_create_derivations(command, IPSEC_IN, &seeds, derivations);

	count += kink_create_derivations(command, IPSEC_OUT, &seeds, &derivations[count]);
	command->both = true;
	if (kink_command_derive(command, derivations, count) != ERR_OK)
		too_busy(command);
	secret_wipe(buffer, seeds.len);
}

static void finish_exchange(struct kink_command *command, struct bytes peer_value)
{
	const struct host *host = kx_host(command->kink->kx);
	const struct kink_key_exchange *exchange = command->exchange;
	struct agreement_request request = {.operation = AGREEMENT_FINISH,
	    .token = kink_token(KINK_STEP_FINISH, command->handle),
	    .group = exchange->group,
	    .private_value = bytes_of(exchange->private_value, exchange->private_len),
	    .public_value = kink_key_exchange_public(exchange),
	    .peer_value = peer_value};

	kink_command_answered(command);
	if (host->agree(host->self, &request) != ERR_OK)
		too_busy(command);
}

void kink_create_finish(struct kink_command *command)
{
	derive_both(command);
}

/* The peer has it as we have it: only the outbound keys are still to come. */
static void conclude_optimistic(struct kink_command *command, const struct kink_reply *reply)
{
	struct kerberos_derivation derivations[KERBEROS_DERIVATIONS_MAX];
	uint8_t buffer[KINK_SEEDS_MAX];
	struct writer seeds = writer_of(buffer, sizeof(buffer));
	size_t count;

	if (command->pair->part_count == 1 &&
	    kink_create_was_expected(reply, command->pair->parts[0].spi_out)) {
		kink_command_answered(command);
		sad_install(kx_sad(command->kink->kx), command->pair, IPSEC_OUT, &reply->keymat);
		return;
	}
	count = kink_create_derivations(command, IPSEC_OUT, &seeds, derivations);
	if (kink_command_derive(command, derivations, count) != ERR_OK)
		too_busy(command);
}

/* Our own SPI would give both directions the same key (RFC 2409 5.5). */
static enum err take_spis(struct kink_command *command, const struct offer_choice *choice)
{
	struct sa_pair *pair = command->pair;
	enum err error = ERR_OK;

	for (size_t i = 0; error == ERR_OK && i < pair->part_count; i++)
		error = choice->parts[i].spi == pair->parts[i].spi_in
		            ? ERR_EXISTS
		            : sad_set_spi_out(
				  kx_sad(command->kink->kx), &pair->parts[i], choice->parts[i].spi);
	return error;
}

void kink_create_replied(struct kink_command *command, const struct kink_reply *reply)
{
	struct suite suites[BUNDLE_MAX];
	struct isakmp_chain chain;
	struct answer answer;
	const char *wrong;
	bool two_way;

	if (reply_is_error(command, reply, &chain))
		return;
	wrong = read_answer(command, &chain, &answer);
	if (wrong != NULL) {
		refused(command, reply, "%s", wrong);
		return;
	}
	two_way = answer.optimistic && answer.nonce.len == 0 && answer.peer_value.len == 0;
	if (!two_way && !reply->message->header.ackreq) {
		refused(command, reply,
		    "the peer chose another proposal or added to the keys, but asks for no "
		    "acknowledgement");
		return;
	}
	/* The shorter lifetime counts (RFC 4430 3.2). */
	offer_suites(&answer.choice, suites);
	sad_agree(command->pair, suites, &answer.choice.lifetime);
	if (take_spis(command, &answer.choice) != ERR_OK) {
		refused(command, reply, "the peer's answer names an SPI that is in use");
		return;
	}
	command->acknowledge = reply->message->header.ackreq;
	command->peer_nonce_len = answer.nonce.len;
	if (answer.nonce.len > 0)
		memcpy(command->peer_nonce, answer.nonce.data, answer.nonce.len);
	if (two_way)
		conclude_optimistic(command, reply);
	else if (answer.peer_value.len > 0)
		finish_exchange(command, answer.peer_value);
	else
		derive_both(command);
}

void kink_create_derived(struct kink_command *command, const struct kerberos_completion *completion)
{
	struct sad *sad = kx_sad(command->kink->kx);
	struct bytes in[BUNDLE_MAX];
	struct bytes out[BUNDLE_MAX];
	size_t used = 0;

	if (command->both)
		used = kink_spread_keys(
		    command->pair, completion->keymat, completion->keymat_count, in);
	if (kink_spread_keys(command->pair, &completion->keymat[used],
		completion->keymat_count - used, out) == 0) {
		too_busy(command);
		return;
	}
	if (command->both)
		sad_install(sad, command->pair, IPSEC_IN, in);
	sad_install(sad, command->pair, IPSEC_OUT, out);
}

void kink_create_installed(struct kink_command *command, const struct problem *problem)
{
	struct kink *kink = command->kink;
	struct sa_pair *pair = command->pair;
	struct kx_negotiation *negotiation = command->negotiation;
	struct problem why;

	if (problem->code != ERR_OK) {
		(void)problem_set(
		    &why, problem->code, "the data plane refused the SA: %s", problem->text);
		kink_command_fail(command, &why);
		return;
	}
	if (!pair->installed_out)
		return;
	command->pair = NULL;
	command->negotiation = NULL;
	sad_establish(kx_sad(kink->kx), pair);
	kx_negotiation_done(kink->kx, negotiation, pair);
	if (command->acknowledge) {
		kink_acknowledge(command, pair);
	} else {
		kink_command_end(command);
		kx_pair_confirmed(kink->kx, pair);
	}
}
