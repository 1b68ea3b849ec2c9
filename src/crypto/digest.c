/* Hashes over OpenSSL's EVP. */
#include "crypto/digest.h"

#include <openssl/evp.h>

static const char *const names[] = {
    [PRF_HMAC_SHA1] = "SHA1",
    [PRF_HMAC_SHA2_256] = "SHA2-256",
    [PRF_HMAC_SHA2_384] = "SHA2-384",
    [PRF_HMAC_SHA2_512] = "SHA2-512",
};

const char *digest_name(enum prf_hash hash)
{
	return names[hash];
}

enum err digest_run(enum prf_hash hash, const struct bytes *parts, size_t count, uint8_t *out)
{
	EVP_MD *algorithm = EVP_MD_fetch(NULL, names[hash], NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = algorithm != NULL && context != NULL &&
	            EVP_DigestInit_ex2(context, algorithm, NULL) == 1;

	for (size_t i = 0; good && i < count; i++)
		good = EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(context, out, NULL) == 1;
	EVP_MD_CTX_free(context);
	EVP_MD_free(algorithm);
	return good ? ERR_OK : ERR_SYSTEM;
}
