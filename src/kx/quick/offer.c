/* Offers as SA payloads of phase 2 and back: RFC 2407 4.4.4, 4.5, 4.6.1; RFC 4106 8; RFC 4868. */
#include "crypto/algorithms.h"
#include "kx/quick/quick.h"

struct cipher_number {
	enum encryption encryption;
	uint8_t transform;
	bool key_length; /* the attribute goes with it */
};

/* Ciphers that have an ISAKMP transform number. */
static const struct cipher_number ciphers[] = {
    {ENCRYPTION_NULL, ESP_NULL, false},
    {ENCRYPTION_AES_CBC, ESP_AES_CBC, true},
    {ENCRYPTION_AES_GCM_16, ESP_AES_GCM_16, true},
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

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct cipher_number *cipher_of(const struct suite *suite)
{
	for (size_t i = 0; i < COUNT(ciphers); i++) {
		if (suite->protocol == IPSEC_ESP && ciphers[i].encryption == suite->encryption)
			return &ciphers[i];
	}
	return NULL;
}

static void put_transform(struct isakmp_sa_writer *sa, struct writer *out,
    const struct offer_choice *choice, const struct cipher_number *cipher)
{
	struct ipsec_attributes attributes = {.life_seconds = choice->lifetime.seconds,
	    .life_kilobytes = choice->lifetime.bytes / 1024,
	    .group = (uint16_t)choice->group,
	    .encapsulation =
		choice->mode == IPSEC_TUNNEL ? ENCAPSULATION_TUNNEL : ENCAPSULATION_TRANSPORT,
	    .key_length = cipher->key_length ? choice->suite.key_bits : 0};

	for (size_t i = 0; i < COUNT(integrities); i++) {
		if (integrities[i].integrity == choice->suite.integrity)
			attributes.authentication = integrities[i].attribute;
	}
	isakmp_sa_transform(sa, choice->transform_number, cipher->transform);
	ipsec_attributes_put(out, &attributes);
}

void quick_narrow_offer(struct offer *offer)
{
	size_t kept = 0;

	for (size_t i = 0; i < offer->count; i++) {
		if (cipher_of(&offer->choices[i].suite) != NULL)
			offer->choices[kept++] = offer->choices[i];
	}
	offer->count = kept;
}

enum err quick_put_offer(struct isakmp_writer *chain, const struct offer *offer)
{
	struct isakmp_sa_writer sa = isakmp_sa_begin(chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
	const struct offer_choice *previous = NULL;

	for (size_t i = 0; i < offer->count; i++) {
		const struct offer_choice *choice = &offer->choices[i];
		const struct cipher_number *cipher = cipher_of(&choice->suite);
		uint8_t spi[4];

		if (cipher == NULL)
			continue;
		if (previous == NULL || choice->proposal_number != previous->proposal_number) {
			isakmp_spi_encode(choice->spi, spi);
			isakmp_sa_proposal(&sa, choice->proposal_number, PROTO_IPSEC_ESP,
			    bytes_of(spi, sizeof(spi)));
		}
		put_transform(&sa, chain->out, choice, cipher);
		previous = choice;
	}
	isakmp_sa_end(&sa);
	return previous != NULL ? ERR_OK : ERR_UNSUPPORTED;
}

static bool get_suite(
    uint8_t transform, const struct ipsec_attributes *attributes, struct suite *out)
{
	const struct cipher_number *cipher = NULL;
	bool integrity_known = false;

	*out = (struct suite){.protocol = IPSEC_ESP, .key_bits = attributes->key_length};
	for (size_t i = 0; i < COUNT(ciphers); i++) {
		if (ciphers[i].transform == transform)
			cipher = &ciphers[i];
	}
	for (size_t i = 0; i < COUNT(integrities); i++) {
		if (integrities[i].attribute == attributes->authentication) {
			out->integrity = integrities[i].integrity;
			integrity_known = true;
		}
	}
	if (cipher == NULL || !integrity_known || attributes->key_rounds != 0)
		return false;
	out->encryption = cipher->encryption;
	return suite_is_valid(out);
}

/* Whether the transform is one that could be made here; fills in the choice. */
static bool get_choice(const struct isakmp_transform *transform,
    const struct ipsec_attributes *attributes, struct offer_choice *choice)
{
	uint64_t seconds = attributes->life_seconds;

	if (attributes->unsupported != 0 || !get_suite(transform->id, attributes, &choice->suite))
		return false;
	choice->transform_number = transform->number;
	choice->group = (enum dh_group)attributes->group;
	choice->lifetime.seconds = seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
	choice->lifetime.bytes = attributes->life_kilobytes < UINT64_MAX / 1024
	                             ? attributes->life_kilobytes * 1024
	                             : UINT64_MAX;
	switch (attributes->encapsulation) {
	case 0: /* RFC 2407 4.5: unspecified means host-dependent; for us transport */
	case ENCAPSULATION_TRANSPORT:
		choice->mode = IPSEC_TRANSPORT;
		return true;
	case ENCAPSULATION_TUNNEL:
		choice->mode = IPSEC_TUNNEL;
		return true;
	default:
		return false;
	}
}

/* Proposals with one number are a bundle (RFC 2408 4.2), which is not made here. */
static bool in_bundle(const struct isakmp_sa *sa, size_t index)
{
	for (size_t i = 0; i < sa->proposal_count; i++) {
		if (i != index && sa->proposals[i].number == sa->proposals[index].number)
			return true;
	}
	return false;
}

static enum err get_proposal(const struct isakmp_sa *sa, size_t index, struct offer *out,
    bool *first_known, enum notify_type *notify)
{
	const struct isakmp_proposal *proposal = &sa->proposals[index];
	struct offer_choice choice = {.proposal_number = proposal->number};
	bool usable = proposal->protocol == PROTO_IPSEC_ESP && !in_bundle(sa, index);

	if (usable && isakmp_spi_decode(proposal->spi, &choice.spi) != ERR_OK) {
		*notify = NOTIFY_PAYLOAD_MALFORMED;
		return ERR_INVALID;
	}
	for (size_t i = 0; i < proposal->transform_count; i++) {
		const struct isakmp_transform *transform = &proposal->transforms[i];
		struct ipsec_attributes attributes;

		if (ipsec_attributes_decode(transform->attributes, &attributes) != ERR_OK) {
			*notify = NOTIFY_PAYLOAD_MALFORMED;
			return ERR_INVALID;
		}
		if (!usable || out->count == OFFER_CHOICES_MAX ||
		    !get_choice(transform, &attributes, &choice))
			continue;
		out->choices[out->count++] = choice;
		if (index == 0 && i == 0)
			*first_known = true;
	}
	return ERR_OK;
}

enum err quick_get_offer(const struct isakmp_chain *chain, struct offer *out, bool *first_known,
    enum notify_type *notify)
{
	const struct isakmp_payload *payload = isakmp_chain_find(chain, ISAKMP_SA, NULL);
	struct isakmp_sa sa;
	enum err error;

	out->count = 0;
	*first_known = false;
	*notify = NOTIFY_PAYLOAD_MALFORMED;
	if (payload == NULL)
		return ERR_INVALID;
	error = isakmp_sa_decode(payload->body, &sa);
	if (error == ERR_UNSUPPORTED)
		*notify = NOTIFY_NO_PROPOSAL_CHOSEN;
	for (size_t i = 0; error == ERR_OK && i < sa.proposal_count; i++)
		error = get_proposal(&sa, i, out, first_known, notify);
	return error;
}
