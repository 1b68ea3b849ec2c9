/*
 * The raw sockets of ESP. Packets go out with their IP header made here (so that a transport mode
 * packet keeps its own) and carry the mark that routes them past our own routing rules.
 */
#ifndef DATAPLANE_USERSPACE_SOCKETS_H
#define DATAPLANE_USERSPACE_SOCKETS_H

#include <netinet/in.h>
#include <stdint.h>

#include "base/address.h"
#include "base/bytes.h"

struct sockets {
	/* Index 0 is IPv4, 1 IPv6; -1 where the host has no such family. */
	int out[2];
	int in[2]; /* non-blocking */
};

static inline int sockets_index(uint8_t family)
{
	return family == 4 ? 0 : 1;
}

enum err sockets_open(struct sockets *sockets, uint32_t mark, struct problem *problem) MUST_CHECK;
void sockets_close(struct sockets *sockets);

#endif
