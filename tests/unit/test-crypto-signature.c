/* Signatures and public-key encryption of IKEv1: known answers, and what must not show. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto-signature-vectors.h"
#include "crypto.h"
#include "crypto/rsa-encryption.h"
#include "crypto/signature.h"

#define RSA_SIZE 256

static EVP_PKEY *rsa(void)
{
	BIO *input = BIO_new_mem_buf(rsa_key, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(input, NULL, NULL, NULL);

	BIO_free(input);
	assert_non_null(key);
	return key;
}

static EVP_PKEY *ec(const char *curve, struct bytes private_value, struct bytes public_value)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *scalar = BN_bin2bn(private_value.data, (int)private_value.len, NULL);
	uint8_t point[1 + 2 * 66] = {4};
	EVP_PKEY *key = NULL;
	OSSL_PARAM *parameters;

	memcpy(point + 1, public_value.data, public_value.len);
	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
	OSSL_PARAM_BLD_push_octet_string(
	    build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + public_value.len);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar);
	parameters = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters), 1);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(context);
	BN_free(scalar);
	return key;
}

static EVP_PKEY *ec_vector(size_t i)
{
	static const char *const curves[] = {"P-256", "P-384", "P-521"};

	return ec(
	    curves[i], hex(ecdsa_vectors[i].private_value), hex(ecdsa_vectors[i].public_value));
}

static void ecdsa_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ecdsa_vectors); i++) {
		EVP_PKEY *key = ec_vector(i);
		enum credentials_scheme scheme = ecdsa_vectors[i].scheme;
		struct bytes hash = hex(ecdsa_vectors[i].hash);
		struct bytes r = hex(ecdsa_vectors[i].r);
		struct bytes s = hex(ecdsa_vectors[i].s);
		uint8_t signature[2 * 66];

		memcpy(signature, r.data, r.len);
		memcpy(signature + r.len, s.data, s.len);
		assert_int_equal(signature_scheme_of(key), scheme);
		assert_int_equal(
		    signature_check(key, scheme, hash, bytes_of(signature, 2 * r.len)), ERR_OK);
		assert_int_equal(
		    signature_check(key, scheme, hash, bytes_of(signature, 2 * r.len - 1)),
		    ERR_AUTH);
		assert_int_equal(signature_check(key, scheme, hash, (struct bytes){0}), ERR_AUTH);
		for (size_t j = 0; j < 2 * r.len; j += 7) {
			signature[j] ^= 4;
			assert_int_equal(
			    signature_check(key, scheme, hash, bytes_of(signature, 2 * r.len)),
			    ERR_AUTH);
			signature[j] ^= 4;
		}
		EVP_PKEY_free(key);
	}
}

/* Often enough that r or s begin with a zero, which must stay. */
static void ecdsa_signatures_have_one_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ecdsa_vectors); i++) {
		EVP_PKEY *key = ec_vector(i);
		enum credentials_scheme scheme = ecdsa_vectors[i].scheme;
		struct bytes hash = hex(ecdsa_vectors[i].hash);
		unsigned rounds = i == 0 ? 600 : 5;

		for (unsigned round = 0; round < rounds; round++) {
			uint8_t out[CREDENTIALS_SIGNATURE_MAX];
			size_t len = 0;

			assert_int_equal(signature_make(key, scheme, hash, out, &len), ERR_OK);
			assert_int_equal(len, strlen(ecdsa_vectors[i].r));
			assert_int_equal(
			    signature_check(key, scheme, hash, bytes_of(out, len)), ERR_OK);
		}
		EVP_PKEY_free(key);
	}
}

/* RFC 2409 5.1: the hash stands in PKCS #1's block by itself, without the name of its algorithm. */
static void rsa_signs_the_bare_hash(void **state)
{
	EVP_PKEY *key = rsa();
	uint8_t out[CREDENTIALS_SIGNATURE_MAX];
	uint8_t changed[RSA_SIZE];
	size_t len = 0;

	(void)state;
	assert_int_equal(signature_scheme_of(key), CREDENTIALS_RSA_BARE);
	assert_int_equal(
	    signature_make(key, CREDENTIALS_RSA_BARE, hex(rsa_hash), out, &len), ERR_OK);
	assert_int_equal(len, RSA_SIZE);
	assert_memory_equal(out, hex(rsa_signature).data, RSA_SIZE);
	assert_int_equal(
	    signature_check(key, CREDENTIALS_RSA_BARE, hex(rsa_hash), hex(rsa_signature)), ERR_OK);
	memcpy(changed, out, sizeof(changed));
	changed[100] ^= 1;
	assert_int_equal(signature_check(key, CREDENTIALS_RSA_BARE, hex(rsa_hash),
			     bytes_of(changed, sizeof(changed))),
	    ERR_AUTH);
	assert_int_equal(signature_check(key, CREDENTIALS_RSA_BARE,
			     hex("a9993e364706816aba3e25717850c26c9cd0d89e"), hex(rsa_signature)),
	    ERR_AUTH);
	assert_int_equal(
	    signature_check(key, CREDENTIALS_RSA_BARE, hex(rsa_hash), bytes_of(out, RSA_SIZE - 1)),
	    ERR_AUTH);
	EVP_PKEY_free(key);
}

/* A signature that names its hash, as PKCS #1 has it, is no signature of IKEv1. */
static void rsa_refuses_named_hashes(void **state)
{
	EVP_PKEY *key = rsa();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	struct bytes hash = hex(rsa_hash);
	uint8_t out[RSA_SIZE];
	size_t len = sizeof(out);

	(void)state;
	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, EVP_sha1()), 1);
	assert_int_equal(EVP_PKEY_sign(context, out, &len, hash.data, hash.len), 1);
	assert_int_equal(
	    signature_check(key, CREDENTIALS_RSA_BARE, hash, bytes_of(out, len)), ERR_AUTH);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
}

static void keys_serve_one_scheme(void **state)
{
	EVP_PKEY *p256 = ec_vector(0);
	EVP_PKEY *small = EVP_RSA_gen(1024);
	EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t out[CREDENTIALS_SIGNATURE_MAX];
	size_t len;

	(void)state;
	assert_int_equal(
	    signature_make(p256, CREDENTIALS_RSA_BARE, hex(rsa_hash), out, &len), ERR_UNSUPPORTED);
	assert_int_equal(
	    signature_make(p256, CREDENTIALS_ECDSA_384, hex(rsa_hash), out, &len), ERR_UNSUPPORTED);
	assert_int_equal(
	    signature_check(p256, CREDENTIALS_ECDSA_521, hex(rsa_hash), bytes_of(out, 132)),
	    ERR_UNSUPPORTED);
	assert_int_equal(signature_scheme_of(small), CREDENTIALS_NO_SCHEME);
	assert_int_equal(signature_scheme_of(edwards), CREDENTIALS_NO_SCHEME);
	assert_int_equal(
	    signature_check(edwards, CREDENTIALS_NO_SCHEME, hex(rsa_hash), bytes_of(out, 64)),
	    ERR_UNSUPPORTED);
	assert_int_equal(rsa_encryption_room(p256), 0);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(small);
	EVP_PKEY_free(edwards);
}

static void rsa_decrypts_known_answers(void **state)
{
	EVP_PKEY *key = rsa();
	uint8_t out[RSA_SIZE];
	uint8_t sealed[RSA_SIZE];
	size_t len;

	(void)state;
	assert_int_equal(rsa_encryption_room(key), RSA_SIZE - 11);
	assert_int_equal(rsa_decrypt(key, hex(rsa_sealed), 8, 245, out, &len), ERR_OK);
	assert_int_equal(len, strlen(rsa_plain));
	assert_memory_equal(out, rsa_plain, len);
	/* Every length that fits, the empty one too. */
	for (size_t i = 0; i <= RSA_SIZE - 11; i += 7) {
		uint8_t plain[RSA_SIZE];

		memset(plain, (int)i, sizeof(plain));
		assert_int_equal(rsa_encrypt(key, bytes_of(plain, i), sealed, &len), ERR_OK);
		assert_int_equal(len, RSA_SIZE);
		assert_int_equal(
		    rsa_decrypt(key, bytes_of(sealed, len), 0, 245, out, &len), ERR_OK);
		assert_int_equal(len, i);
		assert_memory_equal(out, plain, i);
		assert_int_equal(
		    rsa_decrypt(key, bytes_of(sealed, RSA_SIZE), i, i, out, &len), ERR_OK);
		assert_int_equal(len, i);
		assert_memory_equal(out, plain, i);
	}
	assert_int_equal(rsa_encrypt(key, bytes_of(sealed, 246), sealed, &len), ERR_TOO_LONG);
	assert_int_equal(rsa_decrypt(key, hex(rsa_sealed), 8, 246, out, &len), ERR_INVALID);
	assert_int_equal(rsa_decrypt(key, hex(rsa_sealed), 9, 8, out, &len), ERR_INVALID);
	EVP_PKEY_free(key);
}

/* A ciphertext of a block as it stands, of any form. */
static void seal_block(EVP_PKEY *key, const uint8_t *block, uint8_t *out)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	size_t len = RSA_SIZE;

	assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_encrypt(context, out, &len, block, RSA_SIZE), 1);
	EVP_PKEY_CTX_free(context);
}

/* A well-formed block around a message of `len` octets of 'm'. */
static void make_block(uint8_t *block, size_t len)
{
	memset(block, 0x55, RSA_SIZE);
	block[0] = 0;
	block[1] = 2;
	block[RSA_SIZE - 1 - len] = 0;
	memset(block + RSA_SIZE - len, 'm', len);
}

static void check_rejected(EVP_PKEY *key, struct bytes sealed)
{
	uint8_t first[RSA_SIZE];
	uint8_t second[RSA_SIZE];
	size_t first_len;
	size_t second_len;
	size_t own = 0;

	assert_int_equal(rsa_decrypt(key, sealed, 8, 200, first, &first_len), ERR_OK);
	assert_int_equal(rsa_decrypt(key, sealed, 8, 200, second, &second_len), ERR_OK);
	assert_in_range(first_len, 8, 200);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
	for (size_t i = 0; i < first_len; i++)
		own += first[i] == 'm';
	assert_true(own < 8);
	/* A failure leaves nothing behind that somebody could look at. */
	assert_int_equal(ERR_peek_error(), 0);
}

/*
 * Bleichenbacher's question is never answered: what is malformed gives a message like any other.
 */
static void rsa_rejects_implicitly(void **state)
{
	EVP_PKEY *key = rsa();
	uint8_t block[RSA_SIZE];
	uint8_t sealed[RSA_SIZE];
	struct bytes whole = bytes_of(sealed, sizeof(sealed));
	uint8_t out[2][RSA_SIZE];
	size_t len[2];

	(void)state;
	/* The block that the others are variants of is good. */
	make_block(block, 32);
	seal_block(key, block, sealed);
	assert_int_equal(rsa_decrypt(key, whole, 8, 200, out[0], &len[0]), ERR_OK);
	assert_int_equal(len[0], 32);
	assert_int_equal(out[0][0], 'm');

	block[1] = 1; /* block type 1 */
	seal_block(key, block, sealed);
	check_rejected(key, whole);
	make_block(block, 32);
	block[0] = 1;
	seal_block(key, block, sealed);
	check_rejected(key, whole);
	make_block(block, 32);
	block[9] = 0; /* seven octets of padding */
	seal_block(key, block, sealed);
	check_rejected(key, whole);
	make_block(block, 200);
	block[RSA_SIZE - 201] = 0x55; /* nothing ends the padding */
	seal_block(key, block, sealed);
	check_rejected(key, whole);
	make_block(block, 7); /* too short and too long for whom asks */
	seal_block(key, block, sealed);
	check_rejected(key, whole);
	make_block(block, 201);
	seal_block(key, block, sealed);
	check_rejected(key, whole);
	check_rejected(key, bytes_of(sealed, sizeof(sealed) - 1));
	check_rejected(key, (struct bytes){0});
	memset(sealed, 0xff, sizeof(sealed)); /* above the modulus */
	check_rejected(key, whole);

	/* Two of them give two messages. */
	assert_int_equal(rsa_decrypt(key, whole, 32, 32, out[0], &len[0]), ERR_OK);
	sealed[0]--;
	assert_int_equal(rsa_decrypt(key, whole, 32, 32, out[1], &len[1]), ERR_OK);
	assert_memory_not_equal(out[0], out[1], 32);
	EVP_PKEY_free(key);
}

/* Lengths of what malformed ciphertexts give fill their range. */
static void rejected_lengths_vary(void **state)
{
	EVP_PKEY *key = rsa();
	uint8_t sealed[RSA_SIZE] = {0};
	bool seen[16] = {false};

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		uint8_t out[RSA_SIZE];
		size_t len;

		sealed[RSA_SIZE - 1] = (uint8_t)i;
		sealed[RSA_SIZE - 2] = (uint8_t)(i >> 8);
		sealed[3] = 1;
		assert_int_equal(
		    rsa_decrypt(key, bytes_of(sealed, sizeof(sealed)), 8, 23, out, &len), ERR_OK);
		assert_in_range(len, 8, 23);
		seen[len - 8] = true;
	}
	for (size_t i = 0; i < COUNT(seen); i++)
		assert_true(seen[i]);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ecdsa_known_answers),
	    cmocka_unit_test(ecdsa_signatures_have_one_length),
	    cmocka_unit_test(rsa_signs_the_bare_hash),
	    cmocka_unit_test(rsa_refuses_named_hashes),
	    cmocka_unit_test(keys_serve_one_scheme),
	    cmocka_unit_test(rsa_decrypts_known_answers),
	    cmocka_unit_test(rsa_rejects_implicitly),
	    cmocka_unit_test(rejected_lengths_vary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
