/* ICMP and ICMPv6 too big. */
#include "dataplane/userspace/icmp.h"

#include <netinet/in.h>

#include "dataplane/userspace/checksum.h"

#define ICMP_HEADER      8
#define IPV4_QUOTED      (IPV4_HEADER + ICMP_HEADER + 548) /* RFC 1812 4.3.2.3: 576 in all */
#define ICMP_UNREACHABLE 3
#define ICMP_FRAG_NEEDED 4
#define ICMPV6_TOO_BIG   2
#define HOP_LIMIT        64

static size_t quoted(const struct packet *packet, size_t most)
{
	return packet->data.len < most ? packet->data.len : most;
}

static size_t too_big_ipv4(const struct packet *packet, unsigned mtu, struct writer *w)
{
	writer_u8(w, 0x45);
	writer_zeros(w, 7); /* length comes later; no fragment */
	writer_u8(w, HOP_LIMIT);
	writer_u8(w, IPPROTO_ICMP);
	writer_u16(w, 0);
	writer_put(w, bytes_of(packet->destination.octets, 4));
	writer_put(w, bytes_of(packet->source.octets, 4));
	writer_u8(w, ICMP_UNREACHABLE);
	writer_u8(w, ICMP_FRAG_NEEDED);
	writer_u32(w, 0); /* checksum, unused */
	writer_u16(w, (uint16_t)mtu);
	writer_put(w,
	    bytes_of(packet->data.data, quoted(packet, IPV4_QUOTED - IPV4_HEADER - ICMP_HEADER)));
	writer_patch_u16(w, IPV4_HEADER + 2,
	    checksum_finish(checksum_add(0, w->data + IPV4_HEADER, w->len - IPV4_HEADER)));
	packet_set_length(w->data, IPV4_HEADER, w->len);
	return w->len;
}

static size_t too_big_ipv6(const struct packet *packet, unsigned mtu, struct writer *w)
{
	checksum_sum sum = checksum_pseudo(&packet->destination, &packet->source, IPPROTO_ICMPV6);

	writer_u32(w, UINT32_C(6) << 28);
	writer_u16(w, 0); /* length comes later */
	writer_u8(w, IPPROTO_ICMPV6);
	writer_u8(w, HOP_LIMIT);
	writer_put(w, bytes_of(packet->destination.octets, 16));
	writer_put(w, bytes_of(packet->source.octets, 16));
	writer_u8(w, ICMPV6_TOO_BIG);
	writer_u8(w, 0);
	writer_u16(w, 0); /* checksum */
	writer_u32(w, mtu);
	writer_put(w, bytes_of(packet->data.data,
			  quoted(packet, ICMP_TOO_BIG_MAX - IPV6_HEADER - ICMP_HEADER)));
	sum = checksum_add_u16(sum, (uint16_t)(w->len - IPV6_HEADER));
	writer_patch_u16(w, IPV6_HEADER + 2,
	    checksum_finish(checksum_add(sum, w->data + IPV6_HEADER, w->len - IPV6_HEADER)));
	packet_set_length(w->data, IPV6_HEADER, w->len);
	return w->len;
}

size_t icmp_too_big(const struct packet *packet, unsigned mtu, uint8_t out[ICMP_TOO_BIG_MAX])
{
	struct writer w = writer_of(out, ICMP_TOO_BIG_MAX);

	if (packet->source.family == 4)
		return too_big_ipv4(packet, mtu, &w);
	return too_big_ipv6(packet, mtu, &w);
}
