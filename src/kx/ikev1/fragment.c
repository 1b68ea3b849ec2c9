/*
 * Messages too long for a packet, in fragments as deployed peers send them. None has a proof of its
 * own, so parts are kept for one message of an SA at a time, and not many.
 */
#include "kx/ikev1/fragment.h"

#include <stdlib.h>

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

#define PARTS_MAX    64
#define ASSEMBLY_MAX 32768 /* octets of one message */

struct ikev1_assembly {
	uint16_t id;
	uint8_t last; /* 0: not known yet */
	size_t length;
	struct bytes parts[PARTS_MAX]; /* copies */
};

void ikev1_assembly_free(struct ikev1_assembly *assembly)
{
	if (assembly == NULL)
		return;
	for (size_t i = 0; i < PARTS_MAX; i++)
		bytes_drop(&assembly->parts[i]);
	free(assembly);
}

/* The assembly of that message; one of another message makes room. */
static struct ikev1_assembly *assembly_of(struct ikev1_assembly **assembly, uint16_t id)
{
	if (*assembly != NULL && (*assembly)->id == id)
		return *assembly;
	ikev1_assembly_free(*assembly);
	*assembly = calloc(1, sizeof(**assembly));
	if (*assembly != NULL)
		(*assembly)->id = id;
	return *assembly;
}

static bool keep(struct ikev1_assembly *assembly, const struct ikev1_fragment *fragment)
{
	struct bytes *part = &assembly->parts[fragment->number - 1];

	if (part->len > 0)
		return true;
	if (assembly->length + fragment->data.len > ASSEMBLY_MAX)
		return false;
	*part = bytes_copy(fragment->data);
	assembly->length += part->len;
	if (fragment->last)
		assembly->last = fragment->number;
	return part->data != NULL;
}

static bool is_whole(const struct ikev1_assembly *assembly)
{
	for (size_t i = 0; i < assembly->last; i++) {
		if (assembly->parts[i].len == 0)
			return false;
	}
	return assembly->last > 0;
}

static bool join(const struct ikev1_assembly *assembly, struct bytes *whole)
{
	uint8_t *octets = malloc(assembly->length);
	struct writer out = writer_of(octets, assembly->length);

	if (octets == NULL)
		return false;
	for (size_t i = 0; i < assembly->last; i++)
		writer_put(&out, assembly->parts[i]);
	*whole = writer_bytes(&out);
	return true;
}

bool ikev1_assemble(struct ikev1_assembly **assembly, struct bytes body, struct bytes *whole)
{
	struct ikev1_fragment fragment;
	struct ikev1_assembly *current;
	bool done = false;

	if (ikev1_fragment_decode(body, &fragment) != ERR_OK || fragment.number > PARTS_MAX)
		return false;
	current = assembly_of(assembly, fragment.id);
	if (current == NULL)
		return false;
	if (keep(current, &fragment)) {
		if (!is_whole(current))
			return false;
		done = join(current, whole);
	}
	ikev1_assembly_free(current);
	*assembly = NULL;
	return done;
}
