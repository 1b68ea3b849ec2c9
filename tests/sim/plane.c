/*
 * The data plane of one host: the record one, with completions that come later and requests that
 * fail. Whatever it is told must make sense: it refuses nothing by itself.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/selector.h"

#define FAILED_MAX   64
#define WAITING_MAX  32
#define ASK_AGAIN_MS 60000

struct sim_plane {
	struct sim_host *host;
	struct dataplane *record;
	struct dataplane_completion completion; /* of the request that is being carried out */
	uint64_t free_ms;
	uint32_t failed[FAILED_MAX]; /* SPIs of SAs whose installation was made to fail */
	size_t failed_count;
	struct waiting {
		struct dataplane_flow flow;
		uint64_t since_ms;
	} waiting[WAITING_MAX];
	size_t waiting_count;
};

static void completed(void *self, const struct dataplane_completion *completion)
{
	struct sim_plane *plane = self;

	plane->completion = *completion;
}

static void no_acquire(void *self, const struct dataplane_flow *flow)
{
	(void)self;
	(void)flow;
}

static void no_expiry(void *self, const struct dataplane_expiry *expiry)
{
	(void)self;
	(void)expiry;
}

static void no_failure(void *self, const struct problem *problem)
{
	(void)self;
	(void)problem;
}

struct sim_plane *sim_plane_create(struct sim_host *host)
{
	struct sim_plane *plane = sim_alloc(sizeof(*plane));
	struct dataplane_listener listener = {.self = plane,
	    .completed = completed,
	    .acquire = no_acquire,
	    .expired = no_expiry,
	    .failed = no_failure};
	struct dataplane_settings settings = {0};
	struct problem problem;

	plane->host = host;
	if (dataplane_record.open(&settings, &listener, NULL, &plane->record, &problem) != ERR_OK)
		abort();
	/* Hosts may use the same SPIs: one without an address means nothing. */
	record_use_sequential_spis(
	    plane->record, sim_chance(&host->random, 500)
			       ? (host->life + 1) << 16
			       : (uint32_t)sim_random_between(&host->random, 0x100000, 0x7fffffff));
	return plane;
}

void sim_plane_destroy(struct sim_plane *plane)
{
	dataplane_record.close(plane->record);
	free(plane);
}

struct dataplane *sim_plane_record(const struct sim_plane *plane)
{
	return plane->record;
}

static void deliver(struct sim *sim, struct sim_host *host, void *payload)
{
	(void)sim;
	kx_dataplane_done(host->kx, payload);
}

static const char *operation_name(enum dataplane_operation operation)
{
	static const char *const names[] = {"reserve an SPI", "add an SA", "delete an SA",
	    "query an SA", "move an SA", "add a policy", "delete a policy", "remove what is stale",
	    "give up flows", "look again"};

	return names[operation];
}

static bool was_made_to_fail(struct sim_plane *plane, uint32_t spi)
{
	for (size_t i = 0; i < plane->failed_count; i++) {
		if (plane->failed[i] == spi) {
			plane->failed[i] = plane->failed[--plane->failed_count];
			return true;
		}
	}
	return false;
}

/* An error that nobody asked for is one of the engine's. */
static void check_outcome(
    struct sim_plane *plane, const struct dataplane_request *request, bool made_to_fail)
{
	struct sim *sim = plane->host->sim;
	const struct problem *problem = &plane->completion.problem;

	if (made_to_fail) {
		sim->counts[SIM_PLANE_FAILURES]++;
		if (request->operation == DATAPLANE_ADD_SA && plane->failed_count < FAILED_MAX)
			plane->failed[plane->failed_count++] = request->sa.spi;
		return;
	}
	if (problem->code != ERR_OK && !(request->operation == DATAPLANE_DELETE_SA &&
					   was_made_to_fail(plane, request->sa.spi)))
		sim_fail(sim, "host %c: the data plane is told to %s and cannot: %s",
		    'a' + (int)plane->host->index, operation_name(request->operation),
		    problem->text);
	if (problem->code == ERR_OK && request->operation == DATAPLANE_ADD_SA)
		sim_check_added(plane->host, &request->sa);
}

bool sim_plane_hold(struct sim_plane *plane, const struct dataplane_flow *flow)
{
	struct waiting *waiting = plane->waiting;
	uint64_t now = plane->host->sim->now_ms;

	for (size_t i = 0; i < plane->waiting_count; i++) {
		if (waiting[i].flow.policy_id != flow->policy_id ||
		    !address_equal(&waiting[i].flow.remote, &flow->remote))
			continue;
		if (now - waiting[i].since_ms < ASK_AGAIN_MS)
			return false;
		waiting[i].since_ms = now;
		return true;
	}
	if (plane->waiting_count < WAITING_MAX)
		waiting[plane->waiting_count++] = (struct waiting){*flow, now};
	return true;
}

static void stop_waiting(
    struct sim_plane *plane, uint32_t policy_id, const struct selector *selector)
{
	size_t left = 0;

	for (size_t i = 0; i < plane->waiting_count; i++) {
		struct waiting waiting = plane->waiting[i];

		if (waiting.flow.policy_id != policy_id ||
		    !selector_matches(selector, &waiting.flow))
			plane->waiting[left++] = waiting;
	}
	plane->waiting_count = left;
}

static void describe(struct sim_plane *plane, const struct dataplane_request *request, bool failed)
{
	char peer[ADDRESS_TEXT_SIZE];
	const struct dataplane_sa *sa = &request->sa;

	switch (request->operation) {
	case DATAPLANE_RESERVE_SPI:
	case DATAPLANE_ADD_SA:
	case DATAPLANE_DELETE_SA:
		sim_note(plane->host->sim, plane->host, "data plane: %s %s %s, SPI %08x%s",
		    operation_name(request->operation), sa->direction == IPSEC_IN ? "from" : "to",
		    address_format(
			sa->direction == IPSEC_IN ? &sa->source : &sa->destination, peer),
		    plane->completion.spi, failed ? ", fails" : "");
		break;
	case DATAPLANE_ACQUIRE_FAILED:
		plane->host->sim->counts[SIM_FLOWS_FAILED]++;
		sim_note(plane->host->sim, plane->host, "data plane: gives up flows to %s",
		    address_format(&request->policy.selector.remote.first, peer));
		break;
	default:
		break;
	}
}

void sim_plane_submit(struct sim_plane *plane, const struct dataplane_request *request)
{
	struct sim *sim = plane->host->sim;
	struct dataplane_completion *payload;
	bool may_fail =
	    request->operation == DATAPLANE_RESERVE_SPI || request->operation == DATAPLANE_ADD_SA;
	bool fails =
	    may_fail && sim->faults && sim_chance(&sim->trouble, sim->profile.plane_failure);
	uint64_t due;

	if (fails)
		record_fail_next(plane->record, request->operation, ERR_SYSTEM);
	dataplane_record.submit(plane->record, request);
	/* Of this nobody waits for an answer. */
	if (request->operation == DATAPLANE_REMOVE_STALE)
		return;
	describe(plane, request, fails);
	check_outcome(plane, request, fails);
	if (request->operation == DATAPLANE_ACQUIRE_FAILED ||
	    request->operation == DATAPLANE_ACQUIRE_FULFILLED)
		stop_waiting(plane, request->policy.id, &request->policy.selector);
	if (request->operation == DATAPLANE_ADD_SA && request->sa.direction == IPSEC_OUT && !fails)
		stop_waiting(plane, request->sa.policy_id, &request->sa.selector);
	payload = sim_alloc(sizeof(*payload));
	*payload = plane->completion;
	due = sim->now_ms + sim_random_below(&sim->trouble, sim->profile.plane_delay_ms + 1);
	if (due < plane->free_ms)
		due = plane->free_ms;
	plane->free_ms = due;
	sim_schedule(sim, due - sim->now_ms, deliver, plane->host, payload);
}

struct choice {
	struct sim_random *random;
	size_t seen;
	const struct dataplane_sa *chosen;
};

static void choose(void *context, const struct dataplane_sa *sa)
{
	struct choice *choice = context;

	if (sim_random_below(choice->random, ++choice->seen) == 0)
		choice->chosen = sa;
}

const struct dataplane_sa *sim_plane_any(struct sim_plane *plane, struct sim_random *random)
{
	struct choice choice = {.random = random};

	record_visit(plane->record, choose, &choice);
	return choice.chosen;
}
