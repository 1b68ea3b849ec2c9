/* Diffie-Hellman over OpenSSL's EVP. */
#include "crypto/dh.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum kind { KIND_MODP, KIND_ECP, KIND_X25519 };

struct group {
	enum dh_group number;
	enum kind kind;
	const char *name; /* OpenSSL's, of the parameters; NULL where it has none */
	size_t field;     /* octets of a coordinate, of p, or of u */
};

static const struct group groups[] = {
    {DH_MODP_1024, KIND_MODP, NULL, 128},
    {DH_MODP_1536, KIND_MODP, "modp_1536", 192},
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

/* Takes the key. */
static enum err wrap(const struct group *group, EVP_PKEY *key, struct dh **out)
{
	struct dh *dh = calloc(1, sizeof(*dh));

	if (dh == NULL) {
		EVP_PKEY_free(key);
		return ERR_NO_MEMORY;
	}
	dh->group = group;
	dh->key = key;
	*out = dh;
	return ERR_OK;
}

/* The group alone, or with a private number a key that lacks its public part. Not for X25519. */
static EVP_PKEY *make(const struct group *group, const BIGNUM *number)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm_of(group), NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *prime = group->name == NULL ? BN_get_rfc2409_prime_1024(NULL) : NULL;
	BIGNUM *generator = BN_new();
	OSSL_PARAM *parameters = NULL;
	EVP_PKEY *key = NULL;
	bool named = builder != NULL && group->name != NULL &&
	             OSSL_PARAM_BLD_push_utf8_string(
			 builder, OSSL_PKEY_PARAM_GROUP_NAME, group->name, 0) == 1;
	bool spelt = builder != NULL && prime != NULL && generator != NULL &&
	             BN_set_word(generator, 2) == 1 &&
	             OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_P, prime) == 1 &&
	             OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_G, generator) == 1;

	if ((named || spelt) && (number == NULL || OSSL_PARAM_BLD_push_BN(builder,
						       OSSL_PKEY_PARAM_PRIV_KEY, number) == 1))
		parameters = OSSL_PARAM_BLD_to_param(builder);
	if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key,
		number == NULL ? EVP_PKEY_KEY_PARAMETERS : EVP_PKEY_KEYPAIR, parameters) != 1)
		key = NULL;
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	BN_free(prime);
	BN_free(generator);
	EVP_PKEY_CTX_free(context);
	return key;
}

enum err dh_new(enum dh_group number, struct dh **out)
{
	const struct group *group = group_of(number);
	EVP_PKEY_CTX *context;
	EVP_PKEY *model = NULL;
	EVP_PKEY *key = NULL;

	if (group == NULL)
		return ERR_UNSUPPORTED;
	if (group->kind == KIND_X25519) {
		context = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	} else {
		model = make(group, NULL);
		context = model != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, model, NULL) : NULL;
	}
	if (context == NULL || EVP_PKEY_keygen_init(context) != 1 ||
	    EVP_PKEY_generate(context, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(model);
	return key != NULL ? wrap(group, key, out) : ERR_SYSTEM;
}

/* Octets that OpenSSL's encoding has before ours: SEC 1 2.3.3 marks a point as uncompressed. */
static size_t mark_length(const struct group *group)
{
	return group->kind == KIND_ECP ? 1 : 0;
}

/* value has the group's length. Refuses a point that is not on the curve (RFC 6989 2.3). */
static bool set_public(const struct group *group, EVP_PKEY *key, struct bytes value)
{
	uint8_t encoded[1 + DH_PUBLIC_MAX] = {4};
	size_t mark = mark_length(group);

	memcpy(encoded + mark, value.data, value.len);
	return EVP_PKEY_set1_encoded_public_key(key, encoded, mark + value.len) == 1;
}

static EVP_PKEY *private_number(const struct group *group, struct bytes value)
{
	BIGNUM *number = BN_bin2bn(value.data, (int)value.len, NULL);
	EVP_PKEY *key = number != NULL ? make(group, number) : NULL;

	BN_clear_free(number);
	return key;
}

enum err dh_from_pair(
    enum dh_group number, struct bytes private_value, struct bytes public_value, struct dh **out)
{
	const struct group *group = group_of(number);
	EVP_PKEY *key;

	if (group == NULL)
		return ERR_UNSUPPORTED;
	if (public_value.len != dh_public_length(number))
		return ERR_INVALID;
	key = group->kind == KIND_X25519 ? EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL,
					       private_value.data, private_value.len)
	                                 : private_number(group, private_value);
	/* X25519's public value is there already, and setting it would drop the private one. */
	if (key == NULL || (group->kind != KIND_X25519 && !set_public(group, key, public_value))) {
		EVP_PKEY_free(key);
		return ERR_INVALID;
	}
	return wrap(group, key, out);
}

void dh_free(struct dh *dh)
{
	if (dh == NULL)
		return;
	EVP_PKEY_free(dh->key);
	free(dh);
}

enum err dh_private(const struct dh *dh, uint8_t *out, size_t *len)
{
	BIGNUM *number = NULL;
	bool good;

	*len = DH_PRIVATE_MAX;
	if (dh->group->kind == KIND_X25519)
		return EVP_PKEY_get_raw_private_key(dh->key, out, len) == 1 ? ERR_OK : ERR_SYSTEM;
	*len = dh->group->field;
	good = EVP_PKEY_get_bn_param(dh->key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
	       BN_bn2binpad(number, out, (int)*len) == (int)*len;
	BN_clear_free(number);
	return good ? ERR_OK : ERR_SYSTEM;
}

enum err dh_public(const struct dh *dh, uint8_t *out)
{
	size_t mark = mark_length(dh->group);
	size_t len = dh_public_length(dh->group->number);
	unsigned char *encoded = NULL;
	bool good = EVP_PKEY_get1_encoded_public_key(dh->key, &encoded) == mark + len;

	if (good)
		memcpy(out, encoded + mark, len);
	OPENSSL_free(encoded);
	return good ? ERR_OK : ERR_SYSTEM;
}

/*
 * RFC 6989 2.1: 1 < y < p - 1. OpenSSL promises this only as part of a check that costs several
 * times the derivation.
 */
static bool modp_is_good(const struct dh *dh, struct bytes peer)
{
	BIGNUM *value = BN_bin2bn(peer.data, (int)peer.len, NULL);
	BIGNUM *prime = NULL;
	bool good = value != NULL &&
	            EVP_PKEY_get_bn_param(dh->key, OSSL_PKEY_PARAM_FFC_P, &prime) == 1 &&
	            BN_sub_word(prime, 1) == 1 && BN_cmp(value, BN_value_one()) > 0 &&
	            BN_cmp(value, prime) < 0;

	BN_free(value);
	BN_free(prime);
	return good;
}

static EVP_PKEY *peer_key(const struct dh *dh, struct bytes peer)
{
	EVP_PKEY *key;

	if (dh->group->kind == KIND_MODP && !modp_is_good(dh, peer))
		return NULL;
	key = EVP_PKEY_new();
	if (key == NULL || EVP_PKEY_copy_parameters(key, dh->key) != 1 ||
	    !set_public(dh->group, key, peer)) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
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
	good = context != NULL && EVP_PKEY_derive_init(context) == 1 &&
	       (dh->group->kind != KIND_MODP || EVP_PKEY_CTX_set_dh_pad(context, 1) > 0) &&
	       EVP_PKEY_derive_set_peer_ex(context, key, 0) == 1 &&
	       EVP_PKEY_derive(context, out, &len) == 1 && len == dh->group->field;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	if (good)
		return ERR_OK;
	/* Only an all-zero secret is left for the peer to cause; OpenSSL refuses it (RFC 7748 6.1).
	 */
	return dh->group->kind == KIND_X25519 ? ERR_INVALID : ERR_SYSTEM;
}
