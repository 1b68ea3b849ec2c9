/*
 * The file is read again on SIGHUP: log levels change at once, whatever else is different is named,
 * since it waits for a restart.
 */
#include "daemon/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/output.h"
#include "policy/config.h"

/* Differences that are named one by one. */
#define NAMED_MAX 5

char *reload_describe(const struct policy *policy)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	config_describe(policy, out);
	(void)fclose(out);
	return text;
}

void reload_log_levels(struct daemon *daemon, const struct policy *policy)
{
	if (!daemon->debug)
		memcpy(daemon->log.levels, policy->daemon.log_levels, sizeof(daemon->log.levels));
}

/* Whether the text has this very line. */
static bool has_line(const char *text, const char *line, size_t len)
{
	while (*text != '\0') {
		size_t next = strcspn(text, "\n");

		if (next == len && memcmp(text, line, len) == 0)
			return true;
		text += next + (text[next] == '\n' ? 1 : 0);
	}
	return false;
}

/* Names the lines that the other text has not, behind the first line of their paragraph. */
static size_t compare(struct daemon *daemon, const char *text, const char *other, const char *what)
{
	static const char levels[] = "daemon.log.";
	const char *head = "";
	size_t count = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (*text != ' ')
			head = text;
		if (strncmp(text, levels, sizeof(levels) - 1) != 0 && !has_line(other, text, len) &&
		    ++count <= NAMED_MAX) {
			int lead = head != text ? (int)strcspn(head, ":\n") : 0;

			log_event(&daemon->log, LOG_LEVEL_NOTICE, LOG_AREA_POLICY, LOG_NO_FIELDS,
			    "%s: %.*s%s%.*s", what, lead, head, lead > 0 ? ": " : "",
			    (int)(len - strspn(text, " ")), text + strspn(text, " "));
		}
		text += len + (text[len] == '\n' ? 1 : 0);
	}
	return count;
}

static void name_differences(struct daemon *daemon, const struct policy *policy)
{
	char *text = reload_describe(policy);
	size_t count = 0;

	if (text != NULL && daemon->described != NULL)
		count = compare(daemon, text, daemon->described, "only after a restart") +
		        compare(daemon, daemon->described, text, "still until a restart");
	log_event(&daemon->log, LOG_LEVEL_NOTICE, LOG_AREA_POLICY, LOG_NO_FIELDS,
	    count > 0 ? "log levels are taken over; other changes in the file need a restart"
		      : "log levels are taken over; nothing else has changed in the file");
	free(text);
}

void reload(struct daemon *daemon)
{
	struct policy *policy = NULL;
	struct problem problem;

	output_notify("RELOADING=1");
	if (config_load(daemon->config_path, &policy, &problem) != ERR_OK) {
		log_event(&daemon->log, LOG_LEVEL_ERROR, LOG_AREA_POLICY, LOG_NO_FIELDS,
		    "the file is wrong, nothing is changed: %s", problem.text);
	} else {
		reload_log_levels(daemon, policy);
		name_differences(daemon, policy);
		policy_release(policy);
	}
	output_notify("READY=1");
}
