/* The command line, from the table of commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "ctl/ctl.h"

#define DEFAULT_SOCKET RUNSTATEDIR "/kinkd/kinkd.ctl"

static void print_usage(FILE *out)
{
	(void)fputs("Usage: kinkctl [--socket=PATH] COMMAND [--json] [ARGUMENT]...\n"
		    "Shows and steers kinkd.\n\nCommands:\n",
	    out);
	for (int i = 0; i < CONTROL_COMMAND_COUNT; i++)
		(void)fprintf(
		    out, "  %-10s %s\n", control_commands[i].name, control_commands[i].help);
	(void)fputs("\n"
		    "  -s, --socket=PATH  the daemon's control socket (default: " DEFAULT_SOCKET
		    ")\n"
		    "      --json         answer as one JSON object\n"
		    "      --help         this, or with a command its arguments\n"
		    "      --version      print the version\n"
		    "\n"
		    "Exit status: 0 done, 1 it failed or kinkd cannot be reached, 2 wrong usage.\n",
	    out);
}

static void print_command_usage(const struct control_command_info *info)
{
	(void)printf("Usage: kinkctl %s [--json]", info->name);
	for (const struct control_argument *a = info->arguments; a->name != NULL; a++) {
		if (a->positional)
			(void)printf(" [%s]", a->placeholder);
		else if (a->placeholder != NULL)
			(void)printf(" [--%s=%s]", a->name, a->placeholder);
		else
			(void)printf(" [--%s]", a->name);
	}
	(void)printf("\nShows or does: %s.\n", info->help);
	for (const struct control_argument *a = info->arguments; a->name != NULL; a++) {
		char left[40];

		if (a->positional)
			(void)snprintf(left, sizeof(left), "%s", a->placeholder);
		else
			(void)snprintf(left, sizeof(left), "--%s%s%s", a->name,
			    a->placeholder != NULL ? "=" : "",
			    a->placeholder != NULL ? a->placeholder : "");
		(void)printf("  %-16s %s\n", left, a->help);
	}
}

static bool wrong(const char *format, const char *word, int *status)
{
	(void)fputs("kinkctl: ", stderr);
	/* The formats are this file's own. */
	(void)fprintf(stderr, "%s \"%s\"; try kinkctl --help\n", format, word);
	*status = CTL_USAGE;
	return false;
}

/* The rest of "--name=..." or the next word; NULL when word is not that option. */
static const char *value_of(
    const char *word, const char *name, char **words, int count, int *at, bool *missing)
{
	size_t len = strlen(name);

	*missing = false;
	if (strncmp(word, name, len) != 0 || (word[len] != '\0' && word[len] != '='))
		return NULL;
	if (word[len] == '=')
		return word + len + 1;
	if (*at + 1 < count)
		return words[++*at];
	*missing = true;
	return NULL;
}

/* One word of a command's arguments. */
static bool take_argument(const struct control_command_info *info, char **words, int count, int *at,
    json_t *request, int *status)
{
	const char *word = words[*at];

	for (const struct control_argument *a = info->arguments; a->name != NULL; a++) {
		char option[32];
		const char *value;
		bool missing;

		if (a->positional) {
			if (word[0] == '-' || json_object_get(request, a->name) != NULL)
				continue;
			(void)json_object_set_new(request, a->name, json_string(word));
			return true;
		}
		(void)snprintf(option, sizeof(option), "--%s", a->name);
		if (a->placeholder == NULL) {
			if (strcmp(word, option) != 0)
				continue;
			(void)json_object_set_new(request, a->name, json_true());
			return true;
		}
		value = value_of(word, option, words, count, at, &missing);
		if (missing)
			return wrong("a value is missing after", word, status);
		if (value != NULL) {
			(void)json_object_set_new(request, a->name, json_string(value));
			return true;
		}
	}
	return wrong("unknown argument", word, status);
}

bool arguments_parse(int count, char **words, struct arguments *out, int *status)
{
	const struct control_command_info *info = NULL;

	*out = (struct arguments){.socket = DEFAULT_SOCKET, .command = -1};
	*status = CTL_OK;
	out->request = json_object();
	for (int i = 1; i < count; i++) {
		const char *word = words[i];
		const char *value;
		bool missing;

		value = value_of(word, "--socket", words, count, &i, &missing);
		if (value == NULL && !missing)
			value = value_of(word, "-s", words, count, &i, &missing);
		if (missing)
			return wrong("a path is missing after", word, status);
		if (value != NULL) {
			out->socket = value;
		} else if (strcmp(word, "--json") == 0) {
			out->json = true;
		} else if (strcmp(word, "--help") == 0) {
			if (info != NULL)
				print_command_usage(info);
			else
				print_usage(stdout);
			return false;
		} else if (strcmp(word, "--version") == 0) {
			(void)puts("kinkctl (" PACKAGE_STRING ")");
			return false;
		} else if (info != NULL) {
			if (!take_argument(info, words, count, &i, out->request, status))
				return false;
		} else {
			out->command = control_command_of(word);
			if (out->command < 0)
				return wrong(word[0] == '-' ? "unknown option" : "unknown command",
				    word, status);
			info = &control_commands[out->command];
			(void)json_object_set_new(out->request, "command", json_string(word));
		}
	}
	if (info == NULL) {
		print_usage(stderr);
		*status = CTL_USAGE;
		return false;
	}
	return true;
}
