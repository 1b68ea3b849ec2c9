/*
 * CREATE as its initiator: RFC 4430 3.2, two-way with optimistic keying. The inbound SA is made
 * from the first choice before the command leaves; the outbound one when the peer has agreed to it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "crypto/algorithms.h"
#include "kx/kink/kink-internal.h"
#include "sa/sad.h"

static struct bytes nonce_of(struct kink_command *command)
{
	return bytes_of(command->nonce, sizeof(command->nonce));
}

static struct kerberos_derivation derivation_for(struct kink_command *command, uint32_t spi)
{
	struct writer seed = writer_of(command->seed, sizeof(command->seed));

	quick_put_seed(
	    &seed, command->pair->suite.protocol, spi, nonce_of(command), (struct bytes){0});
	return (struct kerberos_derivation){.seed = writer_bytes(&seed),
	    .length = (uint16_t)suite_key_length(&command->pair->suite)};
}

/* The wish is not fulfilled. What is there of its SAs goes. */
static void create_failed(struct kink_command *command, const struct problem *problem)
{
	struct kink *kink = command->kink;
	struct kx_negotiation *negotiation = command->negotiation;
	struct sa_pair *pair = command->pair;

	command->negotiation = NULL;
	command->pair = NULL;
	if (pair != NULL) {
		pair->owner = 0;
		/*
		 * Nobody knows whether the peer has made its SAs, so it is told to forget them:
		 * KINK allows no half-open SAs (RFC 4430 3.3).
		 */
		if (command->sent)
			kink_delete_pair(kink, pair);
		else
			sad_remove(kx_sad(kink->kx), pair);
	}
	if (negotiation != NULL)
		kx_negotiation_failed(kink->kx, negotiation, problem);
}

static void create_derivations(struct kink_command *command, struct kerberos_request *request)
{
	request->derivations[0] = derivation_for(command, command->pair->spi_in);
	request->derivation_count = 1;
}

/*
 * Where the SPI stands in the plaintext of an agreement that begins with its SA payload: behind
 * InnerNextPload (RFC 4430 4.2.7), the headers of KINK_ISAKMP (4.2.6) and SA with its DOI and
 * situation (RFC 2407 4.6.1), and the proposal's own header (RFC 2408 3.5).
 */
#define EXPECTED_SPI_OFFSET (4 + 8 + 4 + 8 + 8)
/* And in the seed: behind the protocol. */
#define SEED_SPI_OFFSET     1

/* The outbound key is derived with the reply's verification: it saves a way to a worker and back.
 */
static void create_expected(struct kink_command *command, struct kerberos_request *request)
{
	request->derivations[0] = derivation_for(command, 0);
	request->derivation_count = 1;
	request->plain_offset = EXPECTED_SPI_OFFSET;
	request->seed_offset = SEED_SPI_OFFSET;
}

/* Whether the key that came with the reply is that of this SPI. */
static bool spi_was_expected(const struct kink_reply *reply, uint32_t spi)
{
	struct reader reader = reader_of(reply->plain);

	(void)reader_take(&reader, EXPECTED_SPI_OFFSET);
	return reply->keymat.len > 0 && reader_u32(&reader) == spi && reader_ok(&reader);
}

/* A makes an optimistic inbound SA, then sends the command (RFC 4430 3.2). */
static enum err create_starting(
    struct kink_command *command, const struct kerberos_completion *completion)
{
	if (completion->keymat_count != 1)
		return ERR_INVALID;
	sad_install(kx_sad(command->kink->kx), command->pair, IPSEC_IN, completion->keymat[0]);
	return ERR_OK;
}

__attribute__((format(printf, 2, 3))) static void refused(
    struct kink_command *command, const char *format, ...)
{
	struct problem problem = {.code = ERR_REFUSED};
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(problem.text, sizeof(problem.text), format, arguments);
	va_end(arguments);
	kink_command_fail(command, &problem);
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
		refused(command, "the peer refuses: %s; its log says why", kink_error_name(code));
		return true;
	}
	if (reply->form != KINK_FORM_REPLY) {
		refused(command, "the peer reports a Kerberos error; its log says which");
		return true;
	}
	if (kink_get_isakmp(reply->message, reply->inner, chain) != ERR_OK) {
		refused(command, "the peer's reply holds no single KINK_ISAKMP payload");
		return true;
	}
	notify = quick_find_error(chain);
	if (notify != 0) {
		refused(command, "the peer refuses: %s; its log says why", notify_name(notify));
		return true;
	}
	return false;
}

static void create_replied(struct kink_command *command, const struct kink_reply *reply)
{
	struct isakmp_chain chain;
	struct offer answer;
	struct bytes nonce = {0};
	bool first_known;
	enum notify_type notify;
	struct kerberos_derivation derivation;
	struct sa_pair *pair = command->pair;

	if (reply_is_error(command, reply, &chain))
		return;
	if (quick_get_offer(&chain, &answer, &first_known, &notify) != ERR_OK ||
	    answer.count != 1 || quick_get_nonce(&chain, &nonce) != ERR_OK) {
		refused(command, "the peer's answer is no single proposal");
		return;
	}
	if (reply->message->header.ackreq || nonce.len > 0 ||
	    offer_check_answer(&command->optimistic, &answer.choices[0]) != ERR_OK) {
		refused(command, "the peer did not choose the first proposal, and the three-way "
				 "handshake is not supported");
		return;
	}
	/* The shorter lifetime counts (RFC 4430 3.2). */
	sad_agree(pair, &pair->suite, &answer.choices[0].lifetime);
	/* Our own SPI would give both directions the same key (RFC 2409 5.5). */
	if (answer.choices[0].spi == pair->spi_in ||
	    sad_set_spi_out(kx_sad(command->kink->kx), pair, answer.choices[0].spi) != ERR_OK) {
		refused(command, "the peer's answer names an SPI that is in use");
		return;
	}
	if (spi_was_expected(reply, pair->spi_out)) {
		kink_command_answered(command);
		sad_install(kx_sad(command->kink->kx), pair, IPSEC_OUT, reply->keymat);
		return;
	}
	derivation = derivation_for(command, pair->spi_out);
	if (kink_command_derive(command, &derivation) != ERR_OK)
		refused(command, "too much work is waiting");
}

static void create_derived(
    struct kink_command *command, const struct kerberos_completion *completion)
{
	if (completion->keymat_count != 1) {
		refused(command, "no key was derived");
		return;
	}
	sad_install(kx_sad(command->kink->kx), command->pair, IPSEC_OUT, completion->keymat[0]);
}

static const struct kink_command_kind create_kind = {
    .type = KINK_CREATE,
    .derivations = create_derivations,
    .starting = create_starting,
    .expected = create_expected,
    .replied = create_replied,
    .derived = create_derived,
    .failed = create_failed,
};

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
	kink_command_end(command);
}

/* The inner payloads of the command: SA, Ni, IDci and IDcr. */
static enum err put_payloads(
    struct kink_command *command, const struct offer *offer, struct bytes *plain)
{
	const struct sa_pair *pair = command->pair;
	uint8_t buffer[KINK_PLAIN_MAX];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct isakmp_writer chain = kink_isakmp_begin(&message);
	enum err error = quick_put_offer(&chain, offer);

	if (error != ERR_OK)
		return error;
	isakmp_put(&chain, ISAKMP_NONCE, nonce_of(command));
	quick_put_identities(&chain, &pair->selector, &pair->local, &pair->remote, true);
	kink_isakmp_end(&message);
	if (!writer_ok(&out))
		return ERR_TOO_LONG;
	*plain = kink_copy(writer_bytes(&out));
	return plain->data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

void kink_create_reserved(struct kink_command *command, const struct problem *problem)
{
	const struct host *host = kx_host(command->kink->kx);
	const struct kx_negotiation *negotiation = command->negotiation;
	struct offer offer;
	struct bytes plain = {0};
	struct problem why;
	enum err error = problem->code;

	if (error != ERR_OK) {
		(void)problem_set(&why, error, "the data plane gave no SPI: %s", problem->text);
		kink_command_fail(command, &why);
		return;
	}
	host->random(host->self, command->nonce, sizeof(command->nonce));
	error = offer_make(negotiation->rule, command->pair->spi_in, &offer);
	/* The inbound SA must be made from what the peer will see as the first. */
	quick_narrow_offer(&offer);
	if (error == ERR_OK && offer.count == 0)
		error = ERR_UNSUPPORTED;
	if (error == ERR_OK) {
		command->optimistic = offer.choices[0];
		sad_agree(command->pair, &offer.choices[0].suite, &offer.choices[0].lifetime);
		error = put_payloads(command, &offer, &plain);
	}
	if (error != ERR_OK) {
		(void)problem_set(&why, error,
		    "policy %s: KINK can offer none of its esp suites: %s", negotiation->rule->name,
		    err_text(error));
		kink_command_fail(command, &why);
		return;
	}
	kink_command_start(command, negotiation->principal, plain);
}

void kink_create_initiate(struct kink *kink, struct kx_negotiation *negotiation)
{
	struct sa_pair model = {.local = negotiation->local,
	    .remote = negotiation->remote,
	    .mode = negotiation->rule->mode,
	    .suite = {.protocol = IPSEC_ESP},
	    .selector = negotiation->selector,
	    .policy_id = negotiation->rule->id,
	    .exchange = EXCHANGE_KINK,
	    .initiator = true};
	struct kink_command *command;
	struct problem problem;
	enum err error;

	error = kink_command_create(
	    kink, &create_kind, &negotiation->local, &negotiation->remote, &command);
	if (error == ERR_OK) {
		model.owner = kink_token(KINK_STEP_TICKET, command->handle);
		error = sad_add(kx_sad(kink->kx), &model, &command->pair);
		if (error != ERR_OK)
			kink_command_end(command);
	}
	if (error != ERR_OK) {
		(void)problem_set(&problem, error, "no SA can be added: %s", err_text(error));
		kx_negotiation_failed(kink->kx, negotiation, &problem);
		return;
	}
	command->negotiation = negotiation;
	negotiation->work = command->handle;
}

void kink_create_abandon(struct kink *kink, struct kx_negotiation *negotiation)
{
	struct kink_command *command = slots_get(&kink->commands, negotiation->work);
	static const struct problem withdrawn = {.code = ERR_DENIED};

	if (command == NULL)
		return;
	command->negotiation = NULL;
	kink_command_fail(command, &withdrawn);
}
