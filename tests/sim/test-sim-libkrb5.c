/*
 * The stand-in held to libkrb5, answer by answer, and then the simulation over libkrb5 with real
 * tickets. Needs a realm: run tests/sim/libkrb5.sh. SIM_SEEDS in the environment is the number of
 * seeds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conformance.h"
#include "sim.h"

#define SEEDS_DEFAULT 300

int main(void)
{
	const char *seeds = getenv("SIM_SEEDS");
	unsigned long count = seeds != NULL ? strtoul(seeds, NULL, 10) : SEEDS_DEFAULT;
	uint64_t counts[SIM_COUNT] = {0};
	bool good = sim_conforms(&sim_standin);
	unsigned long failures = 0;

	good = sim_conforms(&sim_libkrb5) && good;
	for (unsigned long seed = 1; seed <= count; seed++) {
		struct sim *sim = sim_alloc(sizeof(*sim));

		sim->verbose = getenv("SIM_VERBOSE") != NULL;
		if (!sim_run(sim, &sim_libkrb5, seed, counts)) {
			failures++;
			printf("seed %lu over libkrb5: %s\n", seed, sim->failure);
		}
		free(sim);
	}
	printf("simulation over libkrb5: %lu seeds, %llu transactions, %llu retransmissions, %llu "
	       "replays refused, %lu failures%s\n",
	    count, (unsigned long long)counts[SIM_ENGINE + KX_NEGOTIATIONS_STARTED],
	    (unsigned long long)counts[SIM_ENGINE + KX_RETRANSMISSIONS],
	    (unsigned long long)counts[SIM_ENGINE + KX_DATAGRAMS_REPLAYED], failures,
	    good ? "" : "; the stand-in and libkrb5 differ");
	return !good || failures > 0;
}
