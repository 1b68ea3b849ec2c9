/* Reverse path checks: Documentation/networking/ip-sysctl. */
#include "dataplane/userspace/reverse_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/proc/sys/net/ipv4/conf"
#define STRICT '1'
#define LOOSE  '2'

static int open_setting(const char *interface, int flags)
{
	char path[320];

	(void)snprintf(path, sizeof(path), FOLDER "/%s/rp_filter", interface);
	return open(path, flags | O_CLOEXEC);
}

/* The value's one digit, or 0 when it cannot be read. */
static char read_setting(const char *interface)
{
	int fd = open_setting(interface, O_RDONLY);
	char value = 0;

	if (fd < 0)
		return 0;
	if (read(fd, &value, 1) != 1)
		value = 0;
	(void)close(fd);
	return value;
}

static bool write_setting(const char *interface, char value)
{
	int fd = open_setting(interface, O_WRONLY);
	bool written;

	if (fd < 0)
		return false;
	written = write(fd, &value, 1) == 1;
	(void)close(fd);
	return written;
}

static void loosen(
    struct reverse_path *reverse_path, const char *interface, char setting, struct log *log)
{
	if (reverse_path->count < REVERSE_PATH_INTERFACES_MAX && write_setting(interface, LOOSE)) {
		size_t at = reverse_path->count++;

		(void)snprintf(reverse_path->interfaces[at].name, IFNAMSIZ, "%.15s", interface);
		reverse_path->interfaces[at].setting = setting;
		return;
	}
	log_event(log, LOG_LEVEL_WARNING, LOG_AREA_DATAPLANE,
	    LOG_FIELDS({"interface", interface}, {"cause", strerror(errno)}),
	    "the strict reverse path check of %s cannot be replaced: protected peers behind it "
	    "will "
	    "not be heard; run 'sysctl net.ipv4.conf.%s.rp_filter=2'",
	    interface, interface);
}

void reverse_path_open(struct reverse_path *reverse_path, const char *device, struct log *log)
{
	/* The greater of this and the interface's own counts. */
	char all = read_setting("all");
	DIR *folder = opendir(FOLDER);
	const struct dirent *entry;

	reverse_path->count = 0;
	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		const char *name = entry->d_name;
		char own = read_setting(name);

		if (name[0] == '.' || strcmp(name, "all") == 0 || strcmp(name, "default") == 0 ||
		    strcmp(name, "lo") == 0)
			continue;
		if (own == LOOSE || all == LOOSE || (own != STRICT && all != STRICT))
			continue;
		if (strcmp(name, device) == 0)
			(void)write_setting(name, LOOSE);
		else
			loosen(reverse_path, name, own, log);
	}
	(void)closedir(folder);
}

void reverse_path_close(struct reverse_path *reverse_path)
{
	for (size_t i = 0; i < reverse_path->count; i++)
		(void)write_setting(
		    reverse_path->interfaces[i].name, reverse_path->interfaces[i].setting);
	reverse_path->count = 0;
}
