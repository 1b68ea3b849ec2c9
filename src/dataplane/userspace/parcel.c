/* Packets that are changed in place. */
#include "dataplane/userspace/parcel.h"

#include <string.h>

struct parcel parcel_of(const struct packet *packet, uint8_t *octets, size_t room)
{
	return (struct parcel){.octets = octets,
	    .len = packet->data.len,
	    .room = room,
	    .family = packet->source.family,
	    .protocol = packet->protocol,
	    .traffic_class = packet->traffic_class,
	    .header_len = packet->header_len,
	    .next_header_at = packet->next_header_at,
	    .fragment = packet->fragment};
}

static void set_protocol(struct parcel *parcel, uint8_t protocol)
{
	parcel->protocol = protocol;
	parcel->octets[parcel->next_header_at] = protocol;
}

uint8_t *parcel_insert(struct parcel *parcel, size_t len, uint8_t protocol)
{
	uint8_t *from = parcel->octets;

	parcel->octets -= len;
	parcel->len += len;
	parcel->room += len;
	memmove(parcel->octets, from, parcel->header_len);
	set_protocol(parcel, protocol);
	return parcel_payload(parcel);
}

void parcel_remove(struct parcel *parcel, size_t before, size_t after, uint8_t protocol)
{
	uint8_t *from = parcel->octets;

	parcel->octets += before;
	parcel->room -= before;
	memmove(parcel->octets, from, parcel->header_len);
	set_protocol(parcel, protocol);
	parcel_set_length(parcel, parcel->len - before - after);
}

void parcel_set_length(struct parcel *parcel, size_t len)
{
	parcel->len = len;
	packet_set_length(parcel->octets, parcel->header_len, len);
}
