/* Tests of IKEv1's grammar: each message of RFC 2409 5, kept and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire.h"
#include "wire/ikev1-grammar.h"

/*
 * Messages are sketched as texts, one letter a payload:
 *
 *   S SA  K KE  N NONCE  I ID  H HASH  G SIG  C CERT  R CERTREQ  n Notification  D Delete
 *   V VENDOR ID  d NAT-D  o NAT-OA  k GSS token  F FRAGMENT  ? type 200  . three octets at the end
 */
static const char letters[] = "SKNIHGCRnDVdokF?";
static const uint8_t types[] = {ISAKMP_SA, ISAKMP_KE, ISAKMP_NONCE, ISAKMP_ID, ISAKMP_HASH,
    ISAKMP_SIG, ISAKMP_CERT, ISAKMP_CERTREQ, ISAKMP_NOTIFICATION, ISAKMP_DELETE, ISAKMP_VENDOR_ID,
    ISAKMP_NAT_D, ISAKMP_NAT_OA, ISAKMP_GSS, ISAKMP_FRAGMENT, 200};

static const uint8_t body[16] = {1};

static void draw(const char *text, uint8_t octets[1024], struct isakmp_chain *out)
{
	struct writer w = writer_of(octets, 1024);
	struct isakmp_writer chain = isakmp_writer_at(&w, writer_reserve(&w, 1));

	for (; *text != '\0'; text++) {
		if (*text == '.')
			writer_zeros(&w, 3);
		else
			isakmp_put(&chain, types[strchr(letters, *text) - letters], BYTES(body));
	}
	assert_true(writer_ok(&w));
	assert_int_equal(
	    isakmp_chain_decode(octets[0], bytes_of(octets + 1, w.len - 1), out), ERR_OK);
}

static enum err check(enum isakmp_exchange exchange, unsigned number, enum ikev1_family family,
    bool encrypted, const char *text, struct isakmp_violation *violation)
{
	uint8_t octets[1024];
	struct isakmp_chain chain;
	struct ikev1_message message = {.exchange = (uint8_t)exchange,
	    .number = number,
	    .family = family,
	    .encrypted = encrypted,
	    .chain = &chain};

	draw(text, octets, &chain);
	return ikev1_grammar_check(&message, violation);
}

#define MAIN       ISAKMP_EXCHANGE_IDENTITY_PROTECTION
#define AGGRESSIVE ISAKMP_EXCHANGE_AGGRESSIVE
#define QUICK      ISAKMP_EXCHANGE_QUICK
#define INFO       ISAKMP_EXCHANGE_INFORMATIONAL
#define GROUP      ISAKMP_EXCHANGE_NEW_GROUP
#define PSK        IKEV1_FAMILY_PRE_SHARED_KEY
#define SIG        IKEV1_FAMILY_SIGNATURE
#define ENC        IKEV1_FAMILY_ENCRYPTION
#define REV        IKEV1_FAMILY_REVISED_ENCRYPTION
#define GSS        IKEV1_FAMILY_GSS
#define NEW        IKEV1_FAMILY_ANY

/* `good` and `bad` are lists of texts, parted by blanks. A text that is bad because of its
 * encryption alone is a good one under the other flag. */
static const struct {
	enum isakmp_exchange exchange;
	unsigned number;
	enum ikev1_family family;
	bool encrypted;
	const char *good;
	const char *bad;
} messages[] = {
    {MAIN, 1, NEW, false, "S SV SVVVVV SRn S.", "VS V SS SK SN SI SH S? SF S.."},
    {MAIN, 2, PSK, false, "S SVV S.", "VS SK SS S.."},
    {MAIN, 1, PSK, true, "", "S SV"},
    {MAIN, 3, PSK, false, "KN NK KNdd KNddd VKN KNRV KNCn", "K N KNN KKN KNI KNH KNk SKN KN?"},
    {MAIN, 4, SIG, false, "KN KNdd KNRRdd", "KNI KNG"},
    {MAIN, 3, PSK, true, "", "KN"},
    {MAIN, 3, ENC, false, "KIN KHIN HKIN KINdd", "KN KI IN KHHIN KINk"},
    {MAIN, 4, ENC, false, "KIN NIK", "KHIN KN"},
    {MAIN, 3, REV, false, "HNKI NKI NIK HNIKC NKIdd", "KNI KHNI NHKI HKNI NK NI HHNKI VNKI"},
    {MAIN, 4, REV, false, "NKI NIK", "HNKI KNI"},
    {MAIN, 3, GSS, false, "KNk kKN KNkdd", "KN KNkk KNI Kk"},
    {MAIN, 5, PSK, true, "IH HI IHn IHnV IHC. IH.", "I H IHH IIH IG IHG IHK IHD IH?"},
    {MAIN, 6, PSK, false, "", "IH"},
    {MAIN, 5, SIG, true, "IG ICG ICCCG IRG IGn", "IH G I IGG ICGH"},
    {MAIN, 6, ENC, true, "H Hn", "IH HH HG n"},
    {MAIN, 6, REV, true, "H", "IH"},
    {MAIN, 5, GSS, true, "IH IHk Ik k H kI", "I IHH Ikk IG"},
    {MAIN, 9, GSS, true, "IH k", "I"},
    {MAIN, 7, PSK, true, "", "IH H"},
    {AGGRESSIVE, 1, NEW, false, "SKNI SHKNI SKNIk SKNIVVR SKNIC",
	"KSNI SKN SKI SNI KNI SKNIG SKNId"},
    {AGGRESSIVE, 1, PSK, false, "SKNI SIKNV", "SHKNI SKNIk SKN VSKNI"},
    {AGGRESSIVE, 1, ENC, false, "SHKIN SKIN", "SKN SHHKIN"},
    {AGGRESSIVE, 1, REV, false, "SHNKI SNKI", "SKN"},
    {AGGRESSIVE, 1, GSS, false, "SKNIk", "SKNI SKNIkk"},
    {AGGRESSIVE, 2, PSK, false, "SKNIH SKNIHVV SKNIHdd SKNIddH", "SKNI SKNH SKNIG KSNIH SKNIHH"},
    {AGGRESSIVE, 2, SIG, false, "SKNIG SKNICGdd SKNICRVG SKNICRG.", "SKNIH SKNI"},
    {AGGRESSIVE, 2, GSS, false, "SKNIk SKNIkH", "SKNIH"},
    {AGGRESSIVE, 3, PSK, true, "H Hdd Hddn. ddH", "I IH HH G d"},
    {AGGRESSIVE, 3, PSK, false, "H Hdd H.", "H.. G"},
    {AGGRESSIVE, 3, SIG, true, "G CG CGdd", "H"},
    {AGGRESSIVE, 5, GSS, true, "H k Hk", "kk G"},
    {QUICK, 1, PSK, true, "HSN HSN. HSNK HSNKII HSNII HSNIIoo HSSN HSKNII HSNn",
	"SN SHN HNS HS SNH HSNN HSNI HSNIII HSNKK HSNo HSND HSNd HSN? HHSN HNSK"},
    {QUICK, 2, REV, true, "HSN HSNKIIoo", "HNS HSNI"},
    {QUICK, 1, PSK, false, "", "HSN"},
    {QUICK, 3, PSK, true, "H H. Hn", "HS HN nH HH n"},
    {QUICK, 4, PSK, true, "Hn", "H nH HS"},
    {QUICK, 5, PSK, true, "", "H Hn"},
    {QUICK, 1, NEW, true, "", "HSN"},
    {INFO, 1, PSK, true, "Hn HD HDn HDD HnD Hnn.", "H n D nH DH HV HS"},
    {INFO, 1, NEW, false, "n nV n.", "D H Hn HD nS n.."},
    {INFO, 0, GSS, true, "Hn", "n"},
    {GROUP, 1, PSK, true, "HS", "S SH HSS HSN Hn"},
    {GROUP, 2, PSK, true, "HS Hn", "H HSn n"},
    {GROUP, 1, PSK, false, "", "HS"},
    {GROUP, 3, PSK, true, "", "HS"},
    {ISAKMP_EXCHANGE_BASE, 1, PSK, false, "", "S"},
};

static void check_all(size_t i, const char *list, bool good)
{
	char texts[256];

	snprintf(texts, sizeof(texts), "%s", list);
	for (char *rest = texts, *text = strtok_r(rest, " ", &rest); text != NULL;
	     text = strtok_r(NULL, " ", &rest)) {
		struct isakmp_violation violation;
		enum err err = check(messages[i].exchange, messages[i].number, messages[i].family,
		    messages[i].encrypted, text, &violation);

		if ((err == ERR_OK) != good)
			fail_msg("exchange %d message %u family %d: %s: %s", messages[i].exchange,
			    messages[i].number, messages[i].family, text, violation.rule);
		if (!good) {
			assert_true(violation.rule[0] != '\0');
			assert_true(violation.notify != 0);
		}
	}
}

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		check_all(i, messages[i].good, true);
		check_all(i, messages[i].bad, false);
	}
}

static void test_what_a_peer_is_told(void **state)
{
	struct isakmp_violation violation;

	(void)state;
	assert_int_equal(check(QUICK, 1, PSK, true, "HSNF", &violation), ERR_INVALID);
	assert_int_equal(violation.notify, NOTIFY_INVALID_PAYLOAD_TYPE);
	assert_int_equal(violation.payload_type, ISAKMP_FRAGMENT);
	assert_string_equal(violation.rule,
	    "quick mode's SA message (RFC 2409 5.5) must not carry FRAGMENT (payload type 132)");
	assert_int_equal(check(QUICK, 1, PSK, true, "HS", &violation), ERR_INVALID);
	assert_int_equal(violation.notify, NOTIFY_PAYLOAD_MALFORMED);
	assert_string_equal(violation.rule,
	    "quick mode's SA message (RFC 2409 5.5) must carry exactly one NONCE, found 0");
	assert_int_equal(check(QUICK, 1, PSK, true, "HNS", &violation), ERR_INVALID);
	assert_int_equal(violation.notify, NOTIFY_PAYLOAD_MALFORMED);
	assert_string_equal(violation.rule,
	    "quick mode's SA message (RFC 2409 5.5) must carry SA as its payload 2, found NONCE");
	assert_int_equal(check(MAIN, 5, PSK, false, "IH", &violation), ERR_INVALID);
	assert_int_equal(violation.notify, NOTIFY_INVALID_FLAGS);
	assert_int_equal(check(MAIN, 1, NEW, false, "S..", &violation), ERR_INVALID);
	assert_int_equal(violation.notify, NOTIFY_UNEQUAL_PAYLOAD_LENGTHS);
	assert_int_equal(check(MAIN, 7, PSK, true, "IH", &violation), ERR_INVALID);
	assert_int_equal(violation.notify, NOTIFY_INVALID_EXCHANGE_TYPE);
}

/* RFC 2409 5: 8 to 256 octets, unless a public key encrypts it. */
static void test_nonces(void **state)
{
	static const struct {
		size_t len;
		bool good;
	} sizes[] = {{0, false}, {7, false}, {8, true}, {256, true}, {257, false}};
	static const uint8_t zeros[512];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t octets[1024];
		struct writer w = writer_of(octets, sizeof(octets));
		struct isakmp_writer chain = isakmp_writer_at(&w, writer_reserve(&w, 1));
		struct isakmp_chain read;
		struct isakmp_violation violation;
		struct ikev1_message message = {
		    .exchange = MAIN, .number = 4, .family = PSK, .chain = &read};

		isakmp_put(&chain, ISAKMP_KE, BYTES(body));
		isakmp_put(&chain, ISAKMP_NONCE, bytes_of(zeros, sizes[i].len));
		assert_int_equal(
		    isakmp_chain_decode(octets[0], bytes_of(octets + 1, w.len - 1), &read), ERR_OK);
		assert_int_equal(
		    ikev1_grammar_check(&message, &violation) == ERR_OK, sizes[i].good);
		isakmp_put(&chain, ISAKMP_ID, BYTES(body));
		message.family = ENC;
		assert_int_equal(
		    isakmp_chain_decode(octets[0], bytes_of(octets + 1, w.len - 1), &read), ERR_OK);
		assert_int_equal(ikev1_grammar_check(&message, &violation), ERR_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_what_a_peer_is_told),
	    cmocka_unit_test(test_nonces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
