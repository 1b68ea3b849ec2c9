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

/* Whether it could be sent shows in the answer: the daemon may refuse before it has read. */
static void send_request(int descriptor, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len;

	if (text == NULL)
		abort();
	len = strlen(text);
	text[len++] = '\n';
	for (size_t sent = 0; sent < len;) {
		ssize_t count = send(descriptor, text + sent, len - sent, MSG_NOSIGNAL);

		if (count < 0)
			break;
		sent += (size_t)count;
	}
	free(text);
}

int connection_ask(const char *socket, const json_t *request, json_t **lines, json_t **end)
{
	int descriptor = reach(socket);
	FILE *stream = descriptor >= 0 ? fdopen(descriptor, "r") : NULL;
	bool complete;

	if (stream == NULL)
		return CTL_UNREACHABLE;
	*lines = json_array();
	send_request(descriptor, request);
	complete = gather(stream, *lines, end);
	(void)fclose(stream);
	if (complete)
		return CTL_OK;
	(void)fprintf(
	    stderr, "kinkctl: kinkd broke off its answer; see its log (journalctl -u kinkd)\n");
	json_decref(*lines);
	return CTL_FAILURE;
}
