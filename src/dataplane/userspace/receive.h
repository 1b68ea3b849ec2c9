/*
 * Batches of packets from the sockets, each made an IP packet again with all of its header: of the
 * sockets only IPv4's raw ones give it.
 */
#ifndef DATAPLANE_USERSPACE_RECEIVE_H
#define DATAPLANE_USERSPACE_RECEIVE_H

#include "dataplane/userspace/parcel.h"
#include "dataplane/userspace/sockets.h"

#define RECEIVE_BATCH 64 /* packets at most */

struct receiver;

/* NULL when out of memory. */
struct receiver *receiver_new(void);
void receiver_free(struct receiver *receiver);

/*
 * Takes what a socket of that kind and family has, without waiting; returns how many packets that
 * were. They stay valid until the next call.
 */
unsigned receiver_take(
    struct receiver *receiver, const struct sockets *sockets, enum socket_kind kind, bool ipv6);

struct received {
	struct parcel parcel;       /* of a datagram: as if ESP had come by itself */
	struct endpoint source;     /* the port is 0 unless it came in UDP */
	struct address destination; /* outer addresses */
};

/* What the socket gave. */
struct bytes receiver_octets(const struct receiver *receiver, unsigned index);
/* ERR_INVALID or ERR_TRUNCATED when it is no packet. */
enum err receiver_packet(
    struct receiver *receiver, unsigned index, struct received *out) MUST_CHECK;

#endif
