/*
 * Fuzz target: an ISAKMP message with a clear payload chain, or with a decrypted one, held to the
 * grammar of every place that it may have in an exchange of IKEv1.
 */
#include "fuzz.h"

#include "wire/ikev1-grammar.h"

/* What a handler relies on when a message has passed. */
static void hold_form(const struct ikev1_message *message)
{
	const struct isakmp_chain *chain = message->chain;
	bool phase_1 = message->exchange == ISAKMP_EXCHANGE_IDENTITY_PROTECTION ||
	               message->exchange == ISAKMP_EXCHANGE_AGGRESSIVE;

	MUST(chain->count > 0);
	MUST(isakmp_chain_count(chain, ISAKMP_NONCE) <= 1);
	MUST(isakmp_chain_count(chain, ISAKMP_KE) <= 1);
	MUST(isakmp_chain_count(chain, ISAKMP_HASH) <= 1);
	MUST(isakmp_chain_count(chain, ISAKMP_ID) <= (phase_1 ? 1 : 2));
	if (phase_1)
		MUST(isakmp_chain_count(chain, ISAKMP_SA) == 0 ||
		     chain->payloads[0].type == ISAKMP_SA);
	else if (message->encrypted)
		MUST(chain->payloads[0].type == ISAKMP_HASH);
	else
		MUST(message->exchange == ISAKMP_EXCHANGE_INFORMATIONAL &&
		     isakmp_chain_count(chain, ISAKMP_DELETE) == 0);
}

static void check_grammar(const struct isakmp_header *header, const struct isakmp_chain *chain)
{
	struct ikev1_message message = {.exchange = header->exchange,
	    .encrypted = (header->flags & ISAKMP_FLAG_ENCRYPTION) != 0,
	    .chain = chain};

	for (message.number = 1; message.number <= 7; message.number++) {
		for (int family = IKEV1_FAMILY_PRE_SHARED_KEY; family <= IKEV1_FAMILY_ANY;
		     family++) {
			struct isakmp_violation violation;

			message.family = (enum ikev1_family)family;
			if (ikev1_grammar_check(&message, &violation) == ERR_OK)
				hold_form(&message);
			else
				MUST(violation.rule[0] != '\0' && violation.notify != 0);
		}
	}
}

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
	check_grammar(&header, &chain);
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
