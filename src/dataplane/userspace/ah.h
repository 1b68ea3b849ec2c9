/*
 * AH's own format (RFC 4302 section 2) for one SA: the header goes into a packet and comes out of
 * it in place, its ICV over all of the packet that does not change on the way.
 */
#ifndef DATAPLANE_USERSPACE_AH_H
#define DATAPLANE_USERSPACE_AH_H

#include "base/error.h"
#include "dataplane/userspace/parcel.h"

#define AH_FIXED 12 /* octets before the ICV */

struct ah;

/* key is KEYMAT as in struct dataplane_sa. For one direction; one thread at a time. */
enum err ah_new(const struct suite *suite, struct bytes key, bool seal, struct ah **out) MUST_CHECK;
void ah_free(struct ah *ah);

/* Octets of the header: a multiple of 4 over IPv4, of 8 over IPv6 (RFC 4302 2.6). */
size_t ah_length(const struct ah *ah, uint8_t family);
/* The most that any suite's has. */
size_t ah_length_max(void);

/* Needs ah_length() octets of room in front of the packet. */
enum err ah_seal(struct ah *ah, uint32_t spi, uint64_t sequence, struct parcel *parcel) MUST_CHECK;
/* ERR_AUTH for a wrong ICV; ERR_INVALID or ERR_TRUNCATED for a wrong shape. */
enum err ah_open(struct ah *ah, struct parcel *parcel) MUST_CHECK;

#endif
