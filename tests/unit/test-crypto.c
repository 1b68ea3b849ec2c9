/* src/crypto against the RFCs' known answers, and against what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>

#include "crypto-vectors.h"
#include "crypto/algorithms.h"
#include "crypto/cipher.h"
#include "crypto/dh.h"
#include "crypto/keymat.h"
#include "crypto/prf.h"
#include "crypto/random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX          1024

/* Octets from hexadecimal, in one of a few buffers taken in turn. */
static struct bytes hex(const char *text)
{
	static uint8_t buffers[8][MAX];
	static unsigned turn;
	uint8_t *out = buffers[turn++ % 8];
	size_t len = strlen(text) / 2;

	assert_true(len <= MAX);
	for (size_t i = 0; i < len; i++) {
		unsigned value;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
		out[i] = (uint8_t)value;
	}
	return bytes_of(out, len);
}

static void hmac_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(prf_vectors); i++) {
		const char *expected[] = {
		    prf_vectors[i].sha256, prf_vectors[i].sha384, prf_vectors[i].sha512};

		for (int j = 0; j < 3; j++) {
			enum prf_hash hash = (enum prf_hash)(PRF_HMAC_SHA2_256 + j);
			struct bytes data = hex(prf_vectors[i].data);
			/* In two parts, so that concatenation is tried as well. */
			struct bytes parts[2] = {
			    bytes_of(data.data, 3), bytes_of(data.data + 3, data.len - 3)};
			uint8_t out[64];
			struct prf *prf;

			assert_int_equal(prf_new(hash, hex(prf_vectors[i].key), &prf), ERR_OK);
			assert_int_equal(prf_run(prf, parts, 2, out), ERR_OK);
			assert_memory_equal(out, hex(expected[j]).data, prf_length(hash));
			/* The key stays. */
			memset(out, 0, sizeof(out));
			assert_int_equal(prf_run(prf, parts, 2, out), ERR_OK);
			assert_memory_equal(out, hex(expected[j]).data, prf_length(hash));
			prf_free(prf);
		}
	}
}

/* RFC 2202 3, test case 1. */
static void hmac_sha1_known_answer(void **state)
{
	struct bytes data = bytes_of("Hi There", 8);
	uint8_t out[20];
	struct prf *prf;

	(void)state;
	assert_int_equal(
	    prf_new(PRF_HMAC_SHA1, hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), &prf), ERR_OK);
	assert_int_equal(prf_run(prf, &data, 1, out), ERR_OK);
	assert_memory_equal(out, hex("b617318655057264e28bc0b6fb378c8ef146be00").data, 20);
	prf_free(prf);
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
		uint8_t body[MAX];
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
	struct suite suite = {.protocol = IPSEC_ESP,
	    .encryption = ENCRYPTION_AES_CBC,
	    .key_bits = 128,
	    .integrity = INTEGRITY_HMAC_SHA1_96};

	(void)state;
	for (size_t i = 0; i < COUNT(cbc_vectors); i++) {
		uint8_t keymat[36] = {0};
		uint8_t body[MAX];
		uint8_t icv[12];
		struct bytes plain = hex(cbc_vectors[i].plain);
		struct cipher *cipher;

		memcpy(keymat, hex(cbc_vectors[i].key).data, 16);
		assert_int_equal(
		    cipher_new(&suite, bytes_of(keymat, sizeof(keymat)), true, &cipher), ERR_OK);
		memcpy(body, plain.data, plain.len);
		assert_int_equal(cipher_seal(cipher, bytes_of("aad", 3),
				     hex(cbc_vectors[i].iv).data, body, plain.len, icv),
		    ERR_OK);
		assert_memory_equal(body, hex(cbc_vectors[i].sealed).data, plain.len);
		cipher_free(cipher);
	}
}

static void aead_known_answers(void **state)
{
	struct suite chacha = {.protocol = IPSEC_ESP, .encryption = ENCRYPTION_CHACHA20_POLY1305};
	struct suite gcm = {
	    .protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_GCM_16, .key_bits = 256};
	struct bytes packet = hex(chacha_packet);
	struct bytes plain = hex(chacha_plain);
	struct bytes sealed;
	uint8_t body[MAX];
	uint8_t icv[16];
	struct cipher *cipher;

	(void)state;
	assert_int_equal(cipher_new(&chacha, hex(chacha_keymat), true, &cipher), ERR_OK);
	memcpy(body, plain.data, plain.len);
	assert_int_equal(
	    cipher_seal(cipher, bytes_of(packet.data, 8), packet.data + 8, body, plain.len, icv),
	    ERR_OK);
	assert_int_equal(packet.len, 16 + plain.len + 16);
	assert_memory_equal(body, packet.data + 16, plain.len);
	assert_memory_equal(icv, packet.data + 16 + plain.len, 16);
	cipher_free(cipher);

	assert_int_equal(cipher_new(&gcm, hex(gcm_keymat), true, &cipher), ERR_OK);
	plain = hex(gcm_plain);
	sealed = hex(gcm_sealed);
	memcpy(body, plain.data, plain.len);
	assert_int_equal(
	    cipher_seal(cipher, hex(gcm_aad), hex(gcm_iv).data, body, plain.len, icv), ERR_OK);
	assert_memory_equal(body, sealed.data, plain.len);
	assert_memory_equal(icv, sealed.data + plain.len, 16);
	cipher_free(cipher);
}

/* Every suite: what was sealed opens, and nothing else does. */
static void every_suite_refuses_changes(void **state)
{
	static const char *const names[] = {"aes128gcm16", "aes192gcm16", "aes256gcm16",
	    "chacha20poly1305", "aes128-sha256", "aes192-sha384", "aes256-sha512", "aes256-sha1",
	    "null-sha256"};
	uint8_t keymat[SA_KEY_MAX];

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
	    {"aes256-sha256", 64}, {"aes256-sha512", 96}, {"null-sha1", 20}, {"ah-sha256", 32}};
	static const char *const bad[] = {
	    "", "aes", "aes256", "aes512gcm16", "aes256gcm16-sha256", "null", "ah-", "AES256GCM16"};
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

static void dh_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(dh_vectors); i++) {
		enum dh_group group = dh_vectors[i].group;
		uint8_t public_value[DH_PUBLIC_MAX];
		uint8_t secret[DH_SECRET_MAX];
		struct dh *initiator;
		struct dh *responder;

		assert_int_equal(
		    dh_from_private(group, hex(dh_vectors[i].responder), &responder), ERR_OK);
		assert_int_equal(
		    dh_from_private(group, hex(dh_vectors[i].initiator), &initiator), ERR_OK);
		assert_int_equal(
		    dh_derive(initiator, hex(dh_vectors[i].responder_public), secret), ERR_OK);
		assert_memory_equal(
		    secret, hex(dh_vectors[i].secret).data, dh_secret_length(group));
		assert_int_equal(
		    dh_derive(responder, hex(dh_vectors[i].initiator_public), secret), ERR_OK);
		assert_memory_equal(
		    secret, hex(dh_vectors[i].secret).data, dh_secret_length(group));
		if (group == DH_CURVE25519) {
			assert_int_equal(dh_public(initiator, public_value), ERR_OK);
			assert_memory_equal(
			    public_value, hex(dh_vectors[i].initiator_public).data, 32);
		}
		dh_free(initiator);
		dh_free(responder);
	}
}

static const enum dh_group all_groups[] = {
    DH_MODP_2048, DH_MODP_3072, DH_MODP_4096, DH_ECP_256, DH_ECP_384, DH_ECP_521, DH_CURVE25519};

static void dh_pairs_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(all_groups); i++) {
		size_t public_length = dh_public_length(all_groups[i]);
		uint8_t public_a[DH_PUBLIC_MAX];
		uint8_t public_b[DH_PUBLIC_MAX];
		uint8_t secret_a[DH_SECRET_MAX];
		uint8_t secret_b[DH_SECRET_MAX];
		struct dh *a;
		struct dh *b;

		assert_int_equal(dh_new(all_groups[i], &a), ERR_OK);
		assert_int_equal(dh_new(all_groups[i], &b), ERR_OK);
		assert_int_equal(dh_public(a, public_a), ERR_OK);
		assert_int_equal(dh_public(b, public_b), ERR_OK);
		assert_int_equal(dh_derive(a, bytes_of(public_b, public_length), secret_a), ERR_OK);
		assert_int_equal(dh_derive(b, bytes_of(public_a, public_length), secret_b), ERR_OK);
		assert_memory_equal(secret_a, secret_b, dh_secret_length(all_groups[i]));
		assert_int_equal(
		    dh_derive(a, bytes_of(public_b, public_length - 1), secret_a), ERR_INVALID);
		dh_free(a);
		dh_free(b);
	}
}

/* RFC 6989 2: what a peer must not send. */
static void dh_refuses_bad_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(all_groups); i++) {
		size_t length = dh_public_length(all_groups[i]);
		uint8_t value[DH_PUBLIC_MAX] = {0};
		uint8_t secret[DH_SECRET_MAX];
		struct dh *dh;

		assert_int_equal(dh_new(all_groups[i], &dh), ERR_OK);
		assert_int_equal(dh_derive(dh, bytes_of(value, length), secret), ERR_INVALID);
		value[length - 1] = 1;
		if (all_groups[i] != DH_CURVE25519)
			assert_int_equal(
			    dh_derive(dh, bytes_of(value, length), secret), ERR_INVALID);
		memset(value, 0xff, length);
		if (all_groups[i] != DH_CURVE25519)
			assert_int_equal(
			    dh_derive(dh, bytes_of(value, length), secret), ERR_INVALID);
		dh_free(dh);
	}
}

/* p - 1 and p of group 14, from OpenSSL's copy of RFC 3526 3. */
static void dh_refuses_the_prime(void **state)
{
	BIGNUM *prime = BN_get_rfc3526_prime_2048(NULL);
	uint8_t value[256];
	uint8_t secret[DH_SECRET_MAX];
	struct dh *dh;

	(void)state;
	assert_int_equal(dh_new(DH_MODP_2048, &dh), ERR_OK);
	assert_int_equal(BN_bn2binpad(prime, value, sizeof(value)), sizeof(value));
	assert_int_equal(dh_derive(dh, bytes_of(value, sizeof(value)), secret), ERR_INVALID);
	value[255]--;
	assert_int_equal(dh_derive(dh, bytes_of(value, sizeof(value)), secret), ERR_INVALID);
	value[255]--;
	assert_int_equal(dh_derive(dh, bytes_of(value, sizeof(value)), secret), ERR_OK);
	dh_free(dh);
	BN_free(prime);
}

static void groups_have_names(void **state)
{
	enum dh_group group;

	(void)state;
	for (size_t i = 0; i < COUNT(all_groups); i++) {
		char number[4];

		(void)snprintf(number, sizeof(number), "%d", (int)all_groups[i]);
		assert_int_equal(dh_group_parse(dh_group_name(all_groups[i]), &group), ERR_OK);
		assert_int_equal(group, all_groups[i]);
		assert_int_equal(dh_group_parse(number, &group), ERR_OK);
		assert_int_equal(group, all_groups[i]);
	}
	assert_int_equal(dh_group_parse("modp1024", &group), ERR_NOT_FOUND);
	assert_int_equal(dh_group_parse("2", &group), ERR_NOT_FOUND);
	assert_int_equal(dh_public_length((enum dh_group)2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hmac_known_answers),
	    cmocka_unit_test(hmac_sha1_known_answer),
	    cmocka_unit_test(keymat_expands),
	    cmocka_unit_test(integrity_known_answers),
	    cmocka_unit_test(cbc_known_answers),
	    cmocka_unit_test(aead_known_answers),
	    cmocka_unit_test(every_suite_refuses_changes),
	    cmocka_unit_test(suites_have_names),
	    cmocka_unit_test(dh_known_answers),
	    cmocka_unit_test(dh_pairs_agree),
	    cmocka_unit_test(dh_refuses_bad_values),
	    cmocka_unit_test(dh_refuses_the_prime),
	    cmocka_unit_test(groups_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
