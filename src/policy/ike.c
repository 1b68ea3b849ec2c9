/* Proposals of the ISAKMP SA by name, and which of them are weak. */
#include "policy/ike.h"

#include <stdio.h>
#include <string.h>

#include "crypto/algorithms.h"

static const struct {
	const char *name;
	enum encryption encryption;
	uint16_t key_bits;
} ciphers[] = {
    {"aes256", ENCRYPTION_AES_CBC, 256},
    {"aes192", ENCRYPTION_AES_CBC, 192},
    {"aes128", ENCRYPTION_AES_CBC, 128},
    {"3des", ENCRYPTION_3DES_CBC, 0},
};

static const char *const hashes[] = {
    [PRF_HMAC_SHA1] = "sha1",
    [PRF_HMAC_SHA2_256] = "sha256",
    [PRF_HMAC_SHA2_384] = "sha384",
    [PRF_HMAC_SHA2_512] = "sha512",
};

#define CIPHERS (sizeof(ciphers) / sizeof(ciphers[0]))
#define HASHES  (sizeof(hashes) / sizeof(hashes[0]))

/* The next part of a text; false when there is none or it is too long for a name. */
static bool take_part(const char **text, char part[POLICY_IKE_PROPOSAL_TEXT_SIZE])
{
	size_t length = strcspn(*text, "-");

	if (length == 0 || length >= POLICY_IKE_PROPOSAL_TEXT_SIZE)
		return false;
	memcpy(part, *text, length);
	part[length] = '\0';
	*text += length + ((*text)[length] == '-');
	return true;
}

static bool find_cipher(const char *name, struct policy_ike_proposal *out)
{
	for (size_t i = 0; i < CIPHERS; i++) {
		if (strcmp(ciphers[i].name, name) != 0)
			continue;
		out->encryption = ciphers[i].encryption;
		out->key_bits = ciphers[i].key_bits;
		return true;
	}
	return false;
}

static bool find_hash(const char *name, struct policy_ike_proposal *out)
{
	for (size_t i = 0; i < HASHES; i++) {
		if (strcmp(hashes[i], name) != 0)
			continue;
		out->hash = (enum prf_hash)i;
		return true;
	}
	return false;
}

/* By name only: numbers are for those who read RFCs. */
static bool find_group(const char *name, struct policy_ike_proposal *out)
{
	return dh_group_parse(name, &out->group) == ERR_OK && out->group != DH_NONE &&
	       strcmp(dh_group_name(out->group), name) == 0;
}

enum err policy_ike_proposal_parse(
    const char *text, struct policy_ike_proposal *out, struct problem *problem)
{
	char part[POLICY_IKE_PROPOSAL_TEXT_SIZE];

	*out = (struct policy_ike_proposal){0};
	if (!take_part(&text, part) || !find_cipher(part, out))
		return problem_set(problem, ERR_INVALID,
		    "it starts with a cipher: aes256, aes192, aes128 or 3des");
	if (!take_part(&text, part) || !find_hash(part, out))
		return problem_set(problem, ERR_INVALID,
		    "after the cipher comes a hash: sha256, sha384, sha512 or sha1");
	if (!take_part(&text, part) || !find_group(part, out) || *text != '\0')
		return problem_set(problem, ERR_INVALID,
		    "it ends with a group: curve25519, ecp256, ecp384, ecp521, modp2048, modp3072, "
		    "modp4096, modp1536 or modp1024");
	return ERR_OK;
}

const char *policy_ike_proposal_format(
    const struct policy_ike_proposal *proposal, char text[POLICY_IKE_PROPOSAL_TEXT_SIZE])
{
	const char *cipher = "?";

	for (size_t i = 0; i < CIPHERS; i++) {
		if (ciphers[i].encryption == proposal->encryption &&
		    ciphers[i].key_bits == proposal->key_bits)
			cipher = ciphers[i].name;
	}
	(void)snprintf(text, POLICY_IKE_PROPOSAL_TEXT_SIZE, "%s-%s-%s", cipher,
	    hashes[proposal->hash], dh_group_name(proposal->group));
	return text;
}

bool policy_ike_proposal_is_weak(const struct policy_ike_proposal *proposal)
{
	return proposal->encryption == ENCRYPTION_3DES_CBC || proposal->hash == PRF_HMAC_SHA1 ||
	       proposal->group == DH_MODP_1024 || proposal->group == DH_MODP_1536;
}

const char *policy_authentication_name(enum ike_authentication authentication)
{
	static const char *const names[IKE_AUTHENTICATION_COUNT] = {
	    [IKE_AUTHENTICATION_PSK] = "psk",
	    [IKE_AUTHENTICATION_RSA_SIGNATURE] = "rsa-signature",
	    [IKE_AUTHENTICATION_ECDSA_256] = "ecdsa-signature",
	    [IKE_AUTHENTICATION_ECDSA_384] = "ecdsa-signature",
	    [IKE_AUTHENTICATION_ECDSA_521] = "ecdsa-signature",
	    [IKE_AUTHENTICATION_GSS] = "gss",
	    [IKE_AUTHENTICATION_ENCRYPTION] = "rsa-encryption",
	    [IKE_AUTHENTICATION_REVISED_ENCRYPTION] = "revised-rsa-encryption",
	};

	return (unsigned)authentication < IKE_AUTHENTICATION_COUNT ? names[authentication]
	                                                           : "unknown";
}
