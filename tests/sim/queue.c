/* A binary heap of events. */
#include "queue.h"

#include <stdlib.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->number < b->number;
}

void sim_queue_add(struct sim_queue *queue, const struct sim_event *event)
{
	size_t place = queue->count++;

	if (place == queue->capacity) {
		queue->capacity = place > 0 ? 2 * place : 64;
		queue->heap = realloc(queue->heap, queue->capacity * sizeof(*queue->heap));
		if (queue->heap == NULL)
			abort();
	}
	queue->heap[place] = *event;
	queue->heap[place].number = queue->next_number++;
	while (place > 0 && before(&queue->heap[place], &queue->heap[(place - 1) / 2])) {
		struct sim_event other = queue->heap[(place - 1) / 2];

		queue->heap[(place - 1) / 2] = queue->heap[place];
		queue->heap[place] = other;
		place = (place - 1) / 2;
	}
}

bool sim_queue_take(struct sim_queue *queue, struct sim_event *out)
{
	size_t place = 0;

	if (queue->count == 0)
		return false;
	*out = queue->heap[0];
	queue->heap[0] = queue->heap[--queue->count];
	for (;;) {
		size_t least = place;
		struct sim_event other;

		for (size_t child = 2 * place + 1; child <= 2 * place + 2; child++) {
			if (child < queue->count &&
			    before(&queue->heap[child], &queue->heap[least]))
				least = child;
		}
		if (least == place)
			return true;
		other = queue->heap[least];
		queue->heap[least] = queue->heap[place];
		queue->heap[place] = other;
		place = least;
	}
}

void sim_queue_clear(struct sim_queue *queue)
{
	for (size_t i = 0; i < queue->count; i++)
		free(queue->heap[i].payload);
	free(queue->heap);
	*queue = (struct sim_queue){0};
}
