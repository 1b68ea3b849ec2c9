/*
 * The keys of what a CREATE makes: the seeds of KEYMAT for each SA of a pair, and g^xy. RFC 4430 7,
 * RFC 2409 5.5.
 */
#include <string.h>

#include "base/secret.h"
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

struct kink_key_exchange *kink_key_exchange_new(enum dh_group group)
{
	struct kink_key_exchange *exchange = secret_alloc(sizeof(*exchange));

	if (exchange != NULL)
		exchange->group = group;
	return exchange;
}

void kink_key_exchange_free(struct kink_key_exchange *exchange)
{
	secret_free(exchange, sizeof(*exchange));
}

enum err kink_key_exchange_keep(
    struct kink_key_exchange *exchange, const struct agreement_completion *completion)
{
	if (completion->private_value.len > sizeof(exchange->private_value) ||
	    completion->public_value.len > sizeof(exchange->public_value) ||
	    completion->secret.len > sizeof(exchange->secret))
		return ERR_INVALID;
	if (completion->private_value.len > 0) {
		exchange->private_len = completion->private_value.len;
		memcpy(
		    exchange->private_value, completion->private_value.data, exchange->private_len);
	}
	if (completion->public_value.len > 0) {
		exchange->public_len = completion->public_value.len;
		memcpy(exchange->public_value, completion->public_value.data, exchange->public_len);
	}
	if (completion->secret.len > 0) {
		exchange->secret_len = completion->secret.len;
		memcpy(exchange->secret, completion->secret.data, exchange->secret_len);
	}
	return ERR_OK;
}

struct bytes kink_key_exchange_public(const struct kink_key_exchange *exchange)
{
	return exchange != NULL ? bytes_of(exchange->public_value, exchange->public_len)
	                        : (struct bytes){0};
}

struct bytes kink_key_exchange_secret(const struct kink_key_exchange *exchange)
{
	return exchange != NULL ? bytes_of(exchange->secret, exchange->secret_len)
	                        : (struct bytes){0};
}
