/*
 * Tests of bundles of SAs: which may be one, when they carry packets, how they move, and what is
 * refused of packets that come in under them.
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

#include "crypto/algorithms.h"
#include "dataplane/userspace/bundle.h"
#include "dataplane/userspace/checksum.h"
#include "dataplane/userspace/decapsulate.h"
#include "dataplane/userspace/encapsulate.h"
#include "dataplane/userspace/fragment.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BUFFER       (ENCAPSULATE_HEADROOM + 70000)

static struct address parse(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static struct address_range range(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return range_of_prefix(&prefix);
}

/* Two ends of one bundle: "out" of a and "in" of b. */
struct ends {
	uint8_t family;
	enum ipsec_mode mode;
	const char *suites[BUNDLE_MAX];
	uint8_t size;
	bool udp;
	struct sa_table *out;
	struct sa_table *in;
};

static struct dataplane_sa make_sa(
    const struct ends *ends, enum ipsec_direction direction, uint8_t index)
{
	bool ipv4 = ends->family == 4;
	const char *a = ipv4 ? "192.0.2.1" : "2001:db8::1";
	const char *b = ipv4 ? "192.0.2.2" : "2001:db8::2";
	bool out = direction == IPSEC_OUT;
	struct dataplane_sa sa = {.direction = direction,
	    .spi = 0x1000U + index,
	    .source = parse(a),
	    .destination = parse(b),
	    .mode = index == 0 ? ends->mode : IPSEC_TRANSPORT,
	    .policy_id = 1,
	    .selector = {.local = range(out ? a : b),
		.remote = range(out ? b : a),
		.local_ports = PORT_ANY,
		.remote_ports = PORT_ANY},
	    .replay_window = 64,
	    .bundle = ends->size > 1 ? 77 : 0,
	    .bundle_index = index,
	    .bundle_size = ends->size};

	assert_int_equal(suite_parse(ends->suites[index], &sa.suite), ERR_OK);
	sa.key_len = (uint16_t)suite_key_length(&sa.suite);
	memset(sa.key, 0x40 + index, sa.key_len);
	if (ends->udp && index + 1 == ends->size)
		sa.encapsulation_source = sa.encapsulation_destination = 4500;
	return sa;
}

static void open_ends(struct ends *ends)
{
	ends->out = sa_table_new();
	ends->in = sa_table_new();
	for (uint8_t i = 0; i < ends->size; i++) {
		struct dataplane_sa out = make_sa(ends, IPSEC_OUT, i);
		struct dataplane_sa in = make_sa(ends, IPSEC_IN, i);

		assert_int_equal(sa_table_add(ends->out, &out, 0, NULL), ERR_OK);
		assert_int_equal(sa_table_add(ends->in, &in, 0, NULL), ERR_OK);
	}
}

static void close_ends(struct ends *ends)
{
	sa_table_free(ends->out);
	sa_table_free(ends->in);
}

static struct sa *carrier(const struct ends *ends)
{
	struct dataplane_sa told = make_sa(ends, IPSEC_OUT, 0);
	struct dataplane_flow flow = {.policy_id = 1,
	    .local = told.source,
	    .remote = told.destination,
	    .protocol = IPPROTO_UDP};

	return sa_table_find_outbound(ends->out, &flow);
}

/* A UDP packet with a right checksum; its data repeat, or do not. */
static size_t make_packet(uint8_t *out, uint8_t family, size_t data, bool regular)
{
	struct address source = parse(family == 4 ? "192.0.2.1" : "2001:db8::1");
	struct address destination = parse(family == 4 ? "192.0.2.2" : "2001:db8::2");
	size_t ip = family == 4 ? IPV4_HEADER : IPV6_HEADER;
	struct writer w = writer_of(out, 65535);
	checksum_sum sum = checksum_pseudo(&source, &destination, IPPROTO_UDP);
	uint32_t noise = 12345;

	if (family == 4) {
		writer_u32(&w, 0x45ba0000);
		writer_u32(&w, 0x00004000);
		writer_u8(&w, 64);
		writer_u8(&w, IPPROTO_UDP);
		writer_u16(&w, 0);
	} else {
		writer_u32(&w, 0x6ba12345);
		writer_u16(&w, 0);
		writer_u8(&w, IPPROTO_UDP);
		writer_u8(&w, 64);
	}
	writer_put(&w, bytes_of(source.octets, address_size(&source)));
	writer_put(&w, bytes_of(destination.octets, address_size(&destination)));
	writer_u32(&w, 40000U << 16 | 443);
	writer_u16(&w, (uint16_t)(UDP_HEADER + data));
	writer_u16(&w, 0);
	for (size_t i = 0; i < data; i++) {
		noise = noise * 1664525 + 1013904223;
		writer_u8(&w, regular ? (uint8_t)(i % 7) : (uint8_t)(noise >> 24));
	}
	packet_set_length(out, ip, w.len);
	sum = checksum_add_u16(sum, (uint16_t)(w.len - ip));
	writer_patch_u16(&w, ip + 6, checksum_finish(checksum_add(sum, out + ip, w.len - ip)));
	assert_true(writer_ok(&w));
	return w.len;
}

/* Sends a packet through; gives what arrived in buffer, which has BUFFER octets. */
static struct parcel send_one(const struct ends *ends, const uint8_t *octets, size_t len,
    struct ipcomp *ipcomp, uint8_t *buffer)
{
	struct virtio_net_hdr offload = {0};
	struct segmenter segmenter;
	struct parcel parcel;
	struct sa *sa = carrier(ends);
	size_t most;

	assert_non_null(sa);
	assert_int_equal(segment_begin(&segmenter, &offload, bytes_of(octets, len)), ERR_OK);
	most = encapsulate_length(sa, &segmenter.packet, segment_transport_length(&segmenter, 0));
	assert_int_equal(encapsulate(sa, &segmenter, 0, ipcomp, buffer, &parcel), ERR_OK);
	assert_true(parcel.octets >= buffer);
	assert_true(parcel.len <= most);
	if (ipcomp == NULL) {
		assert_int_equal(parcel.len, most);
		assert_true(encapsulate_inner_max(sa, &segmenter.packet, (unsigned)most) >= len);
		assert_true(encapsulate_inner_max(sa, &segmenter.packet, (unsigned)most - 1) < len);
	}
	return parcel;
}

/* What the network does to a packet: other hop limit, other class, DF set. */
static void disturb(uint8_t *octets)
{
	if (octets[0] >> 4 == 4) {
		octets[1] = 0x03;
		octets[6] ^= 0x40;
		octets[8] = 3;
		packet_set_length(octets, IPV4_HEADER, (size_t)(octets[2] << 8 | octets[3]));
	} else {
		octets[0] = 0x60;
		octets[1] = 0x30;
		octets[3] = 0x77;
		octets[7] = 2;
	}
}

static enum err receive(const struct ends *ends, struct parcel *parcel, struct ipcomp *ipcomp,
    struct decapsulated *opened)
{
	struct packet packet;
	struct sa *sa;
	size_t header;

	assert_int_equal(packet_parse(bytes_of(parcel->octets, parcel->len), &packet), ERR_OK);
	*parcel = parcel_of(&packet, parcel->octets, 66000);
	if (ends->udp) {
		/* What a datagram socket leaves. */
		assert_int_equal(parcel->protocol, IPPROTO_UDP);
		header = UDP_HEADER;
		parcel_remove(parcel, header, 0, IPPROTO_ESP);
	}
	sa = decapsulate_find(ends->in, parcel, &packet.destination, ends->udp);
	if (sa == NULL)
		return ERR_NOT_FOUND;
	return decapsulate(sa, ipcomp, parcel, opened);
}

static void test_round_trips(void **state)
{
	static const struct ends shapes[] = {
	    {.suites = {"aes256gcm16"}, .size = 1},
	    {.suites = {"aes128-sha256"}, .size = 1, .udp = true},
	    {.suites = {"ah-sha1"}, .size = 1},
	    {.suites = {"ah-sha256"}, .size = 1},
	    {.suites = {"ah-sha384"}, .size = 1},
	    {.suites = {"ah-sha512"}, .size = 1},
	    {.suites = {"aes256gcm16", "ah-sha256"}, .size = 2},
	    {.suites = {"deflate", "aes256gcm16"}, .size = 2},
	    {.suites = {"deflate", "chacha20poly1305"}, .size = 2, .udp = true},
	    {.suites = {"deflate", "ah-sha256"}, .size = 2},
	    {.suites = {"deflate", "aes256-sha512", "ah-sha512"}, .size = 3},
	};
	static const size_t sizes[] = {0, 1, 80, 1000, 60000};
	static uint8_t buffer[BUFFER];
	static uint8_t octets[65536];
	struct ipcomp *ipcomp = ipcomp_new();

	(void)state;
	for (size_t i = 0; i < COUNT(shapes) * 4 * COUNT(sizes) * 2; i++) {
		struct ends ends = shapes[i % COUNT(shapes)];
		size_t rest = i / COUNT(shapes);
		size_t size = sizes[rest / 4 % COUNT(sizes)];
		bool regular = rest / 4 / COUNT(sizes) != 0;
		struct decapsulated opened;
		struct parcel parcel;
		size_t len;

		ends.family = rest % 2 == 0 ? 4 : 6;
		ends.mode = rest / 2 % 2 == 0 ? IPSEC_TRANSPORT : IPSEC_TUNNEL;
		open_ends(&ends);
		len = make_packet(octets, ends.family, size, regular);
		parcel = send_one(&ends, octets, len,
		    strcmp(ends.suites[0], "deflate") == 0 ? ipcomp : NULL, buffer);
		if (regular && size >= 1000 && strcmp(ends.suites[0], "deflate") == 0)
			assert_true(parcel.len < len / 2);
		if (ends.mode == IPSEC_TUNNEL)
			disturb(parcel.octets);
		assert_int_equal(receive(&ends, &parcel, ipcomp, &opened), ERR_OK);
		assert_true(opened.newest);
		assert_int_equal(parcel.len, len);
		/* The identification is ours to fill in, and with it the checksum. */
		if (ends.family == 4 && ends.mode == IPSEC_TRANSPORT) {
			memcpy(octets + 4, parcel.octets + 4, 2);
			packet_set_length(octets, IPV4_HEADER, len);
		}
		/* The mark of congestion that disturb() set was copied in. */
		if (ends.mode == IPSEC_TUNNEL)
			memcpy(octets, parcel.octets, 2);
		if (ends.family == 4)
			memcpy(octets + 10, parcel.octets + 10, 2);
		assert_memory_equal(parcel.octets, octets, len);
		close_ends(&ends);
	}
	ipcomp_free(ipcomp);
}

static void test_ah_covers_all_that_stays(void **state)
{
	static uint8_t buffer[BUFFER];
	uint8_t octets[256];
	uint8_t sealed[512];

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct ends ends = {.family = family, .suites = {"ah-sha256"}, .size = 1};
		size_t len = make_packet(octets, family, 40, true);
		struct decapsulated opened;
		struct parcel parcel;
		size_t total;

		open_ends(&ends);
		parcel = send_one(&ends, octets, len, NULL, buffer);
		total = parcel.len;
		memcpy(sealed, parcel.octets, total);
		for (size_t at = 0; at < total; at++) {
			bool ipv4 = family == 4;
			/* What a router may change, and what would make it another packet. */
			bool changes = ipv4
			                   ? at == 1 || (at >= 6 && at <= 8) || at == 10 || at == 11
			                   : (at >= 1 && at <= 3) || at == 7;
			bool shape = ipv4 ? at == 0 || at == 2 || at == 3 || at == 9
			                  : at == 0 || at == 4 || at == 5 || at == 6;

			if (shape || (ipv4 && at == 6))
				continue;
			parcel =
			    (struct parcel){.octets = buffer + ENCAPSULATE_HEADROOM, .len = total};
			memcpy(parcel.octets, sealed, total);
			parcel.octets[at] ^= 0x01;
			if (changes)
				continue;
			assert_int_not_equal(receive(&ends, &parcel, NULL, &opened), ERR_OK);
		}
		parcel = (struct parcel){.octets = buffer + ENCAPSULATE_HEADROOM, .len = total};
		memcpy(parcel.octets, sealed, total);
		disturb(parcel.octets);
		assert_int_equal(receive(&ends, &parcel, NULL, &opened), ERR_OK);
		/* And once only. */
		parcel = (struct parcel){.octets = buffer + ENCAPSULATE_HEADROOM, .len = total};
		memcpy(parcel.octets, sealed, total);
		assert_int_equal(receive(&ends, &parcel, NULL, &opened), ERR_INVALID);
		close_ends(&ends);
	}
}

/* Fragments of what AH covers give it back as it was (RFC 4302 3.3.4). */
static void test_ah_survives_fragmentation(void **state)
{
	static uint8_t buffer[BUFFER];
	static uint8_t octets[8192];
	static uint8_t piece[2048];
	static uint8_t arrived[BUFFER];

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct ends ends = {
		    .family = family, .suites = {"aes256gcm16", "ah-sha256"}, .size = 2};
		size_t len = make_packet(octets, family, 4000, true);
		struct reassembler *reassembler = reassembler_new();
		struct bytes whole = {0};
		struct decapsulated opened;
		struct fragmenter fragmenter;
		struct parcel parcel;

		open_ends(&ends);
		parcel = send_one(&ends, octets, len, NULL, buffer);
		assert_int_equal(
		    fragment_begin(&fragmenter, bytes_of(parcel.octets, parcel.len), 1500, 12345),
		    ERR_OK);
		assert_true(fragmenter.count > 2);
		for (size_t i = 0; i < fragmenter.count; i++) {
			size_t size = fragment_write(&fragmenter, i, piece);
			struct packet packet;

			assert_int_equal(packet_parse(bytes_of(piece, size), &packet), ERR_OK);
			assert_true(packet.fragment);
			whole = reassembler_add(reassembler, &packet, 0);
		}
		assert_int_equal(whole.len, parcel.len);
		parcel.octets = arrived + ENCAPSULATE_HEADROOM;
		memcpy(parcel.octets, whole.data, whole.len);
		assert_int_equal(receive(&ends, &parcel, NULL, &opened), ERR_OK);
		reassembler_free(reassembler);
		close_ends(&ends);
	}
}

static void test_a_part_of_a_bundle_carries_nothing(void **state)
{
	struct ends ends = {.family = 4, .suites = {"aes256gcm16", "ah-sha256"}, .size = 2};
	struct dataplane_sa esp = make_sa(&ends, IPSEC_OUT, 0);
	struct dataplane_sa ah = make_sa(&ends, IPSEC_OUT, 1);

	(void)state;
	ends.out = sa_table_new();
	assert_int_equal(sa_table_add(ends.out, &ah, 0, NULL), ERR_OK);
	assert_null(carrier(&ends));
	assert_int_equal(sa_table_add(ends.out, &esp, 0, NULL), ERR_OK);
	assert_non_null(carrier(&ends));
	assert_int_equal(carrier(&ends)->told.suite.protocol, IPSEC_ESP);
	sa_table_delete(ends.out, bundle_innermost(carrier(&ends))->outer);
	assert_null(carrier(&ends));
	assert_int_equal(sa_table_add(ends.out, &ah, 0, NULL), ERR_OK);
	assert_non_null(carrier(&ends));
	sa_table_delete(ends.out, carrier(&ends));
	assert_null(carrier(&ends));
	sa_table_free(ends.out);
}

static void test_what_cannot_be_a_bundle(void **state)
{
	struct ends ends = {.family = 4, .suites = {"aes256gcm16", "ah-sha256"}, .size = 2};
	struct sa_table *table = sa_table_new();
	struct dataplane_sa esp = make_sa(&ends, IPSEC_OUT, 0);
	const struct dataplane_sa ah = make_sa(&ends, IPSEC_OUT, 1);
	struct dataplane_sa bad[8];
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		bad[i] = ah;
	bad[0].bundle_index = 0;    /* taken */
	bad[1].bundle_size = 3;     /* not what the other says */
	bad[2].mode = IPSEC_TUNNEL; /* around another */
	bad[3].destination = parse("192.0.2.3");
	bad[4].selector.protocol = 6;
	bad[5].policy_id = 2;
	bad[6].bundle_index = 2; /* beyond the end */
	bad[7] = esp;            /* ESP twice */
	bad[7].spi = 0x2000;
	bad[7].bundle_index = 1;
	assert_int_equal(sa_table_add(table, &esp, 0, NULL), ERR_OK);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(sa_table_add(table, &bad[i], 0, &problem), ERR_INVALID);
		assert_null(
		    sa_table_find(table, bad[i].spi, bad[i].suite.protocol, &bad[i].destination));
	}
	/* ESP around AH. */
	esp.bundle = 78;
	esp.spi = 0x3000;
	esp.bundle_index = 1;
	bad[0] = ah;
	bad[0].bundle = 78;
	bad[0].bundle_index = 0;
	assert_int_equal(sa_table_add(table, &esp, 0, NULL), ERR_OK);
	assert_int_equal(sa_table_add(table, &bad[0], 0, &problem), ERR_INVALID);
	sa_table_free(table);
}

static void test_other_protection_is_refused(void **state)
{
	static uint8_t buffer[BUFFER];
	struct ends both = {.family = 4, .suites = {"aes256gcm16", "ah-sha256"}, .size = 2};
	struct ends inner = {.family = 4, .suites = {"aes256gcm16"}, .size = 1};
	struct ends other = {.family = 4, .suites = {"null-sha256", "ah-sha256"}, .size = 2};
	uint8_t octets[256];
	size_t len = make_packet(octets, 4, 40, true);
	struct decapsulated opened;
	struct parcel parcel;
	struct dataplane_sa ah;
	struct sa *sa;

	(void)state;
	open_ends(&both);
	open_ends(&inner);
	/* ESP without the AH that has to be around it. */
	parcel = send_one(&inner, octets, len, NULL, buffer);
	assert_int_equal(receive(&both, &parcel, NULL, &opened), ERR_NOT_FOUND);
	ah = make_sa(&both, IPSEC_IN, 0);
	sa = sa_table_find(both.in, 0x1000, IPSEC_ESP, &ah.destination);
	assert_int_equal(sa->counters.wrongly_protected, 1);
	/* AH with nothing in it: the SA of AH is number 1 on the one side and alone on the other.
	 */
	close_ends(&inner);
	inner.suites[0] = "ah-sha256";
	inner.out = sa_table_new();
	ah = make_sa(&both, IPSEC_OUT, 1);
	ah.bundle = 0;
	assert_int_equal(sa_table_add(inner.out, &ah, 0, NULL), ERR_OK);
	parcel = send_one(&inner, octets, len, NULL, buffer);
	assert_int_equal(receive(&both, &parcel, NULL, &opened), ERR_INVALID);
	ah = make_sa(&both, IPSEC_IN, 1);
	sa = sa_table_find(both.in, 0x1001, IPSEC_AH, &ah.destination);
	assert_int_equal(sa->counters.wrongly_protected, 1);
	sa_table_free(inner.out);
	/* The right one of AH, the wrong one of ESP inside. */
	open_ends(&other);
	parcel = send_one(&other, octets, len, NULL, buffer);
	assert_int_equal(receive(&both, &parcel, NULL, &opened), ERR_INVALID);
	close_ends(&other);
	/* In UDP where it should not be. */
	both.udp = true;
	parcel = send_one(&both, octets, len, NULL, buffer);
	parcel_insert(&parcel, UDP_HEADER, IPPROTO_UDP);
	parcel_set_length(&parcel, parcel.len);
	assert_int_equal(receive(&both, &parcel, NULL, &opened), ERR_NOT_FOUND);
	close_ends(&both);
}

static void test_policy_tells_what_protects(void **state)
{
	struct ends both = {.family = 4, .suites = {"aes256gcm16", "ah-sha256"}, .size = 2};
	struct ends esp = {.family = 4, .suites = {"aes256gcm16"}, .size = 1};
	struct dataplane_policy any = {.id = 1};
	struct dataplane_policy two = {
	    .id = 1, .protocols = {IPSEC_ESP, IPSEC_AH}, .protocol_count = 2};
	struct dataplane_policy one = {.id = 1, .protocols = {IPSEC_AH}, .protocol_count = 1};

	(void)state;
	open_ends(&both);
	open_ends(&esp);
	assert_true(bundle_conforms(carrier(&both), &two));
	assert_false(bundle_conforms(carrier(&both), &any));
	assert_false(bundle_conforms(carrier(&both), &one));
	assert_true(bundle_conforms(carrier(&esp), &any));
	assert_false(bundle_conforms(carrier(&esp), &two));
	assert_false(bundle_conforms(carrier(&esp), &one));
	close_ends(&both);
	close_ends(&esp);
}

static void test_a_bundle_moves_as_one(void **state)
{
	struct ends ends = {
	    .family = 4, .suites = {"deflate", "aes256gcm16"}, .size = 2, .udp = true};
	struct endpoint remote = {.address = parse("198.51.100.9"), .port = 61000};
	struct dataplane_sa told;
	struct sa *sa;

	(void)state;
	open_ends(&ends);
	told = make_sa(&ends, IPSEC_OUT, 1);
	sa = sa_table_find(ends.out, 0x1001, IPSEC_ESP, &told.destination);
	assert_int_equal(sa_table_move(ends.out, sa, &remote), ERR_OK);
	assert_null(sa_table_find(ends.out, 0x1001, IPSEC_ESP, &told.destination));
	assert_ptr_equal(sa_table_find(ends.out, 0x1001, IPSEC_ESP, &remote.address), sa);
	assert_non_null(sa_table_find(ends.out, 0x1000, IPSEC_IPCOMP, &remote.address));
	assert_int_equal(sa->told.encapsulation_destination, 61000);
	assert_int_equal(sa->inner->told.encapsulation_destination, 0);
	assert_non_null(carrier(&ends));
	/* Not onto another's name. */
	assert_int_equal(sa_table_add(ends.out, &told, 0, NULL), ERR_INVALID); /* bundle full */
	told.bundle = 0;
	assert_int_equal(sa_table_add(ends.out, &told, 0, NULL), ERR_OK);
	remote.address = told.destination;
	assert_int_equal(sa_table_move(ends.out, sa, &remote), ERR_EXISTS);
	close_ends(&ends);
}

static void test_cpis_are_of_their_range(void **state)
{
	struct sa_table *table = sa_table_new();
	struct address destination = parse("192.0.2.1");

	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint32_t cpi;

		assert_int_equal(sa_table_reserve(table, IPSEC_IPCOMP, &destination, &cpi), ERR_OK);
		assert_in_range(cpi, 256, 61439);
	}
	sa_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trips),
	    cmocka_unit_test(test_ah_covers_all_that_stays),
	    cmocka_unit_test(test_ah_survives_fragmentation),
	    cmocka_unit_test(test_a_part_of_a_bundle_carries_nothing),
	    cmocka_unit_test(test_what_cannot_be_a_bundle),
	    cmocka_unit_test(test_other_protection_is_refused),
	    cmocka_unit_test(test_policy_tells_what_protects),
	    cmocka_unit_test(test_a_bundle_moves_as_one),
	    cmocka_unit_test(test_cpis_are_of_their_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
