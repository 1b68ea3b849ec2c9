/* The one ICMP error that ESP has to raise towards the sender of a packet: that it is too big. */
#ifndef DATAPLANE_USERSPACE_ICMP_H
#define DATAPLANE_USERSPACE_ICMP_H

#include "dataplane/userspace/packet.h"

#define ICMP_TOO_BIG_MAX 1280

/*
 * Writes a whole IP packet (RFC 792 and 1191; RFC 4443 3.2) that tells packet's source of mtu;
 * returns its length. It comes from packet's destination, beyond the device: as from an address of
 * this host the stack would not believe it.
 */
size_t icmp_too_big(const struct packet *packet, unsigned mtu, uint8_t out[ICMP_TOO_BIG_MAX]);

#endif
