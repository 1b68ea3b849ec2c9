/* Authentication with a pre-shared key, and what all methods share. */
#include <string.h>

#include "auth.h"

static struct phase1 phase1;

static void expect_failure(struct end *end, const char *words)
{
	assert_false(phase1_run(&phase1));
	if (strstr(end->problem.text, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, end->problem.text);
	phase1_close(&phase1);
}

static void keys_that_agree_authenticate(void **state)
{
	(void)state;
	for (int aggressive = 0; aggressive < 2; aggressive++) {
		phase1_init(&phase1, IKE_AUTHENTICATION_PSK, aggressive);
		if (!phase1_run(&phase1))
			fail_msg(
			    "%s%s", phase1.initiator.problem.text, phase1.responder.problem.text);
		assert_memory_equal(phase1.initiator.skeyid, phase1.responder.skeyid, 32);
		assert_string_equal(auth_peer_text(phase1.initiator.auth), "10.0.0.2");
		assert_string_equal(auth_peer_text(phase1.responder.auth), "10.0.0.1");
		assert_int_equal(auth_peer_identity(phase1.responder.auth).type, IKE_IDENTITY_IPV4);
		phase1_close(&phase1);
	}
}

static void other_keys_do_not(void **state)
{
	(void)state;
	for (int aggressive = 0; aggressive < 2; aggressive++) {
		phase1_init(&phase1, IKE_AUTHENTICATION_PSK, aggressive);
		phase1.responder.ike.psk = bytes_of("a secret of none", 16);
		expect_failure(aggressive ? &phase1.initiator : &phase1.responder,
		    "its pre-shared key is another than ours (psk_file)");
	}
	phase1_init(&phase1, IKE_AUTHENTICATION_PSK, false);
	phase1.responder.ike.psk.len = 0;
	expect_failure(
	    &phase1.responder, "peer \"initiator\" has no pre-shared key in the file (psk_file)");
}

/* Each octet of each proof counts, and its length. */
static unsigned spoiled_message;
static size_t spoiled_octet;

static void spoil_hash(struct phase1 *run, struct message *message)
{
	size_t len = 0;
	uint8_t *hash = message_payload(message, ISAKMP_HASH, &len);

	(void)run;
	if (message->number != spoiled_message)
		return;
	assert_non_null(hash);
	assert_true(spoiled_octet < len);
	hash[spoiled_octet] ^= 0x80;
}

static void each_octet_of_a_hash_counts(void **state)
{
	(void)state;
	for (spoiled_message = 5; spoiled_message <= 6; spoiled_message++) {
		for (spoiled_octet = 0; spoiled_octet < 32; spoiled_octet++) {
			phase1_init(&phase1, IKE_AUTHENTICATION_PSK, false);
			phase1.tamper = spoil_hash;
			expect_failure(spoiled_message == 5 ? &phase1.responder : &phase1.initiator,
			    "the peer's hash does not verify");
		}
	}
}

static void shorten_hash(struct phase1 *run, struct message *message)
{
	size_t len = 0;
	uint8_t *hash = message_payload(message, ISAKMP_HASH, &len);

	(void)run;
	if (message->number != 5)
		return;
	/* The last payload: its own length and the message's. */
	hash[-1] = (uint8_t)(hash[-1] - 16);
	message->len -= 16;
	message->octets[27] = (uint8_t)(message->octets[27] - 16);
}

static void a_part_of_a_hash_is_none(void **state)
{
	(void)state;
	phase1_init(&phase1, IKE_AUTHENTICATION_PSK, false);
	phase1.tamper = shorten_hash;
	expect_failure(&phase1.responder, "the peer's hash does not verify");
}

static void identities_are_expected(void **state)
{
	static const struct {
		const char *identity, *expected;
		const char *words; /* NULL: good */
	} cases[] = {
	    {"r.example.test", "r.example.test", NULL},
	    {"r.example.test", "*.example.test", NULL},
	    {"keyid:r", "keyid:r", NULL},
	    {"r.example.test", "x.example.test",
		"the peer is r.example.test, but the entry of peer \"responder\" expects "
		"x.example.test (remote_id)"},
	    {"r.example.test", NULL, "expects 10.0.0.2"},
	    {"10.0.0.3", NULL, "the peer is 10.0.0.3"},
	    /* Behind a NAT, named in the file. */
	    {"192.168.0.7", "192.168.0.7", NULL},
	    {"10.0.0.2", "r.example.test", "the peer is 10.0.0.2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int aggressive = 0; aggressive < 2; aggressive++) {
			phase1_init(&phase1, IKE_AUTHENTICATION_PSK, aggressive);
			end_set_identity(&phase1.responder, cases[i].identity);
			if (cases[i].expected != NULL)
				end_expect(&phase1.initiator, cases[i].expected);
			if (cases[i].words != NULL) {
				expect_failure(&phase1.initiator, cases[i].words);
				continue;
			}
			if (!phase1_run(&phase1))
				fail_msg("%s", phase1.initiator.problem.text);
			assert_string_equal(
			    auth_peer_text(phase1.initiator.auth), cases[i].identity);
			phase1_close(&phase1);
		}
	}
}

static void any_identity_may_be_expected(void **state)
{
	(void)state;
	phase1_init(&phase1, IKE_AUTHENTICATION_PSK, false);
	end_set_identity(&phase1.responder, "r.example.test");
	phase1.initiator.ike.any_remote_identity = true;
	assert_true(phase1_run(&phase1));
	phase1_close(&phase1);
	/* An address is one's own only when one speaks from it (RFC 4945 3.1.1). */
	phase1_init(&phase1, IKE_AUTHENTICATION_PSK, false);
	end_set_identity(&phase1.responder, "10.0.0.3");
	phase1.initiator.ike.any_remote_identity = true;
	expect_failure(&phase1.initiator, "the peer is 10.0.0.3");
}

/* RFC 2407 4.6.2: zero, or IKE's own. */
static uint8_t id_protocol;
static uint16_t id_port;

static void set_port(struct phase1 *run, struct message *message)
{
	size_t len;
	uint8_t *id = message_payload(message, ISAKMP_ID, &len);

	(void)run;
	if (message->number != 5)
		return;
	id[1] = id_protocol;
	id[2] = (uint8_t)(id_port >> 8);
	id[3] = (uint8_t)id_port;
}

static void identities_are_for_ike(void **state)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
		const char *words;
	} cases[] = {
	    /* Changed on the way, it is not what was hashed; but it was read. */
	    {17, 500, "hash"},
	    {17, 4500, "hash"},
	    {17, 0, "hash"},
	    {6, 500, "RFC 2407 4.6.2"},
	    {17, 80, "RFC 2407 4.6.2"},
	    {0, 1, "RFC 2407 4.6.2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		phase1_init(&phase1, IKE_AUTHENTICATION_PSK, false);
		phase1.tamper = set_port;
		id_protocol = cases[i].protocol;
		id_port = cases[i].port;
		expect_failure(&phase1.responder, cases[i].words);
	}
}

/* RFC 2409 Appendix A, RFC 4754 6; 65001 is XAUTH's unless a vendor ID says otherwise. */
static void methods_have_numbers(void **state)
{
	enum ike_authentication found;

	(void)state;
	assert_int_equal(auth_attribute(IKE_AUTHENTICATION_PSK), 1);
	assert_true(auth_of_attribute(1, false, &found));
	assert_int_equal(found, IKE_AUTHENTICATION_PSK);
	assert_false(auth_of_attribute(0, true, &found));
	assert_false(auth_of_attribute(2, true, &found));
	assert_false(auth_of_attribute(65001, false, &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_that_agree_authenticate),
	    cmocka_unit_test(other_keys_do_not),
	    cmocka_unit_test(each_octet_of_a_hash_counts),
	    cmocka_unit_test(a_part_of_a_hash_is_none),
	    cmocka_unit_test(identities_are_expected),
	    cmocka_unit_test(any_identity_may_be_expected),
	    cmocka_unit_test(identities_are_for_ike),
	    cmocka_unit_test(methods_have_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
