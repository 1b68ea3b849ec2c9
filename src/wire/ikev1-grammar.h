/*
 * Which payloads each message of an IKEv1 exchange must, may and must not carry: RFC 2409 5. The
 * tables stand in ikev1-grammar.c; the check runs before any handler, which can then rely on the
 * message's form.
 */
#ifndef WIRE_IKEV1_GRAMMAR_H
#define WIRE_IKEV1_GRAMMAR_H

#include "wire/isakmp-grammar.h"

/* Authentication methods whose messages have one form. */
enum ikev1_family {
	IKEV1_FAMILY_PRE_SHARED_KEY,
	IKEV1_FAMILY_SIGNATURE,
	IKEV1_FAMILY_ENCRYPTION,         /* RFC 2409 5.2 */
	IKEV1_FAMILY_REVISED_ENCRYPTION, /* RFC 2409 5.3 */
	IKEV1_FAMILY_GSS,
	/*
	 * Not chosen yet: any of them. For the first message of aggressive mode, which is checked
	 * again once a transform is chosen from its SA.
	 */
	IKEV1_FAMILY_ANY
};

struct ikev1_message {
	uint8_t exchange; /* enum isakmp_exchange */
	/*
	 * Its place in the exchange, from 1: odd ones are the initiator's. Those of GSS-API's
	 * main mode go on beyond 6; the fourth of quick mode is the CONNECTED that a commit bit
	 * asks for. Ignored for an informational exchange, which has but one.
	 */
	unsigned number;
	enum ikev1_family family; /* of phase 1 */
	bool encrypted;           /* came so; the chain is what was decrypted */
	const struct isakmp_chain *chain;
};

/*
 * ERR_INVALID with *violation for a message that breaks a rule. Payloads are judged by their type
 * and place only, a nonce in clear by its size too.
 */
enum err ikev1_grammar_check(
    const struct ikev1_message *message, struct isakmp_violation *violation) MUST_CHECK;

#endif
