/* Random numbers that repeat: everything in a simulation derives from its seed. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_random {
	uint64_t state[4];
};

/* Streams of one seed that differ in their number are independent of each other. */
void sim_random_init(struct sim_random *random, uint64_t seed, uint64_t stream);
uint64_t sim_random_u64(struct sim_random *random);
/* 0 to bound - 1; 0 when bound is 0. */
uint64_t sim_random_below(struct sim_random *random, uint64_t bound);
/* Both ends included. */
uint64_t sim_random_between(struct sim_random *random, uint64_t first, uint64_t last);
bool sim_chance(struct sim_random *random, uint32_t per_mille);
void sim_random_fill(struct sim_random *random, void *out, size_t len);

/*
 * A keyed hash that looks random and is fast. It keeps no secret from anyone who tries: in a
 * simulation nobody does, and a forger who has not the key cannot guess it.
 */
void sim_hash(const void *key, size_t key_len, const void *data, size_t len, uint64_t out[2]);

#endif
