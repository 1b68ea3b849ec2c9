/*
 * Tests of what happens to packets around ESP: segmentation and coalescing undo each other with
 * right checksums, fragments come together in any order, ICMP errors and prefixes are exact.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/userspace/coalesce.h"
#include "dataplane/userspace/fragment.h"
#include "dataplane/userspace/icmp.h"
#include "dataplane/prefixes.h"
#include "dataplane/userspace/segment.h"

#define PACKET_MAX 65535

static struct address parse(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static uint8_t payload_octet(size_t at)
{
	return (uint8_t)(at * 131 + (at >> 8));
}

/* A packet with a transport header of `header` octets, all checksums right. */
static size_t make_packet(
    uint8_t *out, uint8_t family, uint8_t protocol, size_t header, size_t payload)
{
	struct address source = parse(family == 4 ? "192.0.2.1" : "2001:db8::1");
	struct address destination = parse(family == 4 ? "192.0.2.2" : "2001:db8::2");
	size_t ip = family == 4 ? IPV4_HEADER : IPV6_HEADER;
	size_t transport = header + payload;
	size_t checksum_at = ip + (protocol == IPPROTO_TCP ? 16 : 6);
	struct writer w = writer_of(out, PACKET_MAX);
	checksum_sum sum = checksum_pseudo(&source, &destination, protocol);

	if (family == 4) {
		writer_u32(&w, 0x45000000);
		writer_u32(&w, 0x12344000); /* identification, DF */
		writer_u8(&w, 64);
		writer_u8(&w, protocol);
		writer_u16(&w, 0);
	} else {
		writer_u32(&w, 0x60000000);
		writer_u16(&w, 0);
		writer_u8(&w, protocol);
		writer_u8(&w, 64);
	}
	writer_put(&w, bytes_of(source.octets, address_size(&source)));
	writer_put(&w, bytes_of(destination.octets, address_size(&destination)));
	writer_u16(&w, 40000);
	writer_u16(&w, 443);
	if (protocol == IPPROTO_TCP) {
		writer_u32(&w, 0xfffffff0); /* sequence: will wrap */
		writer_u32(&w, 7);
		writer_u8(&w, (uint8_t)(header / 4 << 4));
		writer_u8(&w, 0x10);
		writer_zeros(&w, header - 14);
	} else {
		writer_u16(&w, (uint16_t)transport);
		writer_u16(&w, 0);
	}
	for (size_t i = 0; i < payload; i++)
		writer_u8(&w, payload_octet(i));
	packet_set_length(out, ip, ip + transport);
	sum = checksum_add_u16(sum, (uint16_t)transport);
	writer_patch_u16(&w, checksum_at, checksum_finish(checksum_add(sum, out + ip, transport)));
	assert_true(writer_ok(&w));
	return ip + transport;
}

static void assert_checksums(const uint8_t *octets, size_t len)
{
	struct packet packet;
	checksum_sum sum;
	size_t transport;

	assert_int_equal(packet_parse(bytes_of(octets, len), &packet), ERR_OK);
	assert_int_equal(packet.data.len, len);
	if (octets[0] >> 4 == 4)
		assert_int_equal(checksum_finish(checksum_add(0, octets, packet.header_len)), 0);
	transport = len - packet.header_len;
	sum = checksum_pseudo(&packet.source, &packet.destination, packet.protocol);
	sum = checksum_add_u16(sum, (uint16_t)transport);
	assert_int_equal(
	    checksum_finish(checksum_add(sum, octets + packet.header_len, transport)), 0);
}

/* What coalescing gave out last. */
struct output {
	unsigned count;
	struct virtio_net_hdr offload;
	uint8_t octets[PACKET_MAX];
	size_t len;
};

static void on_output(void *context, const struct iovec *pieces, int count)
{
	struct output *output = context;

	output->count++;
	output->len = 0;
	assert_int_equal(pieces[0].iov_len, sizeof(output->offload));
	memcpy(&output->offload, pieces[0].iov_base, sizeof(output->offload));
	for (int i = 1; i < count; i++) {
		assert_true(output->len + pieces[i].iov_len <= sizeof(output->octets));
		memcpy(output->octets + output->len, pieces[i].iov_base, pieces[i].iov_len);
		output->len += pieces[i].iov_len;
	}
}

static struct output output;
static struct coalesce coalesce;
static uint8_t original[PACKET_MAX];
static uint8_t segments[64][2048];
static size_t lengths[64];

/* Cuts the large packet up, and checks each segment. */
static size_t cut(size_t len, uint8_t gso_type, uint16_t gso_size)
{
	struct virtio_net_hdr offload = {
	    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = gso_type, .gso_size = gso_size};
	struct segmenter segmenter;

	assert_int_equal(segment_begin(&segmenter, &offload, bytes_of(original, len)), ERR_OK);
	assert_true(segmenter.count <= 64);
	for (size_t i = 0; i < segmenter.count; i++) {
		size_t ip = segmenter.packet.header_len;

		lengths[i] = ip + segment_transport_length(&segmenter, i);
		segment_write(&segmenter, i, segments[i], segments[i] + ip);
		assert_checksums(segments[i], lengths[i]);
	}
	return segmenter.count;
}

static void check_round_trip(
    uint8_t family, uint8_t protocol, size_t header, size_t payload, uint16_t size)
{
	uint8_t gso = protocol == IPPROTO_UDP ? VIRTIO_NET_HDR_GSO_UDP_L4
	              : family == 4           ? VIRTIO_NET_HDR_GSO_TCPV4
	                                      : VIRTIO_NET_HDR_GSO_TCPV6;
	size_t ip = family == 4 ? IPV4_HEADER : IPV6_HEADER;
	size_t len = make_packet(original, family, protocol, header, payload);
	size_t count = cut(len, gso, size);

	assert_int_equal(count, (payload + size - 1) / size);
	output.count = 0;
	coalesce_init(&coalesce, on_output, &output, true);
	for (size_t i = 0; i < count; i++)
		coalesce_add(&coalesce, segments[i], lengths[i]);
	coalesce_flush(&coalesce);
	assert_int_equal(output.count, 1);
	assert_int_equal(output.len, len);
	for (size_t i = 0; i < payload; i++)
		assert_int_equal(output.octets[ip + header + i], payload_octet(i));
	if (count > 1) {
		assert_int_equal(output.offload.gso_type, gso);
		assert_int_equal(output.offload.gso_size, size);
		assert_int_equal(output.offload.csum_start, ip);
		assert_int_equal(output.offload.hdr_len, ip + header);
		/* Headers are as they were, but for the checksum, which is left partial. */
		assert_memory_equal(output.octets, original, ip);
		assert_memory_equal(output.octets + ip, original + ip, 6);
	} else {
		assert_checksums(output.octets, output.len);
	}
}

static void test_segments_coalesce_again(void **state)
{
	static const uint8_t families[] = {4, 6};

	(void)state;
	for (size_t f = 0; f < 2; f++) {
		check_round_trip(families[f], IPPROTO_TCP, 20, 1000, 1400);
		check_round_trip(families[f], IPPROTO_TCP, 32, 14000, 1400);
		check_round_trip(families[f], IPPROTO_TCP, 32, 61001, 1375);
		check_round_trip(families[f], IPPROTO_TCP, 60, 4097, 1023);
		check_round_trip(families[f], IPPROTO_UDP, 8, 6001, 1000);
		check_round_trip(families[f], IPPROTO_UDP, 8, 64, 1000);
	}
}

static void test_flags_go_to_the_right_segment(void **state)
{
	size_t len = make_packet(original, 4, IPPROTO_TCP, 20, 3000);

	(void)state;
	original[IPV4_HEADER + 13] = 0x99; /* CWR, ACK, PSH, FIN */
	assert_int_equal(cut(len, VIRTIO_NET_HDR_GSO_TCPV4, 1000), 3);
	assert_int_equal(segments[0][IPV4_HEADER + 13], 0x90);
	assert_int_equal(segments[1][IPV4_HEADER + 13], 0x10);
	assert_int_equal(segments[2][IPV4_HEADER + 13], 0x19);
}

static unsigned outputs_of(size_t count)
{
	output.count = 0;
	coalesce_init(&coalesce, on_output, &output, true);
	for (size_t i = 0; i < count; i++)
		coalesce_add(&coalesce, segments[i], lengths[i]);
	coalesce_flush(&coalesce);
	return output.count;
}

static void test_what_must_not_coalesce(void **state)
{
	size_t len = make_packet(original, 4, IPPROTO_TCP, 20, 3000);

	(void)state;
	/* A gap in the sequence. */
	assert_int_equal(cut(len, VIRTIO_NET_HDR_GSO_TCPV4, 1000), 3);
	memcpy(segments[1], segments[2], lengths[2]);
	assert_int_equal(outputs_of(2), 2);
	/* A wrong checksum: the second packet stays alone, with its error. */
	(void)cut(len, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	segments[1][500] ^= 1;
	assert_int_equal(outputs_of(2), 2);
	/* Another window. */
	(void)cut(len, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	segments[1][IPV4_HEADER + 15] ^= 1;
	assert_int_equal(outputs_of(2), 2);
	/* A segment longer than the one before it, though next in sequence. */
	(void)cut(len, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	memcpy(segments[60], segments[1], lengths[1]);
	lengths[60] = lengths[1];
	(void)cut(len, VIRTIO_NET_HDR_GSO_TCPV4, 500);
	memcpy(segments[0], segments[1], lengths[1]);
	memcpy(segments[1], segments[60], lengths[60]);
	lengths[1] = lengths[60];
	assert_int_equal(outputs_of(2), 2);
	/* A SYN, a pure acknowledgement. */
	(void)cut(len, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	segments[1][IPV4_HEADER + 13] = 0x12;
	assert_int_equal(outputs_of(3), 3);
	/* Pushed data goes up at once. */
	(void)cut(len, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	segments[0][IPV4_HEADER + 13] = 0x18;
	assert_int_equal(outputs_of(2), 2);
}

static void test_offload_that_contradicts_is_refused(void **state)
{
	struct virtio_net_hdr offload = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000};
	struct segmenter segmenter;
	size_t len = make_packet(original, 4, IPPROTO_UDP, 8, 3000);

	(void)state;
	assert_int_not_equal(segment_begin(&segmenter, &offload, bytes_of(original, len)), ERR_OK);
	len = make_packet(original, 4, IPPROTO_TCP, 20, 3000);
	offload.gso_size = 0;
	assert_int_not_equal(segment_begin(&segmenter, &offload, bytes_of(original, len)), ERR_OK);
	offload.gso_size = 1000;
	original[IPV4_HEADER + 12] = 0x40; /* a TCP header of 16 octets */
	assert_int_not_equal(segment_begin(&segmenter, &offload, bytes_of(original, len)), ERR_OK);
	offload = (struct virtio_net_hdr){
	    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = IPV4_HEADER, .csum_offset = 65000};
	assert_int_not_equal(segment_begin(&segmenter, &offload, bytes_of(original, len)), ERR_OK);
}

static void test_pending_checksum_is_finished(void **state)
{
	static uint8_t out[PACKET_MAX];

	(void)state;
	for (size_t payload = 1; payload < 70; payload++) {
		struct virtio_net_hdr offload = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		    .csum_start = IPV6_HEADER,
		    .csum_offset = 6};
		size_t len = make_packet(original, 6, IPPROTO_UDP, 8, payload);
		struct segmenter segmenter;

		original[IPV6_HEADER + 6] = 0xab; /* whatever the kernel left there */
		assert_int_equal(
		    segment_begin(&segmenter, &offload, bytes_of(original, len)), ERR_OK);
		segment_write(&segmenter, 0, out, out + IPV6_HEADER);
		assert_checksums(out, len);
	}
}

static void check_fragments(uint8_t family, size_t payload, unsigned mtu, bool backwards)
{
	static uint8_t pieces[64][2048];
	size_t sizes[64];
	size_t len = make_packet(original, family, IPPROTO_UDP, 8, payload);
	struct reassembler *reassembler = reassembler_new();
	struct fragmenter fragmenter;
	struct bytes whole = {0};

	assert_non_null(reassembler);
	assert_int_equal(fragment_begin(&fragmenter, bytes_of(original, len), mtu, 77), ERR_OK);
	assert_true(fragmenter.count > 1 && fragmenter.count <= 64);
	for (size_t i = 0; i < fragmenter.count; i++) {
		sizes[i] = fragment_write(&fragmenter, i, pieces[i]);
		assert_true(sizes[i] <= mtu);
	}
	for (size_t i = 0; i < fragmenter.count; i++) {
		size_t pick = backwards ? fragmenter.count - 1 - i : i;
		struct packet packet;

		assert_int_equal(whole.len, 0);
		assert_int_equal(
		    packet_parse(bytes_of(pieces[pick], sizes[pick]), &packet), ERR_OK);
		assert_true(packet.fragment);
		assert_int_equal(packet.later_fragment, pick > 0);
		whole = reassembler_add(reassembler, &packet, 1000);
	}
	assert_int_equal(whole.len, len);
	assert_checksums(whole.data, whole.len);
	reassembler_free(reassembler);
}

static void test_fragments_come_together(void **state)
{
	(void)state;
	check_fragments(4, 4000, 1500, false);
	check_fragments(4, 4000, 1500, true);
	check_fragments(6, 4000, 1280, false);
	check_fragments(6, 4000, 1280, true);
	check_fragments(4, 60000, 1427, true);
}

static void test_overlapping_fragments_are_refused(void **state)
{
	static uint8_t pieces[2][2048];
	size_t len = make_packet(original, 4, IPPROTO_UDP, 8, 2000);
	struct reassembler *reassembler = reassembler_new();
	struct fragmenter fragmenter;
	struct packet packet;

	(void)state;
	assert_int_equal(fragment_begin(&fragmenter, bytes_of(original, len), 1500, 77), ERR_OK);
	for (size_t i = 0; i < 2; i++)
		(void)fragment_write(&fragmenter, i, pieces[i]);
	assert_int_equal(packet_parse(bytes_of(pieces[0], 1500), &packet), ERR_OK);
	assert_int_equal(reassembler_add(reassembler, &packet, 0).len, 0);
	assert_int_equal(reassembler_add(reassembler, &packet, 0).len, 0); /* the same again */
	assert_int_equal(packet_parse(bytes_of(pieces[1], 2048), &packet), ERR_OK);
	assert_int_equal(reassembler_add(reassembler, &packet, 0).len, 0);
	reassembler_free(reassembler);
}

static void test_too_big(void **state)
{
	static const uint8_t families[] = {4, 6};

	(void)state;
	for (size_t f = 0; f < 2; f++) {
		uint8_t icmp[ICMP_TOO_BIG_MAX];
		size_t len = make_packet(original, families[f], IPPROTO_TCP, 20, 1400);
		struct packet packet;
		struct packet error;
		size_t made;

		assert_int_equal(packet_parse(bytes_of(original, len), &packet), ERR_OK);
		made = icmp_too_big(&packet, 1300, icmp);
		assert_int_equal(packet_parse(bytes_of(icmp, made), &error), ERR_OK);
		assert_int_equal(error.data.len, made);
		assert_true(address_equal(&error.destination, &packet.source));
		assert_memory_equal(icmp + error.header_len + 8, original, 40);
		assert_int_equal(
		    icmp[error.header_len + 6] << 8 | icmp[error.header_len + 7], 1300);
		if (families[f] == 6) {
			assert_checksums(icmp, made);
			continue;
		}
		assert_int_equal(checksum_finish(checksum_add(0, icmp, IPV4_HEADER)), 0);
		assert_int_equal(
		    checksum_finish(checksum_add(0, icmp + IPV4_HEADER, made - IPV4_HEADER)), 0);
	}
}

static void test_malformed_packets(void **state)
{
	struct packet packet;
	size_t len = make_packet(original, 4, IPPROTO_TCP, 20, 10);

	(void)state;
	for (size_t cut_at = 0; cut_at < len; cut_at++)
		assert_int_not_equal(packet_parse(bytes_of(original, cut_at), &packet), ERR_OK);
	original[0] = 0x44; /* a header of 16 octets */
	assert_int_not_equal(packet_parse(bytes_of(original, len), &packet), ERR_OK);
	original[0] = 0x55;
	assert_int_not_equal(packet_parse(bytes_of(original, len), &packet), ERR_OK);
	len = make_packet(original, 6, IPPROTO_HOPOPTS, 8, 10);
	original[IPV6_HEADER + 1] = 200; /* options longer than the packet */
	assert_int_not_equal(packet_parse(bytes_of(original, len), &packet), ERR_OK);
}

static void check_prefixes(const char *first, const char *last, size_t count, const char *expected)
{
	struct address_range range = {parse(first), parse(last)};
	struct prefixes prefixes;
	char text[PREFIX_TEXT_SIZE];

	prefixes_of_range(&range, &prefixes);
	assert_int_equal(prefixes.count, count);
	assert_string_equal(prefix_format(&prefixes.list[0], text), expected);
	for (size_t i = 0; i < prefixes.count; i++) {
		struct address_range covered = range_of_prefix(&prefixes.list[i]);
		struct address next = prefixes_next_address(&covered.last);

		assert_true(range_contains_range(&range, &covered));
		if (i + 1 < prefixes.count)
			assert_true(address_equal(&next, &prefixes.list[i + 1].address));
		else
			assert_true(address_equal(&covered.last, &range.last));
	}
}

static void test_ranges_to_prefixes(void **state)
{
	(void)state;
	check_prefixes("0.0.0.0", "255.255.255.255", 1, "0.0.0.0/0");
	check_prefixes("10.0.0.0", "10.255.255.255", 1, "10.0.0.0/8");
	check_prefixes("10.1.0.0", "10.1.255.255", 1, "10.1.0.0/16");
	check_prefixes("10.0.0.1", "10.0.0.1", 1, "10.0.0.1/32");
	check_prefixes("10.0.0.1", "10.0.0.6", 4, "10.0.0.1/32");
	check_prefixes("0.0.0.1", "255.255.255.254", 62, "0.0.0.1/32");
	check_prefixes("2001:db8::", "2001:db8::ffff", 1, "2001:db8::/112");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_segments_coalesce_again),
	    cmocka_unit_test(test_flags_go_to_the_right_segment),
	    cmocka_unit_test(test_what_must_not_coalesce),
	    cmocka_unit_test(test_offload_that_contradicts_is_refused),
	    cmocka_unit_test(test_pending_checksum_is_finished),
	    cmocka_unit_test(test_fragments_come_together),
	    cmocka_unit_test(test_overlapping_fragments_are_refused),
	    cmocka_unit_test(test_too_big),
	    cmocka_unit_test(test_malformed_packets),
	    cmocka_unit_test(test_ranges_to_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
