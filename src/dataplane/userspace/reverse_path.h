/*
 * The kernel's reverse path check (rp_filter, RFC 3704) drops what comes in by another interface
 * than the way back leads through. With our routes the way back to every protected peer leads
 * through the TUN device; so under a strict check neither its ESP packets nor its ARP requests
 * would be taken.
 *
 * Where the administrator wants the strict check, the kernel's is made loose while the data plane
 * runs, and the packet filter checks as strictly, by the routes that are not ours. After a daemon
 * was killed the filter stays, and the loose setting with it.
 */
#ifndef DATAPLANE_USERSPACE_REVERSE_PATH_H
#define DATAPLANE_USERSPACE_REVERSE_PATH_H

#include <net/if.h>
#include <stddef.h>

#include "base/log.h"

#define REVERSE_PATH_INTERFACES_MAX 64

struct reverse_path {
	size_t count;
	struct {
		char name[IFNAMSIZ];
		char setting;                      /* as it was */
	} interfaces[REVERSE_PATH_INTERFACES_MAX]; /* that were made loose */
};

/* Warns of interfaces that stay strict. */
void reverse_path_open(struct reverse_path *reverse_path, const char *device, struct log *log);
/* Undoes what open did. */
void reverse_path_close(struct reverse_path *reverse_path);

#endif
