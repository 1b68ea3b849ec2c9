/*
 * What an ISAKMP SA's messages may bring about, and what they may not: a replay, a hash that is not
 * right, a word about somebody else's SA. RFC 2408 5.14 and 5.15, RFC 2409 5.5 and 5.7.
 */
#include <stdlib.h>
#include <unistd.h>

#include "crypto.h"
#include "engine.h"

#include "kx/engine.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase2.h"

#define MESSAGE_ID 7

static void begin(struct world *world, struct ikev1_message_writer *message, uint32_t message_id)
{
	ikev1_message_begin(
	    message, &world->sa->cookies, ISAKMP_EXCHANGE_INFORMATIONAL, message_id);
	ikev1_message_put_hash(message, world->sa->keys);
}

static struct bytes end(
    struct world *world, struct ikev1_message_writer *message, uint32_t message_id)
{
	const struct ikev1_keys *keys = world->sa->keys;
	uint8_t iv[CBC_BLOCK_MAX];
	struct bytes none = {0};
	struct bytes octets;

	assert_int_equal(ikev1_message_hash(message, keys, message_id, none), ERR_OK);
	assert_int_equal(ikev1_keys_iv(keys, message_id, iv), ERR_OK);
	assert_int_equal(ikev1_message_seal(message, keys, iv, &octets), ERR_OK);
	return octets;
}

static void replays_are_not_answered(void **state)
{
	static struct ikev1_message_writer message;
	static const uint8_t sequence[4] = {1};
	struct world *world = *state;
	struct isakmp_notification question = {.doi = IPSEC_DOI,
	    .protocol = PROTO_ISAKMP,
	    .type = NOTIFY_R_U_THERE,
	    .spi = bytes_of(&world->sa->cookies, sizeof(world->sa->cookies)),
	    .data = bytes_of(sequence, sizeof(sequence))};
	struct bytes octets;

	begin(world, &message, MESSAGE_ID);
	isakmp_put_notification(&message.chain, &question);
	octets = end(world, &message, MESSAGE_ID);
	world_deliver(world, octets);
	assert_int_equal(world->sent, 1);
	world_deliver(world, octets);
	assert_int_equal(world->sent, 0);
	assert_int_equal(kx_counter_value(world->kx, KX_DATAGRAMS_REPLAYED), 1);
}

static void delete_sa(struct world *world, const struct ikev1_cookies *cookies, uint32_t message_id)
{
	static struct ikev1_message_writer message;
	struct isakmp_delete request = {.doi = IPSEC_DOI,
	    .protocol = PROTO_ISAKMP,
	    .spi_size = sizeof(*cookies),
	    .spi_count = 1,
	    .spis = bytes_of(cookies, sizeof(*cookies))};

	begin(world, &message, message_id);
	isakmp_put_delete(&message.chain, &request);
	world_deliver(world, end(world, &message, message_id));
}

/* Whoever deletes an ISAKMP SA has to be its other end. */
static void deletions_are_of_ones_own(void **state)
{
	struct world *world = *state;
	struct ikev1 *ikev1 = world->sa->peer->ikev1;
	struct ikev1_cookies others = {"theirs", "another"};
	struct ikev1_cookies own = {"own", "another"};
	struct ikev1_cookies itself = world->sa->cookies;

	(void)world_add_sa(world, "192.0.2.8", &others);
	(void)world_add_sa(world, "192.0.2.7", &own);
	delete_sa(world, &others, MESSAGE_ID);
	assert_non_null(ikev1_sa_find(ikev1, &others));
	delete_sa(world, &own, MESSAGE_ID + 1);
	assert_null(ikev1_sa_find(ikev1, &own));
	assert_non_null(ikev1_sa_find(ikev1, &itself));
	delete_sa(world, &itself, MESSAGE_ID + 2);
	assert_null(ikev1_sa_find(ikev1, &itself));
	assert_non_null(ikev1_sa_find(ikev1, &others));
}

/* INITIAL-CONTACT of an exchange during which the peer spoke under an older SA: RFC 2407 4.6.3.3.
 */
static void who_has_spoken_has_lost_nothing(void **state)
{
	struct world *world = *state;
	struct ikev1 *ikev1 = world->sa->peer->ikev1;
	struct ikev1_cookies older = world->sa->cookies;
	struct ikev1_cookies newer = {"newer", "another"};
	struct ikev1_sa *sa;

	world->now_ms += 1000;
	sa = world_add_sa(world, "192.0.2.7", &newer);
	world->now_ms += 1000;
	world->sa->heard_ms = world->now_ms;
	ikev1_take_initial_contact(sa);
	assert_non_null(ikev1_sa_find(ikev1, &older));
	assert_int_equal(kx_counter_value(world->kx, KX_PEERS_RESTARTED), 0);
	world->sa->heard_ms = sa->began_ms - 1;
	ikev1_take_initial_contact(sa);
	assert_null(ikev1_sa_find(ikev1, &older));
}

static size_t confirmed;

static enum ikev1_outcome note(void *exchange)
{
	(void)exchange;
	confirmed++;
	return IKEV1_PENDING;
}

/* What is left of a Quick Mode when it is answered. */
static const struct ikev1_step answered[] = {RECEIVE(3), DO(note), RECEIVE(0)};

/* prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b), in which bits of the message ID may be others. */
static void confirm(struct world *world, uint32_t spoiled)
{
	static struct ikev1_message_writer message;
	const struct ikev1_quick *quick = world->sa->peer->quicks;
	const struct ikev1_keys *keys = world->sa->keys;
	uint8_t iv[CBC_BLOCK_MAX];
	struct bytes octets;

	memcpy(iv, quick->exchange.iv, sizeof(iv));
	ikev1_message_begin(&message, &world->sa->cookies, ISAKMP_EXCHANGE_QUICK, MESSAGE_ID);
	ikev1_message_put_hash(&message, keys);
	assert_int_equal(
	    ikev1_hash_nonces(keys, MESSAGE_ID ^ spoiled, quick->peer_nonce,
		bytes_of(quick->nonce, sizeof(quick->nonce)), message.octets + message.hash_at),
	    ERR_OK);
	assert_int_equal(ikev1_message_seal(&message, keys, iv, &octets), ERR_OK);
	world_deliver(world, octets);
}

/* The responder of Quick Mode sends nothing through the SA before HASH(3): RFC 2409 5.5. */
static void only_a_right_hash_confirms(void **state)
{
	static const uint8_t nonce[] = "the nonce of the peer";
	struct world *world = *state;

	confirmed = 0;
	world_add_quick(world, MESSAGE_ID, answered)->peer_nonce =
	    bytes_copy(bytes_of(nonce, sizeof(nonce)));
	confirm(world, 1);
	assert_int_equal(confirmed, 0);
	assert_int_equal(kx_counter_value(world->kx, KX_DATAGRAMS_UNAUTHENTIC), 1);
	/* And the right one is still awaited. */
	confirm(world, 0);
	assert_int_equal(confirmed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(replays_are_not_answered, world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(deletions_are_of_ones_own, world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(
		who_has_spoken_has_lost_nothing, world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(
		only_a_right_hash_confirms, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
