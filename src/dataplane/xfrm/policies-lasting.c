/*
 * What lasts in the kernel longer than an SA or a run: flows that are protected for good under a
 * policy of POLICY_REQUEST, and the policies that an earlier run left.
 */
#include "dataplane/xfrm/policies-internal.h"

#include <string.h>

#include "dataplane/prefixes.h"

/* What an earlier run's policy does, as far as it protects. */
static int find_action(const struct nlattr *attribute, void *context)
{
	enum policy_action *action = context;
	const struct xfrm_user_tmpl *template = mnl_attr_get_payload(attribute);

	if (mnl_attr_get_type(attribute) == XFRMA_TMPL &&
	    mnl_attr_get_payload_len(attribute) >= sizeof(*template))
		*action = template->optional != 0 ? POLICY_REQUEST : POLICY_REQUIRE;
	return MNL_CB_OK;
}

struct finding {
	struct policies *policies;
	enum err error;
};

/* What no run of this daemon made is passed over. */
static void found(void *context, const struct nlmsghdr *message)
{
	struct finding *finding = context;
	const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(message);
	struct message_scope scope;
	struct policy_part_key key;
	struct policy_part *part;

	if (message->nlmsg_type != XFRM_MSG_NEWPOLICY ||
	    message->nlmsg_len < mnl_nlmsg_size(sizeof(*info)) || !message_is_own(info->index) ||
	    info->dir > XFRM_POLICY_FWD || finding->error != ERR_OK)
		return;
	scope = message_scope_of(message, sizeof(*info));
	key = policies_key_of(&info->sel, info->dir, &scope);
	HASH_FIND(by_key, finding->policies->by_key, &key, sizeof(key), part);
	if (part == NULL)
		finding->error = policies_enter_part(finding->policies, &key, info->index, &part);
	if (finding->error == ERR_OK) {
		part->action = POLICY_BYPASS;
		(void)mnl_attr_parse(message, sizeof(*info), find_action, &part->action);
	}
}

enum err policies_find_stale(
    struct policies *policies, struct batch *batch, struct problem *problem)
{
	struct finding finding = {.policies = policies};
	enum err code = batch_dump(batch, XFRM_MSG_GETPOLICY, found, &finding, problem);

	if (code == ERR_OK && finding.error != ERR_OK)
		code = problem_set(problem, finding.error, "out of memory for policies");
	return code;
}

static bool covers(const struct dataplane_policy *told, const struct selector *selector)
{
	return told->action == POLICY_REQUEST &&
	       range_contains_range(&told->selector.local, &selector->local) &&
	       range_contains_range(&told->selector.remote, &selector->remote);
}

static void require_part(struct policies *policies, struct batch *batch, struct policy *policy,
    const struct policy_part_key *told)
{
	struct policy_part_key key = *told;
	struct policy_part *part;

	HASH_FIND(by_key, policies->by_key, &key, sizeof(key), part);
	if (part != NULL && part->policy != NULL) {
		/* Another policy's comes before anyway, and its own must not be weakened. */
		if (part->policy != policy || part->action == POLICY_REQUIRE)
			return;
		part->action = POLICY_REQUIRE;
		part->priority = policies_priority_of(policy, POLICY_REQUIRE);
	} else if (policies_take_part(policies, policy, &key, POLICY_REQUIRE, &part, NULL) !=
		   ERR_OK) {
		return;
	}
	policies_queue(batch, part, NULL, NULL);
}

void policies_require(
    struct policies *policies, struct batch *batch, uint32_t id, const struct selector *selector)
{
	struct policy_id *entry = policies_find_id(policies, id);
	struct policy *policy = entry != NULL ? entry->policies : NULL;
	struct message_selector told;

	while (policy != NULL && !covers(&policy->told, selector))
		policy = policy->next;
	if (policy == NULL || !message_selector_of(selector, &told))
		return;
	for (size_t i = 0; i < POLICIES_DIRECTIONS; i++) {
		struct xfrm_selector seen = message_selector(&told, policies_directions[i]);
		struct message_scope scope = policies_scope_of(&policy->told);
		struct policy_part_key key = policies_key_of(&seen, policies_directions[i], &scope);

		require_part(policies, batch, policy, &key);
	}
}

static struct address_range range_of(const xfrm_address_t *address, uint8_t bits, uint16_t family)
{
	struct prefix prefix = {.address = message_address_of(address, family), .bits = bits};

	return range_of_prefix(&prefix);
}

/* The policy of POLICY_REQUEST that has now a flow which an earlier run protected for good. */
static struct policy *heir_of(const struct policies *policies, const struct policy_part *part)
{
	const struct xfrm_selector *told = &part->key.selector;
	bool out = part->key.direction == XFRM_POLICY_OUT;
	struct address_range source = range_of(&told->saddr, told->prefixlen_s, told->family);
	struct address_range destination = range_of(&told->daddr, told->prefixlen_d, told->family);
	struct selector selector = {
	    .local = out ? source : destination, .remote = out ? destination : source};
	const struct policy_id *entry;
	const struct policy_id *next;

	if (part->action != POLICY_REQUIRE)
		return NULL;
	HASH_ITER (hh, policies->by_id, entry, next) {
		for (struct policy *policy = entry->policies; policy != NULL;
		     policy = policy->next) {
			if (covers(&policy->told, &selector))
				return policy;
		}
	}
	return NULL;
}

size_t policies_remove_stale(struct policies *policies, struct batch *batch)
{
	struct policy_part *part;
	struct policy_part *next;
	size_t count = 0;

	HASH_ITER (by_key, policies->by_key, part, next) {
		struct policy *heir = part->policy == NULL ? heir_of(policies, part) : NULL;

		if (heir != NULL) {
			require_part(policies, batch, heir, &part->key);
		} else if (part->policy == NULL) {
			policies_queue_removal(batch, part, NULL, NULL);
			policies_forget_part(policies, part);
			count++;
		}
	}
	return count;
}
