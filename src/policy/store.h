/*
 * The memory behind a struct policy: everything that it points to is allocated here and goes with
 * its last reference. Private to this room.
 */
#ifndef POLICY_STORE_H
#define POLICY_STORE_H

#include <stdatomic.h>

#include "policy/policy.h"

struct store_block;

/* One address prefix of a peer, for finding the most specific one. */
struct store_claim {
	struct prefix prefix;
	const struct policy_peer *peer;
};

struct policy_store {
	struct policy policy; /* first: a policy's address is its store's */
	atomic_uint references;
	struct store_block *blocks;
	/* Sorted by family, then longest prefix first, then address. */
	struct store_claim *claims;
	size_t claim_count;
};

static inline struct policy_store *store_of(struct policy *policy)
{
	return (struct policy_store *)policy;
}

/* An empty policy with one reference; NULL when out of memory. */
struct policy_store *store_new(void);
/* Zeroed memory that lives as long as the policy; NULL when out of memory. */
void *store_alloc(struct policy_store *store, size_t count, size_t size);
/* The same, wiped when the policy goes. */
void *store_secret(struct policy_store *store, size_t size);
const char *store_text(struct policy_store *store, const char *text);
/* Sorts the hosts and builds the index of peers; to be called once both lists are complete. */
enum err store_index(struct policy_store *store) MUST_CHECK;
/* Two peers' claims to one and the same prefix, next to each other in the index; or NULL. */
const struct store_claim *store_conflict(const struct policy_store *store);

#endif
