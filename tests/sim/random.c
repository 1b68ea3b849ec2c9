/* xoshiro256** by Blackman and Vigna, seeded by splitmix64. */
#include "random.h"

#include <string.h>

static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

void sim_random_init(struct sim_random *random, uint64_t seed, uint64_t stream)
{
	uint64_t state = mix(seed) ^ mix(stream * 0x9e3779b97f4a7c15ULL + 1);

	for (size_t i = 0; i < 4; i++) {
		state += 0x9e3779b97f4a7c15ULL;
		random->state[i] = mix(state);
	}
}

uint64_t sim_random_u64(struct sim_random *random)
{
	uint64_t *s = random->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t sim_random_below(struct sim_random *random, uint64_t bound)
{
	uint64_t value = sim_random_u64(random);

	return bound > 0 ? value % bound : 0;
}

uint64_t sim_random_between(struct sim_random *random, uint64_t first, uint64_t last)
{
	return first + sim_random_below(random, last - first + 1);
}

bool sim_chance(struct sim_random *random, uint32_t per_mille)
{
	return sim_random_below(random, 1000) < per_mille;
}

void sim_random_fill(struct sim_random *random, void *out, size_t len)
{
	uint8_t *octets = out;

	while (len > 0) {
		uint64_t value = sim_random_u64(random);
		size_t part = len < sizeof(value) ? len : sizeof(value);

		memcpy(octets, &value, part);
		octets += part;
		len -= part;
	}
}

static uint64_t absorb(uint64_t state, const void *data, size_t len)
{
	const uint8_t *octets = data;

	state ^= len;
	while (len > 0) {
		uint64_t word = 0;
		size_t part = len < sizeof(word) ? len : sizeof(word);

		memcpy(&word, octets, part);
		state = mix(state ^ word) + 0x9e3779b97f4a7c15ULL;
		octets += part;
		len -= part;
	}
	return state;
}

void sim_hash(const void *key, size_t key_len, const void *data, size_t len, uint64_t out[2])
{
	uint64_t state = absorb(0x6b696e6b64ULL, key, key_len);

	state = absorb(state, data, len);
	state = absorb(state, key, key_len);
	out[0] = mix(state ^ 1);
	out[1] = mix(out[0] + state);
}
