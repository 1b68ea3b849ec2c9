/* SA bundles. */
#include "dataplane/userspace/bundle.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "dataplane/sa_rules.h"

struct bundle_name {
	uint32_t number;
	uint32_t direction;
};

struct bundle {
	struct bundle_name name;
	unsigned count;
	struct sa *members[BUNDLE_MAX]; /* innermost first */
	UT_hash_handle hh;
};

static struct bundle *find(struct bundle *all, const struct dataplane_sa *told)
{
	struct bundle_name name = {told->bundle, (uint32_t)told->direction};
	struct bundle *bundle = NULL;

	HASH_FIND(hh, all, &name, sizeof(name), bundle);
	return bundle;
}

static struct bundle *create(struct bundle **all, const struct dataplane_sa *told)
{
	struct bundle *bundle = calloc(1, sizeof(*bundle));

	if (bundle == NULL)
		return NULL;
	bundle->name = (struct bundle_name){told->bundle, (uint32_t)told->direction};
	HASH_ADD(hh, *all, name, sizeof(bundle->name), bundle);
	if (bundle->hh.tbl == NULL) {
		free(bundle);
		return NULL;
	}
	return bundle;
}

static void link_members(struct bundle *bundle, bool usable)
{
	for (unsigned i = 0; i < BUNDLE_MAX; i++) {
		struct sa *sa = bundle->members[i];

		if (sa == NULL)
			continue;
		sa->usable = usable;
		sa->inner = usable && i > 0 ? bundle->members[i - 1] : NULL;
		sa->outer = usable && i + 1 < BUNDLE_MAX ? bundle->members[i + 1] : NULL;
	}
}

enum err bundle_join(struct bundle **all, struct sa *sa, struct problem *problem)
{
	struct bundle *bundle;

	if (sa->told.bundle == 0) {
		sa->usable = true;
		return ERR_OK;
	}
	bundle = find(*all, &sa->told);
	for (unsigned i = 0; bundle != NULL && i < BUNDLE_MAX; i++) {
		if (bundle->members[i] == NULL)
			continue;
		if (sa_rules_check_bundle(&bundle->members[i]->told, &sa->told, problem) != ERR_OK)
			return ERR_INVALID;
	}
	if (bundle == NULL)
		bundle = create(all, &sa->told);
	if (bundle == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for an SA");
	bundle->members[sa->told.bundle_index] = sa;
	if (++bundle->count == sa->told.bundle_size)
		link_members(bundle, true);
	return ERR_OK;
}

void bundle_leave(struct bundle **all, struct sa *sa)
{
	struct bundle *bundle = sa->told.bundle != 0 ? find(*all, &sa->told) : NULL;

	sa->usable = false;
	if (bundle == NULL || bundle->members[sa->told.bundle_index] != sa)
		return;
	link_members(bundle, false);
	bundle->members[sa->told.bundle_index] = NULL;
	if (--bundle->count == 0) {
		HASH_DEL(*all, bundle);
		free(bundle);
	}
}

bool bundle_conforms(const struct sa *innermost, const struct dataplane_policy *policy)
{
	const struct sa *sa = innermost;

	if (policy->protocol_count == 0)
		return sa->told.suite.protocol == IPSEC_ESP && sa->outer == NULL;
	for (unsigned i = 0; i < policy->protocol_count; i++, sa = sa->outer) {
		if (sa == NULL || sa->told.suite.protocol != policy->protocols[i])
			return false;
	}
	return sa == NULL;
}
