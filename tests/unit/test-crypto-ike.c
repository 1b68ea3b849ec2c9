/* What src/crypto has for ISAKMP's own messages: hashes, chained CBC, longer keys. */
#include "crypto.h"
#include "crypto-vectors.h"
#include "crypto/cbc.h"
#include "crypto/digest.h"
#include "crypto/keymat.h"

/* FIPS 180-4's examples: "abc". */
static void hashes_known_answers(void **state)
{
	static const char *const expected[] = {
	    [PRF_HMAC_SHA1] = "a9993e364706816aba3e25717850c26c9cd0d89d",
	    [PRF_HMAC_SHA2_256] =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    [PRF_HMAC_SHA2_384] = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
				  "8086072ba1e7cc2358baeca134c825a7",
	    [PRF_HMAC_SHA2_512] =
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	};
	/* In parts, one of them empty, so that concatenation is tried as well. */
	struct bytes parts[3] = {bytes_of("a", 1), {0}, bytes_of("bc", 2)};

	(void)state;
	for (size_t i = 0; i < COUNT(expected); i++) {
		uint8_t out[64];

		assert_int_equal(strlen(expected[i]), 2 * prf_length((enum prf_hash)i));
		assert_int_equal(digest_run((enum prf_hash)i, parts, 3, out), ERR_OK);
		assert_memory_equal(out, hex(expected[i]).data, prf_length((enum prf_hash)i));
	}
}

/* The chain of all blocks, cut into two messages: the second goes on from the first's IV. */
static void check_cbc(enum encryption encryption, const char *key, const char *iv,
    const char *plain, const char *sealed)
{
	struct bytes octets = hex(key);
	struct bytes text = hex(plain);
	struct bytes expected = hex(sealed);
	struct cbc_key cbc = {.encryption = encryption,
	    .bits = encryption == ENCRYPTION_AES_CBC ? (uint16_t)(8 * octets.len) : 0};
	size_t block = cbc_block_length(encryption);
	size_t cut = text.len > block ? block : 0;
	uint8_t chain[CBC_BLOCK_MAX];
	uint8_t data[HEX_MAX];

	assert_int_equal(hex(iv).len, block);
	assert_int_equal(cbc_key_length(cbc.encryption, cbc.bits), octets.len);
	memcpy(cbc.octets, octets.data, octets.len);
	memcpy(data, text.data, text.len);
	memcpy(chain, hex(iv).data, block);
	if (cut > 0)
		assert_int_equal(cbc_encrypt(&cbc, chain, data, cut), ERR_OK);
	assert_int_equal(cbc_encrypt(&cbc, chain, data + cut, text.len - cut), ERR_OK);
	assert_memory_equal(data, expected.data, text.len);
	assert_memory_equal(chain, expected.data + text.len - block, block);
	memcpy(chain, hex(iv).data, block);
	if (cut > 0)
		assert_int_equal(cbc_decrypt(&cbc, chain, data, cut), ERR_OK);
	assert_int_equal(cbc_decrypt(&cbc, chain, data + cut, text.len - cut), ERR_OK);
	assert_memory_equal(data, text.data, text.len);
	assert_memory_equal(chain, expected.data + text.len - block, block);
}

static void cbc_known_answers(void **state)
{
	/* NIST SP 800-38A F.2. */
	static const char iv[] = "000102030405060708090a0b0c0d0e0f";
	static const char plain[] =
	    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
	    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

	(void)state;
	for (size_t i = 0; i < COUNT(cbc_vectors); i++)
		check_cbc(ENCRYPTION_AES_CBC, cbc_vectors[i].key, cbc_vectors[i].iv,
		    cbc_vectors[i].plain, cbc_vectors[i].sealed);
	check_cbc(ENCRYPTION_AES_CBC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", iv, plain,
	    "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
	    "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd");
	check_cbc(ENCRYPTION_AES_CBC,
	    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", iv, plain,
	    "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
	    "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b");
	/* NIST's examples for SP 800-67. */
	check_cbc(ENCRYPTION_3DES_CBC, "0123456789abcdef23456789abcdef01456789abcdef0123",
	    "f69f2445df4f9b17", "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
	    "2079c3d53aa763e193b79e2569ab5262516570481f25b50f73c0bda85c8e0da7");
}

static void cbc_refuses_what_does_not_fit(void **state)
{
	struct cbc_key key = {.encryption = ENCRYPTION_AES_CBC, .bits = 128};
	uint8_t iv[16] = {0};
	uint8_t data[32] = {0};

	(void)state;
	assert_int_equal(cbc_key_length(ENCRYPTION_AES_CBC, 100), 0);
	assert_int_equal(cbc_key_length(ENCRYPTION_AES_GCM_16, 128), 0);
	assert_int_equal(cbc_block_length(ENCRYPTION_AES_CBC), 16);
	assert_int_equal(cbc_block_length(ENCRYPTION_NULL), 0);
	assert_int_equal(cbc_key_length(ENCRYPTION_3DES_CBC, 192), 0);
	assert_int_equal(cbc_encrypt(&key, iv, data, 17), ERR_INVALID);
	assert_int_equal(cbc_encrypt(&key, iv, data, 0), ERR_INVALID);
	assert_int_equal(cbc_decrypt(&key, iv, data, 17), ERR_INVALID);
	assert_int_equal(cbc_decrypt(&key, iv, data, 0), ERR_INVALID);
	key.bits = 100;
	assert_int_equal(cbc_encrypt(&key, iv, data, 16), ERR_UNSUPPORTED);
	assert_int_equal(cbc_decrypt(&key, iv, data, 16), ERR_UNSUPPORTED);
}

/* RFC 2409 Appendix B; the answers are those of Python's hmac, fed back by hand. */
static void long_keys_are_fed_back(void **state)
{
	static const struct {
		enum prf_hash hash;
		const char *key;
	} expected[] = {
	    {PRF_HMAC_SHA1, "59686d8c15f4ad448dd664d114ab67d8566e2135b2f2543978167dd05dd16e7e"},
	    {PRF_HMAC_SHA2_256, "e711546e3faad4c7c4aa756bc26cad6abea8241984a0f6b0839c70ca61c4ef88"
				"d7d5b72e4532e11d"},
	    {PRF_HMAC_SHA2_512, "7c6c99c3c1579ceb26d996e0c43fbb09ecbf30844d0a2d03"},
	};
	uint8_t secret[32];

	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT(expected); i++) {
		struct bytes key = hex(expected[i].key);
		uint8_t out[64];
		struct prf *prf;

		assert_int_equal(
		    prf_new(expected[i].hash, bytes_of(secret, sizeof(secret)), &prf), ERR_OK);
		assert_int_equal(crypto_keymat_feedback(
				     prf_run, prf, prf_length(expected[i].hash), out, key.len),
		    ERR_OK);
		assert_memory_equal(out, key.data, key.len);
		prf_free(prf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes_known_answers),
	    cmocka_unit_test(cbc_known_answers),
	    cmocka_unit_test(cbc_refuses_what_does_not_fit),
	    cmocka_unit_test(long_keys_are_fed_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
