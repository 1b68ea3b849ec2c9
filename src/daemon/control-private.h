/* What the server of the control socket and the answers share. */
#ifndef DAEMON_CONTROL_PRIVATE_H
#define DAEMON_CONTROL_PRIVATE_H

#include <jansson.h>

#include "control/commands.h"
#include "daemon/control.h"

#define CLIENTS_MAX 32
/* Lines that are made before the client has to have read them. */
#define BATCH_MAX   128

struct client {
	struct control *control;
	uint64_t handle;
	uv_pipe_t pipe;
	uv_timer_t timer;
	char input[CONTROL_LINE_MAX];
	size_t input_len;
	json_t *request; /* being answered; NULL when idle */
	int command;
	size_t position; /* list items given so far */
	uint32_t cursor; /* and where to go on in a list of SAs */
	bool finished;   /* the end line is made */
	bool writing;
	bool ended; /* sends nothing more */
	bool closing;
	int open_handles; /* of the pipe and the timer */
	json_t *batch;    /* array of lines that wait for counters */
	size_t pending;   /* counters asked for */
};

struct control {
	struct daemon *daemon;
	uv_pipe_t server;
	struct slots clients;
	char path[108];
};

/*
 * control-answer.c: makes the next lines into client->batch, at most BATCH_MAX; sets finished with
 * the last. May leave counters pending.
 */
void answer_next(struct client *client);
/* control-list.c: the same for a command that only shows something. */
void answer_list(struct client *client);
/* Adds a line, taking it. */
void answer_line(struct client *client, const char *kind, json_t *line);
/* Adds the last line; error is NULL for success. */
void answer_end(struct client *client, const char *error);
/* control.c: goes on with a client after something asynchronous. */
void client_continue(struct client *client);
struct client *client_by_handle(struct control *control, uint64_t handle);

#endif
