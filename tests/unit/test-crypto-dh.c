/* Diffie-Hellman of src/crypto: known answers, agreement, and what RFC 6989 wants refused. */
#include "crypto.h"

#include <openssl/bn.h>

#include "crypto-dh-vectors.h"
#include "crypto/agreement.h"
#include "crypto/dh.h"
#include "crypto/random.h"

static const enum dh_group all_groups[] = {DH_MODP_1024, DH_MODP_1536, DH_MODP_2048, DH_MODP_3072,
    DH_MODP_4096, DH_ECP_256, DH_ECP_384, DH_ECP_521, DH_CURVE25519};

static void known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(dh_vectors); i++) {
		enum dh_group group = dh_vectors[i].group;
		struct bytes initiator_public = hex(dh_vectors[i].initiator_public);
		struct bytes responder_public = hex(dh_vectors[i].responder_public);
		struct bytes expected = hex(dh_vectors[i].secret);
		uint8_t value[DH_PUBLIC_MAX];
		uint8_t secret[DH_SECRET_MAX];
		struct dh *initiator;
		struct dh *responder;

		assert_int_equal(dh_public_length(group), initiator_public.len);
		assert_int_equal(dh_secret_length(group), expected.len);
		assert_int_equal(
		    dh_from_pair(group, hex(dh_vectors[i].initiator), initiator_public, &initiator),
		    ERR_OK);
		assert_int_equal(
		    dh_from_pair(group, hex(dh_vectors[i].responder), responder_public, &responder),
		    ERR_OK);
		assert_int_equal(dh_public(initiator, value), ERR_OK);
		assert_memory_equal(value, initiator_public.data, initiator_public.len);
		assert_int_equal(dh_derive(initiator, responder_public, secret), ERR_OK);
		assert_memory_equal(secret, expected.data, expected.len);
		memset(secret, 0, sizeof(secret));
		assert_int_equal(dh_derive(responder, initiator_public, secret), ERR_OK);
		assert_memory_equal(secret, expected.data, expected.len);
		dh_free(initiator);
		dh_free(responder);
	}
}

static void pairs_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(all_groups); i++) {
		size_t length = dh_public_length(all_groups[i]);
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
		assert_memory_not_equal(public_a, public_b, length);
		assert_int_equal(dh_derive(a, bytes_of(public_b, length), secret_a), ERR_OK);
		assert_int_equal(dh_derive(b, bytes_of(public_a, length), secret_b), ERR_OK);
		assert_memory_equal(secret_a, secret_b, dh_secret_length(all_groups[i]));
		dh_free(a);
		dh_free(b);
	}
}

static void wrong_lengths_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(all_groups); i++) {
		size_t length = dh_public_length(all_groups[i]);
		uint8_t value[1 + DH_PUBLIC_MAX] = {0};
		uint8_t secret[DH_SECRET_MAX];
		struct dh *dh;

		assert_int_equal(dh_new(all_groups[i], &dh), ERR_OK);
		assert_int_equal(dh_public(dh, value + 1), ERR_OK);
		assert_int_equal(dh_derive(dh, bytes_of(value + 1, length), secret), ERR_OK);
		assert_int_equal(dh_derive(dh, bytes_of(NULL, 0), secret), ERR_INVALID);
		assert_int_equal(
		    dh_derive(dh, bytes_of(value + 1, length - 1), secret), ERR_INVALID);
		/* A zero before a number, and the octet that SEC 1 puts before a point. */
		assert_int_equal(dh_derive(dh, bytes_of(value, length + 1), secret), ERR_INVALID);
		value[0] = 4;
		assert_int_equal(dh_derive(dh, bytes_of(value, length + 1), secret), ERR_INVALID);
		dh_free(dh);
	}
}

static void unknown_groups_are_refused(void **state)
{
	static const int bad[] = {DH_NONE, 1, 3, 4, 13, 17, 22, 32, -1};
	struct dh *dh;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		enum dh_group group = (enum dh_group)bad[i];

		assert_int_equal(dh_public_length(group), 0);
		assert_int_equal(dh_secret_length(group), 0);
		assert_int_equal(dh_new(group, &dh), ERR_UNSUPPORTED);
		assert_int_equal(
		    dh_from_pair(group, bytes_of("1", 1), bytes_of("2", 1), &dh), ERR_UNSUPPORTED);
	}
}

/* Of the group's length; takes the number. */
static struct bytes octets_of(BIGNUM *number, enum dh_group group)
{
	static uint8_t buffers[4][DH_PUBLIC_MAX];
	static unsigned turn;
	uint8_t *out = buffers[turn++ % 4];
	size_t length = dh_public_length(group);

	assert_int_equal(BN_bn2binpad(number, out, (int)length), length);
	BN_free(number);
	return bytes_of(out, length);
}

static BIGNUM *number_of(struct bytes octets)
{
	BIGNUM *number = BN_bin2bn(octets.data, (int)octets.len, NULL);

	assert_non_null(number);
	return number;
}

/* base to the power of exponent modulo the group's prime, by the definition. */
static struct bytes power(struct bytes base, struct bytes exponent, size_t vector)
{
	BIGNUM *prime = number_of(hex(modp_vectors[vector].prime));
	BIGNUM *b = number_of(base);
	BIGNUM *e = number_of(exponent);
	BIGNUM *result = BN_new();
	BN_CTX *context = BN_CTX_new();

	assert_int_equal(BN_mod_exp(result, b, e, prime, context), 1);
	BN_free(prime);
	BN_free(b);
	BN_free(e);
	BN_CTX_free(context);
	return octets_of(result, modp_vectors[vector].group);
}

/* What the library computes is g^x mod p with RFC 3526's p and g = 2. */
static void modp_groups_are_those_of_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(modp_vectors); i++) {
		enum dh_group group = modp_vectors[i].group;
		size_t length = dh_public_length(group);
		uint8_t exponent[32];
		uint8_t value[DH_PUBLIC_MAX];
		uint8_t secret[DH_SECRET_MAX];
		struct bytes ours;
		struct dh *dh;

		random_octets(exponent, sizeof(exponent));
		ours = power(bytes_of("\x02", 1), bytes_of(exponent, sizeof(exponent)), i);
		assert_int_equal(dh_new(group, &dh), ERR_OK);
		assert_int_equal(dh_public(dh, value), ERR_OK);
		assert_int_equal(dh_derive(dh, ours, secret), ERR_OK);
		assert_memory_equal(
		    power(bytes_of(value, length), bytes_of(exponent, sizeof(exponent)), i).data,
		    secret, length);
		dh_free(dh);
	}
}

/* With x = 10 the public value is 1024, and from the peer's 4 the secret is 2^20. */
static void small_numbers_are_padded(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(modp_vectors); i++) {
		enum dh_group group = modp_vectors[i].group;
		size_t length = dh_public_length(group);
		uint8_t expected[DH_PUBLIC_MAX] = {0};
		uint8_t peer[DH_PUBLIC_MAX] = {0};
		uint8_t out[DH_PUBLIC_MAX];
		struct dh *dh;

		expected[length - 2] = 0x04;
		peer[length - 1] = 4;
		assert_int_equal(
		    dh_from_pair(group, bytes_of("\x0a", 1), bytes_of(expected, length), &dh),
		    ERR_OK);
		memset(out, 0xee, sizeof(out));
		assert_int_equal(dh_public(dh, out), ERR_OK);
		assert_memory_equal(out, expected, length);
		memset(out, 0xee, sizeof(out));
		assert_int_equal(dh_derive(dh, bytes_of(peer, length), out), ERR_OK);
		expected[length - 2] = 0;
		expected[length - 3] = 0x10;
		assert_memory_equal(out, expected, length);
		dh_free(dh);
	}
}

/* RFC 6989 2.1: 1 < y < p - 1, to the number. */
static void modp_range_is_held(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(modp_vectors); i++) {
		enum dh_group group = modp_vectors[i].group;
		size_t length = dh_public_length(group);
		uint8_t small[DH_PUBLIC_MAX] = {0};
		uint8_t ones[DH_PUBLIC_MAX];
		uint8_t secret[DH_SECRET_MAX];
		struct dh *dh;

		memset(ones, 0xff, sizeof(ones));
		assert_int_equal(dh_new(group, &dh), ERR_OK);
		for (uint8_t y = 0; y < 4; y++) {
			small[length - 1] = y;
			assert_int_equal(dh_derive(dh, bytes_of(small, length), secret),
			    y > 1 ? ERR_OK : ERR_INVALID);
		}
		for (BN_ULONG distance = 0; distance < 4; distance++) {
			BIGNUM *below = number_of(hex(modp_vectors[i].prime));
			BIGNUM *above = number_of(hex(modp_vectors[i].prime));

			assert_int_equal(BN_sub_word(below, distance), 1);
			assert_int_equal(BN_add_word(above, distance), 1);
			assert_int_equal(dh_derive(dh, octets_of(below, group), secret),
			    distance > 1 ? ERR_OK : ERR_INVALID);
			assert_int_equal(
			    dh_derive(dh, octets_of(above, group), secret), ERR_INVALID);
		}
		assert_int_equal(dh_derive(dh, bytes_of(ones, length), secret), ERR_INVALID);
		dh_free(dh);
	}
}

/* RFC 6989 2.3: the point is on the curve. */
static void points_off_the_curve_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(dh_vectors); i++) {
		enum dh_group group = dh_vectors[i].group;
		size_t length = dh_public_length(group);
		size_t half = length / 2;
		uint8_t point[DH_PUBLIC_MAX];
		uint8_t secret[DH_SECRET_MAX];
		struct dh *dh;

		if (group == DH_CURVE25519)
			continue;
		assert_int_equal(dh_new(group, &dh), ERR_OK);
		for (size_t j = 0; j < 2; j++) {
			memcpy(point, hex(dh_vectors[i].responder_public).data, length);
			point[half * (j + 1) - 1] ^= 1;
			assert_int_equal(
			    dh_derive(dh, bytes_of(point, length), secret), ERR_INVALID);
		}
		/* y | x */
		memcpy(point, hex(dh_vectors[i].responder_public).data + half, half);
		memcpy(point + half, hex(dh_vectors[i].responder_public).data, half);
		assert_int_equal(dh_derive(dh, bytes_of(point, length), secret), ERR_INVALID);
		memset(point, 0, sizeof(point));
		assert_int_equal(dh_derive(dh, bytes_of(point, length), secret), ERR_INVALID);
		memset(point, 0xff, sizeof(point));
		assert_int_equal(dh_derive(dh, bytes_of(point, length), secret), ERR_INVALID);
		dh_free(dh);
	}
}

/* RFC 5903 7: a coordinate keeps its leading zeros; were they lost, the point would be refused. */
static void coordinates_keep_leading_zeros(void **state)
{
	bool seen_x = false;
	bool seen_y = false;
	struct dh *peer;

	(void)state;
	assert_int_equal(dh_new(DH_ECP_256, &peer), ERR_OK);
	/* Each comes once in 256 keys: 20,000 without are one chance in 10^33. */
	for (int i = 0; i < 20000 && !(seen_x && seen_y); i++) {
		uint8_t value[64];
		uint8_t secret[32];
		struct dh *dh;

		assert_int_equal(dh_new(DH_ECP_256, &dh), ERR_OK);
		assert_int_equal(dh_public(dh, value), ERR_OK);
		if (value[0] == 0 || value[32] == 0)
			assert_int_equal(dh_derive(peer, bytes_of(value, 64), secret), ERR_OK);
		seen_x = seen_x || value[0] == 0;
		seen_y = seen_y || value[32] == 0;
		dh_free(dh);
	}
	assert_true(seen_x && seen_y);
	dh_free(peer);
}

/* RFC 8031 3.2: the top bit of u counts for nothing. RFC 7748 6.1: no all-zero secret.
 */
static void curve25519_refuses_small_order(void **state)
{
	uint8_t value[32];
	uint8_t secret[2][32];
	struct dh *dh;

	(void)state;
	assert_int_equal(dh_new(DH_CURVE25519, &dh), ERR_OK);
	for (size_t i = 0; i < COUNT(curve25519_small_order); i++) {
		memcpy(value, hex(curve25519_small_order[i]).data, sizeof(value));
		assert_int_equal(
		    dh_derive(dh, bytes_of(value, sizeof(value)), secret[0]), ERR_INVALID);
		value[31] |= 0x80;
		assert_int_equal(
		    dh_derive(dh, bytes_of(value, sizeof(value)), secret[0]), ERR_INVALID);
	}
	memset(value, 0, sizeof(value));
	value[0] = 9;
	assert_int_equal(dh_derive(dh, bytes_of(value, sizeof(value)), secret[0]), ERR_OK);
	value[31] = 0x80;
	assert_int_equal(dh_derive(dh, bytes_of(value, sizeof(value)), secret[1]), ERR_OK);
	assert_memory_equal(secret[0], secret[1], 32);
	/* The base point's multiple is the public value itself. */
	assert_int_equal(dh_public(dh, value), ERR_OK);
	assert_memory_equal(secret[0], value, 32);
	dh_free(dh);
}

static struct agreement_completion run(enum agreement_operation operation, enum dh_group group,
    const struct agreement_completion *ours, struct bytes peer_value,
    struct agreement_values *values)
{
	struct agreement_request request = {.operation = operation,
	    .token = 7,
	    .group = group,
	    .private_value = ours != NULL ? ours->private_value : (struct bytes){0},
	    .public_value = ours != NULL ? ours->public_value : (struct bytes){0},
	    .peer_value = peer_value};
	struct agreement_completion completion;

	agreement_run(&request, values, &completion);
	assert_int_equal(completion.token, 7);
	return completion;
}

/* What the seam says, in the three steps that an exchange takes. */
static void agreements_agree(void **state)
{
	static const struct bytes none = {0};
	static struct agreement_values begun;
	static struct agreement_values answered;
	static struct agreement_values finished;

	(void)state;
	for (size_t i = 0; i < COUNT(all_groups); i++) {
		enum dh_group group = all_groups[i];
		struct agreement_completion a = run(AGREEMENT_BEGIN, group, NULL, none, &begun);
		struct agreement_completion b =
		    run(AGREEMENT_ANSWER, group, NULL, a.public_value, &answered);
		struct agreement_completion c;

		assert_int_equal(a.error, ERR_OK);
		assert_int_equal(a.secret.len, 0);
		assert_int_equal(b.error, ERR_OK);
		assert_int_equal(b.private_value.len, 0);
		c = run(AGREEMENT_FINISH, group, &a, b.public_value, &finished);
		assert_int_equal(c.error, ERR_OK);
		assert_int_equal(c.secret.len, dh_secret_length(group));
		assert_true(bytes_equal(b.secret, c.secret));
		b.public_value.len--;
		c = run(AGREEMENT_FINISH, group, &a, b.public_value, &finished);
		assert_int_equal(c.error, ERR_INVALID);
		assert_int_equal(c.secret.len, 0);
	}
	assert_int_equal(
	    run(AGREEMENT_BEGIN, (enum dh_group)1, NULL, none, &begun).error, ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_answers),
	    cmocka_unit_test(pairs_agree),
	    cmocka_unit_test(wrong_lengths_are_refused),
	    cmocka_unit_test(unknown_groups_are_refused),
	    cmocka_unit_test(modp_groups_are_those_of_the_rfc),
	    cmocka_unit_test(small_numbers_are_padded),
	    cmocka_unit_test(modp_range_is_held),
	    cmocka_unit_test(points_off_the_curve_are_refused),
	    cmocka_unit_test(coordinates_keep_leading_zeros),
	    cmocka_unit_test(curve25519_refuses_small_order),
	    cmocka_unit_test(agreements_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
