/* The KINK header and its checksum: RFC 4430 4. */
#include "wire/kink-chain.h"

#define OFFSET_LENGTH       2
#define OFFSET_NEXT_PAYLOAD 12
#define OFFSET_CHECKSUM_LEN 14
#define ACKREQ              0x80

enum err kink_decode(struct bytes datagram, struct kink_message *out, enum kink_error *error)
{
	struct reader r = reader_of(datagram);
	uint8_t major, next;
	uint16_t length, checksum_len;
	enum err err;

	*out = (struct kink_message){0};
	*error = KINK_PROTOERR;
	out->header.type = reader_u8(&r);
	major = reader_u8(&r) >> 4;
	length = reader_u16(&r);
	out->header.doi = reader_u32(&r);
	out->header.xid = reader_u32(&r);
	next = reader_u8(&r);
	out->header.ackreq = (reader_u8(&r) & ACKREQ) != 0;
	checksum_len = reader_u16(&r);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	if (major != KINK_VERSION) {
		*error = KINK_INVMAJ;
		return ERR_UNSUPPORTED;
	}
	if (out->header.doi != IPSEC_DOI) {
		*error = KINK_INVDOI;
		return ERR_UNSUPPORTED;
	}
	if (length > datagram.len || length < KINK_HEADER_SIZE ||
	    checksum_len > length - KINK_HEADER_SIZE)
		return ERR_INVALID;
	out->octets = bytes_of(datagram.data, (size_t)length - checksum_len);
	out->checksum = bytes_of(datagram.data + out->octets.len, checksum_len);
	if (checksum_len > 0 && kink_padding(out->octets.len) != 0)
		return ERR_INVALID;

	r = reader_of(out->octets);
	(void)reader_take(&r, KINK_HEADER_SIZE);
	err = kink_chain_decode(&r, next, &out->outer);
	if (err != ERR_OK)
		return err;
	/* Nothing but padding may stand between the payloads and the checksum. */
	if (reader_left(&r) > kink_padding(r.pos))
		return ERR_INVALID;
	*error = KINK_OK;
	return ERR_OK;
}

enum err kink_signed_part(
    const struct kink_message *message, struct writer *scratch, struct bytes *out)
{
	size_t start = scratch->len;

	writer_put(scratch, message->octets);
	writer_patch_u16(scratch, start + OFFSET_LENGTH, (uint16_t)message->octets.len);
	writer_patch_u16(scratch, start + OFFSET_CHECKSUM_LEN, 0);
	if (!writer_ok(scratch))
		return ERR_TOO_LONG;
	*out = bytes_of(scratch->data + start, message->octets.len);
	return ERR_OK;
}

struct kink_writer kink_begin(struct writer *out, const struct kink_header *header)
{
	writer_u8(out, header->type);
	writer_u8(out, KINK_VERSION << 4);
	writer_u16(out, KINK_HEADER_SIZE);
	writer_u32(out, header->doi);
	writer_u32(out, header->xid);
	writer_u8(out, KINK_DONE);
	writer_u8(out, header->ackreq ? ACKREQ : 0);
	writer_u16(out, 0);
	return (struct kink_writer){.out = out, .announce = OFFSET_NEXT_PAYLOAD};
}

void kink_close(struct kink_writer *message)
{
	writer_align(message->out, KINK_ALIGNMENT);
	kink_set_length(message->out, OFFSET_LENGTH, message->out->len);
}

void kink_close_sealed(struct kink_writer *message, size_t ciphertext_len)
{
	size_t length;

	kink_chain_open(message, KINK_ENCRYPT);
	length = message->out->len + ciphertext_len;
	kink_set_length(message->out, message->open + OFFSET_LENGTH, length - message->open);
	kink_set_length(message->out, OFFSET_LENGTH, length + kink_padding(length));
}

void kink_finish(struct writer *message, struct bytes checksum)
{
	writer_put(message, checksum);
	kink_set_length(message, OFFSET_LENGTH, message->len);
	kink_set_length(message, OFFSET_CHECKSUM_LEN, checksum.len);
}
