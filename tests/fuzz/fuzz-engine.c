/*
 * Fuzz target: the engine, with a Kerberos that computes but has no randomness of its own, the
 * record data plane and a clock that stands still between events. The input is a list of events;
 * among them messages of a peer that has tickets, so that what it says is the fuzzer's choice also
 * behind checksum and encryption. What must hold is the simulation's (tests/sim/check.c).
 *
 * Input: an octet of settings, then for each event its kind, two octets of length, and so many
 * octets.
 */
#include "fuzz.h"

#include <string.h>

#include "../sim/peer.h"
#include "../sim/realm.h"
#include "profile.h"

#define EVENTS_MAX 48

/* The lowest bits of the first octet; above them three choose key exchange or bundles. */
enum setting {
	SETTING_IPV6 = 1,
	SETTING_TUNNEL = 2,
	SETTING_PORTS = 4,
	SETTING_SUITES = 8, /* not those that the peer prefers */
	SETTING_NONCE = 16, /* a nonce as responder as well */
	SETTING_CHOICE_SHIFT = 5,
	SETTING_COUNT = 256
};

enum event {
	EVENT_RAW,       /* the octets are a datagram */
	EVENT_ANSWER,    /* the same, with the transaction ID of the engine's last message */
	EVENT_COMMAND,   /* type, enum peer_flags, transaction ID (4), octets */
	EVENT_REPLY,     /* type, enum peer_flags, octets */
	EVENT_AGAIN,     /* the peer's last message comes again */
	EVENT_ECHO,      /* the engine's last message comes back */
	EVENT_ACQUIRE,   /* for a tunnel: 1 */
	EVENT_TIME,      /* tenths of a second (2) */
	EVENT_EXPIRE,    /* an SA reaches its soft (0) or hard (1) limit */
	EVENT_INITIATE,  /* the command */
	EVENT_TERMINATE, /* the command */
	EVENT_SHUTDOWN,  /* the command */
	EVENT_FAIL,      /* the data plane fails during the next event */
	EVENT_COUNT
};

/* Before anything that the event has asked for is done, the next one happens. */
#define NEXT_AT_ONCE 0x80

struct world {
	struct sim sim; /* the first member */
	uint64_t counts[SIM_COUNT];
	struct peer peer;
};

static void deliver(struct world *world, const struct peer_message *message)
{
	struct sim *sim = &world->sim;
	struct host_datagram datagram = {.port = HOST_PORT_KINK,
	    .local = {.address = sim->hosts[0].address, .port = KINK_PORT},
	    .remote = {.address = sim->hosts[1].address, .port = KINK_PORT}};
	/* Exactly as long as the datagram, so that reading past its end is noticed. */
	uint8_t *octets = sim_alloc(message->len);

	memcpy(octets, message->octets, message->len);
	datagram.data = bytes_of(octets, message->len);
	kx_datagram(sim->hosts[0].kx, &datagram);
	free(octets);
}

/* What the engine sends goes to the peer. */
static void sent(void *self, const struct host_datagram *datagram)
{
	const struct sim_host *host = self;
	struct world *world = (struct world *)host->sim;
	struct peer_message *heard = &world->peer.heard;

	MUST(datagram->data.len > 0 && datagram->data.len <= sizeof(heard->octets));
	MUST(address_equal(&datagram->remote.address, &world->sim.hosts[1].address));
	memcpy(heard->octets, datagram->data.data, datagram->data.len);
	heard->len = datagram->data.len;
	world->peer.answering = KERBEROS_SESSION_NONE;
}

static void make_host(struct sim *sim, unsigned index)
{
	static const char *const texts[2][2] = {
	    {"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}};
	static const char *const networks[2][2] = {
	    {"10.16.0.0/16", "10.17.0.0/16"}, {"2010:db8::/32", "2011:db8::/32"}};
	struct sim_host *host = &sim->hosts[index];
	int ipv6 = sim->profile.ipv6 ? 1 : 0;

	sim_host_init(sim, index);
	(void)snprintf(host->name, sizeof(host->name), "%c.example.test", 'a' + (int)index);
	(void)snprintf(
	    host->answers_as, sizeof(host->answers_as), "kink/%s@EXAMPLE.TEST", host->name);
	(void)snprintf(
	    host->starts_as, sizeof(host->starts_as), "kink/%s@EXAMPLE.TEST", host->name);
	MUST(address_parse(texts[ipv6][index], &host->address) == ERR_OK);
	MUST(prefix_parse(networks[ipv6][index], &host->network) == ERR_OK);
	host->speaks_as = host->address;
}

static void make_world(struct world *world, uint8_t settings)
{
	/* Parsing the file each time would take longer than all the rest. */
	static struct policy *policies[SETTING_COUNT];
	struct sim *sim = &world->sim;
	struct policy **policy = &policies[settings];
	/* Five of struct sim_profile's pfs, then three of its protocols. */
	unsigned choice = settings >> SETTING_CHOICE_SHIFT;

	memset(world, 0, sizeof(*world));
	sim->seed = 1;
	sim->realm = &sim_standin;
	sim->counts = world->counts;
	sim->verbose =
	    getenv("FUZZ_STORY") != NULL; /* what happened, for who looks into a finding */
	sim->profile = fuzz_profile();
	sim->profile.ipv6 = (settings & SETTING_IPV6) != 0;
	sim->profile.tunnel = (settings & SETTING_TUNNEL) != 0;
	sim->profile.ports = (settings & SETTING_PORTS) != 0;
	sim->profile.suites = (settings & SETTING_SUITES) != 0 ? 1 : 0;
	sim->profile.pfs = choice < 5 ? choice : 0;
	sim->profile.protocols = choice < 5 ? 0 : choice - 3;
	sim->profile.nonces = (settings & SETTING_NONCE) != 0 ? 1 : 0;
	sim->host_count = 2;
	for (unsigned i = 0; i < 2; i++)
		make_host(sim, i);
	if (*policy == NULL)
		*policy = sim_policy(sim, &sim->hosts[0]);
	sim->hosts[0].policy = *policy;
	sim->hosts[0].seam.send = sent;
	peer_open(&world->peer, &sim->hosts[1], &sim->hosts[0]);
	sim_host_start(&sim->hosts[0]);
	/* Who starts refuses what was sent before. */
	sim_run_until(sim, 2000);
}

static void shutdown_done(void *context, const struct problem *problem)
{
	struct world *world = context;

	(void)problem;
	world->sim.commands_open--;
}

static struct sim_host *engine_of(struct world *world)
{
	return &world->sim.hosts[0];
}

static void expire(struct world *world, bool hard)
{
	struct sim_host *host = engine_of(world);
	const struct dataplane_sa *sa = sim_plane_any(host->plane, &world->sim.random);
	struct dataplane_expiry expiry = {.hard = hard};

	if (sa == NULL)
		return;
	expiry.spi = sa->spi;
	expiry.destination = sa->destination;
	expiry.protocol = sa->suite.protocol;
	expiry.direction = sa->direction;
	kx_expired(host->kx, &expiry);
}

static void say(struct world *world, enum event event, struct reader *octets)
{
	struct peer *peer = &world->peer;
	uint8_t type, flags;
	uint32_t xid;
	bool said;

	if (event == EVENT_RAW || event == EVENT_ANSWER) {
		said = peer_say(peer, reader_rest(octets));
		if (said && event == EVENT_ANSWER && peer->heard.len >= 12 && peer->said.len >= 12)
			memcpy(&peer->said.octets[8], &peer->heard.octets[8], 4);
	} else {
		type = reader_u8(octets);
		flags = reader_u8(octets);
		xid = event == EVENT_COMMAND ? reader_u32(octets) : 0;
		if (!reader_ok(octets))
			return;
		said = event == EVENT_COMMAND
		           ? peer_command(peer, type, flags, xid, reader_rest(octets))
		           : peer_reply(peer, type, flags, reader_rest(octets));
	}
	if (said)
		deliver(world, &peer->said);
}

static void happen(struct world *world, enum event event, struct bytes octets, bool at_once)
{
	struct sim *sim = &world->sim;
	struct sim_host *host = engine_of(world);
	struct sim_host *peer = &sim->hosts[1];
	struct reader r = reader_of(octets);
	uint64_t wait_ms = 1;

	switch (event) {
	case EVENT_RAW:
	case EVENT_ANSWER:
	case EVENT_COMMAND:
	case EVENT_REPLY:
		say(world, event, &r);
		break;
	case EVENT_AGAIN:
		deliver(world, &world->peer.said);
		break;
	case EVENT_ECHO:
		deliver(world, &world->peer.heard);
		break;
	case EVENT_ACQUIRE:
		sim_acquire(host, peer, sim->profile.tunnel && reader_u8(&r) == 1);
		wait_ms = 300; /* for a ticket */
		break;
	case EVENT_TIME:
		wait_ms = reader_u16(&r) * 100ULL;
		break;
	case EVENT_EXPIRE:
		expire(world, reader_u8(&r) == 1);
		break;
	case EVENT_INITIATE:
		sim_initiate(host, peer);
		wait_ms = 300;
		break;
	case EVENT_TERMINATE:
		sim_terminate(host, peer);
		break;
	case EVENT_SHUTDOWN:
		if (!host->stopping) {
			host->stopping = true;
			sim->commands_open++;
			kx_shutdown(host->kx, 3000, shutdown_done, world);
		}
		break;
	case EVENT_FAIL:
		sim->faults = true;
		sim->profile.plane_failure = 1000;
		break;
	default:
		break;
	}
	if (!at_once)
		sim_run_until(sim, sim->now_ms + wait_ms);
	if (event != EVENT_FAIL)
		sim->faults = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct reader input = reader_of(bytes_of(data, size));
	struct sim *sim = &world.sim;
	uint8_t settings = reader_u8(&input);

	make_world(&world, settings);
	for (size_t count = 0; count < EVENTS_MAX && reader_left(&input) > 0; count++) {
		uint8_t kind = reader_u8(&input);
		size_t len = reader_u16(&input);
		struct bytes octets =
		    reader_take(&input, len < reader_left(&input) ? len : reader_left(&input));

		happen(&world, (enum event)((kind & ~NEXT_AT_ONCE) % EVENT_COUNT), octets,
		    (kind & NEXT_AT_ONCE) != 0);
	}
	sim_run_until(sim, sim->now_ms + 3000);
	sim_host_crash(&sim->hosts[0]);
	peer_close(&world.peer);
	sim_queue_clear(&sim->queue);
	if (!sim->failed && sim->commands_open > 0)
		sim_fail(sim, "%zu commands never ended", sim->commands_open);
	if (sim->failed)
		fprintf(stderr, "%s\n", sim->failure);
	MUST(!sim->failed);
	return 0;
}
