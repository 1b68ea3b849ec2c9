/*
 * The sockets of ESP and AH. Packets go out through raw ones with their IP header made here (so
 * that a transport mode packet keeps its own, in UDP as well) and carry the mark that routes them
 * past our own routing rules.
 */
#ifndef DATAPLANE_USERSPACE_SOCKETS_H
#define DATAPLANE_USERSPACE_SOCKETS_H

#include <netinet/in.h>
#include <stdint.h>

#include "base/address.h"
#include "base/bytes.h"

enum socket_kind {
	SOCKET_ESP,
	SOCKET_AH,
	SOCKET_UDP, /* ESP in UDP; a datagram socket, which keeps the port ours */
	SOCKET_KINDS
};

struct sockets {
	/* Index 0 is IPv4, 1 IPv6; -1 where the host has no such family. */
	int out[2];
	int in[SOCKET_KINDS][2]; /* non-blocking */
};

static inline int sockets_index(uint8_t family)
{
	return family == 4 ? 0 : 1;
}

/* None is open: it can be closed. */
void sockets_init(struct sockets *sockets);
/* udp are datagram sockets of both families to read as well, which stay the caller's; or NULL. */
enum err sockets_open(
    struct sockets *sockets, uint32_t mark, const int *udp, struct problem *problem) MUST_CHECK;
void sockets_close(struct sockets *sockets);

#endif
