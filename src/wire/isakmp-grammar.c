/* Rules on the payloads of a chain, and their check. */
#include "wire/isakmp-grammar.h"

#include <stdarg.h>
#include <stdio.h>

static const struct occurrence {
	size_t min, max, step;
	const char *text;
} occurrences[] = {
    [NEVER] = {0, 0, 1, "no"},
    [ONE] = {1, 1, 1, "exactly one"},
    [OPTIONAL] = {0, 1, 1, "at most one"},
    [SOME] = {1, SIZE_MAX, 1, "at least one"},
    [ANY] = {0, SIZE_MAX, 1, "any number of"},
    [PAIR] = {0, 2, 2, "none or two"},
};

const struct grammar_rule *grammar_rule_find(
    const struct grammar_rule rules[GRAMMAR_RULES_MAX], uint8_t type)
{
	for (size_t i = 0; i < GRAMMAR_RULES_MAX && rules[i].occurs != NEVER; i++) {
		if (rules[i].type == type)
			return &rules[i];
	}
	return NULL;
}

bool occurs_lawfully(enum occurs occurs, size_t found)
{
	const struct occurrence *lawful = &occurrences[occurs];

	return found >= lawful->min && found <= lawful->max && found % lawful->step == 0;
}

size_t occurs_min(enum occurs occurs)
{
	return occurrences[occurs].min;
}

const char *occurs_text(enum occurs occurs)
{
	return occurrences[occurs].text;
}

enum err isakmp_violates(
    struct isakmp_violation *violation, enum notify_type notify, const char *format, ...)
{
	va_list arguments;

	violation->notify = notify;
	va_start(arguments, format);
	(void)vsnprintf(violation->rule, sizeof(violation->rule), format, arguments);
	va_end(arguments);
	return ERR_INVALID;
}

static enum err check_types(const struct isakmp_form *form, const struct isakmp_chain *chain,
    struct isakmp_violation *violation)
{
	for (size_t i = 0; i < chain->count; i++) {
		uint8_t type = chain->payloads[i].type;

		if (grammar_rule_find(form->rules, type) != NULL)
			continue;
		violation->payload_type = type;
		return isakmp_violates(violation, NOTIFY_INVALID_PAYLOAD_TYPE,
		    "%s must not carry %s (payload type %u)", form->name, isakmp_payload_name(type),
		    type);
	}
	return ERR_OK;
}

static enum err check_counts(const struct isakmp_form *form, const struct isakmp_chain *chain,
    struct isakmp_violation *violation)
{
	for (size_t i = 0; i < GRAMMAR_RULES_MAX && form->rules[i].occurs != NEVER; i++) {
		const struct grammar_rule *rule = &form->rules[i];
		size_t found = isakmp_chain_count(chain, rule->type);

		if (!occurs_lawfully(rule->occurs, found))
			return isakmp_violates(violation, NOTIFY_PAYLOAD_MALFORMED,
			    "%s must carry %s %s, found %zu", form->name, occurs_text(rule->occurs),
			    isakmp_payload_name(rule->type), found);
	}
	return ERR_OK;
}

static enum err check_order(const struct isakmp_form *form, const struct isakmp_chain *chain,
    struct isakmp_violation *violation)
{
	size_t place = 0;

	for (size_t i = 0; i < sizeof(form->first) && form->first[i] != ISAKMP_NONE; i++) {
		if (isakmp_chain_count(chain, form->first[i]) == 0)
			continue;
		if (chain->payloads[place].type != form->first[i])
			return isakmp_violates(violation, NOTIFY_PAYLOAD_MALFORMED,
			    "%s must carry %s as its payload %zu, found %s", form->name,
			    isakmp_payload_name(form->first[i]), place + 1,
			    isakmp_payload_name(chain->payloads[place].type));
		place++;
	}
	return ERR_OK;
}

enum err isakmp_form_check(const struct isakmp_form *form, const struct isakmp_chain *chain,
    struct isakmp_violation *violation)
{
	enum err err = check_types(form, chain, violation);

	if (err == ERR_OK)
		err = check_counts(form, chain, violation);
	return err == ERR_OK ? check_order(form, chain, violation) : err;
}
