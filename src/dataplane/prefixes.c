/* Ranges to prefixes. */
#include "dataplane/prefixes.h"

struct address prefixes_next_address(const struct address *address)
{
	struct address next = *address;

	for (size_t i = address_size(address); i-- > 0;) {
		if (++next.octets[i] != 0)
			break;
	}
	return next;
}

/* The largest prefix that starts at `first` and ends no later than `last`. */
static struct prefix largest_prefix(const struct address *first, const struct address *last)
{
	struct prefix best = prefix_of_host(first);

	while (best.bits > 0) {
		struct prefix wider = prefix_around(first, (uint8_t)(best.bits - 1));
		struct address_range covered = range_of_prefix(&wider);

		if (!address_equal(&wider.address, first) ||
		    address_compare(&covered.last, last) > 0)
			break;
		best = wider;
	}
	return best;
}

void prefixes_of_range(const struct address_range *range, struct prefixes *out)
{
	struct address first = range->first;

	out->count = 0;
	while (out->count < PREFIXES_MAX) {
		struct prefix prefix = largest_prefix(&first, &range->last);
		struct address_range covered = range_of_prefix(&prefix);

		out->list[out->count++] = prefix;
		if (address_compare(&covered.last, &range->last) >= 0)
			break;
		first = prefixes_next_address(&covered.last);
	}
}
