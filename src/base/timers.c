/* Timers as a binary heap of intrusive entries. */
#include "base/timers.h"

#include <stdlib.h>

void timers_init(struct timers *timers)
{
	*timers = (struct timers){0};
}

void timers_clear(struct timers *timers)
{
	for (size_t i = 0; i < timers->count; i++)
		timers->heap[i]->slot = 0;
	free(timers->heap);
	*timers = (struct timers){0};
}

static void place(struct timers *timers, size_t index, struct timer *timer)
{
	timers->heap[index] = timer;
	timer->slot = (uint32_t)index + 1;
}

static void sift_up(struct timers *timers, size_t index, struct timer *timer)
{
	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (timers->heap[parent]->due_ms <= timer->due_ms)
			break;
		place(timers, index, timers->heap[parent]);
		index = parent;
	}
	place(timers, index, timer);
}

static void sift_down(struct timers *timers, size_t index, struct timer *timer)
{
	for (;;) {
		size_t child = 2 * index + 1;

		if (child >= timers->count)
			break;
		if (child + 1 < timers->count &&
		    timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
			child++;
		if (timer->due_ms <= timers->heap[child]->due_ms)
			break;
		place(timers, index, timers->heap[child]);
		index = child;
	}
	place(timers, index, timer);
}

enum err timers_set(struct timers *timers, struct timer *timer, uint64_t due_ms,
    timer_handler handler, void *context)
{
	if (!timer_is_set(timer) && timers->count == timers->capacity) {
		size_t capacity = timers->capacity > 0 ? 2 * timers->capacity : 64;
		struct timer **heap = realloc(timers->heap, capacity * sizeof(struct timer *));

		if (heap == NULL)
			return ERR_NO_MEMORY;
		timers->heap = heap;
		timers->capacity = capacity;
	}
	timers_cancel(timers, timer);
	timer->due_ms = due_ms;
	timer->handler = handler;
	timer->context = context;
	timers->count++;
	sift_up(timers, timers->count - 1, timer);
	return ERR_OK;
}

void timers_cancel(struct timers *timers, struct timer *timer)
{
	size_t index;
	struct timer *last;

	if (!timer_is_set(timer))
		return;
	index = timer->slot - 1;
	timer->slot = 0;
	last = timers->heap[--timers->count];
	if (last == timer)
		return;
	if (index > 0 && timers->heap[(index - 1) / 2]->due_ms > last->due_ms)
		sift_up(timers, index, last);
	else
		sift_down(timers, index, last);
}

uint64_t timers_next(const struct timers *timers)
{
	return timers->count > 0 ? timers->heap[0]->due_ms : TIMERS_NEVER;
}

void timers_run(struct timers *timers, uint64_t now_ms)
{
	while (timers->count > 0 && timers->heap[0]->due_ms <= now_ms) {
		struct timer *timer = timers->heap[0];

		timers_cancel(timers, timer);
		timer->handler(timer, timer->context);
	}
}
