/* Where log events go, and what the service manager is told. One of two files is built: with
 * libsystemd, or without. */
#ifndef DAEMON_OUTPUT_H
#define DAEMON_OUTPUT_H

#include "base/log.h"

/* Lines on standard error: time, level, area, message, fields. */
void output_stderr(void *self, enum log_level level, enum log_area area, const char *message,
    const struct log_field *fields, size_t field_count);
/* The journal when standard error leads there, else output_stderr. */
log_sink output_sink(void);
/* "READY=1", "STOPPING=1", ... for systemd; nothing without it. */
void output_notify(const char *state);

#endif
