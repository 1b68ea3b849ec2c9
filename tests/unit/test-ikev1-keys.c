/*
 * src/kx/ikev1's keys, hashes and messages, held to exchanges between two strongSwans: what phase 1
 * derives, what its messages and those of Quick Mode decrypt to, HASH(1) to HASH(3), and the keys
 * of the SAs.
 */
#include <stdlib.h>

#include "crypto.h"

#include "ikev1-vectors.h"
#include "kx/ikev1/ikev1-internal.h"
#include "kx/quick/keys.h"

#define VECTORS COUNT(ikev1_vectors)

/* One exchange, as far as it has been followed. */
struct run {
	const struct ikev1_vector *vector;
	struct ikev1_cookies cookies;
	struct ikev1_keys keys;
	uint8_t octets[HEX_MAX]; /* the latest message */
	struct isakmp_header header;
	struct bytes body;
	size_t plain_count;
};

static void take(struct run *run, const char *text)
{
	struct bytes octets = hex(text);
	enum notify_type notify;

	memcpy(run->octets, octets.data, octets.len);
	assert_int_equal(isakmp_header_decode(
			     bytes_of(run->octets, octets.len), &run->header, &run->body, &notify),
	    ERR_OK);
}

/* A payload of a message in clear, copied to one of a few buffers. */
static struct bytes plain_payload(struct run *run, size_t message, uint8_t type)
{
	static uint8_t buffers[4][HEX_MAX];
	static unsigned turn;
	uint8_t *out = buffers[turn++ % 4];
	struct ikev1_received received = {0};
	const struct isakmp_payload *payload;
	struct bytes body;

	take(run, run->vector->phase_1[message]);
	assert_int_equal(ikev1_received_plain(&received, &run->header, run->body), ERR_OK);
	payload = isakmp_chain_find(&received.chain, type, NULL);
	assert_non_null(payload);
	body = bytes_of(out, payload->body.len);
	memcpy(out, payload->body.data, payload->body.len);
	ikev1_received_clear(&received);
	return body;
}

static void derive(struct run *run)
{
	const struct ikev1_vector *vector = run->vector;
	size_t first = vector->aggressive ? 0 : 2;
	struct ikev1_suite suite = {.encryption = vector->encryption == IKEV1_ENCRYPTION_AES_CBC
	                                              ? ENCRYPTION_AES_CBC
	                                              : ENCRYPTION_3DES_CBC,
	    .key_bits = vector->key_bits,
	    .hash = vector->hash,
	    .group = vector->group};
	size_t length = prf_length(vector->hash);
	struct bytes public_i = plain_payload(run, first, ISAKMP_KE);
	struct bytes public_r = plain_payload(run, first + 1, ISAKMP_KE);

	memcpy(run->cookies.initiator, run->header.initiator_cookie, IKEV1_COOKIE_SIZE);
	memcpy(run->cookies.responder, run->header.responder_cookie, IKEV1_COOKIE_SIZE);
	assert_int_equal(ikev1_keys_derive(&run->keys, &suite, hex(vector->skeyid),
			     hex(vector->secret), &run->cookies, public_i, public_r),
	    ERR_OK);
	assert_memory_equal(run->keys.derivation, hex(vector->skeyid_d).data, length);
	assert_memory_equal(run->keys.authentication, hex(vector->skeyid_a).data, length);
	assert_memory_equal(
	    run->keys.cipher.octets, hex(vector->key).data, strlen(vector->key) / 2);
	assert_memory_equal(run->keys.iv, hex(vector->iv).data, strlen(vector->iv) / 2);
}

static void open_message(struct run *run, const char *text, uint8_t *iv, struct ikev1_received *out)
{
	struct bytes expected = hex(run->vector->plain[run->plain_count++]);

	take(run, text);
	assert_int_equal(ikev1_received_open(out, &run->header, run->body, &run->keys, iv), ERR_OK);
	assert_int_equal(out->octets.len, expected.len);
	assert_memory_equal(out->octets.data, expected.data, expected.len);
}

/* Phase 1's encrypted messages; the last block of the last one is where later IVs come from. */
static void follow_phase_1(struct run *run)
{
	uint8_t iv[CBC_BLOCK_MAX];

	memcpy(iv, run->keys.iv, sizeof(iv));
	for (size_t i = 0; i < 6 && run->vector->phase_1[i] != NULL; i++) {
		struct ikev1_received received = {0};

		take(run, run->vector->phase_1[i]);
		if ((run->header.flags & ISAKMP_FLAG_ENCRYPTION) == 0)
			continue;
		open_message(run, run->vector->phase_1[i], iv, &received);
		ikev1_received_clear(&received);
	}
	memcpy(run->keys.iv, iv, sizeof(iv));
}

static struct bytes copy_nonce(const struct ikev1_received *received, uint8_t *out)
{
	const struct isakmp_payload *payload =
	    isakmp_chain_find(&received->chain, ISAKMP_NONCE, NULL);

	assert_non_null(payload);
	memcpy(out, payload->body.data, payload->body.len);
	return bytes_of(out, payload->body.len);
}

static uint32_t spi_of(const struct ikev1_received *received)
{
	struct isakmp_sa sa;
	uint32_t spi;

	assert_int_equal(
	    isakmp_sa_decode(isakmp_chain_find(&received->chain, ISAKMP_SA, NULL)->body, &sa),
	    ERR_OK);
	assert_int_equal(isakmp_spi_decode(sa.proposals[0].spi, &spi), ERR_OK);
	return spi;
}

/* KEYMAT for the SA that is received by under this SPI. */
static void check_keymat(
    const struct run *run, const struct quick_inputs *inputs, uint32_t spi, const char *expected)
{
	size_t length = prf_length(run->vector->hash);
	struct sa_pair *pair = calloc(1, sizeof(*pair) + sizeof(pair->parts[0]));
	struct quick_keys keys;
	struct prf *prf;
	size_t len = strlen(expected) / 2;

	assert_non_null(pair);
	pair->part_count = 1;
	pair->parts[0].spi_in = spi;
	/* A suite that takes as much, or the beginning of it. */
	pair->parts[0].suite = (struct suite){.protocol = IPSEC_ESP,
	    .encryption = ENCRYPTION_AES_GCM_16,
	    .key_bits = len >= 36 ? 256 : 128};
	assert_int_equal(
	    prf_new(run->keys.hash, bytes_of(run->keys.derivation, length), &prf), ERR_OK);
	assert_int_equal(quick_derive_keys(prf, length, pair, IPSEC_IN, inputs, &keys), ERR_OK);
	prf_free(prf);
	assert_true(keys.parts[0].len <= len);
	assert_memory_equal(keys.parts[0].data, hex(expected).data, keys.parts[0].len);
	free(pair);
}

static void follow_quick(struct run *run)
{
	const struct ikev1_vector *vector = run->vector;
	struct ikev1_received received[3];
	struct bytes none = {0};
	uint8_t iv[CBC_BLOCK_MAX];
	uint8_t octets[2][QUICK_NONCE_MAX];
	uint8_t hash[CRYPTO_PRF_MAX];
	struct quick_inputs inputs = {0};

	memset(received, 0, sizeof(received));
	take(run, vector->quick[0]);
	assert_int_equal(ikev1_keys_iv(&run->keys, run->header.message_id, iv), ERR_OK);
	for (size_t i = 0; i < 3; i++)
		open_message(run, vector->quick[i], iv, &received[i]);
	inputs.ni = copy_nonce(&received[0], octets[0]);
	inputs.nr = copy_nonce(&received[1], octets[1]);
	if (vector->quick_secret != NULL)
		inputs.secret = hex(vector->quick_secret);
	assert_true(ikev1_received_is_authentic(&received[0], &run->keys, none));
	assert_true(ikev1_received_is_authentic(&received[1], &run->keys, inputs.ni));
	/* One is not the other. */
	assert_false(ikev1_received_is_authentic(&received[1], &run->keys, none));
	assert_false(ikev1_received_is_authentic(&received[0], &run->keys, inputs.ni));
	assert_int_equal(
	    ikev1_hash_nonces(&run->keys, run->header.message_id, inputs.ni, inputs.nr, hash),
	    ERR_OK);
	assert_memory_equal(hash, hex(vector->quick_hash[2]).data, prf_length(vector->hash));
	check_keymat(run, &inputs, spi_of(&received[1]), vector->initiator_keymat);
	check_keymat(run, &inputs, spi_of(&received[0]), vector->responder_keymat);
	for (size_t i = 0; i < 3; i++)
		ikev1_received_clear(&received[i]);
}

static void exchanges_of_strongswan(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct run run = {.vector = &ikev1_vectors[i]};

		derive(&run);
		follow_phase_1(&run);
		follow_quick(&run);
	}
}

/* What is changed anywhere is noticed, and leaves the IV as it was. */
static void changes_are_noticed(void **state)
{
	const struct ikev1_vector *vector = &ikev1_vectors[0];
	struct run run = {.vector = vector};
	struct bytes none = {0};

	(void)state;
	derive(&run);
	follow_phase_1(&run);
	take(&run, vector->quick[0]);
	for (size_t at = ISAKMP_HEADER_SIZE; at < run.header.length; at++) {
		struct ikev1_received received = {0};
		uint8_t iv[CBC_BLOCK_MAX];

		assert_int_equal(ikev1_keys_iv(&run.keys, run.header.message_id, iv), ERR_OK);
		run.octets[at] ^= 1;
		assert_false(ikev1_received_open(&received, &run.header, run.body, &run.keys, iv) ==
				 ERR_OK &&
			     ikev1_received_is_authentic(&received, &run.keys, none));
		run.octets[at] ^= 1;
		ikev1_received_clear(&received);
	}
}

/* What is sealed opens again, and its padding is no part of it (RFC 2409 5.5, Appendix B). */
static void messages_round_trip(void **state)
{
	struct run run = {.vector = &ikev1_vectors[0]};
	struct bytes nonce = bytes_of("0123456789", 10);

	(void)state;
	derive(&run);
	for (size_t length = 1; length < 40; length++) {
		struct ikev1_message_writer message;
		struct ikev1_received received = {0};
		uint8_t iv[CBC_BLOCK_MAX] = {1};
		uint8_t other_iv[CBC_BLOCK_MAX] = {1};
		uint8_t body[40] = {7};
		struct bytes octets;
		enum notify_type notify;

		ikev1_message_begin(&message, &run.cookies, ISAKMP_EXCHANGE_QUICK, 0x12345678);
		ikev1_message_put_hash(&message, &run.keys);
		isakmp_put(&message.chain, ISAKMP_NONCE, bytes_of(body, length));
		assert_int_equal(
		    ikev1_message_hash(&message, &run.keys, 0x12345678, nonce), ERR_OK);
		assert_int_equal(ikev1_message_seal(&message, &run.keys, iv, &octets), ERR_OK);
		assert_int_equal((octets.len - ISAKMP_HEADER_SIZE) % 16, 0);
		assert_int_equal(
		    isakmp_header_decode(octets, &run.header, &run.body, &notify), ERR_OK);
		assert_int_equal(run.header.flags, ISAKMP_FLAG_ENCRYPTION);
		assert_int_equal(
		    ikev1_received_open(&received, &run.header, run.body, &run.keys, other_iv),
		    ERR_OK);
		assert_memory_equal(iv, other_iv, sizeof(iv));
		assert_true(ikev1_received_is_authentic(&received, &run.keys, nonce));
		assert_int_equal(received.chain.payloads[1].body.len, length);
		ikev1_received_clear(&received);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exchanges_of_strongswan),
	    cmocka_unit_test(changes_are_noticed),
	    cmocka_unit_test(messages_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
