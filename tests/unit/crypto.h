/* What the crypto room's tests share. */
#ifndef UNIT_CRYPTO_H
#define UNIT_CRYPTO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HEX_MAX      4096

/* Octets from hexadecimal, in one of a few buffers taken in turn. */
static inline struct bytes hex(const char *text)
{
	static uint8_t buffers[8][HEX_MAX];
	static unsigned turn;
	uint8_t *out = buffers[turn++ % 8];
	size_t len = strlen(text) / 2;

	assert_true(len <= HEX_MAX);
	for (size_t i = 0; i < len; i++) {
		unsigned value;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
		out[i] = (uint8_t)value;
	}
	return bytes_of(out, len);
}

#endif
