/*
 * What CREATEs of ours are to bring. Wishes of the same moment to the same peer share a command, in
 * which each has a KINK_ISAKMP of its own (RFC 4430 4.2.6); they fail one by one.
 */
#include <string.h>

#include "base/secret.h"
#include "kx/kink/command.h"
#include "sa/sad.h"

/*
 * What wishes may take that share a command: beside a ticket of common size it still fits into one
 * packet.
 */
#define GATHERED_MAX 800

struct kink_wish *kink_wish_of(struct kink_command *command, const struct sa_pair *pair)
{
	for (size_t i = 0; i < command->wish_count; i++) {
		if (command->wishes[i].pair == pair)
			return &command->wishes[i];
	}
	return NULL;
}

static size_t count_left(const struct kink_command *command)
{
	size_t count = 0;

	for (size_t i = 0; i < command->wish_count; i++)
		count += command->wishes[i].negotiation != NULL;
	return count;
}

void kink_wish_clear(struct kink_wish *wish)
{
	quick_key_exchange_free(wish->exchange);
	bytes_drop(&wish->peer_value);
	*wish = (struct kink_wish){.keys_asked = wish->keys_asked};
}

/* It is not fulfilled; `told` when the peer knows of it, or will. */
static void give_up(
    struct kink_command *command, struct kink_wish *wish, bool told, const struct problem *problem)
{
	struct kink *kink = command->kink;
	struct kx_negotiation *negotiation = wish->negotiation;
	struct sa_pair *pair = wish->pair;

	kink_wish_clear(wish);
	if (pair != NULL) {
		pair->owner = 0;
		/*
		 * Nobody knows whether the peer has made its SAs, so it is told to forget them:
		 * KINK allows no half-open SAs (RFC 4430 3.3).
		 */
		if (told)
			kink_delete_pair(kink, pair, command->acknowledge);
		else
			sad_remove(kx_sad(kink->kx), pair);
	}
	if (negotiation != NULL)
		kx_negotiation_failed(kink->kx, negotiation, command->failure, problem);
}

void kink_wish_failed(
    struct kink_command *command, struct kink_wish *wish, const struct problem *problem)
{
	/* What is written already goes out for the sake of others. */
	bool written = command->plain.data != NULL &&
	               count_left(command) > (wish->negotiation != NULL ? 1 : 0);

	give_up(command, wish, command->sent || written, problem);
}

void kink_wish_refused(
    struct kink_command *command, struct kink_wish *wish, const struct problem *problem)
{
	give_up(command, wish, false, problem);
}

bool kink_create_settled(struct kink_command *command)
{
	if (count_left(command) > 0)
		return false;
	if (command->acknowledge)
		kink_acknowledge(command);
	else
		kink_command_end(command);
	return true;
}

void kink_wishes_failed(struct kink_command *command, const struct problem *problem)
{
	kink_command_close(command);
	for (size_t i = 0; i < command->wish_count; i++)
		give_up(command, &command->wishes[i], command->sent, problem);
}

bool kink_create_is_reserving(const struct kink_command *command)
{
	for (size_t i = 0; i < command->wish_count; i++) {
		if (command->wishes[i].negotiation != NULL && !command->wishes[i].reserved)
			return true;
	}
	return false;
}

/* What it will take in the command. */
static size_t size_of(
    const struct kink *kink, struct kx_negotiation *negotiation, enum dh_group group)
{
	struct sa_pair pair = {.local = negotiation->local,
	    .remote = negotiation->remote,
	    .selector = negotiation->selector};
	struct kink_wish wish = {.negotiation = negotiation, .pair = &pair};
	uint32_t spis[BUNDLE_MAX] = {0};
	uint8_t buffer[KINK_PLAIN_MAX];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct offer offer;
	enum err error = offer_make(negotiation->rule, spis, group, &offer);

	if (error == ERR_OK)
		error = kink_wish_put(kink, &wish, &offer, &message);
	return error == ERR_OK && writer_ok(&out) ? out.len + dh_public_length(group)
	                                          : KINK_PLAIN_MAX;
}

/* A command to the same peer that has not got its SPIs yet, and has room. */
static struct kink_command *find_gathering(
    const struct kink *kink, struct kx_negotiation *negotiation, enum dh_group group)
{
	struct kink_command *command;
	size_t size = 0;

	HASH_FIND(
	    by_remote, kink->creating, &negotiation->remote, sizeof(negotiation->remote), command);
	if (command == NULL || command->wish_count == KINK_SAS_MAX ||
	    !address_equal(&command->local, &negotiation->local))
		return NULL;
	for (size_t i = 0; i < command->wish_count; i++) {
		const struct kink_wish *wish = &command->wishes[i];

		if (wish->negotiation == NULL ||
		    strcmp(wish->negotiation->principal, negotiation->principal) != 0)
			return NULL;
		size += size_of(kink, wish->negotiation, wish->group);
	}
	return size + size_of(kink, negotiation, group) <= GATHERED_MAX ? command : NULL;
}

static enum err begin(
    struct kink *kink, const struct kx_negotiation *negotiation, struct kink_command **out)
{
	struct kink_command *command;
	enum err error = kink_command_create(
	    kink, &kink_create_kind, &negotiation->local, &negotiation->remote, &command);

	if (error != ERR_OK)
		return error;
	command->wishes = secret_alloc(KINK_SAS_MAX * sizeof(*command->wishes));
	if (command->wishes == NULL) {
		kink_command_end(command);
		return ERR_NO_MEMORY;
	}
	*out = command;
	return ERR_OK;
}

/* One more for the command, which may be new. */
static enum err add_wish(
    struct kink_command *command, struct kx_negotiation *negotiation, enum dh_group group)
{
	struct sa_pair model = {.local = negotiation->local,
	    .remote = negotiation->remote,
	    .mode = negotiation->rule->mode,
	    .selector = negotiation->selector,
	    .policy_id = negotiation->rule->id,
	    .packet_limit = negotiation->rule->proposal.packet_limit,
	    .exchange = EXCHANGE_KINK,
	    .owner = kink_token(KINK_STEP_TICKET, command->handle),
	    .initiator = true};
	enum ipsec_protocol protocols[BUNDLE_MAX];
	size_t count = policy_protocols(&negotiation->rule->proposal, protocols);
	struct kink_wish *wish = &command->wishes[command->wish_count];
	enum err error = sad_add(kx_sad(command->kink->kx), &model, protocols, count, &wish->pair);

	if (error != ERR_OK)
		return error;
	wish->negotiation = negotiation;
	wish->group = group;
	command->wish_count++;
	negotiation->work = command->handle;
	return ERR_OK;
}

static void initiate(
    struct kink *kink, struct kx_negotiation *negotiation, enum dh_group group, bool alone)
{
	struct kink_command *command = alone ? NULL : find_gathering(kink, negotiation, group);
	struct problem problem;
	enum err error = ERR_OK;

	if (command == NULL) {
		error = begin(kink, negotiation, &command);
		if (error == ERR_OK && !alone)
			kink_command_gather(command, &kink->creating);
	}
	if (error == ERR_OK) {
		error = add_wish(command, negotiation, group);
		if (error != ERR_OK && command->wish_count == 0)
			kink_command_end(command);
	}
	if (error != ERR_OK) {
		(void)problem_set(&problem, error, "no SA can be added: %s", err_text(error));
		kx_negotiation_failed(kink->kx, negotiation, KX_FAILURE_FINAL, &problem);
	}
}

void kink_create_initiate(struct kink *kink, struct kx_negotiation *negotiation)
{
	const struct policy_proposal *proposal = &negotiation->rule->proposal;
	bool exchange = proposal->pfs != POLICY_PFS_OFF && proposal->group_count > 0;

	initiate(kink, negotiation, exchange ? proposal->groups[0] : DH_NONE,
	    kink_is_racoon2(kink, &negotiation->remote));
}

void kink_create_alone(struct kink *kink, struct kx_negotiation *negotiation, enum dh_group group)
{
	initiate(kink, negotiation, group, true);
}

/* One of the wishes is over before the command is. */
static void lose(
    struct kink_command *command, struct kink_wish *wish, const struct problem *problem)
{
	bool reserving = kink_create_is_reserving(command);

	kink_wish_failed(command, wish, problem);
	if (reserving)
		kink_create_go_on(command);
	else if (!kink_create_settled(command))
		kink_create_depart(command);
}

void kink_create_abandon(struct kink *kink, struct kx_negotiation *negotiation)
{
	struct kink_command *command = slots_get(&kink->commands, negotiation->work);
	static const struct problem withdrawn = {.code = ERR_DENIED};

	for (size_t i = 0; command != NULL && i < command->wish_count; i++) {
		struct kink_wish *wish = &command->wishes[i];

		if (wish->negotiation != negotiation)
			continue;
		wish->negotiation = NULL;
		lose(command, wish, &withdrawn);
		return;
	}
}

void kink_create_lost(
    struct kink_command *command, const struct sa_pair *pair, const struct problem *problem)
{
	struct kink_wish *wish = kink_wish_of(command, pair);

	if (wish != NULL)
		lose(command, wish, problem);
}

void kink_create_gone(
    struct kink_command *command, const struct sa_pair *pair, const struct problem *problem)
{
	struct kink_wish *wish = kink_wish_of(command, pair);

	if (wish == NULL)
		return;
	wish->pair = NULL;
	lose(command, wish, problem);
}

void kink_create_again(struct kink_command *command)
{
	for (size_t i = 0; i < command->wish_count; i++) {
		if (command->wishes[i].negotiation != NULL)
			command->wishes[i].negotiation->again = true;
	}
}

void kink_create_clear(struct kink_command *command)
{
	for (size_t i = 0; i < command->wish_count; i++)
		kink_wish_clear(&command->wishes[i]);
	secret_free(command->wishes, KINK_SAS_MAX * sizeof(*command->wishes));
	command->wishes = NULL;
}
