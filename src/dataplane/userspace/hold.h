/*
 * Packets that wait for an SA. Bounded in packets per flow and in flows; each flow asks for its SA
 * once, until it is answered. Frames come back in order when the SA is there.
 */
#ifndef DATAPLANE_USERSPACE_HOLD_H
#define DATAPLANE_USERSPACE_HOLD_H

#include <stdbool.h>

#include "base/bytes.h"
#include "kinkd/dataplane.h"

/* What the TUN device gave, kept. */
struct held_frame {
	struct held_frame *next;
	size_t len;
	uint8_t octets[];
};

enum hold_result {
	HOLD_ASK,     /* a new flow: an acquire is due */
	HOLD_WAITING, /* an acquire is under way */
	HOLD_FULL     /* no room for another flow */
};

struct hold;

struct hold *hold_new(uint32_t packets, uint32_t flows);
void hold_free(struct hold *hold);
/*
 * Notes that flow (its policy_id set) waits; with_ports when SAs of its policy are bound to
 * protocol and ports. The frame is copied while there is room; an empty one is not kept.
 */
enum hold_result hold_add(struct hold *hold, const struct dataplane_flow *flow, bool with_ports,
    struct bytes frame, uint64_t now_ms);
/*
 * No SA will come now: the packets of the policy's flows that match are dropped, and so are those
 * that come next, for HOLD_REFUSAL_MS; then one asks again.
 */
#define HOLD_REFUSAL_MS 1000
void hold_fail(
    struct hold *hold, uint32_t policy_id, const struct selector *matching, uint64_t now_ms);
/* The policy is gone, and its flows with it. */
void hold_forget(struct hold *hold, uint32_t policy_id);
/* An outbound SA is there for what matches; returns whether frames are now ready. */
bool hold_release(struct hold *hold, uint32_t policy_id, const struct selector *matching);
/* The next ready frame, to be freed by the caller; NULL when there is none. */
struct held_frame *hold_next_ready(struct hold *hold);

#endif
