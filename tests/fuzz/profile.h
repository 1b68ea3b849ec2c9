/* What the worlds of the engine's fuzz targets have in common. */
#ifndef FUZZ_PROFILE_H
#define FUZZ_PROFILE_H

#include "../sim/sim.h"

/* Two hosts, of which the second is the fuzzer's; what a target varies is added to it. */
static inline struct sim_profile fuzz_profile(void)
{
	/* The first may be told to use an SPI twice, which the simulation's hosts never do. */
	return (struct sim_profile){.host_count = 2,
	    .transport = true,
	    .lifetime = 28800,
	    .retransmit_first = 500,
	    .retransmit_limit = 4000,
	    .retransmit_tries = 5,
	    .delete_grace = 1000,
	    .max_sas = 16,
	    .max_pending = 8,
	    .replay = 1,
	    .ticket_life = 36000};
}

#endif
