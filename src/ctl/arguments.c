/* The command line, from the table of commands. */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "ctl/ctl.h"

#define DEFAULT_SOCKET RUNSTATEDIR "/kinkd/kinkd.ctl"

/* From OPTION_ARGUMENT on: the command's arguments in the table's order. */
enum { OPTION_JSON = 256, OPTION_HELP, OPTION_VERSION, OPTION_ARGUMENT };

static const struct option common_options[] = {
    {"socket", required_argument, NULL, 's'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
};

#define COMMON_OPTIONS (sizeof(common_options) / sizeof(common_options[0]))

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
		    "Exit status: 0 done, 1 it failed, 2 wrong usage, 3 kinkd cannot be reached.\n",
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
	(void)printf("\n%c%s.\n\n", toupper((unsigned char)info->help[0]), info->help + 1);
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
	(void)printf("  %-16s %s\n", "--json", "answer as one JSON object");
}

static bool wrong(const char *why, const char *word, int *status)
{
	(void)fprintf(stderr, "kinkctl: %s \"%s\"; try kinkctl --help\n", why, word);
	*status = CTL_USAGE;
	return false;
}

/* Takes value; NULL is a text that JSON cannot hold. */
static bool set_argument(
    json_t *request, const struct control_argument *argument, json_t *value, int *status)
{
	if (value == NULL)
		return wrong("this is no UTF-8:", argument->name, status);
	(void)json_object_set_new(request, argument->name, value);
	return true;
}

/* The options that are good before any command (info is NULL then) or with this one. */
static void fill_options(const struct control_command_info *info,
    struct option options[COMMON_OPTIONS + CONTROL_ARGUMENTS_MAX + 1])
{
	struct option *next = options + COMMON_OPTIONS;

	memcpy(options, common_options, sizeof(common_options));
	for (int i = 0; info != NULL && info->arguments[i].name != NULL; i++) {
		const struct control_argument *argument = &info->arguments[i];

		if (!argument->positional)
			*next++ = (struct option){argument->name,
			    argument->placeholder != NULL ? required_argument : no_argument, NULL,
			    OPTION_ARGUMENT + i};
	}
	*next = (struct option){NULL, 0, NULL, 0};
}

/* Up to the command, or with info the rest of the line; optind is at the next word then. */
static bool take_options(int count, char **words, const struct control_command_info *info,
    struct arguments *out, int *status)
{
	struct option options[COMMON_OPTIONS + CONTROL_ARGUMENTS_MAX + 1];
	const struct control_argument *argument;
	int option;

	fill_options(info, options);
	optind = 0;
	while ((option = getopt_long(count, words, info != NULL ? "s:" : "+s:", options, NULL)) !=
	       -1) {
		switch (option) {
		case 's':
			out->socket = optarg;
			break;
		case OPTION_JSON:
			out->json = true;
			break;
		case OPTION_HELP:
			if (info != NULL)
				print_command_usage(info);
			else
				print_usage(stdout);
			return false;
		case OPTION_VERSION:
			(void)puts("kinkctl (" PACKAGE_STRING ")");
			return false;
		case '?':
			(void)fputs("Try kinkctl --help.\n", stderr);
			*status = CTL_USAGE;
			return false;
		default:
			argument = &info->arguments[option - OPTION_ARGUMENT];
			if (!set_argument(out->request, argument,
				argument->placeholder != NULL ? json_string(optarg) : json_true(),
				status))
				return false;
			break;
		}
	}
	return true;
}

/* What is left when the options are taken. */
static bool take_words(
    int count, char **words, const struct control_command_info *info, json_t *request, int *status)
{
	const struct control_argument *argument = info->arguments;

	while (argument->name != NULL && !argument->positional)
		argument++;
	if (argument->name != NULL && count > 0) {
		if (!set_argument(request, argument, json_string(words[0]), status))
			return false;
		words++;
		count--;
	}
	return count == 0 || wrong("unknown argument", words[0], status);
}

bool arguments_parse(int count, char **words, struct arguments *out, int *status)
{
	const struct control_command_info *info;

	*out = (struct arguments){.socket = DEFAULT_SOCKET, .command = -1};
	*status = CTL_OK;
	out->request = json_object();
	if (!take_options(count, words, NULL, out, status))
		return false;
	if (optind >= count) {
		print_usage(stderr);
		*status = CTL_USAGE;
		return false;
	}
	out->command = control_command_of(words[optind]);
	if (out->command < 0)
		return wrong("unknown command", words[optind], status);
	info = &control_commands[out->command];
	(void)json_object_set_new(out->request, "command", json_string(info->name));
	/* getopt_long() begins its complaints with the first word. */
	words[optind] = words[0];
	words += optind;
	count -= optind;
	return take_options(count, words, info, out, status) &&
	       take_words(count - optind, words + optind, info, out->request, status);
}
