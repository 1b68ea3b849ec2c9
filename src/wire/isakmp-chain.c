/* The chain of ISAKMP payloads and their generic header: RFC 2408 3.2 and 5.3. */
#include "wire/isakmp.h"

#define GENERIC_HEADER_SIZE 4

enum err isakmp_chain_decode(uint8_t first, struct bytes input, struct isakmp_chain *out)
{
	struct reader r = reader_of(input);
	uint8_t type = first;

	out->count = 0;
	out->trailing = bytes_of(NULL, 0);
	while (type != ISAKMP_NONE) {
		struct isakmp_payload *payload;
		struct reader header = r;
		uint8_t next = reader_u8(&header);
		uint8_t reserved = reader_u8(&header);
		uint16_t length = reader_u16(&header);
		struct bytes whole = reader_take(&r, length);

		if (!reader_ok(&header) || !reader_ok(&r))
			return ERR_TRUNCATED;
		/* RFC 2408 5.3: a RESERVED field that is not zero is an error. */
		if (length < GENERIC_HEADER_SIZE || reserved != 0)
			return ERR_INVALID;
		if (out->count == ISAKMP_PAYLOADS_MAX)
			return ERR_LIMIT;
		payload = &out->payloads[out->count++];
		payload->type = type;
		payload->whole = whole;
		payload->body =
		    bytes_of(whole.data + GENERIC_HEADER_SIZE, whole.len - GENERIC_HEADER_SIZE);
		type = next;
	}
	out->trailing = reader_rest(&r);
	return ERR_OK;
}

const struct isakmp_payload *isakmp_chain_find(
    const struct isakmp_chain *chain, uint8_t type, const struct isakmp_payload *after)
{
	size_t start = after == NULL ? 0 : (size_t)(after - chain->payloads) + 1;

	for (size_t i = start; i < chain->count; i++) {
		if (chain->payloads[i].type == type)
			return &chain->payloads[i];
	}
	return NULL;
}

size_t isakmp_chain_count(const struct isakmp_chain *chain, uint8_t type)
{
	size_t count = 0;

	for (size_t i = 0; i < chain->count; i++)
		count += chain->payloads[i].type == type;
	return count;
}

struct isakmp_writer isakmp_writer_at(struct writer *out, size_t announce)
{
	return (struct isakmp_writer){.out = out, .announce = announce};
}

void isakmp_open(struct isakmp_writer *chain, uint8_t type)
{
	if (chain->announce != ISAKMP_UNANNOUNCED)
		writer_patch_u8(chain->out, chain->announce, type);
	chain->open = writer_reserve(chain->out, GENERIC_HEADER_SIZE);
	chain->announce = chain->open;
}

void isakmp_close(struct isakmp_writer *chain)
{
	size_t length = chain->out->len - chain->open;

	if (length > UINT16_MAX)
		chain->out->failed = true;
	writer_patch_u16(chain->out, chain->open + 2, (uint16_t)length);
}

void isakmp_put(struct isakmp_writer *chain, uint8_t type, struct bytes body)
{
	isakmp_open(chain, type);
	writer_put(chain->out, body);
	isakmp_close(chain);
}
