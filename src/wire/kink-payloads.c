/* The KINK payloads: their chain, alignment and contents. RFC 4430 4.1 and 4.2. */
#include "wire/kink-chain.h"

#define OFFSET_PAYLOAD_LENGTH 2
#define QM_VERSION            0x10 /* 1.0: RFC 4430 4.2.6 */

enum err kink_chain_decode(struct reader *r, uint8_t first, struct kink_payloads *out)
{
	uint8_t type = first;

	out->count = 0;
	while (type != KINK_DONE) {
		struct kink_payload *payload;
		uint8_t next;
		uint16_t length;

		(void)reader_take(r, kink_padding(r->pos));
		next = reader_u8(r);
		(void)reader_u8(r); /* RESERVED: RFC 4430 4.2 has it ignored */
		length = reader_u16(r);
		if (length < KINK_GENERIC_HEADER_SIZE)
			return ERR_INVALID;
		if (out->count == KINK_PAYLOADS_MAX)
			return ERR_LIMIT;
		payload = &out->payloads[out->count++];
		payload->type = type;
		payload->body = reader_take(r, (size_t)length - KINK_GENERIC_HEADER_SIZE);
		if (!reader_ok(r))
			return ERR_INVALID;
		/* RFC 4430 4.2.7: the encrypted payload is the last one. */
		if (type == KINK_ENCRYPT && next != KINK_DONE)
			return ERR_INVALID;
		type = next;
	}
	return ERR_OK;
}

enum err kink_decode_plain(struct bytes plain, struct kink_payloads *out)
{
	struct reader r = reader_of(plain);
	uint8_t first = reader_u8(&r);

	(void)reader_take(&r, 3); /* RESERVED2 */
	if (!reader_ok(&r))
		return ERR_INVALID;
	return kink_chain_decode(&r, first, out);
}

const struct kink_payload *kink_find(const struct kink_payloads *payloads, uint8_t type)
{
	for (size_t i = 0; i < payloads->count; i++) {
		if (payloads->payloads[i].type == type)
			return &payloads->payloads[i];
	}
	return NULL;
}

size_t kink_count(const struct kink_payloads *payloads, uint8_t type)
{
	size_t count = 0;

	for (size_t i = 0; i < payloads->count; i++)
		count += payloads->payloads[i].type == type;
	return count;
}

void kink_set_length(struct writer *out, size_t offset, size_t length)
{
	if (length > UINT16_MAX)
		out->failed = true;
	writer_patch_u16(out, offset, (uint16_t)length);
}

struct kink_writer kink_begin_plain(struct writer *out)
{
	writer_u8(out, KINK_DONE);
	writer_zeros(out, 3);
	return (struct kink_writer){.out = out, .announce = 0};
}

void kink_chain_open(struct kink_writer *message, uint8_t type)
{
	writer_align(message->out, KINK_ALIGNMENT);
	writer_patch_u8(message->out, message->announce, type);
	message->open = writer_reserve(message->out, KINK_GENERIC_HEADER_SIZE);
	message->announce = message->open;
}

void kink_chain_close(struct kink_writer *message)
{
	kink_set_length(
	    message->out, message->open + OFFSET_PAYLOAD_LENGTH, message->out->len - message->open);
}

void kink_put(struct kink_writer *message, uint8_t type, struct bytes body)
{
	kink_chain_open(message, type);
	writer_put(message->out, body);
	kink_chain_close(message);
}

enum err kink_ap_decode(struct bytes body, struct kink_ap *out)
{
	struct reader r = reader_of(body);

	out->epoch = reader_u32(&r);
	out->ap = reader_rest(&r);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	return out->ap.len > 0 ? ERR_OK : ERR_INVALID;
}

void kink_put_ap(struct kink_writer *message, uint8_t type, const struct kink_ap *ap)
{
	kink_chain_open(message, type);
	writer_u32(message->out, ap->epoch);
	writer_put(message->out, ap->ap);
	kink_chain_close(message);
}

enum err kink_isakmp_decode(struct bytes body, struct isakmp_chain *out, enum kink_error *error)
{
	struct reader r = reader_of(body);
	uint8_t first = reader_u8(&r);
	uint8_t version = reader_u8(&r);
	enum err err;

	(void)reader_u16(&r); /* RESERVED */
	out->count = 0;
	*error = KINK_PROTOERR;
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	if (version != QM_VERSION) {
		*error = KINK_BADQMVERS;
		return ERR_UNSUPPORTED;
	}
	err = isakmp_chain_decode(first, reader_rest(&r), out);
	if (err != ERR_OK)
		return err;
	if (out->trailing.len > 0)
		return ERR_INVALID;
	*error = KINK_OK;
	return ERR_OK;
}

struct isakmp_writer kink_isakmp_begin(struct kink_writer *message)
{
	size_t announce;

	kink_chain_open(message, KINK_ISAKMP);
	announce = writer_reserve(message->out, 1);
	writer_u8(message->out, QM_VERSION);
	writer_u16(message->out, 0);
	return isakmp_writer_at(message->out, announce);
}

void kink_isakmp_end(struct kink_writer *message)
{
	kink_chain_close(message);
}

enum err kink_error_decode(struct bytes body, uint32_t *out)
{
	struct reader r = reader_of(body);

	*out = reader_u32(&r);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	return reader_left(&r) == 0 ? ERR_OK : ERR_INVALID;
}

void kink_put_error(struct kink_writer *message, uint32_t error)
{
	kink_chain_open(message, KINK_ERROR);
	writer_u32(message->out, error);
	kink_chain_close(message);
}
