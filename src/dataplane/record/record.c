/* A data plane that remembers. */
#include "dataplane/record/record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/secret.h"
#include "dataplane/sa_rules.h"
#include "dataplane/selector.h"

/* What names an SA (RFC 4301 4.1). No padding may differ: always zeroed before it is filled. */
struct sa_name {
	uint32_t spi;
	uint32_t protocol;
	struct address destination;
};

struct record_sa {
	struct sa_name name;
	bool installed; /* else only reserved */
	struct dataplane_sa sa;
	struct dataplane_counters counters;
	UT_hash_handle hh;
};

struct record_policy {
	struct dataplane_policy policy;
	UT_hash_handle hh;
};

struct dataplane {
	struct dataplane_listener listener;
	struct record_sa *sas;
	struct record_policy *policies;
	size_t reservations;
	bool sequential;
	uint32_t next_spi;
	enum err fail_next[DATAPLANE_ACQUIRE_FULFILLED + 1];
	uint64_t succeeded[DATAPLANE_ACQUIRE_FULFILLED + 1];
};

static struct sa_name name_of(
    uint32_t spi, enum ipsec_protocol protocol, const struct address *destination)
{
	struct sa_name name;

	memset(&name, 0, sizeof(name));
	name.spi = spi;
	name.protocol = (uint32_t)protocol;
	name.destination = *destination;
	return name;
}

static struct record_sa *find(const struct dataplane *dp, const struct sa_name *name)
{
	struct record_sa *entry = NULL;

	HASH_FIND(hh, dp->sas, name, sizeof(*name), entry);
	return entry;
}

static enum err insert(struct dataplane *dp, const struct sa_name *name, struct record_sa **out)
{
	struct record_sa *entry = secret_alloc(sizeof(*entry));

	if (entry == NULL)
		return ERR_NO_MEMORY;
	entry->name = *name;
	HASH_ADD(hh, dp->sas, name, sizeof(entry->name), entry);
	if (entry->hh.tbl == NULL) {
		secret_free(entry, sizeof(*entry));
		return ERR_NO_MEMORY;
	}
	*out = entry;
	return ERR_OK;
}

static void erase(struct dataplane *dp, struct record_sa *entry)
{
	if (!entry->installed)
		dp->reservations--;
	HASH_DEL(dp->sas, entry);
	secret_free(entry, sizeof(*entry));
}

static enum err pick_spi(struct dataplane *dp, enum ipsec_protocol protocol, uint32_t *out)
{
	if (dp->sequential)
		*out = dp->next_spi++;
	else if (getrandom(out, sizeof(*out), 0) != (ssize_t)sizeof(*out))
		return ERR_SYSTEM;
	*out = sa_rules_spi_of(protocol, *out);
	return ERR_OK;
}

static enum err reserve_spi(
    struct dataplane *dp, const struct dataplane_sa *sa, struct dataplane_completion *completion)
{
	struct record_sa *entry;

	for (int tries = 0; tries < 1000; tries++) {
		struct sa_name name;
		uint32_t spi;
		enum err code = pick_spi(dp, sa->suite.protocol, &spi);

		if (code != ERR_OK)
			return problem_set(&completion->problem, code, "no random SPI to be had");
		name = name_of(spi, sa->suite.protocol, &sa->destination);
		if (spi < SPI_FIRST || find(dp, &name) != NULL)
			continue;
		code = insert(dp, &name, &entry);
		if (code != ERR_OK)
			return problem_set(&completion->problem, code, "out of memory for an SA");
		dp->reservations++;
		completion->spi = spi;
		return ERR_OK;
	}
	return problem_set(&completion->problem, ERR_LIMIT, "no unused SPI found");
}

/* Whether the entry is installed in the bundle of sa. */
static bool is_beside(const struct record_sa *entry, const struct dataplane_sa *sa)
{
	return entry->installed && sa->bundle != 0 && entry->sa.bundle == sa->bundle &&
	       entry->sa.direction == sa->direction;
}

static enum err check_bundle(
    const struct dataplane *dp, const struct dataplane_sa *sa, struct problem *problem)
{
	const struct record_sa *entry = sa->bundle != 0 ? dp->sas : NULL;
	enum err code = ERR_OK;

	for (; entry != NULL && code == ERR_OK; entry = entry->hh.next) {
		if (is_beside(entry, sa))
			code = sa_rules_check_bundle(&entry->sa, sa, problem);
	}
	return code;
}

static enum err add_sa(
    struct dataplane *dp, const struct dataplane_sa *sa, struct dataplane_completion *completion)
{
	struct sa_name name = name_of(sa->spi, sa->suite.protocol, &sa->destination);
	struct record_sa *entry = find(dp, &name);

	completion->spi = sa->spi;
	if (sa_rules_check(sa, &completion->problem) != ERR_OK)
		return completion->problem.code;
	if (entry != NULL && entry->installed)
		return problem_set(
		    &completion->problem, ERR_EXISTS, "SA %08x is installed already", sa->spi);
	if (check_bundle(dp, sa, &completion->problem) != ERR_OK)
		return completion->problem.code;
	if (entry != NULL) {
		/* To stand last in the order of installation it is entered anew. */
		erase(dp, entry);
	}
	if (insert(dp, &name, &entry) != ERR_OK)
		return problem_set(&completion->problem, ERR_NO_MEMORY, "out of memory for an SA");
	entry->installed = true;
	entry->sa = *sa;
	return ERR_OK;
}

static enum err delete_sa(
    struct dataplane *dp, const struct dataplane_sa *sa, struct dataplane_completion *completion)
{
	struct sa_name name = name_of(sa->spi, sa->suite.protocol, &sa->destination);
	struct record_sa *entry = find(dp, &name);

	completion->spi = sa->spi;
	if (entry == NULL)
		return problem_set(&completion->problem, ERR_NOT_FOUND, "no SA %08x", sa->spi);
	erase(dp, entry);
	return ERR_OK;
}

static enum err query_sa(
    struct dataplane *dp, const struct dataplane_sa *sa, struct dataplane_completion *completion)
{
	struct sa_name name = name_of(sa->spi, sa->suite.protocol, &sa->destination);
	struct record_sa *entry = find(dp, &name);

	completion->spi = sa->spi;
	if (entry == NULL || !entry->installed)
		return problem_set(&completion->problem, ERR_NOT_FOUND, "no SA %08x", sa->spi);
	completion->counters = entry->counters;
	return ERR_OK;
}

/* Enters the SA anew under the name that it gets. */
static enum err move_one(struct dataplane *dp, struct record_sa *entry,
    const struct endpoint *remote, struct problem *problem)
{
	struct dataplane_sa sa = entry->sa;
	bool out = sa.direction == IPSEC_OUT;
	struct sa_name name;
	struct record_sa *taken;
	enum err code = ERR_OK;

	*(out ? &sa.destination : &sa.source) = remote->address;
	if (sa.encapsulation_source != 0)
		*(out ? &sa.encapsulation_destination : &sa.encapsulation_source) = remote->port;
	name = name_of(sa.spi, sa.suite.protocol, &sa.destination);
	taken = find(dp, &name);
	if (taken != NULL && taken != entry) {
		code = problem_set(problem, ERR_EXISTS,
		    "SA %08x cannot move: another of that SPI is there", sa.spi);
	} else {
		erase(dp, entry);
		code = insert(dp, &name, &entry);
		if (code == ERR_OK) {
			entry->installed = true;
			entry->sa = sa;
		}
	}
	secret_wipe(sa.key, sizeof(sa.key));
	return code;
}

static enum err move_sa(struct dataplane *dp, const struct dataplane_move *move,
    struct dataplane_completion *completion)
{
	struct sa_name name = name_of(move->spi, move->protocol, &move->destination);
	struct record_sa *entry = find(dp, &name);
	struct record_sa *members[BUNDLE_MAX];
	struct record_sa *next;
	size_t count = 0;
	enum err code = ERR_OK;

	completion->spi = move->spi;
	if (entry == NULL || !entry->installed)
		return problem_set(&completion->problem, ERR_NOT_FOUND, "no SA %08x", move->spi);
	members[count++] = entry;
	/* All are found before any is entered anew. */
	for (next = dp->sas; next != NULL && count < BUNDLE_MAX; next = next->hh.next) {
		if (next != entry && is_beside(next, &entry->sa))
			members[count++] = next;
	}
	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = move_one(dp, members[i], &move->remote, &completion->problem);
	return code;
}

static enum err add_policy(struct dataplane *dp, const struct dataplane_policy *policy,
    struct dataplane_completion *completion)
{
	struct record_policy *entry;

	for (entry = dp->policies; entry != NULL; entry = entry->hh.next) {
		if (entry->policy.priority == policy->priority)
			return problem_set(&completion->problem, ERR_EXISTS,
			    "a policy of priority %u is installed already", policy->priority);
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return problem_set(
		    &completion->problem, ERR_NO_MEMORY, "out of memory for a policy");
	entry->policy = *policy;
	HASH_ADD(hh, dp->policies, policy.priority, sizeof(entry->policy.priority), entry);
	if (entry->hh.tbl == NULL) {
		free(entry);
		return problem_set(
		    &completion->problem, ERR_NO_MEMORY, "out of memory for a policy");
	}
	return ERR_OK;
}

static enum err delete_policy(struct dataplane *dp, const struct dataplane_policy *policy,
    struct dataplane_completion *completion)
{
	struct record_policy *entry;
	struct record_policy *next;
	size_t before = HASH_COUNT(dp->policies);

	HASH_ITER (hh, dp->policies, entry, next) {
		if (entry->policy.id == policy->id) {
			HASH_DEL(dp->policies, entry);
			free(entry);
		}
	}
	if (HASH_COUNT(dp->policies) == before)
		return problem_set(&completion->problem, ERR_NOT_FOUND, "no policy %u", policy->id);
	return ERR_OK;
}

static enum err perform(struct dataplane *dp, const struct dataplane_request *request,
    struct dataplane_completion *completion)
{
	enum err injected = dp->fail_next[request->operation];

	dp->fail_next[request->operation] = ERR_OK;
	if (injected != ERR_OK)
		return problem_set(&completion->problem, injected, "failure asked for by a test");
	switch (request->operation) {
	case DATAPLANE_RESERVE_SPI:
		return reserve_spi(dp, &request->sa, completion);
	case DATAPLANE_ADD_SA:
		return add_sa(dp, &request->sa, completion);
	case DATAPLANE_DELETE_SA:
		return delete_sa(dp, &request->sa, completion);
	case DATAPLANE_QUERY_SA:
		return query_sa(dp, &request->sa, completion);
	case DATAPLANE_MOVE_SA:
		return move_sa(dp, &request->move, completion);
	case DATAPLANE_ADD_POLICY:
		return add_policy(dp, &request->policy, completion);
	case DATAPLANE_DELETE_POLICY:
		return delete_policy(dp, &request->policy, completion);
	case DATAPLANE_REMOVE_STALE:
	case DATAPLANE_ACQUIRE_FAILED:
	case DATAPLANE_ACQUIRE_FULFILLED:
		return ERR_OK;
	}
	return problem_set(&completion->problem, ERR_UNSUPPORTED, "no such operation");
}

static void record_submit(struct dataplane *dp, const struct dataplane_request *request)
{
	struct dataplane_completion completion = {
	    .token = request->token, .operation = request->operation};

	if (perform(dp, request, &completion) == ERR_OK)
		dp->succeeded[request->operation]++;
	dp->listener.completed(dp->listener.self, &completion);
}

static enum err record_open(const struct dataplane_settings *settings,
    const struct dataplane_listener *listener, struct log *log, struct dataplane **out,
    struct problem *problem)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));

	(void)settings;
	(void)log;
	*out = dp;
	if (dp == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for the data plane");
	dp->listener = *listener;
	return ERR_OK;
}

static void record_close(struct dataplane *dp)
{
	if (dp == NULL)
		return;
	while (dp->sas != NULL)
		erase(dp, dp->sas);
	while (dp->policies != NULL) {
		struct record_policy *entry = dp->policies;

		HASH_DEL(dp->policies, entry);
		free(entry);
	}
	free(dp);
}

const struct dataplane_ops dataplane_record = {
    .name = "record", .open = record_open, .submit = record_submit, .close = record_close};

void record_use_sequential_spis(struct dataplane *dp, uint32_t first)
{
	dp->sequential = true;
	dp->next_spi = first;
}

void record_fail_next(struct dataplane *dp, enum dataplane_operation operation, enum err code)
{
	dp->fail_next[operation] = code;
}

size_t record_sa_count(const struct dataplane *dp)
{
	return HASH_COUNT(dp->sas) - dp->reservations;
}

size_t record_reservation_count(const struct dataplane *dp)
{
	return dp->reservations;
}

size_t record_policy_count(const struct dataplane *dp)
{
	return HASH_COUNT(dp->policies);
}

uint64_t record_request_count(const struct dataplane *dp, enum dataplane_operation operation)
{
	return dp->succeeded[operation];
}

const struct dataplane_sa *record_find_sa(const struct dataplane *dp, uint32_t spi,
    enum ipsec_protocol protocol, const struct address *destination)
{
	struct sa_name name = name_of(spi, protocol, destination);
	const struct record_sa *entry = find(dp, &name);

	return entry != NULL && entry->installed ? &entry->sa : NULL;
}

const struct dataplane_policy *record_find_policy(const struct dataplane *dp, uint32_t id)
{
	for (const struct record_policy *entry = dp->policies; entry != NULL;
	     entry = entry->hh.next) {
		if (entry->policy.id == id)
			return &entry->policy;
	}
	return NULL;
}

static bool is_complete(const struct dataplane *dp, const struct dataplane_sa *sa)
{
	unsigned found = 0;

	if (sa->bundle == 0)
		return true;
	for (const struct record_sa *entry = dp->sas; entry != NULL; entry = entry->hh.next)
		found += is_beside(entry, sa) ? 1 : 0;
	return found == sa->bundle_size;
}

const struct dataplane_sa *record_find_sa_for(
    const struct dataplane *dp, const struct dataplane_flow *flow, enum ipsec_direction direction)
{
	const struct dataplane_sa *last = NULL;

	for (const struct record_sa *entry = dp->sas; entry != NULL; entry = entry->hh.next) {
		if (entry->installed && entry->sa.direction == direction &&
		    entry->sa.bundle_index == 0 && selector_matches(&entry->sa.selector, flow) &&
		    is_complete(dp, &entry->sa))
			last = &entry->sa;
	}
	return last;
}

void record_count_packet(struct dataplane *dp, const struct dataplane_sa *sa)
{
	struct sa_name name = name_of(sa->spi, sa->suite.protocol, &sa->destination);
	struct record_sa *entry = find(dp, &name);

	if (entry != NULL)
		entry->counters.packets++;
}

void record_visit(const struct dataplane *dp, record_visitor visitor, void *context)
{
	for (const struct record_sa *entry = dp->sas; entry != NULL; entry = entry->hh.next) {
		if (entry->installed)
			visitor(context, &entry->sa);
	}
}
