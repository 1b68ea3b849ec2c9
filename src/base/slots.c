/* Handle table: an array of items with generations and a list of free entries. */
#include "base/slots.h"

#include <stdlib.h>

#define INDEX_BITS     24
#define INDEX_MASK     ((1U << INDEX_BITS) - 1)
#define GENERATION_MAX 0xffffffU

struct slot {
	void *item;
	uint32_t generation; /* 1 to GENERATION_MAX */
	uint32_t next_free;
};

static struct slot *find(const struct slots *slots, uint64_t handle)
{
	uint32_t index = (uint32_t)(handle & INDEX_MASK);
	struct slot *slot;

	if (index >= slots->used)
		return NULL;
	slot = &slots->entries[index];
	return slot->item != NULL && slot->generation == handle >> INDEX_BITS ? slot : NULL;
}

static enum err grow(struct slots *slots)
{
	uint32_t capacity = slots->capacity > 0 ? 2 * slots->capacity : 16;
	struct slot *entries;

	if (slots->capacity > INDEX_MASK / 2)
		return ERR_LIMIT;
	entries = realloc(slots->entries, capacity * sizeof(*entries));
	if (entries == NULL)
		return ERR_NO_MEMORY;
	slots->entries = entries;
	slots->capacity = capacity;
	return ERR_OK;
}

enum err slots_add(struct slots *slots, void *item, uint64_t *handle)
{
	uint32_t index;
	enum err error;

	if (slots->free_head != 0) {
		index = slots->free_head - 1;
		slots->free_head = slots->entries[index].next_free;
	} else {
		if (slots->used == slots->capacity) {
			error = grow(slots);
			if (error != ERR_OK)
				return error;
		}
		index = slots->used++;
		slots->entries[index].generation = 1;
	}
	slots->entries[index].item = item;
	slots->count++;
	*handle = (uint64_t)slots->entries[index].generation << INDEX_BITS | index;
	return ERR_OK;
}

void *slots_get(const struct slots *slots, uint64_t handle)
{
	const struct slot *slot = find(slots, handle);

	return slot != NULL ? slot->item : NULL;
}

void slots_remove(struct slots *slots, uint64_t handle)
{
	struct slot *slot = find(slots, handle);

	if (slot == NULL)
		return;
	slot->item = NULL;
	slot->generation = slot->generation < GENERATION_MAX ? slot->generation + 1 : 1;
	slot->next_free = slots->free_head;
	slots->free_head = (uint32_t)(handle & INDEX_MASK) + 1;
	slots->count--;
}

void *slots_next(const struct slots *slots, uint32_t *cursor)
{
	while (*cursor < slots->used) {
		void *item = slots->entries[(*cursor)++].item;

		if (item != NULL)
			return item;
	}
	return NULL;
}

void slots_clear(struct slots *slots)
{
	free(slots->entries);
	*slots = (struct slots){0};
}
