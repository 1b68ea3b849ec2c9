/*
 * The anti-replay window of one inbound SA (RFC 4303 3.4.3), kept as a ring of words as in RFC
 * 6479: the window moves by clearing whole words, never by shifting. Sequence numbers are 64 bits
 * wide, so that extended ones need no other window.
 */
#ifndef DATAPLANE_USERSPACE_REPLAY_H
#define DATAPLANE_USERSPACE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct replay_window {
	uint64_t *words;
	size_t word_count; /* a power of two */
	uint64_t size;     /* packets that may come late */
	uint64_t highest;  /* greatest sequence number accepted; 0 at first */
};

/* A size of 0 accepts every sequence number. ERR_LIMIT above REPLAY_SIZE_MAX. */
#define REPLAY_SIZE_MAX 65536
enum err replay_init(struct replay_window *window, uint32_t size) MUST_CHECK;
void replay_clear(struct replay_window *window);
/* Before the integrity check: whether sequence is new and not too old. */
bool replay_is_fresh(const struct replay_window *window, uint64_t sequence);
/* After the integrity check of a fresh one. */
void replay_accept(struct replay_window *window, uint64_t sequence);

#endif
