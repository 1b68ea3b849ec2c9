/* Receiving packets: recvmmsg(2), raw(7); ancillary data RFC 3542 section 6, ip(7). */
#include "dataplane/userspace/receive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EXTENSIONS_MAX 8
#define EXTENSION_ROOM 1024 /* octets of extension headers that one packet may have */
/* Both are multiples of a cache line, since copies to odd places take longer; and the size is no
 * power of two: see outbound.c. */
#define HEADROOM       (64 + EXTENSION_ROOM)
#define SLOT_SIZE      (HEADROOM + 65536 + 2048 + 64)
#define CONTROL_SIZE   (256 + EXTENSION_ROOM)

struct receiver {
	enum socket_kind kind;
	bool ipv6;
	struct mmsghdr messages[RECEIVE_BATCH];
	struct iovec pieces[RECEIVE_BATCH];
	struct sockaddr_storage from[RECEIVE_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[RECEIVE_BATCH][CONTROL_SIZE];
	_Alignas(64) uint8_t slots[RECEIVE_BATCH][SLOT_SIZE];
};

struct receiver *receiver_new(void)
{
	return aligned_alloc(_Alignof(struct receiver), sizeof(struct receiver));
}

void receiver_free(struct receiver *receiver)
{
	free(receiver);
}

unsigned receiver_take(
    struct receiver *receiver, const struct sockets *sockets, enum socket_kind kind, bool ipv6)
{
	int fd = sockets->in[kind][ipv6 ? 1 : 0];
	bool whole = kind != SOCKET_UDP && !ipv6;
	int got;

	receiver->kind = kind;
	receiver->ipv6 = ipv6;
	for (unsigned i = 0; i < RECEIVE_BATCH; i++) {
		struct msghdr *message = &receiver->messages[i].msg_hdr;

		receiver->pieces[i] = (struct iovec){
		    .iov_base = receiver->slots[i] + HEADROOM, .iov_len = SLOT_SIZE - HEADROOM};
		*message = (struct msghdr){.msg_iov = &receiver->pieces[i], .msg_iovlen = 1};
		if (whole)
			continue;
		message->msg_name = &receiver->from[i];
		message->msg_namelen = sizeof(receiver->from[i]);
		message->msg_control = receiver->control[i];
		message->msg_controllen = CONTROL_SIZE;
	}
	got = fd < 0 ? 0 : recvmmsg(fd, receiver->messages, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
	return got > 0 ? (unsigned)got : 0;
}

struct bytes receiver_octets(const struct receiver *receiver, unsigned index)
{
	return bytes_of(receiver->slots[index] + HEADROOM, receiver->messages[index].msg_len);
}

/* What ancillary data tell of a packet's header. */
struct told {
	struct in_pktinfo ipv4;
	struct in6_pktinfo ipv6;
	int traffic_class;
	int hop_limit;
	uint8_t first; /* the next header after IPv6's own */
	size_t extension_count;
	struct bytes extensions[EXTENSIONS_MAX]; /* in the packet's order */
	size_t extension_octets;
};

static void add_extension(struct told *told, uint8_t protocol, struct bytes octets)
{
	if (told->extension_count == EXTENSIONS_MAX)
		return;
	if (told->extension_count == 0)
		told->first = protocol;
	told->extensions[told->extension_count++] = octets;
	told->extension_octets += octets.len;
}

static void read_ipv6_item(struct cmsghdr *c, struct told *told)
{
	const uint8_t *data = CMSG_DATA(c);
	struct bytes octets = bytes_of(data, c->cmsg_len - CMSG_LEN(0));

	switch (c->cmsg_type) {
	case IPV6_PKTINFO:
		memcpy(&told->ipv6, data, sizeof(told->ipv6));
		break;
	case IPV6_TCLASS:
		memcpy(&told->traffic_class, data, sizeof(int));
		break;
	case IPV6_HOPLIMIT:
		memcpy(&told->hop_limit, data, sizeof(int));
		break;
	case IPV6_HOPOPTS:
		add_extension(told, IPPROTO_HOPOPTS, octets);
		break;
	case IPV6_RTHDR:
		add_extension(told, IPPROTO_ROUTING, octets);
		break;
	case IPV6_DSTOPTS:
		add_extension(told, IPPROTO_DSTOPTS, octets);
		break;
	default:
		break;
	}
}

static void read_ipv4_item(struct cmsghdr *c, struct told *told)
{
	const uint8_t *data = CMSG_DATA(c);

	if (c->cmsg_type == IP_PKTINFO)
		memcpy(&told->ipv4, data, sizeof(told->ipv4));
	else if (c->cmsg_type == IP_TOS)
		told->traffic_class = data[0];
	else if (c->cmsg_type == IP_TTL)
		memcpy(&told->hop_limit, data, sizeof(int));
}

static void read_ancillary(struct msghdr *message, uint8_t protocol, struct told *told)
{
	*told = (struct told){.first = protocol};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IPV6)
			read_ipv6_item(c, told);
		else if (c->cmsg_level == IPPROTO_IP)
			read_ipv4_item(c, told);
	}
}

/* Writes IPv6's header and extension headers before the payload; returns where they start. */
static uint8_t *rebuild_ipv6(
    uint8_t *payload, size_t len, const struct told *told, const struct endpoint *source)
{
	uint8_t *start = payload - told->extension_octets - IPV6_HEADER;
	struct writer w = writer_of(start, IPV6_HEADER + told->extension_octets);

	writer_u32(&w, UINT32_C(6) << 28 | (uint32_t)(told->traffic_class & 0xff) << 20);
	writer_u16(&w, (uint16_t)(told->extension_octets + len));
	writer_u8(&w, told->first);
	writer_u8(&w, (uint8_t)told->hop_limit);
	writer_put(&w, bytes_of(source->address.octets, 16));
	writer_put(&w, bytes_of(&told->ipv6.ipi6_addr, 16));
	for (size_t i = 0; i < told->extension_count; i++)
		writer_put(&w, told->extensions[i]);
	return start;
}

static uint8_t *rebuild_ipv4(
    uint8_t *payload, size_t len, const struct told *told, const struct endpoint *source)
{
	uint8_t *start = payload - IPV4_HEADER;
	struct writer w = writer_of(start, IPV4_HEADER);

	writer_u8(&w, 0x45);
	writer_u8(&w, (uint8_t)told->traffic_class);
	writer_u16(&w, 0);
	writer_u32(&w, 0);
	writer_u8(&w, (uint8_t)told->hop_limit);
	writer_u8(&w, told->first);
	writer_u16(&w, 0);
	writer_put(&w, bytes_of(source->address.octets, 4));
	writer_put(&w, bytes_of(&told->ipv4.ipi_addr, 4));
	packet_set_length(start, IPV4_HEADER, IPV4_HEADER + len);
	return start;
}

/* The packet's header made again in front of what the kernel gave. */
static enum err rebuild(
    struct receiver *receiver, unsigned index, uint8_t **start, struct endpoint *source)
{
	static const uint8_t protocols[] = {
	    [SOCKET_ESP] = IPPROTO_ESP, [SOCKET_AH] = IPPROTO_AH, [SOCKET_UDP] = IPPROTO_ESP};
	struct msghdr *message = &receiver->messages[index].msg_hdr;
	size_t len = receiver->messages[index].msg_len;
	uint8_t *payload = receiver->slots[index] + HEADROOM;
	struct told told;

	if ((message->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return ERR_TRUNCATED;
	read_ancillary(message, protocols[receiver->kind], &told);
	if (endpoint_from_sockaddr((const struct sockaddr *)&receiver->from[index], source) !=
		ERR_OK ||
	    told.extension_octets > EXTENSION_ROOM || len + told.extension_octets > UINT16_MAX ||
	    (!receiver->ipv6 && len + IPV4_HEADER > UINT16_MAX))
		return ERR_INVALID;
	*start = receiver->ipv6 ? rebuild_ipv6(payload, len, &told, source)
	                        : rebuild_ipv4(payload, len, &told, source);
	return ERR_OK;
}

enum err receiver_packet(struct receiver *receiver, unsigned index, struct received *out)
{
	uint8_t *slot = receiver->slots[index];
	uint8_t *end = slot + HEADROOM + receiver->messages[index].msg_len;
	uint8_t *start = slot + HEADROOM;
	struct packet packet;
	enum err code = ERR_OK;

	if (receiver->kind == SOCKET_UDP || receiver->ipv6)
		code = rebuild(receiver, index, &start, &out->source);
	if (code == ERR_OK)
		code = packet_parse(bytes_of(start, (size_t)(end - start)), &packet);
	if (code != ERR_OK)
		return code;
	out->parcel = parcel_of(&packet, start, (size_t)(slot + SLOT_SIZE - start));
	out->destination = packet.destination;
	out->source.address = packet.source;
	if (receiver->kind != SOCKET_UDP)
		out->source.port = 0;
	return ERR_OK;
}
