/* IP headers (RFC 791, RFC 8200). */
#include "dataplane/userspace/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/userspace/checksum.h"

/* More extension headers than any honest packet carries. */
#define EXTENSIONS_MAX 8

static void read_address(struct reader *r, uint8_t family, struct address *out)
{
	size_t size = family == 4 ? 4 : 16;
	struct bytes octets = reader_take(r, size);

	*out = (struct address){.family = family};
	if (octets.len == size)
		memcpy(out->octets, octets.data, size);
}

static enum err parse_ipv4(struct bytes octets, struct packet *out)
{
	struct reader r = reader_of(octets);
	size_t header_len = 4 * (size_t)(reader_u8(&r) & 0x0f);
	uint16_t total;
	uint16_t fragment;

	out->traffic_class = reader_u8(&r);
	total = reader_u16(&r);
	(void)reader_u16(&r); /* identification */
	fragment = reader_u16(&r);
	(void)reader_u8(&r); /* time to live */
	out->protocol = reader_u8(&r);
	(void)reader_u16(&r); /* checksum */
	read_address(&r, 4, &out->source);
	read_address(&r, 4, &out->destination);
	if (!reader_ok(&r) || total > octets.len)
		return ERR_TRUNCATED;
	if (header_len < IPV4_HEADER || total < header_len)
		return ERR_INVALID;
	out->data = bytes_of(octets.data, total);
	out->header_len = (uint16_t)header_len;
	out->next_header_at = 9;
	out->dont_fragment = (fragment & IPV4_DONT_FRAGMENT) != 0;
	out->later_fragment = (fragment & IPV4_OFFSET_MASK) != 0;
	out->fragment = (fragment & (IPV4_OFFSET_MASK | IPV4_MORE_FRAGMENTS)) != 0;
	return ERR_OK;
}

static bool is_extension(uint8_t next_header)
{
	return next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_ROUTING ||
	       next_header == IPPROTO_DSTOPTS || next_header == IPPROTO_FRAGMENT;
}

/* Steps over the extension headers, up to the fragment header of a later fragment. */
static enum err skip_extensions(struct reader *r, struct packet *out)
{
	for (int i = 0; is_extension(out->protocol) && !out->later_fragment; i++) {
		size_t at = r->pos;
		uint8_t next = reader_u8(r);
		uint8_t units = reader_u8(r);

		if (i >= EXTENSIONS_MAX)
			return ERR_INVALID;
		if (out->protocol == IPPROTO_FRAGMENT) {
			uint16_t offset = reader_u16(r);

			(void)reader_u32(r);
			out->fragment = (offset & 0xfff9) != 0;
			out->later_fragment = (offset & 0xfff8) != 0;
		} else {
			(void)reader_take(r, 8 * (size_t)units + 6);
		}
		out->next_header_at = (uint16_t)at;
		out->protocol = next;
	}
	return reader_ok(r) ? ERR_OK : ERR_TRUNCATED;
}

static enum err parse_ipv6(struct bytes octets, struct packet *out)
{
	struct reader r = reader_of(octets);
	uint32_t first = reader_u32(&r);
	size_t total = IPV6_HEADER + (size_t)reader_u16(&r);
	enum err code;

	out->traffic_class = (uint8_t)(first >> 20);
	out->protocol = reader_u8(&r);
	(void)reader_u8(&r); /* hop limit */
	read_address(&r, 6, &out->source);
	read_address(&r, 6, &out->destination);
	if (!reader_ok(&r) || total > octets.len)
		return ERR_TRUNCATED;
	r.len = total;
	out->data = bytes_of(octets.data, total);
	out->next_header_at = 6;
	out->dont_fragment = true;
	code = skip_extensions(&r, out);
	out->header_len = (uint16_t)r.pos;
	return code;
}

enum err packet_parse(struct bytes octets, struct packet *out)
{
	struct reader r = reader_of(octets);
	uint8_t version = reader_u8(&r) >> 4;
	enum err code;

	memset(out, 0, sizeof(*out));
	if (version != 4 && version != 6)
		return ERR_INVALID;
	code = version == 4 ? parse_ipv4(octets, out) : parse_ipv6(octets, out);
	if (code != ERR_OK)
		return code;
	switch (out->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		if (out->later_fragment)
			break;
		r = reader_of(out->data);
		(void)reader_take(&r, out->header_len);
		out->source_port = reader_u16(&r);
		out->destination_port = reader_u16(&r);
		if (!reader_ok(&r))
			return ERR_TRUNCATED;
		break;
	default:
		break;
	}
	return ERR_OK;
}

struct dataplane_flow packet_flow(const struct packet *packet, enum ipsec_direction direction)
{
	bool out = direction == IPSEC_OUT;

	return (struct dataplane_flow){
	    .local = out ? packet->source : packet->destination,
	    .remote = out ? packet->destination : packet->source,
	    .local_port = out ? packet->source_port : packet->destination_port,
	    .remote_port = out ? packet->destination_port : packet->source_port,
	    .protocol = packet->protocol,
	};
}

void packet_set_length(uint8_t *header, size_t header_len, size_t total)
{
	struct writer w = writer_of(header, header_len);

	w.len = header_len;
	if (header[0] >> 4 == 6) {
		writer_patch_u16(&w, 4, (uint16_t)(total - IPV6_HEADER));
		return;
	}
	writer_patch_u16(&w, 2, (uint16_t)total);
	writer_patch_u16(&w, 10, 0);
	writer_patch_u16(&w, 10, checksum_finish(checksum_add(0, header, header_len)));
}
