/*
 * The policies that stand in the kernel: those told to this data plane, each as one or more of the
 * kernel's for packets out, in and forwarded, and those that an earlier run left, which stand until
 * the new ones are in. A policy of an earlier run with the selector of a new one is replaced in
 * place, which is atomic.
 */
#ifndef DATAPLANE_XFRM_POLICIES_H
#define DATAPLANE_XFRM_POLICIES_H

#include "base/table.h"
#include "dataplane/xfrm/batch.h"
#include "dataplane/xfrm/message.h"

/* One selector in one direction. */
struct policy_part {
	struct policy_part_key {
		struct xfrm_selector selector;
		uint32_t direction; /* XFRM_POLICY_OUT, _IN or _FWD */
		struct message_scope scope;
	} key;
	uint32_t index; /* the kernel's name for it */
	uint32_t priority;
	enum policy_action action;
	struct policy *policy; /* NULL: an earlier run's */
	struct policy_part *next;
	UT_hash_handle by_key;
	UT_hash_handle by_index;
};

struct policy {
	struct dataplane_policy told;
	struct policy_part *parts;
	struct policy *next; /* of the same id */
};

struct policies;

struct policies *policies_new(void);
void policies_free(struct policies *policies);

/* Finds what an earlier run left. */
enum err policies_find_stale(
    struct policies *policies, struct batch *batch, struct problem *problem) MUST_CHECK;
/*
 * Queues its removal, but of what was replaced. A flow that it protected for good under a policy of
 * POLICY_REQUEST stays protected, if such a policy has it again. Returns how many there were.
 */
size_t policies_remove_stale(struct policies *policies, struct batch *batch);

/*
 * Takes up a policy; the parts of it are still to be queued. ERR_EXISTS when another one with such
 * a selector stands, which comes later; ERR_LIMIT when there is no room.
 */
enum err policies_add(struct policies *policies, const struct dataplane_policy *told,
    struct policy **out, struct problem *problem) MUST_CHECK;
/*
 * Takes up, under id 0, what lets IPv6 find neighbours (RFC 4861): no SA can be negotiated before
 * that. The kernel takes such packets from the same link only.
 */
enum err policies_add_neighbours(
    struct policies *policies, struct policy **out, struct problem *problem) MUST_CHECK;
/* Queues what lets packets from this address of the host to that one pass. */
void policies_allow_own(struct policies *policies, struct batch *batch, const struct address *local,
    const struct address *remote);
/*
 * A flow under a policy of POLICY_REQUEST has its SA: from now on it is as under POLICY_REQUIRE
 * while the policy lives. Queues what this takes.
 */
void policies_require(
    struct policies *policies, struct batch *batch, uint32_t id, const struct selector *selector);
/* Queues what makes a part stand, and what removes it; the answer's argument is its index. */
void policies_queue(
    struct batch *batch, const struct policy_part *part, batch_done done, void *context);
void policies_queue_removal(
    struct batch *batch, const struct policy_part *part, batch_done done, void *context);
/* Forgets all policies of this id, whose removal is queued. */
void policies_forget(struct policies *policies, uint32_t id);
/* Queues the removal of everything, also of what is stale, and forgets it. */
void policies_remove_all(struct policies *policies, struct batch *batch);

/* `policy "realm"`, or "policy 7" where it has no name. */
#define POLICIES_NAME_SIZE (DATAPLANE_NAME_SIZE + 16)
const char *policies_name(
    const struct policies *policies, uint32_t id, char text[POLICIES_NAME_SIZE]);
/* What SAs of the policy of this id have of it. */
struct message_terms policies_terms(const struct policies *policies, uint32_t id);
/* The first of this id, NULL if there is none; the others follow by `next`. */
const struct policy *policies_find(const struct policies *policies, uint32_t id);
const struct policy_part *policies_find_part(const struct policies *policies, uint32_t index);
/* Queues all that is in force: somebody has removed some of it. */
void policies_restore(const struct policies *policies, struct batch *batch);
/* Queues the same policy again: packets that wait in its queue try anew at once. */
void policies_renew(struct policies *policies, struct batch *batch, uint32_t index);

#endif
