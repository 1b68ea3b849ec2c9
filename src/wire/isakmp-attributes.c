/* Data attributes (RFC 2408 3.3) and the SA attributes of the IPsec DOI (RFC 2407 4.5). */
#include "wire/isakmp.h"

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

/* The basic attributes that are read, and where they go. NULL: one that is not supported. */
static uint16_t *basic_value(struct ipsec_attributes *attributes, uint16_t type)
{
	switch (type) {
	case IPSEC_GROUP_DESCRIPTION:
		return &attributes->group;
	case IPSEC_ENCAPSULATION_MODE:
		return &attributes->encapsulation;
	case IPSEC_AUTHENTICATION_ALGORITHM:
		return &attributes->authentication;
	case IPSEC_KEY_LENGTH:
		return &attributes->key_length;
	case IPSEC_KEY_ROUNDS:
		return &attributes->key_rounds;
	default:
		return NULL;
	}
}

static void unsupported(struct ipsec_attributes *attributes, uint16_t type)
{
	if (attributes->unsupported == 0)
		attributes->unsupported = type;
}

/* RFC 2407 4.5.2: an attribute may come again as long as it does not conflict. */
static enum err read_basic(
    const struct isakmp_attribute *attribute, struct ipsec_attributes *out, uint16_t *value)
{
	struct reader r = reader_of(attribute->value);
	uint16_t number = reader_u16(&r);

	if (!attribute->basic)
		return ERR_INVALID;
	if (number == 0)
		unsupported(out, attribute->type);
	else if (*value != 0 && *value != number)
		return ERR_INVALID;
	else
		*value = number;
	return ERR_OK;
}

static enum err read_life_type(const struct isakmp_attribute *attribute, uint16_t *life_type)
{
	struct reader r = reader_of(attribute->value);

	if (!attribute->basic || *life_type != 0)
		return ERR_INVALID;
	*life_type = reader_u16(&r);
	return *life_type == 0 ? ERR_INVALID : ERR_OK;
}

static enum err read_life_duration(
    const struct isakmp_attribute *attribute, uint16_t life_type, struct ipsec_attributes *out)
{
	uint64_t *value = life_type == LIFE_SECONDS ? &out->life_seconds : &out->life_kilobytes;
	uint64_t duration;

	if (life_type == 0)
		return ERR_INVALID;
	if (life_type > LIFE_KILOBYTES) {
		unsupported(out, IPSEC_SA_LIFE_TYPE);
		return ERR_OK;
	}
	if (isakmp_attribute_number(attribute, &duration) != ERR_OK || duration == 0) {
		unsupported(out, IPSEC_SA_LIFE_DURATION);
		return ERR_OK;
	}
	if (*value != 0 && *value != duration)
		return ERR_INVALID;
	*value = duration;
	return ERR_OK;
}

enum err ipsec_attributes_decode(struct bytes attributes, struct ipsec_attributes *out)
{
	struct reader r = reader_of(attributes);
	uint16_t life_type = 0; /* of the duration to come; 0: none was announced */

	memset(out, 0, sizeof(*out));
	while (reader_left(&r) > 0) {
		struct isakmp_attribute attribute = isakmp_attribute_read(&r);
		uint16_t *value = basic_value(out, attribute.type);
		enum err err = ERR_OK;

		if (!reader_ok(&r))
			return ERR_TRUNCATED;
		if (attribute.type == 0)
			return ERR_INVALID;
		if (attribute.type == IPSEC_SA_LIFE_TYPE) {
			err = read_life_type(&attribute, &life_type);
		} else if (attribute.type == IPSEC_SA_LIFE_DURATION) {
			err = read_life_duration(&attribute, life_type, out);
			life_type = 0;
		} else if (value != NULL) {
			err = read_basic(&attribute, out, value);
		} else {
			unsupported(out, attribute.type);
		}
		if (err != ERR_OK)
			return err;
	}
	return life_type == 0 ? ERR_OK : ERR_INVALID;
}

static void put_stated(struct writer *out, uint16_t type, uint16_t value)
{
	if (value != 0)
		isakmp_put_basic(out, type, value);
}

/* As short as it can be: two octets in basic form, else four, else eight. */
static void put_life(struct writer *out, enum ipsec_life_type life_type, uint64_t duration)
{
	uint8_t octets[8];
	struct writer value = writer_of(octets, sizeof(octets));

	if (duration == 0)
		return;
	isakmp_put_basic(out, IPSEC_SA_LIFE_TYPE, (uint16_t)life_type);
	if (duration <= UINT16_MAX) {
		isakmp_put_basic(out, IPSEC_SA_LIFE_DURATION, (uint16_t)duration);
		return;
	}
	if (duration <= UINT32_MAX)
		writer_u32(&value, (uint32_t)duration);
	else
		writer_u64(&value, duration);
	isakmp_put_variable(out, IPSEC_SA_LIFE_DURATION, writer_bytes(&value));
}

void ipsec_attributes_put(struct writer *out, const struct ipsec_attributes *attributes)
{
	put_life(out, LIFE_SECONDS, attributes->life_seconds);
	put_life(out, LIFE_KILOBYTES, attributes->life_kilobytes);
	put_stated(out, IPSEC_GROUP_DESCRIPTION, attributes->group);
	put_stated(out, IPSEC_ENCAPSULATION_MODE, attributes->encapsulation);
	put_stated(out, IPSEC_AUTHENTICATION_ALGORITHM, attributes->authentication);
	put_stated(out, IPSEC_KEY_LENGTH, attributes->key_length);
	put_stated(out, IPSEC_KEY_ROUNDS, attributes->key_rounds);
}
