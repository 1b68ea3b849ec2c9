/* Fuzz target: an ISAKMP message with a clear payload chain. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buffer[65536];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_header header;
	struct isakmp_chain chain;
	struct isakmp_writer w;
	struct bytes body;
	enum notify_type notify;

	if (isakmp_header_decode(bytes_of(data, size), &header, &body, &notify) != ERR_OK)
		return 0;
	if (isakmp_chain_decode(header.next_payload, body, &chain) != ERR_OK)
		return 0;
	isakmp_walk(&chain);
	if (size > sizeof(buffer))
		return 0;

	/* The same message from what was read of it. */
	w = isakmp_begin(&out, &header);
	for (size_t i = 0; i < chain.count; i++)
		isakmp_put(&w, chain.payloads[i].type, chain.payloads[i].body);
	writer_put(&out, chain.trailing);
	isakmp_end(&out);
	MUST(writer_ok(&out));
	MUST(bytes_equal(writer_bytes(&out), bytes_of(data, size)));
	return 0;
}
