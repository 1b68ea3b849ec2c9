/* The SA table. */
#include "dataplane/userspace/sa_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/secret.h"
#include "dataplane/sa_rules.h"
#include "dataplane/selector.h"
#include "dataplane/userspace/bundle.h"

#define BUCKETS_FIRST 256   /* a power of two, as all sizes after it */
#define TRIES_MAX     10000 /* for an unused SPI: only CPIs can run short */

/* A table of chains that doubles as it fills. */
struct chains {
	struct sa **heads;
	size_t size;
	size_t count;
};

struct sa_table {
	struct chains by_name;
	struct chains by_flow; /* outbound SAs between two hosts */
	struct sa *wide;       /* outbound SAs of networks; newest first */
	struct bundle *bundles;
	struct sa *keepalives;
	uint64_t order;
	uint32_t seed; /* so that nobody outside can choose the chains */
};

static uint32_t mix(uint32_t hash, uint32_t value)
{
	hash = (hash ^ value) * UINT32_C(0x9e3779b1);
	return hash ^ hash >> 15;
}

static uint32_t hash_address(uint32_t hash, const struct address *address)
{
	for (size_t i = 0; i < sizeof(address->octets); i += 4) {
		uint32_t word;

		memcpy(&word, address->octets + i, sizeof(word));
		hash = mix(hash, word);
	}
	return hash;
}

static struct sa **name_chain(const struct sa_table *table, uint32_t spi)
{
	return &table->by_name.heads[mix(table->seed, spi) & (table->by_name.size - 1)];
}

static struct sa **flow_chain(
    const struct sa_table *table, const struct address *local, const struct address *remote)
{
	uint32_t hash = hash_address(hash_address(table->seed, local), remote);

	return &table->by_flow.heads[hash & (table->by_flow.size - 1)];
}

static bool is_between_hosts(const struct selector *selector)
{
	return range_is_host(&selector->local) && range_is_host(&selector->remote);
}

static struct sa **chain_of_outbound(struct sa_table *table, const struct sa *sa)
{
	const struct selector *selector = &sa->told.selector;

	if (!is_between_hosts(selector))
		return &table->wide;
	return flow_chain(table, &selector->local.first, &selector->remote.first);
}

struct sa_table *sa_table_new(void)
{
	struct sa_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->by_name.heads = calloc(BUCKETS_FIRST, sizeof(struct sa *));
	table->by_flow.heads = calloc(BUCKETS_FIRST, sizeof(struct sa *));
	table->by_name.size = table->by_flow.size = BUCKETS_FIRST;
	if (table->by_name.heads == NULL || table->by_flow.heads == NULL ||
	    getrandom(&table->seed, sizeof(table->seed), 0) != (ssize_t)sizeof(table->seed)) {
		sa_table_free(table);
		return NULL;
	}
	return table;
}

static void free_sa(struct sa *sa)
{
	esp_free(sa->esp);
	ah_free(sa->ah);
	replay_clear(&sa->replay);
	secret_free(sa, sizeof(*sa));
}

void sa_table_free(struct sa_table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; table->by_name.heads != NULL && i < table->by_name.size; i++) {
		while (table->by_name.heads[i] != NULL)
			sa_table_delete(table, table->by_name.heads[i]);
	}
	free(table->by_name.heads);
	free(table->by_flow.heads);
	free(table);
}

struct sa *sa_table_find(const struct sa_table *table, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination)
{
	struct sa *sa = *name_chain(table, spi);

	while (sa != NULL && (sa->told.spi != spi || sa->told.suite.protocol != protocol ||
				 !address_equal(&sa->told.destination, destination)))
		sa = sa->next_by_name;
	return sa;
}

static struct sa *first_match(struct sa *sa, const struct dataplane_flow *flow)
{
	while (sa != NULL && (sa->told.policy_id != flow->policy_id || sa->hard_reported ||
				 !selector_matches(&sa->told.selector, flow)))
		sa = sa->next_by_flow;
	return sa;
}

struct sa *sa_table_find_outbound(const struct sa_table *table, const struct dataplane_flow *flow)
{
	struct sa *narrow = first_match(*flow_chain(table, &flow->local, &flow->remote), flow);
	struct sa *wide = first_match(table->wide, flow);

	if (narrow == NULL || (wide != NULL && wide->order > narrow->order))
		return wide;
	return narrow;
}

/* Doubles the table by name. A table that cannot grow keeps its longer chains. */
static void grow_names(struct sa_table *table)
{
	struct chains old = table->by_name;
	struct sa **heads;

	if (++table->by_name.count <= old.size)
		return;
	heads = calloc(2 * old.size, sizeof(struct sa *));
	if (heads == NULL)
		return;
	table->by_name.heads = heads;
	table->by_name.size = 2 * old.size;
	for (size_t i = 0; i < old.size; i++) {
		struct sa *next;

		for (struct sa *sa = old.heads[i]; sa != NULL; sa = next) {
			struct sa **chain = name_chain(table, sa->told.spi);

			next = sa->next_by_name;
			sa->next_by_name = *chain;
			*chain = sa;
		}
	}
	free(old.heads);
}

/* The same by flow; chains keep their order, newest first. */
static void grow_flows(struct sa_table *table)
{
	struct chains old = table->by_flow;
	struct sa **heads;

	if (++table->by_flow.count <= old.size)
		return;
	heads = calloc(2 * old.size, sizeof(struct sa *));
	if (heads == NULL)
		return;
	table->by_flow.heads = heads;
	table->by_flow.size = 2 * old.size;
	for (size_t i = 0; i < old.size; i++) {
		struct sa *next;

		for (struct sa *sa = old.heads[i]; sa != NULL; sa = next) {
			struct sa **tail = chain_of_outbound(table, sa);

			while (*tail != NULL)
				tail = &(*tail)->next_by_flow;
			next = sa->next_by_flow;
			sa->next_by_flow = NULL;
			*tail = sa;
		}
	}
	free(old.heads);
}

static enum err insert(struct sa_table *table, const struct dataplane_sa *told, struct sa **out)
{
	struct sa *sa = secret_alloc(sizeof(*sa));
	struct sa **chain;

	*out = sa;
	if (sa == NULL)
		return ERR_NO_MEMORY;
	sa->told.spi = told->spi;
	sa->told.suite.protocol = told->suite.protocol;
	sa->told.destination = told->destination;
	grow_names(table);
	chain = name_chain(table, told->spi);
	sa->next_by_name = *chain;
	*chain = sa;
	return ERR_OK;
}

enum err sa_table_reserve(struct sa_table *table, enum ipsec_protocol protocol,
    const struct address *destination, uint32_t *spi)
{
	struct dataplane_sa told = {.suite = {.protocol = protocol}, .destination = *destination};
	struct sa *sa;

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		uint32_t random;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return ERR_SYSTEM;
		told.spi = sa_rules_spi_of(protocol, random);
		if (told.spi < SPI_FIRST ||
		    sa_table_find(table, told.spi, protocol, destination) != NULL)
			continue;
		*spi = told.spi;
		return insert(table, &told, &sa);
	}
	return ERR_LIMIT;
}

static enum err open_transform(struct sa *sa, const struct dataplane_sa *told)
{
	struct bytes key = bytes_of(told->key, told->key_len);
	bool seal = told->direction == IPSEC_OUT;

	switch (told->suite.protocol) {
	case IPSEC_ESP:
		return esp_new(&told->suite, key, seal, &sa->esp);
	case IPSEC_AH:
		return ah_new(&told->suite, key, seal, &sa->ah);
	case IPSEC_IPCOMP:
		break;
	}
	return ERR_OK;
}

static enum err fill(struct sa *sa, const struct dataplane_sa *told, struct problem *problem)
{
	enum err code = open_transform(sa, told);

	/* IPComp numbers no packets: what is around it does. */
	if (code == ERR_OK && told->direction == IPSEC_IN && told->suite.protocol != IPSEC_IPCOMP)
		code = replay_init(&sa->replay, told->replay_window);
	if (code == ERR_LIMIT)
		return problem_set(
		    problem, code, "a replay window has at most %d packets", REPLAY_SIZE_MAX);
	if (code != ERR_OK)
		return problem_set(problem, code, "SA %08x: %s", told->spi, err_text(code));
	sa->told = *told;
	secret_wipe(sa->told.key, sizeof(sa->told.key));
	return ERR_OK;
}

static void enter_flows(struct sa_table *table, struct sa *sa)
{
	struct sa **chain;

	if (is_between_hosts(&sa->told.selector))
		grow_flows(table);
	chain = chain_of_outbound(table, sa);
	sa->order = ++table->order;
	sa->next_by_flow = *chain;
	sa->in_flows = true;
	*chain = sa;
}

static void leave_flows(struct sa_table *table, struct sa *sa)
{
	struct sa **link = chain_of_outbound(table, sa);

	while (*link != sa)
		link = &(*link)->next_by_flow;
	*link = sa->next_by_flow;
	sa->in_flows = false;
	if (is_between_hosts(&sa->told.selector))
		table->by_flow.count--;
}

enum err sa_table_add(struct sa_table *table, const struct dataplane_sa *told, uint64_t now_ms,
    struct problem *problem)
{
	struct sa *sa = sa_table_find(table, told->spi, told->suite.protocol, &told->destination);
	enum err code = sa_rules_check(told, problem);

	if (code == ERR_OK && told->suite.esn)
		code = problem_set(problem, ERR_UNSUPPORTED,
		    "SA %08x: extended sequence numbers need the kernel's data plane", told->spi);
	if (code != ERR_OK)
		return code;
	if (sa != NULL && sa->installed)
		return problem_set(problem, ERR_EXISTS, "SA %08x is installed already", told->spi);
	if (sa == NULL && insert(table, told, &sa) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for an SA");
	code = fill(sa, told, problem);
	if (code == ERR_OK)
		code = bundle_join(&table->bundles, sa, problem);
	if (code != ERR_OK) {
		sa_table_delete(table, sa);
		return code;
	}
	sa->installed = true;
	sa->installed_ms = sa->sent_ms = now_ms;
	if (told->direction == IPSEC_OUT && sa->usable)
		enter_flows(table, bundle_innermost(sa));
	if (told->direction == IPSEC_OUT && told->encapsulation_keepalive) {
		sa->next_keepalive = table->keepalives;
		table->keepalives = sa;
	}
	return ERR_OK;
}

static void leave_keepalives(struct sa_table *table, const struct sa *sa)
{
	struct sa **link = &table->keepalives;

	while (*link != NULL && *link != sa)
		link = &(*link)->next_keepalive;
	if (*link != NULL)
		*link = sa->next_keepalive;
}

void sa_table_delete(struct sa_table *table, struct sa *sa)
{
	struct sa **link = name_chain(table, sa->told.spi);
	struct sa *innermost = bundle_innermost(sa);

	while (*link != sa)
		link = &(*link)->next_by_name;
	*link = sa->next_by_name;
	table->by_name.count--;
	if (innermost->in_flows)
		leave_flows(table, innermost);
	if (sa->told.encapsulation_keepalive)
		leave_keepalives(table, sa);
	bundle_leave(&table->bundles, sa);
	free_sa(sa);
}

/* Whether another SA has the name that this one would get. */
static bool is_name_taken(
    const struct sa_table *table, const struct sa *sa, const struct address *destination)
{
	const struct sa *found =
	    sa_table_find(table, sa->told.spi, sa->told.suite.protocol, destination);

	return found != NULL && found != sa;
}

enum err sa_table_move(struct sa_table *table, struct sa *sa, const struct endpoint *remote)
{
	struct sa *innermost = bundle_innermost(sa);
	bool out = sa->told.direction == IPSEC_OUT;

	for (sa = innermost; sa != NULL && out; sa = sa->outer) {
		if (is_name_taken(table, sa, &remote->address))
			return ERR_EXISTS;
	}
	/* Names are hashed by SPI alone, so each stays in its chain. */
	for (sa = innermost; sa != NULL; sa = sa->outer) {
		*(out ? &sa->told.destination : &sa->told.source) = remote->address;
		if (sa->told.encapsulation_source != 0)
			*(out ? &sa->told.encapsulation_destination
			      : &sa->told.encapsulation_source) = remote->port;
		sa->path_mtu_ms = 0;
	}
	return ERR_OK;
}

struct sa *sa_table_keepalives(const struct sa_table *table)
{
	return table->keepalives;
}
