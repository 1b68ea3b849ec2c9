/* Proposals: what is offered, what of it is selected, and which answer is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "crypto/algorithms.h"
#include "policy/proposal.h"
#include "policy.h"

static struct policy *proposals(const char *settings)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	    "peers = ( { name = \"m\"; address = \"10.0.0.0/8\"; principal = \"a@R\"; } );\n"
	    "policies = ( { name = \"r\"; remote = \"m\"; %s } );",
	    settings);
	return parse_good(text);
}

static void test_offer(void **state)
{
	static const uint32_t spi = 0xc0ffee;
	struct policy *policy =
	    proposals("esp = [ \"aes256gcm16\", \"aes128-sha1\" ]; lifetime = \"1 h\"; "
		      "lifetime_bytes = \"1 GiB\";");
	struct offer offer;

	(void)state;
	assert_int_equal(offer_make(&policy->rules[0], &spi, DH_NONE, &offer), ERR_OK);
	assert_int_equal(offer.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(offer.choices[i].proposal_number, 1);
		assert_int_equal(offer.choices[i].parts[0].transform_number, i + 1);
		assert_int_equal(offer.choices[i].parts[0].spi, 0xc0ffee);
		assert_int_equal(offer.choices[i].parts[0].mode, IPSEC_TRANSPORT);
		assert_int_equal(offer.choices[i].lifetime.seconds, 3600);
		assert_int_equal(offer.choices[i].lifetime.bytes, 1 << 30);
		assert_int_equal(offer.choices[i].group, DH_NONE);
	}
	assert_int_equal(offer.choices[0].parts[0].suite.encryption, ENCRYPTION_AES_GCM_16);
	assert_int_equal(offer.choices[1].parts[0].suite.integrity, INTEGRITY_HMAC_SHA1_96);
	policy_release(policy);
}

static void test_select(void **state)
{
	static const uint32_t spi = 7;
	struct policy *ours = proposals("esp = [ \"aes256gcm16\", \"aes128gcm16\" ];");
	struct policy *theirs = proposals(
	    "esp = [ \"null-sha1\", \"aes192gcm16\", \"aes128gcm16\", \"aes256gcm16\" ];");
	const struct policy_rule *rule = &ours->rules[0];
	struct offer offer;
	struct offer_choice choice;
	struct problem problem;

	(void)state;
	assert_int_equal(offer_make(&theirs->rules[0], &spi, DH_NONE, &offer), ERR_OK);
	/* The offerer's order decides (RFC 4430 3.2). */
	assert_int_equal(offer_select(rule, &offer, &choice, &problem), ERR_OK);
	assert_int_equal(choice.parts[0].transform_number, 3);
	assert_int_equal(choice.parts[0].suite.key_bits, 128);
	assert_int_equal(choice.parts[0].spi, 7);
	offer.choices[2].parts[0].mode = IPSEC_TUNNEL;
	assert_int_equal(offer_select(rule, &offer, &choice, &problem), ERR_OK);
	assert_int_equal(choice.parts[0].transform_number, 4);
	offer.choices[3].group = DH_CURVE25519;
	assert_int_equal(offer_select(rule, &offer, &choice, &problem), ERR_NOT_FOUND);
	assert_string_equal(problem.text,
	    "nothing offered is accepted: the peer offers null-sha1, aes192gcm16, aes128gcm16, "
	    "aes256gcm16 (transport mode, pfs none), policy \"r\" accepts aes256gcm16, aes128gcm16 "
	    "(transport mode, pfs off)");
	offer.count = 0;
	assert_int_equal(offer_select(rule, &offer, &choice, &problem), ERR_NOT_FOUND);
	policy_release(ours);
	policy_release(theirs);
}

static void test_select_lifetimes(void **state)
{
	static const uint32_t spi = 1;
	static const struct {
		const char *ours;
		struct lifetime offered;
		struct lifetime agreed;
	} cases[] = {
	    {"lifetime = 3600;", {0, 7200}, {0, 3600}},
	    {"lifetime = 3600;", {0, 1800}, {0, 1800}},
	    {"lifetime = 3600;", {0, 0}, {0, 3600}},
	    {"lifetime = \"2 d\";", {0, 0}, {0, 28800}}, /* RFC 2407 4.5 */
	    {"lifetime = \"2 d\";", {5000, 0}, {5000, 28800}},
	    {"lifetime_bytes = \"1 MiB\";", {0, 28800}, {1 << 20, 28800}},
	    {"lifetime_bytes = \"1 MiB\";", {1 << 21, 100}, {1 << 20, 100}},
	    {"lifetime_bytes = \"1 MiB\";", {1 << 10, 100}, {1 << 10, 100}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *policy = proposals(cases[i].ours);
		struct offer offer;
		struct offer_choice choice;

		assert_int_equal(offer_make(&policy->rules[0], &spi, DH_NONE, &offer), ERR_OK);
		offer.choices[0].lifetime = cases[i].offered;
		assert_int_equal(offer_select(&policy->rules[0], &offer, &choice, NULL), ERR_OK);
		assert_int_equal(choice.lifetime.seconds, cases[i].agreed.seconds);
		assert_int_equal(choice.lifetime.bytes, cases[i].agreed.bytes);
		policy_release(policy);
	}
}

static void expect_answer(const struct offer *offer, const struct offer_choice *answer,
    enum err expected, size_t expected_index)
{
	size_t index = 99;

	assert_int_equal(offer_find_answer(offer, answer, &index), expected);
	if (expected == ERR_OK)
		assert_int_equal(index, expected_index);
}

/* AH around ESP around IPComp; the outermost varies most. */
static void test_bundle(void **state)
{
	static const uint32_t spis[] = {0x1000, 0xe5b, 0xa4};
	static const enum ipsec_protocol expected[] = {IPSEC_IPCOMP, IPSEC_ESP, IPSEC_AH};
	struct policy *policy =
	    proposals("ipsec = \"esp+ah\"; compress = \"deflate\"; ah = [ \"sha256\", \"sha1\" ]; "
		      "esp = [ \"aes256gcm16\", \"aes128-sha256\" ];");
	struct policy *without = proposals("ipsec = \"esp+ah\"; ah = \"sha256\";");
	enum ipsec_protocol protocols[BUNDLE_MAX];
	struct offer offer;
	struct offer_choice choice;
	struct problem problem;
	size_t index;

	(void)state;
	assert_int_equal(policy_protocols(&policy->rules[0].proposal, protocols), 3);
	assert_memory_equal(protocols, expected, sizeof(expected));
	assert_int_equal(offer_make(&policy->rules[0], spis, DH_NONE, &offer), ERR_OK);
	assert_int_equal(offer.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(offer.choices[i].proposal_number, 1);
		assert_int_equal(offer.choices[i].part_count, 3);
		assert_int_equal(offer.choices[i].parts[0].transform_number, 1);
		assert_int_equal(offer.choices[i].parts[1].transform_number, i / 2 + 1);
		assert_int_equal(offer.choices[i].parts[2].transform_number, i % 2 + 1);
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(offer.choices[i].parts[j].spi, spis[j]);
	}
	assert_int_equal(offer.choices[1].parts[2].suite.integrity, INTEGRITY_HMAC_SHA1_96);
	choice = offer.choices[3];
	assert_int_equal(offer_find_answer(&offer, &choice, &index), ERR_OK);
	assert_int_equal(index, 3);
	choice.part_count = 2;
	assert_int_equal(offer_find_answer(&offer, &choice, &index), ERR_NOT_FOUND);
	/* All of the protocols, or none of the offer. */
	assert_int_equal(
	    offer_select(&without->rules[0], &offer, &choice, &problem), ERR_NOT_FOUND);
	assert_non_null(
	    strstr(problem.text, "the peer offers deflate and aes256gcm16 and ah-sha256, "));
	policy_release(policy);
	policy_release(without);
}

/* RFC 4304: an offer has each suite with them, without, or both, most wanted first. */
static void test_extended_sequence_numbers(void **state)
{
	static const uint32_t spis[] = {1, 2};
	static const struct {
		const char *settings;
		const char *first, *last;
		size_t count;
	} cases[] = {
	    {"esp = [ \"aes256gcm16\", \"aes128gcm16\" ];", "aes256gcm16", "aes128gcm16", 2},
	    {"esp = [ \"aes256gcm16\", \"aes128gcm16\" ]; esn = \"offer\";", "aes256gcm16-esn",
		"aes128gcm16", 4},
	    {"esp = [ \"aes256gcm16\", \"aes128gcm16\" ]; esn = \"require\";", "aes256gcm16-esn",
		"aes128gcm16-esn", 2},
	    /* Of a bundle either all protocols or none. */
	    {"esp = \"aes256gcm16\"; ipsec = \"esp+ah\"; esn = \"offer\";", "aes256gcm16-esn",
		"aes256gcm16", 2},
	};
	struct policy *never = proposals("");
	struct policy *always = proposals("esn = \"require\";");
	struct offer offer;
	struct offer_choice choice;
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *policy = proposals(cases[i].settings);
		char text[SUITE_TEXT_SIZE];

		assert_int_equal(offer_make(&policy->rules[0], spis, DH_NONE, &offer), ERR_OK);
		assert_int_equal(offer.count, cases[i].count);
		assert_string_equal(
		    suite_format(&offer.choices[0].parts[0].suite, text), cases[i].first);
		assert_string_equal(
		    suite_format(&offer.choices[offer.count - 1].parts[0].suite, text),
		    cases[i].last);
		for (size_t j = 0; j < offer.count && offer.choices[j].part_count == 2; j++)
			assert_int_equal(offer.choices[j].parts[0].suite.esn,
			    offer.choices[j].parts[1].suite.esn);
		policy_release(policy);
	}
	assert_int_equal(offer_make(&always->rules[0], spis, DH_NONE, &offer), ERR_OK);
	assert_int_equal(offer_select(&always->rules[0], &offer, &choice, &problem), ERR_OK);
	assert_int_equal(offer_select(&never->rules[0], &offer, &choice, &problem), ERR_NOT_FOUND);
	assert_non_null(strstr(problem.text, "the peer offers aes256gcm16-esn, "));
	assert_int_equal(offer_make(&never->rules[0], spis, DH_NONE, &offer), ERR_OK);
	assert_int_equal(offer_select(&always->rules[0], &offer, &choice, &problem), ERR_NOT_FOUND);
	policy_release(never);
	policy_release(always);
}

static void test_find_answer(void **state)
{
	static const uint32_t spi = 1;
	struct policy *policy = proposals("lifetime = \"1 h\"; lifetime_bytes = \"1 GiB\";");
	struct offer offer;
	struct offer_choice answer;

	(void)state;
	assert_int_equal(offer_make(&policy->rules[0], &spi, DH_NONE, &offer), ERR_OK);
	answer = offer.choices[0];
	answer.parts[0].spi = 99; /* the responder's own */
	expect_answer(&offer, &answer, ERR_OK, 0);
	answer.lifetime = (struct lifetime){.seconds = 3599, .bytes = 1 << 20};
	expect_answer(&offer, &answer, ERR_OK, 0);
	answer.lifetime.seconds = 3601;
	expect_answer(&offer, &answer, ERR_INVALID, 0);
	answer.lifetime.seconds = 0; /* 28800 */
	expect_answer(&offer, &answer, ERR_INVALID, 0);
	answer.lifetime = (struct lifetime){.seconds = 3600, .bytes = 0};
	expect_answer(&offer, &answer, ERR_INVALID, 0);
	answer.lifetime.bytes = (1 << 30) + 1;
	expect_answer(&offer, &answer, ERR_INVALID, 0);
	/* Not the optimistic one, but offered. */
	answer = offer.choices[2];
	expect_answer(&offer, &answer, ERR_OK, 2);
	answer = offer.choices[0];
	answer.parts[0].transform_number = 2;
	expect_answer(&offer, &answer, ERR_NOT_FOUND, 0);
	answer = offer.choices[0];
	answer.parts[0].suite.key_bits = 128;
	expect_answer(&offer, &answer, ERR_NOT_FOUND, 0);
	answer = offer.choices[0];
	answer.parts[0].mode = IPSEC_TUNNEL;
	expect_answer(&offer, &answer, ERR_NOT_FOUND, 0);
	answer = offer.choices[0];
	answer.group = DH_MODP_2048;
	expect_answer(&offer, &answer, ERR_NOT_FOUND, 0);
	policy_release(policy);
}

/* Who must have a key exchange, may have one, and may not. */
static void test_select_group(void **state)
{
	static const uint32_t spi = 7;
	static const struct {
		const char *settings;
		enum dh_group group;
		enum err expected;
	} cases[] = {
	    {"", DH_NONE, ERR_OK},
	    {"", DH_CURVE25519, ERR_NOT_FOUND},
	    {"pfs = \"offer\";", DH_NONE, ERR_OK},
	    {"pfs = \"offer\";", DH_ECP_256, ERR_OK},
	    {"pfs = \"offer\";", DH_MODP_4096, ERR_NOT_FOUND},
	    {"pfs = \"offer\"; pfs_groups = \"modp4096\";", DH_MODP_4096, ERR_OK},
	    {"pfs = \"require\";", DH_NONE, ERR_NOT_FOUND},
	    {"pfs = \"require\";", DH_CURVE25519, ERR_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *policy = proposals(cases[i].settings);
		struct offer offer;
		struct offer_choice choice;
		struct problem problem;

		assert_int_equal(
		    offer_make(&policy->rules[0], &spi, cases[i].group, &offer), ERR_OK);
		assert_int_equal(
		    offer_select(&policy->rules[0], &offer, &choice, &problem), cases[i].expected);
		if (cases[i].expected == ERR_OK)
			assert_int_equal(choice.group, cases[i].group);
		policy_release(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_offer),
	    cmocka_unit_test(test_select),
	    cmocka_unit_test(test_select_lifetimes),
	    cmocka_unit_test(test_bundle),
	    cmocka_unit_test(test_extended_sequence_numbers),
	    cmocka_unit_test(test_find_answer),
	    cmocka_unit_test(test_select_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
