/* Texts for people, built piece by piece. */
#include "policy/text.h"

#include <stdarg.h>
#include <stdio.h>

struct text_builder text_into(char *text, size_t size)
{
	text[0] = '\0';
	return (struct text_builder){.text = text, .size = size};
}

void text_add(struct text_builder *builder, const char *format, ...)
{
	size_t room = builder->size - builder->length;
	va_list arguments;
	int added;

	va_start(arguments, format);
	added = vsnprintf(builder->text + builder->length, room, format, arguments);
	va_end(arguments);
	if (added > 0)
		builder->length += (size_t)added < room ? (size_t)added : room - 1;
}
