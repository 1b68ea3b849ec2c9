/*
 * Authentication with the revised form of public-key encryption: RFC 2409 5.3. Only nonces are
 * encrypted to public keys; what follows them is encrypted with a key that is made from each.
 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/dh.h"
#include "kx/auth/encryption.h"

/* A certificate is the longest that is encrypted. */
#define BODY_MAX 8192

/* What encrypts one side's payloads, in their order. */
struct ephemeral {
	struct cbc_key key;
	uint8_t iv[CBC_BLOCK_MAX];
};

/* Ne_i = prf(Ni_b, CKY-I); Ke_i is its first octets or, when it is too short, its feedback. */
static enum err make_key(
    const struct auth *auth, struct bytes nonce, struct bytes cookie, struct ephemeral *out)
{
	size_t prf_len = prf_length(auth->in->hash);
	size_t len = cbc_key_length(auth->in->encryption, auth->in->key_bits);
	uint8_t ne[CRYPTO_PRF_MAX];
	struct prf *prf = NULL;
	enum err error = auth_prf(auth, nonce, &cookie, 1, ne);

	*out = (struct ephemeral){
	    .key = {.encryption = auth->in->encryption, .bits = auth->in->key_bits}};
	if (error == ERR_OK && len == 0)
		error = ERR_UNSUPPORTED;
	if (error == ERR_OK && len > prf_len) {
		error = prf_new(auth->in->hash, bytes_of(ne, prf_len), &prf);
		if (error == ERR_OK)
			error = crypto_keymat_feedback(prf_run, prf, prf_len, out->key.octets, len);
		prf_free(prf);
	} else if (error == ERR_OK) {
		memcpy(out->key.octets, ne, len);
	}
	secret_wipe(ne, sizeof(ne));
	return error;
}

/* A payload whose body is encrypted: zeros, then how many, up to a whole block; never none. */
static void put_sealed(
    struct isakmp_writer *chain, struct ephemeral *ephemeral, uint8_t type, struct bytes body)
{
	size_t block = cbc_block_length(ephemeral->key.encryption);
	size_t padding = block - body.len % block;
	uint8_t *octets = secret_alloc(body.len + padding);

	if (octets == NULL || body.len + padding > BODY_MAX) {
		chain->out->failed = true;
	} else {
		memcpy(octets, body.data, body.len);
		octets[body.len + padding - 1] = (uint8_t)(padding - 1);
		if (cbc_encrypt(&ephemeral->key, ephemeral->iv, octets, body.len + padding) !=
		    ERR_OK)
			chain->out->failed = true;
		isakmp_put(chain, type, bytes_of(octets, body.len + padding));
	}
	secret_free(octets, body.len + padding);
}

static void put_certificate(
    struct isakmp_writer *chain, struct ephemeral *ephemeral, struct bytes certificate)
{
	uint8_t body[BODY_MAX];
	struct writer out = writer_of(body, sizeof(body));

	writer_u8(&out, CERTIFICATE_X509_KEY_EXCHANGE);
	writer_put(&out, certificate);
	if (writer_ok(&out))
		put_sealed(chain, ephemeral, ISAKMP_CERT, writer_bytes(&out));
}

static void put_exchange(struct auth *auth, struct isakmp_writer *chain)
{
	const struct encryption_state *state = auth->state;
	const struct auth_inputs *in = auth->in;
	struct ephemeral ephemeral;

	if (make_key(auth, auth_own_nonce(auth), in->initiator ? in->cookie_i : in->cookie_r,
		&ephemeral) != ERR_OK) {
		chain->out->failed = true;
		return;
	}
	encryption_put_hash(auth, chain);
	isakmp_put(chain, ISAKMP_NONCE, state->sealed.items[0]);
	put_sealed(chain, &ephemeral, ISAKMP_KE, auth_own_public(auth));
	put_sealed(chain, &ephemeral, ISAKMP_ID, auth_own_id(auth));
	if (in->initiator)
		put_certificate(chain, &ephemeral, state->own.items[0]);
	secret_wipe(&ephemeral, sizeof(ephemeral));
}

static enum auth_result read_exchange(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	struct encryption_state *state = auth->state;
	const struct isakmp_payload *nonce = isakmp_chain_find(chain, ISAKMP_NONCE, NULL);
	struct credentials_request request = {.operation = CREDENTIALS_DECRYPT,
	    .part_count = 1,
	    .part_min = {IKEV1_NONCE_MIN},
	    .part_max = {IKEV1_NONCE_MAX}};

	if (nonce == NULL)
		return auth_result_of(
		    problem_set(problem, ERR_INVALID, "a message without a nonce"));
	state->chain = chain;
	request.parts[0] = nonce->body;
	return auth_ask_credentials(auth, &request, problem);
}

/* What is left without padding; all of it where that is nothing, which nobody is told of. */
static struct bytes without_padding(const uint8_t *octets, size_t len)
{
	size_t padding = len > 0 ? (size_t)octets[len - 1] + 1 : 0;

	return bytes_of(octets, padding < len ? len - padding : len);
}

static enum err keep_opened(struct auth *auth, uint8_t type, const uint8_t *octets, size_t len,
    struct bytes nonce, struct problem *problem)
{
	struct encryption_state *state = auth->state;
	struct bytes body = without_padding(octets, len);
	size_t public_len = dh_public_length(auth->in->group);

	if (type == ISAKMP_KE)
		/* How long it is is known, and so not read from where a stranger may have
		   written. */
		return auth_take_exchange(
		    auth, bytes_of(octets, public_len < len ? public_len : len), nonce, problem);
	if (type == ISAKMP_ID)
		return auth_keep_id(auth, body);
	if (body.len > 1) {
		struct bytes der = bytes_of(body.data + 1, body.len - 1);

		return auth_items_keep(&state->sent, &der, 1);
	}
	return ERR_OK;
}

static bool is_sealed(uint8_t type)
{
	return type == ISAKMP_KE || type == ISAKMP_ID || type == ISAKMP_CERT;
}

static enum err open_payload(struct auth *auth, const struct isakmp_payload *payload,
    struct ephemeral *ephemeral, struct bytes nonce, struct problem *problem)
{
	size_t len = payload->body.len;
	uint8_t *octets;
	enum err error;

	if (len == 0 || len > BODY_MAX || len % cbc_block_length(ephemeral->key.encryption) != 0)
		return problem_set(problem, ERR_INVALID, "an encrypted payload of %zu octets", len);
	octets = secret_alloc(len);
	if (octets == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	memcpy(octets, payload->body.data, len);
	error = cbc_decrypt(&ephemeral->key, ephemeral->iv, octets, len);
	if (error == ERR_OK)
		error = keep_opened(auth, payload->type, octets, len, nonce, problem);
	secret_free(octets, len);
	return error;
}

/* The payloads behind the nonce, whatever their order. */
static enum err opened(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	const struct encryption_state *state = auth->state;
	const struct isakmp_chain *chain = state->chain;
	const struct isakmp_payload *nonce = isakmp_chain_find(chain, ISAKMP_NONCE, NULL);
	struct bytes cookie = auth->in->initiator ? auth->in->cookie_r : auth->in->cookie_i;
	struct ephemeral ephemeral;
	enum err error = encryption_check_hash(auth, chain, completion->certificates[0], problem);

	if (error == ERR_OK)
		error = make_key(auth, completion->parts[0], cookie, &ephemeral);
	for (const struct isakmp_payload *payload = nonce + 1;
	     error == ERR_OK && payload < chain->payloads + chain->count; payload++) {
		if (is_sealed(payload->type))
			error =
			    open_payload(auth, payload, &ephemeral, completion->parts[0], problem);
	}
	secret_wipe(&ephemeral, sizeof(ephemeral));
	if (error == ERR_OK && (auth->peer_public_len == 0 || auth->peer_id_len == 0))
		return problem_set(problem, ERR_INVALID,
		    "a message without a key exchange or an identity behind its nonce");
	return error;
}

static enum auth_result credentials_done(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	static const struct encryption_form form = {.opened = opened};

	return encryption_done(auth, completion, &form, problem);
}

const struct auth_method auth_revised_encryption = {
    .name = "revised public-key encryption",
    .attribute = IKEV1_METHOD_REVISED_RSA_ENCRYPTION,
    .family = IKEV1_FAMILY_REVISED_ENCRYPTION,
    .identity_first = true,
    .state_size = sizeof(struct encryption_state),
    .check_entry = encryption_check_entry,
    .skeyid = encryption_skeyid,
    .prepare = encryption_prepare,
    .put_exchange = put_exchange,
    .read = read_exchange,
    .prove = auth_hash_prove,
    .put_proof = auth_hash_put_proof,
    .check = encryption_check,
    .credentials_done = credentials_done,
    .close = encryption_close,
};
