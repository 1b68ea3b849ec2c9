/* Memory that holds keys: wiped on free, compared in constant time. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites memory in a way that the compiler keeps. */
void secret_wipe(void *data, size_t len);
/* Zeroed; NULL when out of memory. Free with secret_free() and the same length. */
void *secret_alloc(size_t len);
/* Wipes, then frees; data may be NULL. */
void secret_free(void *data, size_t len);
/* Constant-time comparison of two buffers of one length. */
bool secret_equal(const void *a, const void *b, size_t len);

#endif
