/* What is known about each algorithm, and the names of suites and groups. */
#include "crypto/algorithms.h"

#include <stdio.h>
#include <string.h>

static const struct encryption_info encryptions[ENCRYPTION_COUNT] = {
    [ENCRYPTION_NONE] = {.name = "none", .block = 1},
    [ENCRYPTION_NULL] = {.name = "null", .block = 1},
    [ENCRYPTION_AES_CBC] = {.name = "aes-cbc",
	.key_bits = {128, 192, 256},
	.key_bits_variable = true,
	.iv = 16,
	.block = 16},
    [ENCRYPTION_AES_GCM_16] = {.name = "aes-gcm-16",
	.key_bits = {128, 192, 256},
	.key_bits_variable = true,
	.salt = 4,
	.iv = 8,
	.block = 1,
	.icv = 16,
	.aead = true},
    [ENCRYPTION_CHACHA20_POLY1305] = {.name = "chacha20-poly1305",
	.key_bits = {256},
	.salt = 4,
	.iv = 8,
	.block = 1,
	.icv = 16,
	.aead = true},
    [ENCRYPTION_3DES_CBC] = {.name = "3des-cbc", .key_bits = {192}, .iv = 8, .block = 8},
};

static const struct integrity_info integrities[INTEGRITY_COUNT] = {
    [INTEGRITY_NONE] = {.name = "none"},
    [INTEGRITY_HMAC_SHA1_96] = {.name = "hmac-sha1-96", .key = 20, .icv = 12},
    [INTEGRITY_HMAC_SHA2_256_128] = {.name = "hmac-sha2-256-128", .key = 32, .icv = 16},
    [INTEGRITY_HMAC_SHA2_384_192] = {.name = "hmac-sha2-384-192", .key = 48, .icv = 24},
    [INTEGRITY_HMAC_SHA2_512_256] = {.name = "hmac-sha2-512-256", .key = 64, .icv = 32},
};

/* The last part of a suite's short name. */
static const char *const integrity_short_names[INTEGRITY_COUNT] = {
    [INTEGRITY_NONE] = "",
    [INTEGRITY_HMAC_SHA1_96] = "sha1",
    [INTEGRITY_HMAC_SHA2_256_128] = "sha256",
    [INTEGRITY_HMAC_SHA2_384_192] = "sha384",
    [INTEGRITY_HMAC_SHA2_512_256] = "sha512",
};

static const struct {
	enum dh_group group;
	const char *name;
} groups[] = {
    {DH_NONE, "none"},
    {DH_MODP_1024, "modp1024"},
    {DH_MODP_1536, "modp1536"},
    {DH_MODP_2048, "modp2048"},
    {DH_MODP_3072, "modp3072"},
    {DH_MODP_4096, "modp4096"},
    {DH_ECP_256, "ecp256"},
    {DH_ECP_384, "ecp384"},
    {DH_ECP_521, "ecp521"},
    {DH_CURVE25519, "curve25519"},
};

#define GROUP_COUNT (sizeof(groups) / sizeof(groups[0]))

const struct encryption_info *encryption_info(enum encryption encryption)
{
	return &encryptions[encryption];
}

const struct integrity_info *integrity_info(enum integrity integrity)
{
	return &integrities[integrity];
}

static unsigned cipher_key_bits(const struct suite *suite)
{
	const struct encryption_info *info = encryption_info(suite->encryption);

	return info->key_bits_variable ? suite->key_bits : info->key_bits[0];
}

size_t suite_key_length(const struct suite *suite)
{
	return cipher_key_bits(suite) / 8 + encryption_info(suite->encryption)->salt +
	       integrity_info(suite->integrity)->key;
}

static bool key_size_exists(const struct suite *suite)
{
	const struct encryption_info *info = encryption_info(suite->encryption);

	if (!info->key_bits_variable)
		return suite->key_bits == 0;
	for (size_t i = 0; info->key_bits[i] != 0; i++) {
		if (info->key_bits[i] == suite->key_bits)
			return true;
	}
	return false;
}

bool suite_is_valid(const struct suite *suite)
{
	bool has_integrity = suite->integrity != INTEGRITY_NONE;

	if ((unsigned)suite->encryption >= ENCRYPTION_COUNT ||
	    (unsigned)suite->integrity >= INTEGRITY_COUNT || !key_size_exists(suite))
		return false;
	switch (suite->protocol) {
	case IPSEC_ESP:
		/* Encryption without integrity is never right (RFC 8221 4). */
		return suite->encryption != ENCRYPTION_NONE &&
		       suite->encryption != ENCRYPTION_3DES_CBC &&
		       encryption_info(suite->encryption)->aead != has_integrity;
	case IPSEC_AH:
		return suite->encryption == ENCRYPTION_NONE && has_integrity;
	case IPSEC_IPCOMP:
		return suite->encryption == ENCRYPTION_NONE && !has_integrity && !suite->esn;
	}
	return false;
}

bool suite_equal(const struct suite *a, const struct suite *b)
{
	return a->protocol == b->protocol && a->encryption == b->encryption &&
	       a->key_bits == b->key_bits && a->integrity == b->integrity && a->esn == b->esn;
}

const char *suite_format(const struct suite *suite, char text[SUITE_TEXT_SIZE])
{
	const char *integrity = integrity_short_names[suite->integrity];
	const char *esn = suite->esn ? "-esn" : "";

	if (suite->protocol == IPSEC_IPCOMP) {
		(void)snprintf(text, SUITE_TEXT_SIZE, "deflate");
		return text;
	}
	switch (suite->encryption) {
	case ENCRYPTION_NULL:
		(void)snprintf(text, SUITE_TEXT_SIZE, "null-%s%s", integrity, esn);
		break;
	case ENCRYPTION_AES_CBC:
		(void)snprintf(
		    text, SUITE_TEXT_SIZE, "aes%u-%s%s", suite->key_bits, integrity, esn);
		break;
	case ENCRYPTION_AES_GCM_16:
		(void)snprintf(text, SUITE_TEXT_SIZE, "aes%ugcm16%s", suite->key_bits, esn);
		break;
	case ENCRYPTION_CHACHA20_POLY1305:
		(void)snprintf(text, SUITE_TEXT_SIZE, "chacha20poly1305%s", esn);
		break;
	case ENCRYPTION_3DES_CBC:
		(void)snprintf(text, SUITE_TEXT_SIZE, "3des-%s", integrity);
		break;
	case ENCRYPTION_NONE:
	case ENCRYPTION_COUNT:
		(void)snprintf(text, SUITE_TEXT_SIZE, "ah-%s%s", integrity, esn);
		break;
	}
	return text;
}

/* Whether the suite made of these parts exists and has this name. */
static bool is_named(const char *name, enum ipsec_protocol protocol, int encryption,
    uint16_t key_bits, int integrity, struct suite *out)
{
	char text[SUITE_TEXT_SIZE];

	*out = (struct suite){.protocol = protocol,
	    .encryption = (enum encryption)encryption,
	    .key_bits = key_bits,
	    .integrity = (enum integrity)integrity};
	return suite_is_valid(out) && strcmp(suite_format(out, text), name) == 0;
}

enum err suite_parse(const char *name, struct suite *out)
{
	for (int encryption = 0; encryption < ENCRYPTION_COUNT; encryption++) {
		const struct encryption_info *info = &encryptions[encryption];

		for (int integrity = 0; integrity < INTEGRITY_COUNT; integrity++) {
			if (is_named(name, IPSEC_IPCOMP, encryption, 0, integrity, out) ||
			    is_named(name, IPSEC_AH, encryption, 0, integrity, out) ||
			    is_named(name, IPSEC_ESP, encryption, 0, integrity, out))
				return ERR_OK;
			for (size_t i = 0; info->key_bits[i] != 0; i++) {
				if (is_named(name, IPSEC_ESP, encryption, info->key_bits[i],
					integrity, out))
					return ERR_OK;
			}
		}
	}
	return ERR_NOT_FOUND;
}

const char *dh_group_name(enum dh_group group)
{
	for (size_t i = 0; i < GROUP_COUNT; i++) {
		if (groups[i].group == group)
			return groups[i].name;
	}
	return NULL;
}

enum err dh_group_parse(const char *name, enum dh_group *out)
{
	for (size_t i = 0; i < GROUP_COUNT; i++) {
		char number[4];

		(void)snprintf(number, sizeof(number), "%d", (int)groups[i].group);
		if (strcmp(name, groups[i].name) == 0 || strcmp(name, number) == 0) {
			*out = groups[i].group;
			return ERR_OK;
		}
	}
	return ERR_NOT_FOUND;
}
