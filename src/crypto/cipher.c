/* The transforms of ESP and AH over OpenSSL's EVP. */
#include "crypto/cipher.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/secret.h"
#include "crypto/algorithms.h"

#define NONCE_SIZE 12 /* of both AEADs: salt and IV */
#define ICV_MAX    32

struct cipher {
	const struct encryption_info *encryption;
	const struct integrity_info *integrity;
	bool seal;
	EVP_CIPHER_CTX *context; /* NULL: no encryption */
	EVP_MAC_CTX *mac;        /* NULL: an AEAD */
	uint8_t nonce[NONCE_SIZE];
};

static const char *evp_name(const struct suite *suite)
{
	switch (suite->encryption) {
	case ENCRYPTION_AES_CBC:
		return suite->key_bits == 128   ? "AES-128-CBC"
		       : suite->key_bits == 192 ? "AES-192-CBC"
		                                : "AES-256-CBC";
	case ENCRYPTION_AES_GCM_16:
		return suite->key_bits == 128   ? "AES-128-GCM"
		       : suite->key_bits == 192 ? "AES-192-GCM"
		                                : "AES-256-GCM";
	case ENCRYPTION_CHACHA20_POLY1305:
		return "ChaCha20-Poly1305";
	default:
		return NULL;
	}
}

static const char *digest_name(enum integrity integrity)
{
	switch (integrity) {
	case INTEGRITY_HMAC_SHA1_96:
		return "SHA1";
	case INTEGRITY_HMAC_SHA2_256_128:
		return "SHA2-256";
	case INTEGRITY_HMAC_SHA2_384_192:
		return "SHA2-384";
	case INTEGRITY_HMAC_SHA2_512_256:
		return "SHA2-512";
	default:
		return NULL;
	}
}

static enum err open_encryption(
    struct cipher *cipher, const struct suite *suite, struct reader *keys)
{
	const char *name = evp_name(suite);
	EVP_CIPHER *algorithm;
	struct bytes key;
	struct bytes salt;
	bool good;

	if (name == NULL)
		return ERR_OK;
	algorithm = EVP_CIPHER_fetch(NULL, name, NULL);
	cipher->context = EVP_CIPHER_CTX_new();
	if (algorithm == NULL || cipher->context == NULL) {
		EVP_CIPHER_free(algorithm);
		return ERR_UNSUPPORTED;
	}
	key = reader_take(keys, (size_t)EVP_CIPHER_get_key_length(algorithm));
	salt = reader_take(keys, cipher->encryption->salt);
	good = reader_ok(keys) &&
	       EVP_CipherInit_ex2(cipher->context, algorithm, key.data, NULL, cipher->seal, NULL) ==
	           1 &&
	       EVP_CIPHER_CTX_set_padding(cipher->context, 0) == 1;
	if (good && salt.len > 0)
		memcpy(cipher->nonce, salt.data, salt.len);
	EVP_CIPHER_free(algorithm);
	return good ? ERR_OK : ERR_INVALID;
}

static enum err open_integrity(
    struct cipher *cipher, const struct suite *suite, struct reader *keys)
{
	const char *name = digest_name(suite->integrity);
	OSSL_PARAM parameters[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
	EVP_MAC *algorithm;
	struct bytes key;

	if (name == NULL)
		return ERR_OK;
	key = reader_take(keys, cipher->integrity->key);
	algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
	cipher->mac = EVP_MAC_CTX_new(algorithm);
	EVP_MAC_free(algorithm);
	if (cipher->mac == NULL)
		return ERR_UNSUPPORTED;
	parameters[0] =
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)name, 0);
	return reader_ok(keys) && EVP_MAC_init(cipher->mac, key.data, key.len, parameters) == 1
	           ? ERR_OK
	           : ERR_INVALID;
}

enum err cipher_new(const struct suite *suite, struct bytes keymat, bool seal, struct cipher **out)
{
	struct reader keys = reader_of(keymat);
	struct cipher *cipher;
	enum err error;

	if (suite->protocol == IPSEC_IPCOMP || !suite_is_valid(suite))
		return ERR_UNSUPPORTED;
	cipher = secret_alloc(sizeof(*cipher));
	if (cipher == NULL)
		return ERR_NO_MEMORY;
	cipher->encryption = encryption_info(suite->encryption);
	cipher->integrity = integrity_info(suite->integrity);
	cipher->seal = seal;
	error = open_encryption(cipher, suite, &keys);
	if (error == ERR_OK)
		error = open_integrity(cipher, suite, &keys);
	if (error == ERR_OK && reader_left(&keys) > 0)
		error = ERR_INVALID;
	if (error == ERR_OK)
		*out = cipher;
	else
		cipher_free(cipher);
	return error;
}

void cipher_free(struct cipher *cipher)
{
	if (cipher == NULL)
		return;
	EVP_CIPHER_CTX_free(cipher->context);
	EVP_MAC_CTX_free(cipher->mac);
	secret_free(cipher, sizeof(*cipher));
}

/* Runs the cipher over data in place; the key schedule stays, only the IV is new. */
static bool run(
    struct cipher *cipher, struct bytes aad, const uint8_t *iv, uint8_t *data, size_t len)
{
	const uint8_t *start = iv;
	int written = 0;

	if (cipher->encryption->aead) {
		memcpy(cipher->nonce + cipher->encryption->salt, iv, cipher->encryption->iv);
		start = cipher->nonce;
	}
	if (EVP_CipherInit_ex2(cipher->context, NULL, NULL, start, -1, NULL) != 1)
		return false;
	if (cipher->encryption->aead &&
	    EVP_CipherUpdate(cipher->context, NULL, &written, aad.data, (int)aad.len) != 1)
		return false;
	return len == 0 || EVP_CipherUpdate(cipher->context, data, &written, data, (int)len) == 1;
}

static bool make_mac(struct cipher *cipher, struct bytes aad, const uint8_t *iv,
    const uint8_t *data, size_t len, uint8_t out[EVP_MAX_MD_SIZE])
{
	size_t written;

	return EVP_MAC_init(cipher->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(cipher->mac, aad.data, aad.len) == 1 &&
	       EVP_MAC_update(cipher->mac, iv, cipher->encryption->iv) == 1 &&
	       EVP_MAC_update(cipher->mac, data, len) == 1 &&
	       EVP_MAC_final(cipher->mac, out, &written, EVP_MAX_MD_SIZE) == 1;
}

enum err cipher_seal(struct cipher *cipher, struct bytes aad, const uint8_t *iv, uint8_t *data,
    size_t len, uint8_t *icv)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	int written;

	if (!cipher->seal || len > INT_MAX || len % cipher->encryption->block != 0)
		return ERR_INVALID;
	if (cipher->context != NULL && !run(cipher, aad, iv, data, len))
		return ERR_SYSTEM;
	if (cipher->encryption->aead)
		return EVP_CipherFinal_ex(cipher->context, data, &written) == 1 &&
		               EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_GET_TAG,
				   cipher->encryption->icv, icv) == 1
		           ? ERR_OK
		           : ERR_SYSTEM;
	if (!make_mac(cipher, aad, iv, data, len, mac))
		return ERR_SYSTEM;
	memcpy(icv, mac, cipher->integrity->icv);
	return ERR_OK;
}

enum err cipher_open(struct cipher *cipher, struct bytes aad, const uint8_t *iv, uint8_t *data,
    size_t len, const uint8_t *icv)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	uint8_t tag[ICV_MAX];
	int written;

	if (cipher->seal || len > INT_MAX || len % cipher->encryption->block != 0)
		return ERR_INVALID;
	if (cipher->encryption->aead) {
		memcpy(tag, icv, cipher->encryption->icv);
		if (!run(cipher, aad, iv, data, len) ||
		    EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_SET_TAG,
			cipher->encryption->icv, tag) != 1 ||
		    EVP_CipherFinal_ex(cipher->context, data, &written) != 1)
			return ERR_AUTH;
		return ERR_OK;
	}
	if (!make_mac(cipher, aad, iv, data, len, mac))
		return ERR_SYSTEM;
	if (!secret_equal(mac, icv, cipher->integrity->icv))
		return ERR_AUTH;
	return cipher->context == NULL || run(cipher, aad, iv, data, len) ? ERR_OK : ERR_SYSTEM;
}
