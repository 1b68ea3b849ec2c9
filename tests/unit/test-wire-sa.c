/* Tests of the SA payload and its attributes against octets laid out by hand from the RFCs'
 * figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"
#include "wire/isakmp.h"

/*
 * RFC 2408 figures 5 to 7 and the first example of 4.2.1: (ESP AND AH) OR ESP, with fewer
 * transforms. Offsets of the parts are named for the tests that break them.
 */
enum { PROPOSAL_1 = 8, PROPOSAL_2 = 56, TRANSFORM_1 = 20, TRANSFORM_2 = 36 };
static const uint8_t sa_octets[] = {
    0x00, 0x00, 0x00, 0x01, /* IPsec DOI */
    0x00, 0x00, 0x00, 0x01, /* SIT_IDENTITY_ONLY */
    /* 8: proposal 1, ESP */
    0x02, 0x00, 0x00, 0x30, 0x01, 0x03, 0x04, 0x02, /* SPI of 4 octets, 2 transforms */
    0x01, 0x02, 0x03, 0x04,                         /* SPI */
    /* 20: transform 1, AES-GCM with 16 octets of ICV */
    0x03, 0x00, 0x00, 0x10, 0x01, 0x14, 0x00, 0x00, /* */
    0x80, 0x04, 0x00, 0x02, 0x80, 0x06, 0x01, 0x00, /* transport, 256 bits */
    /* 36: transform 2, AES-CBC */
    0x00, 0x00, 0x00, 0x14, 0x02, 0x0c, 0x00, 0x00, /* */
    0x80, 0x04, 0x00, 0x02, 0x80, 0x05, 0x00, 0x05, /* transport, HMAC-SHA2-256 */
    0x80, 0x06, 0x00, 0x80,                         /* 128 bits */
    /* 56: proposal 1, AH */
    0x02, 0x00, 0x00, 0x18, 0x01, 0x02, 0x04, 0x01, /* */
    0x0a, 0x0b, 0x0c, 0x0d,                         /* SPI */
    0x00, 0x00, 0x00, 0x0c, 0x01, 0x03, 0x00, 0x00, /* transform 1, AH_SHA */
    0x80, 0x05, 0x00, 0x02,                         /* HMAC-SHA */
    /* 80: proposal 2, ESP */
    0x00, 0x00, 0x00, 0x14, 0x02, 0x03, 0x04, 0x01, /* */
    0x11, 0x12, 0x13, 0x14,                         /* SPI */
    0x00, 0x00, 0x00, 0x08, 0x01, 0x03, 0x00, 0x00, /* transform 1, ESP_3DES, no attributes */
};

static void test_sa_decodes(void **state)
{
	struct isakmp_sa sa;
	struct ipsec_attributes attributes;
	uint32_t spi;

	(void)state;
	assert_int_equal(isakmp_sa_decode(BYTES(sa_octets), &sa), ERR_OK);
	assert_int_equal(sa.doi, IPSEC_DOI);
	assert_int_equal(sa.situation, SIT_IDENTITY_ONLY);
	assert_int_equal(sa.proposal_count, 3);
	assert_int_equal(sa.transform_count, 4);

	assert_int_equal(sa.proposals[0].number, 1);
	assert_int_equal(sa.proposals[0].protocol, PROTO_IPSEC_ESP);
	assert_int_equal(isakmp_spi_decode(sa.proposals[0].spi, &spi), ERR_OK);
	assert_int_equal(spi, 0x01020304);
	assert_int_equal(sa.proposals[0].transform_count, 2);
	assert_int_equal(sa.proposals[0].transforms[0].number, 1);
	assert_int_equal(sa.proposals[0].transforms[0].id, ESP_AES_GCM_16);
	assert_int_equal(sa.proposals[0].transforms[1].number, 2);
	assert_int_equal(sa.proposals[0].transforms[1].id, ESP_AES_CBC);
	assert_int_equal(
	    ipsec_attributes_decode(sa.proposals[0].transforms[1].attributes, &attributes), ERR_OK);
	assert_int_equal(attributes.encapsulation, ENCAPSULATION_TRANSPORT);
	assert_int_equal(attributes.authentication, AUTH_HMAC_SHA2_256);
	assert_int_equal(attributes.key_length, 128);
	assert_int_equal(attributes.unsupported, 0);

	assert_int_equal(sa.proposals[1].number, 1);
	assert_int_equal(sa.proposals[1].protocol, PROTO_IPSEC_AH);
	assert_int_equal(sa.proposals[1].transforms[0].id, AH_SHA);
	assert_int_equal(sa.proposals[2].number, 2);
	assert_int_equal(sa.proposals[2].transform_count, 1);
	assert_int_equal(sa.proposals[2].transforms[0].attributes.len, 0);
}

static void test_sa_encodes(void **state)
{
	uint8_t buffer[256], spi[4];
	struct writer out = writer_of(buffer, sizeof(buffer));
	size_t announce = writer_reserve(&out, 1);
	struct isakmp_writer chain = isakmp_writer_at(&out, announce);
	struct isakmp_sa_writer sa = isakmp_sa_begin(&chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
	struct bytes written;

	(void)state;
	isakmp_spi_encode(0x01020304, spi);
	isakmp_sa_proposal(&sa, 1, PROTO_IPSEC_ESP, BYTES(spi));
	isakmp_sa_transform(&sa, 1, ESP_AES_GCM_16);
	ipsec_attributes_put(
	    &out, &(struct ipsec_attributes){
		      .encapsulation = ENCAPSULATION_TRANSPORT, .key_length = 256});
	isakmp_sa_transform(&sa, 2, ESP_AES_CBC);
	ipsec_attributes_put(
	    &out, &(struct ipsec_attributes){.encapsulation = ENCAPSULATION_TRANSPORT,
		      .authentication = AUTH_HMAC_SHA2_256,
		      .key_length = 128});
	isakmp_spi_encode(0x0a0b0c0d, spi);
	isakmp_sa_proposal(&sa, 1, PROTO_IPSEC_AH, BYTES(spi));
	isakmp_sa_transform(&sa, 1, AH_SHA);
	ipsec_attributes_put(&out, &(struct ipsec_attributes){.authentication = AUTH_HMAC_SHA});
	isakmp_spi_encode(0x11121314, spi);
	isakmp_sa_proposal(&sa, 2, PROTO_IPSEC_ESP, BYTES(spi));
	isakmp_sa_transform(&sa, 1, ESP_3DES);
	isakmp_sa_end(&sa);
	assert_true(writer_ok(&out));
	written = writer_bytes(&out);
	assert_int_equal(written.data[0], ISAKMP_SA);
	assert_int_equal(written.data[1], ISAKMP_NONE);
	assert_int_equal(written.data[4], 4 + sizeof(sa_octets));
	assert_bytes(bytes_of(written.data + 5, written.len - 5), BYTES(sa_octets));
}

static void test_sa_refuses_every_truncation(void **state)
{
	struct isakmp_sa sa;

	(void)state;
	for (size_t len = 0; len < sizeof(sa_octets); len++) {
		struct bytes cut = copy_of(BYTES(sa_octets), len);

		assert_int_not_equal(isakmp_sa_decode(cut, &sa), ERR_OK);
		copy_free(cut);
	}
}

static void test_sa_refuses(void **state)
{
	static const struct {
		size_t offset;
		uint8_t value;
		enum err err;
	} cases[] = {
	    {3, 0x00, ERR_UNSUPPORTED},            /* generic ISAKMP DOI */
	    {7, 0x03, ERR_UNSUPPORTED},            /* SIT_SECRECY */
	    {PROPOSAL_1, 0x00, ERR_INVALID},       /* the chain ends too early */
	    {PROPOSAL_1, 0x03, ERR_INVALID},       /* a transform beside a proposal */
	    {PROPOSAL_1 + 1, 0x01, ERR_INVALID},   /* RESERVED */
	    {PROPOSAL_1 + 4, 0x02, ERR_INVALID},   /* number then decreases */
	    {PROPOSAL_1 + 6, 0xff, ERR_TRUNCATED}, /* SPI beyond the payload */
	    {PROPOSAL_1 + 7, 0x01, ERR_INVALID},   /* fewer transforms announced */
	    {PROPOSAL_1 + 7, 0x03, ERR_INVALID},   /* more */
	    {TRANSFORM_1, 0x02, ERR_INVALID},      /* a proposal inside a proposal */
	    {TRANSFORM_2 + 3, 0x13, ERR_INVALID},  /* an octet left over */
	    {TRANSFORM_2 + 4, 0x01, ERR_INVALID},  /* equal transform numbers */
	    {PROPOSAL_2 + 3, 0x0f, ERR_TRUNCATED}, /* a transform cut off */
	};
	struct isakmp_sa sa;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[sizeof(sa_octets)];

		memcpy(octets, sa_octets, sizeof(octets));
		octets[cases[i].offset] = cases[i].value;
		if (isakmp_sa_decode(BYTES(octets), &sa) != cases[i].err)
			fail_msg("case %zu", i);
	}
}

static void test_sa_ignores_transform_reserved(void **state)
{
	uint8_t octets[sizeof(sa_octets)];
	struct isakmp_sa sa;

	(void)state;
	memcpy(octets, sa_octets, sizeof(octets));
	octets[TRANSFORM_1 + 6] = 0xff;
	assert_int_equal(isakmp_sa_decode(BYTES(octets), &sa), ERR_OK);
}

/* RFC 2408 3.5: the SPI of PROTO_ISAKMP, which is ignored, has 0 to 16 octets. */
static void test_sa_of_phase_1(void **state)
{
	static const uint8_t spi[17] = {0};

	(void)state;
	for (size_t len = 0; len <= sizeof(spi); len++) {
		uint8_t buffer[64];
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
		struct isakmp_sa_writer w = isakmp_sa_begin(&chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
		struct isakmp_sa sa;

		isakmp_sa_proposal(&w, 1, PROTO_ISAKMP, bytes_of(spi, len));
		isakmp_sa_transform(&w, 1, KEY_IKE);
		isakmp_sa_end(&w);
		assert_int_equal(isakmp_sa_decode(bytes_of(out.data + 4, out.len - 4), &sa),
		    len <= 16 ? ERR_OK : ERR_INVALID);
	}
}

/* The counts of a proposal are octets. */
static void test_sa_too_large_to_encode(void **state)
{
	static uint8_t buffer[8192];
	static const uint8_t spi[256] = {0};

	(void)state;
	for (size_t count = 255; count <= 256; count++) {
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
		struct isakmp_sa_writer w = isakmp_sa_begin(&chain, IPSEC_DOI, SIT_IDENTITY_ONLY);

		isakmp_sa_proposal(&w, 1, PROTO_IPSEC_ESP, bytes_of(NULL, 0));
		for (size_t i = 0; i < count; i++)
			isakmp_sa_transform(&w, (uint8_t)(i + 1), ESP_NULL);
		isakmp_sa_end(&w);
		assert_int_equal(writer_ok(&out), count <= 255);

		out = writer_of(buffer, sizeof(buffer));
		chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
		w = isakmp_sa_begin(&chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
		isakmp_sa_proposal(&w, 1, PROTO_IPSEC_ESP, bytes_of(spi, count));
		isakmp_sa_end(&w);
		assert_int_equal(writer_ok(&out), count <= 255);
	}
}

/* Proposals of so many transforms each until there are more than can be held. */
static void test_sa_has_a_limit(void **state)
{
	uint8_t buffer[2048];
	struct isakmp_sa sa;

	(void)state;
	for (size_t per_proposal = 1; per_proposal <= 32; per_proposal *= 2) {
		for (size_t proposals = 1; proposals <= 33; proposals++) {
			struct writer out = writer_of(buffer, sizeof(buffer));
			struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
			struct isakmp_sa_writer w =
			    isakmp_sa_begin(&chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
			bool fits = proposals <= ISAKMP_PROPOSALS_MAX &&
			            proposals * per_proposal <= ISAKMP_TRANSFORMS_MAX;

			if (proposals * (per_proposal + 1) * 8 + 12 > sizeof(buffer))
				break;
			for (size_t p = 1; p <= proposals; p++) {
				isakmp_sa_proposal(
				    &w, (uint8_t)p, PROTO_IPSEC_ESP, bytes_of(NULL, 0));
				for (size_t t = 1; t <= per_proposal; t++)
					isakmp_sa_transform(&w, (uint8_t)t, ESP_NULL);
			}
			isakmp_sa_end(&w);
			assert_true(writer_ok(&out));
			assert_int_equal(isakmp_sa_decode(bytes_of(out.data + 4, out.len - 4), &sa),
			    fits ? ERR_OK : ERR_LIMIT);
		}
	}
}

/* The example of RFC 2407 4.5.2. */
static const uint8_t lifetime_octets[] = {
    0x80, 0x01, 0x00, 0x01, 0x00, 0x02, 0x00, 0x04, 0x00, 0x01, 0x51, 0x80, /* 86400 s */
    0x80, 0x01, 0x00, 0x02, 0x00, 0x02, 0x00, 0x04, 0x00, 0x01, 0x86, 0xa0, /* 100000 KB */
};

static void test_attributes_of_the_rfc(void **state)
{
	uint8_t buffer[sizeof(lifetime_octets)];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct ipsec_attributes attributes;

	(void)state;
	assert_int_equal(ipsec_attributes_decode(BYTES(lifetime_octets), &attributes), ERR_OK);
	assert_int_equal(attributes.life_seconds, 86400);
	assert_int_equal(attributes.life_kilobytes, 100000);
	assert_int_equal(attributes.unsupported, 0);
	ipsec_attributes_put(&out, &attributes);
	assert_true(writer_ok(&out));
	assert_bytes(writer_bytes(&out), BYTES(lifetime_octets));
	for (size_t len = 1; len < sizeof(lifetime_octets); len++) {
		struct bytes cut = copy_of(BYTES(lifetime_octets), len);

		/* A list may end after a whole duration, and nowhere else. */
		if (len == 12)
			assert_int_equal(ipsec_attributes_decode(cut, &attributes), ERR_OK);
		else
			assert_int_not_equal(ipsec_attributes_decode(cut, &attributes), ERR_OK);
		copy_free(cut);
	}
}

static void test_attributes_round_trip(void **state)
{
	static const struct {
		uint64_t duration;
		size_t len; /* of its life type and duration together */
	} durations[] = {{1, 8}, {28800, 8}, {0xffff, 8}, {0x10000, 12}, {0xffffffff, 12},
	    {0x100000000, 16}, {UINT64_MAX, 16}};

	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		struct ipsec_attributes in = {.life_seconds = durations[i].duration,
		    .life_kilobytes = durations[i].duration,
		    .group = 31,
		    .encapsulation = ENCAPSULATION_TUNNEL,
		    .authentication = AUTH_HMAC_SHA2_512,
		    .key_length = 192,
		    .key_rounds = 12,
		    .esn = ESN_64_BITS};
		struct ipsec_attributes back;
		uint8_t buffer[64];
		struct writer out = writer_of(buffer, sizeof(buffer));

		ipsec_attributes_put(&out, &in);
		assert_true(writer_ok(&out));
		assert_int_equal(ipsec_attributes_decode(writer_bytes(&out), &back), ERR_OK);
		assert_int_equal(back.life_seconds, in.life_seconds);
		assert_int_equal(back.life_kilobytes, in.life_kilobytes);
		assert_int_equal(back.group, in.group);
		assert_int_equal(back.encapsulation, in.encapsulation);
		assert_int_equal(back.authentication, in.authentication);
		assert_int_equal(back.key_length, in.key_length);
		assert_int_equal(back.key_rounds, in.key_rounds);
		assert_int_equal(back.esn, in.esn);
		assert_int_equal(out.len, 2 * durations[i].len + 6 * 4);
		assert_int_equal(back.unsupported, 0);
	}
}

/* What a list of attributes may and may not say: RFC 2407 4.5 and 4.5.2, RFC 2409 Appendix A. */
static void test_attributes_rules(void **state)
{
	static const struct {
		const char *what;
		uint8_t octets[20];
		size_t len;
		enum err err;
		uint16_t unsupported;
	} cases[] = {
	    {"no attributes", {0}, 0, ERR_OK, 0},
	    {"a duration in basic form", {0x80, 1, 0, 1, 0x80, 2, 0x70, 0x80}, 8, ERR_OK, 0},
	    {"a duration of one octet", {0x80, 1, 0, 1, 0, 2, 0, 1, 60}, 9, ERR_OK, 0},
	    {"the same twice", {0x80, 4, 0, 1, 0x80, 4, 0, 1}, 8, ERR_OK, 0},
	    {"a conflict", {0x80, 4, 0, 1, 0x80, 4, 0, 2}, 8, ERR_INVALID, 0},
	    {"conflicting durations",
		{0x80, 1, 0, 1, 0x80, 2, 0, 60, 0x80, 1, 0, 1, 0x80, 2, 0, 61}, 16, ERR_INVALID, 0},
	    {"a duration without its type", {0x80, 2, 0, 60}, 4, ERR_INVALID, 0},
	    {"a second duration without its type", {0x80, 1, 0, 1, 0x80, 2, 0, 60, 0x80, 2, 0, 60},
		12, ERR_INVALID, 0},
	    {"a type without its duration", {0x80, 1, 0, 1}, 4, ERR_INVALID, 0},
	    {"two types in a row", {0x80, 1, 0, 1, 0x80, 1, 0, 1, 0x80, 2, 0, 60}, 12, ERR_INVALID,
		0},
	    {"life type 0", {0x80, 1, 0, 0, 0x80, 2, 0, 60}, 8, ERR_INVALID, 0},
	    {"an unknown life type", {0x80, 1, 0, 3, 0x80, 2, 0, 60}, 8, ERR_OK,
		IPSEC_SA_LIFE_TYPE},
	    {"a duration of 0", {0x80, 1, 0, 1, 0x80, 2, 0, 0}, 8, ERR_OK, IPSEC_SA_LIFE_DURATION},
	    {"an empty duration", {0x80, 1, 0, 1, 0, 2, 0, 0}, 8, ERR_OK, IPSEC_SA_LIFE_DURATION},
	    {"a duration above 64 bits", {0x80, 1, 0, 1, 0, 2, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 60},
		17, ERR_OK, IPSEC_SA_LIFE_DURATION},
	    {"a long duration with leading zeros",
		{0x80, 1, 0, 1, 0, 2, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 60}, 17, ERR_OK, 0},
	    {"a basic attribute in variable form", {0, 4, 0, 2, 0, 1}, 6, ERR_INVALID, 0},
	    {"a life type in variable form", {0, 1, 0, 2, 0, 1, 0x80, 2, 0, 60}, 10, ERR_INVALID,
		0},
	    {"the reserved value 0", {0x80, 5, 0, 0}, 4, ERR_OK, IPSEC_AUTHENTICATION_ALGORITHM},
	    {"an unknown attribute", {0x80, 99, 0, 1, 0x80, 4, 0, 1}, 8, ERR_OK, 99},
	    {"an unknown attribute in variable form", {0x7d, 1, 0, 3, 1, 2, 3}, 7, ERR_OK, 0x7d01},
	    {"attribute 0", {0x80, 0, 0, 1}, 4, ERR_INVALID, 0},
	    {"a value beyond the end", {0, 2, 0, 4, 0, 0, 0}, 7, ERR_TRUNCATED, 0},
	    {"half an attribute", {0x80, 4, 0}, 3, ERR_TRUNCATED, 0},
	};
	struct ipsec_attributes attributes;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes input = copy_of(BYTES(cases[i].octets), cases[i].len);
		enum err err = ipsec_attributes_decode(input, &attributes);

		if (err != cases[i].err ||
		    (err == ERR_OK && attributes.unsupported != cases[i].unsupported))
			fail_msg("%s: %s", cases[i].what, err_text(err));
		copy_free(input);
	}
}

static void test_spi(void **state)
{
	static const uint8_t good[] = {0, 0, 1, 0}, reserved[] = {0, 0, 0, 255},
			     longer[] = {0, 0, 1, 0, 0};
	uint8_t encoded[4];
	uint32_t spi = 0;

	(void)state;
	assert_int_equal(isakmp_spi_decode(BYTES(good), &spi), ERR_OK);
	assert_int_equal(spi, 256);
	assert_int_equal(isakmp_spi_decode(BYTES(reserved), &spi), ERR_INVALID);
	assert_int_equal(isakmp_spi_decode(BYTES(longer), &spi), ERR_INVALID);
	assert_int_equal(isakmp_spi_decode(bytes_of(good + 1, 3), &spi), ERR_INVALID);
	isakmp_spi_encode(256, encoded);
	assert_bytes(BYTES(encoded), BYTES(good));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sa_decodes),
	    cmocka_unit_test(test_sa_encodes),
	    cmocka_unit_test(test_sa_refuses_every_truncation),
	    cmocka_unit_test(test_sa_refuses),
	    cmocka_unit_test(test_sa_ignores_transform_reserved),
	    cmocka_unit_test(test_sa_of_phase_1),
	    cmocka_unit_test(test_sa_too_large_to_encode),
	    cmocka_unit_test(test_sa_has_a_limit),
	    cmocka_unit_test(test_attributes_of_the_rfc),
	    cmocka_unit_test(test_attributes_round_trip),
	    cmocka_unit_test(test_attributes_rules),
	    cmocka_unit_test(test_spi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
