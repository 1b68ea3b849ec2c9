/* How a transform's attributes become a struct and come from it: one way for both phases. */
#ifndef WIRE_ISAKMP_ATTRIBUTES_H
#define WIRE_ISAKMP_ATTRIBUTES_H

#include "wire/isakmp.h"

/* An attribute and its member: a uint16_t in basic form, or octets. */
struct attribute_class {
	uint16_t type;
	bool octets; /* a struct bytes; empty: not stated */
	size_t offset;
};

struct attribute_layout {
	const struct attribute_class *classes; /* written in this order, after the life */
	size_t count;
	uint16_t life_type; /* the classes of the life and its offsets, of two uint64_t */
	uint16_t life_duration;
	size_t seconds;
	size_t kilobytes;
	size_t unsupported; /* of a uint16_t: the first attribute that cannot be accepted */
};

/* *out must be zero. */
enum err attributes_decode(
    const struct attribute_layout *layout, struct bytes attributes, void *out) MUST_CHECK;
void attributes_put(
    const struct attribute_layout *layout, struct writer *out, const void *attributes);

#endif
