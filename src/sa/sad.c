/* The SAD: pairs, what becomes of them and how they go (RFC 4301 4.4.2; RFC 4430 3.3). */
#include "sa/sad-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "sa/peer.h"

const char *sa_suites_format(const struct sa_pair *pair, char text[SA_SUITES_TEXT_SIZE])
{
	char name[SUITE_TEXT_SIZE];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < pair->part_count; i++) {
		const struct suite *suite = &pair->parts[i].suite;

		if (!suite_is_valid(suite))
			continue;
		used += (size_t)snprintf(text + used, SA_SUITES_TEXT_SIZE - used, "%s%s",
		    used > 0 ? ", " : "", suite_format(suite, name));
	}
	return text;
}

enum err sad_create(const struct host *host, struct timers *timers,
    const struct sad_settings *settings, const struct sad_listener *listener, struct sad **out)
{
	struct sad *sad = calloc(1, sizeof(*sad));

	if (sad == NULL)
		return ERR_NO_MEMORY;
	sad->host = *host;
	sad->timers = timers;
	sad->settings = *settings;
	sad->listener = *listener;
	*out = sad;
	return ERR_OK;
}

/* Takes a pair out of every table and frees it. */
static void forget(struct sad *sad, struct sa_pair *pair)
{
	timers_cancel(sad->timers, &pair->timer);
	if (pair->retired)
		sad->retired_count--;
	for (size_t i = 0; i < pair->part_count; i++) {
		if (pair->parts[i].spi_in != 0)
			HASH_DELETE(by_spi_in, sad->by_spi_in, &pair->parts[i]);
		if (pair->parts[i].spi_out != 0)
			HASH_DELETE(by_spi_out, sad->by_spi_out, &pair->parts[i]);
	}
	DL_DELETE2(pair->peer->pairs, pair, peer_previous, peer_next);
	sad_peer_drop(sad, pair->peer);
	slots_remove(&sad->pairs, pair->handle);
	free(pair->trouble);
	free(pair);
}

void sad_destroy(struct sad *sad)
{
	uint32_t cursor = 0;
	struct sa_pair *pair;

	if (sad == NULL)
		return;
	while ((pair = slots_next(&sad->pairs, &cursor)) != NULL)
		forget(sad, pair);
	slots_clear(&sad->pairs);
	free(sad);
}

static struct sa_pair *pair_new(struct sad *sad, const struct sa_pair *model,
    const enum ipsec_protocol *protocols, size_t count)
{
	struct sa_pair *pair = calloc(1, sizeof(*pair) + count * sizeof(pair->parts[0]));

	if (pair == NULL)
		return NULL;
	pair->state = SA_LARVAL;
	pair->local = model->local;
	pair->remote = model->remote;
	pair->mode = model->mode;
	pair->selector = model->selector;
	pair->policy_id = model->policy_id;
	pair->packet_limit = model->packet_limit;
	pair->exchange = model->exchange;
	pair->initiator = model->initiator;
	pair->lifetime_lowered = model->lifetime_lowered;
	pair->owner = model->owner;
	pair->created_ms = sad->host.now_ms(sad->host.self);
	if (count > 1)
		pair->bundle = ++sad->next_bundle != 0 ? sad->next_bundle : ++sad->next_bundle;
	pair->part_count = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		pair->parts[i].pair = pair;
		pair->parts[i].suite.protocol = protocols[i];
	}
	return pair;
}

enum err sad_add(struct sad *sad, const struct sa_pair *model, const enum ipsec_protocol *protocols,
    size_t count, struct sa_pair **out)
{
	struct sa_pair *pair;
	enum err error;

	if (count == 0 || count > BUNDLE_MAX)
		return ERR_INVALID;
	if (sad->pairs.count >= sad->settings.max_pairs)
		return ERR_LIMIT;
	pair = pair_new(sad, model, protocols, count);
	if (pair == NULL)
		return ERR_NO_MEMORY;
	pair->peer = sad_peer(sad, &pair->remote);
	if (pair->peer == NULL) {
		free(pair);
		return ERR_NO_MEMORY;
	}
	DL_APPEND2(pair->peer->pairs, pair, peer_previous, peer_next);
	error = slots_add(&sad->pairs, pair, &pair->handle);
	if (error != ERR_OK) {
		DL_DELETE2(pair->peer->pairs, pair, peer_previous, peer_next);
		sad_peer_drop(sad, pair->peer);
		free(pair);
		return error;
	}
	pair->reserving = pair->part_count;
	*out = pair;
	for (size_t i = 0; i < count; i++)
		sad_reserve(sad, &pair->parts[i]);
	return ERR_OK;
}

void sad_agree(struct sa_pair *pair, const struct suite *suites, const struct lifetime *lifetime)
{
	for (size_t i = 0; i < pair->part_count; i++)
		pair->parts[i].suite = suites[i];
	pair->lifetime = *lifetime;
}

void sad_encapsulate(struct sa_pair *pair, uint16_t remote_port, bool behind_nat)
{
	pair->encapsulation = (struct sa_encapsulation){remote_port, behind_nat};
}

/* Octet by octet, so that padding is zero and keys compare. */
static void fill_key(struct sa_key *key, const struct address *destination,
    enum ipsec_protocol protocol, uint32_t spi)
{
	memset(key, 0, sizeof(*key));
	key->destination = *destination;
	key->protocol = protocol;
	key->spi = spi;
}

bool sad_has_spi_out(
    const struct sad *sad, const struct address *remote, enum ipsec_protocol protocol, uint32_t spi)
{
	const struct sa_pair *pair = sad_by_spi_out(sad, remote, protocol, spi);

	return pair != NULL && !pair->lost;
}

enum err sad_set_spi_out(struct sad *sad, struct sa_part *part, uint32_t spi)
{
	enum ipsec_protocol protocol = part->suite.protocol;
	struct sa_pair *other = sad_by_spi_out(sad, &part->pair->remote, protocol, spi);

	if (other != NULL && !other->lost)
		return ERR_EXISTS;
	if (other != NULL)
		sad_remove(sad, other);
	fill_key(&part->key_out, &part->pair->remote, protocol, spi);
	HASH_ADD(by_spi_out, sad->by_spi_out, key_out, sizeof(part->key_out), part);
	if (!table_holds(&part->by_spi_out))
		return ERR_NO_MEMORY;
	part->spi_out = spi;
	return ERR_OK;
}

void sad_establish(struct sad *sad, struct sa_pair *pair)
{
	pair->state = SA_ESTABLISHED;
	pair->owner = 0;
	sad_start_lifetime(sad, pair);
}

static void give_up(struct sa_pair *pair)
{
	pair->state = SA_DELETING;
	pair->rekey_ms = 0;
}

void sad_close_outbound(struct sad *sad, struct sa_pair *pair)
{
	give_up(pair);
	if (!pair->installed_out)
		return;
	pair->installed_out = false;
	sad_uninstall(sad, pair, IPSEC_OUT);
}

void sad_close_inbound(struct sad *sad, struct sa_pair *pair)
{
	sad_uninstall(sad, pair, IPSEC_IN);
	pair->installed_in = false;
	for (size_t i = 0; i < pair->part_count; i++) {
		if (pair->parts[i].spi_in != 0)
			HASH_DELETE(by_spi_in, sad->by_spi_in, &pair->parts[i]);
		pair->parts[i].spi_in = 0;
	}
}

static void grace_over(struct timer *timer, void *context)
{
	sad_remove(context, (struct sa_pair *)((char *)timer - offsetof(struct sa_pair, timer)));
}

static void leave_for_grace(struct sad *sad, struct sa_pair *pair)
{
	uint64_t due = sad->host.now_ms(sad->host.self) + sad->settings.delete_grace_ms;

	give_up(pair);
	if (pair->retired)
		return;
	if (timers_set(sad->timers, &pair->timer, due, grace_over, sad) != ERR_OK) {
		sad_remove(sad, pair);
		return;
	}
	pair->retired = true;
	sad->retired_count++;
	sad->listener.retired(sad->listener.self, pair);
}

void sad_retire(struct sad *sad, struct sa_pair *pair)
{
	sad_close_outbound(sad, pair);
	leave_for_grace(sad, pair);
}

void sad_lapse(struct sad *sad, struct sa_pair *pair)
{
	pair->lost = true;
	leave_for_grace(sad, pair);
}

void sad_remove(struct sad *sad, struct sa_pair *pair)
{
	if (pair->reserving > 0) {
		/* The answers may bring SPIs that must be given back. */
		pair->doomed = true;
		pair->owner = 0;
		return;
	}
	if (pair->installed_out)
		sad_uninstall(sad, pair, IPSEC_OUT);
	/* A reserved SPI is released in the same way. */
	sad_uninstall(sad, pair, IPSEC_IN);
	sad->listener.removed(sad->listener.self, pair);
	forget(sad, pair);
}

struct sa_pair *sad_by_handle(const struct sad *sad, uint64_t handle)
{
	return slots_get(&sad->pairs, handle);
}

struct sa_pair *sad_by_spi_in(
    const struct sad *sad, const struct address *local, enum ipsec_protocol protocol, uint32_t spi)
{
	struct sa_part *part;
	struct sa_key key;

	fill_key(&key, local, protocol, spi);
	HASH_FIND(by_spi_in, sad->by_spi_in, &key, sizeof(key), part);
	return part != NULL ? part->pair : NULL;
}

struct sa_pair *sad_by_spi_out(
    const struct sad *sad, const struct address *remote, enum ipsec_protocol protocol, uint32_t spi)
{
	struct sa_part *part;
	struct sa_key key;

	fill_key(&key, remote, protocol, spi);
	HASH_FIND(by_spi_out, sad->by_spi_out, &key, sizeof(key), part);
	return part != NULL ? part->pair : NULL;
}

struct sa_pair *sad_next(const struct sad *sad, uint32_t *cursor)
{
	return slots_next(&sad->pairs, cursor);
}

size_t sad_count(const struct sad *sad)
{
	return sad->pairs.count;
}

size_t sad_active_count(const struct sad *sad)
{
	return sad->pairs.count - sad->retired_count;
}

/* Keeps the first thing that went wrong. */
static void note(struct sa_pair *pair, const struct problem *problem)
{
	if (problem->code == ERR_OK || pair->trouble_code != ERR_OK)
		return;
	pair->trouble_code = problem->code;
	pair->trouble = malloc(sizeof(*problem));
	if (pair->trouble != NULL)
		*pair->trouble = *problem;
}

/* What went wrong, if anything did; from now on nothing has. */
static struct problem take_trouble(struct sa_pair *pair)
{
	struct problem outcome = {.code = ERR_OK};

	if (pair->trouble != NULL)
		outcome = *pair->trouble;
	else if (pair->trouble_code != ERR_OK)
		(void)problem_set(&outcome, pair->trouble_code, "out of memory");
	free(pair->trouble);
	pair->trouble = NULL;
	pair->trouble_code = ERR_OK;
	return outcome;
}

static enum err take_spi(
    struct sad *sad, struct sa_part *part, uint32_t spi, struct problem *problem)
{
	enum ipsec_protocol protocol = part->suite.protocol;

	if (sad_by_spi_in(sad, &part->pair->local, protocol, spi) != NULL)
		return problem_set(
		    problem, ERR_EXISTS, "the data plane gave SPI 0x%08x, which is in use", spi);
	fill_key(&part->key_in, &part->pair->local, protocol, spi);
	HASH_ADD(by_spi_in, sad->by_spi_in, key_in, sizeof(part->key_in), part);
	if (!table_holds(&part->by_spi_in))
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	part->spi_in = spi;
	return ERR_OK;
}

static void reserved(
    struct sad *sad, struct sa_part *part, const struct dataplane_completion *completion)
{
	struct sa_pair *pair = part->pair;
	struct problem problem = completion->problem;

	if (problem.code == ERR_OK)
		(void)take_spi(sad, part, completion->spi, &problem);
	note(pair, &problem);
	if (--pair->reserving > 0)
		return;
	problem = take_trouble(pair);
	if (pair->doomed)
		sad_remove(sad, pair);
	else
		sad->listener.reserved(sad->listener.self, pair, &problem);
}

static void installed(struct sad *sad, struct sa_pair *pair, const struct problem *problem)
{
	struct problem outcome;

	note(pair, problem);
	if (--pair->installing > 0)
		return;
	outcome = take_trouble(pair);
	sad->listener.installed(sad->listener.self, pair, &outcome);
}

void sad_dataplane_done(struct sad *sad, const struct dataplane_completion *completion)
{
	uint64_t handle = completion->token & ((1ULL << SLOTS_HANDLE_BITS) - 1);
	size_t index = completion->token >> SLOTS_HANDLE_BITS & 0xff;
	struct sa_pair *pair = sad_by_handle(sad, handle);

	if (pair == NULL || index >= pair->part_count)
		return;
	if (completion->operation == DATAPLANE_RESERVE_SPI && pair->reserving > 0)
		reserved(sad, &pair->parts[index], completion);
	else if (completion->operation == DATAPLANE_ADD_SA && pair->installing > 0)
		installed(sad, pair, &completion->problem);
}

struct sa_pair *sad_of_expiry(const struct sad *sad, const struct dataplane_expiry *expiry)
{
	if (expiry->direction == IPSEC_IN)
		return sad_by_spi_in(sad, &expiry->destination, expiry->protocol, expiry->spi);
	return sad_by_spi_out(sad, &expiry->destination, expiry->protocol, expiry->spi);
}

void sad_expired(struct sad *sad, const struct dataplane_expiry *expiry)
{
	struct sa_pair *pair = sad_of_expiry(sad, expiry);

	if (pair == NULL)
		return;
	if (expiry->hard)
		sad_remove(sad, pair);
	else
		sad_soft_expired(sad, pair);
}
