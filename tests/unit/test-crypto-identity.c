/* Identities of IKE: texts, and whether one is another (RFC 4945 3.1). */
#include "crypto.h"
#include "crypto/identity.h"

static struct ike_identity parse(const char *text)
{
	static uint8_t data[4][IKE_IDENTITY_MAX];
	static unsigned turn;
	struct ike_identity identity = {0};
	struct problem problem;

	if (ike_identity_parse(text, data[turn++ % COUNT(data)], &identity, &problem) != ERR_OK)
		fail_msg("%s: %s", text, problem.text);
	return identity;
}

static void texts_are_read(void **state)
{
	static const struct {
		const char *text;
		uint8_t type;
		const char *octets;
		const char *again; /* NULL: the same */
	} known[] = {
	    {"192.0.2.1", 1, "c0000201", NULL},
	    {"2001:db8::1", 5, "20010db8000000000000000000000001", NULL},
	    {"host.example.test", 2, "686f73742e6578616d706c652e74657374", NULL},
	    {"@host", 2, "686f7374", "host"},
	    {"u@x", 3, "754078", NULL},
	    {"keyid:a=b, c", 11, "613d622c2063", "keyid:a=b,?c"},
	    /* openssl req -subj "/C=CH/O=Example, Ltd./CN=a", its subject's DER */
	    {"C=CH, O=Example\\, Ltd., CN=a", 9,
		"3031310b300906035504061302434831163014060355040a0c0d4578616d706c652c204c74642e310a"
		"300806035504030c0161",
		NULL},
	    {" C = CH ,O= Example\\, Ltd.,CN=a ", 9,
		"3031310b300906035504061302434831163014060355040a0c0d4578616d706c652c204c74642e310a"
		"300806035504030c0161",
		"C=CH, O=Example\\, Ltd., CN=a"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct ike_identity identity = parse(known[i].text);
		struct bytes octets = hex(known[i].octets);
		char text[IKE_IDENTITY_TEXT_SIZE];

		assert_int_equal(identity.type, known[i].type);
		assert_int_equal(identity.data.len, octets.len);
		assert_memory_equal(identity.data.data, octets.data, octets.len);
		assert_string_equal(ike_identity_format(&identity, text),
		    known[i].again != NULL ? known[i].again : known[i].text);
	}
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = {"", "@", "keyid:", "a b", "C=", "X=y, CN=a",
	    "C=Switzerland", "a;b", "CN=a,,O=b", "10.0.0.0/8"};
	char longest[IKE_IDENTITY_MAX + 2];
	uint8_t data[IKE_IDENTITY_MAX];
	struct ike_identity identity;
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		problem.text[0] = '\0';
		if (ike_identity_parse(bad[i], data, &identity, &problem) == ERR_OK)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(strstr(problem.text, "is no identity"));
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(ike_identity_parse(longest, data, &identity, &problem), ERR_TOO_LONG);
	longest[sizeof(longest) - 2] = '\0';
	assert_int_equal(ike_identity_parse(longest, data, &identity, &problem), ERR_OK);
}

/* Whatever a peer sends has a text. */
static void anything_can_be_shown(void **state)
{
	static const struct {
		uint8_t type;
		const char *octets;
		const char *text;
	} odd[] = {
	    {1, "c00002", "an identity of type 1 (3 octets)"},
	    {2, "61000a1b62", "a???b"},
	    {9, "3003", "a malformed distinguished name"},
	    {9, "3000", "an empty distinguished name"},
	    {9, "300000", "a malformed distinguished name"},
	    {4, "0a000000ff000000", "an identity of type 4 (8 octets)"},
	    {250, "", "an identity of type 250 (0 octets)"},
	};
	char text[IKE_IDENTITY_TEXT_SIZE];
	char letters[IKE_IDENTITY_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		struct ike_identity identity = {odd[i].type, hex(odd[i].octets)};

		assert_string_equal(ike_identity_format(&identity, text), odd[i].text);
	}
	memset(letters, 'x', sizeof(letters));
	assert_int_equal(strlen(ike_identity_format(&(struct ike_identity){IKE_IDENTITY_KEY_ID,
							bytes_of(letters, sizeof(letters))},
			     text)),
	    IKE_IDENTITY_TEXT_SIZE - 1);
}

static void identities_are_compared(void **state)
{
	static const struct {
		const char *identity, *expected;
		bool same;
	} pairs[] = {
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "192.0.2.2", false},
	    {"192.0.2.1", "@192.0.2.1", false},
	    {"2001:db8::1", "2001:db8::1", true},
	    {"a.example.test", "A.Example.TEST", true},
	    {"a.example.test", "b.example.test", false},
	    {"a.example.test", "a.example.test.evil", false},
	    {"u@example.test", "U@example.test", true},
	    {"u@example.test", "@u@example.test", false},
	    {"a.example.test", "*.example.test", true},
	    {"a.b.example.test", "*.example.test", true},
	    {"example.test", "*.example.test", false},
	    {".example.test", "*.example.test", false},
	    {"u@example.test", "*@example.test", true},
	    {"u@evil.test", "*@example.test", false},
	    {"C=CH, O=Example, CN=a", "C=CH, O=Example, CN=a", true},
	    /* RFC 5280 7.1: case and repeated blanks make no difference. */
	    {"C=CH, O=An  example, CN=a", "C=ch, O=an EXAMPLE, CN=A", true},
	    {"C=CH, O=Example, CN=a", "C=CH, O=Example, CN=b", false},
	    {"C=CH, O=Example, CN=a", "O=Example, C=CH, CN=a", false},
	    {"C=CH, O=Example, CN=a", "C=CH, O=Example", false},
	    {"C=CH, O=Example", "C=CH, O=Example, CN=a", false},
	    {"C=CH, O=Example, CN=a", "C=CH, O=Example, CN=*", true},
	    {"C=CH, O=Example, CN=a", "C=CH, O=*, CN=b", false},
	    {"C=CH, O=Example, CN=a", "C=CH, O=Example, OU=*", false},
	    {"keyid:a", "keyid:a", true},
	    {"keyid:a", "keyid:A", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct ike_identity identity = parse(pairs[i].identity);
		struct ike_identity expected = parse(pairs[i].expected);

		if (ike_identity_is(&identity, &expected) != pairs[i].same)
			fail_msg("%s and %s", pairs[i].identity, pairs[i].expected);
	}
}

/* What a terminator in a peer's octets hides must not pass for the rest. */
static void nothing_hides_behind_a_terminator(void **state)
{
	struct ike_identity expected = parse("*.example.test");
	struct ike_identity identity = {IKE_IDENTITY_FQDN, bytes_of("evil\0.example.test", 18)};

	(void)state;
	assert_false(ike_identity_is(&identity, &expected));
	expected = parse("evil");
	assert_false(ike_identity_is(&identity, &expected));
	assert_false(ike_identity_is(&(struct ike_identity){0}, &(struct ike_identity){0}));
}

static void addresses_are_identities(void **state)
{
	struct address address;
	struct address again;
	struct ike_identity identity;

	(void)state;
	assert_int_equal(address_parse("2001:db8::7", &address), ERR_OK);
	identity = ike_identity_of_address(&address);
	assert_int_equal(identity.type, IKE_IDENTITY_IPV6);
	assert_int_equal(ike_identity_address(&identity, &again), ERR_OK);
	assert_true(address_equal(&address, &again));
	identity.type = IKE_IDENTITY_IPV4;
	assert_int_equal(ike_identity_address(&identity, &again), ERR_INVALID);
	identity.type = IKE_IDENTITY_FQDN;
	assert_int_equal(ike_identity_address(&identity, &again), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_read),
	    cmocka_unit_test(nonsense_is_refused),
	    cmocka_unit_test(anything_can_be_shown),
	    cmocka_unit_test(identities_are_compared),
	    cmocka_unit_test(nothing_hides_behind_a_terminator),
	    cmocka_unit_test(addresses_are_identities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
