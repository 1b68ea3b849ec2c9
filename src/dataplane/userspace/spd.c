/* The policies in force. */
#include "dataplane/userspace/spd.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/selector.h"

enum err spd_add(struct spd *spd, const struct dataplane_policy *policy)
{
	struct dataplane_policy *grown;
	size_t at = 0;

	for (size_t i = 0; i < spd->count; i++) {
		if (spd->policies[i].priority == policy->priority)
			return ERR_EXISTS;
		if (spd->policies[i].priority < policy->priority)
			at = i + 1;
	}
	grown = realloc(spd->policies, (spd->count + 1) * sizeof(*grown));
	if (grown == NULL)
		return ERR_NO_MEMORY;
	spd->policies = grown;
	memmove(grown + at + 1, grown + at, (spd->count - at) * sizeof(*grown));
	grown[at] = *policy;
	spd->count++;
	spd->discards += policy->action == POLICY_DISCARD ? 1 : 0;
	spd->version++;
	return ERR_OK;
}

static void forget_flows(struct spd *spd, uint32_t priority)
{
	size_t left = 0;

	for (size_t i = 0; i < spd->flow_count; i++) {
		if (spd->flows[i].priority != priority)
			spd->flows[left++] = spd->flows[i];
	}
	spd->flow_count = left;
}

static void remove_at(struct spd *spd, size_t at)
{
	forget_flows(spd, spd->policies[at].priority);
	spd->discards -= spd->policies[at].action == POLICY_DISCARD ? 1 : 0;
	spd->count--;
	spd->version++;
	memmove(
	    spd->policies + at, spd->policies + at + 1, (spd->count - at) * sizeof(*spd->policies));
}

enum err spd_take(struct spd *spd, uint32_t id, struct dataplane_policy *out)
{
	for (size_t i = 0; i < spd->count; i++) {
		if (spd->policies[i].id == id) {
			*out = spd->policies[i];
			remove_at(spd, i);
			return ERR_OK;
		}
	}
	return ERR_NOT_FOUND;
}

void spd_delete(struct spd *spd, uint32_t priority)
{
	for (size_t i = 0; i < spd->count; i++) {
		if (spd->policies[i].priority == priority) {
			remove_at(spd, i);
			return;
		}
	}
}

void spd_clear(struct spd *spd)
{
	free(spd->policies);
	free(spd->flows);
	*spd = (struct spd){0};
}

const struct dataplane_policy *spd_find(const struct spd *spd, uint32_t id)
{
	for (size_t i = 0; i < spd->count; i++) {
		if (spd->policies[i].id == id)
			return &spd->policies[i];
	}
	return NULL;
}

const struct dataplane_policy *spd_match(const struct spd *spd, const struct dataplane_flow *flow)
{
	for (size_t i = 0; i < spd->count; i++) {
		if (selector_matches(&spd->policies[i].selector, flow))
			return &spd->policies[i];
	}
	return NULL;
}

bool spd_discards(const struct spd *spd, const struct dataplane_flow *flow)
{
	const struct dataplane_policy *policy = spd->discards > 0 ? spd_match(spd, flow) : NULL;

	return policy != NULL && policy->action == POLICY_DISCARD;
}

static const struct dataplane_policy *requesting(
    const struct spd *spd, uint32_t id, const struct selector *selector)
{
	for (size_t i = 0; i < spd->count; i++) {
		const struct dataplane_policy *policy = &spd->policies[i];

		if (policy->id == id && policy->action == POLICY_REQUEST &&
		    range_contains_range(&policy->selector.local, &selector->local) &&
		    range_contains_range(&policy->selector.remote, &selector->remote))
			return policy;
	}
	return NULL;
}

static bool is_same(const struct selector *a, const struct selector *b)
{
	return range_equal(&a->local, &b->local) && range_equal(&a->remote, &b->remote) &&
	       a->local_ports.first == b->local_ports.first &&
	       a->local_ports.last == b->local_ports.last &&
	       a->remote_ports.first == b->remote_ports.first &&
	       a->remote_ports.last == b->remote_ports.last && a->protocol == b->protocol;
}

bool spd_require(struct spd *spd, uint32_t id, const struct selector *selector)
{
	const struct dataplane_policy *policy = requesting(spd, id, selector);
	struct spd_flow *grown;

	if (policy == NULL)
		return false;
	for (size_t i = 0; i < spd->flow_count; i++) {
		if (spd->flows[i].priority == policy->priority &&
		    is_same(&spd->flows[i].selector, selector))
			return false;
	}
	grown = realloc(spd->flows, (spd->flow_count + 1) * sizeof(*grown));
	/* Rather no daemon than one that forgets what it promised. */
	if (grown == NULL)
		abort();
	spd->flows = grown;
	grown[spd->flow_count++] =
	    (struct spd_flow){.priority = policy->priority, .selector = *selector};
	return true;
}

bool spd_is_required(
    const struct spd *spd, const struct dataplane_policy *policy, const struct dataplane_flow *flow)
{
	for (size_t i = 0; i < spd->flow_count; i++) {
		if (spd->flows[i].priority == policy->priority &&
		    selector_matches(&spd->flows[i].selector, flow))
			return true;
	}
	return false;
}
