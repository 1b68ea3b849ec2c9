/* New Group Mode under an ISAKMP SA: RFC 2409 5.6. */
#include <stdlib.h>
#include <unistd.h>

#include "crypto.h"
#include "engine.h"

#include "kx/ikev1/sa.h"

/* A group of the peer's own: RFC 2409 5.6, Appendix A. */
static struct bytes make_offer(struct world *world, struct ikev1_message_writer *message,
    uint32_t message_id, bool spoiled, uint8_t iv[CBC_BLOCK_MAX])
{
	static const uint8_t prime[256] = {0xff};
	static const uint8_t generator[1] = {2};
	const struct ikev1_keys *keys = world->sa->keys;
	struct ikev1_attributes attributes = {.group = IKEV1_GROUP_PRIVATE,
	    .group_type = 1,
	    .group_prime = bytes_of(prime, sizeof(prime)),
	    .group_generator_one = bytes_of(generator, sizeof(generator))};
	struct isakmp_sa_writer sa;
	struct bytes none = {0};
	struct bytes octets;

	ikev1_message_begin(message, &world->sa->cookies, ISAKMP_EXCHANGE_NEW_GROUP, message_id);
	ikev1_message_put_hash(message, keys);
	sa = isakmp_sa_begin(&message->chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
	isakmp_sa_proposal(&sa, 1, PROTO_ISAKMP, none);
	isakmp_sa_transform(&sa, 1, KEY_IKE);
	ikev1_attributes_put(&message->out, &attributes);
	isakmp_sa_end(&sa);
	assert_int_equal(ikev1_message_hash(message, keys, message_id, none), ERR_OK);
	message->octets[message->hash_at] ^= spoiled;
	assert_int_equal(ikev1_keys_iv(keys, message_id, iv), ERR_OK);
	assert_int_equal(ikev1_message_seal(message, keys, iv, &octets), ERR_OK);
	return octets;
}

/* The answer is under the same message ID, continues the offer's IV and proves itself. */
static void expect_refusal(struct world *world, uint32_t message_id, uint8_t iv[CBC_BLOCK_MAX])
{
	struct ikev1_received received = {0};
	struct isakmp_notification notification;
	struct isakmp_violation violation;
	struct ikev1_message form = {.exchange = ISAKMP_EXCHANGE_NEW_GROUP,
	    .number = 2,
	    .family = IKEV1_FAMILY_PRE_SHARED_KEY,
	    .encrypted = true,
	    .chain = &received.chain};
	struct isakmp_header header;
	enum notify_type notify;
	struct bytes none = {0};
	struct bytes body;

	assert_int_equal(world->sent, 1);
	assert_int_equal(
	    isakmp_header_decode(bytes_of(world->octets, world->length), &header, &body, &notify),
	    ERR_OK);
	assert_int_equal(header.exchange, ISAKMP_EXCHANGE_NEW_GROUP);
	assert_int_equal(header.message_id, message_id);
	assert_int_equal(
	    ikev1_received_open(&received, &header, body, world->sa->keys, iv), ERR_OK);
	assert_true(ikev1_received_is_authentic(&received, world->sa->keys, none));
	assert_int_equal(ikev1_grammar_check(&form, &violation), ERR_OK);
	assert_int_equal(
	    isakmp_notification_decode(
		isakmp_chain_find(&received.chain, ISAKMP_NOTIFICATION, NULL)->body, &notification),
	    ERR_OK);
	assert_int_equal(notification.type, 13); /* ATTRIBUTES-NOT-SUPPORTED */
	ikev1_received_clear(&received);
}

static void a_group_is_refused(void **state)
{
	struct world *world = *state;
	static struct ikev1_message_writer message;
	uint8_t iv[CBC_BLOCK_MAX];
	uint8_t again[CBC_BLOCK_MAX];
	struct bytes offer = make_offer(world, &message, 7, false, iv);

	memcpy(again, iv, sizeof(again));
	world_deliver(world, offer);
	expect_refusal(world, 7, iv);
	/* Who has not heard it asks again. */
	world_deliver(world, offer);
	expect_refusal(world, 7, again);
	assert_int_equal(world->sa->ids.count, 0);
}

static void strangers_are_not_answered(void **state)
{
	struct world *world = *state;
	static struct ikev1_message_writer message;
	uint8_t iv[CBC_BLOCK_MAX];
	struct bytes offer = make_offer(world, &message, 7, true, iv);

	world_deliver(world, offer);
	assert_int_equal(world->sent, 0);
	/* In clear. */
	offer = make_offer(world, &message, 8, false, iv);
	message.octets[19] = 0;
	world_deliver(world, offer);
	assert_int_equal(world->sent, 0);
	/* Without a message ID, which is phase 1's. */
	offer = make_offer(world, &message, 0, false, iv);
	world_deliver(world, offer);
	assert_int_equal(world->sent, 0);
	/* Under the ID of another exchange. */
	assert_int_equal(ikev1_sa_take_message_id(world->sa, 9), ERR_OK);
	offer = make_offer(world, &message, 9, false, iv);
	world_deliver(world, offer);
	assert_int_equal(world->sent, 0);
}

/* Nobody makes us say it without end. */
static void refusals_are_limited(void **state)
{
	struct world *world = *state;
	static struct ikev1_message_writer message;
	uint8_t iv[CBC_BLOCK_MAX];
	size_t answered = 0;

	for (uint32_t id = 1; id <= 200; id++) {
		world_deliver(world, make_offer(world, &message, id, false, iv));
		answered += world->sent;
	}
	assert_in_range(answered, 1, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_group_is_refused, world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(
		strangers_are_not_answered, world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(refusals_are_limited, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
