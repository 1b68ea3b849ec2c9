/* The control socket: a Unix stream of JSON lines (control/commands.h). */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "daemon/daemon.h"

/* ERR_EXISTS when another daemon answers there. */
enum err control_open(struct daemon *daemon, struct problem *problem) MUST_CHECK;
/* The loop must run once more before control_free(). */
void control_close(struct control *control);
void control_free(struct control *control);

#endif
