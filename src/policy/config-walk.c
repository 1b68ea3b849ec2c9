/* From libconfig's tree to struct config_file, as the schema says. */
#include <stdio.h>
#include <string.h>

#include "policy/config-private.h"
#include "policy/text.h"

#define NAMES_MAX 64 /* settings of one group, for "did you mean" */

static struct schema_value value_of(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT: {
		int number = config_setting_get_int(setting);

		/* libconfig reads 0xffffffff as -1. */
		if (config_setting_get_format(setting) == CONFIG_FORMAT_HEX)
			return (struct schema_value){VALUE_NUMBER, (uint32_t)number, NULL};
		return (struct schema_value){VALUE_NUMBER, number, NULL};
	}
	case CONFIG_TYPE_INT64:
		return (struct schema_value){VALUE_NUMBER, config_setting_get_int64(setting), NULL};
	case CONFIG_TYPE_STRING:
		return (struct schema_value){VALUE_TEXT, 0, config_setting_get_string(setting)};
	case CONFIG_TYPE_FLOAT:
		return (struct schema_value){VALUE_OTHER, 0, "a fraction"};
	case CONFIG_TYPE_BOOL:
		return (struct schema_value){VALUE_OTHER, 0,
		    config_setting_get_bool(setting) ? "the boolean true" : "the boolean false"};
	case CONFIG_TYPE_GROUP:
		return (struct schema_value){VALUE_OTHER, 0, "a group"};
	default:
		return (struct schema_value){VALUE_OTHER, 0, "a list"};
	}
}

static const char *found(const config_setting_t *setting, char text[SCHEMA_TEXT_SIZE])
{
	struct schema_value value = value_of(setting);
	struct text_builder words = text_into(text, SCHEMA_TEXT_SIZE);

	if (value.kind == VALUE_NUMBER)
		text_add(&words, "%lld", (long long)value.number);
	else if (value.kind == VALUE_TEXT)
		text_add(&words, "\"%.80s\"", value.text);
	else if (config_setting_type(setting) == CONFIG_TYPE_FLOAT)
		text_add(&words, "%g", config_setting_get_float(setting));
	else
		text_add(&words, "%s", value.text);
	return text;
}

static enum err complain_value(struct config_context *context, const struct schema_setting *schema,
    const config_setting_t *setting, const char *hint)
{
	char allowed[SCHEMA_TEXT_SIZE];
	char text[SCHEMA_TEXT_SIZE];

	return config_complain(context, setting, NULL, "found %s; allowed: %s%s%s",
	    found(setting, text), schema_value_allowed(schema, allowed), *hint != '\0' ? "; " : "",
	    hint);
}

static enum err walk_value(struct config_context *context, const struct schema_setting *schema,
    const config_setting_t *setting, void *out)
{
	struct schema_value value = value_of(setting);
	struct problem hint;
	enum err err = schema_value_parse(schema, &value, context->store, out, &hint);

	if (err == ERR_NO_MEMORY)
		return config_no_memory(context);
	if (err != ERR_OK)
		return complain_value(context, schema, setting, hint.text);
	return ERR_OK;
}

static void put_items(const struct schema_setting *schema, char *base, void *items, size_t count)
{
	memcpy(base + schema->offset, &items, sizeof(items));
	memcpy(base + schema->count_offset, &count, sizeof(count));
}

/* One value alone, [ ... ] or ( ... ). */
static enum err walk_values(struct config_context *context, const struct schema_setting *schema,
    const config_setting_t *setting, char *base)
{
	bool one = !config_setting_is_aggregate(setting);
	size_t count = one ? 1 : (size_t)config_setting_length(setting);
	size_t size = schema_value_size(schema);
	enum err err = ERR_OK;
	char *items;

	if (config_setting_is_group(setting))
		return complain_value(context, schema, setting, "");
	if (count == 0)
		return config_complain(context, setting, NULL,
		    "found an empty list; allowed: at least one value (or leave it out)");
	if (schema->maximum != 0 && schema->type != SCHEMA_TEXT && count > schema->maximum)
		return config_complain(context, setting, NULL,
		    "found %zu values; allowed: at most %zu", count, (size_t)schema->maximum);
	items = store_alloc(context->store, count, size);
	if (items == NULL)
		return config_no_memory(context);
	for (size_t i = 0; i < count; i++) {
		const config_setting_t *item =
		    one ? setting : config_setting_get_elem(setting, (unsigned)i);
		enum err outcome = walk_value(context, schema, item, items + i * size);

		if (err == ERR_OK)
			err = outcome;
	}
	put_items(schema, base, items, count);
	return err;
}

static void walk_group(struct config_context *context, const struct schema_section *section,
    config_setting_t *group, char *base);

/* Defaults take the same way as the file: as libconfig's text. */
static void set_default(
    struct config_context *context, const struct schema_setting *schema, char *base)
{
	config_t config;
	char text[256];
	const config_setting_t *setting;

	(void)snprintf(text, sizeof(text), "%s = %s;", schema->name, schema->fallback);
	config_init(&config);
	if (config_read_string(&config, text) == CONFIG_TRUE) {
		setting = config_root_setting(&config);
		setting = config_setting_get_member(setting, schema->name);
		if (schema->many)
			(void)walk_values(context, schema, setting, base);
		else
			(void)walk_value(context, schema, setting, base + schema->offset);
	} else {
		(void)config_no_memory(context);
	}
	config_destroy(&config);
}

static void set_defaults(
    struct config_context *context, const struct schema_section *section, char *base)
{
	for (const struct schema_setting *schema = section->settings; schema->name != NULL;
	     schema++) {
		if (schema->type == SCHEMA_GROUP)
			set_defaults(context, schema->section, base + schema->offset);
		else if (schema->fallback != NULL)
			set_default(context, schema, base);
	}
}

static void walk_list(struct config_context *context, const struct schema_setting *schema,
    config_setting_t *setting, char *base)
{
	const struct schema_section *section = schema->section;
	size_t count = (size_t)config_setting_length(setting);
	char *items = store_alloc(context->store, count + 1, section->size);
	const char *defaults;

	if (items == NULL) {
		(void)config_no_memory(context);
		return;
	}
	defaults = items + count * section->size;
	set_defaults(context, section, items + count * section->size);
	for (size_t i = 0; i < count; i++) {
		config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
		char *item = items + i * section->size;
		char text[SCHEMA_TEXT_SIZE];

		memcpy(item, defaults, section->size);
		memcpy(item, &element, sizeof(element));
		if (config_setting_is_group(element))
			walk_group(context, section, element, item);
		else
			(void)config_complain(context, element, NULL,
			    "found %s; allowed: a group of settings: { ... }",
			    found(element, text));
	}
	put_items(schema, base, items, count);
}

static void walk_setting(struct config_context *context, const struct schema_setting *schema,
    config_setting_t *setting, char *base)
{
	bool group = config_setting_is_group(setting);

	if (schema->type == SCHEMA_GROUP && group)
		walk_group(context, schema->section, setting, base + schema->offset);
	else if (schema->type == SCHEMA_LIST && config_setting_is_list(setting))
		walk_list(context, schema, setting, base);
	else if (schema->type == SCHEMA_GROUP || schema->type == SCHEMA_LIST)
		(void)complain_value(context, schema, setting, "");
	else if (schema->many)
		(void)walk_values(context, schema, setting, base);
	else
		(void)walk_value(context, schema, setting, base + schema->offset);
}

static void complain_unknown(struct config_context *context, const struct schema_section *section,
    const config_setting_t *setting)
{
	const char *names[NAMES_MAX];
	char allowed[SCHEMA_TEXT_SIZE];
	struct text_builder list = text_into(allowed, sizeof(allowed));
	const char *near;
	size_t count = 0;

	for (const struct schema_setting *schema = section->settings;
	     schema->name != NULL && count < NAMES_MAX; schema++) {
		text_add(&list, "%s%s", count > 0 ? ", " : "", schema->name);
		names[count++] = schema->name;
	}
	near = schema_near(config_setting_name(setting), names, count);
	if (near != NULL)
		(void)config_complain(
		    context, setting, NULL, "unknown setting; did you mean \"%s\"?", near);
	else
		(void)config_complain(
		    context, setting, NULL, "unknown setting; allowed here: %s", allowed);
}

static void walk_group(struct config_context *context, const struct schema_section *section,
    config_setting_t *group, char *base)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);

		if (schema_find(section, config_setting_name(setting)) == NULL)
			complain_unknown(context, section, setting);
	}
	/* In the schema's order: a general setting comes before those that refine it. */
	for (const struct schema_setting *schema = section->settings; schema->name != NULL;
	     schema++) {
		config_setting_t *setting = config_setting_get_member(group, schema->name);
		char allowed[SCHEMA_TEXT_SIZE];

		if (setting != NULL)
			walk_setting(context, schema, setting, base);
		else if (schema->required)
			(void)config_complain(context, group, schema->name,
			    "missing; it must be set to %s", schema_value_allowed(schema, allowed));
	}
}

void config_walk(struct config_context *context, config_setting_t *root, struct config_file *out)
{
	out->source = root;
	set_defaults(context, &schema_root, (char *)out);
	walk_group(context, &schema_root, root, (char *)out);
}
