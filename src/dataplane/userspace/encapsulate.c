/* Outer headers. */
#include "dataplane/userspace/encapsulate.h"

#include <netinet/in.h>
#include <string.h>

#define HOP_LIMIT 64

#define ECN_MASK    0x03
#define ECN_NOT_ECT 0
#define ECN_ECT1    1
#define ECN_CE      3

static bool is_tunnel(const struct sa *sa)
{
	return sa->told.mode == IPSEC_TUNNEL;
}

size_t encapsulate_outer_header(const struct sa *sa, const struct packet *inner)
{
	if (!is_tunnel(sa))
		return inner->header_len;
	return sa->told.destination.family == 4 ? IPV4_HEADER : IPV6_HEADER;
}

size_t encapsulate_inner_max(const struct sa *sa, const struct packet *inner, unsigned mtu)
{
	size_t outer = encapsulate_outer_header(sa, inner);
	size_t payload = mtu > outer ? esp_payload_max(sa->esp, mtu - outer) : 0;

	return is_tunnel(sa) ? payload : payload + inner->header_len;
}

size_t encapsulate_length(const struct sa *sa, const struct packet *inner, size_t len)
{
	size_t payload = is_tunnel(sa) ? inner->header_len + len : len;

	return encapsulate_outer_header(sa, inner) + esp_before(sa->esp) + payload +
	       esp_after(sa->esp, payload);
}

/* RFC 4301 5.1.2: DSCP and DF are copied; RFC 6040 4.1: so is ECN. */
static void write_outer_header(
    const struct sa *sa, const struct packet *inner, uint8_t *out, size_t total)
{
	const struct dataplane_sa *told = &sa->told;
	struct writer w = writer_of(out, IPV6_HEADER);

	if (told->destination.family == 6) {
		writer_u32(&w, UINT32_C(6) << 28 | (uint32_t)inner->traffic_class << 20);
		writer_u16(&w, (uint16_t)(total - IPV6_HEADER));
		writer_u8(&w, IPPROTO_ESP);
		writer_u8(&w, HOP_LIMIT);
		writer_put(&w, bytes_of(told->source.octets, 16));
		writer_put(&w, bytes_of(told->destination.octets, 16));
		return;
	}
	w = writer_of(out, IPV4_HEADER);
	writer_u8(&w, 0x45);
	writer_u8(&w, inner->traffic_class);
	writer_u16(&w, (uint16_t)total);
	writer_u16(&w, 0); /* identification: the kernel fills it in, and the checksum */
	writer_u16(&w, inner->dont_fragment ? IPV4_DONT_FRAGMENT : 0);
	writer_u8(&w, HOP_LIMIT);
	writer_u8(&w, IPPROTO_ESP);
	writer_u16(&w, 0);
	writer_put(&w, bytes_of(told->source.octets, 4));
	writer_put(&w, bytes_of(told->destination.octets, 4));
}

enum err encapsulate(struct sa *sa, const struct segmenter *segmenter, size_t index, uint8_t *out)
{
	const struct packet *inner = &segmenter->packet;
	size_t len = segment_transport_length(segmenter, index);
	size_t total = encapsulate_length(sa, inner, len);
	size_t outer = encapsulate_outer_header(sa, inner);
	uint8_t *payload = out + outer + esp_before(sa->esp);

	if (is_tunnel(sa)) {
		uint8_t next = inner->source.family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;

		segment_write(segmenter, index, payload, payload + inner->header_len);
		write_outer_header(sa, inner, out, total);
		return esp_seal(sa->esp, sa->told.spi, ++sa->sequence, next, out + outer,
		    inner->header_len + len);
	}
	segment_write(segmenter, index, out, payload);
	out[inner->next_header_at] = IPPROTO_ESP;
	packet_set_length(out, outer, total);
	return esp_seal(sa->esp, sa->told.spi, ++sa->sequence, inner->protocol, out + outer, len);
}

/* RFC 6040 4.2: false when the packet must be dropped. */
static bool ecn_decapsulate(uint8_t outer_class, uint8_t *inner_header)
{
	struct reader r = reader_of(bytes_of(inner_header, 4));
	struct writer w = writer_of(inner_header, IPV4_HEADER);
	uint32_t first = reader_u32(&r);
	unsigned shift = first >> 28 == 6 ? 20 : 16;
	uint8_t outer = outer_class & ECN_MASK;
	uint8_t inner = (uint8_t)(first >> shift) & ECN_MASK;

	if (outer == inner || outer == ECN_NOT_ECT || inner == ECN_CE)
		return true;
	if (inner == ECN_NOT_ECT)
		return outer != ECN_CE;
	if (outer != ECN_CE && outer != ECN_ECT1)
		return true;
	first = (first & ~((uint32_t)ECN_MASK << shift)) | (uint32_t)outer << shift;
	w.len = 4;
	writer_patch_u32(&w, 0, first);
	return true;
}

static enum err decapsulate_tunnel(
    const struct outer_packet *outer, const struct esp_opened *opened, uint8_t **out, size_t *len)
{
	struct packet inner;
	uint8_t version = opened->next_header == IPPROTO_IPIP ? 4 : 6;
	enum err code;

	if (opened->next_header != IPPROTO_IPIP && opened->next_header != IPPROTO_IPV6)
		return ERR_INVALID;
	if (opened->len == 0 || opened->payload[0] >> 4 != version)
		return ERR_INVALID;
	/* The inner length may be less: the rest hides it (RFC 4303 2.7). */
	code = packet_parse(bytes_of(opened->payload, opened->len), &inner);
	if (code != ERR_OK)
		return code;
	if (!ecn_decapsulate(outer->header.traffic_class, opened->payload))
		return ERR_INVALID;
	if (version == 4)
		packet_set_length(opened->payload, inner.header_len, inner.data.len);
	*out = opened->payload;
	*len = inner.data.len;
	return ERR_OK;
}

enum err decapsulate(const struct sa *sa, const struct outer_packet *outer,
    const struct esp_opened *opened, uint8_t **out, size_t *len)
{
	size_t header_len = outer->header.header_len;
	uint8_t *header;

	if (opened->next_header == IPPROTO_NONE)
		return ERR_NOT_FOUND;
	if (is_tunnel(sa))
		return decapsulate_tunnel(outer, opened, out, len);
	if (outer->header.fragment)
		return ERR_INVALID;
	/* The header moves up to the payload, over the ESP header and IV that are done with. */
	header = opened->payload - header_len;
	memmove(header, outer->octets, header_len);
	header[outer->header.next_header_at] = opened->next_header;
	packet_set_length(header, header_len, header_len + opened->len);
	*out = header;
	*len = header_len + opened->len;
	return ERR_OK;
}
