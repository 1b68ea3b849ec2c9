/*
 * The IP side of ESP: an inner packet into an ESP packet with its outer header, and back (RFC 4303
 * 3.1, RFC 4301 5.1.2, ECN by RFC 6040).
 */
#ifndef DATAPLANE_USERSPACE_ENCAPSULATE_H
#define DATAPLANE_USERSPACE_ENCAPSULATE_H

#include "dataplane/userspace/sa_table.h"
#include "dataplane/userspace/segment.h"

/* The longest inner packet, like this one in its headers, whose ESP packet fits into mtu. */
size_t encapsulate_inner_max(const struct sa *sa, const struct packet *inner, unsigned mtu);
/* Octets of the ESP packet, outer IP header included, that a transport part of len gives. */
size_t encapsulate_length(const struct sa *sa, const struct packet *inner, size_t len);
/* Octets of the outer IP header. */
size_t encapsulate_outer_header(const struct sa *sa, const struct packet *inner);
/* Builds and seals segment number index into out, which has encapsulate_length() octets. */
enum err encapsulate(
    struct sa *sa, const struct segmenter *segmenter, size_t index, uint8_t *out) MUST_CHECK;

/* An ESP packet as it came in. */
struct outer_packet {
	struct packet header; /* of the outer IP header; data covers the whole packet */
	uint8_t *octets;      /* the same octets, to be changed in place */
};

/*
 * Turns what was opened into an IP packet again, in place: *out is where it starts. ERR_NOT_FOUND
 * for a dummy packet (RFC 4303 2.6), ERR_INVALID for one that makes no sense.
 */
enum err decapsulate(const struct sa *sa, const struct outer_packet *outer,
    const struct esp_opened *opened, uint8_t **out, size_t *len) MUST_CHECK;

#endif
