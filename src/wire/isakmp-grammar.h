/*
 * Rules on the payloads of a chain as tables, and their check: what the grammars of KINK and IKEv1
 * share.
 */
#ifndef WIRE_ISAKMP_GRAMMAR_H
#define WIRE_ISAKMP_GRAMMAR_H

#include "wire/isakmp.h"

/* How often a payload occurs. */
enum occurs { NEVER, ONE, OPTIONAL, SOME, ANY, PAIR };

/* A list of rules ends with NEVER; a type that is not in the list must not occur. */
struct grammar_rule {
	uint8_t type;
	enum occurs occurs;
};

#define GRAMMAR_RULES_MAX 13

const struct grammar_rule *grammar_rule_find(
    const struct grammar_rule rules[GRAMMAR_RULES_MAX], uint8_t type);
/* Whether a payload may be found that often; the least that it must be, and how to say it. */
bool occurs_lawfully(enum occurs occurs, size_t found);
size_t occurs_min(enum occurs occurs);
const char *occurs_text(enum occurs occurs); /* "exactly one" */

/* Which rule a chain broke, and what its sender should be told. */
struct isakmp_violation {
	char rule[160];
	enum notify_type notify;
	uint8_t payload_type; /* with NOTIFY_INVALID_PAYLOAD_TYPE: which */
};

/* What one chain holds. */
struct isakmp_form {
	const char *name;
	struct grammar_rule rules[GRAMMAR_RULES_MAX];
	/* The types that the chain starts with, in order; one that does not occur is passed over.
	 */
	uint8_t first[2];
};

/* ERR_INVALID with *violation. */
enum err isakmp_form_check(const struct isakmp_form *form, const struct isakmp_chain *chain,
    struct isakmp_violation *violation) MUST_CHECK;
/* Fills *violation in; always ERR_INVALID. */
__attribute__((format(printf, 3, 4))) enum err isakmp_violates(
    struct isakmp_violation *violation, enum notify_type notify, const char *format, ...);

#endif
