/* The ISAKMP header: RFC 2408 3.1, checked as 5.1 and 5.2 demand. */
#include "wire/isakmp.h"

#include <string.h>

#define OFFSET_NEXT_PAYLOAD 16
#define OFFSET_LENGTH       24

static void read_cookie(struct reader *r, uint8_t cookie[8])
{
	struct bytes octets = reader_take(r, 8);

	if (octets.len == 8)
		memcpy(cookie, octets.data, 8);
}

enum err isakmp_header_decode(
    struct bytes datagram, struct isakmp_header *out, struct bytes *body, enum notify_type *notify)
{
	const uint8_t flags =
	    ISAKMP_FLAG_ENCRYPTION | ISAKMP_FLAG_COMMIT | ISAKMP_FLAG_AUTHENTICATION_ONLY;
	struct reader r = reader_of(datagram);
	uint8_t version;

	memset(out, 0, sizeof(*out));
	read_cookie(&r, out->initiator_cookie);
	read_cookie(&r, out->responder_cookie);
	out->next_payload = reader_u8(&r);
	version = reader_u8(&r);
	out->major = version >> 4;
	out->minor = version & 0x0f;
	out->exchange = reader_u8(&r);
	out->flags = reader_u8(&r);
	out->message_id = reader_u32(&r);
	out->length = reader_u32(&r);
	*body = reader_rest(&r);

	*notify = NOTIFY_UNEQUAL_PAYLOAD_LENGTHS;
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	*notify = NOTIFY_INVALID_MAJOR_VERSION;
	if (out->major != 1)
		return ERR_UNSUPPORTED;
	*notify = NOTIFY_INVALID_MINOR_VERSION;
	if (out->minor != 0)
		return ERR_UNSUPPORTED;
	*notify = NOTIFY_UNEQUAL_PAYLOAD_LENGTHS;
	if (out->length != datagram.len)
		return ERR_INVALID;
	*notify = NOTIFY_INVALID_FLAGS;
	if ((out->flags & ~flags) != 0)
		return ERR_INVALID;
	return ERR_OK;
}

struct isakmp_writer isakmp_begin(struct writer *out, const struct isakmp_header *header)
{
	writer_put(out, bytes_of(header->initiator_cookie, 8));
	writer_put(out, bytes_of(header->responder_cookie, 8));
	writer_u8(out, ISAKMP_NONE);
	writer_u8(out, 1 << 4);
	writer_u8(out, header->exchange);
	writer_u8(out, header->flags);
	writer_u32(out, header->message_id);
	writer_u32(out, ISAKMP_HEADER_SIZE);
	return isakmp_writer_at(out, OFFSET_NEXT_PAYLOAD);
}

void isakmp_end(struct writer *out)
{
	writer_patch_u32(out, OFFSET_LENGTH, (uint32_t)out->len);
}
