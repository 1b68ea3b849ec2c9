/* The grammar of IKEv1's messages, as tables, and its check: RFC 2409 5. */
#include "wire/ikev1-grammar.h"

#include "wire/ikev1.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Families of authentication methods, as a set. */
#define F(family) (1u << IKEV1_FAMILY_##family)
#define PSK       F(PRE_SHARED_KEY)
#define SIG       F(SIGNATURE)
#define ENC       F(ENCRYPTION)
#define REV       F(REVISED_ENCRYPTION)
#define GSS       F(GSS)
#define EVERY     (PSK | SIG | ENC | REV | GSS)
#define UNCHOSEN  F(ANY)

/* Whether the payloads are encrypted (HDR* in the RFC's figures). */
enum protection { CLEAR, ENCRYPTED, EITHER };

/* What may stand in every message of phase 1, in any number: RFC 2408 3.9, 3.10, 3.14, 3.16. */
#define ALWAYS                                                                                     \
	{ISAKMP_CERT, ANY}, {ISAKMP_CERTREQ, ANY}, {ISAKMP_NOTIFICATION, ANY},                     \
	{                                                                                          \
		ISAKMP_VENDOR_ID, ANY                                                              \
	}

#define NO_LIMIT 255

/* What a message in the clear may end with, so that it is aligned to 4 octets: RFC 2408 3.6. */
#define CLEAR_PADDING_MAX 3

/*
 * A form and the messages that have it. Of several forms for one message the first is the one whose
 * mark it carries.
 */
struct message_form {
	uint8_t exchange;
	uint8_t from, to; /* numbers, both included */
	unsigned families;
	enum protection protection;
	uint8_t mark; /* ISAKMP_NONE: none is needed */
	struct isakmp_form form;
};

#define MAIN       ISAKMP_EXCHANGE_IDENTITY_PROTECTION
#define AGGRESSIVE ISAKMP_EXCHANGE_AGGRESSIVE
#define QUICK      ISAKMP_EXCHANGE_QUICK
#define INFO       ISAKMP_EXCHANGE_INFORMATIONAL
#define NEW_GROUP  ISAKMP_EXCHANGE_NEW_GROUP

// clang-format off
static const struct message_form forms[] = {
	/* Main mode. The SA payload precedes all others: RFC 2409 5. */
	{MAIN, 1, 2, EVERY | UNCHOSEN, CLEAR, 0, {"main mode's SA message (RFC 2409 5)", {
		{ISAKMP_SA, ONE},
		ALWAYS},
		{ISAKMP_SA}}},
	/* NAT-D: none, or the destination's and any number of the source's: RFC 3947 3.2. */
	{MAIN, 3, 4, PSK | SIG, CLEAR, 0, {"main mode's KE message (RFC 2409 5.1, 5.4)", {
		{ISAKMP_KE, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS}, {0}}},
	{MAIN, 3, 4, GSS, CLEAR, 0, {"main mode's KE message with GSS-API", {
		{ISAKMP_KE, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_GSS, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS}, {0}}},
	{MAIN, 3, 3, ENC, CLEAR, 0, {"main mode's KE message from the initiator (RFC 2409 5.2)", {
		{ISAKMP_KE, ONE},
		{ISAKMP_HASH, OPTIONAL},
		{ISAKMP_ID, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS}, {0}}},
	{MAIN, 4, 4, ENC, CLEAR, 0, {"main mode's KE message from the responder (RFC 2409 5.2)", {
		{ISAKMP_KE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS}, {0}}},
	{MAIN, 3, 3, REV, CLEAR, 0, {"main mode's KE message from the initiator (RFC 2409 5.3)", {
		{ISAKMP_HASH, OPTIONAL},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_KE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS},
		{ISAKMP_HASH, ISAKMP_NONCE}}},
	{MAIN, 4, 4, REV, CLEAR, 0, {"main mode's KE message from the responder (RFC 2409 5.3)", {
		{ISAKMP_NONCE, ONE},
		{ISAKMP_KE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS},
		{ISAKMP_NONCE}}},
	{MAIN, 5, 6, PSK, ENCRYPTED, 0, {"main mode's proof (RFC 2409 5.4)", {
		{ISAKMP_ID, ONE},
		{ISAKMP_HASH, ONE},
		ALWAYS}, {0}}},
	{MAIN, 5, 6, SIG, ENCRYPTED, 0, {"main mode's proof (RFC 2409 5.1)", {
		{ISAKMP_ID, ONE},
		{ISAKMP_SIG, ONE},
		ALWAYS}, {0}}},
	{MAIN, 5, 6, ENC | REV, ENCRYPTED, 0, {"main mode's proof (RFC 2409 5.2, 5.3)", {
		{ISAKMP_HASH, ONE},
		ALWAYS}, {0}}},
	/* With GSS-API these go on until both contexts are complete. */
	{MAIN, 5, NO_LIMIT, GSS, ENCRYPTED, ISAKMP_HASH, {"main mode's proof with GSS-API", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_ID, OPTIONAL},
		{ISAKMP_GSS, OPTIONAL},
		ALWAYS}, {0}}},
	{MAIN, 5, NO_LIMIT, GSS, ENCRYPTED, 0, {"main mode's further token of GSS-API", {
		{ISAKMP_GSS, ONE},
		{ISAKMP_ID, OPTIONAL},
		ALWAYS}, {0}}},

	/* Aggressive mode. */
	{AGGRESSIVE, 1, 1, UNCHOSEN, CLEAR, 0, {"aggressive mode's first message (RFC 2409 5)", {
		{ISAKMP_SA, ONE},
		{ISAKMP_HASH, OPTIONAL},
		{ISAKMP_KE, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_GSS, OPTIONAL},
		ALWAYS},
		{ISAKMP_SA}}},
	{AGGRESSIVE, 1, 1, PSK | SIG, CLEAR, 0, {
		"aggressive mode's first message (RFC 2409 5.1, 5.4)", {
		{ISAKMP_SA, ONE},
		{ISAKMP_KE, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_ID, ONE},
		ALWAYS},
		{ISAKMP_SA}}},
	{AGGRESSIVE, 1, 1, ENC, CLEAR, 0, {"aggressive mode's first message (RFC 2409 5.2)", {
		{ISAKMP_SA, ONE},
		{ISAKMP_HASH, OPTIONAL},
		{ISAKMP_KE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_NONCE, ONE},
		ALWAYS},
		{ISAKMP_SA}}},
	{AGGRESSIVE, 1, 1, REV, CLEAR, 0, {"aggressive mode's first message (RFC 2409 5.3)", {
		{ISAKMP_SA, ONE},
		{ISAKMP_HASH, OPTIONAL},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_KE, ONE},
		{ISAKMP_ID, ONE},
		ALWAYS},
		{ISAKMP_SA}}},
	{AGGRESSIVE, 1, 1, GSS, CLEAR, 0, {"aggressive mode's first message with GSS-API", {
		{ISAKMP_SA, ONE},
		{ISAKMP_KE, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_GSS, ONE},
		ALWAYS},
		{ISAKMP_SA}}},
	{AGGRESSIVE, 2, 2, PSK | ENC | REV, CLEAR, 0, {
		"aggressive mode's answer (RFC 2409 5.2 to 5.4)", {
		{ISAKMP_SA, ONE},
		{ISAKMP_KE, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_HASH, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS},
		{ISAKMP_SA}}},
	{AGGRESSIVE, 2, 2, SIG, CLEAR, 0, {"aggressive mode's answer (RFC 2409 5.1)", {
		{ISAKMP_SA, ONE},
		{ISAKMP_KE, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_SIG, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS},
		{ISAKMP_SA}}},
	{AGGRESSIVE, 2, 2, GSS, CLEAR, 0, {"aggressive mode's answer with GSS-API", {
		{ISAKMP_SA, ONE},
		{ISAKMP_KE, ONE},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_ID, ONE},
		{ISAKMP_GSS, ONE},
		{ISAKMP_HASH, OPTIONAL},
		{ISAKMP_NAT_D, ANY},
		ALWAYS},
		{ISAKMP_SA}}},
	/* In clear or not, as the initiator likes: RFC 2409 5. */
	{AGGRESSIVE, 3, 3, PSK | ENC | REV, EITHER, 0, {
		"aggressive mode's proof (RFC 2409 5.2 to 5.4)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS}, {0}}},
	{AGGRESSIVE, 3, 3, SIG, EITHER, 0, {"aggressive mode's proof (RFC 2409 5.1)", {
		{ISAKMP_SIG, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS}, {0}}},
	{AGGRESSIVE, 3, NO_LIMIT, GSS, EITHER, ISAKMP_HASH, {
		"aggressive mode's proof with GSS-API", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_GSS, OPTIONAL},
		{ISAKMP_NAT_D, ANY},
		ALWAYS}, {0}}},
	{AGGRESSIVE, 3, NO_LIMIT, GSS, EITHER, 0, {
		"aggressive mode's further token of GSS-API", {
		{ISAKMP_GSS, ONE},
		{ISAKMP_NAT_D, ANY},
		ALWAYS}, {0}}},

	/* Quick mode. HASH follows the header and SA follows HASH: RFC 2409 5.5. */
	{QUICK, 1, 2, EVERY, ENCRYPTED, 0, {"quick mode's SA message (RFC 2409 5.5)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_SA, SOME},
		{ISAKMP_NONCE, ONE},
		{ISAKMP_KE, OPTIONAL},
		{ISAKMP_ID, PAIR}, /* IDci, IDcr */
		{ISAKMP_NAT_OA, PAIR}, /* RFC 3947 5.2 */
		{ISAKMP_NOTIFICATION, ANY},
		{ISAKMP_VENDOR_ID, ANY}},
		{ISAKMP_HASH, ISAKMP_SA}}},
	{QUICK, 3, 3, EVERY, ENCRYPTED, 0, {"quick mode's third message (RFC 2409 5.5)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_NOTIFICATION, ANY}},
		{ISAKMP_HASH}}},
	/* CONNECTED, which the commit bit asks for: RFC 2408 3.1. */
	{QUICK, 4, 4, EVERY, ENCRYPTED, 0, {"quick mode's fourth message (RFC 2408 3.1)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_NOTIFICATION, SOME}},
		{ISAKMP_HASH}}},

	/* Informational exchanges: RFC 2409 5.7. */
	{INFO, 1, 1, EVERY, ENCRYPTED, ISAKMP_DELETE, {"a deletion (RFC 2409 5.7)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_DELETE, SOME},
		{ISAKMP_NOTIFICATION, ANY}},
		{ISAKMP_HASH}}},
	{INFO, 1, 1, EVERY, ENCRYPTED, 0, {"a notification (RFC 2409 5.7)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_NOTIFICATION, SOME}},
		{ISAKMP_HASH}}},
	{INFO, 1, 1, EVERY | UNCHOSEN, CLEAR, 0, {"a notification in clear (RFC 2409 5.7)", {
		{ISAKMP_NOTIFICATION, SOME},
		{ISAKMP_VENDOR_ID, ANY}}, {0}}},

	/* New group mode: RFC 2409 5.6. A refusal is a notification. */
	{NEW_GROUP, 1, 1, EVERY, ENCRYPTED, 0, {"new group mode's offer (RFC 2409 5.6)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_SA, ONE}},
		{ISAKMP_HASH, ISAKMP_SA}}},
	{NEW_GROUP, 2, 2, EVERY, ENCRYPTED, ISAKMP_SA, {"new group mode's answer (RFC 2409 5.6)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_SA, ONE}},
		{ISAKMP_HASH, ISAKMP_SA}}},
	{NEW_GROUP, 2, 2, EVERY, ENCRYPTED, 0, {"new group mode's refusal (RFC 2409 5.6)", {
		{ISAKMP_HASH, ONE},
		{ISAKMP_NOTIFICATION, SOME}},
		{ISAKMP_HASH}}},
};
// clang-format on

static bool is_of(const struct message_form *form, const struct ikev1_message *message)
{
	if (form->exchange != message->exchange || (form->families & 1u << message->family) == 0)
		return false;
	if (message->exchange == ISAKMP_EXCHANGE_INFORMATIONAL)
		return form->protection == (message->encrypted ? ENCRYPTED : CLEAR);
	return message->number >= form->from &&
	       (message->number <= form->to || form->to == NO_LIMIT);
}

static const struct message_form *find_form(const struct ikev1_message *message)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		const struct message_form *form = &forms[i];

		if (is_of(form, message) && (form->mark == ISAKMP_NONE ||
						isakmp_chain_count(message->chain, form->mark) > 0))
			return form;
	}
	return NULL;
}

/* A nonce that a public key encrypts has the size of that key's block. */
static bool nonce_is_clear(const struct ikev1_message *message)
{
	return (message->exchange != ISAKMP_EXCHANGE_IDENTITY_PROTECTION &&
		   message->exchange != ISAKMP_EXCHANGE_AGGRESSIVE) ||
	       (1u << message->family & (PSK | SIG | GSS)) != 0;
}

static enum err check_nonce(const struct ikev1_message *message, struct isakmp_violation *violation)
{
	const struct isakmp_payload *nonce = isakmp_chain_find(message->chain, ISAKMP_NONCE, NULL);

	if (nonce == NULL || !nonce_is_clear(message) ||
	    (nonce->body.len >= IKEV1_NONCE_MIN && nonce->body.len <= IKEV1_NONCE_MAX))
		return ERR_OK;
	return isakmp_violates(violation, NOTIFY_PAYLOAD_MALFORMED,
	    "a nonce of %zu octets, which must have %d to %d (RFC 2409 5)", nonce->body.len,
	    IKEV1_NONCE_MIN, IKEV1_NONCE_MAX);
}

static enum err check_protection(const struct message_form *form,
    const struct ikev1_message *message, struct isakmp_violation *violation)
{
	if (form->protection == CLEAR && message->encrypted)
		return isakmp_violates(
		    violation, NOTIFY_INVALID_FLAGS, "%s must not be encrypted", form->form.name);
	if (form->protection == ENCRYPTED && !message->encrypted)
		return isakmp_violates(
		    violation, NOTIFY_INVALID_FLAGS, "%s must be encrypted", form->form.name);
	if (!message->encrypted && message->chain->trailing.len > CLEAR_PADDING_MAX)
		return isakmp_violates(violation, NOTIFY_UNEQUAL_PAYLOAD_LENGTHS,
		    "%zu octets behind the last payload of %s", message->chain->trailing.len,
		    form->form.name);
	return ERR_OK;
}

enum err ikev1_grammar_check(
    const struct ikev1_message *message, struct isakmp_violation *violation)
{
	const struct message_form *form = find_form(message);
	enum err err;

	*violation = (struct isakmp_violation){0};
	if (form == NULL)
		return isakmp_violates(violation, NOTIFY_INVALID_EXCHANGE_TYPE,
		    "no message %u of exchange type %u (%s) is expected", message->number,
		    message->exchange, isakmp_exchange_name(message->exchange));
	err = check_protection(form, message, violation);
	if (err == ERR_OK)
		err = isakmp_form_check(&form->form, message->chain, violation);
	return err == ERR_OK ? check_nonce(message, violation) : err;
}
