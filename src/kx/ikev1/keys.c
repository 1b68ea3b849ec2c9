/* Keys, initialization vectors and hashes of an ISAKMP SA: RFC 2409 5, 5.5, Appendix B. */
#include "kx/ikev1/keys.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/digest.h"

#define PARTS_MAX 5

static enum err run(
    enum prf_hash hash, const uint8_t *key, const struct bytes *parts, size_t count, uint8_t *out)
{
	struct prf *prf;
	enum err error = prf_new(hash, bytes_of(key, prf_length(hash)), &prf);

	if (error != ERR_OK)
		return error;
	error = prf_run(prf, parts, count, out);
	prf_free(prf);
	return error;
}

/* The cipher's key: the first octets of SKEYID_e, or what it is stretched to. */
static enum err derive_cipher(
    struct cbc_key *cipher, const struct ikev1_suite *suite, const uint8_t *skeyid_e)
{
	size_t available = prf_length(suite->hash);
	size_t length = cbc_key_length(suite->encryption, suite->key_bits);
	struct prf *prf;
	enum err error;

	if (length == 0)
		return ERR_UNSUPPORTED;
	cipher->encryption = suite->encryption;
	cipher->bits = suite->key_bits;
	if (length <= available) {
		memcpy(cipher->octets, skeyid_e, length);
		return ERR_OK;
	}
	error = prf_new(suite->hash, bytes_of(skeyid_e, available), &prf);
	if (error != ERR_OK)
		return error;
	error = crypto_keymat_feedback(prf_run, prf, available, cipher->octets, length);
	prf_free(prf);
	return error;
}

/* The first octets of a hash, as many as the cipher's block has. */
static enum err derive_iv(const struct ikev1_keys *keys, struct bytes first, struct bytes second,
    uint8_t out[CBC_BLOCK_MAX])
{
	struct bytes parts[2] = {first, second};
	uint8_t digest[CRYPTO_PRF_MAX];
	enum err error = digest_run(keys->hash, parts, 2, digest);

	if (error == ERR_OK)
		memcpy(out, digest, cbc_block_length(keys->cipher.encryption));
	return error;
}

enum err ikev1_keys_derive(struct ikev1_keys *keys, const struct ikev1_suite *suite,
    struct bytes skeyid, struct bytes secret, const struct ikev1_cookies *cookies,
    struct bytes public_i, struct bytes public_r)
{
	static const uint8_t numbers[] = {0, 1, 2};
	uint8_t skeyid_e[CRYPTO_PRF_MAX];
	/* Without the one before it: SKEYID_d. */
	struct bytes parts[PARTS_MAX] = {{0}, secret,
	    bytes_of(cookies->initiator, IKEV1_COOKIE_SIZE),
	    bytes_of(cookies->responder, IKEV1_COOKIE_SIZE), bytes_of(&numbers[0], 1)};
	uint8_t *const outputs[] = {keys->derivation, keys->authentication, skeyid_e};
	enum err error = skeyid.len == prf_length(suite->hash) ? ERR_OK : ERR_INVALID;

	keys->hash = suite->hash;
	for (size_t i = 0; error == ERR_OK && i < sizeof(numbers); i++) {
		parts[4] = bytes_of(&numbers[i], 1);
		error = run(suite->hash, skeyid.data, parts, PARTS_MAX, outputs[i]);
		parts[0] = bytes_of(outputs[i], prf_length(suite->hash));
	}
	if (error == ERR_OK)
		error = derive_cipher(&keys->cipher, suite, skeyid_e);
	if (error == ERR_OK)
		error = derive_iv(keys, public_i, public_r, keys->iv);
	secret_wipe(skeyid_e, sizeof(skeyid_e));
	return error;
}

/* As it stands in the header. */
struct message_id {
	uint8_t octets[4];
};

static struct message_id encode(uint32_t message_id)
{
	struct message_id id = {0};
	struct writer out = writer_of(id.octets, sizeof(id.octets));

	writer_u32(&out, message_id);
	return id;
}

enum err ikev1_keys_iv(
    const struct ikev1_keys *keys, uint32_t message_id, uint8_t out[CBC_BLOCK_MAX])
{
	struct message_id id = encode(message_id);

	return derive_iv(keys, bytes_of(keys->iv, cbc_block_length(keys->cipher.encryption)),
	    bytes_of(id.octets, sizeof(id.octets)), out);
}

enum err ikev1_hash_message(const struct ikev1_keys *keys, uint32_t message_id, struct bytes nonce,
    struct bytes rest, uint8_t out[CRYPTO_PRF_MAX])
{
	struct message_id id = encode(message_id);
	struct bytes parts[] = {bytes_of(id.octets, sizeof(id.octets)), nonce, rest};

	return run(keys->hash, keys->authentication, parts, 3, out);
}

enum err ikev1_hash_nonces(const struct ikev1_keys *keys, uint32_t message_id, struct bytes ni,
    struct bytes nr, uint8_t out[CRYPTO_PRF_MAX])
{
	static const uint8_t zero;
	struct message_id id = encode(message_id);
	struct bytes parts[] = {bytes_of(&zero, 1), bytes_of(id.octets, sizeof(id.octets)), ni, nr};

	return run(keys->hash, keys->authentication, parts, 4, out);
}
