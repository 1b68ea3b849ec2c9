/*
 * Secret memory. The process as a whole is kept out of core dumps by the daemon (see
 * doc/architecture.md); here each secret's life ends with a wipe.
 */
#include "base/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void secret_wipe(void *data, size_t len)
{
	if (len > 0)
		explicit_bzero(data, len);
}

void *secret_alloc(size_t len)
{
	return calloc(1, len > 0 ? len : 1);
}

void secret_free(void *data, size_t len)
{
	if (data == NULL)
		return;
	secret_wipe(data, len);
	free(data);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *left = a;
	const volatile uint8_t *right = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= left[i] ^ right[i];
	return difference == 0;
}
