/*
 * CREATE as its initiator, up to the command: RFC 4430 3.2. Without a key exchange the keying is
 * optimistic: the inbound SA is made from the first choice before the command leaves.
 */
#include "crypto/algorithms.h"
#include "base/secret.h"
#include "kx/kink/kink-internal.h"
#include "sa/sad.h"

static struct bytes nonce_of(const struct kink_command *command)
{
	return bytes_of(command->nonce, sizeof(command->nonce));
}

size_t kink_create_derivations(struct kink_command *command, enum ipsec_direction direction,
    struct writer *seeds, struct kerberos_derivation *out)
{
	struct quick_inputs inputs = {.secret = kink_key_exchange_secret(command->exchange),
	    .ni = nonce_of(command),
	    .nr = bytes_of(command->peer_nonce, command->peer_nonce_len)};

	return kink_derivations(command->pair, direction, &inputs, seeds, out);
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
			kink_delete_pair(kink, pair, command->acknowledge);
		else
			sad_remove(kx_sad(kink->kx), pair);
	}
	if (negotiation != NULL)
		kx_negotiation_failed(kink->kx, negotiation, problem);
}

static void create_derivations(
    struct kink_command *command, struct kerberos_request *request, struct writer *seeds)
{
	if (command->exchange == NULL)
		request->derivation_count = (uint8_t)kink_create_derivations(
		    command, IPSEC_IN, seeds, request->derivations);
}

/*
 * Where the SPI stands in the plaintext of an agreement that begins with its SA payload: behind
 * InnerNextPload (RFC 4430 4.2.7), the headers of KINK_ISAKMP (4.2.6) and SA with its DOI and
 * situation (RFC 2407 4.6.1), and the proposal's own header (RFC 2408 3.5).
 */
#define EXPECTED_SPI_OFFSET (4 + 8 + 4 + 8 + 8)

/*
 * The outbound key is derived with the reply's verification: it saves a way to a worker and back.
 * That of a bundle is not, for its SPIs stand at several places.
 */
static void create_expected(
    struct kink_command *command, struct kerberos_request *request, struct writer *seeds)
{
	if (command->exchange != NULL || command->pair->part_count > 1)
		return;
	request->derivation_count =
	    (uint8_t)kink_create_derivations(command, IPSEC_OUT, seeds, request->derivations);
	request->plain_offset = EXPECTED_SPI_OFFSET;
	request->seed_offset = QUICK_SEED_SPI_OFFSET;
}

bool kink_create_was_expected(const struct kink_reply *reply, uint32_t spi)
{
	struct reader reader = reader_of(reply->plain);

	(void)reader_take(&reader, EXPECTED_SPI_OFFSET);
	return reply->keymat.len > 0 && reader_u32(&reader) == spi && reader_ok(&reader);
}

/* A makes an optimistic inbound SA, then sends the command (RFC 4430 3.2). */
static enum err create_starting(
    struct kink_command *command, const struct kerberos_completion *completion)
{
	struct bytes keys[BUNDLE_MAX];

	if (command->exchange != NULL)
		return ERR_OK;
	if (kink_spread_keys(command->pair, completion->keymat, completion->keymat_count, keys) ==
	    0)
		return ERR_INVALID;
	sad_install(kx_sad(command->kink->kx), command->pair, IPSEC_IN, keys);
	return ERR_OK;
}

static const struct kink_command_kind create_kind = {
    .type = KINK_CREATE,
    .derivations = create_derivations,
    .starting = create_starting,
    .expected = create_expected,
    .replied = kink_create_replied,
    .derived = kink_create_derived,
    .failed = create_failed,
};

/* The inner payloads of the command: SA, Ni, KE, IDci and IDcr. */
static enum err put_payloads(
    struct kink_command *command, const struct offer *offer, struct bytes *plain)
{
	const struct sa_pair *pair = command->pair;
	struct bytes ours = kink_key_exchange_public(command->exchange);
	uint8_t buffer[KINK_PLAIN_MAX];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct isakmp_writer chain = kink_isakmp_begin(&message);
	enum err error = quick_put_offer(&chain, offer);

	if (error != ERR_OK)
		return error;
	isakmp_put(&chain, ISAKMP_NONCE, nonce_of(command));
	if (ours.len > 0)
		isakmp_put(&chain, ISAKMP_KE, ours);
	quick_put_identities(&chain, &pair->selector, &pair->local, &pair->remote, true);
	kink_isakmp_end(&message);
	if (!writer_ok(&out))
		return ERR_TOO_LONG;
	*plain = kink_copy(writer_bytes(&out));
	return plain->data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

enum err kink_create_offer(struct kink_command *command, struct offer *out)
{
	uint32_t spis[BUNDLE_MAX] = {0};
	enum err error;

	for (size_t i = 0; i < command->pair->part_count; i++)
		spis[i] = command->pair->parts[i].spi_in;
	error = offer_make(command->negotiation->rule, spis, command->group, out);

	/* The inbound SA must be made from what the peer will see as the first. */
	quick_narrow_offer(out);
	return error == ERR_OK && out->count == 0 ? ERR_UNSUPPORTED : error;
}

/* All that the command says is known. */
static void create_send(struct kink_command *command)
{
	const struct kx_negotiation *negotiation = command->negotiation;
	struct suite suites[BUNDLE_MAX];
	struct offer offer;
	struct bytes plain = {0};
	struct problem why;
	enum err error = kink_create_offer(command, &offer);

	if (error == ERR_OK) {
		offer_suites(&offer.choices[0], suites);
		sad_agree(command->pair, suites, &offer.choices[0].lifetime);
		error = put_payloads(command, &offer, &plain);
	}
	if (error != ERR_OK) {
		(void)problem_set(&why, error, "policy %s: KINK can offer none of its suites: %s",
		    negotiation->rule->name, err_text(error));
		kink_command_fail(command, &why);
		return;
	}
	kink_command_start(command, negotiation->principal, plain);
}

static enum err begin_exchange(struct kink_command *command)
{
	const struct host *host = kx_host(command->kink->kx);
	struct agreement_request request = {.operation = AGREEMENT_BEGIN,
	    .token = kink_token(KINK_STEP_BEGIN, command->handle),
	    .group = command->group};

	command->exchange = secret_alloc(sizeof(*command->exchange));
	if (command->exchange == NULL)
		return ERR_NO_MEMORY;
	command->exchange->group = command->group;
	return host->agree(host->self, &request);
}

void kink_create_agreed(struct kink_command *command, enum kink_step step,
    const struct agreement_completion *completion)
{
	struct problem why;
	enum err error = completion->error;

	if (error == ERR_OK)
		error = kink_key_exchange_keep(command->exchange, completion);
	if (error != ERR_OK) {
		(void)problem_set(&why, error, "the key exchange fails: %s",
		    error == ERR_INVALID ? "the peer's value is not valid" : err_text(error));
		kink_command_fail(command, &why);
	} else if (step == KINK_STEP_BEGIN) {
		create_send(command);
	} else {
		kink_create_finish(command);
	}
}

void kink_create_reserved(struct kink_command *command, const struct problem *problem)
{
	const struct host *host = kx_host(command->kink->kx);
	struct problem why;
	enum err error = problem->code;

	if (error != ERR_OK) {
		(void)problem_set(&why, error, "the data plane gave no SPI: %s", problem->text);
		kink_command_fail(command, &why);
		return;
	}
	host->random(host->self, command->nonce, sizeof(command->nonce));
	if (command->group == DH_NONE) {
		create_send(command);
		return;
	}
	error = begin_exchange(command);
	if (error != ERR_OK) {
		(void)problem_set(&why, error, "no key exchange can begin: %s", err_text(error));
		kink_command_fail(command, &why);
	}
}

static void initiate(struct kink *kink, struct kx_negotiation *negotiation, enum dh_group group)
{
	struct sa_pair model = {.local = negotiation->local,
	    .remote = negotiation->remote,
	    .mode = negotiation->rule->mode,
	    .selector = negotiation->selector,
	    .policy_id = negotiation->rule->id,
	    .exchange = EXCHANGE_KINK,
	    .initiator = true};
	enum ipsec_protocol protocols[BUNDLE_MAX];
	size_t count = policy_protocols(&negotiation->rule->proposal, protocols);
	struct kink_command *command;
	struct problem problem;
	enum err error;

	error = kink_command_create(
	    kink, &create_kind, &negotiation->local, &negotiation->remote, &command);
	if (error == ERR_OK) {
		model.owner = kink_token(KINK_STEP_TICKET, command->handle);
		error = sad_add(kx_sad(kink->kx), &model, protocols, count, &command->pair);
		if (error != ERR_OK)
			kink_command_end(command);
	}
	if (error != ERR_OK) {
		(void)problem_set(&problem, error, "no SA can be added: %s", err_text(error));
		kx_negotiation_failed(kink->kx, negotiation, &problem);
		return;
	}
	command->group = group;
	command->negotiation = negotiation;
	negotiation->work = command->handle;
}

void kink_create_initiate(struct kink *kink, struct kx_negotiation *negotiation)
{
	const struct policy_proposal *proposal = &negotiation->rule->proposal;

	initiate(kink, negotiation,
	    proposal->pfs != POLICY_PFS_OFF && proposal->group_count > 0 ? proposal->groups[0]
									 : DH_NONE);
}

void kink_create_without_exchange(struct kink *kink, struct kx_negotiation *negotiation)
{
	initiate(kink, negotiation, DH_NONE);
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
