/* A token bucket. */
#include "base/limit.h"

void limit_init(struct limit *limit, uint32_t burst, uint32_t per_second, uint64_t now_ms)
{
	*limit = (struct limit){.burst = burst,
	    .per_second = per_second,
	    .milli_tokens = (uint64_t)burst * 1000,
	    .refilled_ms = now_ms};
}

bool limit_take(struct limit *limit, uint64_t now_ms)
{
	uint64_t full = (uint64_t)limit->burst * 1000;

	if (now_ms > limit->refilled_ms) {
		uint64_t elapsed = now_ms - limit->refilled_ms;
		uint64_t lacking = full - limit->milli_tokens;

		if (limit->per_second > 0 && elapsed >= lacking / limit->per_second + 1)
			limit->milli_tokens = full;
		else
			limit->milli_tokens += elapsed * limit->per_second;
		limit->refilled_ms = now_ms;
	}
	if (limit->milli_tokens < 1000) {
		limit->suppressed++;
		return false;
	}
	limit->milli_tokens -= 1000;
	limit->suppressed = 0;
	return true;
}
