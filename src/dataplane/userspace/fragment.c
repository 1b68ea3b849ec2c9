/* Cutting packets into fragments: RFC 791 3.2, RFC 8200 4.5. */
#include "dataplane/userspace/fragment.h"

#include <netinet/in.h>
#include <string.h>

#define FRAGMENT_HEADER 8 /* of IPv6 */
#define UNIT            8 /* offsets count in it */

static bool is_ipv4(const struct fragmenter *f)
{
	return f->packet.source.family == 4;
}

static size_t header_of_fragment(const struct fragmenter *f)
{
	return f->packet.header_len + (is_ipv4(f) ? 0U : FRAGMENT_HEADER);
}

enum err fragment_begin(
    struct fragmenter *f, struct bytes octets, unsigned mtu, uint32_t identification)
{
	enum err code = packet_parse(octets, &f->packet);
	size_t header;
	size_t payload;

	if (code != ERR_OK)
		return code;
	header = header_of_fragment(f);
	payload = f->packet.data.len - f->packet.header_len;
	if (mtu < header + UNIT || f->packet.fragment)
		return ERR_INVALID;
	f->piece = (mtu - header) / UNIT * UNIT;
	f->count = (payload + f->piece - 1) / f->piece;
	f->identification = identification;
	return ERR_OK;
}

static void write_ipv4_fields(
    const struct fragmenter *f, struct writer *w, size_t offset, bool more)
{
	uint16_t fragment = (uint16_t)(offset / UNIT | (more ? IPV4_MORE_FRAGMENTS : 0));
	struct reader r = reader_of(f->packet.data);

	(void)reader_u32(&r);
	/* One that is there stays: AH covers it. 0 would have the kernel choose one for each. */
	if (reader_u16(&r) == 0)
		writer_patch_u16(w, 4, (uint16_t)(f->identification % 0xffff + 1));
	writer_patch_u16(w, 6, fragment);
}

size_t fragment_write(const struct fragmenter *f, size_t index, uint8_t *out)
{
	size_t header_len = f->packet.header_len;
	size_t header = header_of_fragment(f);
	size_t payload = f->packet.data.len - header_len;
	size_t offset = index * f->piece;
	size_t len = index + 1 < f->count ? f->piece : payload - offset;
	struct writer w = writer_of(out, header + len);

	writer_put(&w, bytes_of(f->packet.data.data, header_len));
	if (is_ipv4(f)) {
		write_ipv4_fields(f, &w, offset, index + 1 < f->count);
	} else {
		writer_patch_u8(&w, f->packet.next_header_at, IPPROTO_FRAGMENT);
		writer_u8(&w, f->packet.protocol);
		writer_u8(&w, 0);
		writer_u16(&w, (uint16_t)(offset | (index + 1 < f->count ? 1U : 0U)));
		writer_u32(&w, f->identification);
	}
	writer_put(&w, bytes_of(f->packet.data.data + header_len + offset, len));
	packet_set_length(out, header_len, header + len);
	return header + len;
}
