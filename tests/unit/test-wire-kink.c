/* Tests of the KINK message codec against octets laid out by hand from RFC 4430's figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"
#include "wire/kink.h"

/* Figure 5 with figures 8, 12 and 14. */
static const uint8_t message_octets[] = {0x03, 0x10, 0x00, 0x48, /* REPLY, version 1, 72 octets */
    0x00, 0x00, 0x00, 0x01,                                      /* IPsec DOI */
    0x12, 0x34, 0x56, 0x78,                                      /* XID */
    0x02, 0x80, 0x00, 0x0c, /* AP_REP follows, ACKREQ, checksum of 12 octets */
    /* 16: KINK_AP_REP of 5 octets: 13, then padding */
    0x06, 0x00, 0x00, 0x0d, 0x7f, 0xff, 0xff, 0xff, /* epoch */
    0x6f, 0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, /* */
    /* 32: KINK_ISAKMP with a nonce of 5 octets: 17, then padding */
    0x08, 0x00, 0x00, 0x11, 0x0a, 0x10, 0x00, 0x00, /* NONCE follows, version 1.0 */
    0x00, 0x00, 0x00, 0x09, 0xa1, 0xa2, 0xa3, 0xa4, /* */
    0xa5, 0x00, 0x00, 0x00,                         /* */
    /* 52: KINK_ERROR */
    0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x05, /* KINK_INTERR */
    /* 60: Cksum */
    0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc};

enum { LENGTH = sizeof(message_octets), CHECKSUM = 12, SIGNED = LENGTH - CHECKSUM };

static void test_decodes(void **state)
{
	static const uint8_t nonce[] = {0xa1, 0xa2, 0xa3, 0xa4, 0xa5};
	uint8_t octets[LENGTH];
	struct kink_message message;
	struct isakmp_chain chain;
	struct kink_ap ap;
	enum kink_error error;
	uint32_t code;

	(void)state;
	memcpy(octets, message_octets, LENGTH);
	assert_int_equal(kink_decode(BYTES(octets), &message, &error), ERR_OK);
	assert_int_equal(error, KINK_OK);
	assert_int_equal(message.header.type, KINK_REPLY);
	assert_int_equal(message.header.doi, IPSEC_DOI);
	assert_int_equal(message.header.xid, 0x12345678);
	assert_true(message.header.ackreq);
	assert_int_equal(message.outer.count, 3);
	assert_bytes(message.octets, bytes_of(octets, SIGNED));
	assert_bytes(message.checksum, bytes_of(octets + SIGNED, CHECKSUM));

	assert_int_equal(message.outer.payloads[0].type, KINK_AP_REP);
	assert_int_equal(kink_ap_decode(message.outer.payloads[0].body, &ap), ERR_OK);
	assert_int_equal(ap.epoch, 0x7fffffff);
	assert_bytes(ap.ap, bytes_of(octets + 24, 5));
	assert_int_equal(message.outer.payloads[1].type, KINK_ISAKMP);
	assert_int_equal(
	    kink_isakmp_decode(message.outer.payloads[1].body, &chain, &error), ERR_OK);
	assert_int_equal(chain.count, 1);
	assert_int_equal(chain.payloads[0].type, ISAKMP_NONCE);
	assert_bytes(chain.payloads[0].body, BYTES(nonce));
	assert_int_equal(message.outer.payloads[2].type, KINK_ERROR);
	assert_int_equal(kink_error_decode(message.outer.payloads[2].body, &code), ERR_OK);
	assert_int_equal(code, KINK_INTERR);

	assert_ptr_equal(kink_find(&message.outer, KINK_ISAKMP), &message.outer.payloads[1]);
	assert_null(kink_find(&message.outer, KINK_TGT_REQ));
	assert_int_equal(kink_count(&message.outer, KINK_ERROR), 1);
}

static void test_encodes(void **state)
{
	static const uint8_t nonce[] = {0xa1, 0xa2, 0xa3, 0xa4, 0xa5};
	static const struct kink_header header = {
	    .type = KINK_REPLY, .doi = IPSEC_DOI, .xid = 0x12345678, .ackreq = true};
	uint8_t expected[LENGTH], buffer[LENGTH];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin(&out, &header);
	struct isakmp_writer isakmp;

	(void)state;
	memcpy(expected, message_octets, LENGTH);
	kink_put_ap(&message, KINK_AP_REP,
	    &(struct kink_ap){.epoch = 0x7fffffff, .ap = bytes_of(expected + 24, 5)});
	isakmp = kink_isakmp_begin(&message);
	isakmp_put(&isakmp, ISAKMP_NONCE, BYTES(nonce));
	kink_isakmp_end(&message);
	kink_put_error(&message, KINK_INTERR);
	kink_close(&message);
	assert_true(writer_ok(&out));

	/* What is signed has the length without the checksum and CksumLen 0 (section 4). */
	assert_int_equal(out.len, SIGNED);
	assert_int_equal(buffer[3], SIGNED);
	assert_int_equal(buffer[15], 0);
	kink_finish(&out, bytes_of(expected + SIGNED, CHECKSUM));
	assert_true(writer_ok(&out));
	assert_bytes(writer_bytes(&out), BYTES(expected));
}

/* Signing and verifying see the same octets. */
static void test_signed_part(void **state)
{
	uint8_t octets[LENGTH], expected[SIGNED], scratch[SIGNED];
	struct writer out = writer_of(scratch, sizeof(scratch));
	struct kink_message message;
	struct bytes part;
	enum kink_error error;

	(void)state;
	memcpy(octets, message_octets, LENGTH);
	memcpy(expected, octets, SIGNED);
	expected[3] = SIGNED;
	expected[15] = 0;
	assert_int_equal(kink_decode(BYTES(octets), &message, &error), ERR_OK);
	assert_int_equal(kink_signed_part(&message, &out, &part), ERR_OK);
	assert_bytes(part, BYTES(expected));
	assert_int_equal(octets[3], LENGTH);

	out = writer_of(scratch, sizeof(scratch) - 1);
	assert_int_equal(kink_signed_part(&message, &out, &part), ERR_TOO_LONG);
}

static void test_ignores_reserved_and_what_follows(void **state)
{
	uint8_t octets[LENGTH + 3] = {0};
	struct kink_message message;
	struct isakmp_chain chain;
	enum kink_error error;

	(void)state;
	memcpy(octets, message_octets, LENGTH);
	octets[1] |= 0x0f;              /* RESERVED */
	octets[13] |= 0x7f;             /* RESERVED2 */
	octets[17] = 0xff;              /* RESERVED of KINK_AP_REP */
	octets[29] = 0xff;              /* padding */
	octets[38] = octets[39] = 0xff; /* RESERVED of KINK_ISAKMP */
	octets[LENGTH] = 0xff;          /* unnecessary data after the message */
	assert_int_equal(kink_decode(BYTES(octets), &message, &error), ERR_OK);
	assert_int_equal(message.outer.count, 3);
	assert_int_equal(message.octets.len + message.checksum.len, LENGTH);
	assert_int_equal(
	    kink_isakmp_decode(message.outer.payloads[1].body, &chain, &error), ERR_OK);
}

static void test_refuses_every_truncation(void **state)
{
	uint8_t octets[LENGTH];
	struct kink_message message;
	enum kink_error error;

	(void)state;
	memcpy(octets, message_octets, LENGTH);
	for (size_t len = 0; len < LENGTH; len++) {
		struct bytes cut = copy_of(BYTES(octets), len);

		assert_int_equal(kink_decode(cut, &message, &error),
		    len < KINK_HEADER_SIZE ? ERR_TRUNCATED : ERR_INVALID);
		assert_int_equal(error, KINK_PROTOERR);
		assert_int_equal(message.header.xid, len < 12 ? 0 : 0x12345678);
		copy_free(cut);
	}
}

/* The same, with a Length that tells of the cut. */
static void test_refuses_every_honest_truncation(void **state)
{
	uint8_t octets[LENGTH];
	struct kink_message message;
	enum kink_error error;

	(void)state;
	memcpy(octets, message_octets, LENGTH);
	for (size_t len = KINK_HEADER_SIZE; len < SIGNED; len++) {
		struct bytes cut;

		octets[3] = (uint8_t)len;
		octets[15] = 0;
		cut = copy_of(BYTES(octets), len);
		assert_int_equal(kink_decode(cut, &message, &error), ERR_INVALID);
		copy_free(cut);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *what;
		size_t offset;
		uint8_t value;
		enum err err;
		enum kink_error error;
	} cases[] = {
	    {"version 2", 1, 0x20, ERR_UNSUPPORTED, KINK_INVMAJ},
	    {"version 0", 1, 0x00, ERR_UNSUPPORTED, KINK_INVMAJ},
	    {"another DOI", 7, 0x02, ERR_UNSUPPORTED, KINK_INVDOI},
	    {"a length below the header's", 3, 15, ERR_INVALID, KINK_PROTOERR},
	    {"a length beyond the datagram", 3, LENGTH + 1, ERR_INVALID, KINK_PROTOERR},
	    {"a checksum longer than the message", 15, LENGTH, ERR_INVALID, KINK_PROTOERR},
	    {"a checksum that covers payloads", 15, 16, ERR_INVALID, KINK_PROTOERR},
	    {"octets between payloads and checksum", 15, 8, ERR_INVALID, KINK_PROTOERR},
	    {"a payload length below 4", 19, 3, ERR_INVALID, KINK_PROTOERR},
	    {"a payload length of 0", 19, 0, ERR_INVALID, KINK_PROTOERR},
	    {"a payload beyond the message", 55, 9, ERR_INVALID, KINK_PROTOERR},
	    {"a chain that ends early", 32, 0, ERR_INVALID, KINK_PROTOERR},
	    {"a chain that does not end", 52, 8, ERR_INVALID, KINK_PROTOERR},
	    {"an encrypted payload before the last", 16, 7, ERR_INVALID, KINK_PROTOERR},
	};
	struct kink_message message;
	enum kink_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[LENGTH];

		memcpy(octets, message_octets, LENGTH);
		octets[cases[i].offset] = cases[i].value;
		if (kink_decode(BYTES(octets), &message, &error) != cases[i].err ||
		    error != cases[i].error)
			fail_msg("%s: %s", cases[i].what, kink_error_name(error));
		assert_int_equal(message.header.xid, 0x12345678);
	}
}

/* Headers alone: no payload is there to be cut by a wrong length. */
static void test_header_lengths(void **state)
{
	static const struct {
		uint8_t length, checksum_len;
		enum err err;
	} cases[] = {
	    {16, 0, ERR_OK},
	    {20, 4, ERR_OK},
	    {15, 0, ERR_INVALID},
	    {0, 0, ERR_INVALID},
	    {16, 4, ERR_INVALID},
	    {20, 8, ERR_INVALID},
	    {20, 20, ERR_INVALID},
	    {20, 21, ERR_INVALID},
	};
	struct kink_message message;
	enum kink_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[20] = {0x06, 0x10, 0, cases[i].length, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0,
		    0, cases[i].checksum_len};

		if (kink_decode(BYTES(octets), &message, &error) != cases[i].err)
			fail_msg("case %zu", i);
	}
}

/* A checksum right behind a payload that ends off a boundary (4.1). */
static void test_checksum_off_its_boundary(void **state)
{
	static const uint8_t octets[] = {0x03, 0x10, 0x00, 0x1b, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	    0x00, 0x07,                                                       /* 27 octets */
	    0x03, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x07, 0x7e, 0x01, 0x02, /* */
	    0xc1, 0xc2, 0xc3, 0xc4};
	struct kink_message message;
	enum kink_error error;

	(void)state;
	assert_int_equal(kink_decode(BYTES(octets), &message, &error), ERR_INVALID);
	assert_int_equal(error, KINK_PROTOERR);
}

static void test_isakmp_refuses(void **state)
{
	static const uint8_t newer[] = {0x00, 0x11, 0x00, 0x00}, older[] = {0x00, 0x00, 0x00, 0x00},
			     major[] = {0x00, 0x20, 0x00, 0x00}, cut[] = {0x00, 0x10, 0x00},
			     trailing[] = {0x00, 0x10, 0x00, 0x00, 0x00},
			     broken[] = {0x0a, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05},
			     none[] = {0x00, 0x10, 0x00, 0x00};
	struct isakmp_chain chain;
	enum kink_error error;

	(void)state;
	assert_int_equal(kink_isakmp_decode(BYTES(newer), &chain, &error), ERR_UNSUPPORTED);
	assert_int_equal(error, KINK_BADQMVERS);
	assert_int_equal(kink_isakmp_decode(BYTES(major), &chain, &error), ERR_UNSUPPORTED);
	assert_int_equal(error, KINK_BADQMVERS);
	assert_int_equal(kink_isakmp_decode(BYTES(older), &chain, &error), ERR_UNSUPPORTED);
	assert_int_equal(error, KINK_BADQMVERS);
	assert_int_equal(kink_isakmp_decode(BYTES(cut), &chain, &error), ERR_TRUNCATED);
	assert_int_equal(error, KINK_PROTOERR);
	assert_int_equal(kink_isakmp_decode(BYTES(trailing), &chain, &error), ERR_INVALID);
	assert_int_equal(error, KINK_PROTOERR);
	assert_int_equal(kink_isakmp_decode(BYTES(broken), &chain, &error), ERR_TRUNCATED);
	assert_int_equal(error, KINK_PROTOERR);
	assert_int_equal(kink_isakmp_decode(BYTES(none), &chain, &error), ERR_OK);
	assert_int_equal(chain.count, 0);
}

static void test_small_bodies(void **state)
{
	static const uint8_t octets[5] = {0};
	struct kink_ap ap;
	uint32_t code;

	(void)state;
	assert_int_equal(kink_ap_decode(bytes_of(octets, 3), &ap), ERR_TRUNCATED);
	assert_int_equal(kink_ap_decode(bytes_of(octets, 4), &ap), ERR_INVALID);
	assert_int_equal(kink_ap_decode(bytes_of(octets, 5), &ap), ERR_OK);
	assert_int_equal(kink_error_decode(bytes_of(octets, 3), &code), ERR_TRUNCATED);
	assert_int_equal(kink_error_decode(bytes_of(octets, 5), &code), ERR_INVALID);
}

static void test_chain_has_a_limit(void **state)
{
	static const struct kink_header header = {.type = KINK_STATUS, .doi = IPSEC_DOI};
	uint8_t buffer[512];

	(void)state;
	for (size_t count = KINK_PAYLOADS_MAX; count <= KINK_PAYLOADS_MAX + 1; count++) {
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct kink_writer w = kink_begin(&out, &header);
		struct kink_message message;
		enum kink_error error;

		for (size_t i = 0; i < count; i++)
			kink_put_error(&w, KINK_OK);
		kink_close(&w);
		assert_true(writer_ok(&out));
		assert_int_equal(kink_decode(writer_bytes(&out), &message, &error),
		    count <= KINK_PAYLOADS_MAX ? ERR_OK : ERR_LIMIT);
	}
}

/* A lone error is not signed; its last payload may end off a boundary, padded or not. */
static void test_unsigned_message(void **state)
{
	static const uint8_t octets[] = {0x03, 0x10, 0x00, 0x17, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	    0x00, 0x07,             /* 23 octets */
	    0x03, 0x00, 0x00, 0x00, /* no Cksum */
	    0x00, 0x00, 0x00, 0x07, 0x7e, 0x01, 0x02, 0x00};
	static const struct kink_header header = {.type = KINK_REPLY, .doi = IPSEC_DOI, .xid = 7};
	uint8_t buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer w = kink_begin(&out, &header);
	struct kink_message message;
	enum kink_error error;

	(void)state;
	assert_int_equal(kink_decode(BYTES(octets), &message, &error), ERR_OK);
	assert_int_equal(message.checksum.len, 0);
	assert_int_equal(message.octets.len, 23);
	assert_int_equal(message.outer.count, 1);
	assert_bytes(message.outer.payloads[0].body, bytes_of(octets + 20, 3));

	/* Ours is padded, and its length says so. */
	kink_put(&w, KINK_KRB_ERROR, bytes_of(octets + 20, 3));
	kink_close(&w);
	assert_int_equal(out.len, sizeof(octets));
	assert_int_equal(buffer[3], 24);
	buffer[3] = 23;
	assert_bytes(writer_bytes(&out), BYTES(octets));
}

/*
 * Figure 13 with a cipher that adds 6 octets to the 12 of the plaintext, so that the ciphertext
 * ends off a boundary.
 */
static void test_sealed_message(void **state)
{
	static const uint8_t expected[] = {0x06, 0x10, 0x00, 0x38, 0x00, 0x00, 0x00, 0x01, 0x00,
	    0x00, 0x00, 0x09,                                                       /* 56 octets */
	    0x01, 0x00, 0x00, 0x04,                                                 /* AP_REQ */
	    0x07, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x02, 0x6e, 0x00, 0x00, 0x00, /* */
	    0x00, 0x00, 0x00, 0x16, /* KINK_ENCRYPT: 4 and the 18 encrypted octets */
	    0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99,
	    0x99, 0x99, 0x99, 0x99, 0x00, 0x00, /* and padding before the checksum */
	    0xc1, 0xc2, 0xc3, 0xc4};
	static const uint8_t expected_plain[] = {0x08, 0x00, 0x00, 0x00, /* InnerNextPload */
	    0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x01};
	static const struct kink_header header = {.type = KINK_STATUS, .doi = IPSEC_DOI, .xid = 9};
	static const uint8_t ap[] = {0x6e}, checksum[] = {0xc1, 0xc2, 0xc3, 0xc4};
	uint8_t head[64], plain[32], ciphertext[18], padded[16] = {0};
	struct writer out = writer_of(head, sizeof(head)), inner = writer_of(plain, sizeof(plain));
	struct kink_writer w = kink_begin(&out, &header), hidden = kink_begin_plain(&inner);
	struct kink_message message;
	struct kink_payloads payloads;
	enum kink_error error;
	uint32_t code;

	(void)state;
	kink_put_error(&hidden, KINK_PROTOERR);
	assert_bytes(writer_bytes(&inner), BYTES(expected_plain));

	kink_put_ap(&w, KINK_AP_REQ, &(struct kink_ap){.epoch = 2, .ap = BYTES(ap)});
	kink_close_sealed(&w, sizeof(ciphertext));
	assert_true(writer_ok(&out));
	assert_int_equal(out.len, 32); /* what is signed starts with this */
	assert_int_equal(head[3], 52);

	memset(ciphertext, 0x99, sizeof(ciphertext));
	writer_put(&out, BYTES(ciphertext));
	writer_align(&out, 4);
	assert_int_equal(out.len, 52);
	kink_finish(&out, BYTES(checksum));
	assert_bytes(writer_bytes(&out), BYTES(expected));

	assert_int_equal(kink_decode(BYTES(expected), &message, &error), ERR_OK);
	assert_int_equal(message.outer.count, 2);
	assert_int_equal(message.outer.payloads[1].type, KINK_ENCRYPT);
	assert_bytes(message.outer.payloads[1].body, BYTES(ciphertext));

	/* A cipher may leave octets behind the last payload (4.2.7). */
	memcpy(padded, expected_plain, sizeof(expected_plain));
	padded[13] = 0xff;
	assert_int_equal(kink_decode_plain(BYTES(padded), &payloads), ERR_OK);
	assert_int_equal(payloads.count, 1);
	assert_int_equal(kink_error_decode(payloads.payloads[0].body, &code), ERR_OK);
	assert_int_equal(code, KINK_PROTOERR);
	for (size_t len = 0; len < sizeof(expected_plain); len++) {
		struct bytes cut = copy_of(BYTES(expected_plain), len);

		assert_int_equal(kink_decode_plain(cut, &payloads), ERR_INVALID);
		copy_free(cut);
	}
}

/* Inside, too, payloads start on boundaries: counted from InnerNextPload. */
static void test_plain_alignment(void **state)
{
	static const uint8_t expected[] = {0x03, 0x00, 0x00, 0x00, /* */
	    0x08, 0x00, 0x00, 0x05, 0x7e, 0x00, 0x00, 0x00,        /* KINK_KRB_ERROR of 1 octet */
	    0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x01};
	static const uint8_t krb_error[] = {0x7e};
	uint8_t buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer w = kink_begin_plain(&out);
	struct kink_payloads payloads;

	(void)state;
	kink_put(&w, KINK_KRB_ERROR, BYTES(krb_error));
	kink_put_error(&w, KINK_PROTOERR);
	assert_bytes(writer_bytes(&out), BYTES(expected));
	assert_int_equal(kink_decode_plain(BYTES(expected), &payloads), ERR_OK);
	assert_int_equal(payloads.count, 2);
	assert_bytes(payloads.payloads[0].body, BYTES(krb_error));
}

static void test_message_too_long_to_encode(void **state)
{
	static uint8_t body[UINT16_MAX], buffer[UINT16_MAX + 64];
	static const struct kink_header header = {.type = KINK_REPLY, .doi = IPSEC_DOI};
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer w = kink_begin(&out, &header);

	(void)state;
	kink_put(&w, KINK_TGT_REP, bytes_of(body, 65508)); /* 16 + 4 + 65508 = 65528 */
	kink_close(&w);
	kink_finish(&out, bytes_of(body, 4));
	assert_true(writer_ok(&out));
	kink_finish(&out, bytes_of(body, 4));
	assert_false(writer_ok(&out));

	out = writer_of(buffer, sizeof(buffer));
	w = kink_begin(&out, &header);
	kink_close_sealed(&w, 65513);
	assert_false(writer_ok(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_decodes),
	    cmocka_unit_test(test_encodes),
	    cmocka_unit_test(test_signed_part),
	    cmocka_unit_test(test_ignores_reserved_and_what_follows),
	    cmocka_unit_test(test_refuses_every_truncation),
	    cmocka_unit_test(test_refuses_every_honest_truncation),
	    cmocka_unit_test(test_refuses),
	    cmocka_unit_test(test_header_lengths),
	    cmocka_unit_test(test_checksum_off_its_boundary),
	    cmocka_unit_test(test_isakmp_refuses),
	    cmocka_unit_test(test_small_bodies),
	    cmocka_unit_test(test_chain_has_a_limit),
	    cmocka_unit_test(test_unsigned_message),
	    cmocka_unit_test(test_sealed_message),
	    cmocka_unit_test(test_plain_alignment),
	    cmocka_unit_test(test_message_too_long_to_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
