/* What the files of policies share. */
#ifndef DATAPLANE_XFRM_POLICIES_INTERNAL_H
#define DATAPLANE_XFRM_POLICIES_INTERNAL_H

#include "dataplane/xfrm/policies.h"

struct policy_id {
	uint32_t id;
	struct policy *policies;
	UT_hash_handle hh;
};

struct policies {
	struct policy_part *by_key;
	struct policy_part *by_index;
	struct policy_id *by_id;
	uint32_t next_number;
};

/* The kernel's for which a policy has a part each. */
#define POLICIES_DIRECTIONS 3
extern const uint8_t policies_directions[POLICIES_DIRECTIONS];

/* All octets count, also of padding. */
struct policy_part_key policies_key_of(
    const struct xfrm_selector *selector, uint8_t direction, const struct message_scope *scope);
struct message_scope policies_scope_of(const struct dataplane_policy *told);
/* Where the kernel is to have a part of this policy that does so. */
uint32_t policies_priority_of(const struct policy *policy, enum policy_action action);
/* A part that no policy has yet. */
enum err policies_enter_part(struct policies *policies, const struct policy_part_key *key,
    uint32_t index, struct policy_part **out) MUST_CHECK;
/* A part for this key, new or an earlier run's; it is the policy's from now on. */
enum err policies_take_part(struct policies *policies, struct policy *policy,
    const struct policy_part_key *key, enum policy_action action, struct policy_part **out,
    struct problem *problem) MUST_CHECK;
void policies_forget_part(struct policies *policies, struct policy_part *part);
struct policy_id *policies_find_id(const struct policies *policies, uint32_t id);

#endif
