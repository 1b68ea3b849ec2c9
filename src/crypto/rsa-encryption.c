/*
 * RSA encryption over OpenSSL's EVP. PKCS #1's padding is taken off here, without branches or
 * addresses that depend on what is in it, because not every OpenSSL in use rejects implicitly.
 */
#include "crypto/rsa-encryption.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/secret.h"
#include "crypto/digest.h"
#include "kinkd/credentials.h"

#define KEY_MAX      (CREDENTIALS_RSA_BITS_MAX / 8)
/* 0, 2, at least eight octets of padding, 0. */
#define OVERHEAD     11
#define PADDING_MIN  8
#define REJECT_BLOCK 32 /* of HMAC-SHA2-256 */

size_t rsa_encryption_room(const EVP_PKEY *key)
{
	int size = EVP_PKEY_is_a(key, "RSA") ? EVP_PKEY_get_size(key) : 0;

	return size > OVERHEAD && size <= KEY_MAX ? (size_t)size - OVERHEAD : 0;
}

static EVP_PKEY_CTX *open_context(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *), int padding)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

	if (context != NULL && init(context) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1)
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

enum err rsa_encrypt(EVP_PKEY *key, struct bytes plain, uint8_t *out, size_t *len)
{
	size_t room = rsa_encryption_room(key);
	EVP_PKEY_CTX *context;
	bool good;

	if (room == 0)
		return ERR_UNSUPPORTED;
	if (plain.len > room)
		return ERR_TOO_LONG;
	context = open_context(key, EVP_PKEY_encrypt_init, RSA_PKCS1_PADDING);
	*len = room + OVERHEAD;
	good = context != NULL && EVP_PKEY_encrypt(context, out, len, plain.data, plain.len) == 1;
	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return good ? ERR_OK : ERR_SYSTEM;
}

/* Masks: all ones for yes, zero for no. The compiler is kept from knowing that. */
static uint32_t mask(uint32_t bit)
{
	uint32_t value = 0 - bit;

	__asm__("" : "+r"(value));
	return value;
}

/* Both below 2^31. */
static uint32_t at_least(uint32_t a, uint32_t b)
{
	return mask(1 ^ ((a - b) >> 31));
}

static uint32_t same(uint32_t a, uint32_t b)
{
	return at_least(a, b) & at_least(b, a);
}

static uint32_t choose(uint32_t which, uint32_t yes, uint32_t no)
{
	return (which & yes) | (~which & no);
}

/*
 * The length of the message at the end of a block; *good says whether the block is well-formed
 * (RFC 8017 7.2.2).
 */
static uint32_t find_message(const uint8_t *block, uint32_t size, uint32_t *good)
{
	uint32_t found = 0;
	uint32_t separator = 0;

	for (uint32_t i = 2; i < size; i++) {
		uint32_t first = same(block[i], 0) & ~found;

		separator = choose(first, i, separator);
		found |= first;
	}
	*good =
	    same(block[0], 0) & same(block[1], 2) & found & at_least(separator, 2 + PADDING_MIN);
	return size - 1 - separator;
}

/* Moves octets to the front by `distance`, whose value does not show. */
static void shift(uint8_t *octets, uint32_t size, uint32_t distance)
{
	for (uint32_t step = 1; step < size; step <<= 1) {
		uint32_t moves = ~same(distance & step, 0);

		for (uint32_t i = 0; i < size; i++) {
			uint32_t from = i + step < size ? octets[i + step] : 0;

			octets[i] = (uint8_t)choose(moves, from, octets[i]);
		}
	}
}

/* A PRF of the ciphertext under a key that only the private key's owner has. */
static enum err reject_prf(const EVP_PKEY *key, size_t size, struct bytes sealed, struct prf **out)
{
	uint8_t exponent[KEY_MAX];
	uint8_t secret[REJECT_BLOCK];
	uint8_t bound[REJECT_BLOCK];
	struct bytes part = bytes_of(exponent, size);
	struct prf *outer = NULL;
	BIGNUM *d = NULL;
	enum err error = ERR_SYSTEM;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &d) == 1 &&
	    BN_bn2binpad(d, exponent, (int)size) == (int)size)
		error = digest_run(PRF_HMAC_SHA2_256, &part, 1, secret);
	if (error == ERR_OK)
		error = prf_new(PRF_HMAC_SHA2_256, bytes_of(secret, sizeof(secret)), &outer);
	if (error == ERR_OK)
		error = prf_run(outer, &sealed, 1, bound);
	if (error == ERR_OK)
		error = prf_new(PRF_HMAC_SHA2_256, bytes_of(bound, sizeof(bound)), out);
	prf_free(outer);
	BN_clear_free(d);
	secret_wipe(exponent, sizeof(exponent));
	secret_wipe(secret, sizeof(secret));
	secret_wipe(bound, sizeof(bound));
	return error;
}

/* What takes the place of a message that is none: `size` octets, of which *len are to be used. */
static enum err reject(const EVP_PKEY *key, size_t key_size, struct bytes sealed, uint32_t min,
    uint32_t max, uint8_t *out, uint32_t *len)
{
	uint8_t block[REJECT_BLOCK];
	struct prf *prf = NULL;
	enum err error = reject_prf(key, key_size, sealed, &prf);

	for (size_t done = 0, i = 0; error == ERR_OK && done < max; i++) {
		uint8_t number = (uint8_t)i;
		struct bytes parts[2] = {bytes_of("message", 7), bytes_of(&number, 1)};
		size_t taken = max - done < sizeof(block) ? max - done : sizeof(block);

		error = prf_run(prf, parts, 2, block);
		memcpy(out + done, block, taken);
		done += taken;
	}
	if (error == ERR_OK) {
		struct bytes part = bytes_of("length", 6);

		error = prf_run(prf, &part, 1, block);
		*len = min + (((uint32_t)(block[0] << 8 | block[1]) * (max - min + 1)) >> 16);
	}
	prf_free(prf);
	secret_wipe(block, sizeof(block));
	return error;
}

/* The whole block; zeros, which are not well-formed, for what is no ciphertext of this key. */
static enum err open_block(EVP_PKEY *key, struct bytes sealed, uint8_t *block, size_t size)
{
	EVP_PKEY_CTX *context = open_context(key, EVP_PKEY_decrypt_init, RSA_NO_PADDING);
	size_t len = size;

	if (context == NULL)
		return ERR_SYSTEM;
	if (sealed.len != size ||
	    EVP_PKEY_decrypt(context, block, &len, sealed.data, sealed.len) != 1 || len != size)
		memset(block, 0, size);
	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return ERR_OK;
}

enum err rsa_decrypt(
    EVP_PKEY *key, struct bytes sealed, size_t min, size_t max, uint8_t *out, size_t *len)
{
	size_t room = rsa_encryption_room(key);
	size_t size = room + OVERHEAD;
	uint8_t block[KEY_MAX];
	uint8_t other[KEY_MAX];
	uint8_t *message = block + size - max;
	uint32_t other_len = 0;
	uint32_t good;
	uint32_t length;
	enum err error;

	if (room == 0)
		return ERR_UNSUPPORTED;
	if (min > max || max > room)
		return ERR_INVALID;
	error = reject(key, size, sealed, (uint32_t)min, (uint32_t)max, other, &other_len);
	if (error == ERR_OK)
		error = open_block(key, sealed, block, size);
	if (error == ERR_OK) {
		length = find_message(block, (uint32_t)size, &good);
		good &= at_least(length, (uint32_t)min) & at_least((uint32_t)max, length);
		shift(message, (uint32_t)max, choose(good, (uint32_t)max - length, 0));
		for (size_t i = 0; i < max; i++)
			out[i] = (uint8_t)choose(good, message[i], other[i]);
		*len = choose(good, length, other_len);
	}
	secret_wipe(block, sizeof(block));
	secret_wipe(other, sizeof(other));
	return error;
}
