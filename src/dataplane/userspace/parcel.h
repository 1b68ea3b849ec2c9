/*
 * An IP packet that is being changed in place, in a buffer with room around it: headers of IPsec
 * come in between its IP header and the rest, and go again, while only the IP header moves.
 */
#ifndef DATAPLANE_USERSPACE_PARCEL_H
#define DATAPLANE_USERSPACE_PARCEL_H

#include "dataplane/userspace/packet.h"

struct parcel {
	uint8_t *octets;
	size_t len;
	size_t room;      /* from octets on, len of it in use */
	uint8_t family;   /* 4 or 6 */
	uint8_t protocol; /* as in struct packet, like the next four */
	uint8_t traffic_class;
	uint16_t header_len;
	uint16_t next_header_at;
	bool fragment;
};

/* octets are those that packet was read from. */
struct parcel parcel_of(const struct packet *packet, uint8_t *octets, size_t room);

static inline uint8_t *parcel_payload(const struct parcel *parcel)
{
	return parcel->octets + parcel->header_len;
}

static inline size_t parcel_payload_length(const struct parcel *parcel)
{
	return parcel->len - parcel->header_len;
}

/*
 * Makes room for len octets before the payload, into what lies in front of the packet, and returns
 * where they are; `protocol` is what they will be. The length in the header is not touched.
 */
uint8_t *parcel_insert(struct parcel *parcel, size_t len, uint8_t protocol);
/*
 * Takes the first `before` and the last `after` octets of the payload away; `protocol` is what
 * stands there now. The length in the header follows.
 */
void parcel_remove(struct parcel *parcel, size_t before, size_t after, uint8_t protocol);
/* Sets the packet's length, in the header as well. */
void parcel_set_length(struct parcel *parcel, size_t len);

#endif
