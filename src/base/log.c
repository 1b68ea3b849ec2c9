/* Log events with fields. */
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static const char *const area_names[LOG_AREA_COUNT] = {
    [LOG_AREA_DAEMON] = "daemon",
    [LOG_AREA_CONTROL] = "control",
    [LOG_AREA_POLICY] = "policy",
    [LOG_AREA_KERBEROS] = "kerberos",
    [LOG_AREA_KX] = "kx",
    [LOG_AREA_KINK] = "kink",
    [LOG_AREA_IKEV1] = "ikev1",
    [LOG_AREA_SA] = "sa",
    [LOG_AREA_DATAPLANE] = "dataplane",
};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

void log_init(struct log *log, log_sink sink, void *self, enum log_level level)
{
	log->sink = sink;
	log->self = self;
	for (int area = 0; area < LOG_AREA_COUNT; area++)
		log->levels[area] = level;
}

void log_event(struct log *log, enum log_level level, enum log_area area,
    const struct log_field *fields, size_t field_count, const char *format, ...)
{
	char message[512];
	va_list arguments;

	if (!log_wants(log, level, area))
		return;
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	log->sink(log->self, level, area, message, fields, field_count);
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

const char *log_area_name(enum log_area area)
{
	return area_names[area];
}

enum err log_level_parse(const char *name, enum log_level *out)
{
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		if (strcmp(name, level_names[level]) == 0) {
			*out = (enum log_level)level;
			return ERR_OK;
		}
	}
	return ERR_NOT_FOUND;
}

enum err log_area_parse(const char *name, enum log_area *out)
{
	for (int area = 0; area < LOG_AREA_COUNT; area++) {
		if (strcmp(name, area_names[area]) == 0) {
			*out = (enum log_area)area;
			return ERR_OK;
		}
	}
	return ERR_NOT_FOUND;
}
