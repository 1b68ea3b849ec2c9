/*
 * Tests of what IKEv1 adds to ISAKMP's payloads, against octets laid out by hand from the RFCs, and
 * of its vendor IDs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"
#include "wire/ikev1.h"
#include "wire/utf16.h"
#include "wire/vendor.h"

/* RFC 2409 7.1: one proposal of PROTO_ISAKMP without an SPI, two transforms of KEY_OAKLEY. */
static const uint8_t sa_octets[] = {
    0x00, 0x00, 0x00, 0x01, /* IPsec DOI */
    0x00, 0x00, 0x00, 0x01, /* SIT_IDENTITY_ONLY */
    0x00, 0x00, 0x00, 0x50, /* the only proposal */
    0x01, 0x01, 0x00, 0x02, /* number 1, PROTO_ISAKMP, no SPI, 2 transforms */
    /* 16: transform 1, KEY_IKE */
    0x03, 0x00, 0x00, 0x24, 0x01, 0x01, 0x00, 0x00, /* */
    0x80, 0x0b, 0x00, 0x01, 0x80, 0x0c, 0x70, 0x80, /* 28800 seconds */
    0x80, 0x01, 0x00, 0x07, 0x80, 0x0e, 0x01, 0x00, /* AES-CBC, 256 bits */
    0x80, 0x02, 0x00, 0x04, 0x80, 0x03, 0x00, 0x01, /* SHA2-256, pre-shared key */
    0x80, 0x04, 0x00, 0x1f,                         /* group 31 */
    /* 52: transform 2, KEY_IKE */
    0x00, 0x00, 0x00, 0x24, 0x02, 0x01, 0x00, 0x00, /* */
    0x80, 0x0b, 0x00, 0x01, 0x00, 0x0c, 0x00, 0x04, /* */
    0x00, 0x01, 0x51, 0x80,                         /* 86400 seconds */
    0x80, 0x01, 0x00, 0x05, 0x80, 0x02, 0x00, 0x02, /* 3DES-CBC, SHA */
    0x80, 0x03, 0x00, 0x09, 0x80, 0x04, 0x00, 0x13, /* ECDSA-256, group 19 */
};

static const struct ikev1_attributes transforms[2] = {
    {.life_seconds = 28800,
	.encryption = IKEV1_ENCRYPTION_AES_CBC,
	.key_length = 256,
	.hash = IKEV1_HASH_SHA2_256,
	.method = IKEV1_METHOD_PRE_SHARED_KEY,
	.group = 31},
    {.life_seconds = 86400,
	.encryption = IKEV1_ENCRYPTION_3DES_CBC,
	.hash = IKEV1_HASH_SHA,
	.method = IKEV1_METHOD_ECDSA_256,
	.group = 19},
};

static void test_phase_1_sa_decodes(void **state)
{
	struct ikev1_attributes attributes;
	struct isakmp_sa sa;

	(void)state;
	assert_int_equal(isakmp_sa_decode(BYTES(sa_octets), &sa), ERR_OK);
	assert_int_equal(sa.proposal_count, 1);
	assert_int_equal(sa.proposals[0].protocol, PROTO_ISAKMP);
	assert_int_equal(sa.proposals[0].spi.len, 0);
	assert_int_equal(sa.proposals[0].transform_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct isakmp_transform *transform = &sa.proposals[0].transforms[i];

		assert_int_equal(transform->id, KEY_IKE);
		assert_int_equal(
		    ikev1_attributes_decode(transform->attributes, &attributes), ERR_OK);
		assert_int_equal(attributes.life_seconds, transforms[i].life_seconds);
		assert_int_equal(attributes.life_kilobytes, 0);
		assert_int_equal(attributes.encryption, transforms[i].encryption);
		assert_int_equal(attributes.key_length, transforms[i].key_length);
		assert_int_equal(attributes.hash, transforms[i].hash);
		assert_int_equal(attributes.method, transforms[i].method);
		assert_int_equal(attributes.group, transforms[i].group);
		assert_int_equal(attributes.unsupported, 0);
	}
}

static void test_phase_1_sa_encodes(void **state)
{
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_sa_writer sa = isakmp_sa_begin(&chain, IPSEC_DOI, SIT_IDENTITY_ONLY);

	(void)state;
	isakmp_sa_proposal(&sa, 1, PROTO_ISAKMP, bytes_of(NULL, 0));
	for (size_t i = 0; i < 2; i++) {
		isakmp_sa_transform(&sa, (uint8_t)(i + 1), KEY_IKE);
		ikev1_attributes_put(&out, &transforms[i]);
	}
	isakmp_sa_end(&sa);
	assert_true(writer_ok(&out));
	assert_bytes(bytes_of(buffer + 4, out.len - 4), BYTES(sa_octets));
}

/* Each attribute of RFC 2409 Appendix A, with values that tell one from another. */
static const uint8_t every_attribute[] = {
    0x80, 0x0b, 0x00, 0x01, 0x80, 0x0c, 0x0e, 0x10,             /* 3600 seconds */
    0x80, 0x0b, 0x00, 0x02, 0x00, 0x0c, 0x00, 0x04,             /* */
    0x00, 0x10, 0x00, 0x00,                                     /* 1048576 kilobytes */
    0x80, 0x01, 0x00, 0x07, 0x80, 0x0e, 0x00, 0x80,             /* AES-CBC, 128 bits */
    0x80, 0x02, 0x00, 0x06, 0x80, 0x0d, 0x00, 0x09,             /* SHA2-512, PRF 9 */
    0x80, 0x03, 0xfd, 0xe9, 0x80, 0x04, 0x80, 0x01,             /* GSS-API, group 32769 */
    0x80, 0x05, 0x00, 0x03, 0x80, 0x0f, 0x00, 0x9b,             /* EC2N, 155 bits */
    0x00, 0x06, 0x00, 0x03, 0x61, 0x62, 0x63,                   /* prime */
    0x00, 0x07, 0x00, 0x01, 0x7b,                               /* generator one */
    0x00, 0x08, 0x00, 0x02, 0x00, 0x08,                         /* generator two */
    0x00, 0x09, 0x00, 0x01, 0x00,                               /* curve A */
    0x00, 0x0a, 0x00, 0x02, 0x73, 0x8f,                         /* curve B */
    0x00, 0x10, 0x00, 0x03, 0x01, 0x02, 0x03,                   /* order */
    0x40, 0x00, 0x00, 0x06, 0x41, 0x00, 0x24, 0x00, 0x40, 0x00, /* "A$@" in UTF-16LE */
};

static void test_every_attribute(void **state)
{
	uint8_t buffer[256];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct ikev1_attributes read;

	(void)state;
	assert_int_equal(ikev1_attributes_decode(BYTES(every_attribute), &read), ERR_OK);
	assert_int_equal(read.life_seconds, 3600);
	assert_int_equal(read.life_kilobytes, 1048576);
	assert_int_equal(read.encryption, IKEV1_ENCRYPTION_AES_CBC);
	assert_int_equal(read.key_length, 128);
	assert_int_equal(read.hash, IKEV1_HASH_SHA2_512);
	assert_int_equal(read.prf, 9);
	assert_int_equal(read.method, IKEV1_METHOD_GSS);
	assert_int_equal(read.group, 32769);
	assert_int_equal(read.group_type, IKEV1_GROUP_TYPE_EC2N);
	assert_int_equal(read.field_size, 155);
	assert_bytes(read.group_prime, bytes_of("abc", 3));
	assert_bytes(read.group_generator_one, bytes_of("\x7b", 1));
	assert_bytes(read.group_generator_two, bytes_of("\0\x08", 2));
	assert_bytes(read.group_curve_a, bytes_of("\0", 1));
	assert_bytes(read.group_curve_b, bytes_of("\x73\x8f", 2));
	assert_bytes(read.group_order, bytes_of("\1\2\3", 3));
	assert_bytes(read.gss_identity, bytes_of("A\0$\0@", 6));
	assert_int_equal(read.unsupported, 0);
	ikev1_attributes_put(&out, &read);
	assert_true(writer_ok(&out));
	assert_bytes(writer_bytes(&out), BYTES(every_attribute));
	for (size_t len = 1; len < sizeof(every_attribute); len++) {
		struct bytes cut = copy_of(BYTES(every_attribute), len);
		enum err err = ikev1_attributes_decode(cut, &read);

		/* Between two attributes a shorter list is lawful. */
		assert_true(err == ERR_OK || err == ERR_TRUNCATED || err == ERR_INVALID);
		copy_free(cut);
	}
}

/* RFC 2409 Appendix A: variable ones may be basic, basic ones must not be variable. */
static void test_attributes_break_rules(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
		enum err err;
		uint16_t unsupported;
	} cases[] = {
	    {"\x80\x06\x00\x17", 4, ERR_OK, 0},                 /* a prime in basic form */
	    {"\x00\x02\x00\x02\x00\x04", 6, ERR_INVALID, 0},    /* hash in variable form */
	    {"\x80\x02\x00\x04\x80\x02\x00\x04", 8, ERR_OK, 0}, /* twice the same */
	    {"\x80\x02\x00\x04\x80\x02\x00\x05", 8, ERR_INVALID, 0} /* conflicting */,
	    {"\x80\x06\x00\x17\x00\x06\x00\x01\x17", 9, ERR_INVALID, 0},
	    {"\x80\x0b\x00\x01", 4, ERR_INVALID, 0}, /* a type without a duration */
	    {"\x80\x0c\x00\x01", 4, ERR_INVALID, 0}, /* a duration without a type */
	    {"\x80\x0b\x00\x03\x80\x0c\x00\x01", 8, ERR_OK, 11} /* neither seconds nor KB */,
	    {"\x80\x0b\x00\x01\x80\x0c\x00\x00", 8, ERR_OK, 12},
	    {"\x80\x11\x00\x01", 4, ERR_OK, 17},                /* reserved to IANA */
	    {"\x80\x01\x00\x00\x80\x11\x00\x01", 8, ERR_OK, 1}, /* the first counts */
	    {"\x00\x06\x00\x00", 4, ERR_OK, 6},                 /* an empty prime */
	    {"\x80\x00\x00\x01", 4, ERR_INVALID, 0},            /* type 0 */
	};
	struct ikev1_attributes read;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    ikev1_attributes_decode(bytes_of(cases[i].octets, cases[i].len), &read),
		    cases[i].err);
		if (cases[i].err == ERR_OK)
			assert_int_equal(read.unsupported, cases[i].unsupported);
	}
}

/* RFC 3947 3.2: CKY-I | CKY-R | IP | Port. */
static void test_nat_d_text(void **state)
{
	static const uint8_t cookies[2][8] = {
	    {1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11, 12, 13, 14, 15, 16}};
	static const uint8_t ipv4[] = {
	    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 192, 0, 2, 1, 0x01, 0xf4};
	static const uint8_t ipv6[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x20,
	    0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x11, 0x94};
	const struct {
		const char *address;
		uint16_t port;
		struct bytes text;
	} cases[] = {{"192.0.2.1", 500, BYTES(ipv4)}, {"2001:db8::1", 4500, BYTES(ipv6)}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t buffer[IKEV1_NAT_D_TEXT_MAX];
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct address address;

		assert_int_equal(address_parse(cases[i].address, &address), ERR_OK);
		ikev1_put_nat_d_text(&out, cookies[0], cookies[1], &address, cases[i].port);
		assert_true(writer_ok(&out));
		assert_bytes(writer_bytes(&out), cases[i].text);
	}
}

static void test_fragment(void **state)
{
	/* ID 1, number 2, last. */
	static const uint8_t octets[] = {
	    0x00, 0x00, 0x00, 0x0b, 0x00, 0x01, 0x02, 0x01, 'a', 'b', 'c'};
	struct bytes body = bytes_of(octets + 4, sizeof(octets) - 4);
	uint8_t buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct ikev1_fragment fragment;

	(void)state;
	assert_int_equal(ikev1_fragment_decode(body, &fragment), ERR_OK);
	assert_int_equal(fragment.id, 1);
	assert_int_equal(fragment.number, 2);
	assert_true(fragment.last);
	assert_bytes(fragment.data, bytes_of("abc", 3));
	ikev1_put_fragment(&chain, &fragment);
	assert_bytes(writer_bytes(&out), BYTES(octets));
	for (size_t len = 0; len <= 4; len++)
		assert_int_not_equal(
		    ikev1_fragment_decode(bytes_of(body.data, len), &fragment), ERR_OK);
	assert_int_equal(ikev1_fragment_decode(bytes_of("\0\1\1\0a", 5), &fragment), ERR_OK);
	assert_false(fragment.last);
	assert_int_equal(ikev1_fragment_decode(bytes_of("\0\1\0\0a", 5), &fragment), ERR_INVALID);
}

/* RFC 2781: one unit, or two. */
static void test_utf16(void **state)
{
	static const struct {
		const char *text;
		const char *octets;
		size_t len;
	} cases[] = {{"A$@R", "A\0$\0@\0R\0", 8}, {"\xc3\xa9", "\xe9\0", 2},
	    {"\xe2\x82\xac", "\xac\x20", 2}, {"\xf0\x9f\x94\x91", "\x3d\xd8\x11\xdd", 4},
	    {"\xef\xbf\xbd", "\xfd\xff", 2}};
	/* Too long for their number, half of a character, too large, cut off, no beginning. */
	static const char *const no_utf8[] = {
	    "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "a\xff"};
	static const struct bytes no_utf16[] = {{(const uint8_t *)"a", 1},
	    {(const uint8_t *)"\x3d\xd8", 2}, {(const uint8_t *)"\x11\xdd", 2},
	    {(const uint8_t *)"\x3d\xd8\x3d\xd8", 4}, {(const uint8_t *)"a\0\0\0", 4},
	    {(const uint8_t *)"\n\0", 2}, {(const uint8_t *)"\x3d\xd8\x11", 3}};
	uint8_t octets[16];
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct writer out = writer_of(octets, sizeof(octets));

		utf16_put(&out, cases[i].text);
		assert_bytes(writer_bytes(&out), bytes_of(cases[i].octets, cases[i].len));
		assert_int_equal(utf16_decode(writer_bytes(&out), text, sizeof(text)), ERR_OK);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(
		    utf16_decode(writer_bytes(&out), text, strlen(cases[i].text)), ERR_TOO_LONG);
	}
	for (size_t i = 0; i < sizeof(no_utf8) / sizeof(no_utf8[0]); i++) {
		struct writer out = writer_of(octets, sizeof(octets));

		utf16_put(&out, no_utf8[i]);
		assert_false(writer_ok(&out));
	}
	for (size_t i = 0; i < sizeof(no_utf16) / sizeof(no_utf16[0]); i++)
		assert_int_equal(utf16_decode(no_utf16[i], text, sizeof(text)), ERR_INVALID);
}

static void test_gss_token(void **state)
{
	static const uint8_t with_octet[] = {0, 0, 0, 8, 0x01, 0x60, 0x82, 0x03};
	static const uint8_t bare[] = {0, 0, 0, 7, 0x60, 0x82, 0x03};
	const struct {
		struct bytes payload;
		bool bare;
	} cases[] = {{BYTES(with_octet), false}, {BYTES(bare), true}};
	struct ikev1_gss_token token;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t buffer[16];
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
		struct bytes payload = cases[i].payload;

		assert_int_equal(
		    ikev1_gss_token_decode(bytes_of(payload.data + 4, payload.len - 4), &token),
		    ERR_OK);
		assert_int_equal(token.bare, cases[i].bare);
		assert_int_equal(token.encoding, cases[i].bare ? 0 : 1);
		assert_bytes(token.token, bytes_of("\x60\x82\x03", 3));
		ikev1_put_gss_token(&chain, &token);
		assert_bytes(writer_bytes(&out), payload);
	}
	assert_int_equal(ikev1_gss_token_decode(bytes_of(NULL, 0), &token), ERR_TRUNCATED);
	assert_int_equal(ikev1_gss_token_decode(bytes_of("\1", 1), &token), ERR_TRUNCATED);
}

/* As captured from peers; fragmentation with and without its flags, versions behind the others. */
static void test_vendor_ids(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
		enum vendor_id id;
		bool gss;
	} cases[] = {
	    {"\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f", 16,
		VENDOR_NAT_TRAVERSAL, false},
	    {"\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2e", 16, VENDOR_UNKNOWN,
		false},
	    {"\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f\x00", 17,
		VENDOR_UNKNOWN, false},
	    {"\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57\x01\x00", 16,
		VENDOR_DEAD_PEER_DETECTION, false},
	    {"\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57\x01\x01", 16,
		VENDOR_DEAD_PEER_DETECTION, false},
	    {"\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57\x02\x00", 16, VENDOR_UNKNOWN,
		false},
	    {"\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3", 16,
		VENDOR_FRAGMENTATION, false},
	    {"\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3\xc0\0\0\0", 20,
		VENDOR_FRAGMENTATION, false},
	    {"\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3\x40\0\0\0", 20,
		VENDOR_UNKNOWN, false},
	    {"\x62\x1b\x04\xbb\x09\x88\x2a\xc1\xe1\x59\x35\xfe\xfa\x24\xae\xee", 16, VENDOR_GSS,
		true},
	    {"\x1e\x2b\x51\x69\x05\x99\x1c\x7d\x7c\x96\xfc\xbf\xb5\x87\xe4\x61\0\0\0\x09", 20,
		VENDOR_WINDOWS, true},
	    {"\xb4\x6d\x89\x14\xf3\xaa\xa3\xf2\xfe\xde\xb7\xc7\xdb\x29\x43\xca", 16,
		VENDOR_GSS_DRAFT_NEWLINE, true},
	    {"\xad\x2c\x0d\xd0\xb9\xc3\x20\x83\xcc\xba\x25\xb8\x86\x1e\xc4\x55", 16,
		VENDOR_GSS_DRAFT, true},
	    {"\x09\x00\x26\x89\xdf\xd6\xb7\x12", 8, VENDOR_XAUTH, false},
	    {"\x12\xf5\xf2\x8c\x45\x71\x68\xa9\x70\x2d\x9f\xe2\x74\xcc\x01\x00", 16,
		VENDOR_CISCO_UNITY, false},
	    {"", 0, VENDOR_UNKNOWN, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes copy = copy_of(bytes_of(cases[i].octets, cases[i].len), cases[i].len);

		assert_int_equal(vendor_id_of(copy), cases[i].id);
		assert_int_equal(vendor_id_is_gss(cases[i].id), cases[i].gss);
		copy_free(copy);
	}
	for (enum vendor_id id = VENDOR_UNKNOWN + 1; id < VENDOR_ID_COUNT; id++) {
		assert_int_equal(vendor_id_of(vendor_id_octets(id)), id);
		assert_non_null(vendor_id_name(id));
	}
	assert_int_equal(vendor_id_octets(VENDOR_UNKNOWN).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_phase_1_sa_decodes),
	    cmocka_unit_test(test_phase_1_sa_encodes),
	    cmocka_unit_test(test_every_attribute),
	    cmocka_unit_test(test_attributes_break_rules),
	    cmocka_unit_test(test_nat_d_text),
	    cmocka_unit_test(test_fragment),
	    cmocka_unit_test(test_gss_token),
	    cmocka_unit_test(test_utf16),
	    cmocka_unit_test(test_vendor_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
