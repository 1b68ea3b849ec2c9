/* Segmentation of what the TUN device gives (RFC 9293 for TCP's fields, RFC 768 for UDP's). */
#include "dataplane/userspace/segment.h"

#include <netinet/in.h>
#include <string.h>

#define TCP_SEQUENCE_AT 4
#define TCP_OFFSET_AT   12
#define TCP_FLAGS_AT    13
#define TCP_CHECKSUM_AT 16
#define UDP_LENGTH_AT   4
#define UDP_CHECKSUM_AT 6

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static bool is_tcp(const struct segmenter *s)
{
	return s->packet.protocol == IPPROTO_TCP;
}

static enum err begin_offload(struct segmenter *s, const struct virtio_net_hdr *offload)
{
	const struct bytes data = s->packet.data;
	size_t transport = data.len - s->packet.header_len;
	size_t payload;

	switch (offload->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (!is_tcp(s) || transport < TCP_HEADER)
			return ERR_INVALID;
		s->transport_header =
		    4 * (size_t)(data.data[s->packet.header_len + TCP_OFFSET_AT] >> 4);
		if (s->transport_header < TCP_HEADER)
			return ERR_INVALID;
		s->checksum_at = TCP_CHECKSUM_AT;
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		if (s->packet.protocol != IPPROTO_UDP)
			return ERR_INVALID;
		s->transport_header = UDP_HEADER;
		s->checksum_at = UDP_CHECKSUM_AT;
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	if (offload->gso_size == 0 || s->packet.fragment || transport <= s->transport_header)
		return ERR_INVALID;
	payload = transport - s->transport_header;
	s->payload_per_segment = offload->gso_size;
	s->count = (payload + offload->gso_size - 1) / offload->gso_size;
	s->checksum_pending = true;
	return ERR_OK;
}

enum err segment_begin(
    struct segmenter *s, const struct virtio_net_hdr *offload, struct bytes octets)
{
	enum err code;

	s->count = 1;
	s->payload_per_segment = 0;
	s->checksum_pending = false;
	code = packet_parse(octets, &s->packet);
	if (code != ERR_OK)
		return code;
	if (offload->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		code = begin_offload(s, offload);
		if (code != ERR_OK)
			return code;
	} else if ((offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
		if (offload->csum_start != s->packet.header_len ||
		    (size_t)offload->csum_start + offload->csum_offset + 2 > s->packet.data.len)
			return ERR_INVALID;
		s->checksum_pending = true;
		s->checksum_at = offload->csum_offset;
	}
	if (s->checksum_pending)
		s->pseudo =
		    checksum_pseudo(&s->packet.source, &s->packet.destination, s->packet.protocol);
	return ERR_OK;
}

size_t segment_transport_length(const struct segmenter *s, size_t index)
{
	size_t transport = s->packet.data.len - s->packet.header_len;

	if (s->payload_per_segment == 0)
		return transport;
	if (index + 1 < s->count)
		return s->transport_header + s->payload_per_segment;
	return transport - index * s->payload_per_segment;
}

static void store_checksum(
    struct writer *w, const struct segmenter *s, checksum_sum sum, size_t length)
{
	uint16_t value;

	sum = checksum_add_u16(sum, (uint16_t)length);
	value = checksum_finish(sum + s->pseudo);
	/* In UDP 0 would mean that there is none (RFC 768). */
	if (value == 0 && s->packet.protocol == IPPROTO_UDP)
		value = 0xffff;
	writer_patch_u16(w, s->checksum_at, value);
}

/* The one packet, its checksum completed where the kernel left that to us. */
static void write_whole(const struct segmenter *s, uint8_t *transport)
{
	const uint8_t *from = s->packet.data.data + s->packet.header_len;
	size_t length = s->packet.data.len - s->packet.header_len;
	struct writer w = writer_of(transport, length);

	w.len = length;
	if (!s->checksum_pending) {
		memcpy(transport, from, length);
		return;
	}
	memcpy(transport, from, s->checksum_at);
	memset(transport + s->checksum_at, 0, 2);
	checksum_sum sum = checksum_add(0, transport, s->checksum_at + s->checksum_at % 2);

	sum = checksum_copy(sum, transport + s->checksum_at + 2, from + s->checksum_at + 2,
	    length - s->checksum_at - 2);
	store_checksum(&w, s, sum, length);
}

static void patch_tcp(struct writer *w, const struct segmenter *s, size_t index)
{
	struct reader r = reader_of(bytes_of(w->data, w->len));
	uint32_t sequence;
	uint8_t flags = w->data[TCP_FLAGS_AT];

	(void)reader_u32(&r); /* ports */
	sequence = reader_u32(&r) + (uint32_t)(index * s->payload_per_segment);
	writer_patch_u32(w, TCP_SEQUENCE_AT, sequence);
	if (index > 0)
		flags &= (uint8_t)~TCP_CWR;
	if (index + 1 < s->count)
		flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	writer_patch_u8(w, TCP_FLAGS_AT, flags);
}

static void write_segment(const struct segmenter *s, size_t index, uint8_t *transport)
{
	const uint8_t *from = s->packet.data.data + s->packet.header_len;
	size_t length = segment_transport_length(s, index);
	size_t header = s->transport_header;
	struct writer w = writer_of(transport, header);
	checksum_sum sum;

	writer_put(&w, bytes_of(from, header));
	writer_patch_u16(&w, s->checksum_at, 0);
	if (is_tcp(s))
		patch_tcp(&w, s, index);
	else
		writer_patch_u16(&w, UDP_LENGTH_AT, (uint16_t)length);
	sum = checksum_add(0, transport, header);
	sum = checksum_copy(sum, transport + header, from + header + index * s->payload_per_segment,
	    length - header);
	store_checksum(&w, s, sum, length);
}

void segment_write(const struct segmenter *s, size_t index, uint8_t *header, uint8_t *transport)
{
	size_t header_len = s->packet.header_len;

	memcpy(header, s->packet.data.data, header_len);
	if (s->payload_per_segment == 0) {
		write_whole(s, transport);
		return;
	}
	if (header[0] >> 4 == 4) {
		struct writer w = writer_of(header, header_len);
		struct reader r = reader_of(bytes_of(header, header_len));

		w.len = header_len;
		(void)reader_u32(&r);
		writer_patch_u16(&w, 4, (uint16_t)(reader_u16(&r) + index));
	}
	packet_set_length(header, header_len, header_len + segment_transport_length(s, index));
	write_segment(s, index, transport);
}
