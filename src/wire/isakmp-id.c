/* The Identification payload: RFC 2408 3.8 with the content of RFC 2407 4.6.2. */
#include "wire/isakmp.h"

#include <string.h>

/* How many addresses of which size an address type holds. */
static const struct id_layout {
	uint8_t type;
	uint8_t family;
	uint8_t size;
	uint8_t count;
} layouts[] = {
    {ID_IPV4_ADDR, 4, 4, 1},
    {ID_IPV4_ADDR_SUBNET, 4, 4, 2},
    {ID_IPV4_ADDR_RANGE, 4, 4, 2},
    {ID_IPV6_ADDR, 6, 16, 1},
    {ID_IPV6_ADDR_SUBNET, 6, 16, 2},
    {ID_IPV6_ADDR_RANGE, 6, 16, 2},
};

static const struct id_layout *layout_of(uint8_t type)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].type == type)
			return &layouts[i];
	}
	return NULL;
}

enum err isakmp_id_decode(struct bytes body, struct isakmp_id *out)
{
	struct reader r = reader_of(body);
	const struct id_layout *layout;

	out->type = reader_u8(&r);
	out->protocol = reader_u8(&r);
	out->port = reader_u16(&r);
	out->data = reader_rest(&r);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	layout = layout_of(out->type);
	if (layout != NULL && out->data.len != (size_t)layout->size * layout->count)
		return ERR_INVALID;
	return ERR_OK;
}

void isakmp_put_id(struct isakmp_writer *chain, const struct isakmp_id *id)
{
	isakmp_open(chain, ISAKMP_ID);
	writer_u8(chain->out, id->type);
	writer_u8(chain->out, id->protocol);
	writer_u16(chain->out, id->port);
	writer_put(chain->out, id->data);
	isakmp_close(chain);
}

/* The length of a mask whose ones all come first; ERR_UNSUPPORTED for any other. */
static enum err mask_bits(const struct address *mask, uint8_t *bits)
{
	size_t size = address_size(mask);
	bool ended = false;

	*bits = 0;
	for (size_t i = 0; i < size * 8; i++) {
		bool one = (mask->octets[i / 8] >> (7 - i % 8) & 1) != 0;

		if (one && ended)
			return ERR_UNSUPPORTED;
		ended = !one;
		*bits = (uint8_t)(*bits + one);
	}
	return ERR_OK;
}

/* The first and last address of a subnet; host bits that are set do not matter. */
static enum err subnet_range(
    const struct address *address, const struct address *mask, struct address_range *out)
{
	struct prefix prefix = {.address = *address};
	enum err err = mask_bits(mask, &prefix.bits);

	if (err != ERR_OK)
		return err;
	for (size_t i = 0; i < address_size(mask); i++)
		prefix.address.octets[i] &= mask->octets[i];
	*out = range_of_prefix(&prefix);
	return ERR_OK;
}

enum err isakmp_id_range(const struct isakmp_id *id, struct address_range *out)
{
	const struct id_layout *layout = layout_of(id->type);
	struct reader r = reader_of(id->data);
	struct address addresses[2] = {0};

	if (layout == NULL)
		return ERR_UNSUPPORTED;
	for (size_t i = 0; i < layout->count; i++) {
		struct bytes octets = reader_take(&r, layout->size);

		if (!reader_ok(&r))
			return ERR_TRUNCATED;
		addresses[i].family = layout->family;
		memcpy(addresses[i].octets, octets.data, layout->size);
	}
	switch (id->type) {
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
		*out = (struct address_range){addresses[0], addresses[0]};
		return ERR_OK;
	case ID_IPV4_ADDR_SUBNET:
	case ID_IPV6_ADDR_SUBNET:
		return subnet_range(&addresses[0], &addresses[1], out);
	default:
		*out = (struct address_range){addresses[0], addresses[1]};
		return address_compare(&out->first, &out->last) <= 0 ? ERR_OK : ERR_INVALID;
	}
}

static void put_mask(struct writer *out, const struct prefix *prefix)
{
	size_t size = address_size(&prefix->address);

	for (size_t i = 0; i < size; i++) {
		size_t ones = prefix->bits > i * 8 ? prefix->bits - i * 8 : 0;

		writer_u8(out, (uint8_t)(ones >= 8 ? 0xff : 0xff00 >> ones));
	}
}

void isakmp_put_id_range(
    struct isakmp_writer *chain, const struct address_range *range, uint8_t protocol, uint16_t port)
{
	bool ipv4 = range->first.family == 4;
	size_t size = address_size(&range->first);
	uint8_t octets[32];
	struct writer data = writer_of(octets, sizeof(octets));
	struct isakmp_id id = {.protocol = protocol, .port = port};
	struct prefix prefix;

	writer_put(&data, bytes_of(range->first.octets, size));
	if (range_is_host(range)) {
		id.type = ipv4 ? ID_IPV4_ADDR : ID_IPV6_ADDR;
	} else if (range_to_prefix(range, &prefix) == ERR_OK) {
		id.type = ipv4 ? ID_IPV4_ADDR_SUBNET : ID_IPV6_ADDR_SUBNET;
		put_mask(&data, &prefix);
	} else {
		id.type = ipv4 ? ID_IPV4_ADDR_RANGE : ID_IPV6_ADDR_RANGE;
		writer_put(&data, bytes_of(range->last.octets, size));
	}
	id.data = writer_bytes(&data);
	isakmp_put_id(chain, &id);
}
