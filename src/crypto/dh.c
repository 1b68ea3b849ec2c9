/* Diffie-Hellman over OpenSSL's EVP. */
#include "crypto/dh.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/dh.h>
#include <openssl/param_build.h>

enum kind { KIND_MODP, KIND_ECP, KIND_X25519 };

struct group {
	enum dh_group number;
	enum kind kind;
	const char *name; /* OpenSSL's, of the parameters */
	size_t field;     /* octets of a coordinate, of p, or of u */
};

static const struct group groups[] = {
    {DH_MODP_2048, KIND_MODP, "modp_2048", 256},
    {DH_MODP_3072, KIND_MODP, "modp_3072", 384},
    {DH_MODP_4096, KIND_MODP, "modp_4096", 512},
    {DH_ECP_256, KIND_ECP, "P-256", 32},
    {DH_ECP_384, KIND_ECP, "P-384", 48},
    {DH_ECP_521, KIND_ECP, "P-521", 66},
    {DH_CURVE25519, KIND_X25519, NULL, 32},
};

struct dh {
	const struct group *group;
	EVP_PKEY *key;
};

static const struct group *group_of(enum dh_group number)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].number == number)
			return &groups[i];
	}
	return NULL;
}

static const char *algorithm_of(const struct group *group)
{
	return group->kind == KIND_MODP ? "DH" : group->kind == KIND_ECP ? "EC" : "X25519";
}

size_t dh_public_length(enum dh_group number)
{
	const struct group *group = group_of(number);

	if (group == NULL)
		return 0;
	return group->kind == KIND_ECP ? 2 * group->field : group->field;
}

size_t dh_secret_length(enum dh_group number)
{
	const struct group *group = group_of(number);

	return group != NULL ? group->field : 0;
}

static enum err wrap(const struct group *group, EVP_PKEY *key, struct dh **out)
{
	struct dh *dh = key != NULL ? calloc(1, sizeof(*dh)) : NULL;

	if (dh == NULL) {
		EVP_PKEY_free(key);
		return key == NULL ? ERR_INVALID : ERR_NO_MEMORY;
	}
	dh->group = group;
	dh->key = key;
	*out = dh;
	return ERR_OK;
}

enum err dh_new(enum dh_group number, struct dh **out)
{
	const struct group *group = group_of(number);
	EVP_PKEY_CTX *context;
	EVP_PKEY *key = NULL;
	OSSL_PARAM parameters[2] = {OSSL_PARAM_END, OSSL_PARAM_END};

	if (group == NULL)
		return ERR_UNSUPPORTED;
	if (group->name != NULL)
		parameters[0] = OSSL_PARAM_construct_utf8_string(
		    OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group->name, 0);
	context = EVP_PKEY_CTX_new_from_name(NULL, algorithm_of(group), NULL);
	if (context == NULL || EVP_PKEY_keygen_init(context) != 1 ||
	    EVP_PKEY_CTX_set_params(context, parameters) != 1 ||
	    EVP_PKEY_generate(context, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return wrap(group, key, out);
}

/* A key of the group from parameters; takes the builder's content. */
static EVP_PKEY *from_parameters(const struct group *group, OSSL_PARAM_BLD *builder, int selection)
{
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm_of(group), NULL);
	EVP_PKEY *key = NULL;

	if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, selection, parameters) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(parameters);
	return key;
}

/* MODP: g^x mod p. */
static BIGNUM *modp_public(const struct group *group, const BIGNUM *exponent)
{
	BIGNUM *prime = group->number == DH_MODP_2048   ? BN_get_rfc3526_prime_2048(NULL)
	                : group->number == DH_MODP_3072 ? BN_get_rfc3526_prime_3072(NULL)
	                                                : BN_get_rfc3526_prime_4096(NULL);
	BIGNUM *generator = BN_new();
	BIGNUM *value = BN_new();
	BN_CTX *context = BN_CTX_new();

	if (prime == NULL || generator == NULL || value == NULL || context == NULL ||
	    BN_set_word(generator, 2) != 1 ||
	    BN_mod_exp_mont_consttime(value, generator, exponent, prime, context, NULL) != 1) {
		BN_free(value);
		value = NULL;
	}
	BN_free(prime);
	BN_free(generator);
	BN_CTX_free(context);
	return value;
}

static EVP_PKEY *big_number_key(const struct group *group, struct bytes private_value)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *number = BN_bin2bn(private_value.data, (int)private_value.len, NULL);
	BIGNUM *public_value =
	    number != NULL && group->kind == KIND_MODP ? modp_public(group, number) : NULL;
	EVP_PKEY *key = NULL;

	if (builder != NULL && number != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group->name, 0) ==
		1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1 &&
	    (public_value == NULL ||
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PUB_KEY, public_value) == 1))
		key = from_parameters(group, builder, EVP_PKEY_KEYPAIR);
	OSSL_PARAM_BLD_free(builder);
	BN_clear_free(number);
	BN_free(public_value);
	return key;
}

enum err dh_from_private(enum dh_group number, struct bytes private_value, struct dh **out)
{
	const struct group *group = group_of(number);

	if (group == NULL)
		return ERR_UNSUPPORTED;
	return wrap(group,
	    group->kind == KIND_X25519 ? EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL,
					     private_value.data, private_value.len)
				       : big_number_key(group, private_value),
	    out);
}

void dh_free(struct dh *dh)
{
	if (dh == NULL)
		return;
	EVP_PKEY_free(dh->key);
	free(dh);
}

/* An uncompressed point: 4 | x | y (SEC 1 2.3.3). */
static enum err ecp_public(const struct dh *dh, uint8_t *out)
{
	uint8_t point[1 + DH_PUBLIC_MAX];
	size_t len = dh_public_length(dh->group->number);
	BIGNUM *x = NULL;
	BIGNUM *y = NULL;
	bool good = EVP_PKEY_get_bn_param(dh->key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
	            EVP_PKEY_get_bn_param(dh->key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
	            BN_bn2binpad(x, point + 1, (int)dh->group->field) > 0 &&
	            BN_bn2binpad(y, point + 1 + dh->group->field, (int)dh->group->field) > 0;

	BN_free(x);
	BN_free(y);
	if (!good)
		return ERR_SYSTEM;
	memcpy(out, point + 1, len);
	return ERR_OK;
}

enum err dh_public(const struct dh *dh, uint8_t *out)
{
	size_t len = dh->group->field;
	BIGNUM *value = NULL;
	bool good;

	switch (dh->group->kind) {
	case KIND_ECP:
		return ecp_public(dh, out);
	case KIND_X25519:
		return EVP_PKEY_get_raw_public_key(dh->key, out, &len) == 1 ? ERR_OK : ERR_SYSTEM;
	case KIND_MODP:
		break;
	}
	good = EVP_PKEY_get_bn_param(dh->key, OSSL_PKEY_PARAM_PUB_KEY, &value) == 1 &&
	       BN_bn2binpad(value, out, (int)len) > 0;
	BN_free(value);
	return good ? ERR_OK : ERR_SYSTEM;
}

/* RFC 6989 2.1: 1 < y < p - 1. OpenSSL's own check costs several times the derivation. */
static bool modp_is_good(const struct dh *dh, const BIGNUM *value)
{
	BIGNUM *prime = NULL;
	bool good = EVP_PKEY_get_bn_param(dh->key, OSSL_PKEY_PARAM_FFC_P, &prime) == 1 &&
	            BN_sub_word(prime, 1) == 1 && BN_cmp(value, BN_value_one()) > 0 &&
	            BN_cmp(value, prime) < 0;

	BN_free(prime);
	return good;
}

static EVP_PKEY *modp_peer(const struct dh *dh, struct bytes peer)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *value = BN_bin2bn(peer.data, (int)peer.len, NULL);
	EVP_PKEY *key = NULL;

	if (builder != NULL && value != NULL && modp_is_good(dh, value) &&
	    OSSL_PARAM_BLD_push_utf8_string(
		builder, OSSL_PKEY_PARAM_GROUP_NAME, dh->group->name, 0) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PUB_KEY, value) == 1)
		key = from_parameters(dh->group, builder, EVP_PKEY_PUBLIC_KEY);
	OSSL_PARAM_BLD_free(builder);
	BN_free(value);
	return key;
}

/* OpenSSL refuses points that are not on the curve (RFC 6989 2.3). */
static EVP_PKEY *ecp_peer(const struct dh *dh, struct bytes peer)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	uint8_t point[1 + DH_PUBLIC_MAX];
	EVP_PKEY *key = NULL;

	point[0] = 4;
	memcpy(point + 1, peer.data, peer.len);
	if (builder != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(
		builder, OSSL_PKEY_PARAM_GROUP_NAME, dh->group->name, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(
		builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + peer.len) == 1)
		key = from_parameters(dh->group, builder, EVP_PKEY_PUBLIC_KEY);
	OSSL_PARAM_BLD_free(builder);
	return key;
}

static EVP_PKEY *peer_key(const struct dh *dh, struct bytes peer)
{
	switch (dh->group->kind) {
	case KIND_MODP:
		return modp_peer(dh, peer);
	case KIND_ECP:
		return ecp_peer(dh, peer);
	case KIND_X25519:
		break;
	}
	return EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, peer.data, peer.len);
}

enum err dh_derive(const struct dh *dh, struct bytes peer, uint8_t *out)
{
	size_t len = dh->group->field;
	EVP_PKEY_CTX *context;
	EVP_PKEY *key;
	bool good;

	if (peer.len != dh_public_length(dh->group->number))
		return ERR_INVALID;
	key = peer_key(dh, peer);
	if (key == NULL)
		return ERR_INVALID;
	context = EVP_PKEY_CTX_new(dh->key, NULL);
	/* The value has been checked; X25519's all-zero secret is refused by OpenSSL (RFC 8031 5).
	 */
	good = context != NULL && EVP_PKEY_derive_init(context) == 1 &&
	       (dh->group->kind != KIND_MODP || EVP_PKEY_CTX_set_dh_pad(context, 1) > 0) &&
	       EVP_PKEY_derive_set_peer_ex(context, key, 0) == 1 &&
	       EVP_PKEY_derive(context, out, &len) == 1 && len == dh->group->field;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	return good ? ERR_OK : ERR_INVALID;
}
