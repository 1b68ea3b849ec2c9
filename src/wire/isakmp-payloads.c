/*
 * Certificate, Certificate Request, Notification and Delete: RFC 2408 3.9, 3.10, 3.14, 3.15;
 * NAT-OA: RFC 3947 5.2.
 */
#include "wire/isakmp.h"

enum err isakmp_nat_oa_decode(struct bytes body, struct address *out)
{
	struct reader r = reader_of(body);
	uint8_t type = reader_u8(&r);
	uint8_t reserved = reader_u8(&r);
	struct bytes octets;

	if (reader_u16(&r) != 0 || reserved != 0)
		return ERR_INVALID;
	octets = reader_rest(&r);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	if ((type != ID_IPV4_ADDR || octets.len != 4) && (type != ID_IPV6_ADDR || octets.len != 16))
		return ERR_INVALID;
	return address_from_octets(octets.data, octets.len, out);
}

void isakmp_put_nat_oa(struct isakmp_writer *chain, const struct address *address)
{
	isakmp_open(chain, ISAKMP_NAT_OA);
	writer_u8(chain->out, address->family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR);
	writer_u8(chain->out, 0);
	writer_u16(chain->out, 0);
	writer_put(chain->out, bytes_of(address->octets, address_size(address)));
	isakmp_close(chain);
}

enum err isakmp_certificate_decode(struct bytes body, struct isakmp_certificate *out)
{
	struct reader r = reader_of(body);

	out->encoding = reader_u8(&r);
	out->data = reader_rest(&r);
	return reader_ok(&r) ? ERR_OK : ERR_TRUNCATED;
}

void isakmp_put_certificate(
    struct isakmp_writer *chain, uint8_t type, const struct isakmp_certificate *certificate)
{
	isakmp_open(chain, type);
	writer_u8(chain->out, certificate->encoding);
	writer_put(chain->out, certificate->data);
	isakmp_close(chain);
}

enum err isakmp_notification_decode(struct bytes body, struct isakmp_notification *out)
{
	struct reader r = reader_of(body);
	uint8_t spi_size;

	out->doi = reader_u32(&r);
	out->protocol = reader_u8(&r);
	spi_size = reader_u8(&r);
	out->type = reader_u16(&r);
	out->spi = reader_take(&r, spi_size);
	out->data = reader_rest(&r);
	return reader_ok(&r) ? ERR_OK : ERR_TRUNCATED;
}

void isakmp_put_notification(
    struct isakmp_writer *chain, const struct isakmp_notification *notification)
{
	isakmp_open(chain, ISAKMP_NOTIFICATION);
	if (notification->spi.len > UINT8_MAX)
		chain->out->failed = true;
	writer_u32(chain->out, notification->doi);
	writer_u8(chain->out, notification->protocol);
	writer_u8(chain->out, (uint8_t)notification->spi.len);
	writer_u16(chain->out, notification->type);
	writer_put(chain->out, notification->spi);
	writer_put(chain->out, notification->data);
	isakmp_close(chain);
}

enum err isakmp_delete_decode(struct bytes body, struct isakmp_delete *out)
{
	struct reader r = reader_of(body);

	out->doi = reader_u32(&r);
	out->protocol = reader_u8(&r);
	out->spi_size = reader_u8(&r);
	out->spi_count = reader_u16(&r);
	out->spis = reader_take(&r, (size_t)out->spi_size * out->spi_count);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	if (out->spi_size == 0 || out->spi_count == 0 || reader_left(&r) > 0)
		return ERR_INVALID;
	return ERR_OK;
}

void isakmp_put_delete(struct isakmp_writer *chain, const struct isakmp_delete *delete)
{
	isakmp_open(chain, ISAKMP_DELETE);
	writer_u32(chain->out, delete->doi);
	writer_u8(chain->out, delete->protocol);
	writer_u8(chain->out, delete->spi_size);
	writer_u16(chain->out, delete->spi_count);
	writer_put(chain->out, delete->spis);
	isakmp_close(chain);
}

struct bytes isakmp_delete_spi(const struct isakmp_delete *delete, size_t index)
{
	struct reader r = reader_of(delete->spis);

	(void)reader_take(&r, index * delete->spi_size);
	return reader_take(&r, delete->spi_size);
}
