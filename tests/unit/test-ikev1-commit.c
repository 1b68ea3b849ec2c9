/* CONNECTED, which is awaited when the peer has set the commit bit: RFC 2408 3.1 and 4.8. */
#include <stdlib.h>
#include <unistd.h>

#include "crypto.h"
#include "engine.h"

#include "kx/engine.h"
#include "kx/ikev1/phase2.h"

#define MESSAGE_ID 7

static size_t went_on;

static enum ikev1_outcome note(void *exchange)
{
	(void)exchange;
	went_on++;
	return IKEV1_PENDING;
}

/* What is left of a Quick Mode when its third message is on the way. */
static const struct ikev1_step waiting[] = {RECEIVE(4), DO(note), RECEIVE(0)};
static const struct ikev1_step earlier[] = {RECEIVE(2), RECEIVE(4), DO(note)};

static void silence(void *context)
{
	ikev1_quick_unconnected(context);
}

static struct ikev1_quick *add_quick(struct world *world, const struct ikev1_step *steps)
{
	struct ikev1_quick *quick = world_add_quick(world, MESSAGE_ID, steps);

	quick->commit = true;
	quick->exchange.silent = silence;
	quick->exchange.context = quick;
	memset(quick->exchange.iv, 0x5a, sizeof(quick->exchange.iv));
	/* As of every exchange whose first message came. */
	assert_int_equal(ikev1_sa_take_message_id(world->sa, MESSAGE_ID), ERR_OK);
	return quick;
}

static int setup(void **state)
{
	went_on = 0;
	return world_setup(state);
}

struct frame {
	uint8_t exchange;
	enum notify_type type;
	bool goes_on; /* the IV is that of the exchange, else one of a new exchange */
	bool spoiled;
};

/* The peer's message, from what its keys are: prf(SKEYID_a, M-ID | N) and the notification. */
static void deliver(struct world *world, const struct frame *frame)
{
	static struct ikev1_message_writer message;
	const struct ikev1_keys *keys = world->sa->keys;
	struct isakmp_notification notification = {
	    .doi = IPSEC_DOI, .protocol = PROTO_IPSEC_ESP, .type = (uint16_t)frame->type};
	uint8_t iv[CBC_BLOCK_MAX];
	struct bytes none = {0};
	struct bytes octets;

	memset(iv, 0x5a, sizeof(iv));
	if (!frame->goes_on)
		assert_int_equal(ikev1_keys_iv(keys, MESSAGE_ID, iv), ERR_OK);
	ikev1_message_begin(&message, &world->sa->cookies, frame->exchange, MESSAGE_ID);
	ikev1_message_put_hash(&message, keys);
	isakmp_put_notification(&message.chain, &notification);
	assert_int_equal(ikev1_message_hash(&message, keys, MESSAGE_ID, none), ERR_OK);
	message.octets[message.hash_at] ^= frame->spoiled;
	assert_int_equal(ikev1_message_seal(&message, keys, iv, &octets), ERR_OK);
	world_deliver(world, octets);
}

static void connected_is_taken(void **state)
{
	static const struct frame frames[] = {/* As deployed peers say it, and as the RFC has it. */
	    {ISAKMP_EXCHANGE_QUICK, NOTIFY_CONNECTED, true, false},
	    {ISAKMP_EXCHANGE_INFORMATIONAL, NOTIFY_CONNECTED, false, false},
	    {ISAKMP_EXCHANGE_INFORMATIONAL, NOTIFY_CONNECTED, true, false}};
	struct world *world = *state;
	struct ikev1_quick *quick = add_quick(world, waiting);

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		went_on = 0;
		quick->steps = (struct ikev1_steps){.next = waiting};
		deliver(world, &frames[i]);
		assert_int_equal(went_on, 1);
		/* Once. */
		deliver(world, &frames[i]);
		assert_int_equal(went_on, 1);
	}
}

static void nothing_else_is(void **state)
{
	static const struct frame frames[] = {{ISAKMP_EXCHANGE_QUICK, NOTIFY_CONNECTED, true, true},
	    {ISAKMP_EXCHANGE_INFORMATIONAL, NOTIFY_CONNECTED, false, true},
	    {ISAKMP_EXCHANGE_QUICK, NOTIFY_REPLAY_STATUS, true, false},
	    {ISAKMP_EXCHANGE_INFORMATIONAL, NOTIFY_REPLAY_STATUS, false, false},
	    {ISAKMP_EXCHANGE_NEW_GROUP, NOTIFY_CONNECTED, false, false}};
	struct world *world = *state;
	struct ikev1_quick *quick = add_quick(world, waiting);

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		deliver(world, &frames[i]);
		assert_int_equal(went_on, 0);
		assert_true(ikev1_quick_awaits_connected(quick));
	}
}

static void too_early_is_too_early(void **state)
{
	static const struct frame frames[] = {
	    {ISAKMP_EXCHANGE_QUICK, NOTIFY_CONNECTED, true, false},
	    {ISAKMP_EXCHANGE_INFORMATIONAL, NOTIFY_CONNECTED, false, false}};
	struct world *world = *state;
	struct ikev1_quick *quick = add_quick(world, earlier);

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		deliver(world, &frames[i]);
		assert_int_equal(ikev1_steps_awaited(&quick->steps), 2);
	}
}

static void a_refusal_ends_it(void **state)
{
	static const struct frame refusal = {
	    ISAKMP_EXCHANGE_QUICK, NOTIFY_NO_PROPOSAL_CHOSEN, true, false};
	struct world *world = *state;

	(void)add_quick(world, waiting);
	deliver(world, &refusal);
	assert_int_equal(went_on, 0);
	assert_null(ikev1_quick_find(world->sa, MESSAGE_ID));
}

/* The bit proves nothing, so that it costs time at most. */
static void the_wait_ends(void **state)
{
	static const uint8_t third[] = "the third message";
	struct world *world = *state;
	struct ikev1_quick *quick = add_quick(world, waiting);
	uint64_t limit = world->now_ms + 600000;

	assert_int_equal(
	    ikev1_exchange_send(&quick->exchange, bytes_of(third, sizeof(third)), true), ERR_OK);
	world->sent = 0;
	while (went_on == 0 && world->now_ms < limit) {
		world->now_ms += 100;
		kx_run_timers(world->kx);
	}
	assert_int_equal(went_on, 1);
	assert_int_equal(world->sent, world->policy->daemon.retransmit_tries);
}

/* Where both ends set the bit, the peer asks for our CONNECTED by a copy of its last message. */
static void copies_are_answered_still(void **state)
{
	static const struct frame connected = {
	    ISAKMP_EXCHANGE_QUICK, NOTIFY_CONNECTED, true, false};
	static const uint8_t third[] = "the third message";
	struct world *world = *state;
	struct ikev1_quick *quick = add_quick(world, waiting);
	static struct ikev1_message_writer second;
	uint8_t iv[CBC_BLOCK_MAX] = {0};
	struct bytes octets;

	ikev1_message_begin(&second, &world->sa->cookies, ISAKMP_EXCHANGE_QUICK, MESSAGE_ID);
	ikev1_message_put_hash(&second, world->sa->keys);
	assert_int_equal(ikev1_message_seal(&second, world->sa->keys, iv, &octets), ERR_OK);
	quick->exchange.mark = ikev1_mark(octets);
	assert_int_equal(
	    ikev1_exchange_send(&quick->exchange, bytes_of(third, sizeof(third)), true), ERR_OK);
	deliver(world, &connected);
	assert_int_equal(went_on, 1);
	quick->over = true;
	world->sent = 0;
	world->now_ms += 60000;
	kx_run_timers(world->kx);
	assert_int_equal(world->sent, 0);
	world_deliver(world, octets);
	assert_int_equal(world->sent, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(connected_is_taken, setup, world_teardown),
	    cmocka_unit_test_setup_teardown(nothing_else_is, setup, world_teardown),
	    cmocka_unit_test_setup_teardown(too_early_is_too_early, setup, world_teardown),
	    cmocka_unit_test_setup_teardown(a_refusal_ends_it, setup, world_teardown),
	    cmocka_unit_test_setup_teardown(the_wait_ends, setup, world_teardown),
	    cmocka_unit_test_setup_teardown(copies_are_answered_still, setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
