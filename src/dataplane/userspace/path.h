/* Asks the kernel about the way to an address, past our own routing rules. */
#ifndef DATAPLANE_USERSPACE_PATH_H
#define DATAPLANE_USERSPACE_PATH_H

#include <stdint.h>

#include "base/address.h"

/* One thread's: sockets that are connected and asked, and never send. */
struct path {
	int fd[2]; /* IPv4, IPv6; -1 where the host has no such family */
};

enum err path_open(struct path *path, uint32_t mark, struct problem *problem) MUST_CHECK;
void path_close(struct path *path);

/*
 * The MTU of the path to destination as the kernel knows it, 0 without a route; and, where source
 * is not NULL, the address that the kernel would send from.
 */
unsigned path_mtu(
    const struct path *path, const struct address *destination, struct address *source);

#endif
