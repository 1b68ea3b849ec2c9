/* IKEv1's signatures over OpenSSL's EVP. */
#include "crypto/signature.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

/* DER of two integers of 66 octets. */
#define ECDSA_DER_MAX 152

static const struct {
	const char *name;
	const char *curve; /* NULL: RSA */
	uint8_t half;      /* octets of r and of s */
} schemes[] = {
    [CREDENTIALS_NO_SCHEME] = {"no kind of signature", "", 0},
    [CREDENTIALS_RSA_BARE] = {"RSA signatures", NULL, 0},
    [CREDENTIALS_ECDSA_256] = {"ECDSA-256", "prime256v1", 32},
    [CREDENTIALS_ECDSA_384] = {"ECDSA-384", "secp384r1", 48},
    [CREDENTIALS_ECDSA_521] = {"ECDSA-521", "secp521r1", 66},
};

const char *signature_scheme_name(enum credentials_scheme scheme)
{
	return schemes[scheme].name;
}

enum credentials_scheme signature_scheme_of(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	char curve[32];
	size_t len;

	if (EVP_PKEY_is_a(key, "RSA"))
		return bits >= CREDENTIALS_RSA_BITS_MIN && bits <= CREDENTIALS_RSA_BITS_MAX
		           ? CREDENTIALS_RSA_BARE
		           : CREDENTIALS_NO_SCHEME;
	if (!EVP_PKEY_is_a(key, "EC") ||
	    EVP_PKEY_get_group_name(key, curve, sizeof(curve), &len) != 1)
		return CREDENTIALS_NO_SCHEME;
	for (enum credentials_scheme i = CREDENTIALS_ECDSA_256; i <= CREDENTIALS_ECDSA_521; i++) {
		if (strcmp(schemes[i].curve, curve) == 0)
			return i;
	}
	return CREDENTIALS_NO_SCHEME;
}

/* Without a digest: what is signed is the hash and nothing around it. */
static EVP_PKEY_CTX *open_context(
    EVP_PKEY *key, enum credentials_scheme scheme, int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

	if (context != NULL && init(context) == 1 &&
	    (scheme != CREDENTIALS_RSA_BARE ||
		EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1))
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

static bool fits(const EVP_PKEY *key, enum credentials_scheme scheme)
{
	return scheme != CREDENTIALS_NO_SCHEME && signature_scheme_of(key) == scheme;
}

/* From DER to r and s. */
static bool flatten(struct bytes der, size_t half, uint8_t *out)
{
	const unsigned char *at = der.data;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
	bool good = pair != NULL &&
	            BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, (int)half) == (int)half &&
	            BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, (int)half) == (int)half;

	ECDSA_SIG_free(pair);
	return good;
}

/* And back; returns DER's length, 0 on failure. */
static size_t unflatten(const uint8_t *values, size_t half, uint8_t *der)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(values, (int)half, NULL);
	BIGNUM *s = BN_bin2bn(values + half, (int)half, NULL);
	int len = 0;

	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
		unsigned char *at = der;

		r = s = NULL;
		len = i2d_ECDSA_SIG(pair, &at);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return len > 0 ? (size_t)len : 0;
}

enum err signature_make(
    EVP_PKEY *key, enum credentials_scheme scheme, struct bytes hash, uint8_t *out, size_t *len)
{
	size_t half = schemes[scheme].half;
	uint8_t der[ECDSA_DER_MAX];
	size_t der_len = sizeof(der);
	EVP_PKEY_CTX *context;
	bool good;

	if (!fits(key, scheme))
		return ERR_UNSUPPORTED;
	context = open_context(key, scheme, EVP_PKEY_sign_init);
	if (half > 0) {
		good = context != NULL &&
		       EVP_PKEY_sign(context, der, &der_len, hash.data, hash.len) == 1 &&
		       flatten(bytes_of(der, der_len), half, out);
		*len = 2 * half;
	} else {
		*len = CREDENTIALS_SIGNATURE_MAX;
		good =
		    context != NULL && EVP_PKEY_sign(context, out, len, hash.data, hash.len) == 1;
	}
	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return good ? ERR_OK : ERR_SYSTEM;
}

enum err signature_check(
    EVP_PKEY *key, enum credentials_scheme scheme, struct bytes hash, struct bytes signature)
{
	size_t half = schemes[scheme].half;
	uint8_t der[ECDSA_DER_MAX];
	EVP_PKEY_CTX *context;
	bool good;

	if (!fits(key, scheme))
		return ERR_UNSUPPORTED;
	if (half > 0) {
		if (signature.len != 2 * half)
			return ERR_AUTH;
		signature = bytes_of(der, unflatten(signature.data, half, der));
	}
	context = open_context(key, scheme, EVP_PKEY_verify_init);
	good = context != NULL && signature.len > 0 &&
	       EVP_PKEY_verify(context, signature.data, signature.len, hash.data, hash.len) == 1;
	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return good ? ERR_OK : ERR_AUTH;
}
