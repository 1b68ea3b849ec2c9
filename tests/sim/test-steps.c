/*
 * Each flow of RFC 4430 section 3, with each single datagram lost, doubled, late or spoiled, and
 * with every misfortune that can befall a host at that moment, while packets go both ways all the
 * time.
 *
 *	test-steps [--seed N] [FLOWS | --verbose FLOW STEP TROUBLE]
 *
 * FLOWS is what their names begin with, or those of the stories at the end. The seed decides how
 * long everything takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinkd/kx.h"
#include "realm.h"
#include "sim.h"
#include "wire/isakmp.h"

#define PACKET_GAP_MS 50
#define PATIENCE_MS   60000
#define RESTART_MS    1500 /* epochs are seconds */
#define OUTAGE_MS     20000
#define CLOCK_JUMP    400 /* seconds; more than Kerberos lets pass */

struct trouble {
	const char *name;
	enum sim_fate fate;
	void (*happen)(struct sim *sim, struct sim_host *host); /* NULL: only the fate */
	size_t host;
	bool forgetful;  /* SAs are lost */
	bool ticketless; /* what has no ticket waits in vain */
	bool kerberos;   /* it befalls only who speaks KINK */
};

struct world {
	struct sim sim;
	const struct trouble *trouble;
	uint64_t first; /* datagrams sent before the flow */
	uint64_t step;  /* at which of its datagrams; from 1. 0: at none */
	bool over;      /* packets go no more */
	bool one_way;   /* the second host has nothing to say */
	uint64_t counts[SIM_COUNT];
	uint64_t begun;    /* first messages of phase 1 */
	bool is_encrypted; /* the datagram that the trouble befalls */
};

struct flow {
	const char *name;
	bool established; /* it begins with SAs, which the first host made */
	/* What packets meet with unless a host forgets its SAs. */
	enum { DROPS, HOLDS, NEITHER } promise;
	struct sim_profile profile; /* what is special about the hosts */
	void (*begin)(struct sim *sim);
};

static struct sim_host *host(struct sim *sim, size_t index)
{
	return &sim->hosts[index];
}

static void create(struct sim *sim)
{
	sim_acquire(host(sim, 0), host(sim, 1), false);
}

/* Of different policies, so that they share a command. */
static void create_several(struct sim *sim)
{
	create(sim);
	sim_acquire(host(sim, 0), host(sim, 1), true);
}

static void create_both(struct sim *sim)
{
	sim_acquire(host(sim, 0), host(sim, 1), false);
	sim_acquire(host(sim, 1), host(sim, 0), false);
}

static void delete_one(struct sim *sim)
{
	sim_terminate(host(sim, 0), host(sim, 1));
}

static void delete_other(struct sim *sim)
{
	sim_terminate(host(sim, 1), host(sim, 0));
}

static void delete_both(struct sim *sim)
{
	delete_one(sim);
	delete_other(sim);
}

static void status(struct sim *sim)
{
	sim_probe(host(sim, 0), host(sim, 1));
}

static void status_both(struct sim *sim)
{
	status(sim);
	sim_probe(host(sim, 1), host(sim, 0));
}

static void renew(struct sim *sim)
{
	sim_initiate(host(sim, 0), host(sim, 1));
}

static void renew_both(struct sim *sim)
{
	renew(sim);
	sim_initiate(host(sim, 1), host(sim, 0));
}

static void renew_against_delete(struct sim *sim)
{
	renew(sim);
	delete_other(sim);
}

static void change_of_mind(struct sim *sim, struct sim_host *which, void *payload)
{
	(void)payload;
	sim_terminate(which, host(sim, 1));
}

static void change_of_other_mind(struct sim *sim, struct sim_host *which, void *payload)
{
	(void)payload;
	sim_terminate(which, host(sim, 0));
}

/* Where the reply is lost, the deletion comes before it. */
static void renew_and_delete(struct sim *sim)
{
	renew(sim);
	sim_schedule(sim, 50, change_of_other_mind, host(sim, 1), NULL);
}

static void create_and_delete(struct sim *sim)
{
	create(sim);
	sim_schedule(sim, 3, change_of_mind, host(sim, 0), NULL);
}

#define TWO_WAY                                                                                    \
	{                                                                                          \
		.pfs = 0                                                                           \
	}
#define THREE_WAY                                                                                  \
	{                                                                                          \
		.pfs = 3                                                                           \
	}
#define WITH_NONCES                                                                                \
	{                                                                                          \
		.nonces = 3                                                                        \
	}
/* The first host's first suite is none of the second's. */
#define SECOND_CHOICE                                                                              \
	{                                                                                          \
		.suites = 5                                                                        \
	}
/* Offered by the first host, off on the second. */
#define REFUSED_EXCHANGE                                                                           \
	{                                                                                          \
		.pfs = 1                                                                           \
	}
#define SEVERAL                                                                                    \
	{                                                                                          \
		.tunnel = true                                                                     \
	}
#define RACOON2                                                                                    \
	{                                                                                          \
		.racoon2 = true                                                                    \
	}
#define BUNDLES                                                                                    \
	{                                                                                          \
		.protocols = 4                                                                     \
	}
#define IKEV1                                                                                      \
	{                                                                                          \
		.methods = SIM_IKEV1                                                               \
	}
#define IKEV1_PFS                                                                                  \
	{                                                                                          \
		.methods = SIM_IKEV1, .pfs = 3                                                     \
	}
#define IKEV1_AGGRESSIVE                                                                           \
	{                                                                                          \
		.methods = SIM_IKEV1, .aggressive = true                                           \
	}
#define IKEV1_BUNDLES                                                                              \
	{                                                                                          \
		.methods = SIM_IKEV1, .protocols = 4                                               \
	}
#define IKEV1_KERBEROS                                                                             \
	{                                                                                          \
		.methods = SIM_IKEV1, .proof = SIM_PROOF_KERBEROS                                  \
	}
#define IKEV1_COMMIT                                                                               \
	{                                                                                          \
		.methods = SIM_IKEV1, .commit = true                                               \
	}
#define KEYLESS                                                                                    \
	{                                                                                          \
		.user_to_user = SIM_USER_TO_USER_KEYLESS                                           \
	}
#define USER_TO_USER                                                                               \
	{                                                                                          \
		.user_to_user = SIM_USER_TO_USER_ALWAYS                                            \
	}

static const struct flow flows[] = {
    {"create", false, HOLDS, TWO_WAY, create},
    {"create-three-way", false, HOLDS, THREE_WAY, create},
    {"create-with-nonces", false, HOLDS, WITH_NONCES, create},
    {"create-second-choice", false, HOLDS, SECOND_CHOICE, create},
    {"create-refused-exchange", false, HOLDS, REFUSED_EXCHANGE, create},
    {"create-several", false, HOLDS, SEVERAL, create_several},
    {"create-bundle", false, HOLDS, BUNDLES, create},
    {"create-racoon2", false, HOLDS, RACOON2, create},
    {"create-with-keyless", false, HOLDS, KEYLESS, create},
    {"create-user-to-user", false, HOLDS, USER_TO_USER, create},
    {"create-both", false, HOLDS, TWO_WAY, create_both},
    {"create-both-three-way", false, HOLDS, THREE_WAY, create_both},
    {"create-both-second-choice", false, HOLDS, SECOND_CHOICE, create_both},
    {"create-both-refused-exchange", false, HOLDS, REFUSED_EXCHANGE, create_both},
    {"create-both-racoon2", false, HOLDS, RACOON2, create_both},
    {"create-both-user-to-user", false, HOLDS, USER_TO_USER, create_both},
    {"create-and-delete", false, DROPS, THREE_WAY, create_and_delete},
    {"delete", true, HOLDS, TWO_WAY, delete_one},
    {"delete-by-responder", true, HOLDS, TWO_WAY, delete_other},
    {"delete-bundle", true, HOLDS, BUNDLES, delete_one},
    {"delete-both", true, HOLDS, TWO_WAY, delete_both},
    {"delete-user-to-user", true, HOLDS, USER_TO_USER, delete_one},
    {"status", true, NEITHER, TWO_WAY, status},
    {"status-both", true, NEITHER, TWO_WAY, status_both},
    {"status-user-to-user", true, NEITHER, USER_TO_USER, status},
    {"renew", true, NEITHER, TWO_WAY, renew},
    {"renew-three-way", true, NEITHER, THREE_WAY, renew},
    {"renew-second-choice", true, NEITHER, SECOND_CHOICE, renew},
    {"renew-refused-exchange", true, NEITHER, REFUSED_EXCHANGE, renew},
    {"renew-racoon2", true, NEITHER, RACOON2, renew},
    {"renew-bundle", true, NEITHER, BUNDLES, renew},
    {"renew-user-to-user", true, NEITHER, USER_TO_USER, renew},
    {"renew-both", true, NEITHER, TWO_WAY, renew_both},
    {"renew-both-three-way", true, NEITHER, THREE_WAY, renew_both},
    {"renew-against-delete", true, HOLDS, TWO_WAY, renew_against_delete},
    {"renew-and-delete", true, HOLDS, TWO_WAY, renew_and_delete},
    {"renew-and-delete-three-way", true, HOLDS, THREE_WAY, renew_and_delete},
    {"ikev1-create", false, HOLDS, IKEV1, create},
    {"ikev1-create-pfs", false, HOLDS, IKEV1_PFS, create},
    /* A NAT that is seen where none is keeps AH out. */
    {"ikev1-create-bundle", false, DROPS, IKEV1_BUNDLES, create},
    {"ikev1-create-both", false, HOLDS, IKEV1, create_both},
    {"ikev1-create-and-delete", false, DROPS, IKEV1, create_and_delete},
    {"ikev1-aggressive-create", false, HOLDS, IKEV1_AGGRESSIVE, create},
    {"ikev1-aggressive-renew", true, NEITHER, IKEV1_AGGRESSIVE, renew},
    {"ikev1-kerberos-create", false, HOLDS, IKEV1_KERBEROS, create},
    {"ikev1-kerberos-create-both", false, HOLDS, IKEV1_KERBEROS, create_both},
    {"ikev1-commit-create", false, HOLDS, IKEV1_COMMIT, create},
    {"ikev1-commit-create-both", false, HOLDS, IKEV1_COMMIT, create_both},
    {"ikev1-commit-renew", true, NEITHER, IKEV1_COMMIT, renew},
    {"ikev1-commit-renew-both", true, NEITHER, IKEV1_COMMIT, renew_both},
    {"ikev1-delete", true, HOLDS, IKEV1, delete_one},
    {"ikev1-delete-by-responder", true, HOLDS, IKEV1, delete_other},
    {"ikev1-delete-both", true, HOLDS, IKEV1, delete_both},
    {"ikev1-dpd", true, NEITHER, IKEV1, status},
    {"ikev1-dpd-both", true, NEITHER, IKEV1, status_both},
    {"ikev1-renew", true, NEITHER, IKEV1, renew},
    {"ikev1-renew-pfs", true, NEITHER, IKEV1_PFS, renew},
    {"ikev1-renew-both", true, NEITHER, IKEV1, renew_both},
};
#define FLOW_COUNT (sizeof(flows) / sizeof(flows[0]))

static void packets(struct sim *sim, struct sim_host *none, void *payload)
{
	const struct world *world = (struct world *)((char *)sim - offsetof(struct world, sim));

	(void)payload;
	if (world->over)
		return;
	sim_packet(host(sim, 0), host(sim, 1), false);
	if (!world->one_way)
		sim_packet(host(sim, 1), host(sim, 0), false);
	sim_schedule(sim, PACKET_GAP_MS, packets, none, NULL);
}

static void start_again(struct sim *sim, struct sim_host *none, void *payload)
{
	const size_t *index = payload;

	(void)none;
	sim_host_start(host(sim, *index));
}

static void crash(struct sim *sim, struct sim_host *victim)
{
	size_t *index = sim_alloc(sizeof(*index));

	*index = victim->index;
	sim_note(sim, victim, "crashes");
	sim_host_crash(victim);
	sim_schedule(sim, RESTART_MS, start_again, NULL, index);
}

static void end_ticket(struct sim *sim, struct sim_host *none)
{
	(void)none;
	sim->ticket_is_over = true;
}

/* Its keytab has nothing but the new key. */
static void change_key(struct sim *sim, struct sim_host *victim)
{
	sim_note(sim, victim, "its key is another");
	victim->key_version++;
	victim->oldest_key = victim->key_version;
}

/* Its keytab has both. */
static void add_key(struct sim *sim, struct sim_host *victim)
{
	sim_note(sim, victim, "it has a second key");
	victim->key_version++;
}

static void clock_ahead(struct sim *sim, struct sim_host *victim)
{
	(void)sim;
	victim->skew_seconds += CLOCK_JUMP;
}

static void clock_behind(struct sim *sim, struct sim_host *victim)
{
	(void)sim;
	victim->skew_seconds -= CLOCK_JUMP;
}

static void kdc_back(struct sim *sim, struct sim_host *none, void *payload)
{
	(void)none;
	(void)payload;
	sim->kdc_away = false;
}

static void kdc_leaves(struct sim *sim, struct sim_host *none)
{
	sim->kdc_away = true;
	sim_schedule(sim, OUTAGE_MS, kdc_back, none, NULL);
}

/* What befalls only who uses Kerberos; IKEv1 cannot say how far its clock is from the peer's. */
static bool concerns(const struct trouble *trouble, const struct flow *flow)
{
	/* Who gets no ticket cannot tell of what he deletes. */
	if (trouble->happen == kdc_leaves && flow->begin == renew_and_delete)
		return false;
	if (!trouble->kerberos || flow->profile.methods != SIM_IKEV1)
		return true;
	return flow->profile.proof == SIM_PROOF_KERBEROS && trouble->happen != clock_ahead &&
	       trouble->happen != clock_behind;
}

static const struct trouble troubles[] = {
    {"none", SIM_PASS, NULL, 0, false, false, false},
    {"lost", SIM_LOSE, NULL, 0, false, false, false},
    {"twice", SIM_TWICE, NULL, 0, false, false, false},
    {"late", SIM_LATE, NULL, 0, false, false, false},
    {"spoiled", SIM_SPOIL, NULL, 0, false, false, false},
    {"forged", SIM_FORGE, NULL, 0, false, false, false},
    {"crash-a", SIM_PASS, crash, 0, true, false, false},
    {"crash-b", SIM_PASS, crash, 1, true, false, false},
    {"ticket-over", SIM_PASS, end_ticket, 0, false, false, true},
    {"new-key-a", SIM_PASS, change_key, 0, false, false, true},
    {"new-key-b", SIM_PASS, change_key, 1, false, false, true},
    {"second-key-b", SIM_PASS, add_key, 1, false, false, true},
    {"ahead-a", SIM_PASS, clock_ahead, 0, false, false, true},
    {"ahead-b", SIM_PASS, clock_ahead, 1, false, false, true},
    {"behind-a", SIM_PASS, clock_behind, 0, false, false, true},
    {"behind-b", SIM_PASS, clock_behind, 1, false, false, true},
    {"no-kdc", SIM_PASS, kdc_leaves, 0, false, true, true},
};
#define TROUBLE_COUNT (sizeof(troubles) / sizeof(troubles[0]))

/* Not from within the engine. */
static void happen(struct sim *sim, struct sim_host *none, void *payload)
{
	const struct world *world = (struct world *)((char *)sim - offsetof(struct world, sim));

	(void)none;
	(void)payload;
	world->trouble->happen(sim, host(sim, world->trouble->host));
}

static enum sim_fate censor(struct sim *sim, struct bytes datagram, void *context)
{
	struct world *world = context;
	struct isakmp_header header;
	enum notify_type notify;
	struct bytes body;
	bool is_isakmp = isakmp_header_decode(datagram, &header, &body, &notify) == ERR_OK;

	if (is_isakmp && memcmp(header.responder_cookie, (uint8_t[8]){0}, 8) == 0)
		world->begun++;
	if (world->step == 0 || world->first == 0 || sim->sent != world->first + world->step - 1)
		return SIM_PASS;
	world->is_encrypted = is_isakmp && (header.flags & ISAKMP_FLAG_ENCRYPTION) != 0;
	/* What IKEv1 sends in clear is anybody's: there is no promise for it. */
	if (world->trouble->fate == SIM_FORGE && sim->profile.methods == SIM_IKEV1 &&
	    !world->is_encrypted)
		return SIM_PASS;
	/* Before it arrives. */
	if (world->trouble->happen != NULL)
		sim_schedule(sim, 0, happen, NULL, NULL);
	return world->trouble->fate;
}

static bool is_protected(struct sim *sim)
{
	return host(sim, 0)->kx != NULL && host(sim, 1)->kx != NULL &&
	       sim_is_protected(host(sim, 0), host(sim, 1)) &&
	       sim_is_protected(host(sim, 1), host(sim, 0));
}

static struct sim_profile profile_of(const struct flow *flow)
{
	struct sim_profile profile = flow->profile;

	profile.kind = SIM_CLEAN;
	profile.host_count = 2;
	profile.transport = true;
	profile.lifetime = 3600;
	profile.retransmit_first = 200;
	profile.retransmit_limit = 1000;
	profile.retransmit_tries = 5;
	profile.delete_grace = 500;
	profile.dpd = 3000;
	profile.max_sas = 100;
	profile.max_pending = 100;
	profile.ticket_life = 36000;
	profile.delay_ms = 5;
	profile.kerberos_delay_ms = 2;
	profile.plane_delay_ms = 1;
	return profile;
}

/* Packets that did not get through for lack of an SA. */
static uint64_t dropped(const struct world *world)
{
	return world->counts[SIM_PACKETS_LOST] + world->counts[SIM_FLOWS_FAILED];
}

/* And those that had to wait for one. */
static uint64_t missed(const struct world *world)
{
	return dropped(world) + world->counts[SIM_ACQUIRES];
}

static void expect_promise(struct world *world, const struct flow *flow, uint64_t before)
{
	const struct trouble *trouble = world->trouble;
	uint64_t now = flow->promise == NEITHER ? missed(world) : dropped(world);

	if (flow->promise == DROPS || trouble->forgetful ||
	    (flow->promise == HOLDS && trouble->ticketless))
		return;
	if (!world->sim.failed && now != before)
		sim_fail(&world->sim, "%llu packets found no SA, or not at the other end",
		    (unsigned long long)(now - before));
}

/* Who can alter a copy of an encrypted message does not end what it is a part of. */
static void expect_no_notice(struct world *world, uint64_t usual)
{
	if (!world->sim.failed && world->trouble->fate == SIM_FORGE && world->is_encrypted &&
	    world->begun > usual)
		sim_fail(&world->sim, "a forged message does harm");
}

struct isakmp_sas {
	struct world *world;
	const struct flow *flow;
	const struct sim_host *host, *peer;
	size_t established;
};

/* What people are shown of an ISAKMP SA. */
static bool check_isakmp_sa(void *context, const struct kx_ike_view *view)
{
	struct isakmp_sas *sas = context;
	const struct sim_profile *profile = &sas->flow->profile;
	uint64_t now = sas->world->sim.now_ms + sas->host->clock_offset_ms;
	bool kerberos = profile->proof == SIM_PROOF_KERBEROS;
	char address[ADDRESS_TEXT_SIZE];
	const char *identity =
	    kerberos ? sas->peer->answers_as : address_format(&sas->peer->address, address);

	if (strcmp(view->state, "established") != 0)
		return true;
	sas->established++;
	if (strcmp(view->mode, profile->aggressive ? "aggressive" : "main") != 0 ||
	    strcmp(view->peer, "members") != 0 ||
	    strcmp(view->authentication, kerberos ? "gss" : "psk") != 0 ||
	    strcmp(view->algorithms, "aes256-sha256-curve25519") != 0 ||
	    strcmp(view->identity, identity) != 0 ||
	    !address_equal(&view->remote.address, &sas->peer->address) || view->children == 0 ||
	    view->since_ms > now || view->expire_ms <= now || view->rekey_ms >= view->expire_ms)
		sim_fail(&sas->world->sim, "an ISAKMP SA is shown as what it is not");
	return true;
}

static void expect_isakmp_sas(struct world *world, const struct flow *flow)
{
	for (size_t i = 0; i < 2; i++) {
		struct isakmp_sas sas = {
		    world, flow, host(&world->sim, i), host(&world->sim, 1 - i), 0};
		uint32_t cursor = 0;

		kx_ike_from(sas.host->kx, &cursor, check_isakmp_sa, &sas);
		if ((sas.established > 0) != (flow->profile.methods == SIM_IKEV1))
			sim_fail(&world->sim, "%zu ISAKMP SAs are shown", sas.established);
	}
}

/* After the trouble packets go through both ways again, and the two agree on what there is. */
static void expect_peace(struct world *world)
{
	struct sim *sim = &world->sim;
	uint64_t before;
	char text[SIM_TEXT_SIZE];

	sim_run_until(sim, sim->now_ms + PATIENCE_MS);
	before = missed(world);
	sim_run_until(sim, sim->now_ms + 5000);
	if (!sim->failed && (missed(world) != before || !is_protected(sim)))
		sim_fail(sim, "packets do not get through in the end");
	world->over = true;
	if (!sim->failed && !sim_run_until_true(sim, sim->now_ms + PATIENCE_MS, sim_is_settled) &&
	    sim_unsettled(sim, text))
		sim_fail(sim, "%s", text);
}

static void establish(struct world *world)
{
	struct sim *sim = &world->sim;

	create(sim);
	if (!sim_run_until_true(sim, 10000, is_protected))
		sim_fail(sim, "no SAs to begin with");
	sim_run_until(sim, sim->now_ms + 5000);
	sim_schedule(sim, 0, packets, NULL, NULL);
	sim_run_until(sim, sim->now_ms + 500);
}

/* Returns how many datagrams the flow took. */
static uint64_t run(
    struct world *world, const struct flow *flow, uint64_t seed, uint64_t usual_begun)
{
	struct sim *sim = &world->sim;
	uint64_t before;
	uint64_t count;

	sim->counts = world->counts;
	sim->profile = profile_of(flow);
	world->one_way = flow->begin == create_and_delete;
	sim->censor = censor;
	sim->censor_context = world;
	sim_make_world(sim, &sim_standin, seed);
	sim->faults = false;
	if (flow->established)
		establish(world);
	world->first = sim->sent + 1;
	before = flow->promise == NEITHER ? missed(world) : dropped(world);
	sim_note(sim, NULL, "--- %s, datagram %llu: %s", flow->name,
	    (unsigned long long)world->step, world->trouble->name);
	flow->begin(sim);
	if (!flow->established)
		sim_schedule(sim, 0, packets, NULL, NULL);
	sim_run_until(sim, sim->now_ms + 8000);
	count = sim->sent + 1 - world->first;
	if (!sim->failed && world->step == 0 && !is_protected(sim))
		sim_fail(sim, "packets wait for nothing");
	if (!sim->failed && world->step == 0)
		expect_isakmp_sas(world, flow);
	expect_promise(world, flow, before);
	expect_no_notice(world, usual_begun);
	expect_peace(world);
	/* Commands whose host crashed never end. */
	if (world->trouble->forgetful)
		sim->commands_open = 0;
	sim_clear_world(sim);
	return count;
}

/* What the flow takes when nothing happens. */
struct usual {
	uint64_t datagrams;
	uint64_t begun;
};

static bool run_one(const struct flow *flow, uint64_t step, const struct trouble *trouble,
    uint64_t seed, bool verbose, struct usual *usual)
{
	struct world *world = sim_alloc(sizeof(*world));
	const char *name = trouble->name;
	uint64_t datagrams;
	bool good;

	world->trouble = trouble;
	world->step = step;
	world->sim.verbose = verbose;
	datagrams = run(world, flow, seed, usual->begun);
	good = !world->sim.failed;
	if (step == 0)
		*usual = (struct usual){datagrams, world->begun};
	if (!good)
		printf("%s, datagram %llu, %s: %s; replay with: test-steps --seed %llu --verbose "
		       "%s %llu %s\n",
		    flow->name, (unsigned long long)step, name, world->sim.failure,
		    (unsigned long long)seed, flow->name, (unsigned long long)step, name);
	free(world);
	return good;
}

/* Two hosts with SAs, and packets both ways. */
static struct world *world_with_sas(const struct flow *flow, uint64_t seed)
{
	struct world *world = sim_alloc(sizeof(*world));

	world->trouble = &troubles[0];
	world->sim.counts = world->counts;
	world->sim.profile = profile_of(flow);
	sim_make_world(&world->sim, &sim_standin, seed);
	world->sim.faults = false;
	establish(world);
	return world;
}

static bool end_world(struct world *world, const char *name)
{
	bool good = !world->sim.failed;

	sim_clear_world(&world->sim);
	if (!good)
		printf("%s: %s\n", name, world->sim.failure);
	free(world);
	return good;
}

/*
 * Reports that traffic wants SAs can cross their installing: packets that wait look again. Should
 * that find nothing they are given up, or the data plane would ask without end.
 */
static bool bears_late_acquires(uint64_t seed)
{
	static const struct flow flow = {"late acquires", true, HOLDS, TWO_WAY, create};
	struct world *world = world_with_sas(&flow, seed);
	const uint64_t *failed = &world->counts[SIM_FLOWS_FAILED];

	for (int i = 0; i < 3; i++)
		create(&world->sim);
	if (*failed > 0)
		sim_fail(&world->sim, "what has SAs is given up");
	for (int i = 0; i < 100; i++)
		create(&world->sim);
	if (*failed == 0)
		sim_fail(&world->sim, "it could be asked for without end");
	return end_world(world, flow.name);
}

/* Somebody removes one host's SAs: the other, which would go on sending by its own, learns of it.
 */
static bool tells_of(const struct flow *flow, uint64_t seed)
{
	struct world *world = world_with_sas(flow, seed);

	sim_lose_sas(host(&world->sim, 0));
	sim_run_until(&world->sim, world->sim.now_ms + 5000);
	if (!world->sim.failed && !is_protected(&world->sim))
		sim_fail(&world->sim, "there are no new SAs");
	expect_peace(world);
	return end_world(world, flow->name);
}

static bool tells_of_losses(uint64_t seed)
{
	static const struct flow flow = {"lost SAs", true, DROPS, TWO_WAY, create};

	return tells_of(&flow, seed);
}

static bool tells_of_losses_by_ikev1(uint64_t seed)
{
	static const struct flow flow = {"IKEv1's lost SAs", true, DROPS, IKEV1, create};

	return tells_of(&flow, seed);
}

/*
 * A peer that answers nothing is dead after dpd_timeout; when it is back, traffic must not wait for
 * what it has forgotten.
 */
static bool returns_soon(uint64_t seed)
{
	static const struct flow flow = {"restart", true, DROPS, IKEV1, create};
	struct world *world = sim_alloc(sizeof(*world));
	struct sim *sim = &world->sim;
	bool good;

	world->trouble = &troubles[0];
	world->one_way = true;
	sim->counts = world->counts;
	sim->profile = profile_of(&flow);
	sim->profile.dpd = 1000;
	sim->profile.dpd_timeout = 2000;
	sim->profile.retransmit_first = 1000;
	sim->profile.retransmit_limit = 30000;
	sim->profile.retransmit_tries = 6;
	sim_make_world(sim, &sim_standin, seed);
	sim->faults = false;
	establish(world);
	sim_host_crash(host(sim, 1));
	sim_run_until(sim, sim->now_ms + 10000);
	sim_host_start(host(sim, 1));
	if (!sim_run_until_true(sim, sim->now_ms + 20000, is_protected))
		sim_fail(sim, "a peer is back, and traffic still stands");
	world->over = true;
	sim_clear_world(sim);
	good = !sim->failed;
	if (!good)
		printf("a restart: %s\n", sim->failure);
	free(world);
	return good;
}

/*
 * A host that restarted may have left its SAs to its kernel, as at_exit = "keep" does: packets to
 * it go by the old ones until there are new ones, and none waits.
 */
static bool sends_on(uint64_t seed)
{
	static const struct flow flow = {"a restart with SAs kept", true, HOLDS, TWO_WAY, create};
	struct world *world = world_with_sas(&flow, seed);
	struct sim *sim = &world->sim;
	const struct kx *kx = host(sim, 1)->kx;
	uint64_t created = kx_counter_value(kx, KX_SAS_CREATED);
	uint64_t before = missed(world);

	kx_peer_restarted(host(sim, 1)->kx, &host(sim, 0)->address, TIMERS_NEVER);
	sim_run_until(sim, sim->now_ms + 5000);
	if (kx_counter_value(kx, KX_SAS_CREATED) == created)
		sim_fail(sim, "there are no new SAs");
	if (missed(world) != before)
		sim_fail(sim, "packets wait or are lost");
	/* The first host, which knows of no restart, keeps its old SAs. */
	world->over = true;
	return end_world(world, flow.name);
}

static const struct {
	const char *name;
	bool (*run)(uint64_t seed);
} stories[] = {
    {"return", returns_soon},
    {"acquires-late", bears_late_acquires},
    {"restart-kept", sends_on},
    {"lost", tells_of_losses},
    {"ikev1-lost", tells_of_losses_by_ikev1},
};

static int replay(uint64_t seed, const char *name, const char *step, const char *trouble)
{
	struct usual usual = {0};
	uint64_t number = strtoull(step, NULL, 10);

	for (size_t i = 0; i < FLOW_COUNT; i++) {
		for (size_t j = 0; j < TROUBLE_COUNT; j++) {
			if (strcmp(flows[i].name, name) == 0 &&
			    strcmp(troubles[j].name, trouble) == 0)
				return run_one(
					   &flows[i], 0, &troubles[0], seed, number == 0, &usual) &&
				               (number == 0 ||
						   run_one(&flows[i], number, &troubles[j], seed,
						       true, &usual))
				           ? 0
				           : 1;
		}
	}
	(void)fprintf(stderr, "test-steps: no such flow or trouble\n");
	return 2;
}

/* All flows, or those whose name begins with argv[1]. */
int main(int argc, char **argv)
{
	const char *only;
	uint64_t seed = 1;
	uint64_t runs = 0;
	uint64_t failures = 0;

	if (argc > 2 && strcmp(argv[1], "--seed") == 0) {
		seed = strtoull(argv[2], NULL, 10);
		argc -= 2;
		argv += 2;
	}
	if (argc == 5 && strcmp(argv[1], "--verbose") == 0)
		return replay(seed, argv[2], argv[3], argv[4]);
	only = argc == 2 ? argv[1] : "";
	for (size_t i = 0; i < FLOW_COUNT; i++) {
		struct usual usual = {0};

		if (strncmp(flows[i].name, only, strlen(only)) != 0)
			continue;

		failures += !run_one(&flows[i], 0, &troubles[0], seed, false, &usual);
		for (uint64_t step = 1; step <= usual.datagrams; step++) {
			for (size_t j = 1; j < TROUBLE_COUNT; j++) {
				if (!concerns(&troubles[j], &flows[i]))
					continue;
				runs++;
				failures +=
				    !run_one(&flows[i], step, &troubles[j], seed, false, &usual);
			}
		}
		printf("%s: %llu datagrams\n", flows[i].name, (unsigned long long)usual.datagrams);
		if (usual.datagrams < 2) {
			printf("%s: nothing happened\n", flows[i].name);
			failures++;
		}
	}
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		if (strncmp(stories[i].name, only, strlen(only)) != 0)
			continue;
		runs++;
		if (!stories[i].run(seed)) {
			printf("replay with: test-steps --seed %llu %s\n", (unsigned long long)seed,
			    stories[i].name);
			failures++;
		}
	}
	printf("steps: %llu runs, %llu failures\n", (unsigned long long)runs,
	    (unsigned long long)failures);
	return failures > 0;
}
