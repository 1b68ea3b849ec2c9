/*
 * The control protocol's commands, as one table for both ends: kinkctl's command line, help and
 * completion, and the daemon's dispatch.
 *
 * A client sends one JSON object a line: {"command": NAME, ARGUMENT: VALUE, ...}. The daemon
 * answers with lines that have a "kind" ("daemon", "connection", "sa", "ike", "policy", "peer",
 * "probe"), and last
 * {"kind": "end", "ok": true} or {"kind": "end", "ok": false, "error": TEXT}.
 */
#ifndef CONTROL_COMMANDS_H
#define CONTROL_COMMANDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The longest line that is accepted from a client, and its longest argument. */
#define CONTROL_LINE_MAX 4096

enum control_command {
	CONTROL_STATUS,
	CONTROL_SA,
	CONTROL_IKE,
	CONTROL_POLICY,
	CONTROL_PEERS,
	CONTROL_INITIATE,
	CONTROL_TERMINATE,
	CONTROL_PROBE,
	CONTROL_COMMAND_COUNT
};

struct control_argument {
	const char *name;        /* in JSON; "--name" on the command line unless positional */
	const char *placeholder; /* of its value; NULL for a flag */
	const char *help;
	bool positional; /* at most one of a command, and never a flag */
};

#define CONTROL_ARGUMENTS_MAX 4

struct control_command_info {
	const char *name;
	const char *help;
	const char *list; /* how its lines are called together in JSON output; NULL without any */
	const char *kind; /* of those lines */
	struct control_argument arguments[CONTROL_ARGUMENTS_MAX]; /* ended by a NULL name */
};

extern const struct control_command_info control_commands[CONTROL_COMMAND_COUNT];

/* The command of that name, or -1. */
int control_command_of(const char *name);

/*
 * Whether the request has only arguments of the command, flags as booleans and the others as
 * strings. ERR_INVALID names the argument: one that is misspelt must not widen a terminate.
 */
enum err control_request_check(
    int command, const json_t *request, struct problem *problem) MUST_CHECK;

#endif
