/* Log events with fields to the journal, and readiness to systemd. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "daemon/output.h"

#define ENTRIES_MAX 16
#define ENTRY_SIZE  640

struct entries {
	char texts[ENTRIES_MAX][ENTRY_SIZE];
	struct iovec vectors[ENTRIES_MAX];
	int count;
};

static void put(struct entries *entries, const char *name, const char *value)
{
	char *text;
	int len;

	if (entries->count == ENTRIES_MAX)
		return;
	text = entries->texts[entries->count];
	len = snprintf(text, ENTRY_SIZE, "%s=%s", name, value);
	if (len < 0)
		return;
	if (len >= ENTRY_SIZE)
		len = ENTRY_SIZE - 1;
	entries->vectors[entries->count++] =
	    (struct iovec){.iov_base = text, .iov_len = (size_t)len};
}

static void journal(void *self, enum log_level level, enum log_area area, const char *message,
    const struct log_field *fields, size_t field_count)
{
	struct entries entries = {.count = 0};
	char priority[4];
	char name[64];

	(void)self;
	(void)snprintf(priority, sizeof(priority), "%d", (int)level);
	put(&entries, "MESSAGE", message);
	put(&entries, "PRIORITY", priority);
	put(&entries, "SYSLOG_IDENTIFIER", "kinkd");
	put(&entries, "KINKD_AREA", log_area_name(area));
	for (size_t i = 0; i < field_count; i++) {
		(void)snprintf(name, sizeof(name), "KINKD_%s", fields[i].name);
		for (char *c = name; *c != '\0'; c++)
			*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
		put(&entries, name, fields[i].value);
	}
	(void)sd_journal_sendv(entries.vectors, entries.count);
}

/* systemd names the journal's device and inode when standard error is connected to it. */
static int stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat file;
	char here[64];

	if (stream == NULL || fstat(STDERR_FILENO, &file) != 0)
		return 0;
	(void)snprintf(
	    here, sizeof(here), "%ju:%ju", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino);
	return strcmp(here, stream) == 0;
}

log_sink output_sink(void)
{
	return stderr_is_journal() ? journal : output_stderr;
}

void output_notify(const char *state)
{
	(void)sd_notify(0, state);
}
