/* The literal PRF: RFC 3961 5.1, 5.3, RFC 3962 5, 6. */
#include "kerberos/literal-prf.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/secret.h"

#define BLOCK    16
#define FOLD_MAX 64

static size_t common_multiple(size_t a, size_t b)
{
	size_t multiple = a;

	while (multiple % b != 0)
		multiple += a;
	return multiple;
}

/* One octet of the input when it is rotated to the right by so many bits. */
static uint8_t rotated(struct bytes input, size_t bits, size_t index)
{
	size_t total = 8 * input.len;
	uint8_t octet = 0;

	for (size_t i = 0; i < 8; i++) {
		size_t from = (8 * index + i + total - bits % total) % total;

		octet = (uint8_t)(octet << 1 | (input.data[from / 8] >> (7 - from % 8) & 1));
	}
	return octet;
}

/* Adds with end-around carry. */
static void add(uint8_t *sum, const uint8_t *more, size_t len)
{
	unsigned carry = 0;

	for (size_t i = len; i-- > 0;) {
		carry += (unsigned)sum[i] + more[i];
		sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
	for (size_t i = len; carry > 0 && i-- > 0;) {
		carry += sum[i];
		sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

void literal_prf_fold(struct bytes input, uint8_t *out, size_t out_len)
{
	size_t total = common_multiple(input.len, out_len);
	uint8_t part[FOLD_MAX];

	memset(out, 0, out_len);
	for (size_t at = 0; at < total; at += out_len) {
		for (size_t i = 0; i < out_len; i++)
			part[i] = rotated(input, 13 * ((at + i) / input.len), (at + i) % input.len);
		add(out, part, out_len);
	}
}

static enum err encrypt_block(struct bytes key, const uint8_t in[BLOCK], uint8_t out[BLOCK])
{
	const EVP_CIPHER *cipher = key.len == 16   ? EVP_aes_128_ecb()
	                           : key.len == 32 ? EVP_aes_256_ecb()
	                                           : NULL;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	enum err error = cipher == NULL ? ERR_UNSUPPORTED : ERR_SYSTEM;
	int len = 0;

	if (cipher != NULL && context != NULL &&
	    EVP_EncryptInit_ex(context, cipher, NULL, key.data, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
	    EVP_EncryptUpdate(context, out, &len, in, BLOCK) == 1 && len == BLOCK)
		error = ERR_OK;
	EVP_CIPHER_CTX_free(context);
	return error;
}

enum err literal_prf_key(struct bytes key, uint8_t out[LITERAL_KEY_MAX])
{
	uint8_t block[BLOCK];
	enum err error = ERR_OK;

	if (key.len != 16 && key.len != 32)
		return ERR_UNSUPPORTED;
	literal_prf_fold(bytes_of("prf", 3), block, sizeof(block));
	for (size_t at = 0; error == ERR_OK && at < key.len; at += BLOCK) {
		error = encrypt_block(key, block, &out[at]);
		memcpy(block, &out[at], BLOCK);
	}
	secret_wipe(block, sizeof(block));
	return error;
}

enum err literal_prf_encrypt(struct bytes key, struct bytes input, uint8_t *out)
{
	size_t tail = input.len - BLOCK;
	uint8_t first[BLOCK];
	uint8_t second[BLOCK] = {0};
	enum err error = ERR_INVALID;

	if (input.len <= BLOCK || input.len > 2 * BLOCK)
		return error;
	error = encrypt_block(key, input.data, first);
	memcpy(second, &input.data[BLOCK], tail);
	for (size_t i = 0; i < BLOCK; i++)
		second[i] ^= first[i];
	/* The last block comes before what is left of the first. */
	if (error == ERR_OK)
		error = encrypt_block(key, second, out);
	memcpy(&out[BLOCK], first, tail);
	secret_wipe(first, sizeof(first));
	secret_wipe(second, sizeof(second));
	return error;
}

enum err literal_prf(struct bytes key, struct bytes input, uint8_t out[LITERAL_PRF_SIZE])
{
	uint8_t derived[LITERAL_KEY_MAX];
	uint8_t hash[LITERAL_PRF_SIZE];
	enum err error = literal_prf_key(key, derived);

	if (error == ERR_OK && EVP_Digest(input.data, input.len, hash, NULL, EVP_sha1(), NULL) != 1)
		error = ERR_SYSTEM;
	if (error == ERR_OK)
		error = literal_prf_encrypt(
		    bytes_of(derived, key.len), bytes_of(hash, sizeof(hash)), out);
	secret_wipe(derived, sizeof(derived));
	secret_wipe(hash, sizeof(hash));
	return error;
}
