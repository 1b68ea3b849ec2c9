/*
 * Fragments. What the stack hands out in fragments is put together before policy and ESP see it:
 * ports are only in the first one, and a transport mode SA carries whole packets (RFC 4301 section
 * 7). What is too long for its path after that is cut again.
 */
#ifndef DATAPLANE_USERSPACE_FRAGMENT_H
#define DATAPLANE_USERSPACE_FRAGMENT_H

#include "dataplane/userspace/packet.h"

struct reassembler;

/* Bounded: a few packets at a time, each for a few seconds. NULL when out of memory. */
struct reassembler *reassembler_new(void);
void reassembler_free(struct reassembler *reassembler);
/*
 * Takes a fragment, in whatever order they come. Returns the whole packet when this was the last
 * piece missing, valid until the next call; else empty.
 */
struct bytes reassembler_add(
    struct reassembler *reassembler, const struct packet *fragment, uint64_t now_ms);

/* A packet to be sent in pieces. */
struct fragmenter {
	struct packet packet;
	size_t piece; /* payload octets of each but the last */
	size_t count;
	uint32_t identification;
};

/*
 * ERR_INVALID when the octets are no packet, or mtu leaves no room. Borrows octets. An IPv4 packet
 * that has an identification keeps it.
 */
enum err fragment_begin(struct fragmenter *fragmenter, struct bytes octets, unsigned mtu,
    uint32_t identification) MUST_CHECK;
/* Writes fragment number index, at most mtu octets; returns its length. */
size_t fragment_write(const struct fragmenter *fragmenter, size_t index, uint8_t *out);

#endif
