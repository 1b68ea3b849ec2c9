/* The command line. */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>

/* Exit codes; in the manual as well. */
enum { DAEMON_OK = 0, DAEMON_FAILURE = 1, DAEMON_USAGE = 2, DAEMON_CONFIG = 3 };

struct options {
	const char *config_path;
	bool test;
	bool debug;
};

/* True to go on; else *status is the code to exit with, and what there was to say has been said. */
bool options_parse(int count, char **arguments, struct options *out, int *status);

#endif
