/*
 * The IP header as AH's ICV covers it: what may change on the way is zero, what will have changed
 * in a known way is as the receiver sees it (RFC 4302 3.3.3.1 and appendix A).
 */
#ifndef DATAPLANE_USERSPACE_AH_COVER_H
#define DATAPLANE_USERSPACE_AH_COVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

/*
 * header is IPv4's with its options, or IPv6's with the extension headers up to AH; out has room
 * for as many octets. With sent the packet is on its way out, with its route still before it.
 * ERR_INVALID when options or extension headers make no sense, ERR_UNSUPPORTED when it cannot be
 * known what the receiver will see.
 */
enum err ah_cover(struct bytes header, bool sent, uint8_t *out) MUST_CHECK;

#endif
