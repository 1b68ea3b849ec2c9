/*
 * How long an ISAKMP SA lives: as long as there are IPsec SAs another takes its place in time,
 * without them it ends, and the peer hears of it (RFC 2408 5.15, RFC 2409 5.7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kx/ikev1/sa.h"
#include "kx/kx-internal.h"
#include "policy/ike.h"
#include "realm.h"
#include "sim.h"
#include "wire/isakmp.h"

#define LIFETIME_S 600
#define SECOND_MS  1000
#define MUTE_MS    500 /* more than two tellings of what nobody answers, less than three */

struct world {
	struct sim sim;
	uint64_t counts[SIM_COUNT];
	uint64_t begun;    /* first messages of phase 1 */
	uint64_t loses_ms; /* until then nothing gets through */
	uint64_t mute_ms;  /* nor does an Informational exchange */
};

static enum sim_fate watch(struct sim *sim, struct bytes datagram, void *context)
{
	struct world *world = context;
	struct isakmp_header header;
	enum notify_type notify;
	struct bytes body;

	if (isakmp_header_decode(datagram, &header, &body, &notify) != ERR_OK)
		return SIM_PASS;
	if (memcmp(header.responder_cookie, (uint8_t[8]){0}, 8) == 0)
		world->begun++;
	if (sim->now_ms < world->mute_ms && header.exchange == ISAKMP_EXCHANGE_INFORMATIONAL)
		return SIM_LOSE;
	return sim->now_ms < world->loses_ms ? SIM_LOSE : SIM_PASS;
}

static int set_up(void **state, bool aggressive)
{
	struct world *world = sim_alloc(sizeof(*world));
	struct sim *sim = &world->sim;

	sim->counts = world->counts;
	sim->profile = (struct sim_profile){.kind = SIM_CLEAN,
	    .host_count = 2,
	    .transport = true,
	    .methods = SIM_IKEV1,
	    .aggressive = aggressive,
	    .isakmp_lifetime = LIFETIME_S,
	    .lifetime = 100 * LIFETIME_S,
	    .retransmit_first = 200,
	    .retransmit_limit = 1000,
	    .retransmit_tries = 5,
	    .delete_grace = 500,
	    .max_sas = 100,
	    .max_pending = 100,
	    .ticket_life = 36000,
	    .delay_ms = 5,
	    .kerberos_delay_ms = 2,
	    .plane_delay_ms = 1};
	sim->censor = watch;
	sim->censor_context = world;
	sim_make_world(sim, &sim_standin, 1);
	sim->faults = false;
	*state = world;
	return 0;
}

static int setup(void **state)
{
	return set_up(state, false);
}

static int setup_aggressive(void **state)
{
	return set_up(state, true);
}

static int teardown(void **state)
{
	struct world *world = *state;
	bool failed;

	world->sim.commands_open = 0;
	sim_clear_world(&world->sim);
	failed = world->sim.failed;
	if (failed)
		print_error("%s\n", world->sim.failure);
	free(world);
	return failed ? -1 : 0;
}

static bool count_established(void *context, const struct kx_ike_view *view)
{
	*(size_t *)context += strcmp(view->state, "established") == 0;
	return true;
}

static size_t established(const struct world *world, size_t host)
{
	uint32_t cursor = 0;
	size_t count = 0;

	kx_ike_from(world->sim.hosts[host].kx, &cursor, count_established, &count);
	return count;
}

/* Seconds since the start. */
static void run_until(struct world *world, uint64_t seconds)
{
	sim_run_until(&world->sim, seconds * SECOND_MS);
	assert_false(world->sim.failed);
}

static void make_sas(struct world *world, size_t initiator)
{
	struct sim *sim = &world->sim;

	sim_acquire(&sim->hosts[initiator], &sim->hosts[1 - initiator], false);
	sim_run_until(sim, sim->now_ms + 2 * SECOND_MS);
	assert_true(sim_is_protected(&sim->hosts[0], &sim->hosts[1]));
	assert_true(sim_is_protected(&sim->hosts[1], &sim->hosts[0]));
}

static void delete_sas(struct world *world)
{
	struct sim *sim = &world->sim;

	sim_terminate(&sim->hosts[0], &sim->hosts[1]);
	sim_run_until(sim, sim->now_ms + 5 * SECOND_MS);
	assert_false(sim_is_protected(&sim->hosts[0], &sim->hosts[1]));
	assert_false(sim_is_protected(&sim->hosts[1], &sim->hosts[0]));
}

/* The two are never without one from now on. */
static void expect_no_gap(struct world *world, uint64_t until)
{
	for (uint64_t now = world->sim.now_ms / SECOND_MS; now < until; now++) {
		run_until(world, now + 1);
		assert_int_not_equal(established(world, 0), 0);
		assert_int_not_equal(established(world, 1), 0);
	}
}

static void sas_that_live_want_another(void **state)
{
	struct world *world = *state;

	make_sas(world, 0);
	expect_no_gap(world, 5 * LIFETIME_S);
	/* One by one, each of them late in the life of the one before. */
	assert_in_range(world->begun, 5, 6);
}

static void without_sas_it_ends(void **state)
{
	struct world *world = *state;
	uint64_t sent;

	make_sas(world, 0);
	delete_sas(world);
	run_until(world, LIFETIME_S - 5);
	assert_int_equal(established(world, 0), 1);
	assert_int_equal(established(world, 1), 1);
	run_until(world, LIFETIME_S + 10);
	assert_int_equal(established(world, 0), 0);
	assert_int_equal(established(world, 1), 0);
	assert_int_equal(world->begun, 1);
	/* And there is silence. */
	sent = world->sim.sent;
	run_until(world, 5 * LIFETIME_S);
	assert_int_equal(world->sim.sent, sent);
}

/* The second host would keep it for longer, and hears that the first does not. */
static void its_end_is_told(void **state)
{
	struct world *world = *state;
	struct policy_peer *peer =
	    (struct policy_peer *)(uintptr_t)&world->sim.hosts[1].policy->peers[0];
	static struct policy_ike longer;

	longer = *peer->ike;
	longer.lifetime = 3 * LIFETIME_S;
	peer->ike = &longer;
	make_sas(world, 1);
	delete_sas(world);
	run_until(world, LIFETIME_S - 5);
	assert_int_equal(established(world, 1), 1);
	run_until(world, LIFETIME_S + 10);
	assert_int_equal(established(world, 0), 0);
	assert_int_equal(established(world, 1), 0);
}

/*
 * The second host lowers the lifetime of the SAs themselves, of which the first takes no notice, as
 * strongSwan does: then the second makes their successors.
 */
static void a_lowered_lifetime_leaves_no_gap(void **state)
{
	struct world *world = *state;
	struct sim *sim = &world->sim;
	struct policy_rule *rule = (struct policy_rule *)(uintptr_t)&sim->hosts[1].policy->rules[0];
	struct sa_pair *pair;
	uint32_t cursor = 0;

	rule->proposal.lifetime.seconds = LIFETIME_S / 10;
	make_sas(world, 0);
	while ((pair = sad_next(kx_sad(sim->hosts[0].kx), &cursor)) != NULL) {
		assert_int_equal(pair->lifetime.seconds, LIFETIME_S / 10);
		pair->rekey_ms = 0;
	}
	for (uint64_t now = sim->now_ms / SECOND_MS; now < LIFETIME_S / 10 + 5; now++) {
		run_until(world, now + 1);
		assert_true(sim_is_protected(&sim->hosts[0], &sim->hosts[1]));
		assert_true(sim_is_protected(&sim->hosts[1], &sim->hosts[0]));
	}
}

/* One that heeds it makes the successor, and is the only one that does. */
static void a_lowered_lifetime_is_the_initiators_matter(void **state)
{
	struct world *world = *state;
	struct sim *sim = &world->sim;
	struct policy_rule *rule = (struct policy_rule *)(uintptr_t)&sim->hosts[1].policy->rules[0];
	struct sa_pair *pair;
	uint32_t cursor = 0;

	rule->proposal.lifetime.seconds = LIFETIME_S / 10;
	make_sas(world, 0);
	run_until(world, LIFETIME_S / 10 + 5);
	assert_true(sim_is_protected(&sim->hosts[0], &sim->hosts[1]));
	while ((pair = sad_next(kx_sad(sim->hosts[1].kx), &cursor)) != NULL)
		assert_false(pair->initiator);
}

/* When it was to be renewed there was no need of it, and now there is. */
static void sas_made_late_want_another(void **state)
{
	struct world *world = *state;

	make_sas(world, 0);
	delete_sas(world);
	run_until(world, LIFETIME_S - 8);
	assert_int_equal(world->begun, 1);
	make_sas(world, 0);
	expect_no_gap(world, LIFETIME_S + 60);
	assert_in_range(world->begun, 2, 3);
}

static void down(void *context, const struct problem *problem)
{
	assert_int_equal(problem->code, ERR_OK);
	*(bool *)context = true;
}

static void a_clean_end_is_told(void **state)
{
	struct world *world = *state;
	struct sim *sim = &world->sim;
	bool is_down = false;

	make_sas(world, 0);
	kx_shutdown(sim->hosts[0].kx, 5000, down, &is_down);
	sim_run_until(sim, sim->now_ms + 10 * SECOND_MS);
	assert_true(is_down);
	assert_int_equal(established(world, 0), 0);
	assert_int_equal(established(world, 1), 0);
}

/* Nobody answers a deletion, so it is said more than once, also by who is about to go. */
static void a_clean_end_is_told_again(void **state)
{
	struct world *world = *state;
	struct sim *sim = &world->sim;
	bool is_down = false;

	make_sas(world, 0);
	world->loses_ms = sim->now_ms + 100;
	kx_shutdown(sim->hosts[0].kx, 5000, down, &is_down);
	sim_run_until(sim, sim->now_ms + 10 * SECOND_MS);
	assert_true(is_down);
	assert_false(sim_is_protected(&sim->hosts[1], &sim->hosts[0]));
}

static bool find_stale(void *context, const struct kx_sa_view *view)
{
	const struct sim_host *host = context;
	const struct sim_host *peer = sim_host_at(host->sim, &view->remote);

	assert_true(view->created_ms - host->clock_offset_ms >= peer->started_ms);
	return true;
}

/*
 * The second host, which has begun an SA with the first, restarts. The first has no ISAKMP SA with
 * it any more, so that only INITIAL-CONTACT tells (RFC 2407 4.6.3.3).
 */
static void restart_the_other(struct world *world)
{
	struct sim *sim = &world->sim;
	struct ikev1 *ikev1 = sim->hosts[0].kx->method_states[EXCHANGE_IKEV1];
	uint32_t cursor = 0;
	struct ikev1_sa *sa;

	/* The peer's, which no successor of this host's own takes the place of. */
	make_sas(world, 1);
	sim_host_crash(&sim->hosts[1]);
	while ((sa = slots_next(&ikev1->sas, &cursor)) != NULL)
		ikev1_sa_free(sa);
	sim_run_until(sim, sim->now_ms + 5 * SECOND_MS);
	sim_host_start(&sim->hosts[1]);
}

static void expect_what_was_before_to_go(struct world *world)
{
	struct sim *sim = &world->sim;

	sim_run_until(sim, sim->now_ms + 20 * SECOND_MS);
	assert_true(sim_is_protected(&sim->hosts[0], &sim->hosts[1]));
	assert_true(sim_is_protected(&sim->hosts[1], &sim->hosts[0]));
	kx_each_sa(sim->hosts[0].kx, find_stale, &sim->hosts[0]);
}

static void what_was_before_a_restart_goes(void **state)
{
	struct world *world = *state;
	struct sim *sim = &world->sim;

	restart_the_other(world);
	sim_initiate(&sim->hosts[0], &sim->hosts[1]);
	sim_initiate(&sim->hosts[1], &sim->hosts[0]);
	expect_what_was_before_to_go(world);
}

/*
 * Both have begun a phase 1 and have spoken under both SAs, and there is an IPsec SA that is not to
 * go, when the word gets through at last.
 */
static void contact_that_comes_late_counts(void **state)
{
	struct world *world = *state;
	struct sim *sim = &world->sim;
	uint64_t begun;

	restart_the_other(world);
	begun = world->begun;
	world->mute_ms = sim->now_ms + MUTE_MS;
	sim_initiate(&sim->hosts[0], &sim->hosts[1]);
	sim_probe(&sim->hosts[1], &sim->hosts[0]);
	sim_run_until(sim, world->mute_ms);
	assert_int_equal(world->begun - begun, 2);
	assert_true(sim_is_protected(&sim->hosts[1], &sim->hosts[0]));
	expect_what_was_before_to_go(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(sas_that_live_want_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_sas_it_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(its_end_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_lowered_lifetime_leaves_no_gap, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_lowered_lifetime_is_the_initiators_matter, setup, teardown),
	    cmocka_unit_test_setup_teardown(sas_made_late_want_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_clean_end_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_clean_end_is_told_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_before_a_restart_goes, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_was_before_a_restart_goes, setup_aggressive, teardown),
	    cmocka_unit_test_setup_teardown(
		contact_that_comes_late_counts, setup_aggressive, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
