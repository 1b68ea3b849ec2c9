/* Receive coalescing. */
#include "dataplane/userspace/coalesce.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/userspace/checksum.h"
#include "dataplane/userspace/packet.h"

#define TCP_SEQUENCE_AT 4
#define TCP_OFFSET_AT   12
#define TCP_FLAGS_AT    13
#define TCP_CHECKSUM_AT 16
#define UDP_LENGTH_AT   4
#define UDP_CHECKSUM_AT 6

#define TCP_PSH 0x08
#define TCP_ACK 0x10

/* A packet on its way into a group. */
struct candidate {
	uint8_t *octets;
	size_t len;
	size_t ip_header;
	size_t header_len;
	uint8_t protocol;
	bool mergeable;
	bool push;
	uint32_t sequence;
	uint8_t pattern[COALESCE_HEADER];
};

void coalesce_init(struct coalesce *coalesce, coalesce_output output, void *context, bool datagrams)
{
	coalesce->output = output;
	coalesce->context = context;
	coalesce->datagrams = datagrams;
	coalesce->count = 0;
}

static void blank(struct candidate *c, size_t at, size_t len)
{
	memset(c->pattern + at, 0, len);
}

static void look_at_tcp(struct candidate *c)
{
	size_t tcp = c->ip_header;
	struct reader r = reader_of(bytes_of(c->octets + tcp, c->len - tcp));
	uint8_t flags;
	size_t header;

	(void)reader_u32(&r);
	c->sequence = reader_u32(&r);
	(void)reader_u32(&r);
	header = 4 * (size_t)(reader_u8(&r) >> 4);
	flags = reader_u8(&r);
	if (!reader_ok(&r) || header < TCP_HEADER || tcp + header > c->len)
		return;
	c->header_len = tcp + header;
	c->push = (flags & TCP_PSH) != 0;
	c->mergeable = (flags & ~TCP_PSH) == TCP_ACK && c->len > c->header_len;
	if (!c->mergeable)
		return;
	memcpy(c->pattern, c->octets, c->header_len);
	blank(c, tcp + TCP_SEQUENCE_AT, 4);
	c->pattern[tcp + TCP_FLAGS_AT] = TCP_ACK;
	blank(c, tcp + TCP_CHECKSUM_AT, 2);
}

static void look_at_udp(struct candidate *c)
{
	size_t udp = c->ip_header;
	struct reader r = reader_of(bytes_of(c->octets + udp, c->len - udp));

	(void)reader_u32(&r);
	c->header_len = udp + UDP_HEADER;
	/* The length must be the packet's own, and a checksum must be there to be checked. */
	c->mergeable = reader_u16(&r) == c->len - udp && reader_u16(&r) != 0 && reader_ok(&r) &&
	               c->len > c->header_len;
	if (!c->mergeable)
		return;
	memcpy(c->pattern, c->octets, c->header_len);
	blank(c, udp + UDP_LENGTH_AT, 4);
}

/* Whether the packet's transport is one that can be merged, and its pattern if so. */
static void look_at(const struct coalesce *coalesce, struct candidate *c)
{
	if (c->len >= IPV4_HEADER && c->octets[0] == 0x45) {
		struct reader r = reader_of(bytes_of(c->octets, c->len));

		(void)reader_take(&r, 6);
		if ((reader_u16(&r) & ~IPV4_DONT_FRAGMENT) != 0)
			return;
		c->ip_header = IPV4_HEADER;
		c->protocol = c->octets[9];
	} else if (c->len >= IPV6_HEADER && c->octets[0] >> 4 == 6) {
		c->ip_header = IPV6_HEADER;
		c->protocol = c->octets[6];
	} else {
		return;
	}
	if (c->protocol == IPPROTO_TCP)
		look_at_tcp(c);
	else if (c->protocol == IPPROTO_UDP && coalesce->datagrams)
		look_at_udp(c);
	if (!c->mergeable)
		return;
	if (c->ip_header == IPV4_HEADER) {
		blank(c, 2, 4);  /* total length, identification */
		blank(c, 10, 2); /* checksum */
	} else {
		blank(c, 4, 2); /* payload length */
	}
}

/* Where the addresses stand: all of IPv4's, or of IPv6's, are at the header's end. */
static bool same_flow(const struct coalesce_group *group, const struct candidate *c)
{
	size_t from = c->ip_header == IPV4_HEADER ? 12 : 8;

	return group->ip_header == c->ip_header && group->protocol == c->protocol &&
	       c->len >= c->ip_header + 4 &&
	       memcmp(group->first + from, c->octets + from, c->ip_header + 4 - from) == 0;
}

static checksum_sum pseudo_sum(const uint8_t *octets, size_t ip_header, uint8_t protocol)
{
	size_t from = ip_header == IPV4_HEADER ? 12 : 8;

	return checksum_add_u16(checksum_add(0, octets + from, ip_header - from), protocol);
}

static bool checksum_is_right(const uint8_t *octets, size_t len, size_t ip_header, uint8_t protocol)
{
	checksum_sum sum = pseudo_sum(octets, ip_header, protocol);

	sum = checksum_add_u16(sum, (uint16_t)(len - ip_header));
	return checksum_finish(checksum_add(sum, octets + ip_header, len - ip_header)) == 0;
}

/* Rewrites the first packet's headers to speak for the whole. */
static void finish_headers(struct coalesce_group *group, struct virtio_net_hdr *offload)
{
	bool tcp = group->protocol == IPPROTO_TCP;
	size_t checksum_at = group->ip_header + (tcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT);
	uint16_t transport = (uint16_t)(group->total - group->ip_header);
	checksum_sum sum = pseudo_sum(group->first, group->ip_header, group->protocol);
	struct writer w = writer_of(group->first, group->header_len);

	w.len = group->header_len;
	packet_set_length(group->first, group->ip_header, group->total);
	if (!tcp)
		writer_patch_u16(&w, group->ip_header + UDP_LENGTH_AT, transport);
	else if (group->push)
		writer_patch_u8(&w, group->ip_header + TCP_FLAGS_AT, TCP_ACK | TCP_PSH);
	writer_patch_u16(&w, checksum_at, checksum_fold(checksum_add_u16(sum, transport)));
	offload->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (!tcp)
		offload->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	else if (group->ip_header == IPV4_HEADER)
		offload->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	else
		offload->gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	offload->hdr_len = (uint16_t)group->header_len;
	offload->gso_size = (uint16_t)group->segment;
	offload->csum_start = (uint16_t)group->ip_header;
	offload->csum_offset = (uint16_t)(checksum_at - group->ip_header);
}

static void flush_group(struct coalesce *coalesce, struct coalesce_group *group)
{
	struct virtio_net_hdr offload = {0};

	if (group->piece_count > 2)
		finish_headers(group, &offload);
	group->pieces[0] = (struct iovec){.iov_base = &offload, .iov_len = sizeof(offload)};
	coalesce->output(coalesce->context, group->pieces, group->piece_count);
	group->piece_count = 0;
}

void coalesce_flush(struct coalesce *coalesce)
{
	for (int i = 0; i < coalesce->count; i++) {
		if (coalesce->groups[i].piece_count > 0)
			flush_group(coalesce, &coalesce->groups[i]);
	}
	coalesce->count = 0;
}

static bool fits(struct coalesce_group *group, const struct candidate *c)
{
	size_t payload = c->len - c->header_len;

	if (!c->mergeable || group->closed || group->header_len != c->header_len ||
	    payload > group->segment || group->total + payload > UINT16_MAX ||
	    group->piece_count > COALESCE_SEGMENTS)
		return false;
	if (c->protocol == IPPROTO_TCP && c->sequence != group->next_sequence)
		return false;
	if (memcmp(group->pattern, c->pattern, c->header_len) != 0)
		return false;
	if (!group->verified)
		group->verified = checksum_is_right(
		    group->first, group->total, group->ip_header, group->protocol);
	return group->verified && checksum_is_right(c->octets, c->len, c->ip_header, c->protocol);
}

static void append(struct coalesce_group *group, const struct candidate *c)
{
	size_t payload = c->len - c->header_len;

	group->pieces[group->piece_count++] =
	    (struct iovec){.iov_base = c->octets + c->header_len, .iov_len = payload};
	group->total += payload;
	group->next_sequence += (uint32_t)payload;
	group->push = group->push || c->push;
	group->closed = c->push || payload < group->segment;
}

static void open_group(struct coalesce *coalesce, const struct candidate *c)
{
	struct coalesce_group *group;

	if (coalesce->count == COALESCE_GROUPS)
		coalesce_flush(coalesce);
	group = &coalesce->groups[coalesce->count++];
	group->first = c->octets;
	group->header_len = c->header_len;
	group->ip_header = c->ip_header;
	group->protocol = c->protocol;
	group->total = c->len;
	group->segment = c->len - c->header_len;
	group->next_sequence = c->sequence + (uint32_t)group->segment;
	group->verified = false;
	group->closed = c->push;
	group->push = c->push;
	group->pieces[1] = (struct iovec){.iov_base = c->octets, .iov_len = c->len};
	group->piece_count = 2;
	memcpy(group->pattern, c->pattern, c->header_len);
}

void coalesce_add(struct coalesce *coalesce, uint8_t *packet, size_t len)
{
	struct candidate c = {.octets = packet, .len = len};
	struct virtio_net_hdr offload = {0};
	struct iovec pieces[2] = {{.iov_base = &offload, .iov_len = sizeof(offload)},
	    {.iov_base = packet, .iov_len = len}};

	look_at(coalesce, &c);
	for (int i = 0; i < coalesce->count && c.ip_header != 0; i++) {
		struct coalesce_group *group = &coalesce->groups[i];

		if (group->piece_count == 0 || !same_flow(group, &c))
			continue;
		if (fits(group, &c)) {
			append(group, &c);
			return;
		}
		flush_group(coalesce, group);
		break;
	}
	if (c.mergeable)
		open_group(coalesce, &c);
	else
		coalesce->output(coalesce->context, pieces, 2);
}
