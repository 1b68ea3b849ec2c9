/* Random octets from OpenSSL's generator. */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include <stddef.h>

/* Cryptographically strong; ends the process rather than return weak ones. */
void random_octets(void *out, size_t len);

#endif
