/* What a responder of Quick Mode refuses (RFC 2409 5.5), and what it takes INITIAL-CONTACT for. */
#include <stdlib.h>
#include <unistd.h>

#include "crypto.h"
#include "engine.h"

#include "kx/engine.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase2.h"
#include "policy/policy.h"

#define MESSAGE_ID 7
#define FIRST_SPI  0x1000

/* A request of so many SAs, each with an SPI of its own, such as the policy allows. */
static void ask_for(struct world *world, uint32_t sas)
{
	static struct ikev1_message_writer message;
	const struct ikev1_keys *keys = world->sa->keys;
	static const uint8_t nonce[QUICK_NONCE_SIZE] = {1};
	struct bytes none = {0};
	uint8_t iv[CBC_BLOCK_MAX];
	struct bytes octets;

	ikev1_message_begin(&message, &world->sa->cookies, ISAKMP_EXCHANGE_QUICK, MESSAGE_ID);
	ikev1_message_put_hash(&message, keys);
	for (uint32_t i = 0; i < sas; i++) {
		uint32_t spis[BUNDLE_MAX] = {FIRST_SPI + i};
		struct offer offer;

		assert_int_equal(
		    offer_make(&world->policy->rules[0], spis, DH_NONE, &offer), ERR_OK);
		assert_int_equal(quick_put_offer(&message.chain, &offer), ERR_OK);
	}
	isakmp_put(&message.chain, ISAKMP_NONCE, bytes_of(nonce, sizeof(nonce)));
	assert_int_equal(ikev1_message_hash(&message, keys, MESSAGE_ID, none), ERR_OK);
	assert_int_equal(ikev1_keys_iv(keys, MESSAGE_ID, iv), ERR_OK);
	assert_int_equal(ikev1_message_seal(&message, keys, iv, &octets), ERR_OK);
	world_deliver(world, octets);
}

static void one_sa_is_made(void **state)
{
	struct world *world = *state;

	ask_for(world, 1);
	assert_int_equal(world->sent, 0);
	assert_int_equal(kx_sa_count(world->kx), 1);
}

/* None is made, and the peer hears so of each, with a proof. */
static void several_sas_are_refused_each(void **state)
{
	struct world *world = *state;
	struct ikev1_received received = {0};
	const struct isakmp_payload *payload = NULL;
	struct isakmp_notification notification;
	struct isakmp_header header;
	enum notify_type notify;
	struct bytes none = {0};
	struct bytes body;
	uint8_t iv[CBC_BLOCK_MAX];
	uint32_t spi;

	ask_for(world, 3);
	assert_int_equal(kx_sa_count(world->kx), 0);
	assert_null(ikev1_quick_find(world->sa, MESSAGE_ID));
	assert_int_equal(world->sent, 1);
	assert_int_equal(
	    isakmp_header_decode(bytes_of(world->octets, world->length), &header, &body, &notify),
	    ERR_OK);
	assert_int_equal(header.exchange, ISAKMP_EXCHANGE_INFORMATIONAL);
	assert_int_equal(ikev1_keys_iv(world->sa->keys, header.message_id, iv), ERR_OK);
	assert_int_equal(
	    ikev1_received_open(&received, &header, body, world->sa->keys, iv), ERR_OK);
	assert_true(ikev1_received_is_authentic(&received, world->sa->keys, none));
	assert_int_equal(isakmp_chain_count(&received.chain, ISAKMP_NOTIFICATION), 3);
	for (uint32_t i = 0; i < 3; i++) {
		payload = isakmp_chain_find(&received.chain, ISAKMP_NOTIFICATION, payload);
		assert_int_equal(isakmp_notification_decode(payload->body, &notification), ERR_OK);
		assert_int_equal(notification.type, 14);    /* NO-PROPOSAL-CHOSEN */
		assert_int_equal(notification.protocol, 3); /* ESP */
		assert_int_equal(isakmp_spi_decode(notification.spi, &spi), ERR_OK);
		assert_int_equal(spi, FIRST_SPI + i);
	}
	ikev1_received_clear(&received);
}

/* A peer that comes for the first time has lost nothing. */
static void first_contact_is_no_restart(void **state)
{
	struct world *world = *state;

	ikev1_take_initial_contact(world->sa);
	assert_int_equal(kx_counter_value(world->kx, KX_PEERS_RESTARTED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_sa_is_made, world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(
		first_contact_is_no_restart, world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(
		several_sas_are_refused_each, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
