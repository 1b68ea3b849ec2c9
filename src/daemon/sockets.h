/* The UDP sockets of the negotiation, for IPv4 and IPv6, read and written in batches. */
#ifndef DAEMON_SOCKETS_H
#define DAEMON_SOCKETS_H

#include <uv.h>

#include "base/log.h"
#include "kinkd/host.h"

struct sockets;

struct sockets_settings {
	uint16_t kink_port;
	uint32_t mark; /* SO_MARK, so that the data plane lets them pass; 0 for none */
};

/* received may be called many times before settled is, which ends each batch. */
struct sockets_listener {
	void *self;
	void (*received)(void *self, const struct host_datagram *datagram);
	void (*settled)(void *self);
};

enum err sockets_open(uv_loop_t *loop, const struct sockets_settings *settings,
    const struct sockets_listener *listener, struct log *log, struct sockets **out,
    struct problem *problem) MUST_CHECK;
/* Queues a copy; goes out with sockets_flush(). */
void sockets_send(struct sockets *sockets, const struct host_datagram *datagram);
void sockets_flush(struct sockets *sockets);
/* The loop must run once more before sockets_free(). */
void sockets_close(struct sockets *sockets);
void sockets_free(struct sockets *sockets);

#endif
