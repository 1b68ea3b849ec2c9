/* The schema's verbs: finding a setting, and checking, explaining and showing one value of any
 * type. */
#include "policy/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policy/ike.h"
#include "policy/schema-value.h"
#include "policy/text.h"

#define NEAR_LENGTH_MAX 40

const struct schema_setting *schema_find(const struct schema_section *section, const char *name)
{
	for (const struct schema_setting *setting = section->settings; setting->name != NULL;
	     setting++) {
		if (strcmp(setting->name, name) == 0)
			return setting;
	}
	return NULL;
}

/* Letters to insert, delete or replace to get from a to b (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAR_LENGTH_MAX + 1];
	size_t length = strlen(b);

	if (length > NEAR_LENGTH_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= length; j++) {
			size_t replaced = diagonal + (a[i] != b[j - 1]);
			size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = replaced < shorter ? replaced : shorter;
		}
	}
	return row[length];
}

const char *schema_near(const char *name, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t length = strlen(name);
	size_t least = length / 3 + 1;

	for (size_t i = 0; i < count; i++) {
		size_t steps = distance(name, candidates[i]);

		if (steps < length && (steps < least || (steps == least && best == NULL))) {
			best = candidates[i];
			least = steps;
		}
	}
	return best;
}

size_t schema_value_size(const struct schema_setting *setting)
{
	switch (setting->type) {
	case SCHEMA_TEXT:
	case SCHEMA_NAME:
	case SCHEMA_HOST_NAME:
	case SCHEMA_TEMPLATE:
	case SCHEMA_WORD:
		return sizeof(const char *);
	case SCHEMA_CHOICE:
		return sizeof(int);
	case SCHEMA_LOG_LEVEL:
		return sizeof(enum log_level);
	case SCHEMA_SID:
		return sizeof(struct sid);
	case SCHEMA_ADDRESS:
		return sizeof(struct address);
	case SCHEMA_ENDPOINT:
		return sizeof(struct endpoint);
	case SCHEMA_PREFIX:
		return sizeof(struct prefix);
	case SCHEMA_SUITE:
		return sizeof(struct suite);
	case SCHEMA_IKE_PROPOSAL:
		return sizeof(struct policy_ike_proposal);
	case SCHEMA_PORTS:
		return sizeof(struct port_range);
	default:
		return setting->size;
	}
}

enum err schema_value_parse(const struct schema_setting *setting, const struct schema_value *value,
    struct policy_store *store, void *out, struct problem *hint)
{
	hint->text[0] = '\0';
	switch (setting->type) {
	case SCHEMA_INTEGER:
		return schema_parse_integer(setting, value, out);
	case SCHEMA_SECONDS:
	case SCHEMA_MILLISECONDS:
		return schema_parse_duration(setting, value, out);
	case SCHEMA_SIZE:
		return schema_parse_size(setting, value, out);
	case SCHEMA_FILE_MODE:
		return schema_parse_file_mode(setting, value, out);
	case SCHEMA_LOG_LEVEL:
		return schema_parse_log_level(setting, value, out);
	case SCHEMA_PROTOCOL:
		return schema_parse_protocol(setting, value, out);
	case SCHEMA_PORTS:
		return schema_parse_ports(value, out);
	case SCHEMA_CHOICE:
	case SCHEMA_WORD:
		return schema_parse_choice(setting, value, out);
	default:
		break;
	}
	if (value->kind != VALUE_TEXT)
		return ERR_INVALID;
	switch (setting->type) {
	case SCHEMA_TEXT:
		return schema_parse_text(setting, value->text, store, out);
	case SCHEMA_NAME:
		return schema_parse_name(setting, value->text, store, out);
	case SCHEMA_HOST_NAME:
		return schema_parse_host_name(value->text, store, out);
	case SCHEMA_TEMPLATE:
		return schema_parse_template(value->text, store, out, hint);
	case SCHEMA_SID:
		return sid_parse(value->text, out);
	case SCHEMA_ADDRESS:
		return address_parse(value->text, out);
	case SCHEMA_ENDPOINT:
		return schema_parse_endpoint(value->text, out);
	case SCHEMA_PREFIX:
		return schema_parse_prefix(value->text, out, hint);
	case SCHEMA_SUITE:
		return schema_parse_suite(value->text, out, hint);
	case SCHEMA_IKE_PROPOSAL:
		return policy_ike_proposal_parse(value->text, out, hint);
	default:
		return ERR_INVALID;
	}
}

static const char *list_choices(const struct schema_setting *setting, char text[SCHEMA_TEXT_SIZE])
{
	struct text_builder list = text_into(text, SCHEMA_TEXT_SIZE);

	for (const struct schema_choice *choice = schema_choices(setting); choice->name != NULL;
	     choice++)
		text_add(&list, "%s\"%s\"", list.length > 0 ? ", " : "", choice->name);
	if (setting->type == SCHEMA_PROTOCOL)
		text_add(&list, ", or a number from 0 to 255");
	return text;
}

static const char *range_of_durations(
    const struct schema_setting *setting, char text[SCHEMA_TEXT_SIZE])
{
	uint64_t unit = setting->type == SCHEMA_SECONDS ? 1000 : 1;
	char least[SCHEMA_TEXT_SIZE];
	char most[SCHEMA_TEXT_SIZE];
	struct text_builder range = text_into(text, SCHEMA_TEXT_SIZE);

	text_add(&range, "a duration from %s to %s, such as %s",
	    schema_format_duration(setting->minimum * unit, least),
	    schema_format_duration(setting->maximum * unit, most), setting->fallback);
	return text;
}

static const char *range_of_sizes(const struct schema_setting *setting, char text[SCHEMA_TEXT_SIZE])
{
	char least[SCHEMA_TEXT_SIZE];
	char most[SCHEMA_TEXT_SIZE];
	struct text_builder range = text_into(text, SCHEMA_TEXT_SIZE);

	text_add(&range, "a size from %s to %s, such as \"10 GiB\"",
	    schema_format_size(setting->minimum, least),
	    schema_format_size(setting->maximum, most));
	return text;
}

const char *schema_value_allowed(const struct schema_setting *setting, char text[SCHEMA_TEXT_SIZE])
{
	struct text_builder words = text_into(text, SCHEMA_TEXT_SIZE);

	switch (setting->type) {
	case SCHEMA_TEXT:
		text_add(&words, "%s", setting->expected);
		break;
	case SCHEMA_NAME:
		text_add(&words,
		    "a name of up to %" PRIu64
		    " letters, digits and \".\", \"_\", \"-\", that is no address",
		    setting->maximum);
		break;
	case SCHEMA_INTEGER:
		text_add(&words, "a whole number from %" PRIu64 " to %" PRIu64, setting->minimum,
		    setting->maximum);
		break;
	case SCHEMA_SECONDS:
	case SCHEMA_MILLISECONDS:
		return range_of_durations(setting, text);
	case SCHEMA_SIZE:
		return range_of_sizes(setting, text);
	case SCHEMA_FILE_MODE:
		text_add(&words, "permissions in octal and in quotes, from \"0000\" to \"0%o\"",
		    (unsigned)setting->maximum);
		break;
	case SCHEMA_CHOICE:
	case SCHEMA_WORD:
	case SCHEMA_LOG_LEVEL:
	case SCHEMA_PROTOCOL:
		return list_choices(setting, text);
	case SCHEMA_HOST_NAME:
		text_add(&words, "a host's full name, such as \"b.example.test\"");
		break;
	case SCHEMA_TEMPLATE:
		text_add(&words, "a principal, such as \"kink/{fqdn}@EXAMPLE.TEST\"");
		break;
	case SCHEMA_SID:
		text_add(&words, "a security identifier, such as \"S-1-5-21-1-2-3-1105\"");
		break;
	case SCHEMA_ADDRESS:
		text_add(&words, "an IPv4 or IPv6 address");
		break;
	case SCHEMA_ENDPOINT:
		text_add(&words, "an address, or one with a port, such as \"10.0.0.1:88\" or "
				 "\"[2001:db8::1]:88\"");
		break;
	case SCHEMA_PREFIX:
		text_add(&words, "an address or a prefix, such as \"10.0.0.0/8\"");
		break;
	case SCHEMA_SUITE:
		text_add(&words, "a suite listed in kinkd.conf(5), such as \"aes256gcm16\"");
		break;
	case SCHEMA_IKE_PROPOSAL:
		text_add(&words, "cipher, hash and group, such as \"aes256-sha256-curve25519\"");
		break;
	case SCHEMA_PORTS:
		text_add(
		    &words, "a port from 1 to 65535, a range such as \"1000-2000\", or \"any\"");
		break;
	case SCHEMA_GROUP:
		text_add(&words, "a group of settings: { ... }");
		break;
	case SCHEMA_LIST:
		text_add(&words, "a list of groups: ( { ... }, { ... } )");
		break;
	}
	return text;
}

static uint64_t load_number(const struct schema_setting *setting, const void *value)
{
	switch (schema_value_size(setting)) {
	case sizeof(uint8_t):
		return *(const uint8_t *)value;
	case sizeof(uint16_t):
		return *(const uint16_t *)value;
	case sizeof(uint32_t):
		return *(const uint32_t *)value;
	default:
		return *(const uint64_t *)value;
	}
}

static const char *format_choice(
    const struct schema_setting *setting, int value, char text[SCHEMA_TEXT_SIZE])
{
	const struct schema_choice *choice = schema_choices(setting);

	while (choice->name != NULL && choice->value != value)
		choice++;
	(void)snprintf(text, SCHEMA_TEXT_SIZE, "\"%s\"", choice->name != NULL ? choice->name : "?");
	return text;
}

bool schema_value_is_set(const struct schema_setting *setting, const void *value)
{
	if (setting->type == SCHEMA_TEXT)
		return *(const char *const *)value != NULL;
	return setting->size == schema_value_size(setting);
}

/* Only what the groups hold; elements of lists are described as a whole (config-describe.c). */
const char *schema_value_format(
    const struct schema_setting *setting, const void *value, char text[SCHEMA_TEXT_SIZE])
{
	char plain[SCHEMA_TEXT_SIZE];
	struct text_builder words = text_into(text, SCHEMA_TEXT_SIZE);

	switch (setting->type) {
	case SCHEMA_TEXT:
	case SCHEMA_NAME:
	case SCHEMA_WORD:
		text_add(&words, "\"%s\"", *(const char *const *)value);
		break;
	case SCHEMA_SECONDS:
		text_add(&words, "\"%s\"",
		    schema_format_duration(load_number(setting, value) * 1000, plain));
		break;
	case SCHEMA_MILLISECONDS:
		text_add(
		    &words, "\"%s\"", schema_format_duration(load_number(setting, value), plain));
		break;
	case SCHEMA_FILE_MODE:
		text_add(&words, "\"%04o\"", (unsigned)load_number(setting, value));
		break;
	case SCHEMA_CHOICE:
		return format_choice(setting, *(const int *)value, text);
	case SCHEMA_LOG_LEVEL:
		return format_choice(setting, (int)*(const enum log_level *)value, text);
	case SCHEMA_ENDPOINT:
		text_add(&words, "\"%s\"", endpoint_format(value, plain));
		break;
	default:
		text_add(&words, "%" PRIu64, load_number(setting, value));
		break;
	}
	return text;
}
