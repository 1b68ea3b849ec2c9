/* Offers of phase 1 and answers to them: RFC 2409 5, Appendix A; RFC 2408 4.2. */
#include "kx/ikev1/proposal.h"

#include "kx/auth/auth.h"
#include "policy/text.h"

struct encryption_number {
	enum encryption encryption;
	uint16_t number;
	bool key_length; /* the attribute goes with it */
};

static const struct encryption_number encryptions[] = {
    {ENCRYPTION_AES_CBC, IKEV1_ENCRYPTION_AES_CBC, true},
    {ENCRYPTION_3DES_CBC, IKEV1_ENCRYPTION_3DES_CBC, false},
};

static const uint16_t hashes[] = {
    [PRF_HMAC_SHA1] = IKEV1_HASH_SHA,
    [PRF_HMAC_SHA2_256] = IKEV1_HASH_SHA2_256,
    [PRF_HMAC_SHA2_384] = IKEV1_HASH_SHA2_384,
    [PRF_HMAC_SHA2_512] = IKEV1_HASH_SHA2_512,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum ikev1_family ikev1_family_of(enum ike_authentication authentication)
{
	switch (authentication) {
	case IKE_AUTHENTICATION_RSA_SIGNATURE:
	case IKE_AUTHENTICATION_ECDSA_256:
	case IKE_AUTHENTICATION_ECDSA_384:
	case IKE_AUTHENTICATION_ECDSA_521:
		return IKEV1_FAMILY_SIGNATURE;
	case IKE_AUTHENTICATION_ENCRYPTION:
		return IKEV1_FAMILY_ENCRYPTION;
	case IKE_AUTHENTICATION_REVISED_ENCRYPTION:
		return IKEV1_FAMILY_REVISED_ENCRYPTION;
	case IKE_AUTHENTICATION_GSS:
		return IKEV1_FAMILY_GSS;
	case IKE_AUTHENTICATION_PSK:
	case IKE_AUTHENTICATION_COUNT:
		break;
	}
	return IKEV1_FAMILY_PRE_SHARED_KEY;
}

static const struct encryption_number *number_of(enum encryption encryption)
{
	for (size_t i = 0; i < COUNT(encryptions); i++) {
		if (encryptions[i].encryption == encryption)
			return &encryptions[i];
	}
	return NULL;
}

enum dh_group ikev1_offer_group(const struct policy_ike *ike)
{
	return ike->proposal_count > 0 ? ike->proposals[0].group : DH_NONE;
}

static void put_transform(struct isakmp_sa_writer *sa, struct writer *out, uint8_t number,
    const struct policy_ike *ike, const struct policy_ike_proposal *proposal,
    enum ike_authentication authentication, struct bytes gss_identity)
{
	const struct encryption_number *encryption = number_of(proposal->encryption);
	struct ikev1_attributes attributes = {.encryption = encryption->number,
	    .hash = hashes[proposal->hash],
	    .method = auth_attribute(authentication),
	    .group = (uint16_t)proposal->group,
	    .life_seconds = ike->lifetime,
	    .key_length = encryption->key_length ? proposal->key_bits : 0};

	if (authentication == IKE_AUTHENTICATION_GSS)
		attributes.gss_identity = gss_identity;
	isakmp_sa_transform(sa, number, KEY_IKE);
	ikev1_attributes_put(out, &attributes);
}

void ikev1_put_offer(struct isakmp_writer *chain, const struct policy_ike *ike, bool aggressive,
    struct bytes gss_identity)
{
	struct isakmp_sa_writer sa = isakmp_sa_begin(chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
	struct bytes none = {0};
	uint8_t number = 0;

	isakmp_sa_proposal(&sa, 1, PROTO_ISAKMP, none);
	for (size_t i = 0; i < ike->authentication_count; i++) {
		enum ike_authentication authentication = ike->authentications[i];

		if (authentication == IKE_AUTHENTICATION_GSS && gss_identity.len == 0)
			continue;
		for (size_t j = 0; j < ike->proposal_count && number < UINT8_MAX; j++) {
			const struct policy_ike_proposal *proposal = &ike->proposals[j];

			if (number_of(proposal->encryption) == NULL ||
			    (aggressive && proposal->group != ikev1_offer_group(ike)))
				continue;
			put_transform(
			    &sa, chain->out, ++number, ike, proposal, authentication, gss_identity);
		}
	}
	isakmp_sa_end(&sa);
}

/* What a transform says, if all of it is known here. */
static enum err read_transform(
    const struct isakmp_transform *transform, bool gss, struct ikev1_choice *out)
{
	struct ikev1_attributes attributes;
	const struct encryption_number *encryption = NULL;
	bool hash_known = false;

	if (ikev1_attributes_decode(transform->attributes, &attributes) != ERR_OK)
		return ERR_INVALID;
	out->transform_number = transform->number;
	out->attributes = transform->attributes;
	out->gss_identity = attributes.gss_identity;
	out->life_seconds =
	    attributes.life_seconds < UINT32_MAX ? (uint32_t)attributes.life_seconds : UINT32_MAX;
	out->suite.group = (enum dh_group)attributes.group;
	out->suite.key_bits = attributes.key_length;
	for (size_t i = 0; i < COUNT(encryptions); i++) {
		if (encryptions[i].number == attributes.encryption)
			encryption = &encryptions[i];
	}
	for (size_t i = 0; i < COUNT(hashes); i++) {
		if (hashes[i] == attributes.hash) {
			out->suite.hash = (enum prf_hash)i;
			hash_known = true;
		}
	}
	/* A private group, a prf of its own, or a limit of kilobytes is not made here. */
	if (transform->id != KEY_IKE || encryption == NULL || !hash_known ||
	    attributes.unsupported != 0 || attributes.prf != 0 || attributes.group_type != 0 ||
	    attributes.life_kilobytes != 0 ||
	    encryption->key_length != (attributes.key_length != 0) ||
	    !auth_of_attribute(attributes.method, gss, &out->suite.authentication))
		return ERR_UNSUPPORTED;
	out->suite.encryption = encryption->encryption;
	return ERR_OK;
}

static bool allows(const struct policy_ike *ike, const struct ikev1_suite *suite)
{
	bool authentication = false;

	for (size_t i = 0; i < ike->authentication_count; i++)
		authentication = authentication || ike->authentications[i] == suite->authentication;
	for (size_t i = 0; authentication && i < ike->proposal_count; i++) {
		const struct policy_ike_proposal *proposal = &ike->proposals[i];

		if (proposal->encryption == suite->encryption &&
		    proposal->key_bits == suite->key_bits && proposal->hash == suite->hash &&
		    proposal->group == suite->group)
			return true;
	}
	return false;
}

/* "7/256-4-14-1": encryption, key bits, hash, group and method, by their numbers. */
static void explain(const struct isakmp_proposal *proposal, struct text_builder *out)
{
	for (size_t i = 0; i < proposal->transform_count; i++) {
		struct ikev1_attributes attributes;

		if (ikev1_attributes_decode(proposal->transforms[i].attributes, &attributes) !=
		    ERR_OK)
			continue;
		text_add(out, "%s%s %u, %s, group %u, %s", i > 0 ? "; " : "",
		    ikev1_encryption_name(attributes.encryption), attributes.key_length,
		    ikev1_hash_name(attributes.hash), attributes.group,
		    ikev1_method_name(attributes.method));
	}
}

/* One proposal for ISAKMP: RFC 2409 5. */
static enum err decode_single(struct bytes body, struct isakmp_sa *sa, struct problem *problem)
{
	enum err error = isakmp_sa_decode(body, sa);

	if (error == ERR_UNSUPPORTED)
		return problem_set(problem, ERR_NOT_FOUND, "it is not about the IPsec DOI");
	if (error != ERR_OK || sa->proposal_count != 1 || sa->proposals[0].protocol != PROTO_ISAKMP)
		return problem_set(problem, ERR_INVALID, "its SA payload is not valid");
	return ERR_OK;
}

enum err ikev1_choose(struct bytes body, const struct policy_ike *ike, bool gss,
    struct ikev1_choice *out, struct problem *problem)
{
	struct isakmp_sa sa;
	enum err error = decode_single(body, &sa, problem);
	char offered[200];
	struct text_builder text = text_into(offered, sizeof(offered));

	if (error != ERR_OK)
		return error;
	for (size_t i = 0; i < sa.proposals[0].transform_count; i++) {
		*out = (struct ikev1_choice){.proposal_number = sa.proposals[0].number};
		error = read_transform(&sa.proposals[0].transforms[i], gss, out);
		if (error == ERR_INVALID)
			return problem_set(
			    problem, ERR_INVALID, "its attributes contradict each other");
		if (error == ERR_OK && allows(ike, &out->suite))
			return ERR_OK;
	}
	explain(&sa.proposals[0], &text);
	return problem_set(problem, ERR_NOT_FOUND,
	    "nothing offered for the ISAKMP SA is accepted: the peer offers %s", offered);
}

void ikev1_put_choice(struct isakmp_writer *chain, const struct ikev1_choice *choice)
{
	struct isakmp_sa_writer sa = isakmp_sa_begin(chain, IPSEC_DOI, SIT_IDENTITY_ONLY);
	struct bytes none = {0};
	struct ikev1_attributes attributes;

	isakmp_sa_proposal(&sa, choice->proposal_number, PROTO_ISAKMP, none);
	isakmp_sa_transform(&sa, choice->transform_number, KEY_IKE);
	if (choice->suite.authentication == IKE_AUTHENTICATION_GSS &&
	    choice->gss_identity.len > 0 &&
	    ikev1_attributes_decode(choice->attributes, &attributes) == ERR_OK) {
		attributes.gss_identity = choice->gss_answer;
		ikev1_attributes_put(chain->out, &attributes);
	} else {
		writer_put(chain->out, choice->attributes);
	}
	isakmp_sa_end(&sa);
}

static bool is_same_suite(const struct ikev1_suite *a, const struct ikev1_suite *b)
{
	return a->encryption == b->encryption && a->key_bits == b->key_bits && a->hash == b->hash &&
	       a->group == b->group && a->authentication == b->authentication;
}

const char *ikev1_read_answer(struct bytes offered, struct bytes answer, struct ikev1_choice *out)
{
	struct isakmp_sa ours;
	struct isakmp_sa theirs;
	struct problem problem;

	if (decode_single(answer, &theirs, &problem) != ERR_OK ||
	    theirs.proposals[0].transform_count != 1)
		return "the peer's answer is no single transform for the ISAKMP SA";
	*out = (struct ikev1_choice){.proposal_number = theirs.proposals[0].number};
	if (read_transform(&theirs.proposals[0].transforms[0], true, out) != ERR_OK ||
	    decode_single(offered, &ours, &problem) != ERR_OK)
		return "the peer's answer is nothing that was offered for the ISAKMP SA";
	for (size_t i = 0; i < ours.proposals[0].transform_count; i++) {
		struct ikev1_choice choice = {0};

		if (read_transform(&ours.proposals[0].transforms[i], true, &choice) == ERR_OK &&
		    is_same_suite(&choice.suite, &out->suite) &&
		    out->life_seconds <= choice.life_seconds)
			return NULL;
	}
	return "the peer's answer is nothing that was offered for the ISAKMP SA";
}
