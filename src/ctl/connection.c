/* The way to the daemon: a Unix stream of JSON lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/ctl.h"

static int reach(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *advice = "";

	if (descriptor >= 0 && strlen(path) < sizeof(address.sun_path)) {
		memcpy(address.sun_path, path, strlen(path) + 1);
		if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0)
			return descriptor;
	} else {
		errno = ENAMETOOLONG;
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		advice = "; is kinkd running? (systemctl status kinkd)";
	else if (errno == EACCES)
		advice = "; that takes root, or the group of daemon.control.group in kinkd.conf";
	(void)fprintf(
	    stderr, "kinkctl: cannot reach kinkd at %s: %s%s\n", path, strerror(errno), advice);
	if (descriptor >= 0)
		(void)close(descriptor);
	return -1;
}

/* Reads lines up to the one that ends the answer. */
static bool gather(FILE *stream, json_t *lines, json_t **end)
{
	char *text = NULL;
	size_t size = 0;
	bool complete = false;

	while (!complete && getline(&text, &size, stream) > 0) {
		json_t *line = json_loads(text, 0, NULL);
		const char *kind = json_string_value(json_object_get(line, "kind"));

		if (kind == NULL) {
			json_decref(line);
			break;
		}
		complete = strcmp(kind, "end") == 0;
		if (complete)
			*end = line;
		else
			(void)json_array_append_new(lines, line);
	}
	free(text);
	return complete;
}

bool connection_ask(const char *socket, const json_t *request, json_t **lines, json_t **end)
{
	int descriptor = reach(socket);
	FILE *stream = descriptor >= 0 ? fdopen(descriptor, "r+") : NULL;
	bool complete;

	if (stream == NULL)
		return false;
	*lines = json_array();
	complete = json_dumpf(request, stream, JSON_COMPACT) == 0 && fputc('\n', stream) != EOF &&
	           fflush(stream) == 0 && gather(stream, *lines, end);
	(void)fclose(stream);
	if (!complete) {
		(void)fprintf(stderr, "kinkctl: kinkd broke off its answer; see its log "
				      "(journalctl -u kinkd)\n");
		json_decref(*lines);
	}
	return complete;
}
