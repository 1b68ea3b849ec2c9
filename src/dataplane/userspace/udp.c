/* UDP encapsulation: RFC 3948 sections 2 and 3.1.2. */
#include "dataplane/userspace/udp.h"

#include <netinet/in.h>

#include "dataplane/userspace/checksum.h"

#define TCP_CHECKSUM_AT    16
#define UDP_CHECKSUM_AT    6
#define ICMPV6_CHECKSUM_AT 2

/* Of addresses, protocol, length and all after the IP header. */
static uint16_t transport_checksum(const struct parcel *parcel, uint8_t protocol)
{
	size_t len = parcel_payload_length(parcel);
	size_t at = parcel->family == 4 ? 12 : 8;
	size_t size = parcel->family == 4 ? 4 : 16;
	checksum_sum sum = checksum_add(0, parcel->octets + at, 2 * size);

	sum = checksum_add_u16(sum, protocol);
	/* Lengths above 65535 do not come here. */
	sum = checksum_add_u16(sum, (uint16_t)len);
	return checksum_finish(checksum_add(sum, parcel_payload(parcel), len));
}

void udp_write_header(
    const struct parcel *parcel, uint8_t *header, uint16_t source, uint16_t destination)
{
	struct writer w = writer_of(header, UDP_HEADER);
	uint16_t value;

	writer_u16(&w, source);
	writer_u16(&w, destination);
	writer_u16(&w, (uint16_t)parcel_payload_length(parcel));
	/* RFC 3948 2.1: none over IPv4. Over IPv6 a receiver would drop it (RFC 8200 8.1). */
	writer_u16(&w, 0);
	if (parcel->family == 4)
		return;
	value = transport_checksum(parcel, IPPROTO_UDP);
	writer_patch_u16(&w, UDP_CHECKSUM_AT, value == 0 ? UINT16_MAX : value);
}

enum udp_kind udp_classify(struct bytes datagram)
{
	struct reader r = reader_of(datagram);

	if (datagram.len == 1 && datagram.data[0] == UDP_KEEPALIVE_OCTET)
		return UDP_KEEPALIVE;
	if (reader_u32(&r) == 0)
		return reader_ok(&r) ? UDP_KEY_EXCHANGE : UDP_MALFORMED;
	return UDP_ESP;
}

void udp_fix_transport_checksum(struct parcel *parcel)
{
	size_t len = parcel_payload_length(parcel);
	uint8_t *payload = parcel_payload(parcel);
	struct writer w = writer_of(payload, len);
	size_t at;
	uint16_t value;

	w.len = len;
	switch (parcel->protocol) {
	case IPPROTO_TCP:
		at = TCP_CHECKSUM_AT;
		break;
	case IPPROTO_UDP:
		at = UDP_CHECKSUM_AT;
		if (len < UDP_HEADER || (payload[at] == 0 && payload[at + 1] == 0))
			return;
		break;
	case IPPROTO_ICMPV6:
		at = ICMPV6_CHECKSUM_AT;
		break;
	default:
		return;
	}
	writer_patch_u16(&w, at, 0);
	if (!writer_ok(&w))
		return;
	value = transport_checksum(parcel, parcel->protocol);
	if (value == 0 && parcel->protocol == IPPROTO_UDP)
		value = UINT16_MAX;
	writer_patch_u16(&w, at, value);
}
