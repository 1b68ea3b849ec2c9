/*
 * The layout of messages: head, AP-REQ, ciphertext, padding, and the numbers that depend on them;
 * and of seeds with a number from the peer's reply.
 */
#include "kerberos/layout.h"

static size_t aligned(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* Where head goes on after the AP-REQ. */
static size_t behind_ap(const struct kerberos_request *request, struct bytes ap)
{
	return ap.len > 0 ? aligned(request->ap_offset + ap.len) : request->ap_offset;
}

size_t kerberos_message_length(
    const struct kerberos_request *request, struct bytes ap, size_t sealed_len)
{
	return aligned(
	    behind_ap(request, ap) + request->head.len - request->ap_offset + sealed_len);
}

/* Adds to a number of head, wherever that stands in the message; offset 0 means there is none. */
static void add_to(struct writer *message, const struct kerberos_request *request, struct bytes ap,
    uint16_t offset, size_t amount)
{
	struct reader old;
	size_t place = offset;

	if (offset == 0)
		return;
	if (offset >= request->ap_offset)
		place = offset - request->ap_offset + behind_ap(request, ap);
	old = reader_of(writer_bytes(message));
	(void)reader_take(&old, place);
	writer_patch_u16(message, place, (uint16_t)(reader_u16(&old) + amount));
}

enum err kerberos_lay_out(const struct kerberos_request *request, struct bytes ap,
    size_t sealed_len, struct writer *message, size_t *sealed_at)
{
	struct reader head = reader_of(request->head);

	writer_put(message, reader_take(&head, request->ap_offset));
	if (ap.len > 0) {
		writer_put(message, ap);
		writer_align(message, 4);
	}
	writer_put(message, reader_rest(&head));
	*sealed_at = writer_reserve(message, sealed_len);
	writer_align(message, 4);
	if (ap.len > 0) {
		add_to(message, request, ap, request->ap_length_offset, ap.len);
		add_to(message, request, ap, request->sealed_length_offset, sealed_len);
		writer_patch_u16(message, request->length_offset, (uint16_t)message->len);
	}
	return reader_ok(&head) && writer_ok(message) && message->len <= UINT16_MAX ? ERR_OK
	                                                                            : ERR_INVALID;
}

enum err kerberos_seed(
    const struct kerberos_request *request, size_t index, struct bytes plain, struct writer *out)
{
	struct reader from = reader_of(plain);

	(void)reader_take(&from, request->plain_offset);
	writer_put(out, request->derivations[index].seed);
	writer_patch_u32(out, request->seed_offset, reader_u32(&from));
	return reader_ok(&from) && writer_ok(out) ? ERR_OK : ERR_NOT_FOUND;
}
