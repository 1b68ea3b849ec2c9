/* What an IP packet's headers say: addresses, ports, and where its parts begin. */
#ifndef DATAPLANE_USERSPACE_PACKET_H
#define DATAPLANE_USERSPACE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "kinkd/dataplane.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER  20
#define UDP_HEADER  8

#define IPV4_DONT_FRAGMENT  0x4000
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK    0x1fff

struct packet {
	struct bytes data; /* as long as its header says, which may be shorter than what was read */
	struct address source;
	struct address destination;
	uint16_t source_port; /* 0 where there is none */
	uint16_t destination_port;
	uint8_t protocol;        /* after IPv6's extension headers */
	uint8_t traffic_class;   /* DSCP and ECN */
	uint16_t header_len;     /* of IP: IPv4 with options, IPv6 with extension headers */
	uint16_t next_header_at; /* where `protocol` stands */
	bool fragment;           /* any fragment of a larger packet */
	bool later_fragment;     /* one without the transport header */
	bool dont_fragment;      /* always set for IPv6 */
};

/* ERR_TRUNCATED or ERR_INVALID when the octets are no IPv4 or IPv6 packet. */
enum err packet_parse(struct bytes octets, struct packet *out) MUST_CHECK;

/* The flow as this host sees it: outbound, the source is local. policy_id is left 0. */
struct dataplane_flow packet_flow(const struct packet *packet, enum ipsec_direction direction);

/* Writes the total length and, for IPv4, the header checksum that goes with it. */
void packet_set_length(uint8_t *header, size_t header_len, size_t total);

#endif
