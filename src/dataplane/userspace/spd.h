/* The policies in force, in order (RFC 4301 4.4.1). */
#ifndef DATAPLANE_USERSPACE_SPD_H
#define DATAPLANE_USERSPACE_SPD_H

#include <stddef.h>

#include "kinkd/dataplane.h"

struct spd {
	struct dataplane_policy *policies; /* by priority */
	size_t count;
	size_t discards;  /* of them are of POLICY_DISCARD */
	unsigned version; /* changes with the policies */
	/* Flows under POLICY_REQUEST that were protected once: as under POLICY_REQUIRE for good. */
	struct spd_flow {
		uint32_t priority; /* of their policy */
		struct selector selector;
	} * flows;
	size_t flow_count;
};

/* ERR_EXISTS when the priority is taken; several policies may share an id. */
enum err spd_add(struct spd *spd, const struct dataplane_policy *policy) MUST_CHECK;
/* Takes the first policy of that id out, into *out; ERR_NOT_FOUND when there is none. */
enum err spd_take(struct spd *spd, uint32_t id, struct dataplane_policy *out) MUST_CHECK;
/* Removes the one of that priority. */
void spd_delete(struct spd *spd, uint32_t priority);
void spd_clear(struct spd *spd);
/* The first policy of that id, or NULL. Valid until the next change. */
const struct dataplane_policy *spd_find(const struct spd *spd, uint32_t id);
/* The first policy whose selector holds the flow, or NULL. Valid until the next change. */
const struct dataplane_policy *spd_match(const struct spd *spd, const struct dataplane_flow *flow);
/*
 * Whether a flow that an SA has brought in is to be discarded: an SA carries what the peer puts
 * into it, also what a policy before its own is about.
 */
bool spd_discards(const struct spd *spd, const struct dataplane_flow *flow);

/*
 * What this selector matches has an SA under a policy of this id. If that is one of POLICY_REQUEST,
 * the flow is never clear again while the policy lives. Whether this is new.
 */
bool spd_require(struct spd *spd, uint32_t id, const struct selector *selector);
/* Whether a flow that this policy of POLICY_REQUEST matches is such a one. */
bool spd_is_required(const struct spd *spd, const struct dataplane_policy *policy,
    const struct dataplane_flow *flow);

#endif
