/*
 * What the kernel reports by itself: packets that want an SA, limits reached, NATs' new mappings.
 * A thread of its own reads it, so that nothing is missed while the engine computes, and sends
 * keepalives meanwhile.
 */
#ifndef DATAPLANE_XFRM_MONITOR_H
#define DATAPLANE_XFRM_MONITOR_H

#include <linux/xfrm.h>

#include "dataplane/xfrm/encapsulation.h"
#include "dataplane/xfrm/wishes.h"
#include "kinkd/dataplane.h"

struct monitor;

/*
 * All are borrowed until close; encapsulation may be NULL. What is removed by requests from
 * own_port (batch_port()) is no news.
 */
enum err monitor_open(const struct dataplane_listener *listener, struct wishes *wishes,
    struct encapsulation *encapsulation, uint32_t own_port, struct monitor **out,
    struct problem *problem) MUST_CHECK;

/* What has come up since it was asked last, as bits. */
enum monitor_news {
	MONITOR_MISSED = 1,           /* there was too much to report: anything may have come up */
	MONITOR_POLICIES_REMOVED = 2, /* ours, by somebody else */
	MONITOR_SAS_REMOVED = 4
};
unsigned monitor_take_news(struct monitor *monitor);
/* The wish of a larval SA that the kernel shows in XFRM_MSG_NEWSA; and its report. */
struct wish monitor_wish_of(const struct nlmsghdr *message);
void monitor_wanted(struct monitor *monitor, const struct nlmsghdr *message);
/* Reports that an outbound SA, which an earlier run left, is to be replaced. */
void monitor_wants_successor(struct monitor *monitor, const struct xfrm_usersa_info *left);
/*
 * A flow from this host to itself, which no SA is for: IPv6 has it meet policies. False when there
 * is none since the last.
 */
bool monitor_take_own(struct monitor *monitor, struct wish *out);
/* Wakes the engine's thread then, as by a report; replaces the wish before it. */
void monitor_remind(struct monitor *monitor, uint64_t in_ms);
void monitor_close(struct monitor *monitor);

#endif
