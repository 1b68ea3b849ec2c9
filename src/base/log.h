/*
 * Log events with fields. The engine writes events; where they go (stderr, journal, a test's
 * buffer) is the sink's business.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

#include "base/error.h"

/* syslog's numbers, so that a sink can hand them on. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

enum log_area {
	LOG_AREA_DAEMON,
	LOG_AREA_CONTROL,
	LOG_AREA_POLICY,
	LOG_AREA_KERBEROS,
	LOG_AREA_KX,
	LOG_AREA_KINK,
	LOG_AREA_IKEV1,
	LOG_AREA_SA,
	LOG_AREA_DATAPLANE,
	LOG_AREA_COUNT
};

/* One named value; both strings are borrowed for the call. */
struct log_field {
	const char *name;
	const char *value;
};

typedef void (*log_sink)(void *self, enum log_level level, enum log_area area, const char *message,
    const struct log_field *fields, size_t field_count);

struct log {
	log_sink sink;
	void *self;
	enum log_level levels[LOG_AREA_COUNT]; /* events above it are dropped */
};

/* All areas at level. */
void log_init(struct log *log, log_sink sink, void *self, enum log_level level);

static inline int log_wants(const struct log *log, enum log_level level, enum log_area area)
{
	return log != NULL && log->sink != NULL && level <= log->levels[area];
}

/* fields may be NULL when field_count is 0. Never a key in message or fields. */
void log_event(struct log *log, enum log_level level, enum log_area area,
    const struct log_field *fields, size_t field_count, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* An event with the fields given as { "name", value } pairs after the area. */
#define LOG_FIELDS(...)                                                                            \
	((const struct log_field[]){__VA_ARGS__}),                                                 \
	    sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)
#define LOG_NO_FIELDS NULL, 0

const char *log_level_name(enum log_level level); /* "error" ... "debug" */
const char *log_area_name(enum log_area area);    /* "daemon", "kink", ... */
/* The level or area of that name, or ERR_NOT_FOUND. */
enum err log_level_parse(const char *name, enum log_level *out) MUST_CHECK;
enum err log_area_parse(const char *name, enum log_area *out) MUST_CHECK;

#endif
