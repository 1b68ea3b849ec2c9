/* Identities: their texts, and whether one is the other. */
#include "crypto/identity.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#define KEY_ID_PREFIX "keyid:"
/* C=CH, O=Example, CN=host: the certificate's order, RFC 4514's escapes. */
#define DN_FLAGS      (XN_FLAG_SEP_CPLUS_SPC | ASN1_STRFLGS_RFC2253)

struct ike_identity ike_identity_of_address(const struct address *address)
{
	return (struct ike_identity){
	    .type = address->family == 6 ? IKE_IDENTITY_IPV6 : IKE_IDENTITY_IPV4,
	    .data = bytes_of(address->octets, address_size(address))};
}

enum err ike_identity_address(const struct ike_identity *identity, struct address *out)
{
	size_t size = identity->type == IKE_IDENTITY_IPV4   ? 4
	              : identity->type == IKE_IDENTITY_IPV6 ? 16
	                                                    : 0;

	return size > 0 && identity->data.len == size
	           ? address_from_octets(identity->data.data, size, out)
	           : ERR_INVALID;
}

/* NULL for what is no DER of a Name, whole. */
static X509_NAME *name_of(struct bytes der)
{
	const unsigned char *at = der.data;
	X509_NAME *name =
	    der.len <= IKE_IDENTITY_MAX ? d2i_X509_NAME(NULL, &at, (long)der.len) : NULL;

	if (name != NULL && at != der.data + der.len) {
		X509_NAME_free(name);
		name = NULL;
	}
	ERR_clear_error();
	return name;
}

/* The next "type=value", its escapes taken off; false when there is none. Writes to *type. */
static bool next_part(const char **text, char *type, const char **value, size_t size)
{
	const char *at = *text;
	char *out = type;
	char *end = type + size - 1;

	*value = NULL;
	at += strspn(at, " ");
	if (*at == '\0')
		return false;
	for (; *at != '\0' && *at != ',' && out < end; at++) {
		if (*at == '=' && *value == NULL) {
			while (out > type && out[-1] == ' ')
				out--;
			*out++ = '\0';
			*value = out;
			at += strspn(at + 1, " ");
			continue;
		}
		if (*at == '\\' && at[1] != '\0')
			at++;
		*out++ = *at;
	}
	while (*value != NULL && out > *value && out[-1] == ' ')
		out--;
	*out = '\0';
	*text = *at == ',' ? at + 1 : at;
	return true;
}

static enum err parse_name(const char *text, uint8_t *data, struct ike_identity *out)
{
	X509_NAME *name = X509_NAME_new();
	const char *at = text;
	enum err error = ERR_OK;
	char part[256];
	const char *value;
	int len;

	if (name == NULL)
		return ERR_NO_MEMORY;
	while (error == ERR_OK && next_part(&at, part, &value, sizeof(part))) {
		if (value == NULL || *value == '\0' ||
		    X509_NAME_add_entry_by_txt(
			name, part, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) != 1)
			error = ERR_INVALID;
	}
	len = i2d_X509_NAME(name, NULL);
	if (error == ERR_OK && (len <= 0 || len > IKE_IDENTITY_MAX))
		error = ERR_TOO_LONG;
	if (error == ERR_OK) {
		unsigned char *end = data;

		(void)i2d_X509_NAME(name, &end);
		*out = (struct ike_identity){IKE_IDENTITY_DN, bytes_of(data, (size_t)(end - data))};
	}
	X509_NAME_free(name);
	ERR_clear_error();
	return error;
}

/* Letters that a name may have here, the patterns' star included. */
static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if (!isalnum((unsigned char)*text) && strchr(".-_+@*", *text) == NULL)
			return false;
	}
	return true;
}

static enum err parse_text(const char *text, uint8_t *data, struct ike_identity *out)
{
	uint8_t type = strchr(text, '@') != NULL ? IKE_IDENTITY_USER_FQDN : IKE_IDENTITY_FQDN;
	size_t len;

	if (*text == '@') {
		text++;
		type = IKE_IDENTITY_FQDN;
	}
	if (strncmp(text, KEY_ID_PREFIX, strlen(KEY_ID_PREFIX)) == 0) {
		text += strlen(KEY_ID_PREFIX);
		type = IKE_IDENTITY_KEY_ID;
	} else if (!is_plain(text)) {
		return ERR_INVALID;
	}
	len = strlen(text);
	if (len == 0)
		return ERR_INVALID;
	if (len > IKE_IDENTITY_MAX)
		return ERR_TOO_LONG;
	memcpy(data, text, len);
	*out = (struct ike_identity){type, bytes_of(data, len)};
	return ERR_OK;
}

enum err ike_identity_parse(const char *text, uint8_t data[IKE_IDENTITY_MAX],
    struct ike_identity *out, struct problem *problem)
{
	struct address address;
	enum err error;

	if (address_parse(text, &address) == ERR_OK) {
		*out = ike_identity_of_address(&address);
		memcpy(data, address.octets, out->data.len);
		out->data.data = data;
		return ERR_OK;
	}
	error =
	    strncmp(text, KEY_ID_PREFIX, strlen(KEY_ID_PREFIX)) != 0 && strchr(text, '=') != NULL
		? parse_name(text, data, out)
		: parse_text(text, data, out);
	if (error == ERR_OK)
		return ERR_OK;
	return problem_set(problem, error,
	    "\"%s\" is no identity: an address, host.example.test, user@example.test, "
	    "\"C=CH, O=Example, CN=host\" or keyid:text",
	    text);
}

static void format_name(const struct ike_identity *identity, char *text)
{
	X509_NAME *name = name_of(identity->data);
	BIO *output = name != NULL ? BIO_new(BIO_s_mem()) : NULL;
	int len = 0;

	if (output != NULL && X509_NAME_print_ex(output, name, 0, DN_FLAGS) > 0)
		len = BIO_read(output, text, IKE_IDENTITY_TEXT_SIZE - 1);
	text[len > 0 ? len : 0] = '\0';
	if (len <= 0)
		(void)snprintf(text, IKE_IDENTITY_TEXT_SIZE,
		    name != NULL ? "an empty distinguished name"
				 : "a malformed distinguished name");
	BIO_free(output);
	X509_NAME_free(name);
}

const char *ike_identity_format(
    const struct ike_identity *identity, char text[IKE_IDENTITY_TEXT_SIZE])
{
	size_t used = 0;
	struct address address;

	if (ike_identity_address(identity, &address) == ERR_OK)
		return address_format(&address, text);
	if (identity->type == IKE_IDENTITY_DN) {
		format_name(identity, text);
		return text;
	}
	if (identity->type == IKE_IDENTITY_KEY_ID)
		used = (size_t)snprintf(text, IKE_IDENTITY_TEXT_SIZE, KEY_ID_PREFIX);
	else if (identity->type != IKE_IDENTITY_FQDN && identity->type != IKE_IDENTITY_USER_FQDN) {
		(void)snprintf(text, IKE_IDENTITY_TEXT_SIZE, "an identity of type %u (%zu octets)",
		    identity->type, identity->data.len);
		return text;
	}
	for (size_t i = 0; i < identity->data.len && used < IKE_IDENTITY_TEXT_SIZE - 1; i++) {
		uint8_t octet = identity->data.data[i];

		text[used++] = octet > 0x20 && octet < 0x7f ? (char)octet : '?';
	}
	text[used] = '\0';
	return text;
}

static bool same_letters(struct bytes a, struct bytes b)
{
	return a.len == b.len &&
	       (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

/* "*.example.test" and "*@example.test": something, and then the same. */
static bool text_is(struct bytes text, struct bytes expected)
{
	size_t tail = expected.len > 0 ? expected.len - 1 : 0;

	if (expected.len < 2 || expected.data[0] != '*')
		return same_letters(text, expected);
	return text.len > tail && memchr(text.data, '\0', text.len) == NULL &&
	       same_letters(
		   bytes_of(text.data + text.len - tail, tail), bytes_of(expected.data + 1, tail));
}

/* Two entries, as RFC 5280 7.1 compares them; "*" is any value of that attribute. */
static bool entry_is(const X509_NAME_ENTRY *entry, const X509_NAME_ENTRY *expected)
{
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(expected);
	X509_NAME *names[2] = {X509_NAME_new(), X509_NAME_new()};
	bool same =
	    OBJ_cmp(X509_NAME_ENTRY_get_object(entry), X509_NAME_ENTRY_get_object(expected)) == 0;

	if (same && (ASN1_STRING_length(value) != 1 || *ASN1_STRING_get0_data(value) != '*'))
		same = names[0] != NULL && names[1] != NULL &&
		       X509_NAME_add_entry(names[0], entry, -1, 0) == 1 &&
		       X509_NAME_add_entry(names[1], expected, -1, 0) == 1 &&
		       X509_NAME_cmp(names[0], names[1]) == 0;
	X509_NAME_free(names[0]);
	X509_NAME_free(names[1]);
	return same;
}

static bool name_is(struct bytes der, struct bytes expected_der)
{
	X509_NAME *name = name_of(der);
	X509_NAME *expected = name_of(expected_der);
	int count = name != NULL ? X509_NAME_entry_count(name) : 0;
	bool same = count > 0 && expected != NULL && X509_NAME_entry_count(expected) == count;

	for (int i = 0; same && i < count; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		const X509_NAME_ENTRY *other = X509_NAME_get_entry(expected, i);

		same = X509_NAME_ENTRY_set(entry) == X509_NAME_ENTRY_set(other) &&
		       entry_is(entry, other);
	}
	X509_NAME_free(name);
	X509_NAME_free(expected);
	ERR_clear_error();
	return same;
}

bool ike_identity_is(const struct ike_identity *identity, const struct ike_identity *expected)
{
	if (identity->type != expected->type || identity->type == IKE_IDENTITY_NONE)
		return false;
	if (identity->type == IKE_IDENTITY_FQDN || identity->type == IKE_IDENTITY_USER_FQDN)
		return text_is(identity->data, expected->data);
	if (identity->type == IKE_IDENTITY_DN)
		return name_is(identity->data, expected->data);
	return bytes_equal(identity->data, expected->data);
}
