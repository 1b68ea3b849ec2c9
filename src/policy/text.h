/* Building a text piece by piece in a buffer of fixed size; what does not fit is cut. */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stddef.h>

struct text_builder {
	char *text;
	size_t size;
	size_t length;
};

/* Starts with an empty text. */
struct text_builder text_into(char *text, size_t size);
void text_add(struct text_builder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
