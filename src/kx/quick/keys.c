/* Key exchanges and KEYMAT of Quick Modes: RFC 2409 5.5. */
#include "kx/quick/keys.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/algorithms.h"
#include "crypto/keymat.h"

struct quick_key_exchange *quick_key_exchange_new(enum dh_group group)
{
	struct quick_key_exchange *exchange = secret_alloc(sizeof(*exchange));

	if (exchange != NULL)
		exchange->group = group;
	return exchange;
}

void quick_key_exchange_free(struct quick_key_exchange *exchange)
{
	secret_free(exchange, sizeof(*exchange));
}

enum err quick_key_exchange_keep(
    struct quick_key_exchange *exchange, const struct agreement_completion *completion)
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

struct bytes quick_key_exchange_public(const struct quick_key_exchange *exchange)
{
	return exchange != NULL ? bytes_of(exchange->public_value, exchange->public_len)
	                        : (struct bytes){0};
}

struct bytes quick_key_exchange_secret(const struct quick_key_exchange *exchange)
{
	return exchange != NULL ? bytes_of(exchange->secret, exchange->secret_len)
	                        : (struct bytes){0};
}

struct agreement_request quick_key_exchange_finish(
    const struct quick_key_exchange *exchange, struct bytes peer_value)
{
	return (struct agreement_request){.operation = AGREEMENT_FINISH,
	    .group = exchange->group,
	    .private_value = bytes_of(exchange->private_value, exchange->private_len),
	    .public_value = quick_key_exchange_public(exchange),
	    .peer_value = peer_value};
}

static enum err derive(struct prf *prf, size_t length, enum ipsec_protocol protocol, uint32_t spi,
    const struct quick_inputs *inputs, uint8_t *out, size_t len)
{
	uint8_t octets[QUICK_SEED_MAX];
	struct writer seed = writer_of(octets, sizeof(octets));
	enum err error = ERR_TOO_LONG;

	quick_put_seed(&seed, protocol, spi, inputs);
	if (writer_ok(&seed))
		error = crypto_keymat_expand(prf_run, prf, length, writer_bytes(&seed), out, len);
	secret_wipe(octets, seed.len);
	return error;
}

enum err quick_derive_keys(struct prf *prf, size_t length, const struct sa_pair *pair,
    enum ipsec_direction direction, const struct quick_inputs *inputs, struct quick_keys *out)
{
	enum err error = ERR_OK;

	for (size_t i = 0; error == ERR_OK && i < pair->part_count; i++) {
		const struct sa_part *part = &pair->parts[i];
		size_t len = suite_key_length(&part->suite);

		out->parts[i] = bytes_of(out->octets[i], len);
		if (len > 0)
			error = derive(prf, length, part->suite.protocol,
			    direction == IPSEC_IN ? part->spi_in : part->spi_out, inputs,
			    out->octets[i], len);
	}
	return error;
}
