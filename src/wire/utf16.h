/* Text as UTF-16LE, which GSS-API's names are written in (attribute 16384 of IKEv1's phase 1). */
#ifndef WIRE_UTF16_H
#define WIRE_UTF16_H

#include "base/bytes.h"
#include "base/error.h"

/* A text in UTF-8, without a terminator. What is no UTF-8 makes the writer fail. */
void utf16_put(struct writer *out, const char *text);
/*
 * The text in UTF-8. ERR_INVALID for halves of characters and for control characters, of which the
 * terminator is one; ERR_TOO_LONG when it does not fit.
 */
enum err utf16_decode(struct bytes octets, char *out, size_t size) MUST_CHECK;

#endif
