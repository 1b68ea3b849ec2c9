/* Tests of the message grammar: each form of RFC 4430 section 6, kept and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"
#include "wire/kink-grammar.h"

/*
 * Messages are sketched as texts, one letter a payload:
 *
 *   Q AP_REQ  P AP_REP  K KRB_ERROR  q TGT_REQ  p TGT_REP  E ERROR  X type 9
 *   a AP_REQ without an AP-REQ  k KRB_ERROR without a KRB-ERROR  e ERROR of five octets
 *   (...) ISAKMP with the payloads S SA  N NONCE  K KE  I ID  n Notification  D Delete  H HASH
 *         ? type 200
 *   [...] ENCRYPT, to the end of the text, ! Cksum
 */
struct sketch {
	uint8_t outer_octets[512], inner_octets[512];
	struct kink_message message;
	struct kink_payloads inner;
	bool sealed;
};

static const uint8_t doi_body[] = {0, 0, 0, 1, 3, 4, 0, 14, 1, 2, 3, 4};

static const char *draw_isakmp(struct kink_writer *w, const char *text)
{
	struct isakmp_writer isakmp = kink_isakmp_begin(w);

	for (; *text != ')'; text++) {
		static const char letters[] = "SNKInDHdo?";
		static const uint8_t types[] = {ISAKMP_SA, ISAKMP_NONCE, ISAKMP_KE, ISAKMP_ID,
		    ISAKMP_NOTIFICATION, ISAKMP_DELETE, ISAKMP_HASH, ISAKMP_NAT_D, ISAKMP_NAT_OA,
		    200};

		isakmp_put(&isakmp, types[strchr(letters, *text) - letters], BYTES(doi_body));
	}
	kink_isakmp_end(w);
	return text;
}

static void draw(struct sketch *sketch, enum kink_type type, const char *text)
{
	static const uint8_t checksum[12] = {0};
	struct writer outer = writer_of(sketch->outer_octets, sizeof(sketch->outer_octets));
	struct writer inner = writer_of(sketch->inner_octets, sizeof(sketch->inner_octets));
	struct kink_header header = {.type = (uint8_t)type, .doi = IPSEC_DOI, .xid = 1};
	struct kink_writer outside = kink_begin(&outer, &header);
	struct kink_writer inside = kink_begin_plain(&inner);
	struct kink_writer *w = &outside;
	struct kink_ap ap = {.epoch = 1, .ap = bytes_of(doi_body, 1)};
	bool is_signed = strchr(text, '!') != NULL;
	enum kink_error error;

	sketch->sealed = false;
	for (; *text != '\0'; text++) {
		switch (*text) {
		case 'Q':
			kink_put_ap(w, KINK_AP_REQ, &ap);
			break;
		case 'P':
			kink_put_ap(w, KINK_AP_REP, &ap);
			break;
		case 'K':
			kink_put(w, KINK_KRB_ERROR, BYTES(doi_body));
			break;
		case 'q':
			kink_put(w, KINK_TGT_REQ, BYTES(doi_body));
			break;
		case 'p':
			kink_put(w, KINK_TGT_REP, BYTES(doi_body));
			break;
		case 'E':
			kink_put_error(w, KINK_INTERR);
			break;
		case 'a':
			kink_put(w, KINK_AP_REQ, bytes_of(doi_body, 4));
			break;
		case 'k':
			kink_put(w, KINK_KRB_ERROR, bytes_of(NULL, 0));
			break;
		case 'e':
			kink_put(w, KINK_ERROR, bytes_of(doi_body, 5));
			break;
		case 'X':
			kink_put(w, 9, BYTES(doi_body));
			break;
		case '(':
			text = draw_isakmp(w, text + 1);
			break;
		case '[':
			sketch->sealed = true;
			w = &inside;
			break;
		case ']':
			kink_put(&outside, KINK_ENCRYPT, BYTES(doi_body));
			break;
		default:
			break;
		}
	}
	kink_close(&outside);
	if (is_signed)
		kink_finish(&outer, BYTES(checksum));
	assert_true(writer_ok(&outer) && writer_ok(&inner));
	assert_int_equal(kink_decode(writer_bytes(&outer), &sketch->message, &error), ERR_OK);
	assert_int_equal(kink_decode_plain(writer_bytes(&inner), &sketch->inner), ERR_OK);
}

static enum err check(
    const struct sketch *sketch, uint8_t command, enum kink_form *form, struct kink_violation *why)
{
	return kink_grammar_check(&sketch->message, sketch->sealed ? &sketch->inner : NULL,
	    (enum kink_type)command, form, why);
}

static void test_lawful_messages(void **state)
{
	static const struct {
		uint8_t type, command;
		const char *text;
		enum kink_form form;
	} cases[] = {
	    /* 6.3 */
	    {KINK_CREATE, 0, "Q(SN)!", KINK_FORM_COMMAND},
	    {KINK_CREATE, 0, "Q[(SN)]!", KINK_FORM_COMMAND},
	    {KINK_CREATE, 0, "Q[(SNKIInn)]!", KINK_FORM_COMMAND},
	    {KINK_CREATE, 0, "Q(SN)[(SN)]!", KINK_FORM_COMMAND},
	    {KINK_CREATE, 0, "(NS)Q(SN)(IISN)!", KINK_FORM_COMMAND},
	    {KINK_REPLY, KINK_CREATE, "P(S)!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_CREATE, "P[(SNKIIn)]!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_CREATE, "P[(S)(n)]!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_CREATE, "P[(SNnddoo)]!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_CREATE, "P[(n)]!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_CREATE, "P[E(nn)]!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_CREATE, "PE!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_CREATE, "P[K]!", KINK_FORM_REPLY_KRB_ERROR},
	    {KINK_REPLY, KINK_CREATE, "PK!", KINK_FORM_REPLY_KRB_ERROR},
	    {KINK_REPLY, KINK_CREATE, "K", KINK_FORM_REPLY_ERROR},
	    {KINK_REPLY, KINK_CREATE, "K!", KINK_FORM_REPLY_ERROR},
	    {KINK_REPLY, KINK_CREATE, "E", KINK_FORM_REPLY_ERROR},
	    {KINK_REPLY, KINK_CREATE, "KE", KINK_FORM_REPLY_ERROR},
	    {KINK_REPLY, KINK_CREATE, "p", KINK_FORM_REPLY_TGT},
	    /* 6.2 */
	    {KINK_ACK, 0, "Q!", KINK_FORM_ACK},
	    /* 6.4 */
	    {KINK_DELETE, 0, "Q(D)!", KINK_FORM_COMMAND},
	    {KINK_DELETE, 0, "Q[(DDn)(D)]!", KINK_FORM_COMMAND},
	    {KINK_REPLY, KINK_DELETE, "P[(D)]!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_DELETE, "P[E(DDnn)]!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_DELETE, "P(n)!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_DELETE, "P[K]!", KINK_FORM_REPLY_KRB_ERROR},
	    {KINK_REPLY, KINK_DELETE, "E", KINK_FORM_REPLY_ERROR},
	    /* 6.5 */
	    {KINK_STATUS, 0, "Q!", KINK_FORM_COMMAND},
	    {KINK_STATUS, 0, "Q(nn)!", KINK_FORM_COMMAND},
	    {KINK_STATUS, 0, "Q[(n)]!", KINK_FORM_COMMAND},
	    {KINK_REPLY, KINK_STATUS, "P!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_STATUS, "P[E(n)]!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_STATUS, "P()!", KINK_FORM_REPLY},
	    {KINK_REPLY, KINK_STATUS, "PK!", KINK_FORM_REPLY_KRB_ERROR},
	    {KINK_REPLY, KINK_STATUS, "K", KINK_FORM_REPLY_ERROR},
	    /* 6.6 */
	    {KINK_GETTGT, 0, "q", KINK_FORM_GETTGT},
	    {KINK_REPLY, KINK_GETTGT, "p", KINK_FORM_REPLY_TGT},
	    {KINK_REPLY, KINK_GETTGT, "E", KINK_FORM_REPLY_ERROR},
	    {KINK_REPLY, KINK_GETTGT, "K", KINK_FORM_REPLY_ERROR},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sketch sketch;
		struct kink_violation why;
		enum kink_form form;

		draw(&sketch, (enum kink_type)cases[i].type, cases[i].text);
		if (check(&sketch, cases[i].command, &form, &why) != ERR_OK)
			fail_msg(
			    "%s %s: %s", kink_type_name(cases[i].type), cases[i].text, why.rule);
		assert_int_equal(form, cases[i].form);
	}
}

static void test_unlawful_messages(void **state)
{
	static const struct {
		uint8_t type, command;
		const char *text;
		enum kink_error error; /* KINK_OK: the notify type says it */
		uint16_t notify;
		const char *says; /* part of the rule's text */
	} cases[] = {
	    {KINK_CREATE, 0, "Q!", KINK_PROTOERR, 0, "at least one KINK_ISAKMP, found 0"},
	    {KINK_CREATE, 0, "Q[]!", KINK_PROTOERR, 0, "at least one KINK_ISAKMP"},
	    {KINK_CREATE, 0, "(SN)!", KINK_PROTOERR, 0, "exactly one KINK_AP_REQ, found 0"},
	    {KINK_CREATE, 0, "QQ(SN)!", KINK_PROTOERR, 0, "exactly one KINK_AP_REQ, found 2"},
	    {KINK_CREATE, 0, "Q(SN)", KINK_PROTOERR, 0, "Cksum"},
	    {KINK_CREATE, 0, "P(SN)!", KINK_PROTOERR, 0, "KINK_AP_REQ"},
	    {KINK_CREATE, 0, "QE(SN)!", KINK_PROTOERR, 0, "must not carry KINK_ERROR"},
	    {KINK_CREATE, 0, "Q[q(SN)]!", KINK_PROTOERR, 0, "must not carry KINK_TGT_REQ"},
	    {KINK_CREATE, 0, "Q(SN)X!", KINK_PROTOERR, 0, "payload type 9"},
	    {KINK_CREATE, 0, "[Q(SN)]!", KINK_PROTOERR, 0, "must not be inside KINK_ENCRYPT"},
	    {KINK_CREATE, 0, "Q(S)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "exactly one NONCE"},
	    {KINK_CREATE, 0, "Q(N)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "exactly one SA"},
	    {KINK_CREATE, 0, "Q()!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "exactly one SA"},
	    {KINK_CREATE, 0, "Q[(SN)(SSN)]!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "SA, found 2"},
	    {KINK_CREATE, 0, "Q(SNN)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "NONCE, found 2"},
	    {KINK_CREATE, 0, "Q(SNKK)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "at most one KE"},
	    {KINK_CREATE, 0, "Q(SNI)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "none or two ID"},
	    {KINK_CREATE, 0, "Q(SNIII)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "none or two ID"},
	    {KINK_CREATE, 0, "Q(HSN)!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "HASH"},
	    {KINK_CREATE, 0, "Q[(SN?)]!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "type 200"},
	    {KINK_CREATE, 0, "Q(SND)!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "must not carry D"},
	    {KINK_REPLY, KINK_CREATE, "P!", KINK_PROTOERR, 0, "at least one KINK_ISAKMP"},
	    {KINK_REPLY, KINK_CREATE, "P(S)", KINK_PROTOERR, 0, "Cksum"},
	    {KINK_REPLY, KINK_CREATE, "Q(S)!", KINK_PROTOERR, 0, "KINK_ERROR, found 0"},
	    {KINK_REPLY, KINK_CREATE, "(S)!", KINK_PROTOERR, 0, "REPLY without KINK_AP_REP"},
	    {KINK_REPLY, KINK_CREATE, "", KINK_PROTOERR, 0, "REPLY without KINK_AP_REP"},
	    {KINK_REPLY, KINK_CREATE, "P(SNN)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "NONCE"},
	    {KINK_REPLY, KINK_CREATE, "P(SNd)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "NAT-D"},
	    {KINK_REPLY, KINK_CREATE, "P(SNddo)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "NAT-OA"},
	    {KINK_CREATE, 0, "Q(SNdd)!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "NAT-D"},
	    {KINK_REPLY, KINK_CREATE, "P(D)!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "D"},
	    {KINK_REPLY, KINK_CREATE, "PEE(S)!", KINK_PROTOERR, 0, "KINK_ERROR, found 2"},
	    {KINK_REPLY, KINK_CREATE, "PK(S)!", KINK_PROTOERR, 0, "must not carry KINK_ISAKMP"},
	    {KINK_REPLY, KINK_CREATE, "K(S)", KINK_PROTOERR, 0, "must not carry KINK_ISAKMP"},
	    {KINK_REPLY, KINK_CREATE, "E(n)", KINK_PROTOERR, 0, "must not carry KINK_ISAKMP"},
	    {KINK_REPLY, KINK_CREATE, "EE", KINK_PROTOERR, 0, "exactly one KINK_ERROR"},
	    {KINK_REPLY, KINK_CREATE, "KK", KINK_PROTOERR, 0, "exactly one KINK_KRB_ERROR"},
	    {KINK_REPLY, KINK_CREATE, "pp", KINK_PROTOERR, 0, "exactly one KINK_TGT_REP"},
	    {KINK_REPLY, KINK_ACK, "P!", KINK_PROTOERR, 0, "KINK_ERROR"},
	    {KINK_ACK, 0, "!", KINK_PROTOERR, 0, "exactly one KINK_AP_REQ"},
	    {KINK_ACK, 0, "Q(SN)!", KINK_PROTOERR, 0, "must not carry KINK_ISAKMP"},
	    {KINK_ACK, 0, "Q[]!", KINK_PROTOERR, 0, "must not carry KINK_ENCRYPT"},
	    {KINK_ACK, 0, "Q", KINK_PROTOERR, 0, "Cksum"},
	    {KINK_DELETE, 0, "Q!", KINK_PROTOERR, 0, "at least one KINK_ISAKMP"},
	    {KINK_DELETE, 0, "Q(n)!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "at least one D"},
	    {KINK_DELETE, 0, "Q(SN)!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "SA"},
	    {KINK_REPLY, KINK_DELETE, "P!", KINK_PROTOERR, 0, "at least one KINK_ISAKMP"},
	    {KINK_REPLY, KINK_DELETE, "P(S)!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "SA"},
	    {KINK_REPLY, KINK_DELETE, "P()!", KINK_OK, NOTIFY_PAYLOAD_MALFORMED, "refusal"},
	    {KINK_STATUS, 0, "!", KINK_PROTOERR, 0, "exactly one KINK_AP_REQ"},
	    {KINK_STATUS, 0, "Q(n)(n)!", KINK_PROTOERR, 0, "at most one KINK_ISAKMP"},
	    {KINK_STATUS, 0, "Q[(n)](n)!", KINK_PROTOERR, 0, "at most one KINK_ISAKMP"},
	    {KINK_STATUS, 0, "Q(D)!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "D"},
	    {KINK_REPLY, KINK_STATUS, "P(SN)!", KINK_OK, NOTIFY_INVALID_PAYLOAD_TYPE, "SA"},
	    {KINK_GETTGT, 0, "", KINK_PROTOERR, 0, "exactly one KINK_TGT_REQ"},
	    {KINK_GETTGT, 0, "Qq!", KINK_PROTOERR, 0, "must not carry KINK_AP_REQ"},
	    {KINK_GETTGT, 0, "q(n)", KINK_PROTOERR, 0, "must not carry KINK_ISAKMP"},
	    {KINK_REPLY, KINK_GETTGT, "P!", KINK_PROTOERR, 0, "KINK_ERROR"},
	    {KINK_STATUS, 0, "a!", KINK_PROTOERR, 0, "KINK_AP_REQ of 4 octets"},
	    {KINK_REPLY, KINK_STATUS, "k", KINK_PROTOERR, 0, "KINK_KRB_ERROR of 0 octets"},
	    {KINK_REPLY, KINK_STATUS, "P[e]!", KINK_PROTOERR, 0, "KINK_ERROR of 5 octets"},
	    {0, 0, "Q!", KINK_PROTOERR, 0, "type 0 (unknown)"},
	    {7, 0, "Q!", KINK_PROTOERR, 0, "type 7 (unknown)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sketch sketch;
		struct kink_violation why;
		enum kink_form form;
		enum err err;

		draw(&sketch, (enum kink_type)cases[i].type, cases[i].text);
		err = check(&sketch, cases[i].command, &form, &why);
		if (err != ERR_INVALID || why.error != cases[i].error ||
		    (uint16_t)why.notify != cases[i].notify ||
		    strstr(why.rule, cases[i].says) == NULL)
			fail_msg("%s %s: %s, error %d, notify %d, rule \"%s\"",
			    kink_type_name(cases[i].type), cases[i].text, err_text(err), why.error,
			    why.notify, why.rule);
	}
}

/* Before decryption only what stands outside is judged. */
static void test_sealed_messages(void **state)
{
	struct sketch sketch;
	struct kink_violation why;
	enum kink_form form;

	(void)state;
	draw(&sketch, KINK_CREATE, "Q[]!");
	assert_int_equal(
	    kink_grammar_check(&sketch.message, NULL, KINK_CREATE, &form, &why), ERR_OK);
	assert_int_equal(form, KINK_FORM_COMMAND);
	draw(&sketch, KINK_REPLY, "P[]!");
	assert_int_equal(
	    kink_grammar_check(&sketch.message, NULL, KINK_DELETE, &form, &why), ERR_OK);
	assert_int_equal(form, KINK_FORM_REPLY);

	draw(&sketch, KINK_CREATE, "[]!");
	assert_int_equal(
	    kink_grammar_check(&sketch.message, NULL, KINK_CREATE, &form, &why), ERR_INVALID);
	assert_non_null(strstr(why.rule, "exactly one KINK_AP_REQ"));
	draw(&sketch, KINK_STATUS, "Q(n)(n)[]!");
	assert_int_equal(
	    kink_grammar_check(&sketch.message, NULL, KINK_STATUS, &form, &why), ERR_INVALID);
	draw(&sketch, KINK_CREATE, "Q(N)[]!");
	assert_int_equal(
	    kink_grammar_check(&sketch.message, NULL, KINK_CREATE, &form, &why), ERR_INVALID);
	assert_int_equal(why.notify, NOTIFY_PAYLOAD_MALFORMED);
	draw(&sketch, KINK_CREATE, "Q[]");
	assert_int_equal(
	    kink_grammar_check(&sketch.message, NULL, KINK_CREATE, &form, &why), ERR_INVALID);
	assert_non_null(strstr(why.rule, "Cksum"));
}

/* What the wrong octets in a lawful CREATE are called; offsets count from its start. */
static void test_broken_contents(void **state)
{
	enum { ISAKMP = 28, SA = 36, NONCE = 52 };
	static const struct {
		size_t offset;
		uint8_t value;
		enum kink_error error;
		uint16_t notify;
	} cases[] = {
	    {ISAKMP + 5, 0x20, KINK_BADQMVERS, 0},
	    {ISAKMP + 5, 0x11, KINK_BADQMVERS, 0},
	    {SA + 1, 0x01, KINK_OK, NOTIFY_PAYLOAD_MALFORMED},
	    {SA + 3, 0x03, KINK_OK, NOTIFY_PAYLOAD_MALFORMED},
	    {NONCE + 3, 0xff, KINK_OK, NOTIFY_PAYLOAD_MALFORMED},
	    {NONCE + 3, 0x0f, KINK_OK, NOTIFY_PAYLOAD_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sketch sketch;
		struct kink_violation why;
		enum kink_error error;
		enum kink_form form;

		draw(&sketch, KINK_CREATE, "Q(SN)!");
		assert_int_equal(sketch.message.octets.len, 68);
		sketch.outer_octets[cases[i].offset] = cases[i].value;
		assert_int_equal(
		    kink_decode(bytes_of(sketch.outer_octets, 80), &sketch.message, &error),
		    ERR_OK);
		assert_int_equal(check(&sketch, 0, &form, &why), ERR_INVALID);
		if (why.error != cases[i].error || (uint16_t)why.notify != cases[i].notify)
			fail_msg("case %zu: %s", i, why.rule);
	}
}

/* RFC 4430 4: every payload that has a DOI has the message's. */
static void test_doi_of_payloads(void **state)
{
	static const struct {
		uint8_t type;
		const char *text;
	} cases[] = {{KINK_CREATE, "Q(SN)!"}, {KINK_STATUS, "Q(n)!"}, {KINK_DELETE, "Q(D)!"}};
	enum { DOI = 16 + 12 + 8 + 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sketch sketch;
		struct kink_violation why;
		enum kink_form form;

		draw(&sketch, (enum kink_type)cases[i].type, cases[i].text);
		assert_int_equal(check(&sketch, 0, &form, &why), ERR_OK);
		sketch.outer_octets[DOI + 3] = 0;
		assert_int_equal(check(&sketch, 0, &form, &why), ERR_INVALID);
		assert_int_equal(why.error, KINK_INVDOI);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lawful_messages),
	    cmocka_unit_test(test_unlawful_messages),
	    cmocka_unit_test(test_sealed_messages),
	    cmocka_unit_test(test_broken_contents),
	    cmocka_unit_test(test_doi_of_payloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
