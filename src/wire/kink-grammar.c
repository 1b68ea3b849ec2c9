/* The grammar of KINK messages for the IPsec DOI, as tables, and its check: RFC 4430 6. */
#include "wire/kink-grammar.h"

#include <stdarg.h>
#include <stdio.h>

#include "wire/isakmp-grammar.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

// clang-format off
static const struct isakmp_form offer = {
	"the offer", { /* 6.3 */
		{ISAKMP_SA, ONE},
		{ISAKMP_NONCE, ONE}, /* Ni */
		{ISAKMP_KE, OPTIONAL},
		{ISAKMP_ID, PAIR}, /* IDci, IDcr */
		{ISAKMP_NOTIFICATION, ANY}}, {0}};

static const struct isakmp_form answer = {
	"the answer", { /* 6.3 */
		{ISAKMP_SA, ONE},
		{ISAKMP_NONCE, OPTIONAL}, /* Nr */
		{ISAKMP_KE, OPTIONAL},
		{ISAKMP_ID, PAIR},
		{ISAKMP_NOTIFICATION, ANY},
		/* Of kinkd alone, and never unasked: src/kx/quick/nat.c. */
		{ISAKMP_NAT_D, PAIR},
		{ISAKMP_NAT_OA, PAIR}}, {0}};

static const struct isakmp_form refusal = {
	"the refusal", { /* 6.3, 6.4 */
		{ISAKMP_NOTIFICATION, SOME}}, {0}};

static const struct isakmp_form deletion = {
	"the deletion", { /* 6.4 */
		{ISAKMP_DELETE, SOME},
		{ISAKMP_NOTIFICATION, ANY}}, {0}};

static const struct isakmp_form information = {
	"the information", { /* 6.5 */
		{ISAKMP_NOTIFICATION, ANY}}, {0}};

/*
 * A message. `marks` select among the forms of a REPLY: the first form all of whose marks are in
 * the message is the one that it must follow. Payloads may stand inside or outside a KINK_ENCRYPT
 * where that is listed, except those that make its key known.
 */
struct message_form {
	enum kink_form form;
	uint8_t type;
	uint8_t command; /* that a REPLY answers; 0: any */
	uint8_t marks[2];
	const char *name;
	struct grammar_rule rules[GRAMMAR_RULES_MAX];
	/* Of the alternatives the first whose first payload occurs, else the last. */
	const struct isakmp_form *isakmp[2];
};

static const struct message_form forms[] = {
	{KINK_FORM_COMMAND, KINK_CREATE, 0, {0}, "CREATE (RFC 4430 6.3)", {
		{KINK_AP_REQ, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_ISAKMP, SOME}},
		{&offer}},
	{KINK_FORM_COMMAND, KINK_DELETE, 0, {0}, "DELETE (RFC 4430 6.4)", {
		{KINK_AP_REQ, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_ISAKMP, SOME}},
		{&deletion}},
	{KINK_FORM_COMMAND, KINK_STATUS, 0, {0}, "STATUS (RFC 4430 6.5)", {
		{KINK_AP_REQ, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_ISAKMP, OPTIONAL}},
		{&information}},
	{KINK_FORM_ACK, KINK_ACK, 0, {0}, "ACK (RFC 4430 6.2)", {
		{KINK_AP_REQ, ONE}},
		{NULL}},
	{KINK_FORM_GETTGT, KINK_GETTGT, 0, {0}, "GETTGT (RFC 4430 6.6)", {
		{KINK_TGT_REQ, ONE}},
		{NULL}},

	/* A Kerberos error for which the responder can make an authenticator. */
	{KINK_FORM_REPLY_KRB_ERROR, KINK_REPLY, 0, {KINK_AP_REP, KINK_KRB_ERROR},
		"REPLY with a Kerberos error (RFC 4430 6.3 to 6.5)", {
		{KINK_AP_REP, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_KRB_ERROR, ONE}},
		{NULL}},
	/* A KINK error, with or without word from the DOI. */
	{KINK_FORM_REPLY, KINK_REPLY, KINK_CREATE, {KINK_AP_REP, KINK_ERROR},
		"REPLY to CREATE with a KINK error (RFC 4430 6.3)", {
		{KINK_AP_REP, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_ERROR, ONE},
		{KINK_ISAKMP, ANY}},
		{&answer, &refusal}},
	{KINK_FORM_REPLY, KINK_REPLY, KINK_CREATE, {KINK_AP_REP},
		"REPLY to CREATE (RFC 4430 6.3)", {
		{KINK_AP_REP, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_ISAKMP, SOME}},
		{&answer, &refusal}},
	{KINK_FORM_REPLY, KINK_REPLY, KINK_DELETE, {KINK_AP_REP, KINK_ERROR},
		"REPLY to DELETE with a KINK error (RFC 4430 6.4)", {
		{KINK_AP_REP, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_ERROR, ONE},
		{KINK_ISAKMP, ANY}},
		{&deletion, &refusal}},
	{KINK_FORM_REPLY, KINK_REPLY, KINK_DELETE, {KINK_AP_REP},
		"REPLY to DELETE (RFC 4430 6.4)", {
		{KINK_AP_REP, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_ISAKMP, SOME}},
		{&deletion, &refusal}},
	{KINK_FORM_REPLY, KINK_REPLY, KINK_STATUS, {KINK_AP_REP},
		"REPLY to STATUS (RFC 4430 6.5)", {
		{KINK_AP_REP, ONE},
		{KINK_ENCRYPT, OPTIONAL},
		{KINK_ERROR, OPTIONAL},
		{KINK_ISAKMP, OPTIONAL}},
		{&information}},
	/* Also to a command whose user-to-user ticket names a TGT that is gone: 3.7.1. */
	{KINK_FORM_REPLY_TGT, KINK_REPLY, 0, {KINK_TGT_REP},
		"REPLY with a TGT (RFC 4430 6.6, 3.7.1)", {
		{KINK_TGT_REP, ONE}},
		{NULL}},
	/* Errors for which the responder cannot make an AP-REP. */
	{KINK_FORM_REPLY_ERROR, KINK_REPLY, 0, {KINK_KRB_ERROR},
		"REPLY with a lone Kerberos error (RFC 4430 6.3 to 6.6)", {
		{KINK_KRB_ERROR, ONE},
		{KINK_ERROR, OPTIONAL}},
		{NULL}},
	{KINK_FORM_REPLY_ERROR, KINK_REPLY, 0, {0},
		"REPLY without KINK_AP_REP, KINK_KRB_ERROR or KINK_TGT_REP (RFC 4430 6.1)", {
		{KINK_ERROR, ONE}},
		{NULL}},
};
// clang-format on

/* error is for a KINK_ERROR payload; when it is KINK_OK, notify tells the peer instead. */
__attribute__((format(printf, 4, 5))) static enum err violates(struct kink_violation *violation,
    enum kink_error error, enum notify_type notify, const char *format, ...)
{
	va_list arguments;

	violation->error = error;
	violation->notify = notify;
	va_start(arguments, format);
	(void)vsnprintf(violation->rule, sizeof(violation->rule), format, arguments);
	va_end(arguments);
	return ERR_INVALID;
}

/* The payloads of a message, outside and inside of its KINK_ENCRYPT. */
struct contents {
	const struct kink_payloads *outer;
	const struct kink_payloads *inner; /* NULL: none, or still encrypted */
	bool sealed;                       /* still encrypted */
};

static size_t count(const struct contents *contents, uint8_t type)
{
	return kink_count(contents->outer, type) +
	       (contents->inner == NULL ? 0 : kink_count(contents->inner, type));
}

static const struct message_form *find_form(
    const struct contents *contents, uint8_t type, uint8_t command)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		const struct message_form *form = &forms[i];
		bool marked = true;

		if (form->type != type || (form->command != 0 && form->command != command))
			continue;
		for (size_t m = 0; m < COUNT_OF(form->marks) && form->marks[m] != 0; m++)
			marked = marked && count(contents, form->marks[m]) > 0;
		if (marked)
			return form;
	}
	return NULL;
}

/* Payloads that must be readable before anything can be decrypted: never inside KINK_ENCRYPT. */
static bool is_outer_only(uint8_t type)
{
	return type == KINK_AP_REQ || type == KINK_AP_REP || type == KINK_ENCRYPT;
}

static bool body_fits(const struct kink_payload *payload)
{
	struct kink_ap ap;
	uint32_t error;

	switch (payload->type) {
	case KINK_AP_REQ:
	case KINK_AP_REP:
		return kink_ap_decode(payload->body, &ap) == ERR_OK;
	case KINK_ERROR:
		return kink_error_decode(payload->body, &error) == ERR_OK;
	default:
		return payload->body.len > 0;
	}
}

static enum err check_types(const struct message_form *form, const struct kink_payloads *payloads,
    bool inner, struct kink_violation *violation)
{
	for (size_t i = 0; i < payloads->count; i++) {
		const struct kink_payload *payload = &payloads->payloads[i];

		if (grammar_rule_find(form->rules, payload->type) == NULL)
			return violates(violation, KINK_PROTOERR, 0,
			    "%s must not carry %s (payload type %u)", form->name,
			    kink_payload_name(payload->type), payload->type);
		if (inner && is_outer_only(payload->type))
			return violates(violation, KINK_PROTOERR, 0,
			    "%s must not be inside KINK_ENCRYPT (RFC 4430 6)",
			    kink_payload_name(payload->type));
		if (!body_fits(payload))
			return violates(violation, KINK_PROTOERR, 0, "%s of %zu octets",
			    kink_payload_name(payload->type), payload->body.len);
	}
	return ERR_OK;
}

static enum err check_counts(const struct message_form *form, const struct contents *contents,
    struct kink_violation *violation)
{
	for (size_t i = 0; i < GRAMMAR_RULES_MAX && form->rules[i].occurs != NEVER; i++) {
		const struct grammar_rule *rule = &form->rules[i];
		size_t found = count(contents, rule->type);

		if (occurs_lawfully(rule->occurs, found))
			continue;
		/* What is missing may be in what is still encrypted. */
		if (contents->sealed && !is_outer_only(rule->type) &&
		    found < occurs_min(rule->occurs))
			continue;
		return violates(violation, KINK_PROTOERR, 0, "%s must carry %s %s, found %zu",
		    form->name, occurs_text(rule->occurs), kink_payload_name(rule->type), found);
	}
	return ERR_OK;
}

/* RFC 4430 4: the DOI of a payload that has one is the message's. */
static bool same_doi(const struct isakmp_payload *payload, uint32_t doi)
{
	struct reader r = reader_of(payload->body);

	switch (payload->type) {
	case ISAKMP_SA:
	case ISAKMP_NOTIFICATION:
	case ISAKMP_DELETE:
		return reader_u32(&r) == doi;
	default:
		return true;
	}
}

static enum err check_isakmp_chain(const struct isakmp_form *form, const struct isakmp_chain *chain,
    uint32_t doi, struct kink_violation *violation)
{
	struct isakmp_violation broken = {0};

	if (isakmp_form_check(form, chain, &broken) != ERR_OK) {
		violation->payload_type = broken.payload_type;
		return violates(violation, KINK_OK, broken.notify, "%s", broken.rule);
	}
	for (size_t i = 0; i < chain->count; i++) {
		if (!same_doi(&chain->payloads[i], doi))
			return violates(violation, KINK_INVDOI, 0,
			    "the DOI of %s differs from the message's (RFC 4430 4)",
			    isakmp_payload_name(chain->payloads[i].type));
	}
	return ERR_OK;
}

static enum err check_isakmp(const struct message_form *form, struct bytes body, uint32_t doi,
    struct kink_violation *violation)
{
	const struct isakmp_form *isakmp = form->isakmp[0];
	struct isakmp_chain chain;
	enum kink_error error;
	enum err err = kink_isakmp_decode(body, &chain, &error);

	if (error == KINK_BADQMVERS)
		return violates(violation, KINK_BADQMVERS, 0,
		    "the version of KINK_ISAKMP is not 1.0 (RFC 4430 4.2.6)");
	if (err != ERR_OK)
		return violates(violation, KINK_OK, NOTIFY_PAYLOAD_MALFORMED,
		    "the payloads in KINK_ISAKMP are malformed: %s", err_text(err));
	if (form->isakmp[1] != NULL && isakmp_chain_count(&chain, isakmp->rules[0].type) == 0)
		isakmp = form->isakmp[1];
	return check_isakmp_chain(isakmp, &chain, doi, violation);
}

static enum err check_payloads(const struct message_form *form,
    const struct kink_payloads *payloads, bool inner, uint32_t doi,
    struct kink_violation *violation)
{
	enum err err = check_types(form, payloads, inner, violation);

	for (size_t i = 0; err == ERR_OK && i < payloads->count; i++) {
		if (payloads->payloads[i].type == KINK_ISAKMP)
			err = check_isakmp(form, payloads->payloads[i].body, doi, violation);
	}
	return err;
}

enum err kink_grammar_check(const struct kink_message *message, const struct kink_payloads *inner,
    enum kink_type command, enum kink_form *out, struct kink_violation *violation)
{
	struct contents contents = {.outer = &message->outer, .inner = inner};
	uint8_t type = message->header.type;
	const struct message_form *form;
	enum err err;

	*violation = (struct kink_violation){0};
	contents.sealed = inner == NULL && kink_count(&message->outer, KINK_ENCRYPT) > 0;
	form = find_form(&contents, type, (uint8_t)command);
	if (form == NULL)
		return violates(violation, KINK_PROTOERR, 0,
		    "no message of type %u (%s) is expected", type, kink_type_name(type));
	*out = form->form;

	err = check_counts(form, &contents, violation);
	if (err == ERR_OK)
		err = check_payloads(form, contents.outer, false, message->header.doi, violation);
	if (err == ERR_OK && inner != NULL)
		err = check_payloads(form, inner, true, message->header.doi, violation);
	if (err != ERR_OK)
		return err;
	/* RFC 4430 4: a message that makes a key known is always signed with it. */
	if (message->checksum.len == 0 &&
	    (count(&contents, KINK_AP_REQ) > 0 || count(&contents, KINK_AP_REP) > 0))
		return violates(
		    violation, KINK_PROTOERR, 0, "%s must have a Cksum (RFC 4430 4)", form->name);
	return ERR_OK;
}
