/*
 * The way in: an IPsec packet through the SAs of its bundle, from the outside in (RFC 4303 3.4, RFC
 * 4302 3.4, RFC 3173 2.2, RFC 4301 5.2), back into the packet that was protected.
 */
#ifndef DATAPLANE_USERSPACE_DECAPSULATE_H
#define DATAPLANE_USERSPACE_DECAPSULATE_H

#include "dataplane/userspace/ipcomp.h"
#include "dataplane/userspace/sa_table.h"

/*
 * The SA that the packet names, or NULL. in_udp is whether it came in UDP. Only the outermost of a
 * bundle is found: the others serve what was inside it.
 */
struct sa *decapsulate_find(const struct sa_table *table, const struct parcel *parcel,
    const struct address *destination, bool in_udp);

struct decapsulated {
	struct sa *innermost; /* whose selector the packet has to match */
	bool newest;          /* of all packets that came under the outermost */
};

/*
 * Opens the packet in place with sa, the outermost, and those inside it, and counts what is wrong.
 * ERR_NOT_FOUND for a dummy packet (RFC 4303 2.6), other errors for what must be dropped.
 */
enum err decapsulate(struct sa *sa, struct ipcomp *ipcomp, struct parcel *parcel,
    struct decapsulated *out) MUST_CHECK;

#endif
