/*
 * Fuzz target: the engine's IKEv1. Two hosts of the simulation make an ISAKMP SA; what then comes
 * to the first is the fuzzer's choice, also behind encryption and HASH, for which the engine's own
 * keys are taken. What must hold is the simulation's (tests/sim/check.c).
 *
 * Input: an octet of settings, then for each event its kind, two octets of length, and so many
 * octets.
 */
#include "fuzz.h"

#include <string.h>

#include "../sim/realm.h"
#include "profile.h"
#include "kx/ikev1/phase2.h"
#include "kx/kx-internal.h"

#define EVENTS_MAX 32
#define FLAGS_AT   19

enum setting {
	SETTING_AGGRESSIVE = 1,
	SETTING_PROOF_SHIFT = 1, /* two bits: enum sim_proof */
	SETTING_TUNNEL = 8,
	SETTING_PFS = 16,
	SETTING_ALONE = 32,  /* there is no SA to begin with */
	SETTING_COMMIT = 64, /* the peer sets the commit bit */
	SETTING_COUNT = 128
};

enum event {
	EVENT_RAW,       /* the octets are a datagram */
	EVENT_PLAIN,     /* exchange, message ID (4), payloads: in clear, under the SA's cookies */
	EVENT_SEALED,    /* the same, encrypted and with HASH(1) */
	EVENT_ANSWER,    /* payloads: the answer to the Quick Mode that is under way */
	EVENT_AGAIN,     /* the last datagram comes again */
	EVENT_ACQUIRE,   /* for a tunnel: 1 */
	EVENT_ACQUIRED,  /* the peer begins */
	EVENT_TIME,      /* tenths of a second (2) */
	EVENT_CUT,       /* nothing gets through between the two from now on: 1 */
	EVENT_PROBE,     /* the command */
	EVENT_INITIATE,  /* the command */
	EVENT_TERMINATE, /* the command */
	EVENT_CONTINUE,  /* exchange, payloads: what goes on in the Quick Mode that is under way */
	EVENT_COUNT
};

struct world {
	struct sim sim; /* the first member */
	uint64_t counts[SIM_COUNT];
	bool cut;
	uint8_t last[4096];
	size_t last_len;
	enum host_port last_port;
};

static enum sim_fate censor(struct sim *sim, struct bytes datagram, void *context)
{
	const struct world *world = context;

	(void)sim;
	(void)datagram;
	return world->cut ? SIM_LOSE : SIM_PASS;
}

static void deliver(struct world *world, enum host_port port, struct bytes octets)
{
	static const uint16_t ports[HOST_PORT_COUNT] = {
	    [HOST_PORT_KINK] = 910, [HOST_PORT_IKE] = 500, [HOST_PORT_IKE_NAT] = 4500};
	struct sim *sim = &world->sim;
	struct host_datagram datagram = {.port = port,
	    .local = {.address = sim->hosts[0].address, .port = ports[port]},
	    .remote = {.address = sim->hosts[1].address, .port = ports[port]}};
	/* Exactly as long as the datagram, so that reading past its end is noticed. */
	uint8_t *copy = sim_alloc(octets.len);

	if (octets.len > 0)
		memcpy(copy, octets.data, octets.len);
	if (octets.len > 0 && octets.len <= sizeof(world->last)) {
		memmove(world->last, octets.data, octets.len);
		world->last_len = octets.len;
		world->last_port = port;
	}
	datagram.data = bytes_of(copy, octets.len);
	kx_datagram(sim->hosts[0].kx, &datagram);
	free(copy);
}

static struct ikev1 *ikev1_of(const struct world *world)
{
	return world->sim.hosts[0].kx->method_states[EXCHANGE_IKEV1];
}

/* The newest that has keys, or else any. */
static struct ikev1_sa *any_sa(const struct world *world)
{
	struct ikev1_sa *found = NULL;
	struct ikev1_sa *sa;
	uint32_t cursor = 0;

	while ((sa = slots_next(&ikev1_of(world)->sas, &cursor)) != NULL) {
		if (found == NULL || sa->keys != NULL)
			found = sa;
	}
	return found;
}

static struct ikev1_quick *any_quick(const struct world *world)
{
	struct ikev1_quick *quick;
	uint32_t cursor = 0;

	while ((quick = slots_next(&ikev1_of(world)->quicks, &cursor)) != NULL) {
		if (quick->sa != NULL && quick->sa->keys != NULL && !quick->over)
			break;
	}
	return quick;
}

/* Each: type, length (2), so many octets. */
static void put_payloads(struct isakmp_writer *chain, struct reader *octets)
{
	while (reader_left(octets) > 0) {
		uint8_t type = reader_u8(octets);
		size_t len = reader_u16(octets);

		if (!reader_ok(octets))
			return;
		isakmp_put(chain, type,
		    reader_take(octets, len < reader_left(octets) ? len : reader_left(octets)));
	}
}

static void say_plain(struct world *world, struct reader *octets)
{
	struct ikev1_sa *sa = any_sa(world);
	struct ikev1_message_writer message;
	struct bytes whole;
	uint8_t exchange = reader_u8(octets);
	uint32_t message_id = reader_u32(octets);

	if (sa == NULL || !reader_ok(octets))
		return;
	ikev1_message_begin(&message, &sa->cookies, exchange, message_id);
	put_payloads(&message.chain, octets);
	if (ikev1_message_end(&message, &whole) == ERR_OK)
		deliver(world, sa->path.port, whole);
}

static void say_sealed(struct world *world, struct reader *octets)
{
	struct ikev1_sa *sa = any_sa(world);
	struct ikev1_message_writer message;
	struct bytes none = {0};
	struct bytes whole;
	uint8_t iv[CBC_BLOCK_MAX];
	uint8_t exchange = reader_u8(octets);
	uint32_t message_id = reader_u32(octets);

	if (sa == NULL || sa->keys == NULL || !reader_ok(octets))
		return;
	ikev1_message_begin(&message, &sa->cookies, exchange, message_id);
	/* Phase 1's have no such HASH, and go on from its IV. */
	if (message_id != 0)
		ikev1_message_put_hash(&message, sa->keys);
	put_payloads(&message.chain, octets);
	memcpy(iv, sa->exchange.iv, sizeof(iv));
	if ((message_id == 0 ||
		(ikev1_message_hash(&message, sa->keys, message_id, none) == ERR_OK &&
		    ikev1_keys_iv(sa->keys, message_id, iv) == ERR_OK)) &&
	    ikev1_message_seal(&message, sa->keys, iv, &whole) == ERR_OK)
		deliver(world, sa->path.port, whole);
}

/* Under the IV of the Quick Mode that is under way; `answer`: with its nonce in the HASH. */
static void say_next(struct world *world, uint8_t exchange, bool answer, struct reader *octets)
{
	struct ikev1_quick *quick = any_quick(world);
	struct ikev1_message_writer message;
	struct bytes nonce = {0};
	struct bytes whole;
	uint8_t iv[CBC_BLOCK_MAX];

	if (quick == NULL || !reader_ok(octets))
		return;
	if (answer)
		nonce = bytes_of(quick->nonce, sizeof(quick->nonce));
	memcpy(iv, quick->exchange.iv, sizeof(iv));
	ikev1_message_begin(&message, &quick->sa->cookies, exchange, quick->exchange.message_id);
	ikev1_message_put_hash(&message, quick->sa->keys);
	put_payloads(&message.chain, octets);
	if (ikev1_message_hash(&message, quick->sa->keys, quick->exchange.message_id, nonce) ==
		ERR_OK &&
	    ikev1_message_seal(&message, quick->sa->keys, iv, &whole) == ERR_OK) {
		if (world->sim.profile.commit)
			message.octets[FLAGS_AT] |= ISAKMP_FLAG_COMMIT;
		deliver(world, quick->sa->path.port, whole);
	}
}

static void make_world(struct world *world, uint8_t settings)
{
	struct sim *sim = &world->sim;

	memset(world, 0, sizeof(*world));
	sim->counts = world->counts;
	sim->verbose =
	    getenv("FUZZ_STORY") != NULL; /* what happened, for who looks into a finding */
	sim->profile = fuzz_profile();
	sim->profile.kind = SIM_CLEAN;
	sim->profile.methods = SIM_IKEV1;
	sim->profile.aggressive = (settings & SETTING_AGGRESSIVE) != 0;
	sim->profile.proof = (enum sim_proof)(settings >> SETTING_PROOF_SHIFT & 3);
	sim->profile.tunnel = (settings & SETTING_TUNNEL) != 0;
	sim->profile.pfs = (settings & SETTING_PFS) != 0 ? 2 : 0;
	sim->profile.commit = (settings & SETTING_COMMIT) != 0;
	sim->profile.dpd = 30000;
	sim->profile.delay_ms = 5;
	sim->censor = censor;
	sim->censor_context = world;
	sim_make_world(sim, &sim_standin, 1);
	sim->faults = false;
	if ((settings & SETTING_ALONE) == 0)
		sim_acquire(&sim->hosts[1], &sim->hosts[0], false);
	sim_run_until(sim, 2000);
}

static void happen(struct world *world, enum event event, struct bytes octets)
{
	struct sim *sim = &world->sim;
	struct sim_host *host = &sim->hosts[0];
	struct sim_host *peer = &sim->hosts[1];
	struct reader r = reader_of(octets);
	uint64_t wait_ms = 50;
	uint8_t exchange;

	switch (event) {
	case EVENT_RAW:
		deliver(world, HOST_PORT_IKE, octets);
		break;
	case EVENT_PLAIN:
		say_plain(world, &r);
		break;
	case EVENT_SEALED:
		say_sealed(world, &r);
		break;
	case EVENT_ANSWER:
		say_next(world, ISAKMP_EXCHANGE_QUICK, true, &r);
		break;
	case EVENT_CONTINUE:
		exchange = reader_u8(&r);
		say_next(world, exchange, false, &r);
		break;
	case EVENT_AGAIN:
		deliver(world, world->last_port, bytes_of(world->last, world->last_len));
		break;
	case EVENT_ACQUIRE:
		sim_acquire(host, peer, sim->profile.tunnel && reader_u8(&r) == 1);
		break;
	case EVENT_ACQUIRED:
		sim_acquire(peer, host, sim->profile.tunnel && reader_u8(&r) == 1);
		break;
	case EVENT_TIME:
		wait_ms = reader_u16(&r) * 100ULL;
		break;
	case EVENT_CUT:
		world->cut = reader_u8(&r) == 1;
		break;
	case EVENT_PROBE:
		sim_probe(host, peer);
		break;
	case EVENT_INITIATE:
		sim_initiate(host, peer);
		break;
	case EVENT_TERMINATE:
		sim_terminate(host, peer);
		break;
	default:
		break;
	}
	sim_run_until(sim, sim->now_ms + wait_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct reader input = reader_of(bytes_of(data, size));
	struct sim *sim = &world.sim;

	make_world(&world, reader_u8(&input) % SETTING_COUNT);
	for (size_t count = 0; count < EVENTS_MAX && reader_left(&input) > 0; count++) {
		uint8_t kind = reader_u8(&input);
		size_t len = reader_u16(&input);

		happen(&world, (enum event)(kind % EVENT_COUNT),
		    reader_take(&input, len < reader_left(&input) ? len : reader_left(&input)));
	}
	sim_run_until(sim, sim->now_ms + 3000);
	/* Commands that are still under way end with the engines. */
	sim_clear_world(sim);
	if (sim->failed)
		fprintf(stderr, "%s\n", sim->failure);
	MUST(!sim->failed);
	return 0;
}
