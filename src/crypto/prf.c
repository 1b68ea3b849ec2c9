/* HMAC over OpenSSL's EVP. */
#include "crypto/prf.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "crypto/digest.h"

struct prf {
	EVP_MAC_CTX *context;
	size_t length;
};

static const size_t lengths[] = {
    [PRF_HMAC_SHA1] = 20,
    [PRF_HMAC_SHA2_256] = 32,
    [PRF_HMAC_SHA2_384] = 48,
    [PRF_HMAC_SHA2_512] = 64,
};

size_t prf_length(enum prf_hash hash)
{
	return lengths[hash];
}

enum err prf_new(enum prf_hash hash, struct bytes key, struct prf **out)
{
	static const uint8_t empty[1];
	struct prf *prf = calloc(1, sizeof(*prf));
	EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
	OSSL_PARAM parameters[2] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
					(char *)(uintptr_t)digest_name(hash), 0),
	    OSSL_PARAM_END};
	enum err error = ERR_NO_MEMORY;

	if (prf != NULL && algorithm != NULL)
		prf->context = EVP_MAC_CTX_new(algorithm);
	EVP_MAC_free(algorithm);
	if (prf != NULL && prf->context != NULL) {
		prf->length = lengths[hash];
		/* OpenSSL takes a NULL key for "the one before". */
		error = EVP_MAC_init(
			    prf->context, key.len > 0 ? key.data : empty, key.len, parameters) == 1
		            ? ERR_OK
		            : ERR_SYSTEM;
	}
	if (error == ERR_OK)
		*out = prf;
	else
		prf_free(prf);
	return error;
}

void prf_free(struct prf *prf)
{
	if (prf == NULL)
		return;
	EVP_MAC_CTX_free(prf->context);
	free(prf);
}

enum err prf_run(void *self, const struct bytes *parts, size_t count, uint8_t *out)
{
	struct prf *prf = self;
	size_t written;

	if (EVP_MAC_init(prf->context, NULL, 0, NULL) != 1)
		return ERR_SYSTEM;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0 &&
		    EVP_MAC_update(prf->context, parts[i].data, parts[i].len) != 1)
			return ERR_SYSTEM;
	}
	return EVP_MAC_final(prf->context, out, &written, prf->length) == 1 ? ERR_OK : ERR_SYSTEM;
}
