/* Values of the configuration file that are numbers, or words that stand for numbers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/schema-value.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit sizes[] = {{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20},
    {"KiB", 1ULL << 10}, {"B", 1}, {NULL, 0}};

static const struct schema_choice protocols[] = {
    {"any", 0}, {"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"icmpv6", 58}, {"sctp", 132}, {NULL, 0}};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A run of digits in the base, and where it ends. */
bool schema_parse_digits(const char **text, unsigned base, uint64_t *out)
{
	uint64_t value = 0;
	const char *at = *text;

	for (; is_digit(*at) && (unsigned)(*at - '0') < base; at++) {
		if (value > (UINT64_MAX - 9) / base)
			return false;
		value = value * base + (unsigned)(*at - '0');
	}
	if (at == *text)
		return false;
	*text = at;
	*out = value;
	return true;
}

/* "8 h", "1 h 30 min": numbers with units, added up. */
static bool parse_units(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t sum = 0;

	do {
		const struct unit *unit = units;
		uint64_t number;
		size_t length;

		if (!schema_parse_digits(&text, 10, &number))
			return false;
		text += strspn(text, " ");
		length = strcspn(text, " 0123456789");
		while (unit->name != NULL &&
		       (strlen(unit->name) != length || strncmp(unit->name, text, length) != 0))
			unit++;
		if (unit->name == NULL || number > (UINT64_MAX - sum) / unit->factor)
			return false;
		sum += number * unit->factor;
		text += length;
		text += strspn(text, " ");
	} while (*text != '\0');
	*out = sum;
	return true;
}

static const char *format_units(
    uint64_t value, const struct unit *units, const char *zero, char text[SCHEMA_TEXT_SIZE])
{
	while (units->factor > 1 && value % units->factor != 0)
		units++;
	if (value == 0)
		(void)snprintf(text, SCHEMA_TEXT_SIZE, "%s", zero);
	else
		(void)snprintf(
		    text, SCHEMA_TEXT_SIZE, "%" PRIu64 " %s", value / units->factor, units->name);
	return text;
}

const char *schema_format_duration(uint64_t milliseconds, char text[SCHEMA_TEXT_SIZE])
{
	return format_units(milliseconds, durations, "0 s", text);
}

const char *schema_format_size(uint64_t bytes, char text[SCHEMA_TEXT_SIZE])
{
	return format_units(bytes, sizes, "0 B", text);
}

static void store_number(const struct schema_setting *setting, uint64_t number, void *out)
{
	switch (schema_value_size(setting)) {
	case sizeof(uint8_t):
		*(uint8_t *)out = (uint8_t)number;
		break;
	case sizeof(uint16_t):
		*(uint16_t *)out = (uint16_t)number;
		break;
	case sizeof(uint32_t):
		*(uint32_t *)out = (uint32_t)number;
		break;
	default:
		*(uint64_t *)out = number;
		break;
	}
}

static enum err number_in_range(const struct schema_setting *setting, uint64_t number, void *out)
{
	if (number < setting->minimum || number > setting->maximum)
		return ERR_INVALID;
	store_number(setting, number, out);
	return ERR_OK;
}

enum err schema_parse_integer(
    const struct schema_setting *setting, const struct schema_value *value, void *out)
{
	if (value->kind != VALUE_NUMBER || value->number < 0)
		return ERR_INVALID;
	return number_in_range(setting, (uint64_t)value->number, out);
}

/* A number without a unit means seconds. */
enum err schema_parse_duration(
    const struct schema_setting *setting, const struct schema_value *value, void *out)
{
	uint64_t unit = setting->type == SCHEMA_SECONDS ? 1000 : 1;
	uint64_t duration;

	if (value->kind == VALUE_NUMBER && value->number >= 0 && value->number <= UINT32_MAX)
		duration = (uint64_t)value->number * 1000;
	else if (value->kind != VALUE_TEXT || !parse_units(value->text, durations, &duration))
		return ERR_INVALID;
	if (duration % unit != 0)
		return ERR_INVALID;
	return number_in_range(setting, duration / unit, out);
}

enum err schema_parse_size(
    const struct schema_setting *setting, const struct schema_value *value, void *out)
{
	uint64_t size;

	if (value->kind == VALUE_TEXT && parse_units(value->text, sizes, &size))
		return number_in_range(setting, size, out);
	return schema_parse_integer(setting, value, out);
}

enum err schema_parse_file_mode(
    const struct schema_setting *setting, const struct schema_value *value, void *out)
{
	const char *text = value->text;
	uint64_t mode;

	if (value->kind != VALUE_TEXT || !schema_parse_digits(&text, 8, &mode) || *text != '\0')
		return ERR_INVALID;
	return number_in_range(setting, mode, out);
}

const struct schema_choice *schema_choices(const struct schema_setting *setting)
{
	static const struct schema_choice levels[] = {
	    {"error", LOG_LEVEL_ERROR},
	    {"warning", LOG_LEVEL_WARNING},
	    {"notice", LOG_LEVEL_NOTICE},
	    {"info", LOG_LEVEL_INFO},
	    {"debug", LOG_LEVEL_DEBUG},
	    {NULL, 0},
	};

	switch (setting->type) {
	case SCHEMA_LOG_LEVEL:
		return levels;
	case SCHEMA_PROTOCOL:
		return protocols;
	default:
		return setting->choices;
	}
}

static const struct schema_choice *find_choice(
    const struct schema_setting *setting, const struct schema_value *value)
{
	if (value->kind != VALUE_TEXT)
		return NULL;
	for (const struct schema_choice *choice = schema_choices(setting); choice->name != NULL;
	     choice++) {
		if (strcmp(choice->name, value->text) == 0)
			return choice;
	}
	return NULL;
}

enum err schema_parse_choice(
    const struct schema_setting *setting, const struct schema_value *value, void *out)
{
	const struct schema_choice *choice = find_choice(setting, value);

	if (choice == NULL)
		return ERR_INVALID;
	if (setting->type == SCHEMA_WORD)
		*(const char **)out = choice->name;
	else
		*(int *)out = choice->value;
	return ERR_OK;
}

/* All areas at once when the setting covers more than one. */
enum err schema_parse_log_level(
    const struct schema_setting *setting, const struct schema_value *value, void *out)
{
	const struct schema_choice *choice = find_choice(setting, value);
	enum log_level *levels = out;

	if (choice == NULL)
		return ERR_INVALID;
	for (size_t i = 0; i < setting->size / sizeof(*levels); i++)
		levels[i] = (enum log_level)choice->value;
	return ERR_OK;
}

enum err schema_parse_protocol(
    const struct schema_setting *setting, const struct schema_value *value, void *out)
{
	const struct schema_choice *choice = find_choice(setting, value);

	if (choice == NULL && (value->kind != VALUE_NUMBER || (value->number & ~0xff) != 0))
		return ERR_INVALID;
	store_number(setting, (uint64_t)(choice != NULL ? choice->value : value->number), out);
	return ERR_OK;
}

enum err schema_parse_ports(const struct schema_value *value, struct port_range *out)
{
	const char *text = value->text;
	uint64_t first;
	uint64_t last;

	if (value->kind == VALUE_TEXT && strcmp(text, "any") == 0) {
		*out = PORT_ANY;
		return ERR_OK;
	}
	if (value->kind == VALUE_NUMBER) {
		first = last = value->number > 0 ? (uint64_t)value->number : 0;
	} else {
		if (value->kind != VALUE_TEXT || !schema_parse_digits(&text, 10, &first))
			return ERR_INVALID;
		last = first;
		if (*text == '-') {
			text++;
			if (!schema_parse_digits(&text, 10, &last))
				return ERR_INVALID;
		}
		if (*text != '\0')
			return ERR_INVALID;
	}
	if (first < 1 || first > last || last > UINT16_MAX)
		return ERR_INVALID;
	*out = (struct port_range){(uint16_t)first, (uint16_t)last};
	return ERR_OK;
}
