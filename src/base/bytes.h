/*
 * The one bounded reader and the one bounded writer. All packet access goes through them.
 * Both have a sticky failure: after the first overrun reads yield zeros and writes do nothing, so
 * a codec can run straight through and check once at the end. Values are big-endian.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed view of octets; data may be NULL when len is 0. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){.data = data, .len = len};
}

/* Whether two views hold the same octets. Not constant-time: see secret_equal() for secrets. */
bool bytes_equal(struct bytes a, struct bytes b);

/* A copy of octets on the heap; .data is NULL when there are none, or no memory for them. */
struct bytes bytes_copy(struct bytes octets);
/* Frees and forgets such a copy. */
void bytes_drop(struct bytes *copy);

struct reader {
	const uint8_t *data;
	size_t len;
	size_t pos;
	bool failed;
};

static inline struct reader reader_of(struct bytes input)
{
	return (struct reader){.data = input.data, .len = input.len};
}

static inline bool reader_ok(const struct reader *r)
{
	return !r->failed;
}

/* Octets not read yet; 0 after a failure. */
static inline size_t reader_left(const struct reader *r)
{
	return r->failed ? 0 : r->len - r->pos;
}

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* The next len octets as a view into the input; an empty view on failure. */
struct bytes reader_take(struct reader *r, size_t len);
/* All that is left. */
struct bytes reader_rest(struct reader *r);
/* Marks the reader as failed, for a rule that the caller checks itself. */
void reader_fail(struct reader *r);

struct writer {
	uint8_t *data;
	size_t capacity;
	size_t len;
	bool failed;
};

static inline struct writer writer_of(void *buffer, size_t capacity)
{
	return (struct writer){.data = buffer, .capacity = capacity};
}

static inline bool writer_ok(const struct writer *w)
{
	return !w->failed;
}

/* What has been written so far. */
static inline struct bytes writer_bytes(const struct writer *w)
{
	return bytes_of(w->data, w->len);
}

void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);
void writer_u64(struct writer *w, uint64_t value);
void writer_put(struct writer *w, struct bytes value);
void writer_zeros(struct writer *w, size_t len);
/* Zeros up to the next multiple of alignment, counted from the start of the buffer. */
void writer_align(struct writer *w, size_t alignment);
/* Room for len octets, zeroed, to be patched later; returns its offset (0 on failure). */
size_t writer_reserve(struct writer *w, size_t len);
/* Overwrites octets written before; fails when they lie outside what has been written. */
void writer_patch_u8(struct writer *w, size_t offset, uint8_t value);
void writer_patch_u16(struct writer *w, size_t offset, uint16_t value);
void writer_patch_u32(struct writer *w, size_t offset, uint32_t value);

#endif
