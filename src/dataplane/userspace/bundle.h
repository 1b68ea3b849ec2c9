/*
 * SA bundles (RFC 2401 4.3): which SAs are applied one after the other. An SA that stands alone is
 * usable at once; those of a bundle are when all are there, and then know their neighbours.
 */
#ifndef DATAPLANE_USERSPACE_BUNDLE_H
#define DATAPLANE_USERSPACE_BUNDLE_H

#include "dataplane/userspace/sa_table.h"

/* All bundles; NULL at first. */
struct bundle;

/* Sets sa->usable and the neighbours of all concerned. ERR_INVALID when sa does not fit in. */
enum err bundle_join(struct bundle **all, struct sa *sa, struct problem *problem) MUST_CHECK;
/* None of its bundle is usable from now on. */
void bundle_leave(struct bundle **all, struct sa *sa);

/* Whether these SAs, from the innermost on, are what the policy protects with. */
bool bundle_conforms(const struct sa *innermost, const struct dataplane_policy *policy);

static inline struct sa *bundle_innermost(struct sa *sa)
{
	while (sa->inner != NULL)
		sa = sa->inner;
	return sa;
}

static inline const struct sa *bundle_outermost(const struct sa *sa)
{
	while (sa->outer != NULL)
		sa = sa->outer;
	return sa;
}

#endif
