/*
 * Principal templates (RFC 4301 4.4.3, RFC 4430 section 10). A name out of DNS is input from
 * strangers: unless it is a plain host name it fills no template, so it can add neither a realm,
 * a component nor an escape to a principal.
 */
#include "policy/identity.h"

#include <stdio.h>
#include <string.h>

#include "kinkd/kerberos.h"

#define HOST_NAME_MAX_LENGTH 253
#define LABEL_MAX_LENGTH     63

enum placeholder { PLACEHOLDER_FQDN, PLACEHOLDER_HOST, PLACEHOLDER_HOST_UPPER, PLACEHOLDER_COUNT };

static const char *const placeholders[PLACEHOLDER_COUNT] = {
    [PLACEHOLDER_FQDN] = "{fqdn}",
    [PLACEHOLDER_HOST] = "{host}",
    [PLACEHOLDER_HOST_UPPER] = "{HOST}",
};

/* ASCII only, whatever the locale says. */
static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static char upper(char c)
{
	return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static bool is_label_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-';
}

/* RFC 1123 2.1. */
bool identity_is_host_name(const char *name)
{
	size_t label = 0;
	size_t length = strlen(name);

	if (length > HOST_NAME_MAX_LENGTH)
		return false;
	for (size_t i = 0; i <= length; i++) {
		if (name[i] == '.' || name[i] == '\0') {
			if (label == 0 || label > LABEL_MAX_LENGTH || name[i - 1] == '-')
				return false;
			label = 0;
		} else if (!is_label_character(name[i]) || (label == 0 && name[i] == '-')) {
			return false;
		} else {
			label++;
		}
	}
	return true;
}

/* Which placeholder stands at the start of text; PLACEHOLDER_COUNT for none. */
static enum placeholder placeholder_at(const char *text)
{
	enum placeholder which = 0;

	while (which < PLACEHOLDER_COUNT &&
	       strncmp(text, placeholders[which], strlen(placeholders[which])) != 0)
		which++;
	return which;
}

static bool has_placeholder(const char *template)
{
	return strchr(template, '{') != NULL;
}

/* Names have components, parted by /, and at most one realm (RFC 1964 2.1.1); none is empty. */
static enum err check_name(const char *name, bool is_template, struct problem *problem)
{
	const char *realm = NULL;
	const char *component = name;

	for (const char *at = name; *at != '\0'; at++) {
		if ((unsigned char)*at <= ' ' || *at == '\x7f')
			return problem_set(
			    problem, ERR_INVALID, "blanks have no place in a principal");
		if (*at == '\\' && at[1] == '\0')
			return problem_set(
			    problem, ERR_INVALID, "a backslash at the end escapes nothing");
		if (*at == '\\') {
			at++;
		} else if ((*at == '/' && realm == NULL) || *at == '@') {
			if (*at == '@' && realm != NULL)
				return problem_set(problem, ERR_INVALID, "it has more than one @");
			if (at == component)
				return problem_set(
				    problem, ERR_INVALID, "a part of the name is empty");
			component = at + 1;
			if (*at == '@')
				realm = component;
		} else if (*at == '{' && is_template) {
			enum placeholder which = placeholder_at(at);

			if (which == PLACEHOLDER_COUNT)
				return problem_set(problem, ERR_INVALID,
				    "the placeholders are {fqdn}, {host} and {HOST}");
			if (realm != NULL)
				return problem_set(problem, ERR_INVALID,
				    "a host's name must not choose the realm");
			at += strlen(placeholders[which]) - 1;
		} else if (*at == '{') {
			return problem_set(
			    problem, ERR_INVALID, "placeholders are for the names of peers");
		}
	}
	if ((realm == NULL && is_template) || (realm != NULL && *realm == '\0'))
		return problem_set(problem, ERR_INVALID, "the realm is missing: end it in @REALM");
	if (*component == '\0')
		return problem_set(problem, ERR_INVALID, "a part of the name is empty");
	if (strlen(name) >= KERBEROS_NAME_MAX)
		return problem_set(problem, ERR_TOO_LONG, "it is too long");
	return ERR_OK;
}

enum err identity_check_template(const char *template, struct problem *problem)
{
	return check_name(template, true, problem);
}

enum err identity_check_principal(const char *name, struct problem *problem)
{
	return check_name(name, false, problem);
}

struct filling {
	char *out;
	size_t size;
	size_t length;
};

static void put(struct filling *filling, char c)
{
	if (filling->length + 1 < filling->size)
		filling->out[filling->length] = c;
	filling->length++;
}

static void put_name(struct filling *filling, enum placeholder which, const char *name)
{
	for (; *name != '\0' && (*name != '.' || which == PLACEHOLDER_FQDN); name++)
		put(filling, which == PLACEHOLDER_HOST_UPPER ? upper(*name) : lower(*name));
}

static enum err fill(const char *template, const char *name, char *out, size_t out_size)
{
	struct filling filling = {.out = out, .size = out_size};

	if (has_placeholder(template) && (name == NULL || !identity_is_host_name(name)))
		return ERR_INVALID;
	for (const char *at = template; *at != '\0'; at++) {
		enum placeholder which = placeholder_at(at);

		if (*at == '\\' && at[1] != '\0') {
			put(&filling, *at++);
			put(&filling, *at);
		} else if (which == PLACEHOLDER_COUNT) {
			put(&filling, *at);
		} else {
			put_name(&filling, which, name);
			at += strlen(placeholders[which]) - 1;
		}
	}
	if (filling.length >= out_size)
		return ERR_TOO_LONG;
	out[filling.length] = '\0';
	return ERR_OK;
}

struct templates {
	const char *const *items;
	size_t count;
};

static struct templates templates_of(const struct policy_peer *peer, enum identity_role role)
{
	if (role == IDENTITY_RESPONDER)
		return (struct templates){
		    peer->responder_principals, peer->responder_principal_count};
	return (struct templates){peer->initiator_principals, peer->initiator_principal_count};
}

bool identity_needs_name(const struct policy_peer *peer, enum identity_role role)
{
	struct templates templates = templates_of(peer, role);

	for (size_t i = 0; i < templates.count; i++) {
		if (has_placeholder(templates.items[i]))
			return true;
	}
	return false;
}

enum err identity_principal(
    const struct policy_peer *peer, const char *name, char *out, size_t out_size)
{
	if (peer->responder_principal_count == 0)
		return ERR_INVALID;
	return fill(peer->responder_principals[0], name, out, out_size);
}

bool identity_may_be(const struct policy_peer *peer, enum identity_role role, const char *name,
    const char *principal)
{
	struct templates templates = templates_of(peer, role);
	char filled[KERBEROS_NAME_MAX];

	for (size_t i = 0; i < templates.count; i++) {
		if (fill(templates.items[i], name, filled, sizeof(filled)) == ERR_OK &&
		    strcmp(filled, principal) == 0)
			return true;
	}
	return false;
}
