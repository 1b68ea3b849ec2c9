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
	spd->version++;
	return ERR_OK;
}

static void remove_at(struct spd *spd, size_t at)
{
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
