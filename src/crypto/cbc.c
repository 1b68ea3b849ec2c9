/* ISAKMP's ciphers over OpenSSL's EVP. */
#include "crypto/cbc.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

static const struct {
	enum encryption encryption;
	uint16_t bits;
	uint8_t key;
	uint8_t block;
	const char *name;
} ciphers[] = {
    {ENCRYPTION_AES_CBC, 128, 16, 16, "AES-128-CBC"},
    {ENCRYPTION_AES_CBC, 192, 24, 16, "AES-192-CBC"},
    {ENCRYPTION_AES_CBC, 256, 32, 16, "AES-256-CBC"},
    {ENCRYPTION_3DES_CBC, 0, 24, 8, "DES-EDE3-CBC"},
};

#define CIPHERS (sizeof(ciphers) / sizeof(ciphers[0]))

/* CIPHERS when there is none. */
static size_t find(enum encryption encryption, uint16_t bits)
{
	size_t i = 0;

	while (i < CIPHERS && (ciphers[i].encryption != encryption || ciphers[i].bits != bits))
		i++;
	return i;
}

size_t cbc_key_length(enum encryption encryption, uint16_t bits)
{
	size_t i = find(encryption, bits);

	return i < CIPHERS ? ciphers[i].key : 0;
}

size_t cbc_block_length(enum encryption encryption)
{
	for (size_t i = 0; i < CIPHERS; i++) {
		if (ciphers[i].encryption == encryption)
			return ciphers[i].block;
	}
	return 0;
}

static enum err run(
    const struct cbc_key *key, int encrypt, const uint8_t *iv, uint8_t *data, size_t len)
{
	size_t i = find(key->encryption, key->bits);
	EVP_CIPHER *algorithm;
	EVP_CIPHER_CTX *context;
	int written;
	bool good;

	if (i == CIPHERS)
		return ERR_UNSUPPORTED;
	if (len == 0 || len > INT_MAX || len % ciphers[i].block != 0)
		return ERR_INVALID;
	algorithm = EVP_CIPHER_fetch(NULL, ciphers[i].name, NULL);
	context = EVP_CIPHER_CTX_new();
	good = algorithm != NULL && context != NULL &&
	       EVP_CipherInit_ex2(context, algorithm, key->octets, iv, encrypt, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
	       EVP_CipherUpdate(context, data, &written, data, (int)len) == 1;
	EVP_CIPHER_CTX_free(context);
	EVP_CIPHER_free(algorithm);
	return good ? ERR_OK : ERR_SYSTEM;
}

enum err cbc_encrypt(const struct cbc_key *key, uint8_t *iv, uint8_t *data, size_t len)
{
	size_t block = cbc_block_length(key->encryption);
	enum err error = run(key, 1, iv, data, len);

	if (error == ERR_OK)
		memcpy(iv, data + len - block, block);
	return error;
}

enum err cbc_decrypt(const struct cbc_key *key, uint8_t *iv, uint8_t *data, size_t len)
{
	size_t block = cbc_block_length(key->encryption);
	uint8_t next[CBC_BLOCK_MAX];
	enum err error;

	if (len < block)
		return ERR_INVALID;
	memcpy(next, data + len - block, block);
	error = run(key, 0, iv, data, len);
	if (error == ERR_OK)
		memcpy(iv, next, block);
	return error;
}
