/*
 * The control socket's server. A client that does not read gets no more lines made for it, and one
 * that stays silent is closed; neither can hold up the daemon.
 */
#include "daemon/control.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control-private.h"

#define IDLE_MS 60000

struct outgoing {
	uv_write_t write;
	struct client *client;
	char data[];
};

static void client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	if (--client->open_handles > 0)
		return;
	json_decref(client->request);
	json_decref(client->batch);
	free(client);
}

static void client_close(struct client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	slots_remove(&client->control->clients, client->handle);
	uv_close((uv_handle_t *)&client->pipe, client_closed);
	uv_close((uv_handle_t *)&client->timer, client_closed);
}

/* One that waits for us is not idle. */
static void idle(uv_timer_t *timer)
{
	struct client *client = timer->data;

	if (client->pending > 0)
		(void)uv_timer_start(timer, idle, IDLE_MS, 0);
	else
		client_close(client);
}

static void written(uv_write_t *write, int status)
{
	struct outgoing *outgoing = (struct outgoing *)write;
	struct client *client = outgoing->client;
	struct daemon *daemon = client->control->daemon;

	free(outgoing);
	client->writing = false;
	if (status != 0)
		client_close(client);
	else
		client_continue(client);
	host_settle(daemon);
}

/* Sends the lines that are ready. */
static void send_batch(struct client *client)
{
	struct outgoing *outgoing;
	char **texts;
	size_t count = json_array_size(client->batch);
	size_t size = 0;
	char *at;
	uv_buf_t buffer;

	texts = calloc(count > 0 ? count : 1, sizeof(*texts));
	for (size_t i = 0; texts != NULL && i < count; i++) {
		texts[i] = json_dumps(json_array_get(client->batch, i), JSON_COMPACT);
		size += texts[i] != NULL ? strlen(texts[i]) + 1 : 0;
	}
	(void)json_array_clear(client->batch);
	outgoing = texts != NULL ? malloc(sizeof(*outgoing) + size) : NULL;
	if (outgoing != NULL) {
		outgoing->client = client;
		at = outgoing->data;
		for (size_t i = 0; i < count; i++) {
			if (texts[i] == NULL)
				continue;
			at = stpcpy(at, texts[i]);
			*at++ = '\n';
		}
		buffer = uv_buf_init(outgoing->data, (unsigned)size);
		client->writing = uv_write(&outgoing->write, (uv_stream_t *)&client->pipe, &buffer,
				      1, written) == 0;
		if (!client->writing)
			free(outgoing);
	}
	for (size_t i = 0; texts != NULL && i < count; i++)
		free(texts[i]);
	free(texts);
	if (!client->writing)
		client_close(client);
}

static void take_line(struct client *client);

void client_continue(struct client *client)
{
	if (client->closing || client->writing || client->pending > 0)
		return;
	if (client->request != NULL && !client->finished && json_array_size(client->batch) == 0) {
		answer_next(client);
		/* What ended at once has gone on by itself. */
		if (client->closing || client->writing || client->pending > 0)
			return;
	}
	if (json_array_size(client->batch) > 0) {
		(void)uv_timer_start(&client->timer, idle, IDLE_MS, 0);
		send_batch(client);
	} else if (client->finished) {
		json_decref(client->request);
		client->request = NULL;
		client->finished = false;
		take_line(client);
	}
}

/* Begins with the next request in the input, if a whole line is there. */
static void take_line(struct client *client)
{
	char *end = memchr(client->input, '\n', client->input_len);
	struct problem problem;
	json_error_t error;
	const char *name;
	size_t len;

	if (client->request != NULL || client->closing)
		return;
	if (end == NULL) {
		if (client->ended || client->input_len == sizeof(client->input))
			client_close(client);
		return;
	}
	len = (size_t)(end - client->input);
	client->request = json_loadb(client->input, len, JSON_REJECT_DUPLICATES, &error);
	client->input_len -= len + 1;
	memmove(client->input, end + 1, client->input_len);
	client->position = 0;
	client->cursor = 0;
	name = json_string_value(json_object_get(client->request, "command"));
	client->command = name != NULL ? control_command_of(name) : -1;
	if (client->request == NULL) {
		client->request = json_object();
		answer_end(client, "the request is no JSON object");
	} else if (client->command < 0) {
		answer_end(client, "there is no such command");
	} else if (control_request_check(client->command, client->request, &problem) != ERR_OK) {
		answer_end(client, problem.text);
	}
	client_continue(client);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct client *client = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(client->input + client->input_len,
	    (unsigned)(sizeof(client->input) - client->input_len));
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct client *client = stream->data;

	(void)buffer;
	/* One that has said all it will, such as a pipe's end, may still want the answer. */
	client->ended = count == UV_EOF;
	if (client->ended && client->request != NULL)
		return;
	if (client->ended || count < 0) {
		client_close(client);
		return;
	}
	client->input_len += (size_t)count;
	if (client->input_len == sizeof(client->input) && client->request != NULL) {
		/* It sends without reading answers. */
		client_close(client);
		return;
	}
	(void)uv_timer_start(&client->timer, idle, IDLE_MS, 0);
	take_line(client);
	host_settle(client->control->daemon);
}

static void connected(uv_stream_t *server, int status)
{
	static char full[] = "{\"kind\":\"end\",\"ok\":false,"
			     "\"error\":\"too many clients are connected; try again later\"}\n";
	const uv_buf_t refusal = uv_buf_init(full, sizeof(full) - 1);
	struct control *control = server->data;
	struct client *client;

	if (status != 0)
		return;
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return;
	client->control = control;
	client->batch = json_array();
	client->open_handles = 2;
	(void)uv_pipe_init(&control->daemon->loop, &client->pipe, 0);
	(void)uv_timer_init(&control->daemon->loop, &client->timer);
	client->pipe.data = client;
	client->timer.data = client;
	if (uv_accept(server, (uv_stream_t *)&client->pipe) != 0 || client->batch == NULL ||
	    control->clients.count >= CLIENTS_MAX ||
	    slots_add(&control->clients, client, &client->handle) != ERR_OK) {
		(void)uv_try_write((uv_stream_t *)&client->pipe, &refusal, 1);
		client_close(client);
		return;
	}
	(void)uv_timer_start(&client->timer, idle, IDLE_MS, 0);
	if (uv_read_start((uv_stream_t *)&client->pipe, allocate, received) != 0)
		client_close(client);
}

struct client *client_by_handle(struct control *control, uint64_t handle)
{
	return slots_get(&control->clients, handle);
}

/* Whether a daemon answers at the path already; a socket that nobody serves is left from before. */
static bool is_served(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served;

	memcpy(address.sun_path, path, strlen(path) + 1);
	/* EAGAIN: one that is too busy to accept. */
	served = descriptor >= 0 &&
	         (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		     errno == EAGAIN);
	if (descriptor >= 0)
		(void)close(descriptor);
	return served;
}

static void make_folder(const char *path)
{
	char folder[108];
	char *slash;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return;
	*slash = '\0';
	/* Whether it worked shows when the socket is bound. */
	if (mkdir(folder, 0755) == 0)
		(void)chmod(folder, 0755);
}

/* Makes way for the socket; a file of another kind is somebody's, and the setting wrong. */
static enum err remove_stale(const char *path, struct problem *problem)
{
	struct stat found;

	if (lstat(path, &found) != 0)
		return ERR_OK;
	if (!S_ISSOCK(found.st_mode))
		return problem_set(problem, ERR_EXISTS,
		    "control socket %s: there is a file that is no socket; change "
		    "daemon.control.socket or remove it",
		    path);
	(void)unlink(path);
	return ERR_OK;
}

static enum err set_access(
    const char *path, const struct policy_daemon *settings, struct problem *problem)
{
	struct group *group = NULL;

	if (settings->control_group != NULL) {
		group = getgrnam(settings->control_group);
		if (group == NULL)
			return problem_set(problem, ERR_NOT_FOUND,
			    "daemon.control.group: there is no group \"%s\"; create it with "
			    "groupadd",
			    settings->control_group);
		if (chown(path, (uid_t)-1, group->gr_gid) != 0)
			return problem_set(problem, ERR_SYSTEM,
			    "%s: cannot be given to group %s: %s", path, settings->control_group,
			    strerror(errno));
	}
	if (chmod(path, (mode_t)settings->control_mode) != 0)
		return problem_set(problem, ERR_SYSTEM, "%s: %s", path, strerror(errno));
	return ERR_OK;
}

enum err control_open(struct daemon *daemon, struct problem *problem)
{
	const struct policy_daemon *settings = &daemon->policy->daemon;
	struct control *control;
	enum err error;
	int code;

	if (strlen(settings->control_socket) >= sizeof(control->path))
		return problem_set(problem, ERR_TOO_LONG, "daemon.control.socket is too long");
	if (is_served(settings->control_socket))
		return problem_set(problem, ERR_EXISTS,
		    "another kinkd is running and answers at %s", settings->control_socket);
	error = remove_stale(settings->control_socket, problem);
	if (error != ERR_OK)
		return error;
	control = calloc(1, sizeof(*control));
	if (control == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	control->daemon = daemon;
	daemon->control = control;
	(void)uv_pipe_init(&daemon->loop, &control->server, 0);
	control->server.data = control;
	make_folder(settings->control_socket);
	code = uv_pipe_bind(&control->server, settings->control_socket);
	if (code != 0)
		return problem_set(problem, ERR_SYSTEM, "control socket %s: %s",
		    settings->control_socket, uv_strerror(code));
	(void)snprintf(control->path, sizeof(control->path), "%s", settings->control_socket);
	error = set_access(control->path, settings, problem);
	if (error != ERR_OK)
		return error;
	code = uv_listen((uv_stream_t *)&control->server, CLIENTS_MAX, connected);
	if (code != 0)
		return problem_set(
		    problem, ERR_SYSTEM, "control socket %s: %s", control->path, uv_strerror(code));
	return ERR_OK;
}

void control_close(struct control *control)
{
	struct client *client;
	uint32_t cursor = 0;

	if (control == NULL)
		return;
	while ((client = slots_next(&control->clients, &cursor)) != NULL)
		client_close(client);
	uv_close((uv_handle_t *)&control->server, NULL);
	if (control->path[0] != '\0')
		(void)unlink(control->path);
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	slots_clear(&control->clients);
	free(control);
}
