/* The keys of what a CREATE makes: the seeds of KEYMAT for each SA of a pair. RFC 4430 7. */
#include "crypto/algorithms.h"
#include "kx/kink/kink-internal.h"
#include "sa/sad.h"

size_t kink_derivations(const struct sa_pair *pair, enum ipsec_direction direction,
    const struct quick_inputs *inputs, struct writer *seeds, struct kerberos_derivation *out)
{
	size_t count = 0;

	for (size_t i = 0; i < pair->part_count; i++) {
		const struct sa_part *part = &pair->parts[i];
		size_t length = suite_key_length(&part->suite);
		size_t begin = seeds->len;

		if (length == 0)
			continue;
		quick_put_seed(seeds, part->suite.protocol,
		    direction == IPSEC_IN ? part->spi_in : part->spi_out, inputs);
		out[count++] = (struct kerberos_derivation){
		    .seed = bytes_of(seeds->data + begin, seeds->len - begin),
		    .length = (uint16_t)length};
	}
	return count;
}

size_t kink_spread_keys(const struct sa_pair *pair, const struct bytes *keymat, size_t count,
    struct bytes out[BUNDLE_MAX])
{
	size_t used = 0;

	for (size_t i = 0; i < pair->part_count; i++) {
		out[i] = (struct bytes){0};
		if (suite_key_length(&pair->parts[i].suite) == 0)
			continue;
		if (used == count)
			return 0;
		out[i] = keymat[used++];
	}
	return used;
}
