/*
 * The UDP sockets of the negotiation, one for each of the host's ports and each of IPv4 and IPv6,
 * read and written in batches.
 */
#ifndef DAEMON_UDP_H
#define DAEMON_UDP_H

#include <uv.h>

#include "base/log.h"
#include "kinkd/host.h"

struct udp;

struct udp_settings {
	uint16_t ports[HOST_PORT_COUNT]; /* 0: not opened */
	uint32_t mark; /* SO_MARK, so that the data plane lets them pass; 0 for none */
};

/* received may be called many times before settled is, which ends each batch. */
struct udp_listener {
	void *self;
	void (*received)(void *self, const struct host_datagram *datagram);
	/* An ICMP error says that datagrams do not reach this host; nobody vouches for it. */
	void (*unreachable)(void *self, const struct address *remote);
	void (*settled)(void *self);
};

enum err udp_open(uv_loop_t *loop, const struct udp_settings *settings,
    const struct udp_listener *listener, struct log *log, struct udp **out,
    struct problem *problem) MUST_CHECK;
/* The sockets of a port, of IPv4 and IPv6; -1 where there is none. They stay here. */
void udp_descriptors(const struct udp *udp, enum host_port port, int out[2]);
/* Somebody else reads that port from now on. */
void udp_stop_reading(struct udp *udp, enum host_port port);
/* Queues a copy; goes out with udp_flush(). */
void udp_send(struct udp *udp, const struct host_datagram *datagram);
void udp_flush(struct udp *udp);
/* The loop must run once more before udp_free(). */
void udp_close(struct udp *udp);
void udp_free(struct udp *udp);

#endif
