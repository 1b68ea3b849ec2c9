/* src/kx/quick/nat.c: NAT detection in CREATE and REPLY (RFC 3947 3.2, 5.2; RFC 4430 5.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "kx/quick/nat.h"
#include "kx/quick/quick.h"

static const uint8_t nonce[16] = "a nonce of them";

struct message {
	uint8_t octets[1024];
	struct writer out;
	struct isakmp_writer writer;
	struct isakmp_chain chain;
};

static void begin(struct message *message)
{
	message->out = writer_of(message->octets, sizeof(message->octets));
	message->writer = isakmp_writer_at(&message->out, writer_reserve(&message->out, 4));
}

static void arrive(struct message *message)
{
	assert_true(writer_ok(&message->out));
	assert_int_equal(isakmp_chain_decode(message->octets[0],
			     bytes_of(message->octets + 4, message->out.len - 4), &message->chain),
	    ERR_OK);
}

static struct endpoint endpoint(const char *text, uint16_t port)
{
	struct endpoint made = {.port = port};

	assert_int_equal(address_parse(text, &made.address), ERR_OK);
	return made;
}

static struct quick_ends ends(struct endpoint local, struct endpoint remote)
{
	return (struct quick_ends){local, remote, bytes_of(nonce, sizeof(nonce))};
}

/* What each of two hosts sees. */
static const struct path {
	const char *initiator;
	uint16_t initiator_port;
	const char *responder; /* itself */
	const char *outside;   /* the initiator, in the responder's eyes */
	uint16_t outside_port;
	const char *published; /* the responder, in the initiator's eyes */
	bool initiator_behind;
	bool responder_behind;
} paths[] = {
    {"10.0.0.1", 910, "10.0.0.2", "10.0.0.1", 910, "10.0.0.2", false, false},
    {"2001:db8::1", 910, "2001:db8::2", "2001:db8::1", 910, "2001:db8::2", false, false},
    {"192.168.1.2", 910, "10.0.0.2", "10.0.0.1", 910, "10.0.0.2", true, false},
    {"10.0.0.1", 910, "10.0.0.2", "10.0.0.1", 40000, "10.0.0.2", true, false},
    {"10.0.0.1", 910, "192.168.1.2", "10.0.0.1", 910, "10.0.0.2", false, true},
    {"192.168.1.2", 910, "192.168.1.2", "10.0.0.1", 1025, "10.0.0.2", true, true},
};

static void both_ends_find_the_nat(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (int mode = IPSEC_TRANSPORT; mode <= IPSEC_TUNNEL; mode++) {
			const struct path *path = &paths[i];
			bool between = path->initiator_behind || path->responder_behind;
			struct quick_ends a = ends(endpoint(path->initiator, path->initiator_port),
			    endpoint(path->published, 910));
			struct quick_ends b = ends(endpoint(path->responder, 910),
			    endpoint(path->outside, path->outside_port));
			struct quick_nat found;
			struct quick_nat answer;
			struct message create;
			struct message reply;

			begin(&create);
			assert_int_equal(quick_put_nat_notification(&create.writer, &a), ERR_OK);
			arrive(&create);
			assert_int_equal(
			    quick_get_nat_notification(&create.chain, &b, &found), ERR_OK);
			assert_true(found.known);
			assert_int_equal(found.remote, path->initiator_behind);
			assert_int_equal(found.local, path->responder_behind);
			/* Nobody else takes it for an error. */
			assert_int_equal(quick_find_error(&create.chain), 0);

			begin(&reply);
			assert_int_equal(
			    quick_put_nat_answer(&reply.writer, &b, (enum ipsec_mode)mode, &found),
			    ERR_OK);
			arrive(&reply);
			assert_int_equal(
			    isakmp_chain_count(&reply.chain, ISAKMP_NAT_D), between ? 2 : 0);
			assert_int_equal(isakmp_chain_count(&reply.chain, ISAKMP_NAT_OA),
			    between && mode == IPSEC_TRANSPORT ? 2 : 0);
			assert_int_equal(
			    quick_get_nat_answer(&reply.chain, &a, (enum ipsec_mode)mode, &answer),
			    ERR_OK);
			assert_true(answer.known);
			assert_int_equal(answer.agreed, between);
			assert_int_equal(answer.local, path->initiator_behind);
			assert_int_equal(answer.remote, path->responder_behind);
			if (between && mode == IPSEC_TRANSPORT)
				assert_true(address_equal(&answer.outside, &b.remote.address));
		}
	}
}

/* The identifier is the start of a hash over a published text. */
static void the_identifier_can_be_derived(void **state)
{
	static const char text[] = "kinkd NAT traversal";
	struct quick_ends a = ends(endpoint("10.0.0.1", 910), endpoint("10.0.0.2", 910));
	struct isakmp_notification notification;
	unsigned char digest[32];
	struct message message;

	(void)state;
	assert_int_equal(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL), 1);
	begin(&message);
	assert_int_equal(quick_put_nat_notification(&message.writer, &a), ERR_OK);
	arrive(&message);
	assert_int_equal(message.chain.count, 1);
	assert_int_equal(
	    isakmp_notification_decode(message.chain.payloads[0].body, &notification), ERR_OK);
	/* RFC 2408 3.14.1: private status types. */
	assert_in_range(notification.type, 32768, 40959);
	assert_int_equal(notification.data.len, 16 + 32 + 32);
	assert_memory_equal(notification.data.data, digest, 16);
}

static void put_notification(struct message *message, uint8_t first, size_t len)
{
	uint8_t data[128] = {0x20, 0x15, 0x82, 0x3c, 0xc5, 0x15, 0xb5, 0x36, 0x91, 0x79, 0xd2, 0xaf,
	    0xe0, 0xff, 0x08, 0x3c};

	data[0] = first;
	quick_put_notification(
	    &message->writer, NOTIFY_KINKD_NAT_TRAVERSAL, IPSEC_ESP, 0, bytes_of(data, len));
}

static void others_notifications_are_ignored(void **state)
{
	struct quick_ends a = ends(endpoint("10.0.0.1", 910), endpoint("10.0.0.2", 910));
	struct quick_nat nat;
	struct message message;

	(void)state;
	begin(&message);
	put_notification(&message, 0x21, 80); /* the type is anybody's */
	put_notification(&message, 0x20, 15);
	put_notification(&message, 0x20, 0);
	quick_put_notification(
	    &message.writer, NOTIFY_INITIAL_CONTACT, IPSEC_ESP, 1234, (struct bytes){0});
	arrive(&message);
	assert_int_equal(quick_get_nat_notification(&message.chain, &a, &nat), ERR_OK);
	assert_false(nat.known || nat.local || nat.remote);
	assert_int_equal(quick_get_nat_answer(&message.chain, &a, IPSEC_TRANSPORT, &nat), ERR_OK);
	assert_false(nat.known || nat.agreed);
	/* To a peer that does not know it nothing is said. */
	begin(&message);
	assert_int_equal(quick_put_nat_answer(&message.writer, &a, IPSEC_TRANSPORT, &nat), ERR_OK);
	assert_int_equal(message.out.len, 4);
}

static void malformed_ones_are_refused(void **state)
{
	static const size_t lengths[] = {16, 17, 48, 79, 81, 112};
	struct quick_ends a = ends(endpoint("10.0.0.1", 910), endpoint("10.0.0.2", 910));
	struct quick_nat nat;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct message message;

		begin(&message);
		put_notification(&message, 0x20, lengths[i]);
		arrive(&message);
		assert_int_equal(quick_get_nat_notification(&message.chain, &a, &nat), ERR_INVALID);
	}
}

/* V: the identifier; D: NAT-D; d: one of a wrong size; O: NAT-OA; o: one with a wrong type. */
static void write_answer(struct message *message, const char *text)
{
	static const uint8_t hash[33];
	static const uint8_t subnet[8] = {4, 0, 0, 0, 10, 0, 0, 1};
	struct endpoint end = endpoint("10.0.0.1", 910);

	begin(message);
	for (; *text != '\0'; text++) {
		if (*text == 'V')
			put_notification(message, 0x20, 16);
		else if (*text == 'D' || *text == 'd')
			isakmp_put(
			    &message->writer, ISAKMP_NAT_D, bytes_of(hash, *text == 'D' ? 32 : 33));
		else if (*text == 'O')
			isakmp_put_nat_oa(&message->writer, &end.address);
		else
			isakmp_put(&message->writer, ISAKMP_NAT_OA, bytes_of(subnet, 8));
	}
	arrive(message);
}

static void answers_are_whole(void **state)
{
	static const struct {
		const char *text;
		enum err transport, tunnel;
	} cases[] = {
	    {"", ERR_OK, ERR_OK},
	    {"V", ERR_OK, ERR_OK},
	    {"VDDOO", ERR_OK, ERR_INVALID},
	    {"VDD", ERR_INVALID, ERR_OK},
	    {"DDOO", ERR_INVALID, ERR_INVALID},
	    {"DD", ERR_INVALID, ERR_INVALID},
	    {"VOO", ERR_INVALID, ERR_INVALID},
	    {"VDOO", ERR_INVALID, ERR_INVALID},
	    {"VDDDOO", ERR_INVALID, ERR_INVALID},
	    {"VDDO", ERR_INVALID, ERR_INVALID},
	    {"VDdOO", ERR_INVALID, ERR_INVALID},
	    {"VDDOo", ERR_INVALID, ERR_INVALID},
	    {"VDDoO", ERR_INVALID, ERR_INVALID},
	};
	struct quick_ends a = ends(endpoint("10.0.0.1", 910), endpoint("10.0.0.2", 910));
	struct quick_nat nat;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message message;

		write_answer(&message, cases[i].text);
		assert_int_equal(quick_get_nat_answer(&message.chain, &a, IPSEC_TRANSPORT, &nat),
		    cases[i].transport);
		assert_int_equal(
		    quick_get_nat_answer(&message.chain, &a, IPSEC_TUNNEL, &nat), cases[i].tunnel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_ends_find_the_nat),
	    cmocka_unit_test(the_identifier_can_be_derived),
	    cmocka_unit_test(others_notifications_are_ignored),
	    cmocka_unit_test(malformed_ones_are_refused),
	    cmocka_unit_test(answers_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
