/*
 * Offers as SA payloads of phase 2 and back: RFC 2407 4.4.3 to 4.4.5, 4.5, 4.6.1; RFC 4106 8; RFC
 * 4868; RFC 3173 4; RFC 4304. Proposal payloads of one number are a bundle (RFC 2408 4.2).
 */
#include <string.h>

#include "crypto/algorithms.h"
#include "kx/quick/quick.h"

/* Suites' halves and their numbers; 0 where there is none. */
struct transform_number {
	enum ipsec_protocol protocol;
	enum encryption encryption;
	enum integrity integrity; /* what the transform itself says of it: AH */
	uint8_t transform;
	bool key_length; /* the attribute goes with it */
};

static const struct transform_number transforms[] = {
    {IPSEC_ESP, ENCRYPTION_NULL, INTEGRITY_NONE, ESP_NULL, false},
    {IPSEC_ESP, ENCRYPTION_AES_CBC, INTEGRITY_NONE, ESP_AES_CBC, true},
    {IPSEC_ESP, ENCRYPTION_AES_GCM_16, INTEGRITY_NONE, ESP_AES_GCM_16, true},
    {IPSEC_AH, ENCRYPTION_NONE, INTEGRITY_HMAC_SHA1_96, AH_SHA, false},
    {IPSEC_AH, ENCRYPTION_NONE, INTEGRITY_HMAC_SHA2_256_128, AH_SHA2_256, false},
    {IPSEC_AH, ENCRYPTION_NONE, INTEGRITY_HMAC_SHA2_384_192, AH_SHA2_384, false},
    {IPSEC_AH, ENCRYPTION_NONE, INTEGRITY_HMAC_SHA2_512_256, AH_SHA2_512, false},
    {IPSEC_IPCOMP, ENCRYPTION_NONE, INTEGRITY_NONE, IPCOMP_DEFLATE, false},
};

struct integrity_number {
	enum integrity integrity;
	uint16_t attribute; /* 0: the attribute is absent */
};

static const struct integrity_number integrities[] = {
    {INTEGRITY_NONE, 0},
    {INTEGRITY_HMAC_SHA1_96, AUTH_HMAC_SHA},
    {INTEGRITY_HMAC_SHA2_256_128, AUTH_HMAC_SHA2_256},
    {INTEGRITY_HMAC_SHA2_384_192, AUTH_HMAC_SHA2_384},
    {INTEGRITY_HMAC_SHA2_512_256, AUTH_HMAC_SHA2_512},
};

#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define CPI_SIZE         2
/* Of one bundle's transforms so many combinations are looked at. */
#define COMBINATIONS_MAX 1024

uint8_t quick_protocol_number(enum ipsec_protocol protocol)
{
	switch (protocol) {
	case IPSEC_AH:
		return PROTO_IPSEC_AH;
	case IPSEC_IPCOMP:
		return PROTO_IPCOMP;
	case IPSEC_ESP:
		break;
	}
	return PROTO_IPSEC_ESP;
}

enum err quick_protocol_decode(uint8_t number, enum ipsec_protocol *out)
{
	switch (number) {
	case PROTO_IPSEC_ESP:
		*out = IPSEC_ESP;
		return ERR_OK;
	case PROTO_IPSEC_AH:
		*out = IPSEC_AH;
		return ERR_OK;
	case PROTO_IPCOMP:
		*out = IPSEC_IPCOMP;
		return ERR_OK;
	default:
		return ERR_UNSUPPORTED;
	}
}

size_t quick_spi_encode(enum ipsec_protocol protocol, uint32_t spi, uint8_t out[4])
{
	isakmp_spi_encode(spi, out);
	if (protocol != IPSEC_IPCOMP)
		return 4;
	memmove(out, out + 4 - CPI_SIZE, CPI_SIZE);
	return CPI_SIZE;
}

enum err quick_spi_decode(enum ipsec_protocol protocol, struct bytes spi, uint32_t *out)
{
	struct reader reader = reader_of(spi);

	if (protocol != IPSEC_IPCOMP)
		return isakmp_spi_decode(spi, out);
	/* RFC 3173 4.1: a CPI of two octets, or of four with zeros in front. */
	*out = spi.len == CPI_SIZE ? reader_u16(&reader) : reader_u32(&reader);
	return (spi.len == CPI_SIZE || spi.len == 4) && *out > 0 && *out <= UINT16_MAX
	           ? ERR_OK
	           : ERR_INVALID;
}

static const struct transform_number *number_of(const struct suite *suite)
{
	for (size_t i = 0; i < COUNT(transforms); i++) {
		if (transforms[i].protocol == suite->protocol &&
		    transforms[i].encryption == suite->encryption &&
		    (suite->protocol != IPSEC_AH || transforms[i].integrity == suite->integrity))
			return &transforms[i];
	}
	return NULL;
}

/* RFC 2407 4.5; RFC 3947 5.1. */
static uint16_t encapsulation_of(const struct offer_choice *choice, enum ipsec_mode mode)
{
	if (mode == IPSEC_TUNNEL)
		return choice->udp ? ENCAPSULATION_UDP_TUNNEL : ENCAPSULATION_TUNNEL;
	return choice->udp ? ENCAPSULATION_UDP_TRANSPORT : ENCAPSULATION_TRANSPORT;
}

static void put_transform(struct isakmp_sa_writer *sa, struct writer *out,
    const struct offer_choice *choice, const struct offer_part *part)
{
	const struct transform_number *number = number_of(&part->suite);
	struct ipsec_attributes attributes = {.life_seconds = choice->lifetime.seconds,
	    .life_kilobytes = choice->lifetime.bytes / 1024,
	    .group = (uint16_t)choice->group,
	    .encapsulation = encapsulation_of(choice, part->mode),
	    .key_length = number->key_length ? part->suite.key_bits : 0,
	    .esn = part->suite.esn ? ESN_64_BITS : 0};

	for (size_t i = 0; i < COUNT(integrities); i++) {
		if (integrities[i].integrity == part->suite.integrity)
			attributes.authentication = integrities[i].attribute;
	}
	isakmp_sa_transform(sa, part->transform_number, number->transform);
	ipsec_attributes_put(out, &attributes);
}

static bool has_numbers(const struct offer_choice *choice)
{
	for (size_t i = 0; i < choice->part_count; i++) {
		if (number_of(&choice->parts[i].suite) == NULL)
			return false;
	}
	return true;
}

void quick_narrow_offer(struct offer *offer)
{
	size_t kept = 0;

	for (size_t i = 0; i < offer->count; i++) {
		if (has_numbers(&offer->choices[i]))
			offer->choices[kept++] = offer->choices[i];
	}
	offer->count = kept;
}

/* The Proposal payload of one protocol, with each transform that choices first to last have. */
static void put_proposal(struct isakmp_sa_writer *sa, struct writer *out,
    const struct offer_choice *first, const struct offer_choice *last, size_t index)
{
	const struct offer_part *part = &first->parts[index];
	uint8_t done[UINT8_MAX + 1] = {0};
	uint8_t spi[4];
	size_t spi_len = quick_spi_encode(part->suite.protocol, part->spi, spi);

	isakmp_sa_proposal(sa, first->proposal_number, quick_protocol_number(part->suite.protocol),
	    bytes_of(spi, spi_len));
	for (const struct offer_choice *choice = first; choice <= last; choice++) {
		part = &choice->parts[index];
		if (done[part->transform_number]++ == 0)
			put_transform(sa, out, choice, part);
	}
}

enum err quick_put_offer(struct isakmp_writer *chain, const struct offer *offer)
{
	struct isakmp_sa_writer sa = isakmp_sa_begin(chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
	struct offer known = *offer;
	const struct offer_choice *end;
	const struct offer_choice *first = known.choices;

	quick_narrow_offer(&known);
	end = known.choices + known.count;
	while (first < end) {
		const struct offer_choice *last = first;

		while (last + 1 < end && last[1].proposal_number == first->proposal_number)
			last++;
		for (size_t i = 0; i < first->part_count; i++)
			put_proposal(&sa, chain->out, first, last, i);
		first = last + 1;
	}
	isakmp_sa_end(&sa);
	return known.count > 0 ? ERR_OK : ERR_UNSUPPORTED;
}

static bool get_suite(enum ipsec_protocol protocol, uint8_t transform,
    const struct ipsec_attributes *attributes, struct suite *out)
{
	const struct transform_number *number = NULL;
	bool integrity_known = false;

	*out = (struct suite){.protocol = protocol,
	    .key_bits = attributes->key_length,
	    .esn = attributes->esn == ESN_64_BITS};
	for (size_t i = 0; i < COUNT(transforms); i++) {
		if (transforms[i].protocol == protocol && transforms[i].transform == transform)
			number = &transforms[i];
	}
	for (size_t i = 0; i < COUNT(integrities); i++) {
		if (integrities[i].attribute == attributes->authentication) {
			out->integrity = integrities[i].integrity;
			integrity_known = true;
		}
	}
	if (number == NULL || !integrity_known || attributes->key_rounds != 0 ||
	    (attributes->esn != 0 && attributes->esn != ESN_64_BITS) ||
	    (protocol == IPSEC_AH && out->integrity != number->integrity))
		return false;
	out->encryption = number->encryption;
	return suite_is_valid(out);
}

/* Of several parts the stricter limit counts; 0 is none. */
static void lower(uint64_t *limit, uint64_t other)
{
	if (*limit == 0 || (other != 0 && other < *limit))
		*limit = other;
}

/* What the transforms of one choice say together; groups must agree (RFC 2409 5.5). */
static bool join_attributes(
    struct offer_choice *choice, const struct ipsec_attributes *attributes, bool is_first)
{
	uint64_t seconds = choice->lifetime.seconds;

	if (is_first)
		choice->group = (enum dh_group)attributes->group;
	if (choice->group != (enum dh_group)attributes->group)
		return false;
	lower(&seconds, attributes->life_seconds);
	choice->lifetime.seconds = seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
	lower(&choice->lifetime.bytes, attributes->life_kilobytes < UINT64_MAX / 1024
					   ? attributes->life_kilobytes * 1024
					   : UINT64_MAX);
	return true;
}

/* Whether the transform is one that could be made here; fills in its part of the choice. */
static bool get_part(const struct isakmp_transform *transform,
    const struct ipsec_attributes *attributes, struct offer_part *part, bool *udp)
{
	if (attributes->unsupported != 0 ||
	    !get_suite(part->suite.protocol, transform->id, attributes, &part->suite))
		return false;
	part->transform_number = transform->number;
	switch (attributes->encapsulation) {
	case ENCAPSULATION_UDP_TRANSPORT:
		*udp = true;
		part->mode = IPSEC_TRANSPORT;
		return true;
	case 0: /* RFC 2407 4.5: unspecified means host-dependent; for us transport */
	case ENCAPSULATION_TRANSPORT:
		part->mode = IPSEC_TRANSPORT;
		return true;
	case ENCAPSULATION_UDP_TUNNEL:
		*udp = true;
		part->mode = IPSEC_TUNNEL;
		return true;
	case ENCAPSULATION_TUNNEL:
		part->mode = IPSEC_TUNNEL;
		return true;
	default:
		return false;
	}
}

/* The Proposal payloads of one number, innermost protocol first. */
struct bundle {
	const struct isakmp_proposal *proposals[BUNDLE_MAX];
	struct offer_part parts[BUNDLE_MAX];
	size_t count;
	size_t combinations;
	bool usable;
};

static int depth(enum ipsec_protocol protocol)
{
	return protocol == IPSEC_IPCOMP ? 0 : protocol == IPSEC_ESP ? 1 : 2;
}

/* Puts a proposal where its protocol belongs. A protocol twice, or one too many, is not made here.
 */
static enum err add_proposal(struct bundle *bundle, const struct isakmp_proposal *proposal)
{
	struct offer_part part = {0};
	size_t at = bundle->count;

	if (!bundle->usable)
		return ERR_OK;
	if (quick_protocol_decode(proposal->protocol, &part.suite.protocol) != ERR_OK ||
	    bundle->count == BUNDLE_MAX) {
		bundle->usable = false;
		return ERR_OK;
	}
	if (quick_spi_decode(part.suite.protocol, proposal->spi, &part.spi) != ERR_OK)
		return ERR_INVALID;
	for (size_t i = 0; i < bundle->count; i++)
		bundle->usable =
		    bundle->usable && bundle->parts[i].suite.protocol != part.suite.protocol;
	for (; at > 0 && depth(bundle->parts[at - 1].suite.protocol) > depth(part.suite.protocol);
	     at--) {
		bundle->parts[at] = bundle->parts[at - 1];
		bundle->proposals[at] = bundle->proposals[at - 1];
	}
	bundle->parts[at] = part;
	bundle->proposals[at] = proposal;
	bundle->count++;
	bundle->combinations *= proposal->transform_count;
	return ERR_OK;
}

/* One transform of each protocol; the outermost protocol's vary most. */
static enum err get_combination(
    const struct bundle *bundle, size_t number, struct offer_choice *choice, bool *known)
{
	*known = true;
	choice->lifetime = (struct lifetime){0};
	choice->udp = false;
	choice->part_count = (uint8_t)bundle->count;
	for (size_t i = bundle->count; i-- > 0;) {
		const struct isakmp_proposal *proposal = bundle->proposals[i];
		const struct isakmp_transform *transform =
		    &proposal->transforms[number % proposal->transform_count];
		struct ipsec_attributes attributes;

		if (ipsec_attributes_decode(transform->attributes, &attributes) != ERR_OK)
			return ERR_INVALID;
		choice->parts[i] = bundle->parts[i];
		*known = get_part(transform, &attributes, &choice->parts[i], &choice->udp) &&
		         *known && join_attributes(choice, &attributes, i + 1 == bundle->count);
		number /= proposal->transform_count;
	}
	return ERR_OK;
}

static enum err get_bundle(
    const struct bundle *bundle, uint8_t number, struct offer *out, bool *first_known)
{
	struct offer_choice choice = {.proposal_number = number};
	bool known;

	for (size_t i = 0; bundle->usable && i < bundle->combinations && i < COMBINATIONS_MAX;
	     i++) {
		if (get_combination(bundle, i, &choice, &known) != ERR_OK)
			return ERR_INVALID;
		if (!known || out->count == OFFER_CHOICES_MAX)
			continue;
		*first_known = *first_known || (i == 0 && out->count == 0);
		out->choices[out->count++] = choice;
	}
	return ERR_OK;
}

enum err quick_get_offer(const struct isakmp_chain *chain, struct offer *out, bool *first_known,
    enum notify_type *notify)
{
	const struct isakmp_payload *payload = isakmp_chain_find(chain, ISAKMP_SA, NULL);
	struct isakmp_sa sa;
	enum err error;
	bool first = false;

	out->count = 0;
	*first_known = false;
	*notify = NOTIFY_PAYLOAD_MALFORMED;
	if (payload == NULL)
		return ERR_INVALID;
	error = isakmp_sa_decode(payload->body, &sa);
	if (error == ERR_UNSUPPORTED)
		*notify = NOTIFY_NO_PROPOSAL_CHOSEN;
	for (size_t i = 0; error == ERR_OK && i < sa.proposal_count;) {
		struct bundle bundle = {.usable = true, .combinations = 1};
		uint8_t number = sa.proposals[i].number;
		bool is_first = i == 0;

		for (; error == ERR_OK && i < sa.proposal_count && sa.proposals[i].number == number;
		     i++)
			error = add_proposal(&bundle, &sa.proposals[i]);
		if (error == ERR_OK)
			error = get_bundle(&bundle, number, out, is_first ? first_known : &first);
	}
	return error;
}
