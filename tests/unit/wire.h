/* What the tests of the wire room share. */
#ifndef UNIT_WIRE_H
#define UNIT_WIRE_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define BYTES(array) bytes_of(array, sizeof(array))

/* A copy that ends where its memory ends, so that a sanitizer sees any read behind it. */
static inline struct bytes copy_of(struct bytes input, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, input.data, len);
	return bytes_of(copy, len);
}

static inline void copy_free(struct bytes copy)
{
	free((void *)(uintptr_t)copy.data);
}

#define assert_bytes(actual, expected)                                                             \
	do {                                                                                       \
		struct bytes actual_ = (actual), expected_ = (expected);                           \
                                                                                                   \
		assert_int_equal(actual_.len, expected_.len);                                      \
		if (expected_.len > 0)                                                             \
			assert_memory_equal(actual_.data, expected_.data, expected_.len);          \
	} while (0)

#endif
