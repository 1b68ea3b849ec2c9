/*
 * IPComp with DEFLATE (RFC 3173, RFC 2394): each packet by itself, in place. zlib's state is large,
 * so each thread has one for all its SAs.
 */
#ifndef DATAPLANE_USERSPACE_IPCOMP_H
#define DATAPLANE_USERSPACE_IPCOMP_H

#include "base/error.h"
#include "dataplane/userspace/parcel.h"

#define IPCOMP_HEADER 4

struct ipcomp;

/* NULL when out of memory. */
struct ipcomp *ipcomp_new(void);
void ipcomp_free(struct ipcomp *ipcomp);

/* Leaves the packet as it is when that does not make it smaller (RFC 3173 2.2). */
void ipcomp_compress(struct ipcomp *ipcomp, uint16_t cpi, struct parcel *parcel);
/*
 * ERR_LIMIT when the packet would become longer than IP allows or its room takes; ERR_INVALID when
 * it is not what DEFLATE makes.
 */
enum err ipcomp_expand(struct ipcomp *ipcomp, struct parcel *parcel) MUST_CHECK;

#endif
