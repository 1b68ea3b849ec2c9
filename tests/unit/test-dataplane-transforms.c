/*
 * Tests of what one SA does to a packet: AH's ICV over headers that change on the way, against ICVs
 * that Python's hmac made; IPComp against what Python's zlib made, and bombs; what arrives on the
 * port of UDP encapsulation; and that no noise does harm.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/userspace/ah.h"
#include "dataplane/userspace/ah_cover.h"
#include "dataplane/userspace/checksum.h"
#include "dataplane/userspace/ipcomp.h"
#include "dataplane/userspace/udp.h"

#define FRONT 128

static struct parcel parse(uint8_t *octets, size_t len, size_t room)
{
	struct packet packet;

	assert_int_equal(packet_parse(bytes_of(octets, len), &packet), ERR_OK);
	return parcel_of(&packet, octets, room);
}

static struct ah *open_ah(bool seal)
{
	struct suite suite = {.protocol = IPSEC_AH, .integrity = INTEGRITY_HMAC_SHA2_256_128};
	uint8_t key[32];
	struct ah *ah;

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	assert_int_equal(ah_new(&suite, bytes_of(key, sizeof(key)), seal, &ah), ERR_OK);
	return ah;
}

/* Seals a packet, compares the ICV, lets the network change it, and opens it again. */
static void check_vector(const uint8_t *header, size_t header_len, const uint8_t *changed,
    const uint8_t icv[16], size_t ah_octets)
{
	uint8_t buffer[512] = {0};
	uint8_t *octets = buffer + FRONT;
	struct ah *seal = open_ah(true);
	struct ah *open = open_ah(false);
	struct parcel parcel;

	memcpy(octets, header, header_len);
	for (unsigned i = 0; i < 16; i++)
		octets[header_len + i] = (uint8_t)(0x30 + i);
	packet_set_length(octets, header_len, header_len + 16);
	parcel = parse(octets, header_len + 16, 300);
	assert_int_equal(parcel.header_len, header_len);
	assert_int_equal(ah_seal(seal, 0x11223344, 5, &parcel), ERR_OK);
	assert_int_equal(parcel.len, header_len + ah_octets + 16);
	assert_memory_equal(parcel.octets + header_len + AH_FIXED, icv, 16);
	for (size_t i = 0; i < header_len; i++)
		parcel.octets[i] ^= changed[i];
	assert_int_equal(ah_open(open, &parcel), ERR_OK);
	assert_int_equal(parcel.protocol, IPPROTO_UDP);
	assert_int_equal(parcel.len, header_len + 16);
	ah_free(seal);
	ah_free(open);
}

static void test_ah_over_ipv4_options(void **state)
{
	/* Router alert stays; a recorded route does not count. */
	static const uint8_t header[32] = {0x48, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, IPPROTO_UDP, 0,
	    0, 192, 0, 2, 1, 192, 0, 2, 2, 148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 1};
	static const uint8_t changed[32] = {
	    [1] = 0xb8, [6] = 0x40, [8] = 3, [10] = 0xff, [11] = 1, [26] = 12, [27] = 10, [30] = 9};
	static const uint8_t icv[16] = {0xc4, 0x22, 0xc7, 0x8d, 0xc6, 0x34, 0xdb, 0x03, 0xce, 0xad,
	    0x86, 0xfb, 0x9e, 0x41, 0x81, 0x27};

	(void)state;
	check_vector(header, sizeof(header), changed, icv, 28);
}

static void test_ah_over_ipv6_options(void **state)
{
	/* One option that may change on the way, one that may not. */
	static const uint8_t header[56] = {0x6b, 0x81, 0x23, 0x45, 0, 0, IPPROTO_HOPOPTS, 64, 0x20,
	    0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,
	    0, 0, 0, 0, 0, 0, 0, 0, 2, IPPROTO_UDP, 1, 0x3e, 4, 1, 2, 3, 4, 0x1e, 4, 9, 8, 7, 6, 1,
	    0};
	static const uint8_t changed[56] = {
	    [0] = 0x0b, [1] = 0x81, [2] = 1, [3] = 1, [7] = 3, [44] = 7, [47] = 0xff};
	static const uint8_t icv[16] = {0xed, 0xa7, 0x48, 0x54, 0xef, 0xb1, 0x0b, 0x59, 0x30, 0x42,
	    0x32, 0x80, 0x94, 0x53, 0xb3, 0xfa};

	(void)state;
	check_vector(header, sizeof(header), changed, icv, 32);
}

static void test_source_routes_are_seen_from_their_end(void **state)
{
	uint8_t header[28] = {0x47, 0, 0, 28, 0, 1, 0, 0, 64, IPPROTO_AH, 0, 0, 192, 0, 2, 1, 192,
	    0, 2, 254, 131, 7, 4, 192, 0, 2, 2, 0};
	uint8_t out[28];

	(void)state;
	assert_int_equal(ah_cover(bytes_of(header, sizeof(header)), true, out), ERR_OK);
	assert_int_equal(out[19], 2);
	for (size_t i = 20; i < 28; i++)
		assert_int_equal(out[i], 0);
	/* At the end the destination says so itself. */
	assert_int_equal(ah_cover(bytes_of(header, sizeof(header)), false, out), ERR_OK);
	assert_int_equal(out[19], 254);
	header[21] = 9; /* longer than the header */
	assert_int_equal(ah_cover(bytes_of(header, sizeof(header)), true, out), ERR_INVALID);
}

static void test_routing_header_is_seen_from_its_end(void **state)
{
	uint8_t header[40 + 8 + 32] = {0x60, [6] = IPPROTO_ROUTING, [39] = 1, [40] = IPPROTO_AH, 4,
	    0, 2, [48 + 15] = 2, [64 + 15] = 3};
	uint8_t out[sizeof(header)];

	(void)state;
	assert_int_equal(ah_cover(bytes_of(header, sizeof(header)), true, out), ERR_OK);
	assert_int_equal(out[39], 3);
	assert_int_equal(out[43], 0);
	assert_int_equal(out[48 + 15], 1);
	assert_int_equal(out[64 + 15], 2);
	header[42] = 4; /* segment routing, say */
	assert_int_equal(ah_cover(bytes_of(header, sizeof(header)), true, out), ERR_UNSUPPORTED);
	assert_int_equal(ah_cover(bytes_of(header, sizeof(header)), false, out), ERR_OK);
	assert_memory_equal(out + 40, header + 40, 40);
}

static size_t make_compressed(uint8_t *octets, const uint8_t *data, size_t len)
{
	struct writer w = writer_of(octets, 1024);

	writer_u32(&w, 0x45000000);
	writer_u32(&w, 0);
	writer_u32(&w, 64U << 24 | (uint32_t)IPPROTO_COMP << 16);
	writer_u32(&w, 0xc0000201);
	writer_u32(&w, 0xc0000202);
	writer_u8(&w, IPPROTO_UDP);
	writer_u8(&w, 0);
	writer_u16(&w, 2);
	writer_put(&w, bytes_of(data, len));
	packet_set_length(octets, IPV4_HEADER, w.len);
	return w.len;
}

/* The numbers from 0 to 59, a line each. */
static void test_expands_what_zlib_compressed(void **state)
{
	static const uint8_t compressed[] = {0x0d, 0x8e, 0x47, 0x01, 0xc0, 0x30, 0x10, 0xc3, 0xfe,
	    0x42, 0x13, 0xdb, 0xe7, 0x0c, 0xfe, 0xc4, 0x5a, 0x00, 0x1a, 0x0b, 0x61, 0xc2, 0x50,
	    0x36, 0x87, 0xcb, 0x43, 0x0b, 0x09, 0x19, 0x05, 0x0d, 0x2a, 0xda, 0xe8, 0xa0, 0x8b,
	    0x1e, 0x5e, 0xf8, 0x67, 0x8c, 0x83, 0x07, 0x17, 0x6f, 0x7c, 0xf0, 0xc5, 0x8f, 0x2c,
	    0x22, 0xf2, 0x2b, 0x43, 0x86, 0x94, 0x6c, 0x72, 0xc8, 0x25, 0x8f, 0x59, 0x8c, 0x18,
	    0x33, 0x7f, 0x71, 0x98, 0x32, 0x9b, 0x39, 0xcc, 0x65, 0x1e, 0x5d, 0x54, 0xd4, 0x34,
	    0xf4, 0x1f, 0x2a, 0xdd, 0xf4, 0xd0, 0x4b, 0x1f, 0x1f};
	static uint8_t octets[70000];
	struct ipcomp *ipcomp = ipcomp_new();
	size_t len = make_compressed(octets, compressed, sizeof(compressed));
	struct parcel parcel = parse(octets, len, sizeof(octets));

	(void)state;
	assert_int_equal(ipcomp_expand(ipcomp, &parcel), ERR_OK);
	assert_int_equal(parcel.protocol, IPPROTO_UDP);
	assert_int_equal(parcel.len, IPV4_HEADER + 170);
	assert_memory_equal(parcel_payload(&parcel), "0\n1\n2\n", 6);
	assert_memory_equal(parcel_payload(&parcel) + 164, "58\n59\n", 6);
	/* Room for all but one octet; then what is cut short at every place. */
	(void)make_compressed(octets, compressed, sizeof(compressed));
	parcel = parse(octets, len, IPV4_HEADER + 169);
	assert_int_equal(ipcomp_expand(ipcomp, &parcel), ERR_LIMIT);
	for (size_t cut = 1; cut <= sizeof(compressed); cut++) {
		len = make_compressed(octets, compressed, sizeof(compressed) - cut);
		parcel = parse(octets, len, sizeof(octets));
		assert_int_not_equal(ipcomp_expand(ipcomp, &parcel), ERR_OK);
	}
	ipcomp_free(ipcomp);
}

static void test_bombs_do_not_go_off(void **state)
{
	/* 70000 zeros. */
	static const uint8_t bomb[] = {0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0xf5,
	    0x4f, 0x6d, 0x09, 0x4f, 0xa0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	    0x00, 0x00, 0x80, 0xb7, 0x01};
	static uint8_t octets[80000];
	struct ipcomp *ipcomp = ipcomp_new();
	struct parcel parcel =
	    parse(octets, make_compressed(octets, bomb, sizeof(bomb)), sizeof(octets));

	(void)state;
	assert_int_equal(ipcomp_expand(ipcomp, &parcel), ERR_LIMIT);
	ipcomp_free(ipcomp);
}

static void test_what_arrives_in_udp(void **state)
{
	static const uint8_t marked[] = {0, 0, 0, 0, 1};
	static const uint8_t esp[] = {0, 0, 1, 0, 0, 0, 0, 1};
	static const uint8_t keepalive[] = {0xff};

	(void)state;
	assert_int_equal(udp_classify(bytes_of(marked, 5)), UDP_KEY_EXCHANGE);
	assert_int_equal(udp_classify(bytes_of(marked, 4)), UDP_KEY_EXCHANGE);
	assert_int_equal(udp_classify(bytes_of(marked, 3)), UDP_MALFORMED);
	assert_int_equal(udp_classify(bytes_of(marked, 0)), UDP_MALFORMED);
	assert_int_equal(udp_classify(bytes_of(marked, 1)), UDP_MALFORMED);
	assert_int_equal(udp_classify(bytes_of(keepalive, 1)), UDP_KEEPALIVE);
	assert_int_equal(udp_classify(bytes_of(esp, 8)), UDP_ESP);
}

static void test_checksums_follow_the_addresses(void **state)
{
	static const struct {
		uint8_t protocol;
		uint8_t at;
	} kinds[] = {{IPPROTO_TCP, 16}, {IPPROTO_UDP, 6}, {IPPROTO_ICMPV6, 2}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint8_t octets[80] = {0x60, [4] = 0, 40, kinds[i].protocol, 64, [23] = 1, [39] = 2};
		struct address source = {.family = 6, .octets = {[15] = 1}};
		struct address destination = {.family = 6, .octets = {[15] = 2}};
		uint8_t *checksum = octets + 40 + kinds[i].at;
		struct parcel parcel;
		checksum_sum sum;

		for (size_t at = 40; at < sizeof(octets); at++)
			octets[at] = (uint8_t)(3 * at);
		parcel = parse(octets, sizeof(octets), sizeof(octets));
		udp_fix_transport_checksum(&parcel);
		sum = checksum_pseudo(&source, &destination, kinds[i].protocol);
		sum = checksum_add_u16(sum, 40);
		assert_int_equal(checksum_finish(checksum_add(sum, octets + 40, 40)), 0);
		checksum[0] = checksum[1] = 0;
		udp_fix_transport_checksum(&parcel);
		/* UDP without a checksum keeps none. */
		assert_int_equal(
		    checksum[0] == 0 && checksum[1] == 0, kinds[i].protocol == IPPROTO_UDP);
	}
}

static void test_noise_does_no_harm(void **state)
{
	struct ipcomp *ipcomp = ipcomp_new();
	struct ah *ah = open_ah(false);

	(void)state;
	srandom(1);
	for (int i = 0; i < 200000; i++) {
		/* On the heap and just as long, so that a sanitizer sees every octet too many. */
		size_t len = 20 + (size_t)random() % 120;
		uint8_t *octets = malloc(FRONT + len);
		uint8_t *start = octets + FRONT;
		struct packet packet;

		assert_non_null(octets);
		for (size_t at = 0; at < len; at++)
			start[at] = (uint8_t)(random() % 3 == 0 ? random() : random() % 8);
		if (i % 2 == 0) {
			start[0] = (uint8_t)(0x45 + random() % 10);
			packet_set_length(start, 20, len);
			start[9] = (uint8_t)(i % 4 == 0 ? IPPROTO_AH : IPPROTO_COMP);
		} else if (len > 40) {
			static const uint8_t headers[] = {
			    IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_AH};

			start[0] = 0x60;
			packet_set_length(start, 40, len);
			start[6] = headers[random() % 4];
			start[40] = headers[random() % 4];
		}
		if (packet_parse(bytes_of(start, len), &packet) == ERR_OK) {
			uint8_t covered[256];
			struct parcel parcel = parcel_of(&packet, start, len);

			(void)!ah_cover(
			    bytes_of(start, packet.header_len), random() % 2 == 0, covered);
			if (packet.protocol == IPPROTO_AH)
				assert_int_not_equal(ah_open(ah, &parcel), ERR_OK);
			else if (packet.protocol == IPPROTO_COMP)
				(void)!ipcomp_expand(ipcomp, &parcel);
			udp_fix_transport_checksum(&parcel);
		}
		free(octets);
	}
	ah_free(ah);
	ipcomp_free(ipcomp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ah_over_ipv4_options),
	    cmocka_unit_test(test_ah_over_ipv6_options),
	    cmocka_unit_test(test_source_routes_are_seen_from_their_end),
	    cmocka_unit_test(test_routing_header_is_seen_from_its_end),
	    cmocka_unit_test(test_expands_what_zlib_compressed),
	    cmocka_unit_test(test_bombs_do_not_go_off),
	    cmocka_unit_test(test_what_arrives_in_udp),
	    cmocka_unit_test(test_checksums_follow_the_addresses),
	    cmocka_unit_test(test_noise_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
