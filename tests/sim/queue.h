/* What happens when: events in order of time, those of one time in the order they were put in. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;
struct sim_host;

/* host is NULL for events of the world's own; payload is freed after the call. */
typedef void (*sim_handler)(struct sim *sim, struct sim_host *host, void *payload);

struct sim_event {
	uint64_t due_ms;
	uint64_t number;
	sim_handler handler;
	struct sim_host *host;
	uint32_t life; /* of the host: an event for an earlier life of it does not happen */
	void *payload;
};

struct sim_queue {
	struct sim_event *heap;
	size_t count;
	size_t capacity;
	uint64_t next_number;
};

void sim_queue_add(struct sim_queue *queue, const struct sim_event *event);
/* False when the queue is empty. */
bool sim_queue_take(struct sim_queue *queue, struct sim_event *out);
void sim_queue_clear(struct sim_queue *queue);

#endif
