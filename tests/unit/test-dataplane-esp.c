/*
 * Tests of ESP packets: RFC 7634's example, every suite as a round trip, what must be refused, and
 * the anti-replay window against a model that remembers everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/algorithms.h"
#include "dataplane/userspace/esp.h"
#include "dataplane/userspace/replay.h"

static struct esp *make(const char *name, bool seal)
{
	uint8_t key[SA_KEY_MAX];
	struct suite suite;
	struct esp *esp;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 7);
	assert_int_equal(suite_parse(name, &suite), ERR_OK);
	assert_int_equal(
	    esp_new(&suite, bytes_of(key, suite_key_length(&suite)), seal, &esp), ERR_OK);
	return esp;
}

/* RFC 7634 appendix A, from the SPI on. */
static void test_rfc7634_example(void **state)
{
	static const uint8_t packet[] = {0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, 0x05, 0x10, 0x11,
	    0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x24, 0x03, 0x94, 0x28, 0xb9, 0x7f, 0x41, 0x7e,
	    0x3c, 0x13, 0x75, 0x3a, 0x4f, 0x05, 0x08, 0x7b, 0x67, 0xc3, 0x52, 0xe6, 0xa7, 0xfa,
	    0xb1, 0xb9, 0x82, 0xd4, 0x66, 0xef, 0x40, 0x7a, 0xe5, 0xc6, 0x14, 0xee, 0x80, 0x99,
	    0xd5, 0x28, 0x44, 0xeb, 0x61, 0xaa, 0x95, 0xdf, 0xab, 0x4c, 0x02, 0xf7, 0x2a, 0xa7,
	    0x1e, 0x7c, 0x4c, 0x4f, 0x64, 0xc9, 0xbe, 0xfe, 0x2f, 0xac, 0xc6, 0x38, 0xe8, 0xf3,
	    0xcb, 0xec, 0x16, 0x3f, 0xac, 0x46, 0x9b, 0x50, 0x27, 0x73, 0xf6, 0xfb, 0x94, 0xe6,
	    0x64, 0xda, 0x91, 0x65, 0xb8, 0x28, 0x29, 0xf6, 0x41, 0xe0, 0x76, 0xaa, 0xa8, 0x26,
	    0x6b, 0x7f, 0xb0, 0xf7, 0xb1, 0x1b, 0x36, 0x99, 0x07, 0xe1, 0xad, 0x43};
	static const uint8_t inner_start[] = {0x45, 0x00, 0x00, 0x54, 0xa6, 0xf2, 0x00, 0x00};
	static const uint8_t inner_end[] = {0x34, 0x35, 0x36, 0x37};
	struct suite suite = {
	    .protocol = IPSEC_ESP, .encryption = ENCRYPTION_CHACHA20_POLY1305, .key_bits = 0};
	uint8_t key[36] = {[32] = 0xa0, 0xa1, 0xa2, 0xa3};
	uint8_t copy[sizeof(packet)];
	struct esp_opened opened;
	struct esp *esp;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		key[i] = (uint8_t)(0x80 + i);
	if (suite_key_length(&suite) != sizeof(key))
		suite.key_bits = 256;
	assert_int_equal(esp_new(&suite, bytes_of(key, sizeof(key)), false, &esp), ERR_OK);
	memcpy(copy, packet, sizeof(packet));
	assert_int_equal(esp_open(esp, 5, copy, sizeof(copy), &opened), ERR_OK);
	assert_int_equal(opened.next_header, 4);
	assert_int_equal(opened.len, 84);
	assert_memory_equal(opened.payload, inner_start, sizeof(inner_start));
	assert_memory_equal(opened.payload + 80, inner_end, sizeof(inner_end));
	esp_free(esp);
}

static const char *const suites[] = {"aes128gcm16", "aes256gcm16", "chacha20poly1305",
    "aes128-sha1", "aes256-sha256", "aes256-sha384", "aes256-sha512", "null-sha256"};

static void test_round_trip_of_every_length(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++) {
		struct esp *seal = make(suites[s], true);
		struct esp *open = make(suites[s], false);

		for (size_t len = 0; len < 70; len++) {
			uint8_t packet[256];
			size_t total = esp_before(seal) + len + esp_after(seal, len);
			struct esp_opened opened;

			assert_true(total <= sizeof(packet));
			assert_true(total <= len + esp_overhead_max());
			for (size_t i = 0; i < len; i++)
				packet[esp_before(seal) + i] = (uint8_t)(i ^ len);
			assert_int_equal(
			    esp_seal(seal, 0x01020304, len + 1, 17, packet, len), ERR_OK);
			assert_int_equal(packet[3], 4);
			assert_int_equal(packet[7], len + 1);
			assert_int_equal(esp_open(open, len + 1, packet, total, &opened), ERR_OK);
			assert_int_equal(opened.len, len);
			assert_int_equal(opened.next_header, 17);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(opened.payload[i], (uint8_t)(i ^ len));
		}
		esp_free(seal);
		esp_free(open);
	}
}

static void test_every_changed_octet_is_noticed(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++) {
		struct esp *seal = make(suites[s], true);
		struct esp *open = make(suites[s], false);
		uint8_t packet[256];
		size_t total = esp_before(seal) + 40 + esp_after(seal, 40);
		struct esp_opened opened;

		memset(packet, 0x5a, sizeof(packet));
		assert_int_equal(esp_seal(seal, 0x01020304, 9, 6, packet, 40), ERR_OK);
		for (size_t i = 0; i < total; i++) {
			uint8_t copy[256];

			memcpy(copy, packet, total);
			copy[i] ^= 0x01;
			assert_int_equal(esp_open(open, 9, copy, total, &opened), ERR_AUTH);
		}
		for (size_t len = 0; len < total; len++) {
			uint8_t copy[256];

			memcpy(copy, packet, total);
			assert_int_not_equal(esp_open(open, 9, copy, len, &opened), ERR_OK);
		}
		assert_int_equal(esp_open(open, 9, packet, total, &opened), ERR_OK);
		esp_free(seal);
		esp_free(open);
	}
}

static void test_payload_max_is_the_greatest(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++) {
		struct esp *esp = make(suites[s], true);

		for (size_t size = 0; size < 200; size++) {
			size_t most = esp_payload_max(esp, size);

			assert_true(
			    most == 0 || esp_before(esp) + most + esp_after(esp, most) <= size);
			assert_true(esp_before(esp) + most + 1 + esp_after(esp, most + 1) > size);
		}
		esp_free(esp);
	}
}

/* The model: every number accepted so far. */
static void check_against_model(uint32_t size, unsigned seed)
{
	enum { NUMBERS = 4000 };
	static bool seen[NUMBERS];
	struct replay_window window;
	uint64_t highest = 0;

	memset(seen, 0, sizeof(seen));
	srand(seed);
	assert_int_equal(replay_init(&window, size), ERR_OK);
	for (unsigned i = 0; i < 6000; i++) {
		uint64_t near = highest + 200;
		uint64_t number = (uint64_t)rand() % 20 == 0 ? (uint64_t)rand() % NUMBERS
		                  : near > 400               ? near - (uint64_t)rand() % 400
		                                             : (uint64_t)rand() % 400;
		bool fresh;

		number %= NUMBERS;
		if (number > highest && (uint64_t)rand() % 8 != 0)
			number = highest + 1 < NUMBERS ? highest + 1 : highest;
		fresh =
		    number != 0 && !seen[number] && (number > highest || highest - number < size);
		assert_int_equal(replay_is_fresh(&window, number), fresh);
		if (fresh) {
			replay_accept(&window, number);
			seen[number] = true;
			highest = number > highest ? number : highest;
		}
	}
	replay_clear(&window);
}

static void test_replay_window_against_model(void **state)
{
	static const uint32_t sizes[] = {1, 31, 32, 63, 64, 65, 128, 200, 1024};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned seed = 1; seed <= 5; seed++)
			check_against_model(sizes[i], seed);
	}
}

static void test_replay_window_far_jumps(void **state)
{
	struct replay_window window;

	(void)state;
	assert_int_equal(replay_init(&window, 64), ERR_OK);
	replay_accept(&window, 10);
	replay_accept(&window, UINT64_C(0x100000000) + 10); /* wider than 32 bits */
	assert_false(replay_is_fresh(&window, 10));
	assert_false(replay_is_fresh(&window, UINT64_C(0x100000000) + 10));
	assert_true(replay_is_fresh(&window, UINT64_C(0x100000000) + 9));
	assert_true(replay_is_fresh(&window, UINT64_MAX));
	replay_clear(&window);

	assert_int_equal(replay_init(&window, 0), ERR_OK);
	assert_true(replay_is_fresh(&window, 0));
	replay_accept(&window, 3);
	assert_true(replay_is_fresh(&window, 3));
	assert_int_equal(replay_init(&window, REPLAY_SIZE_MAX + 1), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc7634_example),
	    cmocka_unit_test(test_round_trip_of_every_length),
	    cmocka_unit_test(test_every_changed_octet_is_noticed),
	    cmocka_unit_test(test_payload_max_is_the_greatest),
	    cmocka_unit_test(test_replay_window_against_model),
	    cmocka_unit_test(test_replay_window_far_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
