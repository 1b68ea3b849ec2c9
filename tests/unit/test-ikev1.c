/*
 * src/kx/ikev1 where no peer has proved anything: first messages and what they may cost, fragments,
 * message IDs, and phase 1's offers and answers.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "engine.h"

#include "ikev1-vectors.h"
#include "kx/engine.h"
#include "kx/ikev1/fragment.h"
#include "kx/ikev1/proposal.h"
#include "kx/ikev1/sa.h"
#include "wire/vendor.h"

#define FLOOD 5000 /* first messages; more than are remembered */

static int open_with(void **state, const char *more)
{
	char path[] = "/tmp/test-ikev1-XXXXXX";
	int fd = mkstemp(path);
	char file[1024];

	assert_true(fd >= 0 && write(fd, "secret\n", 7) == 7 && close(fd) == 0);
	(void)snprintf(file, sizeof(file),
	    "peers = ({ name = \"p\"; address = \"192.0.2.0/24\"; exchange = \"ikev1\"; "
	    "psk_file = \"%s\"; ike = \"aes256-sha256-curve25519\"; });\n"
	    "policies = ({ name = \"all\"; remote = \"p\"; });\n%s",
	    path, more);
	*state = world_open(file);
	(void)unlink(path);
	return 0;
}

static int setup(void **state)
{
	return open_with(state, "");
}

static int setup_with_few_agreements(void **state)
{
	return open_with(state, "daemon: { limits: { agreements = 3; }; };\n");
}

static int setup_with_few_pending(void **state)
{
	return open_with(state, "daemon: { limits: { pending = 4; }; };\n");
}

static int teardown(void **state)
{
	world_close(*state);
	return 0;
}

/* A first message of main mode; returns its length. */
static size_t put_first(uint8_t *octets, size_t size, uint32_t cookie, uint16_t group, bool vendors)
{
	struct isakmp_header header = {.exchange = ISAKMP_EXCHANGE_IDENTITY_PROTECTION};
	struct ikev1_attributes attributes = {.encryption = IKEV1_ENCRYPTION_AES_CBC,
	    .hash = IKEV1_HASH_SHA2_256,
	    .method = IKEV1_METHOD_PRE_SHARED_KEY,
	    .group = group,
	    .life_seconds = 3600,
	    .key_length = 256};
	struct writer out = writer_of(octets, size);
	struct isakmp_writer chain;
	struct isakmp_sa_writer sa;
	struct bytes none = {0};

	memcpy(header.initiator_cookie, &cookie, sizeof(cookie));
	header.initiator_cookie[7] = 1;
	chain = isakmp_begin(&out, &header);
	sa = isakmp_sa_begin(&chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
	isakmp_sa_proposal(&sa, 1, PROTO_ISAKMP, none);
	isakmp_sa_transform(&sa, 1, KEY_IKE);
	ikev1_attributes_put(&out, &attributes);
	isakmp_sa_end(&sa);
	if (vendors) {
		isakmp_put(&chain, ISAKMP_VENDOR_ID, vendor_id_octets(VENDOR_DEAD_PEER_DETECTION));
		isakmp_put(&chain, ISAKMP_VENDOR_ID, vendor_id_octets(VENDOR_NAT_TRAVERSAL));
	}
	isakmp_end(&out);
	assert_true(writer_ok(&out));
	return out.len;
}

static void deliver(struct world *world, const char *from, const uint8_t *octets, size_t len)
{
	struct host_datagram datagram = {
	    .port = HOST_PORT_IKE, .local = {.port = 500}, .remote = {.port = 500}};

	assert_int_equal(address_parse("192.0.2.1", &datagram.local.address), ERR_OK);
	assert_int_equal(address_parse(from, &datagram.remote.address), ERR_OK);
	datagram.data = bytes_of(octets, len);
	world->sent = 0;
	kx_datagram(world->kx, &datagram);
}

/* A flood of first messages: no public-key work, an answer no longer than each, and a limit. */
static void first_messages_cost_little(void **state)
{
	struct world *world = *state;
	uint8_t octets[512];

	for (uint32_t i = 0; i < FLOOD; i++) {
		size_t len = put_first(octets, sizeof(octets), i, DH_CURVE25519, i % 2 == 0);

		deliver(world, "192.0.2.7", octets, len);
		assert_int_equal(world->sent, 1);
		assert_true(world->length <= len);
	}
	assert_int_equal(world->agreements, 0);
	assert_int_equal(kx_sa_count(world->kx), 0);
	/* The oldest gave way. */
	assert_int_equal(kx_counter_value(world->kx, KX_DATAGRAMS_SHED), FLOOD - 4096);
}

/* Main mode's third message, to the answer that came last. */
static void deliver_third(struct world *world, const char *from)
{
	static const uint8_t value[32] = {9};
	struct isakmp_header header = {.exchange = ISAKMP_EXCHANGE_IDENTITY_PROTECTION};
	uint8_t octets[512];
	struct writer out = writer_of(octets, sizeof(octets));
	struct isakmp_writer chain;

	memcpy(header.initiator_cookie, world->octets, 8);
	memcpy(header.responder_cookie, world->octets + 8, 8);
	chain = isakmp_begin(&out, &header);
	isakmp_put(&chain, ISAKMP_KE, bytes_of(value, sizeof(value)));
	isakmp_put(&chain, ISAKMP_NONCE, bytes_of(value, sizeof(value)));
	isakmp_end(&out);
	assert_true(writer_ok(&out));
	deliver(world, from, octets, out.len);
}

/* The cookie is good where the answer went, and nowhere else: RFC 2408 2.5.3. */
static void cookies_are_of_one_address(void **state)
{
	struct world *world = *state;
	uint8_t octets[512];
	size_t len = put_first(octets, sizeof(octets), 1, DH_CURVE25519, false);

	deliver(world, "192.0.2.7", octets, len);
	deliver_third(world, "192.0.2.8");
	assert_int_equal(world->agreements, 0);
	deliver_third(world, "192.0.2.7");
	assert_int_equal(world->agreements, 1);
}

/* Who begins and never proves anything gives way, to others at his address and with the time. */
static void what_is_not_proved_goes(void **state)
{
	struct world *world = *state;
	uint8_t octets[512];

	for (uint32_t i = 0; i < 10; i++) {
		size_t len = put_first(octets, sizeof(octets), i, DH_CURVE25519, false);

		deliver(world, "192.0.2.7", octets, len);
		deliver_third(world, "192.0.2.7");
	}
	assert_int_equal(world->agreements, 10);
	assert_int_equal(kx_counter_value(world->kx, KX_DATAGRAMS_SHED), 2);
	assert_int_equal(kx_counter_value(world->kx, KX_RESPONSES_REFUSED), 0);
	world->now_ms += 60000;
	kx_run_timers(world->kx);
	assert_int_equal(kx_counter_value(world->kx, KX_RESPONSES_REFUSED), 8);
}

/* Nine peers come, one after the other, of which so many cause a key agreement. */
static void expect_agreements(struct world *world, size_t most)
{
	uint8_t octets[512];
	char from[] = "192.0.2.10";

	for (uint32_t i = 0; i < 9; i++) {
		size_t len = put_first(octets, sizeof(octets), i, DH_CURVE25519, false);

		from[9] = (char)('0' + i);
		deliver(world, from, octets, len);
		deliver_third(world, from);
		assert_int_equal(world->agreements, i < most ? i + 1 : most);
	}
}

/* However many peers come at once, a second has so many key agreements and no more. */
static void agreements_have_a_rate(void **state)
{
	struct world *world = *state;

	expect_agreements(world, 3);
	assert_int_equal(kx_counter_value(world->kx, KX_DATAGRAMS_SHED), 6);
	world->now_ms += 1000;
	deliver_third(world, "192.0.2.18");
	assert_int_equal(world->agreements, 4);
}

/* However slowly they come, so many have yet to prove themselves and no more. */
static void unproved_ones_have_a_limit(void **state)
{
	struct world *world = *state;

	expect_agreements(world, 4);
	assert_int_equal(kx_counter_value(world->kx, KX_DATAGRAMS_SHED), 5);
}

/* RFC 2408 2.5.3: the cookie depends on who asks; a copy gets the same answer. */
static void copies_get_the_same_answer(void **state)
{
	struct world *world = *state;
	uint8_t octets[512];
	uint8_t first[8];
	size_t len = put_first(octets, sizeof(octets), 1, DH_CURVE25519, true);

	deliver(world, "192.0.2.7", octets, len);
	memcpy(first, world->octets + 8, sizeof(first));
	deliver(world, "192.0.2.7", octets, len);
	assert_int_equal(world->sent, 1);
	assert_memory_equal(first, world->octets + 8, sizeof(first));
	deliver(world, "192.0.2.8", octets, len);
	assert_int_equal(world->sent, 1);
	assert_memory_not_equal(first, world->octets + 8, sizeof(first));
}

/* RFC 2409 5: just the transform that was chosen, unchanged. */
static void the_answer_is_what_was_offered(void **state)
{
	struct world *world = *state;
	uint8_t octets[512];
	size_t len = put_first(octets, sizeof(octets), 1, DH_CURVE25519, false);

	deliver(world, "192.0.2.7", octets, len);
	assert_int_equal(world->length, len);
	assert_memory_equal(world->octets + 16, octets + 16, len - 16);
}

static void what_is_not_acceptable_is_told(void **state)
{
	struct world *world = *state;
	uint8_t octets[512];
	size_t len = put_first(octets, sizeof(octets), 1, DH_MODP_2048, false);
	struct isakmp_header header;
	struct isakmp_notification notification;
	struct isakmp_chain chain;
	enum notify_type notify;
	struct bytes body;

	deliver(world, "192.0.2.7", octets, len);
	assert_int_equal(world->sent, 1);
	assert_true(world->length <= len);
	assert_int_equal(
	    isakmp_header_decode(bytes_of(world->octets, world->length), &header, &body, &notify),
	    ERR_OK);
	assert_int_equal(header.exchange, ISAKMP_EXCHANGE_INFORMATIONAL);
	assert_int_equal(isakmp_chain_decode(header.next_payload, body, &chain), ERR_OK);
	assert_int_equal(isakmp_notification_decode(chain.payloads[0].body, &notification), ERR_OK);
	assert_int_equal(notification.type, NOTIFY_NO_PROPOSAL_CHOSEN);
}

/* Not without end: whoever sends in a peer's name makes us say it so often a second and no more. */
static void refusals_have_a_rate(void **state)
{
	struct world *world = *state;
	uint8_t octets[512];
	size_t answered = 0;

	for (uint32_t i = 0; i < 500; i++) {
		size_t len = put_first(octets, sizeof(octets), i, DH_MODP_2048, false);

		deliver(world, "192.0.2.7", octets, len);
		answered += world->sent;
	}
	assert_in_range(answered, 1, 100);
}

/* Nothing at all for whose address is no peer's, and for messages of no SA. */
static void strangers_hear_nothing(void **state)
{
	struct world *world = *state;
	uint8_t octets[512];
	size_t len = put_first(octets, sizeof(octets), 1, DH_CURVE25519, false);

	deliver(world, "198.51.100.7", octets, len);
	assert_int_equal(world->sent, 0);
	/* A cookie that was never given. */
	octets[8] = 1;
	deliver(world, "192.0.2.7", octets, len);
	assert_int_equal(world->sent, 0);
	for (size_t i = 0; i < 3; i++) {
		struct bytes message = hex(ikev1_vectors[0].quick[i]);

		deliver(world, "192.0.2.7", message.data, message.len);
		assert_int_equal(world->sent, 0);
	}
	assert_int_equal(world->agreements, 0);
}

static struct bytes fragment(uint16_t id, uint8_t number, bool last, const char *text)
{
	static uint8_t octets[64];
	struct writer out = writer_of(octets, sizeof(octets));

	writer_u16(&out, id);
	writer_u8(&out, number);
	writer_u8(&out, last);
	writer_put(&out, bytes_of(text, strlen(text)));
	return writer_bytes(&out);
}

static void fragments_in_any_order(void **state)
{
	struct ikev1_assembly *assembly = NULL;
	struct bytes whole = {0};

	(void)state;
	assert_false(ikev1_assemble(&assembly, fragment(1, 3, true, "ef"), &whole));
	assert_false(ikev1_assemble(&assembly, fragment(1, 1, false, "ab"), &whole));
	assert_false(ikev1_assemble(&assembly, fragment(1, 1, false, "ab"), &whole));
	assert_true(ikev1_assemble(&assembly, fragment(1, 2, false, "cd"), &whole));
	assert_int_equal(whole.len, 6);
	assert_memory_equal(whole.data, "abcdef", 6);
	assert_null(assembly);
	bytes_drop(&whole);
	/* Another message makes room for itself. */
	assert_false(ikev1_assemble(&assembly, fragment(2, 1, false, "ab"), &whole));
	assert_true(ikev1_assemble(&assembly, fragment(3, 1, true, "z"), &whole));
	assert_int_equal(whole.len, 1);
	bytes_drop(&whole);
	/* A number of 0, or too high a one, is none. */
	assert_false(ikev1_assemble(&assembly, fragment(4, 0, true, "z"), &whole));
	assert_false(ikev1_assemble(&assembly, fragment(4, 65, true, "z"), &whole));
	ikev1_assembly_free(assembly);
}

static void fragments_have_a_limit(void **state)
{
	struct ikev1_assembly *assembly = NULL;
	static uint8_t octets[4 + 1000];
	struct bytes whole = {0};

	(void)state;
	/* The 33rd is too much, and all of them go. */
	for (uint8_t number = 1; number <= 33; number++) {
		octets[1] = 1;
		octets[2] = number;
		assert_false(ikev1_assemble(&assembly, bytes_of(octets, sizeof(octets)), &whole));
	}
	assert_null(assembly);
}

static void message_ids_count_once(void **state)
{
	struct ikev1_sa sa = {0};

	(void)state;
	for (uint32_t id = 1; id < 5000; id++) {
		assert_false(ikev1_sa_took_message_id(&sa, id * 7919));
		assert_int_equal(ikev1_sa_take_message_id(&sa, id * 7919), ERR_OK);
	}
	for (uint32_t id = 1; id < 5000; id++)
		assert_int_equal(ikev1_sa_take_message_id(&sa, id * 7919), ERR_REPLAY);
	free(sa.ids.ids);
}

/* What we offer, a responder with the same entry chooses, and its answer is one of ours. */
static void offers_are_chosen(void **state)
{
	struct world *world = *state;
	const struct policy_ike *ike = world->policy->peers[0].ike;
	uint8_t octets[2][512];
	struct ikev1_choice choice;
	struct ikev1_choice answer;
	struct problem problem;
	struct bytes none = {0};
	struct bytes bodies[2];

	for (size_t i = 0; i < 2; i++) {
		struct writer out = writer_of(octets[i], sizeof(octets[i]));
		struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);

		if (i == 0)
			ikev1_put_offer(&chain, ike, false, none);
		else
			ikev1_put_choice(&chain, &choice);
		bodies[i] = bytes_of(octets[i] + 4, out.len - 4);
		if (i == 0)
			assert_int_equal(
			    ikev1_choose(bodies[0], ike, false, &choice, &problem), ERR_OK);
	}
	assert_int_equal(choice.suite.group, DH_CURVE25519);
	assert_int_equal(choice.suite.key_bits, 256);
	assert_null(ikev1_read_answer(bodies[0], bodies[1], &answer));
	/* A key size that was not offered: 384 bits. */
	for (size_t i = 0; i + 4 <= bodies[1].len; i++) {
		if (memcmp(octets[1] + 4 + i, "\x80\x0e\x01\x00", 4) == 0)
			octets[1][4 + i + 3] = 0x80;
	}
	assert_non_null(ikev1_read_answer(bodies[0], bodies[1], &answer));
}

/* The SA payload's body of an offer, or of the answer to it. */
static struct bytes sa_body(uint8_t octets[512], const struct policy_ike *ike, struct bytes name,
    const struct ikev1_choice *choice)
{
	struct writer out = writer_of(octets, 512);
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);

	if (choice == NULL)
		ikev1_put_offer(&chain, ike, false, name);
	else
		ikev1_put_choice(&chain, choice);
	assert_true(writer_ok(&out));
	return bytes_of(octets + 4, out.len - 4);
}

/* draft-ietf-ipsec-isakmp-gss-auth: each end's transform has its own name. */
static void names_of_kerberos_are_exchanged(void **state)
{
	static const struct bytes ours = {(const uint8_t *)"A\0$\0@\0R\0", 8};
	static const struct bytes theirs = {(const uint8_t *)"b\0@\0R\0", 6};
	struct world *world = *state;
	struct policy_ike ike = *world->policy->peers[0].ike;
	struct bytes none = {0};
	uint8_t octets[2][512];
	struct bytes offer;
	struct bytes answer;
	struct ikev1_choice choice;
	struct ikev1_choice read;
	struct problem problem;

	ike.authentications[0] = IKE_AUTHENTICATION_GSS;
	ike.authentications[1] = IKE_AUTHENTICATION_PSK;
	ike.authentication_count = 2;
	offer = sa_body(octets[0], &ike, ours, NULL);
	assert_int_equal(ikev1_choose(offer, &ike, true, &choice, &problem), ERR_OK);
	assert_int_equal(choice.suite.authentication, IKE_AUTHENTICATION_GSS);
	assert_true(bytes_equal(choice.gss_identity, ours));
	choice.gss_answer = theirs;
	answer = sa_body(octets[1], &ike, none, &choice);
	assert_null(ikev1_read_answer(offer, answer, &read));
	assert_true(bytes_equal(read.gss_identity, theirs));
	/* Without a name of its own the responder sends nobody else's. */
	choice.gss_answer = none;
	answer = sa_body(octets[1], &ike, none, &choice);
	assert_null(ikev1_read_answer(offer, answer, &read));
	assert_int_equal(read.gss_identity.len, 0);
	/* 65001 is something else from who has not sent the vendor ID. */
	assert_int_equal(ikev1_choose(offer, &ike, false, &choice, &problem), ERR_OK);
	assert_int_equal(choice.suite.authentication, IKE_AUTHENTICATION_PSK);
	/* Nothing of it is offered by who has no name. */
	offer = sa_body(octets[0], &ike, none, NULL);
	assert_int_equal(ikev1_choose(offer, &ike, true, &choice, &problem), ERR_OK);
	assert_int_equal(choice.suite.authentication, IKE_AUTHENTICATION_PSK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(first_messages_cost_little, setup, teardown),
	    cmocka_unit_test_setup_teardown(cookies_are_of_one_address, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_not_proved_goes, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		agreements_have_a_rate, setup_with_few_agreements, teardown),
	    cmocka_unit_test_setup_teardown(copies_get_the_same_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_answer_is_what_was_offered, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_not_acceptable_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(refusals_have_a_rate, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		unproved_ones_have_a_limit, setup_with_few_pending, teardown),
	    cmocka_unit_test_setup_teardown(strangers_hear_nothing, setup, teardown),
	    cmocka_unit_test(fragments_in_any_order),
	    cmocka_unit_test(fragments_have_a_limit),
	    cmocka_unit_test(message_ids_count_once),
	    cmocka_unit_test_setup_teardown(offers_are_chosen, setup, teardown),
	    cmocka_unit_test_setup_teardown(names_of_kerberos_are_exchanged, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
