/* The SAs and reserved SPIs that this data plane has in the kernel. */
#ifndef DATAPLANE_XFRM_STATES_H
#define DATAPLANE_XFRM_STATES_H

#include "base/table.h"
#include "kinkd/dataplane.h"

struct state {
	struct state_name {
		uint32_t spi;
		uint32_t protocol;
		struct address destination;
	} name;
	bool installed; /* else only reserved */
	enum ipsec_direction direction;
	struct packet_mark mark; /* which is a part of its name to the kernel */
	bool seen;               /* at the last look at what the kernel has */
	UT_hash_handle hh;
};

/* Zero-initialised is empty. */
struct states {
	struct state *by_name;
};

/* NULL when there is none. */
struct state *states_find(const struct states *states, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination);
/* One that is not there yet; NULL when out of memory. */
struct state *states_add(struct states *states, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination);
void states_forget(struct states *states, struct state *state);

#endif
