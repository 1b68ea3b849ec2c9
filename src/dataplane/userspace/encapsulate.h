/*
 * The way out: an inner packet through the SA that carries it and those around that one, into the
 * packet that leaves (RFC 4303 3.1, RFC 4302 3.1, RFC 3948 3.2, RFC 4301 5.1.2).
 */
#ifndef DATAPLANE_USERSPACE_ENCAPSULATE_H
#define DATAPLANE_USERSPACE_ENCAPSULATE_H

#include "dataplane/userspace/ipcomp.h"
#include "dataplane/userspace/sa_table.h"
#include "dataplane/userspace/segment.h"

/* Room that encapsulate() needs in front of the packet: outer header, AH, UDP, ESP and its IV. */
#define ENCAPSULATE_HEADROOM 128

/* In all of these sa is the innermost of its bundle. */

/* The longest inner packet, like this one in its headers, that leaves in no more than mtu octets.
 */
size_t encapsulate_inner_max(const struct sa *sa, const struct packet *inner, unsigned mtu);
/*
 * The most octets that a transport part of len leaves in, outer IP header included; compression
 * may make it fewer.
 */
size_t encapsulate_length(const struct sa *sa, const struct packet *inner, size_t len);
/*
 * Builds and seals segment number index. The buffer has ENCAPSULATE_HEADROOM octets and as many
 * more as encapsulate_length() says. out is where the packet then stands in it. ipcomp may be NULL:
 * then nothing is compressed.
 */
enum err encapsulate(struct sa *sa, const struct segmenter *segmenter, size_t index,
    struct ipcomp *ipcomp, uint8_t *buffer, struct parcel *out) MUST_CHECK;

/* The most that a policy's SAs add to a packet, whatever their suites; with UDP or without. */
size_t encapsulate_overhead_max(const struct dataplane_policy *policy, bool udp);

/*
 * A packet with nothing in it (RFC 4303 2.6) that keeps a NAT's mapping alive. Unlike RFC
 * 3948 2.3's single octet, which is for when nothing else is sent (section 4), it is authentic, so
 * that a peer may follow it to another port. The buffer is as for encapsulate().
 */
enum err encapsulate_keepalive(struct sa *sa, uint8_t *buffer, struct parcel *out) MUST_CHECK;

#endif
