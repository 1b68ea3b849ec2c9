/*
 * The data plane that only remembers what it was told: for tests, simulation and benchmarks. It
 * keeps to the seam's rules (unused SPIs, no duplicates, one completion per request, delivered from
 * within submit), carries no packet, and lets a test look inside.
 *
 * Every `dataplane` here is one that dataplane_record.open() gave.
 */
#ifndef DATAPLANE_RECORD_RECORD_H
#define DATAPLANE_RECORD_RECORD_H

#include <stddef.h>

#include "kinkd/dataplane.h"

/* SPIs from now on are first, first + 1, ... instead of random ones, so that a run repeats. */
void record_use_sequential_spis(struct dataplane *dataplane, uint32_t first);
/* The next request of that kind is answered with code and changes nothing. */
void record_fail_next(
    struct dataplane *dataplane, enum dataplane_operation operation, enum err code);

size_t record_sa_count(const struct dataplane *dataplane);          /* installed */
size_t record_reservation_count(const struct dataplane *dataplane); /* reserved, not installed */
size_t record_policy_count(const struct dataplane *dataplane);
/* How many requests of that kind were answered with success. */
uint64_t record_request_count(
    const struct dataplane *dataplane, enum dataplane_operation operation);

/* NULL when there is none. Valid until the next submit. */
const struct dataplane_sa *record_find_sa(const struct dataplane *dataplane, uint32_t spi,
    enum ipsec_protocol protocol, const struct address *destination);
/* The first one of that id. */
const struct dataplane_policy *record_find_policy(const struct dataplane *dataplane, uint32_t id);
/* The SA that would carry a packet of flow in that direction: the one added last, of a bundle that
   is whole the innermost. */
const struct dataplane_sa *record_find_sa_for(const struct dataplane *dataplane,
    const struct dataplane_flow *flow, enum ipsec_direction direction);

/* As if that SA, which must be there, had carried a packet. */
void record_count_packet(struct dataplane *dataplane, const struct dataplane_sa *sa);

typedef void (*record_visitor)(void *context, const struct dataplane_sa *sa);
/* In the order of installation. */
void record_visit(const struct dataplane *dataplane, record_visitor visitor, void *context);

#endif
