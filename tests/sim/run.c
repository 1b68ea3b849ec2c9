/* One run: a world is made, things happen to it, then they cease and all must come right. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define LONELY_MAX 256

#define CHECKED(expression)                                                                        \
	do {                                                                                       \
		if ((expression) != ERR_OK)                                                        \
			abort();                                                                   \
	} while (0)

static void make_host(struct sim *sim, unsigned index)
{
	const struct sim_profile *profile = &sim->profile;
	struct sim_host *host = &sim->hosts[index];
	int name = 'a' + (int)index;
	int upper = 'A' + (int)index;
	char text[PREFIX_TEXT_SIZE];

	sim_host_init(sim, index);
	host->rogue = profile->kind == SIM_ROGUE && index + 1 == profile->host_count;
	(void)snprintf(host->name, sizeof(host->name), "%c.example.test", name);
	(void)snprintf(
	    host->answers_as, sizeof(host->answers_as), "kink/%c.example.test@EXAMPLE.TEST", name);
	memcpy(host->starts_as, host->answers_as, sizeof(host->starts_as));
	if (profile->directory)
		(void)snprintf(host->starts_as, sizeof(host->starts_as), "%c$@EXAMPLE.TEST", upper);
	if (host->rogue && profile->rogue == SIM_ROGUE_IMPOSTOR) {
		(void)snprintf(host->answers_as, sizeof(host->answers_as),
		    "kink/mallory.example.test@EXAMPLE.TEST");
		memcpy(host->starts_as, host->answers_as, sizeof(host->starts_as));
	}
	(void)snprintf(
	    text, sizeof(text), profile->ipv6 ? "2001:db8::%u" : "192.0.2.%u", index + 1);
	CHECKED(address_parse(text, &host->address));
	host->speaks_as = host->address;
	if (profile->two_addresses) {
		host->other = host->address;
		host->other.octets[host->address.family == 4 ? 3 : 15] += 100;
	}
	(void)snprintf(
	    text, sizeof(text), profile->ipv6 ? "20%02x:db8::/32" : "10.%u.0.0/16", index + 16);
	CHECKED(prefix_parse(text, &host->network));
}

void sim_make_world(struct sim *sim, const struct sim_realm *realm, uint64_t seed)
{
	struct sim_host *last;

	sim->seed = seed;
	sim->realm = realm;
	sim_random_init(&sim->random, seed, 2);
	sim_random_init(&sim->trouble, seed, 3);
	if (sim->profile.host_count == 0)
		sim_profile_choose(sim);
	sim->host_count = sim->profile.host_count;
	for (unsigned i = 0; i < sim->host_count; i++)
		make_host(sim, i);
	last = &sim->hosts[sim->host_count - 1];
	if (last->rogue && sim->profile.rogue == SIM_ROGUE_SPOOFER)
		last->speaks_as = sim->hosts[1].address;
	for (size_t i = 0; i < sim->host_count; i++)
		sim->hosts[i].policy = sim_policy(sim, &sim->hosts[i]);
	sim->faults = true;
	for (size_t i = 0; i < sim->host_count; i++)
		sim_host_start(&sim->hosts[i]);
}

void sim_clear_world(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		sim_host_crash(&sim->hosts[i]);
		policy_release(sim->hosts[i].policy);
	}
	if (!sim->failed && sim->commands_open > 0)
		sim_fail(sim, "%zu commands never ended", sim->commands_open);
	sim_queue_clear(&sim->queue);
}

/* A full cycle of transmissions of a CREATE, its REPLY, and the DELETE after it. */
static uint64_t cycle_ms(const struct sim *sim)
{
	const struct sim_profile *profile = &sim->profile;

	return 3 * sim_transmissions_ms(sim) + profile->delete_grace + 10000;
}

static uint64_t lifetime_ms(const struct sim *sim)
{
	return (uint64_t)sim->profile.lifetime * 1000;
}

static bool all_up(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		if (sim->hosts[i].kx == NULL || sim->hosts[i].stopping)
			return false;
	}
	return true;
}

/* No faults from here on. Late datagrams still arrive. */
static void calm_down(struct sim *sim)
{
	sim_note(sim, NULL, "--- all is well from here on");
	sim->working = false;
	sim->faults = false;
	sim->kdc_away = false;
	for (size_t i = 0; i < sim->host_count && !sim->profile.clocks_stay; i++)
		sim->hosts[i].skew_seconds = 0;
	(void)sim_run_until_true(sim, sim->now_ms + 60000, all_up);
	/* The rogue has made its point; its retries would go on. */
	if (sim->hosts[sim->host_count - 1].rogue && !sim->failed) {
		sim_host_crash(&sim->hosts[sim->host_count - 1]);
		policy_release(sim->hosts[sim->host_count - 1].policy);
		sim->host_count--;
	}
}

/* Whether an SA that lacks its other end lacks it still after a full cycle. */
static bool stays_lonely(struct sim *sim)
{
	uint64_t before[LONELY_MAX];
	uint64_t after[LONELY_MAX];
	size_t count = sim_lonely(sim, before, LONELY_MAX);
	size_t left;

	sim_run_until(sim, sim->now_ms + cycle_ms(sim));
	left = sim_lonely(sim, after, LONELY_MAX);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < left; j++) {
			if (before[i] == after[j])
				return true;
		}
	}
	return false;
}

/* How many there can be that each rekey in their time. */
static size_t connections(const struct sim *sim)
{
	return sim->host_count * (sim->host_count - 1) *
	       (sim->profile.transport + sim->profile.tunnel);
}

/* With short lifetimes something is always under way: then no single SA may stay half-open. */
static void expect_settled(struct sim *sim, uint64_t within_ms, const char *when)
{
	char text[SIM_TEXT_SIZE];

	if (sim->failed || sim_run_until_true(sim, sim->now_ms + within_ms, sim_is_settled))
		return;
	(void)sim_unsettled(sim, text);
	if (stays_lonely(sim) || lifetime_ms(sim) > connections(sim) * cycle_ms(sim))
		sim_fail(sim, "%s: %s", when, text);
}

/* Every pair of hosts must come to SAs, both ways, by traffic and by command. */
static bool all_protected(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		for (size_t j = 0; j < sim->host_count; j++) {
			if (i != j && !sim_is_protected(&sim->hosts[i], &sim->hosts[j]))
				return false;
		}
	}
	return true;
}

static void expect_traffic_to_flow(struct sim *sim, uint64_t within_ms)
{
	uint64_t end = sim->now_ms + within_ms;

	while (!sim->failed && !all_protected(sim)) {
		if (sim->now_ms >= end) {
			sim_fail(sim, "traffic waits for its SAs for ever");
			return;
		}
		for (size_t i = 0; i < sim->host_count; i++) {
			for (size_t j = 0; j < sim->host_count; j++) {
				if (i != j && !sim_is_protected(&sim->hosts[i], &sim->hosts[j]))
					sim_acquire(&sim->hosts[i], &sim->hosts[j],
					    !sim->profile.transport);
			}
		}
		(void)sim_run_until_true(sim, sim->now_ms + 1000, all_protected);
	}
}

static bool commands_over(struct sim *sim)
{
	return sim->commands_open == 0;
}

/* Contact makes each host notice that another has restarted. */
static void expect_commands_to_succeed(struct sim *sim, uint64_t within_ms)
{
	uint64_t end = sim->now_ms + within_ms;

	for (size_t i = 0; i < sim->host_count; i++) {
		for (size_t j = 0; j < sim->host_count && !sim->failed; j++) {
			if (i == j)
				continue;
			do {
				sim->command_failed = false;
				sim_initiate(&sim->hosts[i], &sim->hosts[j]);
				(void)sim_run_until_true(sim, end, commands_over);
				if (sim->command_failed)
					sim_run_until(sim, sim->now_ms + 1000);
			} while (!sim->failed && sim->command_failed && sim->now_ms < end);
			if (sim->command_failed || sim->commands_open > 0)
				sim_fail(sim, "a command to negotiate never succeeds");
		}
	}
}

static void expect_emptiness(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++)
		sim_terminate(&sim->hosts[i], NULL);
	if (!sim->failed &&
	    !sim_run_until_true(sim, sim->now_ms + cycle_ms(sim) + lifetime_ms(sim), sim_is_empty))
		sim_fail(sim, "after all was deleted something is left");
}

static void come_right(struct sim *sim)
{
	/*
	 * Who was seen with a clock ahead and restarts is taken for a replay until that time has
	 * come, at most twice the skew that Kerberos allows.
	 */
	uint64_t patience = cycle_ms(sim) + 150000 + (sim->profile.skews > 0 ? 700000 : 0);

	const struct sim_profile *profile = &sim->profile;
	/* A peer whose name cannot be found refuses a DELETE. */
	bool nameless = profile->resolver && profile->resolver_failure > 0;

	calm_down(sim);
	/* What the other end has lost is noticed without contact only by those who look. */
	if (sim->forgetful && profile->dpd == 0)
		sim->excused = true;
	if (!sim->excused && !nameless && !sim_may_come_late(sim) && !sim->failed) {
		sim->counts[SIM_STRICT_RUNS]++;
		expect_settled(
		    sim, 2 * cycle_ms(sim) + 150000 + 3ULL * sim->profile.dpd, "after the faults");
	}
	/* With few places for SAs, those that nobody can use any more must go first. */
	if (sim->profile.max_sas < 100)
		patience += lifetime_ms(sim);
	expect_traffic_to_flow(sim, patience);
	expect_commands_to_succeed(sim, patience);
	if (!sim->failed)
		sim_run_until(sim, sim->now_ms + sim_transmissions_ms(sim));
	if (!sim->failed)
		sim_check_contact(sim);
	if (!sim->failed)
		sim_run_until(sim, sim->now_ms + lifetime_ms(sim));
	expect_settled(sim, lifetime_ms(sim), "after a lifetime");
	expect_emptiness(sim);
}

bool sim_run(struct sim *sim, const struct sim_realm *realm, uint64_t seed, uint64_t *counts)
{
	sim->counts = counts;
	counts[SIM_RUNS]++;
	sim_make_world(sim, realm, seed);
	sim_workload_start(sim);
	sim_run_until(sim, sim->profile.duration_ms);
	if (!sim->failed)
		come_right(sim);
	sim_clear_world(sim);
	return !sim->failed;
}
