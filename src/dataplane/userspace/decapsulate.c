/* Packets on their way in. */
#include "dataplane/userspace/decapsulate.h"

#include <netinet/in.h>

#include "dataplane/userspace/bundle.h"
#include "dataplane/userspace/udp.h"

#define ECN_MASK    0x03
#define ECN_NOT_ECT 0
#define ECN_ECT1    1
#define ECN_CE      3

/* What ESP, AH or IPComp say of themselves. */
struct header {
	enum ipsec_protocol protocol;
	uint32_t spi;
	uint32_t sequence;
};

static enum err read_header(const struct parcel *parcel, struct header *out)
{
	struct reader r =
	    reader_of(bytes_of(parcel_payload(parcel), parcel_payload_length(parcel)));

	*out = (struct header){.protocol = (enum ipsec_protocol)parcel->protocol};
	switch (parcel->protocol) {
	case IPPROTO_ESP:
		out->spi = reader_u32(&r);
		out->sequence = reader_u32(&r);
		break;
	case IPPROTO_AH:
		(void)reader_u32(&r); /* next header, length, reserved */
		out->spi = reader_u32(&r);
		out->sequence = reader_u32(&r);
		break;
	case IPPROTO_COMP:
		(void)reader_u16(&r); /* next header, flags */
		out->spi = reader_u16(&r);
		break;
	default:
		return ERR_NOT_FOUND;
	}
	return reader_ok(&r) ? ERR_OK : ERR_TRUNCATED;
}

struct sa *decapsulate_find(const struct sa_table *table, const struct parcel *parcel,
    const struct address *destination, bool in_udp)
{
	struct header header;
	struct sa *sa;

	if (read_header(parcel, &header) != ERR_OK)
		return NULL;
	sa = sa_table_find(table, header.spi, header.protocol, destination);
	if (sa == NULL || !sa->usable || sa->told.direction != IPSEC_IN)
		return NULL;
	if (sa->outer != NULL || in_udp != (sa->told.encapsulation_source != 0)) {
		sa->counters.wrongly_protected++;
		return NULL;
	}
	return sa;
}

static enum err open_esp(struct sa *sa, const struct header *header, struct parcel *parcel)
{
	size_t len = parcel_payload_length(parcel);
	struct esp_opened opened;
	size_t before;
	enum err code = esp_open(sa->esp, header->sequence, parcel_payload(parcel), len, &opened);

	if (code != ERR_OK)
		return code;
	before = esp_before(sa->esp);
	parcel_remove(parcel, before, len - before - opened.len, opened.next_header);
	return ERR_OK;
}

static enum err open_one(struct sa *sa, struct ipcomp *ipcomp, struct parcel *parcel, bool *newest)
{
	struct header header;
	enum err code = read_header(parcel, &header);

	if (code != ERR_OK)
		return code;
	if (sa->told.suite.protocol == IPSEC_IPCOMP) {
		code = ipcomp != NULL ? ipcomp_expand(ipcomp, parcel) : ERR_NO_MEMORY;
		if (code != ERR_OK)
			sa->counters.integrity_failed++;
		return code;
	}
	if (!replay_is_fresh(&sa->replay, header.sequence)) {
		sa->counters.replayed++;
		return ERR_INVALID;
	}
	code = sa->esp != NULL ? open_esp(sa, &header, parcel) : ah_open(sa->ah, parcel);
	if (code != ERR_OK) {
		sa->counters.integrity_failed++;
		return code;
	}
	*newest = header.sequence > sa->replay.highest;
	replay_accept(&sa->replay, header.sequence);
	return ERR_OK;
}

/* RFC 6040 4.2: false when the packet must be dropped. */
static bool ecn_decapsulate(uint8_t outer_class, uint8_t *inner_header)
{
	struct reader r = reader_of(bytes_of(inner_header, 4));
	struct writer w = writer_of(inner_header, IPV4_HEADER);
	uint32_t first = reader_u32(&r);
	unsigned shift = first >> 28 == 6 ? 20 : 16;
	uint8_t outer = outer_class & ECN_MASK;
	uint8_t inner = (uint8_t)(first >> shift) & ECN_MASK;

	if (outer == inner || outer == ECN_NOT_ECT || inner == ECN_CE)
		return true;
	if (inner == ECN_NOT_ECT)
		return outer != ECN_CE;
	if (outer != ECN_CE && outer != ECN_ECT1)
		return true;
	first = (first & ~((uint32_t)ECN_MASK << shift)) | (uint32_t)outer << shift;
	w.len = 4;
	writer_patch_u32(&w, 0, first);
	return true;
}

static enum err leave_tunnel(struct parcel *parcel)
{
	uint8_t version = parcel->protocol == IPPROTO_IPIP ? 4 : 6;
	uint8_t *octets = parcel_payload(parcel);
	size_t len = parcel_payload_length(parcel);
	uint8_t outer_class = parcel->traffic_class;
	size_t room = parcel->room - parcel->header_len;
	struct packet inner;
	enum err code;

	if (parcel->protocol != IPPROTO_IPIP && parcel->protocol != IPPROTO_IPV6)
		return ERR_INVALID;
	if (len == 0 || octets[0] >> 4 != version)
		return ERR_INVALID;
	/* The inner length may be less: the rest hides it (RFC 4303 2.7). */
	code = packet_parse(bytes_of(octets, len), &inner);
	if (code != ERR_OK)
		return code;
	if (!ecn_decapsulate(outer_class, octets))
		return ERR_INVALID;
	*parcel = parcel_of(&inner, octets, room);
	if (version == 4)
		parcel_set_length(parcel, parcel->len);
	return ERR_OK;
}

/*
 * What a NAT did to a transport mode packet is undone (RFC 3948 3.1.2): between two hosts the
 * addresses become those of the selector, and the checksum that covers them is made anew.
 *
 * Two hosts behind one NAT whose selectors, as seen from here, are the same (RFC 3948 5.2) are not
 * told apart: what goes out takes the newer SA. They must not be given such selectors.
 */
static void undo_nat(const struct sa *sa, struct parcel *parcel)
{
	const struct selector *selector = &sa->told.selector;
	bool ipv4 = parcel->family == 4;
	struct writer w = writer_of(parcel->octets + (ipv4 ? 12 : 8), ipv4 ? 8 : 32);
	size_t size = ipv4 ? 4 : 16;

	if (range_is_host(&selector->local) && range_is_host(&selector->remote) &&
	    selector->local.first.family == parcel->family) {
		writer_put(&w, bytes_of(selector->remote.first.octets, size));
		writer_put(&w, bytes_of(selector->local.first.octets, size));
		parcel_set_length(parcel, parcel->len);
	}
	udp_fix_transport_checksum(parcel);
}

static enum err open_all(
    struct sa *sa, struct ipcomp *ipcomp, struct parcel *parcel, struct decapsulated *out)
{
	enum err code = open_one(sa, ipcomp, parcel, &out->newest);

	for (; code == ERR_OK && sa->inner != NULL; sa = sa->inner) {
		const struct dataplane_sa *next = &sa->inner->told;
		bool ignored;
		struct header header;

		/* A packet that would not shrink comes as it was (RFC 3173 2.2). */
		if (next->suite.protocol == IPSEC_IPCOMP && parcel->protocol != IPPROTO_COMP)
			continue;
		if (read_header(parcel, &header) != ERR_OK ||
		    header.protocol != next->suite.protocol || header.spi != next->spi) {
			sa->counters.wrongly_protected++;
			return ERR_INVALID;
		}
		code = open_one(sa->inner, ipcomp, parcel, &ignored);
	}
	out->innermost = sa;
	return code;
}

enum err decapsulate(
    struct sa *sa, struct ipcomp *ipcomp, struct parcel *parcel, struct decapsulated *out)
{
	bool in_udp = sa->told.encapsulation_source != 0;
	enum err code;

	*out = (struct decapsulated){0};
	code = open_all(sa, ipcomp, parcel, out);
	if (code != ERR_OK)
		return code;
	if (parcel->protocol == IPPROTO_NONE)
		return ERR_NOT_FOUND;
	if (out->innermost->told.mode == IPSEC_TUNNEL)
		return leave_tunnel(parcel);
	if (parcel->fragment)
		return ERR_INVALID;
	if (in_udp)
		undo_nat(out->innermost, parcel);
	return ERR_OK;
}
