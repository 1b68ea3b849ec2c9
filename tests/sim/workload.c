/* What users, traffic and misfortune do to the hosts, by seed. */
#include <stdlib.h>

#include "sim.h"

static int name_of(const struct sim_host *host)
{
	return 'a' + (int)host->index;
}

/* A packet from host to peer, or to the first address behind it. */
struct dataplane_flow sim_flow(
    const struct sim_host *host, const struct sim_host *peer, bool tunnel)
{
	struct dataplane_flow flow = {.local = host->speaks_as,
	    .remote = peer->address,
	    .protocol = 6,
	    .local_port = 40000,
	    .remote_port = 80};
	const struct policy_rule *rule;

	if (tunnel) {
		flow.local = host->network.address;
		flow.remote = peer->network.address;
		if (host->rogue && host->sim->profile.rogue == SIM_ROGUE_SELECTORS)
			flow.local.octets[1] ^= 0x40;
	}
	rule = policy_lookup(host->policy, &flow);
	flow.policy_id = rule != NULL ? rule->id : 0;
	return flow;
}

void sim_acquire(struct sim_host *host, const struct sim_host *peer, bool tunnel)
{
	struct dataplane_flow flow = sim_flow(host, peer, tunnel);
	const struct policy_rule *rule = policy_rule_by_id(host->policy, flow.policy_id);

	if (host->kx == NULL || host->stopping || rule == NULL || rule->peer == NULL)
		return;
	host->sim->counts[SIM_ACQUIRES]++;
	sim_note(host->sim, host, "traffic to %c%s", name_of(peer),
	    tunnel ? ", through the tunnel" : "");
	kx_acquire(host->kx, &flow);
}

void sim_packet(struct sim_host *host, struct sim_host *peer, bool tunnel)
{
	struct dataplane_flow flow = sim_flow(host, peer, tunnel);
	struct sim *sim = host->sim;
	const struct dataplane_sa *sa;
	const struct dataplane_sa *other = NULL;

	if (host->kx == NULL)
		return;
	sa = record_find_sa_for(sim_plane_record(host->plane), &flow, IPSEC_OUT);
	if (sa == NULL) {
		if (sim_plane_hold(host->plane, &flow))
			sim_acquire(host, peer, tunnel);
		return;
	}
	sim->counts[SIM_PACKETS]++;
	record_count_packet(sim_plane_record(host->plane), sa);
	if (peer->kx != NULL)
		other = record_find_sa(
		    sim_plane_record(peer->plane), sa->spi, sa->suite.protocol, &sa->destination);
	if (other != NULL)
		record_count_packet(sim_plane_record(peer->plane), other);
	else
		sim->counts[SIM_PACKETS_LOST]++;
	sim_note(sim, host, "a packet to %c%s", name_of(peer), other == NULL ? ", lost" : "");
}

static void command_done(void *context, const struct problem *problem)
{
	struct sim_host *host = context;
	struct sim *sim = host->sim;

	sim->command_failed = problem->code != ERR_OK;
	sim_note(sim, host, "command: %s", problem->code == ERR_OK ? "done" : problem->text);
	if (sim->commands_open-- == 0)
		sim_fail(sim, "host %c tells the end of a command twice", name_of(host));
}

void sim_initiate(struct sim_host *host, const struct sim_host *peer)
{
	struct sim *sim = host->sim;
	const struct sim_profile *profile = &sim->profile;
	/* With no transport policy the tunnel's is named instead. */
	char name[] = "net-?";

	name[4] = (char)name_of(peer);
	if (host->kx == NULL || host->stopping)
		return;
	sim->counts[SIM_INITIATES]++;
	sim->commands_open++;
	sim_note(sim, host, "command: initiate with %c", name_of(peer));
	if (profile->transport)
		kx_initiate(host->kx, NULL, &peer->address, command_done, host);
	else
		kx_initiate(host->kx, name, NULL, command_done, host);
}

void sim_terminate(struct sim_host *host, const struct sim_host *peer)
{
	struct sim *sim = host->sim;

	sim->counts[SIM_TERMINATES]++;
	sim->commands_open++;
	sim_note(sim, host, "command: terminate%s", peer == NULL ? " all" : "");
	kx_terminate(host->kx, peer != NULL ? &peer->address : NULL, 0, command_done, host);
}

static void probe_done(
    void *context, enum kx_probe_outcome outcome, uint64_t took_ms, const struct problem *problem)
{
	struct sim_host *host = context;

	(void)took_ms;
	host->sim->counts[SIM_PROBES_ALIVE + outcome]++;
	command_done(context, problem);
}

void sim_probe(struct sim_host *host, const struct sim_host *peer)
{
	struct sim *sim = host->sim;

	if (host->kx == NULL || host->stopping)
		return;
	sim->commands_open++;
	sim_note(sim, host, "command: probe %c", name_of(peer));
	kx_probe(host->kx, &peer->address, probe_done, host);
}

static void change_of_mind(struct sim *sim, struct sim_host *host, void *payload)
{
	(void)sim;
	(void)payload;
	if (!host->stopping)
		sim_terminate(host, NULL);
}

static void expire(struct sim_host *host, bool hard)
{
	struct sim *sim = host->sim;
	const struct dataplane_sa *sa = sim_plane_any(host->plane, &sim->random);
	struct dataplane_expiry expiry = {.hard = hard};

	if (sa == NULL)
		return;
	expiry.spi = sa->spi;
	expiry.destination = sa->destination;
	expiry.protocol = sa->suite.protocol;
	expiry.direction = sa->direction;
	sim->counts[SIM_EXPIRIES]++;
	sim_note(sim, host, "SPI %08x reaches its %s limit", sa->spi, hard ? "hard" : "soft");
	/* The peer's end stays until its own limit. */
	sim->excused = sim->excused || hard;
	kx_expired(host->kx, &expiry);
}

#define LOST_MAX 32

struct losses {
	struct dataplane_expiry list[LOST_MAX];
	size_t count;
};

static void lose(void *context, const struct dataplane_sa *sa)
{
	struct losses *losses = context;

	if (losses->count < LOST_MAX)
		losses->list[losses->count++] = (struct dataplane_expiry){.spi = sa->spi,
		    .destination = sa->destination,
		    .protocol = sa->suite.protocol,
		    .direction = sa->direction,
		    .hard = true,
		    .lost = true};
}

void sim_lose_sas(struct sim_host *host)
{
	struct losses losses = {.count = 0};

	record_visit(sim_plane_record(host->plane), lose, &losses);
	sim_note(host->sim, host, "its %zu SAs are removed", losses.count);
	for (size_t i = 0; i < losses.count; i++)
		kx_expired(host->kx, &losses.list[i]);
}

static void start_again(struct sim *sim, struct sim_host *none, void *payload)
{
	struct sim_host *host = &sim->hosts[*(const unsigned *)payload];

	(void)none;
	if (host->kx == NULL)
		sim_host_start(host);
}

static void stop_host(struct sim_host *host)
{
	struct sim *sim = host->sim;
	unsigned *index = sim_alloc(sizeof(*index));

	*index = host->index;
	sim_host_crash(host);
	/* Epochs are seconds: a new one is another. */
	sim_schedule(sim, sim_random_between(&sim->random, 1000, 20000), start_again, NULL, index);
}

static void crash(struct sim_host *host)
{
	host->sim->counts[SIM_CRASHES]++;
	host->sim->forgetful = true;
	sim_note(host->sim, host, "crashes");
	stop_host(host);
}

static void stopped(struct sim *sim, struct sim_host *host, void *payload)
{
	(void)payload;
	sim_note(sim, host, "has shut down");
	stop_host(host);
}

static void shutdown_done(void *context, const struct problem *problem)
{
	struct sim_host *host = context;

	if (problem->code != ERR_OK)
		host->sim->excused = true;
	/* Not from within the engine. */
	sim_schedule(host->sim, 0, stopped, host, NULL);
}

static void shut_down(struct sim_host *host)
{
	host->sim->counts[SIM_SHUTDOWNS]++;
	sim_note(host->sim, host, "shuts down");
	host->stopping = true;
	kx_shutdown(host->kx, 5000, shutdown_done, host);
}

static void skew(struct sim_host *host)
{
	struct sim *sim = host->sim;

	sim->counts[SIM_SKEWS]++;
	host->skew_seconds =
	    sim_chance(&sim->random, 300) ? 0 : (int64_t)sim_random_below(&sim->random, 1000) - 500;
	sim_note(sim, host, "its clock is now off by %lld s", (long long)host->skew_seconds);
}

static void kdc_back(struct sim *sim, struct sim_host *none, void *payload)
{
	(void)none;
	(void)payload;
	sim_note(sim, NULL, "the KDC answers again");
	sim->kdc_away = false;
}

static void kdc_leaves(struct sim *sim)
{
	sim->counts[SIM_KDC_OUTAGES]++;
	sim_note(sim, NULL, "the KDC is away");
	sim->kdc_away = true;
	sim_schedule(sim, sim_random_between(&sim->random, 1000, 60000), kdc_back, NULL, NULL);
}

static void ordinary(struct sim *sim, struct sim_host *host, struct sim_host *peer)
{
	bool tunnel = sim_chance(&sim->random, 500);
	uint64_t what = sim_random_below(&sim->random, 100);

	if (what < 15) {
		sim_acquire(host, peer, tunnel);
	} else if (what < 40) {
		sim_packet(host, peer, tunnel);
		if (sim_chance(&sim->random, 800))
			sim_packet(peer, host, tunnel);
	} else if (what < 47) {
		sim_probe(host, peer);
	} else if (what < 50) {
		/* Anyone can say so. */
		sim_network_unreachable(host, &peer->address);
	} else if (what < 65) {
		/* Both at the same moment. */
		sim_acquire(host, peer, tunnel);
		sim_acquire(peer, host, tunnel);
	} else if (what < 72) {
		sim_initiate(host, peer);
	} else if (what < 75) {
		sim_initiate(host, peer);
		sim_schedule(sim, sim_random_below(&sim->random, 200), change_of_mind, host, NULL);
	} else if (what < 82) {
		sim_terminate(host, sim_chance(&sim->random, 700) ? peer : NULL);
	} else if (what < 92) {
		expire(host, false);
	} else if (what < 96) {
		expire(host, true);
	} else {
		shut_down(host);
	}
}

static void happen(struct sim *sim)
{
	const struct sim_profile *profile = &sim->profile;
	struct sim_host *host = &sim->hosts[sim_random_below(&sim->random, sim->host_count)];
	struct sim_host *peer = &sim->hosts[sim_random_below(&sim->random, sim->host_count)];
	uint32_t what = (uint32_t)sim_random_below(&sim->random, 1000);

	if (host->kx == NULL || host->stopping || peer == host)
		return;
	if (profile->kind == SIM_OUTSIDER)
		sim_acquire(host, peer, !profile->transport);
	else if (what < profile->crashes)
		crash(host);
	else if (what < profile->crashes + profile->skews)
		skew(host);
	else if (what < profile->crashes + profile->skews + profile->outages)
		kdc_leaves(sim);
	else
		ordinary(sim, host, peer);
}

static void next_event(struct sim *sim, struct sim_host *none, void *payload)
{
	uint64_t mean = sim->profile.mean_gap_ms;

	(void)payload;
	if (!sim->working)
		return;
	happen(sim);
	sim_schedule(
	    sim, sim_random_between(&sim->random, mean / 5, mean * 9 / 5), next_event, none, NULL);
}

static void next_injection(struct sim *sim, struct sim_host *none, void *payload)
{
	(void)payload;
	if (!sim->working)
		return;
	if (sim_chance(&sim->trouble, sim->profile.inject))
		sim_network_inject(sim);
	/* Bursts around what goes on, so that replies and errors race. */
	sim_schedule(sim,
	    sim_chance(&sim->trouble, 700) ? sim_random_below(&sim->trouble, 50)
					   : sim_random_below(&sim->trouble, 10000),
	    next_injection, none, NULL);
}

void sim_workload_start(struct sim *sim)
{
	sim->working = true;
	sim_schedule(sim, 1, next_event, NULL, NULL);
	if (sim->profile.inject > 0)
		sim_schedule(sim, 1, next_injection, NULL, NULL);
}
