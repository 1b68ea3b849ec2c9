/* What changes in a running daemon when its file does. */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "daemon/daemon.h"

/* A policy in words, to be freed; NULL without memory. */
char *reload_describe(const struct policy *policy);
void reload_log_levels(struct daemon *daemon, const struct policy *policy);
/* Reads the file again. A wrong one changes nothing. */
void reload(struct daemon *daemon);

#endif
