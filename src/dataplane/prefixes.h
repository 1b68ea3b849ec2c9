/* An address range as prefixes, for kernel tables that know no ranges. */
#ifndef DATAPLANE_PREFIXES_H
#define DATAPLANE_PREFIXES_H

#include <stddef.h>

#include "base/address.h"

/* The most that one range takes: two for each bit of an address. */
#define PREFIXES_MAX 256

struct prefixes {
	size_t count;
	struct prefix list[PREFIXES_MAX];
};

/* The fewest prefixes that together are exactly this range. */
void prefixes_of_range(const struct address_range *range, struct prefixes *out);

/* The address after this one; after the last comes the first. */
struct address prefixes_next_address(const struct address *address);

#endif
