/*
 * Timers over a clock that the owner provides. Each timer lives inside the thing that it is about;
 * the set is a binary heap of pointers, so setting and cancelling cost O(log n).
 */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct timer;
typedef void (*timer_handler)(struct timer *timer, void *context);

/* Zero-initialised means not set. Must be cancelled before its memory goes. */
struct timer {
	uint64_t due_ms;
	timer_handler handler;
	void *context;
	uint32_t slot; /* heap position plus one; 0 when not set */
};

struct timers {
	struct timer **heap;
	size_t count;
	size_t capacity;
};

#define TIMERS_NEVER UINT64_MAX

void timers_init(struct timers *timers);
/* Frees the set; timers still set are forgotten, not fired. */
void timers_clear(struct timers *timers);
/* Sets or moves a timer. ERR_NO_MEMORY leaves it as it was. */
enum err timers_set(struct timers *timers, struct timer *timer, uint64_t due_ms,
    timer_handler handler, void *context) MUST_CHECK;
void timers_cancel(struct timers *timers, struct timer *timer);
static inline bool timer_is_set(const struct timer *timer)
{
	return timer->slot != 0;
}
/* When the next one is due, or TIMERS_NEVER. */
uint64_t timers_next(const struct timers *timers);
/* Fires all that are due at now_ms, earliest first, each unset before its handler runs. */
void timers_run(struct timers *timers, uint64_t now_ms);

#endif
