/* Tests of the ISAKMP payload codecs against octets laid out by hand from the RFCs' figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"
#include "wire/isakmp.h"

/* RFC 2408 figure 2: main mode, one SA payload of 12 octets. */
static const uint8_t header_octets[] = {
    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, /* initiator cookie */
    0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, /* responder cookie */
    0x0d, 0x10, 0x02, 0x01, /* VID follows, version 1.0, identity protection, encrypted */
    0xa1, 0xa2, 0xa3, 0xa4, /* message ID */
    0x00, 0x00, 0x00, 0x22, /* length */
    0x00, 0x00, 0x00, 0x06, 0xca, 0xfe, /* VID */
};

static void test_header_decodes(void **state)
{
	struct isakmp_header header;
	struct bytes body;
	enum notify_type notify;

	(void)state;
	assert_int_equal(
	    isakmp_header_decode(BYTES(header_octets), &header, &body, &notify), ERR_OK);
	assert_memory_equal(header.initiator_cookie, header_octets, 8);
	assert_memory_equal(header.responder_cookie, header_octets + 8, 8);
	assert_int_equal(header.next_payload, ISAKMP_VENDOR_ID);
	assert_int_equal(header.major, 1);
	assert_int_equal(header.minor, 0);
	assert_int_equal(header.exchange, ISAKMP_EXCHANGE_IDENTITY_PROTECTION);
	assert_int_equal(header.flags, ISAKMP_FLAG_ENCRYPTION);
	assert_int_equal(header.message_id, 0xa1a2a3a4);
	assert_int_equal(header.length, 34);
	assert_ptr_equal(body.data, header_octets + 28);
	assert_int_equal(body.len, 6);
}

static void test_header_encodes(void **state)
{
	uint8_t buffer[sizeof(header_octets)];
	static const uint8_t vendor[] = {0xca, 0xfe};
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_header header = {.exchange = ISAKMP_EXCHANGE_IDENTITY_PROTECTION,
	    .flags = ISAKMP_FLAG_ENCRYPTION,
	    .message_id = 0xa1a2a3a4};
	struct isakmp_writer chain;

	(void)state;
	memcpy(header.initiator_cookie, header_octets, 8);
	memcpy(header.responder_cookie, header_octets + 8, 8);
	chain = isakmp_begin(&out, &header);
	isakmp_put(&chain, ISAKMP_VENDOR_ID, BYTES(vendor));
	isakmp_end(&out);
	assert_true(writer_ok(&out));
	assert_bytes(writer_bytes(&out), BYTES(header_octets));
}

/* RFC 2408 5.1 and 5.2: what is wrong with a header and which notification says so. */
static void test_header_refuses(void **state)
{
	static const struct {
		size_t offset;
		uint8_t value;
		enum err err;
		enum notify_type notify;
	} cases[] = {
	    {17, 0x20, ERR_UNSUPPORTED, NOTIFY_INVALID_MAJOR_VERSION},
	    {17, 0x00, ERR_UNSUPPORTED, NOTIFY_INVALID_MAJOR_VERSION},
	    {17, 0x11, ERR_UNSUPPORTED, NOTIFY_INVALID_MINOR_VERSION},
	    {19, 0x08, ERR_INVALID, NOTIFY_INVALID_FLAGS},
	    {27, 0x21, ERR_INVALID, NOTIFY_UNEQUAL_PAYLOAD_LENGTHS},
	    {27, 0x23, ERR_INVALID, NOTIFY_UNEQUAL_PAYLOAD_LENGTHS},
	    {24, 0x01, ERR_INVALID, NOTIFY_UNEQUAL_PAYLOAD_LENGTHS},
	};
	struct isakmp_header header;
	struct bytes body;
	enum notify_type notify;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[sizeof(header_octets)];

		memcpy(octets, header_octets, sizeof(octets));
		octets[cases[i].offset] = cases[i].value;
		assert_int_equal(
		    isakmp_header_decode(BYTES(octets), &header, &body, &notify), cases[i].err);
		assert_int_equal(notify, cases[i].notify);
		assert_int_equal(header.message_id, 0xa1a2a3a4);
	}
	for (size_t len = 0; len < sizeof(header_octets); len++) {
		struct bytes cut = copy_of(BYTES(header_octets), len);

		assert_int_equal(isakmp_header_decode(cut, &header, &body, &notify),
		    len < ISAKMP_HEADER_SIZE ? ERR_TRUNCATED : ERR_INVALID);
		copy_free(cut);
	}
}

/* Nonce, KE and an unknown type, then two octets of padding. */
static const uint8_t chain_octets[] = {
    0x04, 0x00, 0x00, 0x06, 0x01, 0x02, /* NONCE, KE follows */
    0xc8, 0x00, 0x00, 0x04,             /* KE of no data, type 200 follows */
    0x00, 0x00, 0x00, 0x05, 0x07,       /* the last one */
    0x00, 0x00,                         /* not part of the chain */
};

static void test_chain_decodes(void **state)
{
	struct isakmp_chain chain;

	(void)state;
	assert_int_equal(isakmp_chain_decode(ISAKMP_NONCE, BYTES(chain_octets), &chain), ERR_OK);
	assert_int_equal(chain.count, 3);
	assert_int_equal(chain.payloads[0].type, ISAKMP_NONCE);
	assert_bytes(chain.payloads[0].body, bytes_of(chain_octets + 4, 2));
	assert_bytes(chain.payloads[0].whole, bytes_of(chain_octets, 6));
	assert_int_equal(chain.payloads[1].type, ISAKMP_KE);
	assert_int_equal(chain.payloads[1].body.len, 0);
	assert_int_equal(chain.payloads[2].type, 200);
	assert_bytes(chain.payloads[2].body, bytes_of(chain_octets + 14, 1));
	assert_int_equal(chain.trailing.len, 2);

	assert_ptr_equal(isakmp_chain_find(&chain, ISAKMP_KE, NULL), &chain.payloads[1]);
	assert_null(isakmp_chain_find(&chain, ISAKMP_KE, &chain.payloads[1]));
	assert_null(isakmp_chain_find(&chain, ISAKMP_SA, NULL));
	assert_int_equal(isakmp_chain_count(&chain, ISAKMP_KE), 1);
}

static void test_chain_may_be_empty(void **state)
{
	struct isakmp_chain chain;

	(void)state;
	assert_int_equal(isakmp_chain_decode(ISAKMP_NONE, bytes_of(NULL, 0), &chain), ERR_OK);
	assert_int_equal(chain.count, 0);
	assert_int_equal(chain.trailing.len, 0);
}

static void test_chain_refuses(void **state)
{
	/* A length below that of the generic header itself, and a RESERVED octet that is set. */
	static const uint8_t short_length[] = {0x00, 0x00, 0x00, 0x03};
	static const uint8_t zero_length[] = {0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04};
	static const uint8_t reserved[] = {0x00, 0x01, 0x00, 0x04};
	struct isakmp_chain chain;

	(void)state;
	assert_int_equal(isakmp_chain_decode(ISAKMP_KE, BYTES(short_length), &chain), ERR_INVALID);
	assert_int_equal(isakmp_chain_decode(ISAKMP_KE, BYTES(zero_length), &chain), ERR_INVALID);
	assert_int_equal(isakmp_chain_decode(ISAKMP_KE, BYTES(reserved), &chain), ERR_INVALID);
	for (size_t len = 0; len < sizeof(chain_octets) - 2; len++) {
		struct bytes cut = copy_of(BYTES(chain_octets), len);

		assert_int_equal(isakmp_chain_decode(ISAKMP_NONCE, cut, &chain), ERR_TRUNCATED);
		copy_free(cut);
	}
}

static void test_chain_has_a_limit(void **state)
{
	uint8_t octets[(ISAKMP_PAYLOADS_MAX + 1) * 4];
	struct isakmp_chain chain;

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i += 4)
		memcpy(octets + i, (const uint8_t[]){ISAKMP_KE, 0, 0, 4}, 4);
	octets[sizeof(octets) - 8] = ISAKMP_NONE;
	assert_int_equal(isakmp_chain_decode(ISAKMP_KE, BYTES(octets), &chain), ERR_OK);
	assert_int_equal(chain.count, ISAKMP_PAYLOADS_MAX);
	octets[sizeof(octets) - 8] = ISAKMP_KE;
	octets[sizeof(octets) - 4] = ISAKMP_NONE;
	assert_int_equal(isakmp_chain_decode(ISAKMP_KE, BYTES(octets), &chain), ERR_LIMIT);
}

static void test_payload_too_long_to_encode(void **state)
{
	static uint8_t body[UINT16_MAX], buffer[UINT16_MAX + 16];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);

	(void)state;
	isakmp_put(&chain, ISAKMP_CERT, bytes_of(body, UINT16_MAX - 4));
	assert_true(writer_ok(&out));
	out = writer_of(buffer, sizeof(buffer));
	chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	isakmp_put(&chain, ISAKMP_CERT, bytes_of(body, UINT16_MAX - 3));
	assert_false(writer_ok(&out));
}

/* RFC 2407 figure 2 with each address type of 4.6.2. */
static void test_id_ranges(void **state)
{
	static const struct {
		const char *range;
		size_t len;
		uint8_t octets[36];
	} cases[] = {
	    {"192.0.2.1/32", 8, {1, 6, 0, 80, 192, 0, 2, 1}},
	    {"10.1.0.0/16", 12, {4, 0, 0, 0, 10, 1, 0, 0, 255, 255, 0, 0}},
	    {"10.1.8.0/21", 12, {4, 0, 0, 0, 10, 1, 8, 0, 255, 255, 248, 0}},
	    {"0.0.0.0/0", 12, {4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	    {"10.1.0.1-10.1.0.9", 12, {7, 17, 1, 0xf4, 10, 1, 0, 1, 10, 1, 0, 9}},
	    {"2001:db8::1/128", 20,
		{5, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
	    {"2001:db8::/32", 36,
		{6, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
		    0xff, 0xff}},
	    {"2001:db8::1-2001:db8::2", 36,
		{8, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0x0d,
		    0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes octets = bytes_of(cases[i].octets, cases[i].len);
		struct isakmp_id id;
		struct address_range range;
		char text[RANGE_TEXT_SIZE];
		uint8_t buffer[64];
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);

		assert_int_equal(isakmp_id_decode(octets, &id), ERR_OK);
		assert_int_equal(id.protocol, octets.data[1]);
		assert_int_equal(id.port, octets.data[2] << 8 | octets.data[3]);
		assert_int_equal(isakmp_id_range(&id, &range), ERR_OK);
		assert_string_equal(range_format(&range, text), cases[i].range);

		isakmp_put_id_range(&chain, &range, id.protocol, id.port);
		assert_true(writer_ok(&out));
		assert_bytes(bytes_of(out.data + 4, out.len - 4), octets);

		for (size_t len = 0; len < octets.len; len++) {
			struct bytes cut = copy_of(octets, len);

			assert_int_not_equal(isakmp_id_decode(cut, &id), ERR_OK);
			copy_free(cut);
		}
	}
}

static void test_id_others(void **state)
{
	static const uint8_t fqdn[] = {2, 0, 0, 0, 'a', '.', 'b'};
	static const uint8_t host_bits[] = {4, 0, 0, 0, 10, 1, 2, 3, 255, 255, 0, 0};
	static const uint8_t holes[] = {4, 0, 0, 0, 10, 1, 2, 3, 255, 0, 255, 0};
	static const uint8_t swapped[] = {7, 0, 0, 0, 10, 1, 0, 2, 10, 1, 0, 1};
	static const uint8_t longer[] = {1, 0, 0, 0, 10, 1, 0, 2, 0};
	uint8_t buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_id id;
	struct address_range range;
	char text[RANGE_TEXT_SIZE];

	(void)state;
	assert_int_equal(isakmp_id_decode(BYTES(fqdn), &id), ERR_OK);
	assert_int_equal(id.type, ID_FQDN);
	assert_bytes(id.data, bytes_of("a.b", 3));
	assert_int_equal(isakmp_id_range(&id, &range), ERR_UNSUPPORTED);
	isakmp_put_id(&chain, &id);
	assert_bytes(bytes_of(out.data + 4, out.len - 4), BYTES(fqdn));

	assert_int_equal(isakmp_id_decode(BYTES(host_bits), &id), ERR_OK);
	assert_int_equal(isakmp_id_range(&id, &range), ERR_OK);
	assert_string_equal(range_format(&range, text), "10.1.0.0/16");
	assert_int_equal(isakmp_id_decode(BYTES(holes), &id), ERR_OK);
	assert_int_equal(isakmp_id_range(&id, &range), ERR_UNSUPPORTED);
	assert_int_equal(isakmp_id_decode(BYTES(swapped), &id), ERR_OK);
	assert_int_equal(isakmp_id_range(&id, &range), ERR_INVALID);
	assert_int_equal(isakmp_id_decode(BYTES(longer), &id), ERR_INVALID);
}

/* RFC 2408 figure 15: ESP, NO-PROPOSAL-CHOSEN about one SPI, one octet of data. */
static void test_notification(void **state)
{
	static const uint8_t octets[] = {
	    0x00, 0x00, 0x00, 0x01, 0x03, 0x04, 0x00, 0x0e, 0xde, 0xad, 0xbe, 0xef, 0x5a};
	uint8_t buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_notification notification;

	(void)state;
	assert_int_equal(isakmp_notification_decode(BYTES(octets), &notification), ERR_OK);
	assert_int_equal(notification.doi, IPSEC_DOI);
	assert_int_equal(notification.protocol, PROTO_IPSEC_ESP);
	assert_int_equal(notification.type, NOTIFY_NO_PROPOSAL_CHOSEN);
	assert_bytes(notification.spi, bytes_of(octets + 8, 4));
	assert_bytes(notification.data, bytes_of(octets + 12, 1));
	isakmp_put_notification(&chain, &notification);
	assert_bytes(bytes_of(out.data + 4, out.len - 4), BYTES(octets));
	for (size_t len = 0; len < 12; len++) {
		struct bytes cut = copy_of(BYTES(octets), len);

		assert_int_equal(isakmp_notification_decode(cut, &notification), ERR_TRUNCATED);
		copy_free(cut);
	}
}

/* RFC 2408 figure 16: two SPIs of ESP. */
static void test_delete(void **state)
{
	static const uint8_t octets[] = {0x00, 0x00, 0x00, 0x01, 0x03, 0x04, 0x00, 0x02, 0x01, 0x02,
	    0x03, 0x04, 0x0a, 0x0b, 0x0c, 0x0d};
	static const uint8_t none[] = {0, 0, 0, 1, 3, 4, 0, 0}, empty[] = {0, 0, 0, 1, 3, 0, 0, 9};
	uint8_t longer[sizeof(octets) + 1] = {0}, buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_delete delete;
	uint32_t spi;

	(void)state;
	assert_int_equal(isakmp_delete_decode(BYTES(octets), &delete), ERR_OK);
	assert_int_equal(delete.doi, IPSEC_DOI);
	assert_int_equal(delete.protocol, PROTO_IPSEC_ESP);
	assert_int_equal(delete.spi_count, 2);
	assert_int_equal(isakmp_spi_decode(isakmp_delete_spi(&delete, 0), &spi), ERR_OK);
	assert_int_equal(spi, 0x01020304);
	assert_int_equal(isakmp_spi_decode(isakmp_delete_spi(&delete, 1), &spi), ERR_OK);
	assert_int_equal(spi, 0x0a0b0c0d);
	assert_int_equal(isakmp_delete_spi(&delete, 2).len, 0);
	isakmp_put_delete(&chain, &delete);
	assert_bytes(bytes_of(out.data + 4, out.len - 4), BYTES(octets));
	for (size_t len = 0; len < sizeof(octets); len++) {
		struct bytes cut = copy_of(BYTES(octets), len);

		assert_int_equal(isakmp_delete_decode(cut, &delete), ERR_TRUNCATED);
		copy_free(cut);
	}
	memcpy(longer, octets, sizeof(octets));
	assert_int_equal(isakmp_delete_decode(BYTES(longer), &delete), ERR_INVALID);
	assert_int_equal(isakmp_delete_decode(BYTES(none), &delete), ERR_INVALID);
	assert_int_equal(isakmp_delete_decode(BYTES(empty), &delete), ERR_INVALID);
}

/* RFC 2408 figures 10 and 11. */
static void test_certificate(void **state)
{
	static const uint8_t octets[] = {0x04, 0x30, 0x82};
	uint8_t buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_certificate certificate;

	(void)state;
	assert_int_equal(isakmp_certificate_decode(BYTES(octets), &certificate), ERR_OK);
	assert_int_equal(certificate.encoding, CERTIFICATE_X509_SIGNATURE);
	assert_bytes(certificate.data, bytes_of(octets + 1, 2));
	isakmp_put_certificate(&chain, ISAKMP_CERTREQ, &certificate);
	assert_bytes(bytes_of(out.data + 4, out.len - 4), BYTES(octets));
	assert_int_equal(isakmp_certificate_decode(bytes_of(octets, 1), &certificate), ERR_OK);
	assert_int_equal(certificate.data.len, 0);
	assert_int_equal(isakmp_certificate_decode(bytes_of(NULL, 0), &certificate), ERR_TRUNCATED);
}

/* RFC 3947 5.2. */
static void test_nat_oa(void **state)
{
	static const uint8_t ipv4[] = {1, 0, 0, 0, 192, 0, 2, 1};
	static const uint8_t ipv6[] = {
	    5, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	const struct bytes good[] = {BYTES(ipv4), BYTES(ipv6)};
	uint8_t bad[sizeof(ipv6) + 1];
	struct address address;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t buffer[32];
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);

		assert_int_equal(isakmp_nat_oa_decode(good[i], &address), ERR_OK);
		isakmp_put_nat_oa(&chain, &address);
		assert_bytes(bytes_of(out.data + 4, out.len - 4), good[i]);
		for (size_t len = 0; len < good[i].len; len++) {
			struct bytes cut = copy_of(good[i], len);

			assert_int_not_equal(isakmp_nat_oa_decode(cut, &address), ERR_OK);
			copy_free(cut);
		}
		memcpy(bad, good[i].data, good[i].len);
		bad[good[i].len] = 0;
		assert_int_equal(
		    isakmp_nat_oa_decode(bytes_of(bad, good[i].len + 1), &address), ERR_INVALID);
		/* Types of more than one address, the other family's, and reserved octets. */
		for (unsigned at = 0; at < 4; at++) {
			for (unsigned value = 1; value < 256; value++) {
				memcpy(bad, good[i].data, good[i].len);
				bad[at] = (uint8_t)value;
				if (at == 0 && value == good[i].data[0])
					continue;
				assert_int_equal(
				    isakmp_nat_oa_decode(bytes_of(bad, good[i].len), &address),
				    ERR_INVALID);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_header_decodes),
	    cmocka_unit_test(test_header_encodes),
	    cmocka_unit_test(test_header_refuses),
	    cmocka_unit_test(test_chain_decodes),
	    cmocka_unit_test(test_chain_may_be_empty),
	    cmocka_unit_test(test_chain_refuses),
	    cmocka_unit_test(test_chain_has_a_limit),
	    cmocka_unit_test(test_payload_too_long_to_encode),
	    cmocka_unit_test(test_id_ranges),
	    cmocka_unit_test(test_id_others),
	    cmocka_unit_test(test_notification),
	    cmocka_unit_test(test_delete),
	    cmocka_unit_test(test_certificate),
	    cmocka_unit_test(test_nat_oa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
