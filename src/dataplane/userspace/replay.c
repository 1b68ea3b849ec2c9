/* The anti-replay window. */
#include "dataplane/userspace/replay.h"

#include <stdlib.h>

enum err replay_init(struct replay_window *window, uint32_t size)
{
	*window = (struct replay_window){.size = size};
	if (size == 0)
		return ERR_OK;
	if (size > REPLAY_SIZE_MAX)
		return ERR_LIMIT;
	/* One word more than the window fills, for the word that the highest number enters. */
	window->word_count = 2;
	while (window->word_count < size / 64 + 2)
		window->word_count *= 2;
	window->words = calloc(window->word_count, sizeof(*window->words));
	return window->words != NULL ? ERR_OK : ERR_NO_MEMORY;
}

void replay_clear(struct replay_window *window)
{
	free(window->words);
	*window = (struct replay_window){0};
}

static uint64_t *word_of(const struct replay_window *window, uint64_t sequence)
{
	return &window->words[sequence / 64 & (window->word_count - 1)];
}

bool replay_is_fresh(const struct replay_window *window, uint64_t sequence)
{
	if (window->size == 0)
		return true;
	if (sequence == 0) /* never sent: RFC 4303 2.2 */
		return false;
	if (sequence > window->highest)
		return true;
	if (window->highest - sequence >= window->size)
		return false;
	return (*word_of(window, sequence) >> (sequence % 64) & 1) == 0;
}

void replay_accept(struct replay_window *window, uint64_t sequence)
{
	if (window->size == 0)
		return;
	if (sequence > window->highest) {
		uint64_t entered = sequence / 64 - window->highest / 64;

		if (entered > window->word_count)
			entered = window->word_count;
		for (uint64_t i = 0; i < entered; i++)
			*word_of(window, sequence - 64 * i) = 0;
		window->highest = sequence;
	}
	*word_of(window, sequence) |= UINT64_C(1) << (sequence % 64);
}
