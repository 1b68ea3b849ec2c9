/*
 * DELETE as its initiator: RFC 4430 3.3. The outbound SA goes first; the inbound one when the peer
 * has confirmed, after the grace time. A peer that does not answer cannot keep it. Pairs with one
 * peer that are given up at the same moment share their commands.
 */
#include <stdlib.h>

#include "kx/kink/command.h"

/* SPIs in one command: with a ticket of common size it still fits into one packet. */
#define BATCH_MAX 128

struct kink_deletion {
	size_t count;
	size_t left; /* pairs that are still there */
	struct {
		struct sa_pair *pair; /* NULL when it is gone */
		struct kink_deleted {
			enum ipsec_protocol protocol;
			uint32_t spi_in;
		} parts[BUNDLE_MAX];
		size_t part_count;
	} items[BATCH_MAX];
};

static uint64_t owner_token(const struct kink_command *command)
{
	return kink_token(KINK_STEP_TICKET, command->handle);
}

/* The command's hold on its pair number i ends. */
static struct sa_pair *release(struct kink_deletion *deletion, size_t i)
{
	struct sa_pair *pair = deletion->items[i].pair;

	if (pair == NULL)
		return NULL;
	deletion->items[i].pair = NULL;
	deletion->left--;
	pair->owner = 0;
	return pair;
}

/*
 * Marks the pairs that a KINK_ISAKMP names by the peer's inbound SPIs. False when no more can be
 * learned from it: INVALID-SPI says that the peer has not got the others (RFC 4430 3.3), and with
 * any other error there is nothing to wait for either.
 */
static bool mark_confirmed(struct kink_command *command, const struct isakmp_chain *chain)
{
	struct sad *sad = kx_sad(command->kink->kx);
	const struct isakmp_payload *payload = NULL;
	size_t confirmed = 0;

	if (quick_find_error(chain) != 0)
		return false;
	while ((payload = isakmp_chain_find(chain, ISAKMP_DELETE, payload)) != NULL) {
		struct isakmp_delete answer;
		enum ipsec_protocol protocol;

		if (isakmp_delete_decode(payload->body, &answer) != ERR_OK ||
		    quick_protocol_decode(answer.protocol, &protocol) != ERR_OK)
			return false;
		for (size_t i = 0; i < answer.spi_count; i++) {
			struct sa_pair *pair;
			uint32_t spi;

			if (quick_spi_decode(protocol, isakmp_delete_spi(&answer, i), &spi) !=
			    ERR_OK)
				continue;
			pair = sad_by_spi_out(sad, &command->remote.address, protocol, spi);
			if (pair == NULL || pair->owner != owner_token(command))
				continue;
			pair->owner = 0;
			confirmed++;
		}
	}
	return confirmed > 0;
}

static void delete_replied(struct kink_command *command, const struct kink_reply *reply)
{
	struct kink *kink = command->kink;
	struct kink_deletion *deletion = command->deletion;
	struct isakmp_chain chain;
	bool in_part = reply->form == KINK_FORM_REPLY &&
	               kink_get_isakmp(reply->message, reply->inner, 0, &chain) == ERR_OK &&
	               mark_confirmed(command, &chain);

	for (size_t i = 0; i < deletion->count; i++) {
		struct sa_pair *pair = deletion->items[i].pair;
		bool again = pair != NULL && in_part && pair->owner != 0 &&
		             pair->parts[0].spi_out != 0 && pair->parts[0].spi_in != 0;

		pair = release(deletion, i);
		if (again)
			/* The peer took on a part only; the rest goes into the next command. */
			kink_delete_pair(kink, pair, false);
		else if (pair != NULL)
			sad_retire(kx_sad(kink->kx), pair);
	}
	kink_command_end(command);
}

static void delete_failed(struct kink_command *command, const struct problem *problem)
{
	const struct host *host = kx_host(command->kink->kx);
	struct kink_deletion *deletion = command->deletion;
	char remote[ENDPOINT_TEXT_SIZE];

	log_event(host->log, LOG_LEVEL_INFO, LOG_AREA_KINK,
	    LOG_FIELDS({"remote", endpoint_format(&command->remote, remote)}),
	    "the peer has not confirmed the deletion of %zu pairs of SAs: %s", deletion->left,
	    problem->text);
	for (size_t i = 0; i < deletion->count; i++) {
		struct sa_pair *pair = release(deletion, i);

		if (pair != NULL)
			sad_remove(kx_sad(command->kink->kx), pair);
	}
}

static const struct kink_command_kind delete_kind = {
    .type = KINK_DELETE,
    .replied = delete_replied,
    .failed = delete_failed,
};

/* The SPIs of one protocol, in one payload. */
static void put_spis(
    struct isakmp_writer *chain, const struct kink_deletion *deletion, enum ipsec_protocol protocol)
{
	uint32_t spis[BATCH_MAX];
	size_t count = 0;

	for (size_t i = 0; i < deletion->count; i++) {
		for (size_t j = 0;
		     deletion->items[i].pair != NULL && j < deletion->items[i].part_count; j++) {
			const struct kink_deleted *part = &deletion->items[i].parts[j];

			if (part->protocol == protocol)
				spis[count++] = part->spi_in;
		}
	}
	if (count > 0)
		quick_put_delete(chain, protocol, spis, count);
}

static struct bytes payloads(const struct kink_deletion *deletion)
{
	uint8_t buffer[4 * BATCH_MAX * BUNDLE_MAX + 128];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct isakmp_writer chain = kink_isakmp_begin(&message);

	put_spis(&chain, deletion, IPSEC_ESP);
	put_spis(&chain, deletion, IPSEC_AH);
	put_spis(&chain, deletion, IPSEC_IPCOMP);
	kink_isakmp_end(&message);
	return writer_ok(&out) ? bytes_copy(writer_bytes(&out)) : (struct bytes){0};
}

static void principal_known(
    struct kx_principal_wait *wait, const char *principal, const struct problem *problem)
{
	struct kink_command *command =
	    (struct kink_command *)((char *)wait - offsetof(struct kink_command, principal_wait));

	struct bytes plain = payloads(command->deletion);
	struct problem no_memory;

	(void)problem_set(&no_memory, ERR_NO_MEMORY, "out of memory");
	if (principal == NULL || plain.data == NULL) {
		bytes_drop(&plain);
		kink_command_fail(command, principal == NULL ? problem : &no_memory);
	} else {
		kink_command_start(command, principal, plain);
	}
}

static void gathered(struct timer *timer, void *context)
{
	struct kink_command *command = context;

	(void)timer;
	kink_command_close(command);
	kx_principal_wait(command->kink->kx, command->principal_wait.peer, &command->remote.address,
	    &command->principal_wait);
}

/* Makes a command that takes on pairs until the present event is over. */
static enum err gather(struct kink *kink, const struct sa_pair *pair,
    const struct policy_peer *peer, struct kink_command **out)
{
	const struct host *host = kx_host(kink->kx);
	struct kink_command *command;
	enum err error =
	    kink_command_create(kink, &delete_kind, &pair->local, &pair->remote, &command);

	if (error != ERR_OK)
		return error;
	command->principal_wait.done = principal_known;
	command->principal_wait.peer = peer;
	command->deletion = calloc(1, sizeof(*command->deletion));
	if (command->deletion == NULL ||
	    timers_set(kx_timers(kink->kx), &command->timer, host->now_ms(host->self), gathered,
		command) != ERR_OK) {
		kink_command_end(command);
		return ERR_NO_MEMORY;
	}
	kink_command_gather(command, &kink->deleting);
	*out = command;
	return ERR_OK;
}

static void add(struct kink_deletion *deletion, struct sa_pair *pair)
{
	size_t i = deletion->count++;

	deletion->left++;
	deletion->items[i].pair = pair;
	deletion->items[i].part_count = pair->part_count;
	for (size_t j = 0; j < pair->part_count; j++)
		deletion->items[i].parts[j] =
		    (struct kink_deleted){pair->parts[j].suite.protocol, pair->parts[j].spi_in};
}

void kink_delete_pair(struct kink *kink, struct sa_pair *pair, bool at_once)
{
	const struct policy_rule *rule = policy_rule_by_id(kx_policy(kink->kx), pair->policy_id);
	struct kink_command *command;

	sad_close_outbound(kx_sad(kink->kx), pair);
	HASH_FIND(by_remote, kink->deleting, &pair->remote, sizeof(pair->remote), command);
	if (command != NULL && rule != NULL &&
	    (command->deletion->count == BATCH_MAX || command->principal_wait.peer != rule->peer ||
		!address_equal(&command->local, &pair->local)))
		command = NULL;
	if (rule == NULL ||
	    (command == NULL && gather(kink, pair, rule->peer, &command) != ERR_OK)) {
		sad_remove(kx_sad(kink->kx), pair);
		return;
	}
	add(command->deletion, pair);
	pair->owner = owner_token(command);
	if (at_once)
		sad_close_inbound(kx_sad(kink->kx), pair);
}

void kink_delete_gone(struct kink_command *command, const struct sa_pair *pair)
{
	struct kink_deletion *deletion = command->deletion;

	for (size_t i = 0; i < deletion->count; i++) {
		if (deletion->items[i].pair == pair)
			(void)release(deletion, i);
	}
	if (deletion->left == 0)
		kink_command_end(command);
}

void kink_delete_clear(struct kink_command *command)
{
	free(command->deletion);
}
