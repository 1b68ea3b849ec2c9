/* Data attributes (RFC 2408 3.3) and the SA attributes of the IPsec DOI (RFC 2407 4.5). */
#include "wire/isakmp-attributes.h"

#include <stddef.h>
#include <string.h>

#define FORMAT_BASIC 0x8000

struct isakmp_attribute isakmp_attribute_read(struct reader *r)
{
	struct isakmp_attribute attribute = {0};
	uint16_t type = reader_u16(r);

	attribute.type = type & (uint16_t)~FORMAT_BASIC;
	attribute.basic = (type & FORMAT_BASIC) != 0;
	attribute.value = reader_take(r, attribute.basic ? 2 : reader_u16(r));
	return attribute;
}

enum err isakmp_attribute_number(const struct isakmp_attribute *attribute, uint64_t *out)
{
	uint64_t value = 0;

	if (attribute->value.len == 0)
		return ERR_INVALID;
	for (size_t i = 0; i < attribute->value.len; i++) {
		if (value > UINT64_MAX >> 8)
			return ERR_INVALID;
		value = value << 8 | attribute->value.data[i];
	}
	*out = value;
	return ERR_OK;
}

void isakmp_put_basic(struct writer *out, uint16_t type, uint16_t value)
{
	writer_u16(out, FORMAT_BASIC | type);
	writer_u16(out, value);
}

void isakmp_put_variable(struct writer *out, uint16_t type, struct bytes value)
{
	if (value.len > UINT16_MAX)
		out->failed = true;
	writer_u16(out, type);
	writer_u16(out, (uint16_t)value.len);
	writer_put(out, value);
}

static uint16_t *number_at(void *out, size_t offset)
{
	return (uint16_t *)((uint8_t *)out + offset);
}

static uint64_t *duration_at(void *out, size_t offset)
{
	return (uint64_t *)((uint8_t *)out + offset);
}

static struct bytes *octets_at(void *out, size_t offset)
{
	return (struct bytes *)((uint8_t *)out + offset);
}

/* Where attributes go while they are read. */
struct target {
	const struct attribute_layout *layout;
	void *out;
	uint16_t life_type; /* of the duration to come; 0: none was announced */
};

static void unsupported(const struct target *target, uint16_t type)
{
	uint16_t *first = number_at(target->out, target->layout->unsupported);

	if (*first == 0)
		*first = type;
}

/* RFC 2407 4.5.2: an attribute may come again as long as it does not conflict. */
static enum err read_basic(
    const struct target *target, const struct isakmp_attribute *attribute, size_t offset)
{
	uint16_t *value = number_at(target->out, offset);
	struct reader r = reader_of(attribute->value);
	uint16_t number = reader_u16(&r);

	if (!attribute->basic)
		return ERR_INVALID;
	if (number == 0)
		unsupported(target, attribute->type);
	else if (*value != 0 && *value != number)
		return ERR_INVALID;
	else
		*value = number;
	return ERR_OK;
}

static enum err read_life_type(struct target *target, const struct isakmp_attribute *attribute)
{
	struct reader r = reader_of(attribute->value);

	if (!attribute->basic || target->life_type != 0)
		return ERR_INVALID;
	target->life_type = reader_u16(&r);
	return target->life_type == 0 ? ERR_INVALID : ERR_OK;
}

static enum err read_life_duration(struct target *target, const struct isakmp_attribute *attribute)
{
	const struct attribute_layout *layout = target->layout;
	uint16_t life_type = target->life_type;
	uint64_t *value = duration_at(
	    target->out, life_type == LIFE_SECONDS ? layout->seconds : layout->kilobytes);
	uint64_t duration;

	target->life_type = 0;
	if (life_type == 0)
		return ERR_INVALID;
	if (life_type > LIFE_KILOBYTES) {
		unsupported(target, layout->life_type);
		return ERR_OK;
	}
	if (isakmp_attribute_number(attribute, &duration) != ERR_OK || duration == 0) {
		unsupported(target, attribute->type);
		return ERR_OK;
	}
	if (*value != 0 && *value != duration)
		return ERR_INVALID;
	*value = duration;
	return ERR_OK;
}

static enum err read_octets(
    const struct target *target, const struct isakmp_attribute *attribute, size_t offset)
{
	struct bytes *value = octets_at(target->out, offset);

	if (attribute->value.len == 0)
		unsupported(target, attribute->type);
	else if (value->len != 0 && !bytes_equal(*value, attribute->value))
		return ERR_INVALID;
	else
		*value = attribute->value;
	return ERR_OK;
}

static enum err read_attribute(struct target *target, const struct isakmp_attribute *attribute)
{
	const struct attribute_layout *layout = target->layout;

	for (size_t i = 0; i < layout->count; i++) {
		const struct attribute_class *class = &layout->classes[i];

		if (class->type != attribute->type)
			continue;
		return class->octets ? read_octets(target, attribute, class->offset)
		                     : read_basic(target, attribute, class->offset);
	}
	if (attribute->type == layout->life_type)
		return read_life_type(target, attribute);
	if (attribute->type == layout->life_duration)
		return read_life_duration(target, attribute);
	unsupported(target, attribute->type);
	return ERR_OK;
}

enum err attributes_decode(
    const struct attribute_layout *layout, struct bytes attributes, void *out)
{
	struct reader r = reader_of(attributes);
	struct target target = {.layout = layout, .out = out};

	while (reader_left(&r) > 0) {
		struct isakmp_attribute attribute = isakmp_attribute_read(&r);
		enum err err;

		if (!reader_ok(&r))
			return ERR_TRUNCATED;
		if (attribute.type == 0)
			return ERR_INVALID;
		err = read_attribute(&target, &attribute);
		if (err != ERR_OK)
			return err;
	}
	return target.life_type == 0 ? ERR_OK : ERR_INVALID;
}

/* As short as it can be: two octets in basic form, else four, else eight. */
static void put_life(struct writer *out, const struct attribute_layout *layout,
    enum ipsec_life_type life_type, uint64_t duration)
{
	uint8_t octets[8];
	struct writer value = writer_of(octets, sizeof(octets));

	if (duration == 0)
		return;
	isakmp_put_basic(out, layout->life_type, (uint16_t)life_type);
	if (duration <= UINT16_MAX) {
		isakmp_put_basic(out, layout->life_duration, (uint16_t)duration);
		return;
	}
	if (duration <= UINT32_MAX)
		writer_u32(&value, (uint32_t)duration);
	else
		writer_u64(&value, duration);
	isakmp_put_variable(out, layout->life_duration, writer_bytes(&value));
}

void attributes_put(
    const struct attribute_layout *layout, struct writer *out, const void *attributes)
{
	const uint8_t *in = attributes;

	put_life(out, layout, LIFE_SECONDS, *(const uint64_t *)(in + layout->seconds));
	put_life(out, layout, LIFE_KILOBYTES, *(const uint64_t *)(in + layout->kilobytes));
	for (size_t i = 0; i < layout->count; i++) {
		const struct attribute_class *class = &layout->classes[i];

		if (class->octets) {
			const struct bytes *value = (const struct bytes *)(in + class->offset);

			if (value->len > 0)
				isakmp_put_variable(out, class->type, *value);
		} else {
			const uint16_t *value = (const uint16_t *)(in + class->offset);

			if (*value != 0)
				isakmp_put_basic(out, class->type, *value);
		}
	}
}

#define BASIC(type, member)                                                                        \
	{                                                                                          \
		type, false, offsetof(struct ipsec_attributes, member)                             \
	}

static const struct attribute_class ipsec_classes[] = {
    BASIC(IPSEC_GROUP_DESCRIPTION, group),
    BASIC(IPSEC_ENCAPSULATION_MODE, encapsulation),
    BASIC(IPSEC_AUTHENTICATION_ALGORITHM, authentication),
    BASIC(IPSEC_KEY_LENGTH, key_length),
    BASIC(IPSEC_KEY_ROUNDS, key_rounds),
    BASIC(IPSEC_EXTENDED_SEQUENCE_NUMBER, esn),
};

static const struct attribute_layout ipsec_layout = {
    .classes = ipsec_classes,
    .count = sizeof(ipsec_classes) / sizeof(ipsec_classes[0]),
    .life_type = IPSEC_SA_LIFE_TYPE,
    .life_duration = IPSEC_SA_LIFE_DURATION,
    .seconds = offsetof(struct ipsec_attributes, life_seconds),
    .kilobytes = offsetof(struct ipsec_attributes, life_kilobytes),
    .unsupported = offsetof(struct ipsec_attributes, unsupported),
};

enum err ipsec_attributes_decode(struct bytes attributes, struct ipsec_attributes *out)
{
	memset(out, 0, sizeof(*out));
	return attributes_decode(&ipsec_layout, attributes, out);
}

void ipsec_attributes_put(struct writer *out, const struct ipsec_attributes *attributes)
{
	attributes_put(&ipsec_layout, out, attributes);
}
