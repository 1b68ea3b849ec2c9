/* The stand-in's messages under a session key: checksum, encryption, KEYMAT. */
#include <stdlib.h>
#include <string.h>

#include "crypto/keymat.h"
#include "kerberos/layout.h"
#include "standin-private.h"

uint8_t *scratch(struct standin *self, size_t len)
{
	uint8_t *start = &self->scratch[self->scratch_used];

	if (len > SCRATCH_SIZE - self->scratch_used)
		abort();
	self->scratch_used += len;
	return start;
}

void set_lengths(struct kerberos_completion *completion)
{
	completion->lengths =
	    (struct kerberos_lengths){.seal_overhead = SEAL_OVERHEAD, .checksum = CHECKSUM_SIZE};
}

enum err open_message(struct standin *self, const uint8_t *key,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	uint8_t expected[CHECKSUM_SIZE];
	size_t len;
	uint8_t *plain;
	uint64_t stream[2] = {0};

	mac(key, request->checksum_usage, request->signed_part, expected, sizeof(expected));
	if (!bytes_equal(request->checksum, bytes_of(expected, sizeof(expected))))
		return ERR_AUTH;
	if (request->sealed.len == 0)
		return ERR_OK;
	if (request->sealed.len < SEAL_OVERHEAD)
		return ERR_AUTH;
	len = request->sealed.len - CHECKSUM_SIZE;
	mac(key, request->encryption_usage, bytes_of(request->sealed.data, len), expected,
	    sizeof(expected));
	if (memcmp(expected, &request->sealed.data[len], sizeof(expected)) != 0)
		return ERR_AUTH;
	len -= CONFOUNDER_SIZE;
	plain = scratch(self, len);
	for (size_t i = 0; i < len; i++) {
		if (i % sizeof(stream) == 0)
			sim_hash(key, KEY_SIZE, request->sealed.data, CONFOUNDER_SIZE, stream);
		plain[i] = request->sealed.data[CONFOUNDER_SIZE + i] ^
		           ((const uint8_t *)stream)[i % sizeof(stream)];
	}
	completion->plain = bytes_of(plain, len);
	return ERR_OK;
}

/* Longer, and another one. */
static enum err literal_prf(void *context, const struct bytes *parts, size_t count, uint8_t *out)
{
	const struct session *session = context;
	uint8_t buffer[1024];
	struct writer joined = writer_of(buffer, sizeof(buffer));

	for (size_t i = 0; i < count; i++)
		writer_put(&joined, parts[i]);
	if (!writer_ok(&joined))
		return ERR_TOO_LONG;
	mac(session->key, UINT32_MAX - 1, writer_bytes(&joined), out, PRF_SIZE);
	mac(session->key, UINT32_MAX - 2, writer_bytes(&joined), &out[PRF_SIZE],
	    LITERAL_PRF_SIZE - PRF_SIZE);
	return ERR_OK;
}

static enum err prf(void *context, const struct bytes *parts, size_t count, uint8_t *out)
{
	const struct session *session = context;
	uint8_t buffer[1024];
	struct writer joined = writer_of(buffer, sizeof(buffer));

	for (size_t i = 0; i < count; i++)
		writer_put(&joined, parts[i]);
	if (!writer_ok(&joined))
		return ERR_TOO_LONG;
	mac(session->key, UINT32_MAX, writer_bytes(&joined), out, PRF_SIZE);
	return ERR_OK;
}

static void derive(struct standin *self, struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	for (size_t i = 0; i < request->derivation_count; i++) {
		const struct kerberos_derivation *derivation = &request->derivations[i];
		uint8_t *out = scratch(self, derivation->length);

		if (crypto_keymat_expand(request->literal_prf ? literal_prf : prf, session,
			request->literal_prf ? LITERAL_PRF_SIZE : PRF_SIZE, derivation->seed, out,
			derivation->length) != ERR_OK)
			abort();
		completion->keymat[i] = bytes_of(out, derivation->length);
	}
	completion->keymat_count = request->derivation_count;
}

void derive_from_plain(struct standin *self, struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct kerberos_request filled = *request;

	for (size_t i = 0; i < request->derivation_count; i++) {
		size_t len = request->derivations[i].seed.len;
		struct writer seed = writer_of(scratch(self, len), len);

		if (kerberos_seed(request, i, completion->plain, &seed) != ERR_OK)
			return;
		filled.derivations[i].seed = writer_bytes(&seed);
	}
	derive(self, session, &filled, completion);
}

static void seal(struct standin *self, const struct session *session,
    const struct kerberos_request *request, struct bytes ap, struct kerberos_completion *completion)
{
	size_t sealed = request->plain.len > 0 ? request->plain.len + SEAL_OVERHEAD : 0;
	size_t total = kerberos_message_length(request, ap, sealed);
	uint8_t *message = scratch(self, total);
	struct writer out = writer_of(message, total);
	uint8_t *checksum = scratch(self, CHECKSUM_SIZE);
	uint8_t *inside;
	size_t sealed_at;
	uint64_t stream[2];

	if (kerberos_lay_out(request, ap, sealed, &out, &sealed_at) != ERR_OK)
		abort();
	inside = &message[sealed_at];
	if (sealed > 0) {
		sim_random_fill(self->settings.random, inside, CONFOUNDER_SIZE);
		sim_hash(session->key, KEY_SIZE, inside, CONFOUNDER_SIZE, stream);
		for (size_t i = 0; i < request->plain.len; i++)
			inside[CONFOUNDER_SIZE + i] =
			    request->plain.data[i] ^ ((uint8_t *)stream)[i % sizeof(stream)];
		mac(session->key, request->encryption_usage,
		    bytes_of(inside, sealed - CHECKSUM_SIZE), &inside[sealed - CHECKSUM_SIZE],
		    CHECKSUM_SIZE);
	}
	mac(session->key, request->checksum_usage, bytes_of(message, total), checksum,
	    CHECKSUM_SIZE);
	completion->message = bytes_of(message, total);
	completion->checksum = bytes_of(checksum, CHECKSUM_SIZE);
}

void protect(struct standin *self, struct session *session, const struct kerberos_request *request,
    struct bytes ap, struct kerberos_completion *completion)
{
	derive(self, session, request, completion);
	if (request->head.len > 0)
		seal(self, session, request, ap, completion);
}
