/* Putting fragments together: RFC 791 3.2, RFC 8200 4.5; overlaps are refused as in RFC 5722. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/userspace/fragment.h"

#define PACKETS_MAX 16   /* under way at a time */
#define PIECES_MAX  64   /* of one */
#define PATIENCE_MS 5000 /* for one */
#define PACKET_MAX  65535
#define HEADER_MAX  1024

/* What a fragment says of itself. */
struct piece {
	size_t offset;
	bool more;
	uint32_t identification;
	struct bytes header; /* what comes before the fragmented part */
	size_t next_header_at;
	struct bytes payload;
};

struct pending {
	bool used;
	struct address source;
	struct address destination;
	uint8_t protocol;
	uint32_t identification;
	uint64_t since_ms;
	size_t total; /* of the fragmented part; 0 while the last piece is missing */
	size_t gathered;
	size_t header_len;
	size_t next_header_at;
	unsigned piece_count;
	struct {
		size_t offset;
		size_t len;
	} pieces[PIECES_MAX];
	uint8_t *octets; /* HEADER_MAX for the header, which ends there, then the fragmented part */
};

struct reassembler {
	struct pending pending[PACKETS_MAX];
	struct pending *finished; /* its octets are lent out */
};

struct reassembler *reassembler_new(void)
{
	return calloc(1, sizeof(struct reassembler));
}

static void forget(struct pending *pending)
{
	free(pending->octets);
	*pending = (struct pending){0};
}

void reassembler_free(struct reassembler *reassembler)
{
	if (reassembler == NULL)
		return;
	for (size_t i = 0; i < PACKETS_MAX; i++)
		forget(&reassembler->pending[i]);
	free(reassembler);
}

static enum err read_ipv4(const struct packet *fragment, struct piece *out)
{
	struct reader r = reader_of(fragment->data);
	uint16_t field;

	(void)reader_u32(&r);
	out->identification = reader_u16(&r);
	field = reader_u16(&r);
	out->more = (field & IPV4_MORE_FRAGMENTS) != 0;
	out->offset = 8 * (size_t)(field & IPV4_OFFSET_MASK);
	out->header = bytes_of(fragment->data.data, fragment->header_len);
	out->next_header_at = 9;
	out->payload = bytes_of(
	    fragment->data.data + fragment->header_len, fragment->data.len - fragment->header_len);
	return reader_ok(&r) ? ERR_OK : ERR_TRUNCATED;
}

/*
 * In the first fragment extension headers may follow the fragment header; so it is looked for from
 * the front. Only those that stand before it can.
 */
static enum err read_ipv6(const struct packet *fragment, struct piece *out)
{
	struct reader r = reader_of(fragment->data);
	uint8_t next = 0;
	uint16_t field;
	size_t at;

	(void)reader_take(&r, 6);
	next = reader_u8(&r);
	(void)reader_take(&r, IPV6_HEADER - 7);
	out->next_header_at = 6;
	while (next != IPPROTO_FRAGMENT && reader_ok(&r)) {
		out->next_header_at = r.pos;
		next = reader_u8(&r);
		(void)reader_take(&r, 8 * (size_t)reader_u8(&r) + 6);
	}
	at = r.pos;
	next = reader_u8(&r);
	(void)reader_u8(&r);
	field = reader_u16(&r);
	out->identification = reader_u32(&r);
	out->more = (field & 1) != 0;
	out->offset = field & 0xfff8U;
	out->header = bytes_of(fragment->data.data, at);
	out->payload = reader_rest(&r);
	return reader_ok(&r) ? ERR_OK : ERR_TRUNCATED;
}

/* The packet that the piece belongs to, a new one if need be, in place of the oldest if need be. */
static struct pending *find(struct reassembler *reassembler, const struct packet *fragment,
    const struct piece *piece, uint64_t now_ms)
{
	struct pending *oldest = &reassembler->pending[0];

	for (size_t i = 0; i < PACKETS_MAX; i++) {
		struct pending *p = &reassembler->pending[i];

		if (p->used && now_ms - p->since_ms >= PATIENCE_MS)
			forget(p);
		if (p->used && p->identification == piece->identification &&
		    address_equal(&p->source, &fragment->source) &&
		    address_equal(&p->destination, &fragment->destination) &&
		    (fragment->source.family == 6 || p->protocol == fragment->protocol))
			return p;
		if (!p->used || (oldest->used && p->since_ms < oldest->since_ms))
			oldest = p;
	}
	forget(oldest);
	oldest->octets = malloc(HEADER_MAX + PACKET_MAX);
	if (oldest->octets == NULL)
		return NULL;
	oldest->used = true;
	oldest->source = fragment->source;
	oldest->destination = fragment->destination;
	oldest->protocol = fragment->protocol;
	oldest->identification = piece->identification;
	oldest->since_ms = now_ms;
	return oldest;
}

/* False when the piece contradicts those before it. */
static bool place(struct pending *p, const struct piece *piece)
{
	size_t len = piece->payload.len;
	size_t end = piece->offset + len;

	if (len == 0 || end > PACKET_MAX || (piece->more && len % 8 != 0) ||
	    p->piece_count == PIECES_MAX || piece->header.len > HEADER_MAX)
		return false;
	for (unsigned i = 0; i < p->piece_count; i++) {
		if (piece->offset < p->pieces[i].offset + p->pieces[i].len &&
		    p->pieces[i].offset < end)
			return false;
	}
	if ((p->total != 0 && end > p->total) || (!piece->more && p->total != 0))
		return false;
	if (!piece->more)
		p->total = end;
	if (piece->offset == 0) {
		p->header_len = piece->header.len;
		p->next_header_at = piece->next_header_at;
		memcpy(p->octets + HEADER_MAX - p->header_len, piece->header.data, p->header_len);
	}
	memcpy(p->octets + HEADER_MAX + piece->offset, piece->payload.data, len);
	p->pieces[p->piece_count].offset = piece->offset;
	p->pieces[p->piece_count++].len = len;
	p->gathered += len;
	return true;
}

/* Gives the header of the first fragment the look of an unfragmented packet's. */
static struct bytes finish(struct pending *p, const struct packet *fragment, uint8_t protocol)
{
	uint8_t *start = p->octets + HEADER_MAX - p->header_len;
	size_t total = p->header_len + p->total;
	struct writer w = writer_of(start, p->header_len);

	if (total > PACKET_MAX)
		return bytes_of(NULL, 0);
	w.len = p->header_len;
	if (fragment->source.family == 4)
		writer_patch_u16(&w, 6, 0);
	else
		writer_patch_u8(&w, p->next_header_at, protocol);
	packet_set_length(start, p->header_len, total);
	return bytes_of(start, total);
}

/* The protocol that the fragment header names, which is that of its first octet behind. */
static uint8_t protocol_of(const struct packet *fragment, const struct piece *piece)
{
	return fragment->source.family == 4 ? fragment->protocol
	                                    : fragment->data.data[piece->header.len];
}

struct bytes reassembler_add(
    struct reassembler *reassembler, const struct packet *fragment, uint64_t now_ms)
{
	struct piece piece = {0};
	struct pending *p;
	enum err code = fragment->source.family == 4 ? read_ipv4(fragment, &piece)
	                                             : read_ipv6(fragment, &piece);

	if (reassembler->finished != NULL)
		forget(reassembler->finished);
	reassembler->finished = NULL;
	if (code != ERR_OK)
		return bytes_of(NULL, 0);
	p = find(reassembler, fragment, &piece, now_ms);
	if (p == NULL)
		return bytes_of(NULL, 0);
	if (!place(p, &piece)) {
		forget(p);
		return bytes_of(NULL, 0);
	}
	if (p->total == 0 || p->gathered < p->total)
		return bytes_of(NULL, 0);
	p->used = false;
	reassembler->finished = p;
	return finish(p, fragment, protocol_of(fragment, &piece));
}
