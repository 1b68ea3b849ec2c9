/* What an engine needs of a host, and no more. */
#include "engine.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/secret.h"
#include "crypto.h"
#include "kx/engine.h"
#include "kx/ikev1/phase2.h"
#include "kx/kx-internal.h"
#include "policy/config.h"

static uint64_t now_ms(void *self)
{
	return ((struct world *)self)->now_ms;
}

static int64_t wall_time(void *self)
{
	(void)self;
	return 1700000000;
}

static void random_octets(void *self, void *out, size_t len)
{
	struct world *world = self;
	uint8_t *octets = out;

	for (size_t i = 0; i < len; i++)
		octets[i] = (uint8_t)(++world->random * 0x9e3779b97f4a7c15ULL >> 56);
}

static void send_datagram(void *self, const struct host_datagram *datagram)
{
	struct world *world = self;

	assert_true(datagram->data.len <= sizeof(world->octets));
	memcpy(world->octets, datagram->data.data, datagram->data.len);
	world->length = datagram->data.len;
	world->sent++;
}

static void wake_at(void *self, uint64_t due_ms)
{
	(void)self;
	(void)due_ms;
}

static enum err agree(void *self, const struct agreement_request *request)
{
	(void)request;
	((struct world *)self)->agreements++;
	return ERR_OK;
}

static void dataplane(void *self, const struct dataplane_request *request)
{
	(void)self;
	(void)request;
}

static enum err source_address(void *self, const struct address *remote, struct address *out)
{
	(void)self;
	(void)remote;
	return address_parse("192.0.2.1", out);
}

static void no_line(void *self, enum log_level level, enum log_area area, const char *message,
    const struct log_field *fields, size_t count)
{
	(void)self;
	(void)level;
	(void)area;
	(void)message;
	(void)fields;
	(void)count;
}

struct world *world_open(const char *file)
{
	struct world *world = calloc(1, sizeof(*world));
	struct problem problem = {0};

	assert_non_null(world);
	if (config_parse_string("test", file, NULL, NULL, &world->policy, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
	log_init(&world->log, no_line, world, LOG_LEVEL_ERROR);
	world->host = (struct host){.self = world,
	    .log = &world->log,
	    .now_ms = now_ms,
	    .time = wall_time,
	    .random = random_octets,
	    .send = send_datagram,
	    .wake_at = wake_at,
	    .agree = agree,
	    .dataplane = dataplane,
	    .source_address = source_address};
	world->now_ms = 1000000;
	assert_int_equal(kx_create(&world->host, world->policy, 1, &world->kx), ERR_OK);
	return world;
}

void world_close(struct world *world)
{
	kx_destroy(world->kx);
	policy_release(world->policy);
	free(world);
}

struct ikev1_sa *world_add_sa(
    struct world *world, const char *remote, const struct ikev1_cookies *cookies)
{
	struct ikev1 *ikev1 = world->kx->method_states[EXCHANGE_IKEV1];
	struct ikev1_path path = {
	    .port = HOST_PORT_IKE, .local = {.port = 500}, .remote = {.port = 500}};
	struct ikev1_suite suite = {
	    ENCRYPTION_AES_CBC, 256, PRF_HMAC_SHA2_256, DH_CURVE25519, IKE_AUTHENTICATION_PSK};
	static const uint8_t some[32] = {1, 2, 3};
	struct bytes octets = bytes_of(some, sizeof(some));
	struct ikev1_peer *peer;
	struct ikev1_sa *sa;

	assert_int_equal(address_parse("192.0.2.1", &path.local.address), ERR_OK);
	assert_int_equal(address_parse(remote, &path.remote.address), ERR_OK);
	peer = ikev1_peer_get(
	    ikev1, &world->policy->peers[0], &path.local.address, &path.remote.address);
	assert_non_null(peer);
	assert_int_equal(ikev1_sa_new(peer, &path, cookies, false, &sa), ERR_OK);
	sa->suite = suite;
	sa->life_seconds = 3600;
	sa->keys = secret_alloc(sizeof(*sa->keys));
	assert_non_null(sa->keys);
	assert_int_equal(
	    ikev1_keys_derive(sa->keys, &suite, octets, octets, cookies, octets, octets), ERR_OK);
	ikev1_sa_establish(sa, "the peer");
	return sa;
}

struct ikev1_quick *world_add_quick(
    struct world *world, uint32_t message_id, const struct ikev1_step *steps)
{
	struct ikev1_peer *peer = world->sa->peer;
	struct ikev1_quick *quick = secret_alloc(sizeof(*quick));

	assert_non_null(quick);
	quick->peer = peer;
	quick->sa = world->sa;
	quick->steps.next = steps;
	quick->exchange = (struct ikev1_exchange){
	    .ikev1 = peer->ikev1, .path = &world->sa->path, .message_id = message_id};
	assert_int_equal(slots_add(&peer->ikev1->quicks, quick, &quick->handle), ERR_OK);
	DL_APPEND2(peer->quicks, quick, previous, next);
	return quick;
}

void world_deliver(struct world *world, struct bytes octets)
{
	struct host_datagram datagram = {.port = HOST_PORT_IKE,
	    .local = world->sa->path.local,
	    .remote = world->sa->path.remote,
	    .data = octets};

	world->sent = 0;
	kx_datagram(world->kx, &datagram);
}

int world_setup(void **state)
{
	struct ikev1_cookies cookies = {"cookie-i", "cookie-r"};
	struct world *world =
	    world_open("peers = ({ name = \"p\"; address = \"192.0.2.0/24\"; exchange = \"ikev1\"; "
		       "authentication = \"gss\"; principal = \"host/b@R\"; });\n"
		       "policies = ({ name = \"all\"; remote = \"p\"; });\n");

	world->sa = world_add_sa(world, "192.0.2.7", &cookies);
	*state = world;
	return 0;
}

int world_teardown(void **state)
{
	world_close(*state);
	return 0;
}
