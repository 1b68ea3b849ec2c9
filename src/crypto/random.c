/* Random octets. */
#include "crypto/random.h"

#include <stdlib.h>

#include <openssl/rand.h>

void random_octets(void *out, size_t len)
{
	/* Nothing secure can be done without randomness, and no caller could mend it. */
	if (RAND_bytes_ex(NULL, out, len, 0) != 1)
		abort();
}
