/* What every data plane holds SAs to: numbers, keys, and which SAs may be a bundle. */
#ifndef DATAPLANE_SA_RULES_H
#define DATAPLANE_SA_RULES_H

#include "kinkd/dataplane.h"

/* The numbers that an SA may be given: SPIs (RFC 4303 2.1, RFC 4302 2.4), CPIs (RFC 3173 3.3). */
#define SPI_FIRST 256
#define CPI_LAST  61439

/*
 * Sequence numbers of 32 bits must not come around (RFC 4303 3.3.3). Soft at fifteen sixteenths:
 * minutes are left even at millions of packets a second.
 */
#define SEQUENCE_HARD UINT64_C(0xffffffff)
#define SEQUENCE_SOFT UINT64_C(0xf0000000)

/* One of those, by a random number. It may still be below SPI_FIRST: then try another. */
uint32_t sa_rules_spi_of(enum ipsec_protocol protocol, uint32_t random);

/* ERR_INVALID with the reason for an SA that cannot be, whatever others there are. */
enum err sa_rules_check(const struct dataplane_sa *sa, struct problem *problem) MUST_CHECK;
/* The same for two that would be in one bundle. */
enum err sa_rules_check_bundle(
    const struct dataplane_sa *a, const struct dataplane_sa *b, struct problem *problem) MUST_CHECK;

#endif
