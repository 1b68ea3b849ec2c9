/*
 * UDP encapsulation of ESP (RFC 3948): its header, what else arrives on its port, and what a NAT
 * leaves to be put right.
 */
#ifndef DATAPLANE_USERSPACE_UDP_H
#define DATAPLANE_USERSPACE_UDP_H

#include "dataplane/userspace/parcel.h"

/* Writes the UDP header that goes before ESP, over UDP_HEADER octets that stand there. */
void udp_write_header(
    const struct parcel *parcel, uint8_t *header, uint16_t source, uint16_t destination);

/* What a datagram of the encapsulation's port is. */
enum udp_kind {
	UDP_ESP,
	UDP_KEY_EXCHANGE, /* behind a non-ESP marker of UDP_MARKER octets: RFC 3948 2.2 */
	UDP_KEEPALIVE,    /* RFC 3948 2.3 */
	UDP_MALFORMED
};
#define UDP_MARKER 4
enum udp_kind udp_classify(struct bytes datagram);

/* The octet that is a keepalive. */
#define UDP_KEEPALIVE_OCTET 0xff

/*
 * Computes the checksum of TCP, UDP or ICMPv6 anew after the addresses of a transport mode packet
 * have changed (RFC 3948 3.1.2 procedure 2). A UDP packet without one keeps none.
 */
void udp_fix_transport_checksum(struct parcel *parcel);

#endif
