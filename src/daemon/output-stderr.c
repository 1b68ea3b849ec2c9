/* Log events as lines on standard error. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/output.h"

/* A value with spaces is quoted, so that lines can be taken apart again. */
static size_t put_field(char *line, size_t used, size_t size, const struct log_field *field)
{
	const char *quote = strpbrk(field->value, " \"=") != NULL ? "\"" : "";
	int written = snprintf(
	    line + used, size - used, " %s=%s%s%s", field->name, quote, field->value, quote);

	return written > 0 ? used + (size_t)written : used;
}

/* Peers have a say in texts: none of them may end the line, or reach the terminal's controls. */
static void make_plain(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == '\x7f')
			line[i] = '?';
	}
}

void output_stderr(void *self, enum log_level level, enum log_area area, const char *message,
    const struct log_field *fields, size_t field_count)
{
	char line[2048];
	char stamp[32];
	struct timespec now;
	struct tm parts;
	size_t used;
	int written;

	(void)self;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &parts);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
	written = snprintf(line, sizeof(line), "%s.%03ldZ %s %s: %s", stamp, now.tv_nsec / 1000000,
	    log_level_name(level), log_area_name(area), message);
	used = written > 0 ? (size_t)written : 0;
	for (size_t i = 0; i < field_count && used < sizeof(line); i++) {
		if (fields[i].value[0] != '\0')
			used = put_field(line, used, sizeof(line), &fields[i]);
	}
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	make_plain(line, used);
	line[used++] = '\n';
	/* One write, so that lines of several threads do not mix. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}
