/* A token bucket: how often something may happen. */
#ifndef BASE_LIMIT_H
#define BASE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limit {
	uint32_t burst;        /* tokens when full */
	uint32_t per_second;   /* tokens gained a second */
	uint64_t milli_tokens; /* what is left, in thousandths */
	uint64_t refilled_ms;
	uint64_t suppressed; /* refused since the last time it was granted */
};

void limit_init(struct limit *limit, uint32_t burst, uint32_t per_second, uint64_t now_ms);
/* Takes one token if there is one. */
bool limit_take(struct limit *limit, uint64_t now_ms);

#endif
