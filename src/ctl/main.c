/* kinkctl: shows and steers kinkd. */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

/* One object: what the daemon says of itself, and the list. */
static void print_json(int command, const json_t *lines, const json_t *end)
{
	const struct control_command_info *info = &control_commands[command];
	json_t *object = json_object();
	json_t *list = info->list != NULL ? json_array() : NULL;
	json_t *line;
	size_t index;

	json_array_foreach(lines, index, line)
	{
		const char *kind = json_string_value(json_object_get(line, "kind"));
		bool listed = info->kind != NULL && strcmp(kind, info->kind) == 0;

		json_incref(line);
		(void)json_object_del(line, "kind");
		if (listed)
			(void)json_array_append(list, line);
		else
			(void)json_object_update(object, line);
		json_decref(line);
	}
	if (list != NULL)
		(void)json_object_set_new(object, info->list, list);
	(void)json_object_set(object, "ok", json_object_get(end, "ok"));
	if (json_object_get(end, "error") != NULL)
		(void)json_object_set(object, "error", json_object_get(end, "error"));
	(void)json_dumpf(object, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(object);
}

static void print_error(const char *error)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s", error != NULL ? error : "it failed");
	(void)fprintf(stderr, "kinkctl: %s\n", format_plain(text));
}

int main(int count, char **words)
{
	struct arguments arguments;
	json_t *lines = NULL;
	json_t *end = NULL;
	int status;

	if (arguments_parse(count, words, &arguments, &status))
		status = connection_ask(arguments.socket, arguments.request, &lines, &end);
	if (end != NULL) {
		bool good = json_is_true(json_object_get(end, "ok"));

		if (arguments.json)
			print_json(arguments.command, lines, end);
		else if (good)
			show(arguments.command, lines);
		if (!good) {
			print_error(json_string_value(json_object_get(end, "error")));
			status = CTL_FAILURE;
		}
		json_decref(lines);
		json_decref(end);
	}
	json_decref(arguments.request);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("kinkctl: standard output");
		return CTL_FAILURE;
	}
	return status;
}
