/* src/kx/quick: offers, identities and seeds as ISAKMP payloads and back. RFC 2407, 2409 5.5, 4430.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/algorithms.h"
#include "kx/quick/quick.h"
#include "kx/quick/request.h"

/* Payloads written by body() become a chain, as they would arrive. */
struct message {
	uint8_t octets[2048];
	struct isakmp_chain chain;
};

static struct isakmp_writer begin(struct message *message, struct writer *out)
{
	*out = writer_of(message->octets, sizeof(message->octets));
	return isakmp_writer_at(out, writer_reserve(out, 4));
}

static void arrive(struct message *message, const struct writer *out)
{
	assert_true(writer_ok(out));
	assert_int_equal(isakmp_chain_decode(message->octets[0],
			     bytes_of(message->octets + 4, out->len - 4), &message->chain),
	    ERR_OK);
}

static struct address address(const char *text)
{
	struct address parsed;

	assert_int_equal(address_parse(text, &parsed), ERR_OK);
	return parsed;
}

static struct address_range range(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return range_of_prefix(&prefix);
}

static struct offer_choice choice(const char *name, uint8_t transform)
{
	struct offer_choice made = {
	    .proposal_number = 1, .part_count = 1, .lifetime = {.seconds = 28800}};

	made.parts[0] = (struct offer_part){
	    .transform_number = transform, .spi = 0x12345678, .mode = IPSEC_TRANSPORT};
	assert_int_equal(suite_parse(name, &made.parts[0].suite), ERR_OK);
	return made;
}

static void add_part(struct offer_choice *made, const char *name, uint8_t transform, uint32_t spi,
    enum ipsec_mode mode)
{
	struct offer_part *part = &made->parts[made->part_count++];

	*part = (struct offer_part){.transform_number = transform, .spi = spi, .mode = mode};
	assert_int_equal(suite_parse(name, &part->suite), ERR_OK);
}

/* RFC 2408 4.2: one number, a Proposal payload for each protocol, any of their transforms. */
static void bundles_round_trip(void **state)
{
	static const char *const esp[] = {"aes256gcm16", "aes128-sha256"};
	static const char *const ah[] = {"ah-sha256", "ah-sha512", "ah-sha1"};
	struct message message;
	struct writer out;
	struct isakmp_writer chain = begin(&message, &out);
	struct offer offer = {.count = 6};
	struct offer got;
	struct isakmp_sa sa;
	bool first_known;
	enum notify_type notify;

	(void)state;
	for (uint8_t i = 0; i < 6; i++) {
		struct offer_choice *made = &offer.choices[i];

		*made = (struct offer_choice){.proposal_number = 1, .lifetime = {.seconds = 60}};
		add_part(made, "deflate", 1, 0x1234, IPSEC_TUNNEL);
		add_part(made, esp[i / 3], i / 3 + 1, 0xe5e5e5e5, IPSEC_TRANSPORT);
		add_part(made, ah[i % 3], i % 3 + 1, 0xa4a4a4a4, IPSEC_TRANSPORT);
	}
	assert_int_equal(quick_put_offer(&chain, &offer), ERR_OK);
	arrive(&message, &out);
	assert_int_equal(
	    isakmp_sa_decode(isakmp_chain_find(&message.chain, ISAKMP_SA, NULL)->body, &sa),
	    ERR_OK);
	assert_int_equal(sa.proposal_count, 3);
	assert_int_equal(sa.proposals[0].protocol, PROTO_IPCOMP);
	assert_int_equal(sa.proposals[0].spi.len, 2);
	assert_int_equal(sa.proposals[1].transform_count, 2);
	assert_int_equal(sa.proposals[2].transform_count, 3);
	assert_int_equal(sa.proposals[2].transforms[1].id, AH_SHA2_512);
	assert_int_equal(quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
	assert_true(first_known);
	assert_int_equal(got.count, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(got.choices[i].part_count, 3);
		assert_int_equal(got.choices[i].lifetime.seconds, 60);
		for (size_t j = 0; j < 3; j++)
			assert_memory_equal(&got.choices[i].parts[j], &offer.choices[i].parts[j],
			    sizeof(struct offer_part));
	}
}

/* RFC 3947 5.1: modes of their own say that packets go in UDP. */
static void encapsulation_modes_say_udp(void **state)
{
	static const struct {
		enum ipsec_mode mode;
		bool udp;
		uint16_t number;
	} modes[] = {{IPSEC_TUNNEL, false, ENCAPSULATION_TUNNEL},
	    {IPSEC_TRANSPORT, false, ENCAPSULATION_TRANSPORT},
	    {IPSEC_TUNNEL, true, ENCAPSULATION_UDP_TUNNEL},
	    {IPSEC_TRANSPORT, true, ENCAPSULATION_UDP_TRANSPORT}};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct message message;
		struct writer out;
		struct isakmp_writer chain = begin(&message, &out);
		struct offer offer = {.count = 1, .choices = {choice("aes256gcm16", 1)}};
		struct offer got;
		struct isakmp_sa sa;
		struct ipsec_attributes attributes;
		enum notify_type notify;
		bool first_known;

		offer.choices[0].parts[0].mode = modes[i].mode;
		offer.choices[0].udp = modes[i].udp;
		assert_int_equal(quick_put_offer(&chain, &offer), ERR_OK);
		arrive(&message, &out);
		assert_int_equal(
		    isakmp_sa_decode(isakmp_chain_find(&message.chain, ISAKMP_SA, NULL)->body, &sa),
		    ERR_OK);
		assert_int_equal(
		    ipsec_attributes_decode(sa.transforms[0].attributes, &attributes), ERR_OK);
		assert_int_equal(attributes.encapsulation, modes[i].number);
		assert_int_equal(
		    quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
		assert_int_equal(got.count, 1);
		assert_int_equal(got.choices[0].udp, modes[i].udp);
		assert_int_equal(got.choices[0].parts[0].mode, modes[i].mode);
	}
}

static void offers_round_trip(void **state)
{
	static const char *const names[] = {"aes256gcm16", "aes128gcm16", "aes192gcm16",
	    "aes256-sha256", "aes128-sha1", "aes192-sha384", "aes256-sha512", "null-sha256"};
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	struct message message;
	struct writer out;
	struct isakmp_writer chain = begin(&message, &out);
	struct offer offer = {.count = COUNT};
	struct offer got;
	enum notify_type notify;
	bool first_known;

	(void)state;
	for (uint8_t i = 0; i < COUNT; i++)
		offer.choices[i] = choice(names[i], (uint8_t)(i + 1));
	offer.choices[1].parts[0].mode = IPSEC_TUNNEL;
	offer.choices[2].lifetime = (struct lifetime){.seconds = 100000, .bytes = 1ULL << 40};
	offer.choices[3].lifetime = (struct lifetime){0};
	offer.choices[4].group = DH_ECP_256;
	assert_int_equal(quick_put_offer(&chain, &offer), ERR_OK);
	arrive(&message, &out);
	assert_int_equal(quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
	assert_true(first_known);
	assert_int_equal(got.count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(got.choices[i].proposal_number, 1);
		assert_int_equal(got.choices[i].parts[0].transform_number, i + 1);
		assert_int_equal(got.choices[i].parts[0].spi, 0x12345678);
		assert_true(
		    suite_equal(&got.choices[i].parts[0].suite, &offer.choices[i].parts[0].suite));
		assert_int_equal(got.choices[i].parts[0].mode, offer.choices[i].parts[0].mode);
		assert_int_equal(got.choices[i].group, offer.choices[i].group);
		assert_int_equal(
		    got.choices[i].lifetime.seconds, offer.choices[i].lifetime.seconds);
		assert_int_equal(got.choices[i].lifetime.bytes, offer.choices[i].lifetime.bytes);
	}
}

/* RFC 2409 5.5: several SAs are answered only by whom several were asked of. */
static void an_answer_has_one_sa(void **state)
{
	struct offer offer = {.count = 1, .choices = {choice("aes256gcm16", 1)}};

	(void)state;
	for (size_t sas = 1; sas <= 2; sas++) {
		struct message message;
		struct writer out;
		struct isakmp_writer chain = begin(&message, &out);
		struct quick_answer answer;

		for (size_t i = 0; i < sas; i++)
			assert_int_equal(quick_put_offer(&chain, &offer), ERR_OK);
		arrive(&message, &out);
		if (sas == 1)
			assert_null(quick_read_answer(&message.chain, &offer, false, &answer));
		else
			assert_non_null(quick_read_answer(&message.chain, &offer, false, &answer));
	}
}

/* RFC 2407 4.4.4 and 4.5, RFC 4106 8: octets written by hand. */
static void an_offer_as_the_rfcs_have_it(void **state)
{
	static const uint8_t body[] = {
	    0, 0, 0, 1,                   /* DOI IPsec */
	    0, 0, 0, 1,                   /* SIT_IDENTITY_ONLY */
	    0, 0, 0, 40,                  /* the only proposal */
	    1, 3, 4, 1,                   /* number 1, PROTO_IPSEC_ESP, SPI of 4, one transform */
	    0xca, 0xfe, 0xba, 0xbe,       /* SPI */
	    0, 0, 0, 28,                  /* the only transform */
	    1, 20, 0, 0,                  /* number 1, ESP_AES-GCM_16 */
	    0x80, 1, 0, 1,                /* SA Life Type: seconds */
	    0, 2, 0, 4, 0, 0, 0x70, 0x80, /* SA Life Duration: 28800 */
	    0x80, 4, 0, 2,                /* Encapsulation Mode: Transport */
	    0x80, 6, 1, 0,                /* Key Length: 256 */
	};
	struct message message;
	struct writer out;
	struct isakmp_writer chain = begin(&message, &out);
	struct offer got;
	struct suite expected;
	enum notify_type notify;
	bool first_known;

	(void)state;
	assert_int_equal(suite_parse("aes256gcm16", &expected), ERR_OK);
	isakmp_put(&chain, ISAKMP_SA, bytes_of(body, sizeof(body)));
	arrive(&message, &out);
	assert_int_equal(quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.choices[0].parts[0].spi, 0xcafebabe);
	assert_true(suite_equal(&got.choices[0].parts[0].suite, &expected));
	assert_int_equal(got.choices[0].lifetime.seconds, 28800);
	assert_int_equal(got.choices[0].parts[0].mode, IPSEC_TRANSPORT);
}

/* RFC 4304 section 2: attribute 11, and 1 is its only value. */
static void extended_sequence_numbers_are_an_attribute(void **state)
{
	static const struct {
		uint8_t value[4];
		size_t count;
		bool esn;
	} cases[] = {{{0x80, 11, 0, 1}, 1, true}, {{0x80, 11, 0, 2}, 0, false},
	    {{0x80, 11, 0, 0}, 0, false}, {{0x80, 4, 0, 2}, 1, false}};
	uint8_t body[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 32, 1, 3, 4, 1, 0xca, 0xfe, 0xba, 0xbe,
	    0, 0, 0, 20, 1, 20, 0, 0, 0x80, 4, 0, 2, 0x80, 6, 1, 0, 0, 0, 0, 0};
	struct offer offer = {.count = 1, .choices = {choice("aes256gcm16", 1)}};
	struct message message;
	struct writer out;
	struct isakmp_writer chain;
	struct isakmp_sa sa;
	struct ipsec_attributes attributes;
	struct offer got;
	enum notify_type notify;
	bool first_known;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(body + sizeof(body) - 4, cases[i].value, 4);
		chain = begin(&message, &out);
		isakmp_put(&chain, ISAKMP_SA, bytes_of(body, sizeof(body)));
		arrive(&message, &out);
		assert_int_equal(
		    quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
		assert_int_equal(got.count, cases[i].count);
		assert_true(got.count == 0 || got.choices[0].parts[0].suite.esn == cases[i].esn);
	}
	offer.choices[0].parts[0].suite.esn = true;
	chain = begin(&message, &out);
	assert_int_equal(quick_put_offer(&chain, &offer), ERR_OK);
	arrive(&message, &out);
	assert_int_equal(
	    isakmp_sa_decode(isakmp_chain_find(&message.chain, ISAKMP_SA, NULL)->body, &sa),
	    ERR_OK);
	assert_int_equal(ipsec_attributes_decode(sa.transforms[0].attributes, &attributes), ERR_OK);
	assert_int_equal(attributes.esn, ESN_64_BITS);
	assert_int_equal(quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
	assert_true(got.choices[0].parts[0].suite.esn);
}

static void what_has_no_number_is_not_offered(void **state)
{
	struct message message;
	struct writer out;
	struct isakmp_writer chain = begin(&message, &out);
	struct offer offer = {.count = 2};
	struct offer got;
	enum notify_type notify;
	bool first_known;

	(void)state;
	offer.choices[0] = choice("chacha20poly1305", 1);
	assert_int_equal(
	    quick_put_offer(&chain, &(struct offer){.count = 1, .choices = {offer.choices[0]}}),
	    ERR_UNSUPPORTED);
	chain = begin(&message, &out);
	offer.choices[1] = choice("aes256gcm16", 2);
	assert_int_equal(quick_put_offer(&chain, &offer), ERR_OK);
	arrive(&message, &out);
	assert_int_equal(quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.choices[0].parts[0].transform_number, 2);
}

static void offers_that_are_none(void **state)
{
	static const uint8_t small_spi[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 24, 1, 3, 4, 1, 0, 0,
	    0, 5, 0, 0, 0, 12, 1, 20, 0, 0, 0x80, 6, 1, 0};
	static const uint8_t other_doi[] = {0, 0, 0, 2, 0, 0, 0, 1};
	struct message message;
	struct writer out;
	struct isakmp_writer chain = begin(&message, &out);
	struct offer got;
	enum notify_type notify;
	bool first_known;

	(void)state;
	isakmp_put(&chain, ISAKMP_NONCE, bytes_of("0123456789", 10));
	arrive(&message, &out);
	assert_int_not_equal(quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
	assert_int_equal(notify, NOTIFY_PAYLOAD_MALFORMED);
	chain = begin(&message, &out);
	isakmp_put(&chain, ISAKMP_SA, bytes_of(small_spi, sizeof(small_spi)));
	arrive(&message, &out);
	/* SPIs up to 255 are reserved (RFC 4303 2.1). */
	assert_int_not_equal(quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
	chain = begin(&message, &out);
	isakmp_put(&chain, ISAKMP_SA, bytes_of(other_doi, sizeof(other_doi)));
	arrive(&message, &out);
	assert_int_not_equal(quick_get_offer(&message.chain, &got, &first_known, &notify), ERR_OK);
}

static void nonces_have_their_size(void **state)
{
	uint8_t octets[QUICK_NONCE_MAX + 1] = {0};
	static const struct {
		size_t len;
		enum err expected;
	} cases[] = {{QUICK_NONCE_MIN - 1, ERR_INVALID}, {QUICK_NONCE_MIN, ERR_OK},
	    {QUICK_NONCE_MAX, ERR_OK}, {QUICK_NONCE_MAX + 1, ERR_INVALID}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message message;
		struct writer out;
		struct isakmp_writer chain = begin(&message, &out);
		struct bytes nonce;

		isakmp_put(&chain, ISAKMP_NONCE, bytes_of(octets, cases[i].len));
		arrive(&message, &out);
		assert_int_equal(quick_get_nonce(&message.chain, &nonce), cases[i].expected);
		if (cases[i].expected == ERR_OK)
			assert_int_equal(nonce.len, cases[i].len);
	}
}

/* The initiator's local side is the responder's remote one. */
static void identities_mirror(void **state)
{
	struct address a = address("10.0.0.1");
	struct address b = address("10.0.0.2");
	struct selector selectors[] = {
	    {.local = range("10.1.0.0/16"),
		.remote = range("10.2.0.0/16"),
		.local_ports = PORT_ANY,
		.remote_ports = PORT_ANY},
	    {.local = range("10.0.0.1"),
		.remote = range("10.0.0.2"),
		.local_ports = PORT_ANY,
		.remote_ports = {80, 80},
		.protocol = 6},
	    {.local = range("2001:db8:1::/48"),
		.remote = range("2001:db8:2::7"),
		.local_ports = {53, 53},
		.remote_ports = PORT_ANY,
		.protocol = 17},
	    {.local = range("10.0.0.1"),
		.remote = range("10.0.0.2"),
		.local_ports = PORT_ANY,
		.remote_ports = PORT_ANY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		struct message message;
		struct writer out;
		struct isakmp_writer chain = begin(&message, &out);
		struct selector got;

		quick_put_identities(&chain, &selectors[i], &a, &b, true);
		arrive(&message, &out);
		/* All traffic between the hosts goes without saying (RFC 2409 5.5). */
		assert_int_equal(isakmp_chain_count(&message.chain, ISAKMP_ID), i == 3 ? 0 : 2);
		assert_int_equal(quick_get_identities(&message.chain, &b, &a, false, &got), ERR_OK);
		assert_true(range_equal(&got.remote, &selectors[i].local));
		assert_true(range_equal(&got.local, &selectors[i].remote));
		assert_int_equal(got.protocol, selectors[i].protocol);
		assert_int_equal(got.remote_ports.first, selectors[i].local_ports.first);
		assert_int_equal(got.local_ports.last, selectors[i].remote_ports.last);
	}
}

static void identities_that_contradict(void **state)
{
	struct address a = address("10.0.0.1");
	struct address b = address("10.0.0.2");
	struct address_range four = range("10.0.0.0/8");
	struct address_range six = range("2001:db8::/32");
	struct message message;
	struct writer out;
	struct isakmp_writer chain = begin(&message, &out);
	struct selector got;

	(void)state;
	isakmp_put_id_range(&chain, &four, 6, 80);
	arrive(&message, &out);
	assert_int_equal(quick_get_identities(&message.chain, &b, &a, false, &got), ERR_INVALID);
	chain = begin(&message, &out);
	isakmp_put_id_range(&chain, &four, 6, 0);
	isakmp_put_id_range(&chain, &four, 17, 0);
	arrive(&message, &out);
	assert_int_equal(quick_get_identities(&message.chain, &b, &a, false, &got), ERR_INVALID);
	chain = begin(&message, &out);
	isakmp_put_id_range(&chain, &four, 0, 0);
	isakmp_put_id_range(&chain, &six, 0, 0);
	arrive(&message, &out);
	assert_int_equal(quick_get_identities(&message.chain, &b, &a, false, &got), ERR_INVALID);
}

/* RFC 2409 5.5: [g^xy |] protocol | SPI | Ni_b | Nr_b. */
static void seeds_are_what_the_rfc_says(void **state)
{
	uint8_t octets[QUICK_SEED_MAX];
	struct writer seed = writer_of(octets, sizeof(octets));
	struct quick_inputs inputs = {.ni = bytes_of("NI", 2), .nr = bytes_of("R", 1)};

	(void)state;
	quick_put_seed(&seed, IPSEC_ESP, 0x01020304, &inputs);
	assert_int_equal(seed.len, 8);
	assert_memory_equal(octets, "\x03\x01\x02\x03\x04NIR", 8);
	seed = writer_of(octets, sizeof(octets));
	inputs = (struct quick_inputs){.secret = bytes_of("xy", 2), .ni = bytes_of("NI", 2)};
	quick_put_seed(&seed, IPSEC_ESP, 0x01020304, &inputs);
	assert_int_equal(seed.len, 9);
	assert_memory_equal(octets, "xy\x03\x01\x02\x03\x04NI", 9);
}

/* RFC 4430 3.2: INVALID-PAYLOAD-TYPE with the type of KE. */
static void refusals_of_key_exchange_are_known(void **state)
{
	static const uint8_t ke = ISAKMP_KE;
	static const uint8_t other = ISAKMP_NONCE;
	struct message message;
	struct writer out;
	struct isakmp_writer chain = begin(&message, &out);

	(void)state;
	quick_put_notification(&chain, NOTIFY_INVALID_PAYLOAD_TYPE, IPSEC_ESP, 0, bytes_of(&ke, 1));
	arrive(&message, &out);
	assert_true(quick_refuses_key_exchange(&message.chain));
	chain = begin(&message, &out);
	quick_put_notification(
	    &chain, NOTIFY_INVALID_PAYLOAD_TYPE, IPSEC_ESP, 0, bytes_of(&other, 1));
	arrive(&message, &out);
	assert_false(quick_refuses_key_exchange(&message.chain));
	chain = begin(&message, &out);
	quick_put_notification(&chain, NOTIFY_NO_PROPOSAL_CHOSEN, IPSEC_ESP, 0, bytes_of(&ke, 1));
	arrive(&message, &out);
	assert_false(quick_refuses_key_exchange(&message.chain));
}

static void errors_are_found_among_notifications(void **state)
{
	struct message message;
	struct writer out;
	struct isakmp_writer chain = begin(&message, &out);

	(void)state;
	quick_put_notification(&chain, NOTIFY_INITIAL_CONTACT, IPSEC_ESP, 0, (struct bytes){0});
	arrive(&message, &out);
	assert_int_equal(quick_find_error(&message.chain), 0);
	chain = begin(&message, &out);
	quick_put_notification(&chain, NOTIFY_INITIAL_CONTACT, IPSEC_ESP, 0, (struct bytes){0});
	quick_put_notification(
	    &chain, NOTIFY_NO_PROPOSAL_CHOSEN, IPSEC_ESP, 0x12345678, (struct bytes){0});
	arrive(&message, &out);
	assert_int_equal(quick_find_error(&message.chain), NOTIFY_NO_PROPOSAL_CHOSEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(offers_round_trip),
	    cmocka_unit_test(bundles_round_trip),
	    cmocka_unit_test(encapsulation_modes_say_udp),
	    cmocka_unit_test(an_answer_has_one_sa),
	    cmocka_unit_test(an_offer_as_the_rfcs_have_it),
	    cmocka_unit_test(extended_sequence_numbers_are_an_attribute),
	    cmocka_unit_test(what_has_no_number_is_not_offered),
	    cmocka_unit_test(offers_that_are_none),
	    cmocka_unit_test(nonces_have_their_size),
	    cmocka_unit_test(identities_mirror),
	    cmocka_unit_test(identities_that_contradict),
	    cmocka_unit_test(seeds_are_what_the_rfc_says),
	    cmocka_unit_test(refusals_of_key_exchange_are_known),
	    cmocka_unit_test(errors_are_found_among_notifications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
