/*
 * What the kernel reports by itself: packets that want an SA, limits reached, NATs' new mappings.
 * A thread of its own reads it, so that nothing is missed while the engine computes.
 */
#ifndef DATAPLANE_XFRM_MONITOR_H
#define DATAPLANE_XFRM_MONITOR_H

#include "dataplane/xfrm/wishes.h"
#include "kinkd/dataplane.h"

struct monitor;

/* All are borrowed until close. */
enum err monitor_open(const struct dataplane_listener *listener, struct wishes *wishes,
    struct log *log, struct monitor **out, struct problem *problem) MUST_CHECK;
void monitor_close(struct monitor *monitor);

#endif
