/* The namespace's settings: Documentation/networking/xfrm_sysctl.rst of the kernel. */
#include "dataplane/xfrm/surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARVAL_DROP "/proc/sys/net/core/xfrm_larval_drop"

struct surroundings {
	struct log *log;
	char path[256];          /* "" for no file */
	unsigned long namespace; /* the network namespace's number */
	unsigned larval_drop;    /* as it was */
	bool known;              /* whether it could be read */
};

static bool read_number(const char *path, unsigned *out)
{
	FILE *file = fopen(path, "re");
	bool good = file != NULL && fscanf(file, "%u", out) == 1;

	if (file != NULL)
		(void)fclose(file);
	return good;
}

static bool write_number(const char *path, unsigned number)
{
	FILE *file = fopen(path, "we");
	bool good = file != NULL && fprintf(file, "%u\n", number) > 0;

	if (file != NULL && fclose(file) != 0)
		good = false;
	return good;
}

/* What an earlier run in this namespace found, if it ended without putting it back. */
static void recall(struct surroundings *surroundings)
{
	FILE *file = fopen(surroundings->path, "re");
	unsigned long namespace;
	unsigned larval_drop;

	if (file == NULL)
		return;
	if (fscanf(file, "namespace %lu larval_drop %u", &namespace, &larval_drop) == 2 &&
	    namespace == surroundings->namespace)
		surroundings->larval_drop = larval_drop;
	(void)fclose(file);
}

/* Whole or not at all: a crash may come at any time. */
static void remember(const struct surroundings *surroundings)
{
	char new[sizeof(surroundings->path) + 8];
	FILE *file;
	bool good;

	(void)snprintf(new, sizeof(new), "%s.new", surroundings->path);
	file = fopen(new, "we");
	good = file != NULL && fprintf(file, "namespace %lu larval_drop %u\n",
				   surroundings->namespace, surroundings->larval_drop) > 0;
	if (file != NULL && fclose(file) != 0)
		good = false;
	if (good && rename(new, surroundings->path) == 0)
		return;
	log_event(surroundings->log, LOG_LEVEL_WARNING, LOG_AREA_DATAPLANE,
	    LOG_FIELDS({"path", surroundings->path}),
	    "cannot note how the system was before (%s): after a crash "
	    "net.core.xfrm_larval_drop will not be put back",
	    strerror(errno));
}

struct surroundings *surroundings_open(const char *path, struct log *log)
{
	struct surroundings *surroundings = calloc(1, sizeof(*surroundings));
	struct stat namespace;

	if (surroundings == NULL)
		return NULL;
	surroundings->log = log;
	if (path != NULL && strlen(path) < sizeof(surroundings->path))
		(void)snprintf(surroundings->path, sizeof(surroundings->path), "%s", path);
	if (stat("/proc/self/ns/net", &namespace) == 0)
		surroundings->namespace = (unsigned long)namespace.st_ino;
	surroundings->known = read_number(LARVAL_DROP, &surroundings->larval_drop);
	if (surroundings->path[0] != '\0') {
		recall(surroundings);
		remember(surroundings);
	}
	if (!write_number(LARVAL_DROP, 0))
		log_event(log, LOG_LEVEL_WARNING, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
		    "net.core.xfrm_larval_drop cannot be set (%s): the first packets to each host "
		    "will be lost while its SA is negotiated",
		    strerror(errno));
	return surroundings;
}

void surroundings_close(struct surroundings *surroundings, bool keep)
{
	if (surroundings == NULL)
		return;
	if (!keep) {
		if (surroundings->known)
			(void)write_number(LARVAL_DROP, surroundings->larval_drop);
		if (surroundings->path[0] != '\0')
			(void)unlink(surroundings->path);
	}
	free(surroundings);
}
