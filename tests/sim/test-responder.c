/* What RFC 4430 demands of a responder, each sentence asked by a peer that is not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kx/quick/quick.h"
#include "scripted.h"

#define XID      0x1000
/* More than delete_grace. */
#define GRACE_MS 3000

static const struct bytes none = {0};

/* Sends octets under that type and number, and opens what comes back, if it is just one message. */
static bool ask(struct scripted *s, uint8_t type, uint32_t xid, struct bytes octets)
{
	scripted_forget(s);
	if (!peer_command(&s->peer, type, 0, xid, octets))
		return false;
	scripted_deliver(s);
	return s->heard_count == 1 && scripted_open_heard(s, 0);
}

static bool ask_create(struct scripted *s, uint32_t xid, const struct scripted_create *create)
{
	uint8_t buffer[2048];
	struct writer out = writer_of(buffer, sizeof(buffer));

	return ask(s, KINK_CREATE, xid, scripted_put_create(create, &out));
}

static const struct scripted_create usual = {.spi = 0x5000, .key_bits = {256}};

static uint32_t kink_error_of(const struct scripted *s)
{
	const struct kink_payload *payload = kink_find(&s->message.outer, KINK_ERROR);
	uint32_t error = KINK_OK;

	assert_non_null(payload);
	assert_int_equal(kink_error_decode(payload->body, &error), ERR_OK);
	return error;
}

static void expect_keymat(struct scripted *s, uint64_t session, uint32_t spi,
    enum ipsec_direction direction, struct bytes ni, struct bytes nr)
{
	const struct dataplane_sa *sa = scripted_sa(s, spi, direction);
	const struct quick_inputs inputs = {.ni = ni, .nr = nr};
	uint8_t buffer[QUICK_SEED_MAX];
	struct writer seed = writer_of(buffer, sizeof(buffer));
	uint8_t key[36];

	assert_non_null(sa);
	assert_int_equal(sa->key_len, sizeof(key));
	quick_put_seed(&seed, IPSEC_ESP, spi, &inputs);
	assert_true(peer_keymat(&s->peer, session, writer_bytes(&seed), key, sizeof(key)));
	assert_memory_equal(sa->key, key, sizeof(key));
}

static struct bytes nonce_in(const struct scripted *s)
{
	struct bytes nonce;

	assert_int_equal(quick_get_nonce(&s->chain, &nonce), ERR_OK);
	return nonce;
}

static void first_proposal_makes_two_messages(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	static const char nonce[] = "0123456789abcdef";
	struct scripted_create create = usual;
	struct isakmp_sa sa;
	uint32_t spi;

	(void)state;
	create.nonce = bytes_of(nonce, 16);
	assert_true(ask_create(s, XID, &create));
	assert_int_equal(s->message.header.type, KINK_REPLY);
	assert_int_equal(s->message.header.xid, XID);
	assert_false(s->message.header.ackreq);
	spi = scripted_spi(s, &sa);
	assert_int_not_equal(spi, 0);
	assert_int_equal(nonce_in(s).len, 0);
	assert_int_equal(s->peer.engine_epoch, scripted_engine(s)->starts[1]);
	expect_keymat(s, s->peer.commanding, spi, IPSEC_IN, bytes_of(nonce, 16), none);
	expect_keymat(s, s->peer.commanding, usual.spi, IPSEC_OUT, bytes_of(nonce, 16), none);
	/* Nothing more comes: it is not on a timer. */
	scripted_forget(s);
	scripted_run(s, 20000);
	assert_int_equal(s->heard_count, 0);
	scripted_close(s);
}

/* The offer's first transform is one that this host does not want. */
static void another_proposal_makes_three_messages(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;
	struct isakmp_sa sa;
	struct bytes nr;
	uint8_t nonce[QUICK_NONCE_MAX];
	uint32_t spi;

	(void)state;
	create.key_bits[0] = 192;
	create.key_bits[1] = 256;
	assert_true(ask_create(s, XID, &create));
	assert_true(s->message.header.ackreq);
	spi = scripted_spi(s, &sa);
	assert_int_equal(sa.transform_count, 1);
	assert_int_equal(sa.transforms[0].number, 2);
	nr = nonce_in(s);
	assert_in_range(nr.len, QUICK_NONCE_MIN, QUICK_NONCE_MAX);
	memcpy(nonce, nr.data, nr.len);
	nr.data = nonce;
	expect_keymat(s, s->peer.commanding, spi, IPSEC_IN, bytes_of("a nonce that is", 16), nr);
	/* The outbound one waits for the ACK, and the REPLY is on a timer until then. */
	assert_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_forget(s);
	scripted_run(s, 2000);
	assert_in_range(s->heard_count, 2, 3);
	assert_true(peer_command(&s->peer, KINK_ACK, PEER_SAME, XID, none));
	scripted_deliver(s);
	expect_keymat(
	    s, s->peer.commanding, usual.spi, IPSEC_OUT, bytes_of("a nonce that is", 16), nr);
	scripted_forget(s);
	scripted_run(s, 20000);
	assert_int_equal(s->heard_count, 0);
	scripted_close(s);
}

static void a_nonce_of_ours_asks_for_an_ack(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){.nonces = 1});

	(void)state;
	assert_true(ask_create(s, XID, &usual));
	assert_true(s->message.header.ackreq);
	assert_in_range(nonce_in(s).len, QUICK_NONCE_MIN, QUICK_NONCE_MAX);
	assert_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_close(s);
}

/* What a refused CREATE is told, and that it makes nothing. */
static void expect_refusal(
    struct scripted *s, const struct scripted_create *create, uint16_t type, struct bytes data)
{
	struct isakmp_notification notification;
	size_t before = record_sa_count(sim_plane_record(scripted_engine(s)->plane));
	static uint32_t xid = XID + 100;

	assert_true(ask_create(s, xid++, create));
	assert_false(s->message.header.ackreq);
	assert_non_null(kink_find(&s->message.outer, KINK_AP_REP));
	assert_int_equal(scripted_notification(s, &notification), type);
	assert_true(bytes_equal(notification.data, data));
	assert_int_equal(record_sa_count(sim_plane_record(scripted_engine(s)->plane)), before);
	assert_null(isakmp_chain_find(&s->chain, ISAKMP_SA, NULL));
}

static void existing_spi_is_refused(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});

	(void)state;
	assert_true(ask_create(s, XID, &usual));
	expect_refusal(s, &usual, NOTIFY_INVALID_SPI, none);
	/* What was there stays. */
	assert_non_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_close(s);
}

static void key_exchange_is_refused_by_its_type(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){.pfs = 0});
	struct scripted_create create = usual;
	static const uint8_t type = ISAKMP_KE;
	static const uint8_t value[32] = {9};

	(void)state;
	create.group = 31;
	create.key_exchange = bytes_of(value, sizeof(value));
	expect_refusal(s, &create, NOTIFY_INVALID_PAYLOAD_TYPE, bytes_of(&type, 1));
	scripted_close(s);
}

static void nothing_acceptable_is_refused(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;

	(void)state;
	create.key_bits[0] = 192;
	expect_refusal(s, &create, NOTIFY_NO_PROPOSAL_CHOSEN, none);
	scripted_close(s);
}

static void unknown_payloads_are_refused_by_their_type(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;
	static const uint8_t unknown = 99;
	static const uint8_t phase_1 = ISAKMP_SIG;

	(void)state;
	create.other_payload = unknown;
	expect_refusal(s, &create, NOTIFY_INVALID_PAYLOAD_TYPE, bytes_of(&unknown, 1));
	create.other_payload = phase_1;
	expect_refusal(s, &create, NOTIFY_INVALID_PAYLOAD_TYPE, bytes_of(&phase_1, 1));
	scripted_close(s);
}

static void malformed_contents_are_refused(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;

	(void)state;
	create.no_nonce = true;
	expect_refusal(s, &create, NOTIFY_PAYLOAD_MALFORMED, none);
	create.no_nonce = false;
	create.nonce = bytes_of("short", 5);
	expect_refusal(s, &create, NOTIFY_PAYLOAD_MALFORMED, none);
	scripted_close(s);
}

/* Unrecognized errors in a request, and status types, are ignored (5.5). */
static void notifications_in_a_create_are_ignored(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;
	struct isakmp_sa sa;

	(void)state;
	create.notification = 40000;
	assert_true(ask_create(s, XID, &create));
	assert_int_not_equal(scripted_spi(s, &sa), 0);
	create.notification = 8000;
	create.spi++;
	assert_true(ask_create(s, XID + 1, &create));
	assert_int_not_equal(scripted_spi(s, &sa), 0);
	scripted_close(s);
}

static void lifetimes_are_lowered_never_raised(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;
	struct ipsec_attributes attributes;
	struct isakmp_sa sa;

	(void)state;
	create.life_seconds = 1000000;
	assert_true(ask_create(s, XID, &create));
	assert_int_not_equal(scripted_spi(s, &sa), 0);
	assert_int_equal(ipsec_attributes_decode(sa.transforms[0].attributes, &attributes), ERR_OK);
	assert_int_equal(attributes.life_seconds, 28800);
	/* That is no other proposal. */
	assert_false(s->message.header.ackreq);
	create.life_seconds = 600;
	create.spi++;
	assert_true(ask_create(s, XID + 1, &create));
	assert_int_not_equal(scripted_spi(s, &sa), 0);
	assert_int_equal(ipsec_attributes_decode(sa.transforms[0].attributes, &attributes), ERR_OK);
	assert_int_equal(attributes.life_seconds, 600);
	assert_in_range(scripted_sa(s, create.spi, IPSEC_OUT)->hard_seconds, 1, 600);
	scripted_close(s);
}

/* The command again with another authenticator: the same answer under another AP-REP. */
static void retransmissions_get_the_same_answer(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	uint8_t buffer[2048];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct bytes octets = scripted_put_create(&usual, &out);
	struct isakmp_sa sa;
	uint32_t spi;

	(void)state;
	assert_true(ask(s, KINK_CREATE, XID, octets));
	spi = scripted_spi(s, &sa);
	scripted_forget(s);
	assert_true(peer_command(&s->peer, KINK_CREATE, PEER_SAME, XID, octets));
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(scripted_spi(s, &sa), spi);
	assert_int_equal(record_sa_count(sim_plane_record(scripted_engine(s)->plane)), 2);
	/* And the very same octets are a replay: an error, signed, without an AP-REP. */
	scripted_forget(s);
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_non_null(kink_find(&s->message.outer, KINK_KRB_ERROR));
	assert_null(kink_find(&s->message.outer, KINK_AP_REP));
	assert_true(s->message.checksum.len > 0);
	scripted_close(s);
}

static void deletion_takes_both_directions(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	const struct isakmp_payload *payload;
	struct isakmp_delete answer;
	struct isakmp_sa sa;
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));
	uint32_t spi, named;

	(void)state;
	assert_true(ask_create(s, XID, &usual));
	spi = scripted_spi(s, &sa);
	assert_true(ask(s, KINK_DELETE, XID + 1, scripted_put_delete(usual.spi, &out)));
	payload = isakmp_chain_find(&s->chain, ISAKMP_DELETE, NULL);
	assert_non_null(payload);
	assert_int_equal(isakmp_delete_decode(payload->body, &answer), ERR_OK);
	assert_int_equal(answer.spi_count, 1);
	assert_int_equal(isakmp_spi_decode(isakmp_delete_spi(&answer, 0), &named), ERR_OK);
	assert_int_equal(named, spi);
	assert_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	/* The grace time. */
	assert_non_null(scripted_sa(s, spi, IPSEC_IN));
	scripted_run(s, 1100);
	assert_null(scripted_sa(s, spi, IPSEC_IN));
	scripted_close(s);
}

static void deletion_of_what_is_not_there_is_told(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct isakmp_notification notification;
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));

	(void)state;
	assert_true(ask(s, KINK_DELETE, XID, scripted_put_delete(0x7777, &out)));
	assert_int_equal(scripted_notification(s, &notification), NOTIFY_INVALID_SPI);
	assert_null(isakmp_chain_find(&s->chain, ISAKMP_DELETE, NULL));
	scripted_close(s);
}

static void status_is_answered(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));

	(void)state;
	assert_true(ask(s, KINK_STATUS, XID, none));
	assert_int_equal(s->message.header.type, KINK_REPLY);
	assert_int_equal(s->peer.engine_epoch, scripted_engine(s)->starts[1]);
	/* With whatever it relays. */
	assert_true(ask(s, KINK_STATUS, XID + 1, scripted_put_notification(40000, none, &out)));
	assert_string_equal(scripted_engine(s)->logged, "a notification is ignored: type 40000");
	assert_non_null(kink_find(&s->message.outer, KINK_AP_REP));
	scripted_close(s);
}

static void another_epoch_ends_what_was_made_before(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});

	(void)state;
	assert_true(ask_create(s, XID, &usual));
	scripted_forget(s);
	assert_true(peer_command(&s->peer, KINK_STATUS, PEER_RESTARTED, XID + 1, none));
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	assert_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	/* What its kernel sent before it had new ones is still on its way. */
	scripted_run(s, GRACE_MS);
	assert_int_equal(record_sa_count(sim_plane_record(scripted_engine(s)->plane)), 0);
	scripted_close(s);
}

/*
 * Who gives up a host that it is asking for an SA asks on in a new epoch, under which nothing holds
 * the SPI any more that the unheard answer was about.
 */
static void spis_of_another_epoch_are_free(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	uint8_t buffer[2048];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct bytes octets = scripted_put_create(&usual, &out);
	struct isakmp_sa sa;
	uint32_t spi;

	(void)state;
	assert_true(ask(s, KINK_CREATE, XID, octets));
	spi = scripted_spi(s, &sa);
	scripted_forget(s);
	assert_true(peer_command(&s->peer, KINK_CREATE, PEER_RESTARTED, XID, octets));
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_int_not_equal(scripted_spi(s, &sa), 0);
	assert_int_not_equal(scripted_spi(s, &sa), spi);
	assert_null(scripted_sa(s, spi, IPSEC_IN));
	assert_non_null(scripted_sa(s, scripted_spi(s, &sa), IPSEC_IN));
	assert_non_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_run(s, GRACE_MS);
	assert_non_null(scripted_sa(s, usual.spi, IPSEC_OUT));
	scripted_close(s);
}

/* No SA follows from it, and at most a word that is no longer than the command. */
static void expect_nothing_from(struct scripted *s)
{
	size_t length = s->peer.said.len;

	scripted_forget(s);
	scripted_deliver(s);
	scripted_run(s, 5000);
	assert_int_equal(record_sa_count(sim_plane_record(scripted_engine(s)->plane)), 0);
	assert_int_equal(record_reservation_count(sim_plane_record(scripted_engine(s)->plane)), 0);
	assert_true(s->heard_count == 0 || (s->heard_count == 1 && s->heard[0].len <= length));
}

static void unauthentic_commands_come_to_nothing(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	uint8_t buffer[2048];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct bytes octets = scripted_put_create(&usual, &out);
	size_t length;

	(void)state;
	assert_true(peer_command(&s->peer, KINK_CREATE, 0, XID, octets));
	length = s->peer.said.len;
	/* A checksum that is not that of the message. */
	s->peer.said.octets[length - 1] ^= 1;
	expect_nothing_from(s);
	/* None at all: what stands before it is a whole message with CksumLen 0. */
	assert_true(peer_command(&s->peer, KINK_CREATE, 0, XID + 1, octets));
	s->peer.said.len = length - 12;
	s->peer.said.octets[2] = (uint8_t)((length - 12) >> 8);
	s->peer.said.octets[3] = (uint8_t)(length - 12);
	s->peer.said.octets[14] = s->peer.said.octets[15] = 0;
	expect_nothing_from(s);
	scripted_close(s);
}

/* The header's version and DOI, and Quick Mode's version. */
static void other_versions_are_told(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	struct scripted_create create = usual;
	uint8_t *octets = s->peer.said.octets;

	(void)state;
	assert_true(peer_command(&s->peer, KINK_STATUS, 0, XID, none));
	octets[1] = 0x20;
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(kink_error_of(s), KINK_INVMAJ);

	scripted_forget(s);
	assert_true(peer_command(&s->peer, KINK_STATUS, 0, XID, none));
	octets[7] = 2;
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(kink_error_of(s), KINK_INVDOI);

	create.version = 0x20;
	assert_true(ask_create(s, XID, &create));
	assert_non_null(kink_find(&s->inner, KINK_ERROR));
	s->message.outer = s->inner;
	assert_int_equal(kink_error_of(s), KINK_BADQMVERS);
	scripted_close(s);
}

static void no_ticket_is_given_against_policy(void **state)
{
	struct scripted *s = scripted_open((struct sim_profile){0});
	const char *name = scripted_engine(s)->starts_as;
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_header header = {.type = KINK_GETTGT, .doi = IPSEC_DOI, .xid = XID};
	struct kink_writer message = kink_begin(&out, &header);

	(void)state;
	kink_put(&message, KINK_TGT_REQ, bytes_of(name, strlen(name)));
	kink_close(&message);
	assert_true(peer_say(&s->peer, writer_bytes(&out)));
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(kink_error_of(s), KINK_U2UDENIED);
	scripted_close(s);
}

static void given_tickets_are_those_asked_for(void **state)
{
	struct scripted *s =
	    scripted_open((struct sim_profile){.user_to_user = SIM_USER_TO_USER_ALWAYS});
	const char *names[] = {
	    scripted_engine(s)->starts_as, "kink/other.example.test@EXAMPLE.TEST"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t buffer[256];
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct kink_header header = {.type = KINK_GETTGT, .doi = IPSEC_DOI, .xid = XID};
		struct kink_writer message = kink_begin(&out, &header);

		kink_put(&message, KINK_TGT_REQ, bytes_of(names[i], strlen(names[i])));
		kink_close(&message);
		/* Room for an error to answer it. */
		writer_zeros(&out, 80);
		assert_true(peer_say(&s->peer, writer_bytes(&out)));
		scripted_forget(s);
		scripted_deliver(s);
		scripted_run(s, 500);
		assert_int_equal(s->heard_count, 1);
		assert_true(scripted_open_heard(s, 0));
		assert_true((kink_find(&s->message.outer, KINK_TGT_REP) != NULL) == (i == 0));
		assert_true((kink_find(&s->message.outer, KINK_KRB_ERROR) != NULL) == (i == 1));
	}
	scripted_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_proposal_makes_two_messages),
	    cmocka_unit_test(another_proposal_makes_three_messages),
	    cmocka_unit_test(a_nonce_of_ours_asks_for_an_ack),
	    cmocka_unit_test(existing_spi_is_refused),
	    cmocka_unit_test(key_exchange_is_refused_by_its_type),
	    cmocka_unit_test(nothing_acceptable_is_refused),
	    cmocka_unit_test(unknown_payloads_are_refused_by_their_type),
	    cmocka_unit_test(malformed_contents_are_refused),
	    cmocka_unit_test(notifications_in_a_create_are_ignored),
	    cmocka_unit_test(lifetimes_are_lowered_never_raised),
	    cmocka_unit_test(retransmissions_get_the_same_answer),
	    cmocka_unit_test(deletion_takes_both_directions),
	    cmocka_unit_test(deletion_of_what_is_not_there_is_told),
	    cmocka_unit_test(status_is_answered),
	    cmocka_unit_test(another_epoch_ends_what_was_made_before),
	    cmocka_unit_test(spis_of_another_epoch_are_free),
	    cmocka_unit_test(unauthentic_commands_come_to_nothing),
	    cmocka_unit_test(other_versions_are_told),
	    cmocka_unit_test(no_ticket_is_given_against_policy),
	    cmocka_unit_test(given_tickets_are_those_asked_for),
	};

	return cmocka_run_group_tests_name("responder", tests, NULL, NULL);
}
