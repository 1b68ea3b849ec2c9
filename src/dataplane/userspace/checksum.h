/*
 * The Internet checksum (RFC 1071). A sum is gathered over pieces that start at even offsets of
 * what is covered, then finished.
 */
#ifndef DATAPLANE_USERSPACE_CHECKSUM_H
#define DATAPLANE_USERSPACE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

typedef uint64_t checksum_sum;

checksum_sum checksum_add(checksum_sum sum, const uint8_t *data, size_t len);
/* Adds and copies in one pass; the two do not overlap. */
checksum_sum checksum_copy(checksum_sum sum, uint8_t *to, const uint8_t *from, size_t len);
checksum_sum checksum_add_u16(checksum_sum sum, uint16_t value);
/* The pseudo header of TCP and UDP without its length (RFC 9293 3.1, RFC 8200 8.1). */
checksum_sum checksum_pseudo(
    const struct address *source, const struct address *destination, uint8_t protocol);
/* The folded sum, not complemented: what a partial checksum field holds. */
uint16_t checksum_fold(checksum_sum sum);
/* What goes into the field; 0 when the covered octets include a right one. */
static inline uint16_t checksum_finish(checksum_sum sum)
{
	return (uint16_t)~checksum_fold(sum);
}

#endif
