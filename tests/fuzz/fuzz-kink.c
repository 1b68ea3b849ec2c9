/*
 * Fuzz target: a KINK message, through decoding, grammar and every payload. The body of a
 * KINK_ENCRYPT payload is taken for its own plaintext.
 */
#include "fuzz.h"

#include "wire/kink-grammar.h"

static void walk_payloads(const struct kink_payloads *payloads)
{
	for (size_t i = 0; i < payloads->count; i++) {
		struct isakmp_chain chain;
		enum kink_error error;

		if (payloads->payloads[i].type == KINK_ISAKMP &&
		    kink_isakmp_decode(payloads->payloads[i].body, &chain, &error) == ERR_OK) {
			isakmp_walk(&chain);
			quick_walk(&chain);
		}
	}
}

/* What was read of the message, encoded and decoded again. */
static void walk_again(const struct kink_message *message)
{
	static uint8_t buffer[UINT16_MAX + 1], scratch[UINT16_MAX];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct writer copy = writer_of(scratch, sizeof(scratch));
	struct kink_writer w = kink_begin(&out, &message->header);
	struct kink_message again;
	struct bytes part, signed_part;
	enum kink_error error;

	for (size_t i = 0; i < message->outer.count; i++)
		kink_put(&w, message->outer.payloads[i].type, message->outer.payloads[i].body);
	kink_close(&w);
	part = writer_bytes(&out);
	kink_finish(&out, message->checksum);
	/* A message of the greatest length whose padding was left out cannot be padded. */
	if (!writer_ok(&out))
		return;
	MUST(kink_decode(writer_bytes(&out), &again, &error) == ERR_OK);
	MUST(again.header.type == message->header.type && again.header.xid == message->header.xid);
	MUST(again.header.ackreq == message->header.ackreq);
	MUST(bytes_equal(again.checksum, message->checksum));
	MUST(again.outer.count == message->outer.count);
	for (size_t i = 0; i < again.outer.count; i++) {
		MUST(again.outer.payloads[i].type == message->outer.payloads[i].type);
		MUST(bytes_equal(again.outer.payloads[i].body, message->outer.payloads[i].body));
	}
	MUST(kink_signed_part(&again, &copy, &signed_part) == ERR_OK);
	MUST(signed_part.len == part.len);
}

static void check_grammar(const struct kink_message *message, const struct kink_payloads *inner)
{
	for (int command = KINK_CREATE; command <= KINK_STATUS; command++) {
		struct kink_violation violation;
		enum kink_form form;

		if (kink_grammar_check(
			message, inner, (enum kink_type)command, &form, &violation) == ERR_OK)
			continue;
		MUST(violation.rule[0] != '\0');
		MUST((violation.error == KINK_OK) == (violation.notify != 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kink_message message;
	struct kink_payloads inner;
	const struct kink_payload *sealed;
	enum kink_error error;

	if (kink_decode(bytes_of(data, size), &message, &error) != ERR_OK) {
		MUST(error != KINK_OK);
		return 0;
	}
	walk_payloads(&message.outer);
	walk_again(&message);
	check_grammar(&message, NULL);
	sealed = kink_find(&message.outer, KINK_ENCRYPT);
	if (sealed != NULL && kink_decode_plain(sealed->body, &inner) == ERR_OK) {
		walk_payloads(&inner);
		check_grammar(&message, &inner);
	}
	return 0;
}
