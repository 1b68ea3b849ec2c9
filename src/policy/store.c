/* The memory and the lifetime of a policy. */
#include "policy/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct store_block {
	struct store_block *next;
	size_t secret; /* octets to wipe */
	max_align_t data[];
};

struct policy_store *store_new(void)
{
	struct policy_store *store = calloc(1, sizeof(*store));

	if (store != NULL)
		atomic_init(&store->references, 1);
	return store;
}

void *store_alloc(struct policy_store *store, size_t count, size_t size)
{
	struct store_block *block;

	if (size != 0 && count > (SIZE_MAX - sizeof(*block)) / size)
		return NULL;
	block = calloc(1, sizeof(*block) + count * size);
	if (block == NULL)
		return NULL;
	block->next = store->blocks;
	store->blocks = block;
	return block->data;
}

void *store_secret(struct policy_store *store, size_t size)
{
	void *data = store_alloc(store, size, 1);

	/* It is the newest block. */
	if (data != NULL)
		store->blocks->secret = size;
	return data;
}

const char *store_text(struct policy_store *store, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = store_alloc(store, size, 1);

	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

struct policy *policy_retain(struct policy *policy)
{
	atomic_fetch_add(&store_of(policy)->references, 1);
	return policy;
}

void policy_release(struct policy *policy)
{
	struct policy_store *store = store_of(policy);

	if (policy == NULL || atomic_fetch_sub(&store->references, 1) > 1)
		return;
	while (store->blocks != NULL) {
		struct store_block *block = store->blocks;

		store->blocks = block->next;
		secret_wipe(block->data, block->secret);
		free(block);
	}
	free(store);
}
