/* Bounded reader and writer with sticky failure. */
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

struct bytes bytes_copy(struct bytes octets)
{
	uint8_t *copy;

	if (octets.len == 0)
		return (struct bytes){0};
	copy = malloc(octets.len);
	if (copy == NULL)
		return (struct bytes){0};
	memcpy(copy, octets.data, octets.len);
	return bytes_of(copy, octets.len);
}

void bytes_drop(struct bytes *copy)
{
	free((void *)(uintptr_t)copy->data);
	*copy = (struct bytes){0};
}

void reader_fail(struct reader *r)
{
	r->failed = true;
}

struct bytes reader_take(struct reader *r, size_t len)
{
	struct bytes taken = {0};

	if (r->failed || len > r->len - r->pos) {
		r->failed = true;
		return taken;
	}
	if (len > 0)
		taken = bytes_of(r->data + r->pos, len);
	r->pos += len;
	return taken;
}

struct bytes reader_rest(struct reader *r)
{
	return reader_take(r, reader_left(r));
}

static uint64_t read_number(struct reader *r, size_t len)
{
	struct bytes taken = reader_take(r, len);
	uint64_t value = 0;

	for (size_t i = 0; i < taken.len; i++)
		value = value << 8 | taken.data[i];
	return value;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
	return read_number(r, 8);
}

size_t writer_reserve(struct writer *w, size_t len)
{
	size_t offset = w->len;

	if (w->failed || len > w->capacity - w->len) {
		w->failed = true;
		return 0;
	}
	if (len > 0)
		memset(w->data + offset, 0, len);
	w->len += len;
	return offset;
}

void writer_put(struct writer *w, struct bytes value)
{
	size_t offset = writer_reserve(w, value.len);

	if (!w->failed && value.len > 0)
		memcpy(w->data + offset, value.data, value.len);
}

void writer_zeros(struct writer *w, size_t len)
{
	(void)writer_reserve(w, len);
}

void writer_align(struct writer *w, size_t alignment)
{
	writer_zeros(w, (alignment - w->len % alignment) % alignment);
}

static void patch_number(struct writer *w, size_t offset, uint64_t value, size_t len)
{
	if (w->failed || offset > w->len || len > w->len - offset) {
		w->failed = true;
		return;
	}
	for (size_t i = 0; i < len; i++)
		w->data[offset + i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

static void write_number(struct writer *w, uint64_t value, size_t len)
{
	size_t offset = writer_reserve(w, len);

	if (!w->failed)
		patch_number(w, offset, value, len);
}

void writer_u8(struct writer *w, uint8_t value)
{
	write_number(w, value, 1);
}

void writer_u16(struct writer *w, uint16_t value)
{
	write_number(w, value, 2);
}

void writer_u32(struct writer *w, uint32_t value)
{
	write_number(w, value, 4);
}

void writer_u64(struct writer *w, uint64_t value)
{
	write_number(w, value, 8);
}

void writer_patch_u8(struct writer *w, size_t offset, uint8_t value)
{
	patch_number(w, offset, value, 1);
}

void writer_patch_u16(struct writer *w, size_t offset, uint16_t value)
{
	patch_number(w, offset, value, 2);
}

void writer_patch_u32(struct writer *w, size_t offset, uint32_t value)
{
	patch_number(w, offset, value, 4);
}
