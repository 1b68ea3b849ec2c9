/* The file of flows that are protected for good: one selector a line. */
#include "dataplane/userspace/promises.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 256
#define LINE_SIZE (4 * ADDRESS_TEXT_SIZE + 64)

static bool put(FILE *file, const struct selector *selector)
{
	char text[4][ADDRESS_TEXT_SIZE];

	return fprintf(file, "%s %s %s %s %u %u %u %u %u\n",
		   address_format(&selector->local.first, text[0]),
		   address_format(&selector->local.last, text[1]),
		   address_format(&selector->remote.first, text[2]),
		   address_format(&selector->remote.last, text[3]), selector->local_ports.first,
		   selector->local_ports.last, selector->remote_ports.first,
		   selector->remote_ports.last, selector->protocol) > 0;
}

static bool parse_range(const char *first, const char *last, struct address_range *out)
{
	return address_parse(first, &out->first) == ERR_OK &&
	       address_parse(last, &out->last) == ERR_OK && out->first.family == out->last.family &&
	       address_compare(&out->first, &out->last) <= 0;
}

static bool parse(const char *line, struct selector *out)
{
	char text[4][ADDRESS_TEXT_SIZE];
	unsigned number[5];

	/* ADDRESS_TEXT_SIZE is 46. */
	if (sscanf(line, "%45s %45s %45s %45s %u %u %u %u %u", text[0], text[1], text[2], text[3],
		&number[0], &number[1], &number[2], &number[3], &number[4]) != 9 ||
	    number[0] > UINT16_MAX || number[1] > UINT16_MAX || number[2] > UINT16_MAX ||
	    number[3] > UINT16_MAX || number[4] > UINT8_MAX)
		return false;
	*out = (struct selector){.local_ports = {(uint16_t)number[0], (uint16_t)number[1]},
	    .remote_ports = {(uint16_t)number[2], (uint16_t)number[3]},
	    .protocol = (uint8_t)number[4]};
	return parse_range(text[0], text[1], &out->local) &&
	       parse_range(text[2], text[3], &out->remote);
}

static void complain(const char *path, struct log *log)
{
	log_event(log, LOG_LEVEL_WARNING, LOG_AREA_DATAPLANE, LOG_FIELDS({"path", path}),
	    "cannot note which flows are protected (%s): where protection is only requested they "
	    "may be clear after the next start",
	    strerror(errno));
}

void promises_note(const char *path, const struct selector *selector, struct log *log)
{
	FILE *file = path != NULL ? fopen(path, "ae") : NULL;
	bool good = file != NULL && put(file, selector);

	if (file != NULL && fclose(file) != 0)
		good = false;
	if (path != NULL && !good)
		complain(path, log);
}

void promises_recall(const char *path, struct spd *spd, uint32_t policy_id)
{
	FILE *file = path != NULL ? fopen(path, "re") : NULL;
	char line[LINE_SIZE];
	struct selector selector;

	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (parse(line, &selector))
			(void)spd_require(spd, policy_id, &selector);
	}
	(void)fclose(file);
}

/* Whole or not at all: a crash may come at any time. */
void promises_tidy(const char *path, const struct spd *spd, struct log *log)
{
	char new[PATH_SIZE];
	FILE *file;
	bool good;

	if (path == NULL || access(path, F_OK) != 0)
		return;
	(void)snprintf(new, sizeof(new), "%s.new", path);
	file = fopen(new, "we");
	good = file != NULL;
	for (size_t i = 0; good && i < spd->flow_count; i++)
		good = put(file, &spd->flows[i].selector);
	if (file != NULL && fclose(file) != 0)
		good = false;
	if (!good || rename(new, path) != 0)
		complain(path, log);
}

void promises_forget(const char *path)
{
	if (path != NULL)
		(void)unlink(path);
}
