/* Sending messages; those too long for a packet in fragments, as deployed peers do it. */
#include "kx/ikev1/fragment.h"

/* Of one datagram's payload: with its headers it fits into IPv6's least MTU of 1280. */
#define WHOLE_MAX 1200

static void send_octets(struct ikev1 *ikev1, const struct ikev1_path *path, struct bytes octets)
{
	const struct host *host = kx_host(ikev1->kx);
	struct host_datagram datagram = {
	    .port = path->port, .local = path->local, .remote = path->remote, .data = octets};

	host->send(host->self, &datagram);
}

static void send_fragments(struct ikev1 *ikev1, const struct ikev1_path *path, struct bytes message)
{
	const size_t room = WHOLE_MAX - ISAKMP_HEADER_SIZE - IKEV1_FRAGMENT_HEADER_SIZE;
	struct isakmp_header header;
	struct bytes body;
	enum notify_type notify;
	uint8_t number = 1;

	if (isakmp_header_decode(message, &header, &body, &notify) != ERR_OK)
		return;
	header.flags = 0;
	for (size_t at = 0; at < message.len; at += room) {
		size_t left = message.len - at;
		struct ikev1_fragment fragment = {.id = 1,
		    .number = number++,
		    .last = left <= room,
		    .data = bytes_of(message.data + at, left < room ? left : room)};
		uint8_t octets[WHOLE_MAX];
		struct writer out = writer_of(octets, sizeof(octets));
		struct isakmp_writer chain = isakmp_begin(&out, &header);

		ikev1_put_fragment(&chain, &fragment);
		isakmp_end(&out);
		send_octets(ikev1, path, writer_bytes(&out));
	}
}

void ikev1_send(
    struct ikev1 *ikev1, const struct ikev1_path *path, struct bytes message, bool fragments)
{
	if (fragments && message.len > WHOLE_MAX)
		send_fragments(ikev1, path, message);
	else
		send_octets(ikev1, path, message);
}
