/*
 * Which payloads each KINK message must, may and must not carry: RFC 4430 6. The tables stand in
 * kink-grammar.c; the check runs before any handler, which can then rely on its form.
 */
#ifndef WIRE_KINK_GRAMMAR_H
#define WIRE_KINK_GRAMMAR_H

#include "wire/kink.h"

/* What a message that follows the grammar is. */
enum kink_form {
	KINK_FORM_COMMAND,         /* CREATE, DELETE, STATUS */
	KINK_FORM_ACK,             /* AP-REQ alone */
	KINK_FORM_GETTGT,          /* TGT-REQ alone */
	KINK_FORM_REPLY,           /* AP-REP and what the command asked for, or why not */
	KINK_FORM_REPLY_KRB_ERROR, /* KRB-ERROR together with AP-REP */
	KINK_FORM_REPLY_TGT,       /* TGT-REP alone */
	KINK_FORM_REPLY_ERROR      /* KRB-ERROR or KINK_ERROR without AP-REP */
};

/* Which rule a message broke, and what its sender should be told. */
struct kink_violation {
	char rule[160];
	enum kink_error error;   /* for a KINK_ERROR payload; KINK_OK when notify says it */
	enum notify_type notify; /* for an ISAKMP Notification; 0 when error says it */
	uint8_t payload_type;    /* with NOTIFY_INVALID_PAYLOAD_TYPE: which (RFC 4430 5.5) */
};

/*
 * Checks a message. inner holds the payloads of its KINK_ENCRYPT payload, or is NULL as long as
 * that is not decrypted: then only what stands outside is judged. command is the type of the
 * command that a REPLY answers; it is ignored for other types. The ISAKMP payloads are decoded as
 * chains and their DOI is checked, but not their content.
 */
enum err kink_grammar_check(const struct kink_message *message, const struct kink_payloads *inner,
    enum kink_type command, enum kink_form *form, struct kink_violation *violation) MUST_CHECK;

#endif
