/* The expansions of RFC 2409 5.5 and Appendix B. */
#include "crypto/keymat.h"

#include <string.h>

#include "base/secret.h"

/* K1 = prf(first | rest), Kn = prf(Kn-1 | rest). */
static enum err expand(crypto_prf prf, void *context, size_t prf_length, struct bytes first,
    struct bytes rest, uint8_t *out, size_t len)
{
	uint8_t block[CRYPTO_PRF_MAX];
	uint8_t next[CRYPTO_PRF_MAX];
	struct bytes parts[2] = {first, rest};
	enum err error = ERR_OK;

	if (prf_length == 0 || prf_length > CRYPTO_PRF_MAX)
		return ERR_INVALID;
	for (size_t done = 0; done < len;) {
		size_t taken = len - done < prf_length ? len - done : prf_length;

		error = prf(context, parts, 2, next);
		if (error != ERR_OK) {
			secret_wipe(out, len);
			break;
		}
		memcpy(block, next, prf_length);
		parts[0] = bytes_of(block, prf_length);
		memcpy(out + done, block, taken);
		done += taken;
	}
	secret_wipe(block, sizeof(block));
	secret_wipe(next, sizeof(next));
	return error;
}

enum err crypto_keymat_expand(
    crypto_prf prf, void *context, size_t prf_length, struct bytes seed, uint8_t *out, size_t len)
{
	return expand(prf, context, prf_length, (struct bytes){0}, seed, out, len);
}

enum err crypto_keymat_feedback(
    crypto_prf prf, void *context, size_t prf_length, uint8_t *out, size_t len)
{
	static const uint8_t zero[1];

	return expand(prf, context, prf_length, bytes_of(zero, 1), (struct bytes){0}, out, len);
}
