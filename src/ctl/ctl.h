/* What the files of kinkctl share. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/commands.h"

/* Exit codes; in the manual as well. */
enum { CTL_OK = 0, CTL_FAILURE = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3 };

/* arguments.c */
struct arguments {
	const char *socket;
	bool json;
	int command;
	json_t *request;
};
/* True to go on; else *status is the code to exit with. Changes the order of the words. */
bool arguments_parse(int count, char **words, struct arguments *out, int *status);

/* connection.c */
/*
 * Sends the request and gathers the answer: lines is an array of them without the last one, which
 * is *end. Any other code than CTL_OK when the daemon cannot be reached or breaks off; that has
 * been said then, and there is nothing to free.
 */
int connection_ask(const char *socket, const json_t *request, json_t **lines, json_t **end);

/* format.c: into buffers of this size. */
#define FORMAT_SIZE 32

const char *format_duration(int64_t seconds, char text[FORMAT_SIZE]); /* "41 min" */
const char *format_bytes(uint64_t bytes, char text[FORMAT_SIZE]);     /* "1.2 GiB" */

/* Peers have a say in texts, but not in what the terminal does: controls become "?". */
char *format_plain(char *text);
/* Columns that the UTF-8 text takes, one for each character. */
size_t format_width(const char *text);

/* table.c: aligned columns. */
struct table;

struct table *table_new(const char *const *headings, size_t columns);
/* Adds a cell, row by row; text is copied, NULL stands for "-". colour is an SGR number or 0. */
void table_add(struct table *table, const char *text, int colour);
/* Prints and frees it. */
void table_print(struct table *table, bool colours);

/* show.c: for people. */
void show(int command, const json_t *lines);

#endif
