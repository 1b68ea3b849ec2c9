/*
 * Nonces, identities, KEYMAT's seed, deletes and notifications: RFC 2409 5.5, RFC 2407 4.6.2,
 * RFC 4430 5 and 7.
 */
#include "kx/quick/quick.h"

enum err quick_get_nonce(const struct isakmp_chain *chain, struct bytes *out)
{
	const struct isakmp_payload *payload = isakmp_chain_find(chain, ISAKMP_NONCE, NULL);

	*out = (struct bytes){0};
	if (payload == NULL)
		return ERR_OK;
	if (payload->body.len < QUICK_NONCE_MIN || payload->body.len > QUICK_NONCE_MAX)
		return ERR_INVALID;
	*out = payload->body;
	return ERR_OK;
}

enum err quick_get_key_exchange(const struct isakmp_chain *chain, struct bytes *out)
{
	const struct isakmp_payload *payload = isakmp_chain_find(chain, ISAKMP_KE, NULL);

	*out = payload != NULL ? payload->body : (struct bytes){0};
	return payload == NULL || payload->body.len > 0 ? ERR_OK : ERR_INVALID;
}

static bool is_any_port(struct port_range ports)
{
	return ports.first == 0 && ports.last == 65535;
}

static uint16_t port_number(struct port_range ports)
{
	return is_any_port(ports) ? 0 : ports.first;
}

static struct port_range port_range(uint16_t port)
{
	return port == 0 ? PORT_ANY : (struct port_range){port, port};
}

static bool is_host(const struct address_range *range, const struct address *address)
{
	return range_is_host(range) && address_equal(&range->first, address);
}

void quick_put_identities(struct isakmp_writer *chain, const struct selector *selector,
    const struct address *local, const struct address *remote, bool initiator)
{
	if (selector->protocol == 0 && is_any_port(selector->local_ports) &&
	    is_any_port(selector->remote_ports) && is_host(&selector->local, local) &&
	    is_host(&selector->remote, remote))
		return;
	if (initiator) {
		isakmp_put_id_range(chain, &selector->local, selector->protocol,
		    port_number(selector->local_ports));
		isakmp_put_id_range(chain, &selector->remote, selector->protocol,
		    port_number(selector->remote_ports));
	} else {
		isakmp_put_id_range(chain, &selector->remote, selector->protocol,
		    port_number(selector->remote_ports));
		isakmp_put_id_range(chain, &selector->local, selector->protocol,
		    port_number(selector->local_ports));
	}
}

struct identity {
	struct address_range range;
	struct port_range ports;
	uint8_t protocol;
};

static enum err get_identity(const struct isakmp_payload *payload, struct identity *out)
{
	struct isakmp_id id;
	enum err error = isakmp_id_decode(payload->body, &id);

	if (error == ERR_OK)
		error = isakmp_id_range(&id, &out->range);
	if (error != ERR_OK)
		return error;
	/* A port without a protocol selects nothing. */
	if (id.protocol == 0 && id.port != 0)
		return ERR_INVALID;
	out->protocol = id.protocol;
	out->ports = port_range(id.port);
	return ERR_OK;
}

enum err quick_get_identities(const struct isakmp_chain *chain, const struct address *local,
    const struct address *remote, bool initiator, struct selector *out)
{
	const struct isakmp_payload *payloads[2];
	struct identity ids[2]; /* IDci, IDcr */
	enum err error;

	*out = (struct selector){.local = {*local, *local},
	    .remote = {*remote, *remote},
	    .local_ports = PORT_ANY,
	    .remote_ports = PORT_ANY};
	payloads[0] = isakmp_chain_find(chain, ISAKMP_ID, NULL);
	if (payloads[0] == NULL)
		return ERR_OK;
	payloads[1] = isakmp_chain_find(chain, ISAKMP_ID, payloads[0]);
	if (payloads[1] == NULL)
		return ERR_INVALID;
	for (int i = 0; i < 2; i++) {
		error = get_identity(payloads[i], &ids[i]);
		if (error != ERR_OK)
			return error;
	}
	if (ids[0].protocol != ids[1].protocol ||
	    ids[0].range.first.family != ids[1].range.first.family)
		return ERR_INVALID;
	out->local = ids[initiator ? 0 : 1].range;
	out->local_ports = ids[initiator ? 0 : 1].ports;
	out->remote = ids[initiator ? 1 : 0].range;
	out->remote_ports = ids[initiator ? 1 : 0].ports;
	out->protocol = ids[0].protocol;
	return ERR_OK;
}

void quick_put_seed(struct writer *out, enum ipsec_protocol protocol, uint32_t spi,
    const struct quick_inputs *inputs)
{
	writer_put(out, inputs->secret);
	writer_u8(out, quick_protocol_number(protocol));
	writer_u32(out, spi);
	writer_put(out, inputs->ni);
	writer_put(out, inputs->nr);
}

/* SPIs in one Delete payload of ours; more go into another one. */
#define DELETES_MAX 64

static void put_delete(
    struct isakmp_writer *chain, enum ipsec_protocol protocol, const uint32_t *spis, size_t count)
{
	uint8_t octets[4 * DELETES_MAX];
	uint8_t spi[4];
	struct writer list = writer_of(octets, sizeof(octets));
	struct isakmp_delete delete = {.doi = IPSEC_DOI,
	    .protocol = quick_protocol_number(protocol),
	    .spi_size = (uint8_t)quick_spi_encode(protocol, 0, spi),
	    .spi_count = (uint16_t)count};

	for (size_t i = 0; i < count; i++)
		writer_put(&list, bytes_of(spi, quick_spi_encode(protocol, spis[i], spi)));
	delete.spis = writer_bytes(&list);
	isakmp_put_delete(chain, &delete);
}

void quick_put_delete(
    struct isakmp_writer *chain, enum ipsec_protocol protocol, const uint32_t *spis, size_t count)
{
	while (count > 0) {
		size_t some = count < DELETES_MAX ? count : DELETES_MAX;

		put_delete(chain, protocol, spis, some);
		spis += some;
		count -= some;
	}
}

void quick_put_notification(struct isakmp_writer *chain, enum notify_type type,
    enum ipsec_protocol protocol, uint32_t spi, struct bytes data)
{
	uint8_t octets[4];
	struct isakmp_notification notification = {.doi = IPSEC_DOI,
	    .protocol = quick_protocol_number(protocol),
	    .type = (uint16_t)type,
	    .data = data};

	if (spi != 0)
		notification.spi = bytes_of(octets, quick_spi_encode(protocol, spi, octets));
	isakmp_put_notification(chain, &notification);
}

/* The first notification of an error type. */
static bool find_error(const struct isakmp_chain *chain, struct isakmp_notification *out)
{
	const struct isakmp_payload *payload = NULL;

	while ((payload = isakmp_chain_find(chain, ISAKMP_NOTIFICATION, payload)) != NULL) {
		if (isakmp_notification_decode(payload->body, out) == ERR_OK && out->type != 0 &&
		    out->type <= NOTIFY_ERROR_LAST)
			return true;
	}
	return false;
}

uint16_t quick_find_error(const struct isakmp_chain *chain)
{
	struct isakmp_notification notification;

	return find_error(chain, &notification) ? notification.type : 0;
}

bool quick_refuses_key_exchange(const struct isakmp_chain *chain)
{
	static const uint8_t ke = ISAKMP_KE;
	struct isakmp_notification notification;

	return find_error(chain, &notification) &&
	       notification.type == NOTIFY_INVALID_PAYLOAD_TYPE &&
	       bytes_equal(notification.data, bytes_of(&ke, 1));
}
