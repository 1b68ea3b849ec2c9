/*
 * CREATE as its initiator, from the reply on: RFC 4430 3.2. Two messages are enough when the peer
 * chose what was offered first and added nothing to the keys; else it asks for a third.
 */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "kx/kink/command.h"
#include "sa/sad.h"

/*
 * Where the SPI stands in the plaintext of an agreement that begins with its SA payload: behind
 * InnerNextPload (RFC 4430 4.2.7), the headers of KINK_ISAKMP (4.2.6) and SA with its DOI and
 * situation (RFC 2407 4.6.1), and the proposal's own header (RFC 2408 3.5).
 */
#define EXPECTED_SPI_OFFSET (4 + 8 + 4 + 8 + 8)

/*
 * The outbound key of a lone SA is derived with the reply's verification: it saves a way to a
 * worker and back.
 */
static bool is_expected(const struct kink_command *command)
{
	const struct kink_wish *wish = &command->wishes[0];

	return command->wish_count == 1 && wish->pair != NULL && wish->group == DH_NONE &&
	       wish->pair->part_count == 1;
}

void kink_create_expected(
    struct kink_command *command, struct kerberos_request *request, struct writer *seeds)
{
	if (!is_expected(command))
		return;
	request->derivation_count = (uint8_t)kink_create_derivations(
	    &command->wishes[0], IPSEC_OUT, seeds, request->derivations);
	request->plain_offset = EXPECTED_SPI_OFFSET;
	request->seed_offset = QUICK_SEED_SPI_OFFSET;
}

/* Whether the key that came with the reply is that of this SPI. */
static bool was_expected(const struct kink_reply *reply, uint32_t spi)
{
	struct reader reader = reader_of(reply->plain);

	(void)reader_take(&reader, EXPECTED_SPI_OFFSET);
	return reply->keymat.len > 0 && reader_u32(&reader) == spi && reader_ok(&reader);
}

/*
 * Not as it was wished. A reply that wants an ACK gets one all the same (RFC 4430 3.2: "even if it
 * believes that the responder was in error").
 */
static void unusable(struct kink_command *command, struct kink_wish *wish, const char *why)
{
	struct problem problem;

	(void)problem_set(&problem, ERR_REFUSED, "%s", why);
	kink_wish_failed(command, wish, &problem);
}

/* The peer has made nothing. */
static void refused(
    struct kink_command *command, struct kink_wish *wish, const char *what, const char *which)
{
	struct problem problem;

	(void)problem_set(&problem, ERR_REFUSED, "the peer %s%s; its log says why", what, which);
	kink_wish_refused(command, wish, &problem);
}

static void refused_all(struct kink_command *command, const char *what, const char *which)
{
	for (size_t i = 0; i < command->wish_count; i++)
		refused(command, &command->wishes[i], what, which);
}

static void too_busy(struct kink_command *command)
{
	struct problem problem;

	(void)problem_set(&problem, ERR_LIMIT, "too much work is waiting");
	kink_command_fail(command, &problem);
}

/* Another transaction, for this wish alone. */
static void wish_again(struct kink_command *command, struct kink_wish *wish, enum dh_group group)
{
	struct kink *kink = command->kink;
	struct kx_negotiation *negotiation = wish->negotiation;
	struct sa_pair *pair = wish->pair;

	kink_wish_clear(wish);
	pair->owner = 0;
	sad_remove(kx_sad(kink->kx), pair);
	kink_create_alone(kink, negotiation, group);
}

/* Why the peer does not want any of it, from an authentic reply. */
static bool is_refusal(struct kink_command *command, const struct kink_reply *reply)
{
	const struct kink_payload *error =
	    reply->inner != NULL ? kink_find(reply->inner, KINK_ERROR) : NULL;
	uint32_t code;

	if (error == NULL)
		error = kink_find(&reply->message->outer, KINK_ERROR);
	if (error != NULL && kink_error_decode(error->body, &code) == ERR_OK && code != KINK_OK) {
		refused_all(command, "refuses: ", kink_error_name(code));
		return true;
	}
	if (reply->form != KINK_FORM_REPLY) {
		refused_all(command, "reports a Kerberos error", "");
		return true;
	}
	return false;
}

/* What an agreement says. */
struct answer {
	struct quick_answer quick;
	struct quick_nat nat;
};

/* Reads it and holds it to what was offered; NULL when it is good, else what is wrong. */
static const char *read_answer(const struct kink *kink, const struct kink_wish *wish,
    const struct isakmp_chain *chain, struct answer *out)
{
	struct offer offered;
	const char *wrong;

	if (kink_create_offer(wish, &offered) != ERR_OK)
		return "the policy has changed meanwhile";
	wrong = quick_read_answer(chain, &offered, wish->exchange != NULL, &out->quick);
	return wrong != NULL ? wrong : kink_nat_read(kink, wish, chain, &out->nat);
}

/* What the peer made, and deleted again before its reply came. */
static bool is_withdrawn(const struct kink_command *command, const struct offer_choice *choice)
{
	for (size_t i = 0; i < choice->part_count; i++) {
		if (kink_is_withdrawn(
			command->kink, &command->remote.address, choice->parts[i].spi))
			return true;
	}
	return false;
}

/* The peer's word on one wish. */
static void take_answer(
    struct kink_command *command, struct kink_wish *wish, const struct isakmp_chain *chain)
{
	struct sad *sad = kx_sad(command->kink->kx);
	struct suite suites[BUNDLE_MAX];
	struct answer answer;
	const char *wrong;
	uint16_t notify = quick_find_error(chain);

	/* The peer has no key exchange, and policy can do without (RFC 4430 3.2). */
	if (wish->exchange != NULL && quick_refuses_key_exchange(chain) &&
	    wish->negotiation->rule->proposal.pfs == POLICY_PFS_OFFER) {
		wish_again(command, wish, DH_NONE);
		return;
	}
	/* RFC 4430 5.5: the command "has failed entirely", whatever else is there. */
	if (notify != 0 && isakmp_chain_find(chain, ISAKMP_SA, NULL) != NULL) {
		unusable(command, wish, "the peer's answer reports an error beside its choice");
		return;
	}
	if (notify != 0) {
		refused(command, wish, "refuses: ", notify_name(notify));
		return;
	}
	wrong = read_answer(command->kink, wish, chain, &answer);
	if (wrong != NULL) {
		unusable(command, wish, wrong);
		return;
	}
	if (is_withdrawn(command, &answer.quick.choice)) {
		wish->negotiation->again = true;
		unusable(command, wish, "the peer deleted the SA at once");
		return;
	}
	wish->both = answer.quick.index > 0 || answer.quick.nonce.len > 0 ||
	             answer.quick.peer_value.len > 0 || answer.nat.agreed;
	if (wish->both && !command->acknowledge) {
		unusable(command, wish,
		    "the peer chose another proposal or added to it, but asks for no "
		    "acknowledgement");
		return;
	}
	/* The shorter lifetime counts (RFC 4430 3.2). */
	offer_suites(&answer.quick.choice, suites);
	sad_agree(wish->pair, suites, &answer.quick.choice.lifetime);
	kink_nat_agree(command, wish, &answer.nat);
	if (quick_take_spis(sad, wish->pair, &answer.quick.choice) != ERR_OK) {
		unusable(command, wish, "the peer's answer names an SPI that is in use");
		return;
	}
	wish->peer_nonce_len = answer.quick.nonce.len;
	if (answer.quick.nonce.len > 0)
		memcpy(wish->peer_nonce, answer.quick.nonce.data, answer.quick.nonce.len);
	wish->peer_value = bytes_copy(answer.quick.peer_value);
	if (answer.quick.peer_value.len > 0 && wish->peer_value.data == NULL)
		unusable(command, wish, "out of memory");
}

/*
 * A KINK_ISAKMP payload for each of the command's, in its order. What a peer leaves out that does
 * not understand several in one command, it is asked for once more, each on its own.
 */
static void take_answers(struct kink_command *command, const struct kink_reply *reply)
{
	size_t count = kink_count_isakmp(reply->message, reply->inner);
	bool several = command->wish_count > 1;
	struct isakmp_chain chain;

	for (size_t i = 0; i < command->wish_count; i++) {
		struct kink_wish *wish = &command->wishes[i];
		bool there = kink_get_isakmp(reply->message, reply->inner, i, &chain) == ERR_OK;

		if (wish->negotiation == NULL)
			continue;
		if (several && (!there || (count == 1 && quick_find_error(&chain) != 0)))
			wish_again(command, wish, wish->group);
		else if (!there)
			unusable(command, wish, "the peer's reply holds no KINK_ISAKMP payload");
		else
			take_answer(command, wish, &chain);
	}
}

/* The keys that are still to come, of all wishes. */
static void derive(struct kink_command *command)
{
	struct kerberos_derivation derivations[KERBEROS_DERIVATIONS_MAX];
	uint8_t buffer[KINK_SEEDS_MAX];
	struct writer seeds = writer_of(buffer, sizeof(buffer));
	size_t count = 0;

	for (size_t i = 0; i < command->wish_count; i++) {
		struct kink_wish *wish = &command->wishes[i];

		wish->keys_asked = 0;
		if (wish->negotiation == NULL)
			continue;
		if (wish->both)
			count +=
			    kink_create_derivations(wish, IPSEC_IN, &seeds, &derivations[count]);
		count += kink_create_derivations(wish, IPSEC_OUT, &seeds, &derivations[count]);
	}
	if (kink_command_derive(command, derivations, count) != ERR_OK)
		too_busy(command);
	secret_wipe(buffer, seeds.len);
}

static enum err finish_exchange(struct kink_command *command, struct kink_wish *wish)
{
	const struct host *host = kx_host(command->kink->kx);
	struct agreement_request request =
	    quick_key_exchange_finish(wish->exchange, wish->peer_value);

	request.token = kink_token(KINK_STEP_FINISH, command->handle);
	return host->agree(host->self, &request);
}

void kink_create_finish(struct kink_command *command)
{
	for (uint8_t i = 0; i < command->wish_count; i++) {
		struct kink_wish *wish = &command->wishes[i];

		if (wish->negotiation == NULL || wish->exchange == NULL ||
		    wish->exchange->secret_len > 0)
			continue;
		command->agreeing = i;
		kink_command_answered(command);
		if (finish_exchange(command, wish) != ERR_OK)
			too_busy(command);
		return;
	}
	derive(command);
}

void kink_create_replied(struct kink_command *command, const struct kink_reply *reply)
{
	const struct kink_wish *first = &command->wishes[0];

	command->acknowledge = reply->message->header.ackreq;
	if (!is_refusal(command, reply))
		take_answers(command, reply);
	if (kink_create_settled(command))
		return;
	/* The peer has it as we have it: the outbound key is all that was to come. */
	if (is_expected(command) && !first->both &&
	    was_expected(reply, first->pair->parts[0].spi_out)) {
		kink_command_answered(command);
		sad_install(kx_sad(command->kink->kx), first->pair, IPSEC_OUT, &reply->keymat);
	} else {
		kink_create_finish(command);
	}
}

/* A wish's keys, as they were asked for. */
static enum err install(struct sad *sad, const struct kink_wish *wish, const struct bytes *keymat)
{
	struct bytes in[BUNDLE_MAX];
	struct bytes out[BUNDLE_MAX];
	size_t used = 0;

	if (wish->both)
		used = kink_spread_keys(wish->pair, keymat, wish->keys_asked, in);
	if (kink_spread_keys(wish->pair, &keymat[used], wish->keys_asked - used, out) == 0)
		return ERR_INVALID;
	if (wish->both)
		sad_install(sad, wish->pair, IPSEC_IN, in);
	sad_install(sad, wish->pair, IPSEC_OUT, out);
	return ERR_OK;
}

void kink_create_derived(struct kink_command *command, const struct kerberos_completion *completion)
{
	size_t used = 0;

	for (size_t i = 0; i < command->wish_count; i++) {
		const struct kink_wish *wish = &command->wishes[i];

		if (wish->keys_asked > completion->keymat_count - used ||
		    (wish->negotiation != NULL && install(kx_sad(command->kink->kx), wish,
						      &completion->keymat[used]) != ERR_OK)) {
			too_busy(command);
			return;
		}
		used += wish->keys_asked;
	}
}

void kink_create_installed(
    struct kink_command *command, struct sa_pair *pair, const struct problem *problem)
{
	struct kink *kink = command->kink;
	struct kink_wish *wish = kink_wish_of(command, pair);
	struct kx_negotiation *negotiation;
	uint64_t handle = command->handle;
	struct problem why;

	if (wish == NULL)
		return;
	if (problem->code != ERR_OK) {
		(void)problem_set(
		    &why, problem->code, "the data plane refused the SA: %s", problem->text);
		kink_create_lost(command, pair, &why);
		return;
	}
	if (wish->installing) {
		wish->installing = false;
		kink_create_depart(command);
		return;
	}
	if (!pair->installed_out)
		return;
	negotiation = wish->negotiation;
	wish->pair = NULL;
	wish->negotiation = NULL;
	wish->made = pair->handle;
	sad_establish(kx_sad(kink->kx), pair);
	kx_negotiation_done(kink->kx, negotiation, pair, NULL);
	if (!command->acknowledge)
		kx_pair_confirmed(kink->kx, pair);
	if (slots_get(&kink->commands, handle) == command)
		(void)kink_create_settled(command);
}
