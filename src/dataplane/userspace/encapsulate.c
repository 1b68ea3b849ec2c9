/* Packets on their way out. */
#include "dataplane/userspace/encapsulate.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/userspace/bundle.h"
#include "dataplane/userspace/udp.h"

#define HOP_LIMIT 64

static bool is_tunnel(const struct sa *sa)
{
	return sa->told.mode == IPSEC_TUNNEL;
}

static bool is_in_udp(const struct sa *sa)
{
	return sa->told.encapsulation_source != 0;
}

static size_t outer_header(const struct sa *sa, const struct packet *inner)
{
	if (!is_tunnel(sa))
		return inner->header_len;
	return sa->told.destination.family == 4 ? IPV4_HEADER : IPV6_HEADER;
}

static size_t udp_length(const struct sa *sa)
{
	return is_in_udp(sa) ? UDP_HEADER : 0;
}

size_t encapsulate_inner_max(const struct sa *sa, const struct packet *inner, unsigned mtu)
{
	size_t outer = outer_header(sa, inner);
	size_t left = mtu > outer ? mtu - outer : 0;
	uint8_t family = sa->told.destination.family;

	for (const struct sa *i = bundle_outermost(sa); i != NULL; i = i->inner) {
		size_t fixed = i->ah != NULL ? ah_length(i->ah, family) : udp_length(i);

		left = left > fixed ? left - fixed : 0;
		if (i->esp != NULL)
			left = esp_payload_max(i->esp, left);
	}
	return is_tunnel(sa) ? left : left + inner->header_len;
}

size_t encapsulate_length(const struct sa *sa, const struct packet *inner, size_t len)
{
	size_t payload = is_tunnel(sa) ? inner->header_len + len : len;
	uint8_t family = sa->told.destination.family;

	for (const struct sa *i = sa; i != NULL; i = i->outer) {
		if (i->esp != NULL)
			payload += esp_before(i->esp) + esp_after(i->esp, payload) + udp_length(i);
		else if (i->ah != NULL)
			payload += ah_length(i->ah, family);
	}
	return outer_header(sa, inner) + payload;
}

size_t encapsulate_overhead_max(const struct dataplane_policy *policy, bool udp)
{
	size_t overhead = udp ? UDP_HEADER : 0;

	if (policy->mode == IPSEC_TUNNEL)
		overhead += policy->tunnel_remote.family == 6 ? IPV6_HEADER : IPV4_HEADER;
	if (policy->protocol_count == 0)
		return overhead + esp_overhead_max();
	for (unsigned i = 0; i < policy->protocol_count; i++) {
		if (policy->protocols[i] == IPSEC_ESP)
			overhead += esp_overhead_max();
		else if (policy->protocols[i] == IPSEC_AH)
			overhead += ah_length_max();
	}
	return overhead;
}

/* RFC 4301 5.1.2: DSCP and DF are copied; RFC 6040 4.1: so is ECN. */
static void write_outer_header(
    const struct dataplane_sa *told, const struct packet *inner, struct parcel *parcel)
{
	size_t len = told->destination.family == 6 ? IPV6_HEADER : IPV4_HEADER;
	struct writer w;

	parcel->octets -= len;
	w = writer_of(parcel->octets, len);
	if (told->destination.family == 6) {
		writer_u32(&w, UINT32_C(6) << 28 | (uint32_t)inner->traffic_class << 20);
		writer_u16(&w, 0);
		writer_u8(&w, 0);
		writer_u8(&w, HOP_LIMIT);
	} else {
		writer_u8(&w, 0x45);
		writer_u8(&w, inner->traffic_class);
		writer_u16(&w, 0);
		writer_u16(&w, 0); /* identification: the kernel fills it in */
		writer_u16(&w, inner->dont_fragment ? IPV4_DONT_FRAGMENT : 0);
		writer_u8(&w, HOP_LIMIT);
		writer_u8(&w, 0);
		writer_u16(&w, 0);
	}
	writer_put(&w, bytes_of(told->source.octets, address_size(&told->source)));
	writer_put(&w, bytes_of(told->destination.octets, address_size(&told->destination)));
	parcel->len += len;
	parcel->room += len;
	parcel->header_len = (uint16_t)len;
	parcel->next_header_at = len == IPV6_HEADER ? 6 : 9;
	parcel->protocol = inner->source.family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	parcel->family = told->destination.family;
	parcel->octets[parcel->next_header_at] = parcel->protocol;
}

/* Between NATs the outer addresses of a transport mode packet are not those of its flow. */
static void write_addresses(const struct dataplane_sa *told, struct parcel *parcel)
{
	bool ipv4 = parcel->family == 4;
	struct writer w = writer_of(parcel->octets + (ipv4 ? 12 : 8), ipv4 ? 8 : 32);

	if (told->source.family != parcel->family)
		return;
	writer_put(&w, bytes_of(told->source.octets, address_size(&told->source)));
	writer_put(&w, bytes_of(told->destination.octets, address_size(&told->destination)));
}

static enum err seal_esp(struct sa *sa, struct parcel *parcel)
{
	size_t payload = parcel_payload_length(parcel);
	size_t udp = udp_length(sa);
	uint8_t next_header = parcel->protocol;
	uint8_t *at =
	    parcel_insert(parcel, udp + esp_before(sa->esp), udp > 0 ? IPPROTO_UDP : IPPROTO_ESP);
	enum err code =
	    esp_seal(sa->esp, sa->told.spi, ++sa->sequence, next_header, at + udp, payload);

	parcel_set_length(parcel, parcel->len + esp_after(sa->esp, payload));
	if (udp > 0)
		udp_write_header(
		    parcel, at, sa->told.encapsulation_source, sa->told.encapsulation_destination);
	return code;
}

enum err encapsulate(struct sa *sa, const struct segmenter *segmenter, size_t index,
    struct ipcomp *ipcomp, uint8_t *buffer, struct parcel *out)
{
	const struct packet *inner = &segmenter->packet;
	enum err code = ERR_OK;

	*out = parcel_of(inner, buffer + ENCAPSULATE_HEADROOM, 0);
	segment_write(segmenter, index, out->octets, out->octets + inner->header_len);
	out->len = inner->header_len + segment_transport_length(segmenter, index);
	if (is_tunnel(sa))
		write_outer_header(&sa->told, inner, out);
	else if (is_in_udp(bundle_outermost(sa)))
		write_addresses(&sa->told, out);
	for (struct sa *i = sa; i != NULL && code == ERR_OK; i = i->outer) {
		if (i->esp != NULL)
			code = seal_esp(i, out);
		else if (i->ah != NULL)
			code = ah_seal(i->ah, i->told.spi, ++i->sequence, out);
		else if (ipcomp != NULL)
			ipcomp_compress(ipcomp, (uint16_t)i->told.spi, out);
	}
	return code;
}

enum err encapsulate_keepalive(struct sa *sa, uint8_t *buffer, struct parcel *out)
{
	static const struct packet none = {.dont_fragment = true};

	*out = (struct parcel){.octets = buffer + ENCAPSULATE_HEADROOM};
	write_outer_header(&sa->told, &none, out);
	out->protocol = IPPROTO_NONE;
	return seal_esp(sa, out);
}
