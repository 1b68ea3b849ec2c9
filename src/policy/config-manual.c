/* The schema as mdoc: the settings in kinkd.conf(5). */
#include <stdio.h>
#include <string.h>

#include "policy/config-private.h"
#include "policy/schema-value.h"

#define LINE_LENGTH 78

/* Text in short lines, with each sentence on a line of its own as mdoc wants it. */
static void write_text(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t length = strcspn(text, " ");

		if (column > 0 && column + 1 + length > LINE_LENGTH) {
			(void)fputc('\n', out);
			column = 0;
		}
		(void)fprintf(out, "%s%.*s", column > 0 ? " " : "", (int)length, text);
		column += length + (column > 0);
		text += length;
		if (*text == ' ' && text[-1] == '.')
			column = LINE_LENGTH;
		text += *text == ' ';
	}
	(void)fputc('\n', out);
}

/* The default as the file would have it; paths as a packaged daemon has them. */
static void write_fallback(FILE *out, const char *fallback)
{
	static const char here[] = "\"" RUNSTATEDIR;
	char text[256];

	if (strncmp(fallback, here, sizeof(here) - 1) == 0)
		(void)snprintf(
		    text, sizeof(text), "Default: \"/run%s.", fallback + sizeof(here) - 1);
	else
		(void)snprintf(text, sizeof(text), "Default: %s.", fallback);
	write_text(out, text);
}

static void write_setting(FILE *out, const struct schema_setting *setting)
{
	char allowed[SCHEMA_TEXT_SIZE];
	char text[2 * SCHEMA_TEXT_SIZE];

	(void)fprintf(out, ".It Ic %s\n", setting->name);
	write_text(out, setting->doc);
	(void)snprintf(text, sizeof(text), "Allowed: %s%s.", schema_value_allowed(setting, allowed),
	    setting->many ? "; several in brackets" : "");
	(void)fputs(".br\n", out);
	write_text(out, text);
	if (setting->required)
		(void)fputs("It must be set.\n", out);
	else if (setting->fallback != NULL)
		write_fallback(out, setting->fallback);
}

static bool is_section(const struct schema_setting *setting)
{
	return setting->type == SCHEMA_GROUP || setting->type == SCHEMA_LIST;
}

static void write_section(FILE *out, const struct schema_section *section, const char *path)
{
	char name[64];

	/* The whole file holds only sections. */
	if (section != &schema_root)
		(void)fputs(".Bl -tag -width Ds\n", out);
	for (const struct schema_setting *setting = section->settings; setting->name != NULL;
	     setting++) {
		if (!is_section(setting))
			write_setting(out, setting);
	}
	if (section != &schema_root)
		(void)fputs(".El\n", out);
	for (const struct schema_setting *setting = section->settings; setting->name != NULL;
	     setting++) {
		if (!is_section(setting))
			continue;
		(void)snprintf(
		    name, sizeof(name), "%s%s%s", path, *path != '\0' ? "." : "", setting->name);
		(void)fprintf(out, ".Ss %s = %s\n", name,
		    setting->type == SCHEMA_LIST ? "( { ... }, ... )" : "{ ... }");
		write_text(out, setting->doc);
		write_section(out, setting->section, name);
	}
}

void config_write_manual(FILE *out)
{
	write_section(out, &schema_root, "");
	(void)fputs(".Ss Cipher suites\n.Bl -tag -width Ds -compact\n", out);
	schema_write_suites(out);
	(void)fputs(".El\n", out);
}
