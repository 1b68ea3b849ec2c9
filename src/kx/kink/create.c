/*
 * CREATE as its initiator, up to the command: RFC 4430 3.2. Without a key exchange the keying is
 * optimistic: the inbound SA is made from the first choice before the command leaves.
 */
#include "base/secret.h"
#include "crypto/algorithms.h"
#include "kx/kink/command.h"
#include "sa/sad.h"

static struct bytes nonce_of(const struct kink_wish *wish)
{
	return bytes_of(wish->nonce, sizeof(wish->nonce));
}

size_t kink_create_derivations(struct kink_wish *wish, enum ipsec_direction direction,
    struct writer *seeds, struct kerberos_derivation *out)
{
	struct quick_inputs inputs = {.secret = quick_key_exchange_secret(wish->exchange),
	    .ni = nonce_of(wish),
	    .nr = bytes_of(wish->peer_nonce, wish->peer_nonce_len)};
	size_t count = kink_derivations(wish->pair, direction, &inputs, seeds, out);

	wish->keys_asked += (uint8_t)count;
	return count;
}

static void create_derivations(
    struct kink_command *command, struct kerberos_request *request, struct writer *seeds)
{
	for (size_t i = 0; i < command->wish_count; i++) {
		struct kink_wish *wish = &command->wishes[i];

		wish->keys_asked = 0;
		if (wish->pair != NULL && wish->group == DH_NONE)
			request->derivation_count += (uint8_t)kink_create_derivations(wish,
			    IPSEC_IN, seeds, &request->derivations[request->derivation_count]);
	}
}

/* A makes optimistic inbound SAs; when they are in, it sends the command (RFC 4430 3.2). */
static enum err create_starting(
    struct kink_command *command, const struct kerberos_completion *completion)
{
	struct bytes keys[BUNDLE_MAX];
	size_t used = 0;

	for (size_t i = 0; i < command->wish_count; i++) {
		struct kink_wish *wish = &command->wishes[i];

		if (wish->keys_asked > completion->keymat_count - used)
			return ERR_INVALID;
		if (wish->pair != NULL && wish->keys_asked > 0) {
			if (kink_spread_keys(
				wish->pair, &completion->keymat[used], wish->keys_asked, keys) == 0)
				return ERR_INVALID;
			wish->installing = true;
			sad_install(kx_sad(command->kink->kx), wish->pair, IPSEC_IN, keys);
		}
		used += wish->keys_asked;
	}
	kink_create_depart(command);
	return ERR_OK;
}

void kink_create_depart(struct kink_command *command)
{
	for (size_t i = 0; i < command->wish_count; i++) {
		if (command->wishes[i].installing)
			return;
	}
	if (command->message.data != NULL)
		kink_command_depart(command);
}

const struct kink_command_kind kink_create_kind = {
    .type = KINK_CREATE,
    .derivations = create_derivations,
    .starting = create_starting,
    .expected = kink_create_expected,
    .replied = kink_create_replied,
    .derived = kink_create_derived,
    .failed = kink_wishes_failed,
};

/* The inner payloads of one wish: SA, Ni, KE, IDci and IDcr. */
enum err kink_wish_put(const struct kink *kink, const struct kink_wish *wish,
    const struct offer *offer, struct kink_writer *message)
{
	const struct sa_pair *pair = wish->pair;
	struct bytes ours = quick_key_exchange_public(wish->exchange);
	struct isakmp_writer chain = kink_isakmp_begin(message);
	enum err error = quick_put_offer(&chain, offer);

	isakmp_put(&chain, ISAKMP_NONCE, nonce_of(wish));
	if (ours.len > 0)
		isakmp_put(&chain, ISAKMP_KE, ours);
	quick_put_identities(&chain, &pair->selector, &pair->local, &pair->remote, true);
	if (error == ERR_OK)
		error = kink_nat_ask(kink, wish, &chain);
	kink_isakmp_end(message);
	return error;
}

enum err kink_create_offer(const struct kink_wish *wish, struct offer *out)
{
	uint32_t spis[BUNDLE_MAX] = {0};
	enum err error;

	for (size_t i = 0; i < wish->pair->part_count; i++)
		spis[i] = wish->pair->parts[i].spi_in;
	error = offer_make(wish->negotiation->rule, spis, wish->group, out);

	/* The inbound SA must be made from what the peer will see as the first. */
	quick_narrow_offer(out);
	return error == ERR_OK && out->count == 0 ? ERR_UNSUPPORTED : error;
}

static enum err agree_and_put(
    const struct kink *kink, const struct kink_wish *wish, struct kink_writer *message)
{
	struct suite suites[BUNDLE_MAX];
	struct offer offer;
	enum err error = kink_create_offer(wish, &offer);

	if (error != ERR_OK)
		return error;
	offer_suites(&offer.choices[0], suites);
	sad_agree(wish->pair, suites, &offer.choices[0].lifetime);
	return kink_wish_put(kink, wish, &offer, message);
}

/* Those that have failed are not told of. */
static void leave_out_failed(struct kink_command *command)
{
	uint8_t kept = 0;

	for (uint8_t i = 0; i < command->wish_count; i++) {
		if (command->wishes[i].negotiation == NULL)
			continue;
		if (kept != i) {
			command->wishes[kept] = command->wishes[i];
			command->wishes[i] = (struct kink_wish){0};
		}
		kept++;
	}
	command->wish_count = kept;
}

/* All that the command says is known. */
static void create_send(struct kink_command *command)
{
	uint8_t buffer[KINK_PLAIN_MAX];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct bytes plain = {0};
	struct problem why;

	leave_out_failed(command);
	for (size_t i = 0; i < command->wish_count; i++) {
		struct kink_wish *wish = &command->wishes[i];
		const struct policy_rule *rule = wish->negotiation->rule;
		enum err error = agree_and_put(command->kink, wish, &message);

		if (error == ERR_OK)
			continue;
		(void)problem_set(&why, error, "policy %s: KINK can offer none of its suites: %s",
		    rule->name, err_text(error));
		kink_wish_failed(command, wish, &why);
	}
	if (kink_create_settled(command))
		return;
	if (writer_ok(&out))
		plain = bytes_copy(writer_bytes(&out));
	if (plain.data == NULL) {
		(void)problem_set(&why, ERR_NO_MEMORY, "no command can be made: %s",
		    err_text(writer_ok(&out) ? ERR_NO_MEMORY : ERR_TOO_LONG));
		kink_command_fail(command, &why);
		return;
	}
	leave_out_failed(command);
	kink_command_start(command, command->wishes[0].negotiation->principal, plain);
}

static enum err begin_exchange(struct kink_command *command, struct kink_wish *wish)
{
	const struct host *host = kx_host(command->kink->kx);
	struct agreement_request request = {.operation = AGREEMENT_BEGIN,
	    .token = kink_token(KINK_STEP_BEGIN, command->handle),
	    .group = wish->group};

	wish->exchange = quick_key_exchange_new(wish->group);
	if (wish->exchange == NULL)
		return ERR_NO_MEMORY;
	return host->agree(host->self, &request);
}

void kink_create_go_on(struct kink_command *command)
{
	struct problem why;

	if (kink_create_settled(command) || kink_create_is_reserving(command))
		return;
	kink_command_close(command);
	for (uint8_t i = 0; i < command->wish_count; i++) {
		struct kink_wish *wish = &command->wishes[i];
		enum err error;

		if (wish->negotiation == NULL || wish->group == DH_NONE || wish->exchange != NULL)
			continue;
		command->agreeing = i;
		error = begin_exchange(command, wish);
		if (error == ERR_OK)
			return;
		(void)problem_set(&why, error, "no key exchange can begin: %s", err_text(error));
		kink_wish_failed(command, wish, &why);
	}
	if (!kink_create_settled(command))
		create_send(command);
}

void kink_create_agreed(struct kink_command *command, enum kink_step step,
    const struct agreement_completion *completion)
{
	struct kink_wish *wish = &command->wishes[command->agreeing];
	struct problem why;
	enum err error = completion->error;

	if (wish->negotiation != NULL && error == ERR_OK)
		error = quick_key_exchange_keep(wish->exchange, completion);
	if (wish->negotiation != NULL && error != ERR_OK) {
		(void)problem_set(&why, error, "the key exchange fails: %s",
		    error == ERR_INVALID ? "the peer's value is not valid" : err_text(error));
		kink_wish_failed(command, wish, &why);
		if (kink_create_settled(command))
			return;
	}
	if (step == KINK_STEP_BEGIN)
		kink_create_go_on(command);
	else
		kink_create_finish(command);
}

void kink_create_reserved(
    struct kink_command *command, struct sa_pair *pair, const struct problem *problem)
{
	const struct host *host = kx_host(command->kink->kx);
	struct kink_wish *wish = kink_wish_of(command, pair);
	struct problem why;

	if (wish == NULL)
		return;
	if (problem->code != ERR_OK) {
		(void)problem_set(
		    &why, problem->code, "the data plane gave no SPI: %s", problem->text);
		kink_wish_failed(command, wish, &why);
	} else {
		wish->reserved = true;
		host->random(host->self, wish->nonce, sizeof(wish->nonce));
	}
	kink_create_go_on(command);
}
