/* What RFC 4430 demands of an initiator, towards answers of a peer that is not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kx/quick/quick.h"
#include "scripted.h"

static const struct bytes none = {0};

/* What is answered to an offer of AES-256-GCM first. */
static const struct scripted_create usual = {
    .spi = 0x6000, .key_bits = {256}, .no_nonce = true, .life_seconds = 28800};

/* Packets want an SA; opens the CREATE that follows, which must be the first message. */
static uint32_t begin(struct scripted *s)
{
	struct isakmp_sa sa;
	uint32_t spi;

	scripted_forget(s);
	sim_acquire(scripted_engine(s), &s->sim.hosts[1], false);
	scripted_run(s, 450);
	assert_in_range(s->heard_count, 1, 2);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_CREATE);
	assert_false(s->message.header.ackreq);
	spi = scripted_spi(s, &sa);
	assert_int_not_equal(spi, 0);
	return spi;
}

static void answer(struct scripted *s, unsigned flags, struct bytes octets)
{
	scripted_forget(s);
	assert_true(peer_reply(&s->peer, KINK_REPLY, flags, octets));
	scripted_deliver(s);
}

static void answer_create(struct scripted *s, unsigned flags, const struct scripted_create *create)
{
	uint8_t buffer[2048];
	struct writer out = writer_of(buffer, sizeof(buffer));

	answer(s, flags, scripted_put_create(create, &out));
}

static size_t sa_count(struct scripted *s)
{
	return record_sa_count(sim_plane_record(scripted_engine(s)->plane));
}

static void an_optimistic_sa_is_there_before_the_reply(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	uint32_t spi = begin(s);

	(void)state;
	assert_non_null(scripted_sa(s, spi, IPSEC_IN));
	assert_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	answer_create(s, 0, &usual);
	assert_non_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	assert_int_equal(s->heard_count, 0);
	scripted_close(s);
}

/* Wants an SA of a slow data plane; stops as soon as its SPI is reserved. */
static struct scripted *begin_slowly(void)
{
	struct scripted *s = scripted_open((struct sim_profile){.plane_delay_ms = 5000});
	struct dataplane *record = sim_plane_record(scripted_engine(s)->plane);

	sim_acquire(scripted_engine(s), &s->sim.hosts[1], false);
	scripted_run(s, 450);
	assert_int_equal(record_reservation_count(record), 1);
	return s;
}

/* Whoever is asked may answer with packets at once. */
static void nothing_leaves_before_the_optimistic_sa_is_confirmed(void **state)
{
	struct scripted *s = begin_slowly();

	(void)state;
	for (int i = 0; sa_count(s) == 0 && i < 10000; i++)
		scripted_run(s, 1);
	assert_int_equal(sa_count(s), 1);
	assert_int_equal(s->heard_count, 0);
	scripted_run(s, 5000);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_CREATE);
	scripted_close(s);
}

static void nothing_leaves_without_the_optimistic_sa(void **state)
{
	struct scripted *s = begin_slowly();

	(void)state;
	s->sim.profile.plane_failure = 1000;
	s->sim.faults = true;
	scripted_run(s, 9000);
	assert_int_equal(sa_count(s), 0);
	assert_int_equal(s->heard_count, 0);
	scripted_close(s);
}

static void with_a_key_exchange_no_sa_is_made_early(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){.pfs = 3});
	uint32_t spi = begin(s);

	(void)state;
	assert_non_null(isakmp_chain_find(&s->chain, ISAKMP_KE, NULL));
	assert_null(scripted_sa(s, spi, IPSEC_IN));
	scripted_close(s);
}

static void expect_derived(struct scripted *s, uint32_t spi, enum ipsec_direction direction,
    struct bytes ni, struct bytes nr)
{
	const struct dataplane_sa *sa = scripted_sa(s, spi, direction);
	const struct quick_inputs inputs = {.ni = ni, .nr = nr};
	uint8_t buffer[QUICK_SEED_MAX];
	struct writer seed = writer_of(buffer, sizeof(buffer));
	uint8_t key[36];

	assert_non_null(sa);
	quick_put_seed(&seed, IPSEC_ESP, spi, &inputs);
	assert_true(
	    peer_keymat(&s->peer, s->peer.answering, writer_bytes(&seed), key, sizeof(key)));
	assert_memory_equal(sa->key, key, sizeof(key));
}

/* The peer's nonce goes into both keys: the optimistic SA is replaced. */
static void a_nonce_of_the_peer_replaces_the_optimistic_sa(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;
	struct bytes ni;
	uint8_t copy[QUICK_NONCE_MAX];
	uint32_t spi = begin(s);

	(void)state;
	assert_int_equal(quick_get_nonce(&s->chain, &ni), ERR_OK);
	memcpy(copy, ni.data, ni.len);
	ni.data = copy;
	expect_derived(s, spi, IPSEC_IN, ni, none);
	create.no_nonce = false;
	create.nonce = bytes_of("a nonce of the peer", 19);
	answer_create(s, PEER_ACKREQ, &create);
	expect_derived(s, spi, IPSEC_IN, ni, create.nonce);
	expect_derived(s, usual.spi, IPSEC_OUT, ni, create.nonce);
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_ACK);
	assert_int_equal(s->message.outer.count, 1);
	scripted_close(s);
}

/* Each copy of the reply gets an ACK of its own, for a whole cycle of transmissions. */
static void acks_are_made_again(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){.nonces = 0});
	struct scripted_create create = usual;
	struct peer_message first;

	(void)state;
	(void)begin(s);
	create.no_nonce = false;
	answer_create(s, PEER_ACKREQ, &create);
	assert_int_equal(s->heard_count, 1);
	first = s->heard[0];
	scripted_run(s, 3000);
	scripted_forget(s);
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	/* With another authenticator. */
	assert_false(first.len == s->heard[0].len &&
		     memcmp(first.octets, s->heard[0].octets, first.len) == 0);
	scripted_close(s);
}

/*
 * Nothing may come of it, and an ACK goes out if and only if it is asked for. The peer, which may
 * have made SAs, is told to delete them.
 */
static void expect_refused(struct scripted *s, unsigned flags, const struct scripted_create *create)
{
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));
	uint32_t spi = begin(s);
	size_t acks = 0;
	size_t deletes = 0;

	answer_create(s, flags, create);
	scripted_run(s, 400);
	assert_null(scripted_sa(s, create->spi, IPSEC_OUT));
	for (size_t i = 0; i < s->heard_count; i++) {
		acks += s->heard[i].octets[0] == KINK_ACK;
		if (s->heard[i].octets[0] == KINK_DELETE && deletes++ == 0)
			assert_true(scripted_open_heard(s, i));
	}
	assert_int_equal(acks, (flags & PEER_ACKREQ) != 0 ? 1 : 0);
	assert_true(deletes > 0);
	answer(s, 0, scripted_put_notification(NOTIFY_INVALID_SPI, none, &out));
	/* When the grace time is over at the latest. */
	scripted_run(s, 1100);
	assert_null(scripted_sa(s, spi, IPSEC_IN));
}

static void longer_lifetimes_are_refused(void **state)
{
	struct scripted_create create = usual;
	struct scripted *s = scripted_open((struct sim_profile){0});

	(void)state;
	create.life_seconds = 28801;
	expect_refused(s, 0, &create);
	scripted_close(s);
	s = scripted_open((struct sim_profile){0});
	create.life_seconds = 28800;
	create.life_kilobytes = 1;
	/* It was not limited in kilobytes, so that any number is lower. */
	(void)begin(s);
	answer_create(s, 0, &create);
	assert_int_equal(scripted_sa(s, usual.spi, IPSEC_OUT)->hard_bytes, 1024);
	scripted_close(s);
}

static void shorter_lifetimes_are_used(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;

	(void)state;
	create.life_seconds = 300;
	(void)begin(s);
	answer_create(s, 0, &create);
	assert_in_range(scripted_sa(s, usual.spi, IPSEC_OUT)->hard_seconds, 1, 300);
	scripted_close(s);
}

static void what_was_not_offered_is_refused(void **state)
{
	struct scripted_create create = usual;
	struct scripted *s = scripted_open((struct sim_profile){0});

	(void)state;
	create.key_bits[0] = 192;
	expect_refused(s, 0, &create);
	scripted_close(s);
	s = scripted_open((struct sim_profile){0});
	create.key_bits[0] = 256;
	create.encapsulation = ENCAPSULATION_TUNNEL;
	expect_refused(s, 0, &create);
	scripted_close(s);
	/* "It MUST generate an ACK if ACKREQ is set, even if the responder was in error." */
	s = scripted_open((struct sim_profile){0});
	expect_refused(s, PEER_ACKREQ, &create);
	scripted_close(s);
	/* A reply chooses one transform. */
	s = scripted_open((struct sim_profile){0});
	create.encapsulation = 0;
	create.key_bits[1] = 128;
	expect_refused(s, PEER_ACKREQ, &create);
	scripted_close(s);
}

/* Not the first one, so that the responder must ask for an ACK. */
static void another_transform_needs_an_ack(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;

	(void)state;
	create.key_bits[0] = 128;
	create.transform_number = 2;
	expect_refused(s, 0, &create);
	scripted_close(s);
	s = scripted_open((struct sim_profile){0});
	(void)begin(s);
	create.no_nonce = false;
	answer_create(s, PEER_ACKREQ, &create);
	assert_int_equal(scripted_sa(s, usual.spi, IPSEC_OUT)->suite.key_bits, 128);
	scripted_close(s);
}

static void errors_end_it_whatever_their_type(void **state)
{
	static const uint16_t types[] = {NOTIFY_NO_PROPOSAL_CHOSEN, 12345};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scripted *s = scripted_open((struct sim_profile){0});
		uint8_t buffer[256];
		struct writer out = writer_of(buffer, sizeof(buffer));
		uint32_t spi = begin(s);

		answer(s, 0, scripted_put_notification(types[i], none, &out));
		scripted_run(s, 1100);
		assert_null(scripted_sa(s, spi, IPSEC_IN));
		scripted_close(s);
	}
	/* Also beside an SA. */
	{
		struct scripted *s = scripted_open((struct sim_profile){0});
		struct scripted_create create = usual;

		create.notification = 12345;
		expect_refused(s, 0, &create);
		scripted_close(s);
	}
}

static void unknown_status_types_are_ignored(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;

	(void)state;
	create.notification = 40000;
	(void)begin(s);
	answer_create(s, 0, &create);
	assert_non_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_close(s);
}

/* A refused key exchange is given up where policy only offers it, in another transaction. */
static void a_refused_key_exchange_is_left_out(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){.pfs = 1});
	static const uint8_t type = ISAKMP_KE;
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));
	uint32_t xid;

	(void)state;
	(void)begin(s);
	assert_non_null(isakmp_chain_find(&s->chain, ISAKMP_KE, NULL));
	xid = s->message.header.xid;
	answer(
	    s, 0, scripted_put_notification(NOTIFY_INVALID_PAYLOAD_TYPE, bytes_of(&type, 1), &out));
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_CREATE);
	assert_int_not_equal(s->message.header.xid, xid);
	assert_null(isakmp_chain_find(&s->chain, ISAKMP_KE, NULL));
	scripted_close(s);
}

/* The same XID and ticket, another authenticator, longer and longer pauses, then an end. */
static void retransmissions_back_off(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	static const uint64_t pauses[] = {500, 1000, 2000, 4000};
	uint32_t xid;

	(void)state;
	(void)begin(s);
	xid = s->message.header.xid;
	scripted_run(s, 11000);
	assert_in_range(s->heard_count, 5, 6);
	for (size_t i = 0; i < 4; i++) {
		assert_true(scripted_open_heard(s, i + 1));
		assert_int_equal(s->message.header.xid, xid);
		assert_in_range(s->heard_ms[i + 1] - s->heard_ms[i], pauses[i], pauses[i] + 20);
		/* The ticket is the same, what follows it is not. */
		assert_memory_equal(&s->heard[i].octets[24], &s->heard[i + 1].octets[24], 100);
		assert_memory_not_equal(
		    s->heard[i].octets, s->heard[i + 1].octets, s->heard[i].len);
	}
	scripted_close(s);
}

/* The answer to the first transmission comes after the second one. */
static void late_replies_count(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct peer_message first;

	(void)state;
	(void)begin(s);
	first = s->heard[0];
	scripted_run(s, 1000);
	assert_in_range(s->heard_count, 2, 3);
	s->peer.heard = first;
	answer_create(s, 0, &usual);
	assert_non_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_close(s);
}

/* What nobody has signed neither ends a transaction nor brings forth more messages. */
static void unsigned_errors_end_nothing(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct peer_message command;

	(void)state;
	(void)begin(s);
	command = s->heard[0];
	for (uint32_t error = KINK_OK; error <= KINK_U2UDENIED; error++) {
		struct kink_header header = {
		    .type = KINK_REPLY, .doi = IPSEC_DOI, .xid = s->message.header.xid};
		uint8_t buffer[64];
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct kink_writer reply = kink_begin(&out, &header);

		kink_put_error(&reply, error);
		kink_close(&reply);
		assert_true(peer_say(&s->peer, writer_bytes(&out)));
		scripted_forget(s);
		kx_datagram(scripted_engine(s)->kx,
		    &(struct host_datagram){.port = HOST_PORT_KINK,
			.local = {.address = s->sim.hosts[0].address, .port = KINK_PORT},
			.remote = {.address = s->sim.hosts[1].address, .port = KINK_PORT},
			.data = bytes_of(s->peer.said.octets, s->peer.said.len)});
		scripted_run(s, 1);
		assert_int_equal(s->heard_count, 0);
	}
	s->peer.heard = command;
	answer_create(s, 0, &usual);
	assert_non_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_close(s);
}

/* A ticket in place of a reply does not mean that the peer is dead (3.7.1). */
static void an_offered_ticket_ends_nothing(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct kink_header header = {.type = KINK_REPLY, .doi = IPSEC_DOI};
	uint8_t buffer[64];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer reply;
	struct peer_message command;

	(void)state;
	(void)begin(s);
	command = s->heard[0];
	header.xid = s->message.header.xid;
	reply = kink_begin(&out, &header);
	kink_put(&reply, KINK_TGT_REP, bytes_of("no ticket", 9));
	kink_close(&reply);
	assert_true(peer_say(&s->peer, writer_bytes(&out)));
	scripted_deliver(s);
	s->peer.heard = command;
	answer_create(s, 0, &usual);
	assert_non_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_close(s);
}

/* A reply tells that the peer has lost what we made with it. */
static void another_epoch_ends_what_was_made_before(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});

	(void)state;
	(void)begin(s);
	answer_create(s, 0, &usual);
	assert_int_equal(sa_count(s), 2);
	scripted_forget(s);
	sim_probe(scripted_engine(s), &s->sim.hosts[1]);
	scripted_run(s, 100);
	assert_in_range(s->heard_count, 1, 2);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_STATUS);
	answer(s, PEER_RESTARTED, none);
	assert_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_close(s);
}

/*
 * A question that began two lives of the peer ago: whether the answer is from before or after the
 * life that was met meanwhile cannot be known, so the peer is asked anew. It is not dead.
 */
static void a_question_outlives_two_restarts(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});

	(void)state;
	(void)begin(s);
	answer_create(s, 0, &usual);
	scripted_forget(s);
	sim_probe(scripted_engine(s), &s->sim.hosts[1]);
	scripted_run(s, 100);
	assert_true(peer_command(&s->peer, KINK_STATUS, PEER_RESTARTED, 7, none));
	scripted_deliver(s);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_STATUS);
	answer(s, PEER_RESTARTED, none);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_STATUS);
	answer(s, 0, none);
	assert_int_equal(s->sim.commands_open, 0);
	assert_false(s->sim.command_failed);
	scripted_close(s);
}

/* The epoch in the CREATE that traffic causes. */
static uint32_t epoch_of_create(struct scripted *s)
{
	(void)begin(s);
	return s->peer.engine_epoch;
}

/*
 * The peer is a principal. When it is dead at one address our epoch is new at the others as well,
 * and so are our SAs, which are invalid to it: else it would see two epochs in turn.
 */
static void an_epoch_is_one_for_all_addresses(void **state)
{
	struct scripted *s =
	    scripted_open((struct sim_profile){.dpd = 60000, .two_addresses = true});
	struct scripted_create there = usual;
	uint32_t before;
	uint32_t after;

	(void)state;
	before = epoch_of_create(s);
	answer_create(s, 0, &usual);
	scripted_move(s);
	assert_int_equal(epoch_of_create(s), before);
	there.spi = 0x7000;
	answer_create(s, 0, &there);
	scripted_move(s);
	assert_int_equal(sa_count(s), 4);
	scripted_run(s, 1500);
	sim_probe(scripted_engine(s), &s->sim.hosts[1]);
	scripted_run(s, 14000);
	assert_int_equal(sa_count(s), 0);
	/* What it was told at the other address. */
	assert_true(scripted_open_heard(s, s->heard_count - 1));
	assert_int_equal(s->message.header.type, KINK_STATUS);
	after = s->peer.engine_epoch;
	assert_int_not_equal(after, before);
	answer(s, 0, none);
	assert_int_equal(epoch_of_create(s), after);
	answer_create(s, 0, &usual);
	scripted_move(s);
	assert_int_equal(epoch_of_create(s), after);
	scripted_close(s);
}

/* Ours goes at once, theirs when the answer is there and the grace time is over. */
static void deletion_is_pessimistic(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));
	uint32_t spi;

	(void)state;
	spi = begin(s);
	answer_create(s, 0, &usual);
	scripted_forget(s);
	sim_terminate(scripted_engine(s), &s->sim.hosts[1]);
	scripted_run(s, 400);
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_DELETE);
	assert_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	assert_non_null(scripted_sa(s, spi, IPSEC_IN));
	/* INVALID-SPI serves as well. */
	answer(s, 0, scripted_put_notification(NOTIFY_INVALID_SPI, none, &out));
	assert_non_null(scripted_sa(s, spi, IPSEC_IN));
	scripted_run(s, 1100);
	assert_null(scripted_sa(s, spi, IPSEC_IN));
	scripted_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_optimistic_sa_is_there_before_the_reply),
	    cmocka_unit_test(nothing_leaves_before_the_optimistic_sa_is_confirmed),
	    cmocka_unit_test(nothing_leaves_without_the_optimistic_sa),
	    cmocka_unit_test(with_a_key_exchange_no_sa_is_made_early),
	    cmocka_unit_test(a_nonce_of_the_peer_replaces_the_optimistic_sa),
	    cmocka_unit_test(acks_are_made_again),
	    cmocka_unit_test(longer_lifetimes_are_refused),
	    cmocka_unit_test(shorter_lifetimes_are_used),
	    cmocka_unit_test(what_was_not_offered_is_refused),
	    cmocka_unit_test(another_transform_needs_an_ack),
	    cmocka_unit_test(errors_end_it_whatever_their_type),
	    cmocka_unit_test(unknown_status_types_are_ignored),
	    cmocka_unit_test(a_refused_key_exchange_is_left_out),
	    cmocka_unit_test(retransmissions_back_off),
	    cmocka_unit_test(late_replies_count),
	    cmocka_unit_test(unsigned_errors_end_nothing),
	    cmocka_unit_test(an_offered_ticket_ends_nothing),
	    cmocka_unit_test(another_epoch_ends_what_was_made_before),
	    cmocka_unit_test(a_question_outlives_two_restarts),
	    cmocka_unit_test(an_epoch_is_one_for_all_addresses),
	    cmocka_unit_test(deletion_is_pessimistic),
	};

	return cmocka_run_group_tests_name("initiator", tests, NULL, NULL);
}
