/*
 * Handles: small numbers that stand for objects in requests whose answers come later. A handle is
 * never valid again after its object went (its generation has moved on), so a late answer finds
 * nothing instead of somebody else.
 */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Handles fit into this many bits and are never 0. */
#define SLOTS_HANDLE_BITS 48

struct slot;

/* Zero-initialised is empty. */
struct slots {
	struct slot *entries;
	uint32_t used; /* entries that were ever handed out */
	uint32_t capacity;
	uint32_t free_head; /* index plus one; 0 for none */
	size_t count;
};

enum err slots_add(struct slots *slots, void *item, uint64_t *handle) MUST_CHECK;
/* NULL when the handle is stale or was never given. */
void *slots_get(const struct slots *slots, uint64_t handle);
/* A handle that is stale is ignored. */
void slots_remove(struct slots *slots, uint64_t handle);
/* Walks all items: start with *cursor = 0; NULL at the end. Removing the item just given is safe.
 */
void *slots_next(const struct slots *slots, uint32_t *cursor);
void slots_clear(struct slots *slots);

#endif
