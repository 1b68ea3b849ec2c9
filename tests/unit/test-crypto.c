/* src/crypto without Diffie-Hellman: known answers, and what must be refused. */
#include "crypto.h"
#include "crypto-vectors.h"
#include "crypto/algorithms.h"
#include "crypto/cipher.h"
#include "crypto/keymat.h"
#include "crypto/prf.h"
#include "crypto/random.h"

static void check_hmac(enum prf_hash hash, const char *key, const char *text, const char *expected)
{
	struct bytes data = hex(text);
	/* In three parts, one of them empty, so that concatenation is tried as well. */
	struct bytes parts[3] = {
	    bytes_of(data.data, 3), {0}, bytes_of(data.data + 3, data.len - 3)};
	uint8_t out[64];
	struct prf *prf;

	assert_int_equal(strlen(expected), 2 * prf_length(hash));
	assert_int_equal(prf_new(hash, hex(key), &prf), ERR_OK);
	/* Twice: the key stays. */
	for (int i = 0; i < 2; i++) {
		memset(out, 0, sizeof(out));
		assert_int_equal(prf_run(prf, parts, 3, out), ERR_OK);
		assert_memory_equal(out, hex(expected).data, prf_length(hash));
	}
	prf_free(prf);
}

static void hmac_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sha1_vectors); i++)
		check_hmac(
		    PRF_HMAC_SHA1, sha1_vectors[i].key, sha1_vectors[i].data, sha1_vectors[i].out);
	for (size_t i = 0; i < COUNT(prf_vectors); i++) {
		const char *key = prf_vectors[i].key;
		const char *data = prf_vectors[i].data;

		check_hmac(PRF_HMAC_SHA2_256, key, data, prf_vectors[i].sha256);
		check_hmac(PRF_HMAC_SHA2_384, key, data, prf_vectors[i].sha384);
		check_hmac(PRF_HMAC_SHA2_512, key, data, prf_vectors[i].sha512);
	}
}

/* HMAC fills a short key with zeros (RFC 2104 2), so no key and a zero octet are one key. */
static void hmac_takes_an_empty_key(void **state)
{
	struct bytes data = bytes_of("data", 4);
	uint8_t out[2][20];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct prf *prf;

		assert_int_equal(prf_new(PRF_HMAC_SHA1, bytes_of("", i), &prf), ERR_OK);
		assert_int_equal(prf_run(prf, &data, 1, out[i]), ERR_OK);
		prf_free(prf);
	}
	assert_memory_equal(out[0], out[1], sizeof(out[0]));
}

/* RFC 2409 5.5 by its definition, one step at a time. */
static void keymat_expands(void **state)
{
	struct bytes key = bytes_of("0123456789abcdef", 16);
	struct bytes seed = bytes_of("seed", 4);
	uint8_t expected[96];
	uint8_t out[96];
	struct prf *prf;

	(void)state;
	assert_int_equal(prf_new(PRF_HMAC_SHA2_256, key, &prf), ERR_OK);
	assert_int_equal(prf_run(prf, &seed, 1, expected), ERR_OK);
	for (size_t i = 1; i < 3; i++) {
		struct bytes parts[2] = {bytes_of(expected + 32 * (i - 1), 32), seed};

		assert_int_equal(prf_run(prf, parts, 2, expected + 32 * i), ERR_OK);
	}
	for (size_t len = 0; len <= sizeof(out); len++) {
		memset(out, 0xee, sizeof(out));
		assert_int_equal(crypto_keymat_expand(prf_run, prf, 32, seed, out, len), ERR_OK);
		assert_memory_equal(out, expected, len);
		if (len < sizeof(out))
			assert_int_equal(out[len], 0xee);
	}
	assert_int_equal(crypto_keymat_expand(prf_run, prf, 0, seed, out, 8), ERR_INVALID);
	assert_int_equal(
	    crypto_keymat_expand(prf_run, prf, CRYPTO_PRF_MAX + 1, seed, out, 8), ERR_INVALID);
	prf_free(prf);
}

/* A PRF of two octets that gives out after as many calls as its context says. */
static enum err failing_prf(void *context, const struct bytes *parts, size_t count, uint8_t *out)
{
	unsigned *calls = context;

	(void)parts;
	(void)count;
	memset(out, 0x11, 2);
	return (*calls)-- > 0 ? ERR_OK : ERR_SYSTEM;
}

static void keymat_leaves_nothing_after_a_failure(void **state)
{
	static const uint8_t zeros[6];
	uint8_t out[6] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
	unsigned calls = 2;

	(void)state;
	assert_int_equal(
	    crypto_keymat_expand(failing_prf, &calls, 2, bytes_of("seed", 4), out, 6), ERR_SYSTEM);
	assert_memory_equal(out, zeros, sizeof(out));
}

static void integrity_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(integrity_vectors); i++) {
		struct suite suite = {.protocol = IPSEC_ESP,
		    .encryption = ENCRYPTION_NULL,
		    .integrity = integrity_vectors[i].integrity};
		struct bytes data = hex(integrity_vectors[i].data);
		struct bytes expected = hex(integrity_vectors[i].icv);
		uint8_t icv[64];
		uint8_t body[HEX_MAX];
		struct cipher *cipher;

		assert_int_equal(expected.len, integrity_info(suite.integrity)->icv);
		assert_int_equal(
		    cipher_new(&suite, hex(integrity_vectors[i].key), true, &cipher), ERR_OK);
		memcpy(body, data.data + 4, data.len - 4);
		assert_int_equal(
		    cipher_seal(cipher, bytes_of(data.data, 4), NULL, body, data.len - 4, icv),
		    ERR_OK);
		assert_memory_equal(icv, expected.data, expected.len);
		cipher_free(cipher);
	}
}

/* The cipher alone: the ICV is checked elsewhere. */
static void cbc_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cbc_vectors); i++) {
		struct bytes key = hex(cbc_vectors[i].key);
		struct bytes plain = hex(cbc_vectors[i].plain);
		struct suite suite = {.protocol = IPSEC_ESP,
		    .encryption = ENCRYPTION_AES_CBC,
		    .key_bits = (uint16_t)(key.len * 8),
		    .integrity = INTEGRITY_HMAC_SHA1_96};
		uint8_t keymat[32 + 20] = {0};
		uint8_t body[HEX_MAX];
		uint8_t icv[12];
		struct cipher *cipher;

		memcpy(keymat, key.data, key.len);
		assert_int_equal(
		    cipher_new(&suite, bytes_of(keymat, key.len + 20), true, &cipher), ERR_OK);
		memcpy(body, plain.data, plain.len);
		assert_int_equal(cipher_seal(cipher, bytes_of("aad", 3),
				     hex(cbc_vectors[i].iv).data, body, plain.len, icv),
		    ERR_OK);
		assert_memory_equal(body, hex(cbc_vectors[i].sealed).data, plain.len);
		cipher_free(cipher);
	}
}

/* Seals and opens; sealed is ciphertext | ICV. */
static void check_aead(const struct suite *suite, struct bytes keymat, struct bytes aad,
    const uint8_t *iv, struct bytes plain, struct bytes sealed)
{
	uint8_t body[HEX_MAX];
	uint8_t icv[16];
	struct cipher *cipher;

	assert_int_equal(sealed.len, plain.len + sizeof(icv));
	assert_int_equal(cipher_new(suite, keymat, true, &cipher), ERR_OK);
	memcpy(body, plain.data, plain.len);
	assert_int_equal(cipher_seal(cipher, aad, iv, body, plain.len, icv), ERR_OK);
	assert_memory_equal(body, sealed.data, plain.len);
	assert_memory_equal(icv, sealed.data + plain.len, sizeof(icv));
	cipher_free(cipher);
	assert_int_equal(cipher_new(suite, keymat, false, &cipher), ERR_OK);
	assert_int_equal(
	    cipher_open(cipher, aad, iv, body, plain.len, sealed.data + plain.len), ERR_OK);
	assert_memory_equal(body, plain.data, plain.len);
	cipher_free(cipher);
}

static void aead_known_answers(void **state)
{
	struct suite chacha = {.protocol = IPSEC_ESP, .encryption = ENCRYPTION_CHACHA20_POLY1305};
	struct bytes packet = hex(chacha_packet);

	(void)state;
	check_aead(&chacha, hex(chacha_keymat), bytes_of(packet.data, 8), packet.data + 8,
	    hex(chacha_plain), bytes_of(packet.data + 16, packet.len - 16));
	for (size_t i = 0; i < COUNT(gcm_vectors); i++) {
		struct suite gcm = {.protocol = IPSEC_ESP,
		    .encryption = ENCRYPTION_AES_GCM_16,
		    .key_bits = gcm_vectors[i].key_bits};

		check_aead(&gcm, hex(gcm_vectors[i].keymat), hex(gcm_aad), hex(gcm_iv).data,
		    hex(gcm_plain), hex(gcm_vectors[i].sealed));
	}
}

/* Suites and lengths that cannot be. */
static void ciphers_refuse_what_does_not_fit(void **state)
{
	static const struct suite bad[] = {
	    {.protocol = IPSEC_IPCOMP},
	    {.protocol = IPSEC_AH},
	    {.protocol = IPSEC_AH,
		.encryption = ENCRYPTION_NULL,
		.integrity = INTEGRITY_HMAC_SHA2_256_128},
	    {.protocol = IPSEC_ESP, .encryption = ENCRYPTION_NULL},
	    {.protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_CBC, .key_bits = 128},
	    {.protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_GCM_16, .key_bits = 160},
	    {.protocol = IPSEC_ESP,
		.encryption = ENCRYPTION_AES_GCM_16,
		.key_bits = 128,
		.integrity = INTEGRITY_HMAC_SHA1_96},
	};
	uint8_t octets[SA_KEY_MAX] = {0};
	struct suite cbc;
	struct cipher *cipher;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(
		    cipher_new(&bad[i], bytes_of(octets, suite_key_length(&bad[i])), true, &cipher),
		    ERR_UNSUPPORTED);
	assert_int_equal(suite_parse("aes128-sha1", &cbc), ERR_OK);
	assert_int_equal(cipher_new(&cbc, bytes_of(octets, 36), true, &cipher), ERR_OK);
	assert_int_equal(
	    cipher_seal(cipher, bytes_of(octets, 8), octets, octets + 16, 31, octets + 64),
	    ERR_INVALID);
	cipher_free(cipher);
	assert_int_equal(cipher_new(&cbc, bytes_of(octets, 36), false, &cipher), ERR_OK);
	assert_int_equal(
	    cipher_open(cipher, bytes_of(octets, 8), octets, octets + 16, 31, octets + 64),
	    ERR_INVALID);
	cipher_free(cipher);
}

/* Every suite: what was sealed opens, and nothing else does. */
static void every_suite_refuses_changes(void **state)
{
	static const char *const names[] = {"aes128gcm16", "aes192gcm16", "aes256gcm16",
	    "chacha20poly1305", "aes128-sha256", "aes192-sha384", "aes256-sha512", "aes256-sha1",
	    "null-sha1", "null-sha256", "null-sha384", "null-sha512", "ah-sha1", "ah-sha256",
	    "ah-sha384", "ah-sha512"};
	uint8_t keymat[SA_KEY_MAX + 1];

	(void)state;
	random_octets(keymat, sizeof(keymat));
	for (size_t i = 0; i < COUNT(names); i++) {
		struct suite suite;
		struct cipher *seal;
		struct cipher *open;
		uint8_t packet[8 + 16 + 64 + 32]; /* header, IV, data, ICV */
		uint8_t copy[sizeof(packet)];
		size_t key_length;
		size_t iv;
		size_t icv;
		size_t total;

		assert_int_equal(suite_parse(names[i], &suite), ERR_OK);
		key_length = suite_key_length(&suite);
		iv = encryption_info(suite.encryption)->iv;
		icv = encryption_info(suite.encryption)->icv + integrity_info(suite.integrity)->icv;
		total = 8 + iv + 64 + icv;
		assert_int_equal(
		    cipher_new(&suite, bytes_of(keymat, key_length - 1), true, &seal), ERR_INVALID);
		assert_int_equal(
		    cipher_new(&suite, bytes_of(keymat, key_length + 1), true, &seal), ERR_INVALID);
		assert_int_equal(
		    cipher_new(&suite, bytes_of(keymat, key_length), true, &seal), ERR_OK);
		assert_int_equal(
		    cipher_new(&suite, bytes_of(keymat, key_length), false, &open), ERR_OK);
		random_octets(packet, sizeof(packet));
		memset(packet + 8 + iv, 0x5a, 64);
		assert_int_equal(cipher_seal(seal, bytes_of(packet, 8), packet + 8, packet + 8 + iv,
				     64, packet + 8 + iv + 64),
		    ERR_OK);
		for (size_t j = 0; j <= total; j++) {
			enum err expected = j < total ? ERR_AUTH : ERR_OK;

			memcpy(copy, packet, sizeof(packet));
			if (j < total)
				copy[j] ^= 0x40;
			assert_int_equal(cipher_open(open, bytes_of(copy, 8), copy + 8,
					     copy + 8 + iv, 64, copy + 8 + iv + 64),
			    expected);
		}
		for (size_t j = 0; j < 64; j++)
			assert_int_equal(copy[8 + iv + j], 0x5a);
		/* One direction each. */
		assert_int_equal(cipher_seal(open, bytes_of(copy, 8), copy + 8, copy + 8 + iv, 64,
				     copy + 8 + iv + 64),
		    ERR_INVALID);
		cipher_free(seal);
		cipher_free(open);
	}
}

static void suites_have_names(void **state)
{
	static const struct {
		const char *name;
		size_t key;
	} good[] = {{"aes256gcm16", 36}, {"aes128gcm16", 20}, {"chacha20poly1305", 36},
	    {"aes256-sha256", 64}, {"aes256-sha512", 96}, {"null-sha1", 20}, {"ah-sha256", 32},
	    {"ah-sha512", 64}, {"deflate", 0}};
	static const char *const bad[] = {"", "aes", "aes256", "aes512gcm16", "aes256gcm16-sha256",
	    "null", "ah-", "ipcomp", "AES256GCM16"};
	struct suite suite;
	char text[SUITE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(suite_parse(good[i].name, &suite), ERR_OK);
		assert_string_equal(suite_format(&suite, text), good[i].name);
		assert_int_equal(suite_key_length(&suite), good[i].key);
		assert_true(good[i].key <= SA_KEY_MAX);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(suite_parse(bad[i], &suite), ERR_NOT_FOUND);
}

static void groups_have_names(void **state)
{
	static const enum dh_group all[] = {DH_NONE, DH_MODP_1024, DH_MODP_1536, DH_MODP_2048,
	    DH_MODP_3072, DH_MODP_4096, DH_ECP_256, DH_ECP_384, DH_ECP_521, DH_CURVE25519};
	static const char *const bad[] = {
	    "", "modp768", "1", "014", "+14", " 14", "14 ", "4294967310", "MODP2048"};
	enum dh_group group;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		char number[4];

		(void)snprintf(number, sizeof(number), "%d", (int)all[i]);
		assert_int_equal(dh_group_parse(dh_group_name(all[i]), &group), ERR_OK);
		assert_int_equal(group, all[i]);
		assert_int_equal(dh_group_parse(number, &group), ERR_OK);
		assert_int_equal(group, all[i]);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(dh_group_parse(bad[i], &group), ERR_NOT_FOUND);
	assert_null(dh_group_name((enum dh_group)1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hmac_known_answers),
	    cmocka_unit_test(hmac_takes_an_empty_key),
	    cmocka_unit_test(keymat_expands),
	    cmocka_unit_test(keymat_leaves_nothing_after_a_failure),
	    cmocka_unit_test(integrity_known_answers),
	    cmocka_unit_test(cbc_known_answers),
	    cmocka_unit_test(aead_known_answers),
	    cmocka_unit_test(ciphers_refuse_what_does_not_fit),
	    cmocka_unit_test(every_suite_refuses_changes),
	    cmocka_unit_test(suites_have_names),
	    cmocka_unit_test(groups_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
