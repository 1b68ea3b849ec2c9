/* Values of the configuration file that are names, addresses or algorithms. */
#include <stdio.h>
#include <string.h>

#include "crypto/algorithms.h"
#include "policy/identity.h"
#include "policy/schema-value.h"

#define KERBEROS_PORT 88 /* RFC 4120 7.2.1 */
#define SUITES_KNOWN  64

static enum err keep(struct policy_store *store, const char *text, const char **out)
{
	*out = store_text(store, text);
	return *out != NULL ? ERR_OK : ERR_NO_MEMORY;
}

enum err schema_parse_text(const struct schema_setting *setting, const char *text,
    struct policy_store *store, const char **out)
{
	size_t length = strlen(text);

	if (length < setting->minimum || length > setting->maximum)
		return ERR_INVALID;
	return keep(store, text, out);
}

/* Never mistaken for an address, and safe in logs, commands and file names. */
enum err schema_parse_name(const struct schema_setting *setting, const char *text,
    struct policy_store *store, const char **out)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	struct address address;

	if (text[strspn(text, allowed)] != '\0' || strspn(text, ".-") > 0 ||
	    address_parse(text, &address) == ERR_OK)
		return ERR_INVALID;
	return schema_parse_text(setting, text, store, out);
}

/* Kept in lower case, without the dot that may end it. */
enum err schema_parse_host_name(const char *text, struct policy_store *store, const char **out)
{
	size_t length = strlen(text);
	char *copy = store_alloc(store, length + 1, 1);

	if (copy == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < length; i++)
		copy[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	if (length > 0 && copy[length - 1] == '.')
		copy[length - 1] = '\0';
	*out = copy;
	return identity_is_host_name(copy) ? ERR_OK : ERR_INVALID;
}

enum err schema_parse_template(
    const char *text, struct policy_store *store, const char **out, struct problem *hint)
{
	enum err err = identity_check_template(text, hint);

	return err == ERR_OK ? keep(store, text, out) : ERR_INVALID;
}

enum err schema_parse_prefix(const char *text, struct prefix *out, struct problem *hint)
{
	char copy[PREFIX_TEXT_SIZE];
	char right[PREFIX_TEXT_SIZE];
	struct address address;
	const char *bits = strchr(text, '/');
	struct prefix network;
	uint64_t width;

	if (prefix_parse(text, out) == ERR_OK)
		return ERR_OK;
	/* The usual slip: an address of a host within the prefix. */
	if (bits == NULL || strlen(text) >= sizeof(copy))
		return ERR_INVALID;
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)(bits - text), text);
	bits++;
	if (address_parse(copy, &address) != ERR_OK || !schema_parse_digits(&bits, 10, &width) ||
	    *bits != '\0' || width > 8 * address_size(&address))
		return ERR_INVALID;
	network = prefix_around(&address, (unsigned)width);
	return problem_set(hint, ERR_INVALID,
	    "the address has bits set beyond the prefix: did you mean \"%s\"?",
	    prefix_format(&network, right));
}

enum err schema_parse_endpoint(const char *text, struct endpoint *out)
{
	char copy[ENDPOINT_TEXT_SIZE];
	char *address = copy;
	const char *port_text = NULL;
	char *end;
	uint64_t port = KERBEROS_PORT;

	if (address_parse(text, &out->address) == ERR_OK) {
		out->port = KERBEROS_PORT;
		return ERR_OK;
	}
	if (strlen(text) >= sizeof(copy))
		return ERR_INVALID;
	memcpy(copy, text, strlen(text) + 1);
	if (*copy == '[') {
		address++;
		end = strchr(copy, ']');
	} else {
		end = strchr(copy, ':');
	}
	if (end == NULL)
		return ERR_INVALID;
	if (*end == ']' && end[1] == ':')
		port_text = end + 2;
	else if (*end == ':')
		port_text = end + 1;
	else if (end[1] != '\0')
		return ERR_INVALID;
	*end = '\0';
	if (port_text != NULL &&
	    (!schema_parse_digits(&port_text, 10, &port) || *port_text != '\0'))
		return ERR_INVALID;
	if (port < 1 || port > UINT16_MAX)
		return ERR_INVALID;
	out->port = (uint16_t)port;
	return address_parse(address, &out->address);
}

/* All suites that the parts can make, by name: what suite_parse() knows. */
static size_t list_suites(char names[SUITES_KNOWN][SUITE_TEXT_SIZE])
{
	size_t count = 0;

	for (unsigned e = ENCRYPTION_NULL; e < ENCRYPTION_COUNT; e++) {
		const struct encryption_info *info = encryption_info((enum encryption)e);

		for (size_t k = 0; k < 4 && (k == 0 || info->key_bits[k] != 0); k++) {
			for (unsigned i = 0; i < INTEGRITY_COUNT && count < SUITES_KNOWN; i++) {
				struct suite suite = {
				    .protocol = IPSEC_ESP,
				    .encryption = (enum encryption)e,
				    .key_bits = info->key_bits_variable ? info->key_bits[k] : 0,
				    .integrity = (enum integrity)i,
				};

				if (suite_is_valid(&suite))
					(void)suite_format(&suite, names[count++]);
			}
		}
	}
	return count;
}

enum err schema_parse_suite(const char *text, struct suite *out, struct problem *hint)
{
	char names[SUITES_KNOWN][SUITE_TEXT_SIZE];
	const char *candidates[SUITES_KNOWN];
	const char *near;
	size_t count;

	if (suite_parse(text, out) == ERR_OK) {
		if (out->protocol == IPSEC_ESP)
			return ERR_OK;
		return problem_set(hint, ERR_INVALID, "only suites for ESP are supported");
	}
	count = list_suites(names);
	for (size_t i = 0; i < count; i++)
		candidates[i] = names[i];
	near = schema_near(text, candidates, count);
	if (near == NULL)
		return ERR_INVALID;
	return problem_set(hint, ERR_INVALID, "did you mean \"%s\"?", near);
}

void schema_write_suites(FILE *out)
{
	char names[SUITES_KNOWN][SUITE_TEXT_SIZE];
	size_t count = list_suites(names);

	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, ".It Cm %s\n", names[i]);
}
