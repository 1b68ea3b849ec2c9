/* Authentication with public-key encryption: RFC 2409 5.2, and what 5.3 has of it. */
#include "kx/auth/encryption.h"

#include "base/secret.h"
#include "crypto/digest.h"

enum err encryption_check_entry(const struct policy_peer *peer, struct problem *problem)
{
	if (peer->ike->certificate == NULL)
		return problem_set(problem, ERR_NOT_FOUND,
		    "peer \"%s\" has no certificate of ours in the file (certificate)", peer->name);
	return ERR_OK;
}

enum err encryption_skeyid(struct auth *auth, uint8_t *out)
{
	struct bytes nonces[2] = {auth->in->nonce_i, auth->in->nonce_r};
	struct bytes cookies[2] = {auth->in->cookie_i, auth->in->cookie_r};
	uint8_t key[CRYPTO_PRF_MAX];
	enum err error = digest_run(auth->in->hash, nonces, 2, key);

	if (error == ERR_OK)
		error = auth_prf(auth, bytes_of(key, prf_length(auth->in->hash)), cookies, 2, out);
	secret_wipe(key, sizeof(key));
	return error;
}

enum auth_result encryption_prepare(struct auth *auth, struct problem *problem)
{
	struct credentials_request request = {
	    .operation = CREDENTIALS_DESCRIBE, .identity = auth->ike->local_identity};
	struct encryption_state *state = auth->state;

	state->described = false;
	return auth_ask_credentials(auth, &request, problem);
}

static enum err described(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	struct encryption_state *state = auth->state;

	state->described = true;
	if (completion->scheme != CREDENTIALS_RSA_BARE)
		return problem_set(problem, ERR_UNSUPPORTED,
		    "the key of our certificate for peer \"%s\" is no RSA key and cannot decrypt",
		    auth->in->peer->name);
	if (auth_items_keep(&state->own, completion->certificates, 1) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	return auth_make_own_id(auth, &completion->identity, problem);
}

static enum auth_result seal(
    struct auth *auth, const struct bytes *parts, size_t count, struct problem *problem)
{
	struct encryption_state *state = auth->state;
	struct credentials_request request = {
	    .operation = CREDENTIALS_ENCRYPT, .identity = auth_peer_identity(auth)};

	if (auth->in->initiator)
		request.identity = auth->ike->remote_identity_count > 0
		                       ? auth->ike->remote_identities[0]
		                       : ike_identity_of_address(&auth->in->remote);
	for (size_t i = 0; i < count; i++)
		request.parts[request.part_count++] = parts[i];
	for (size_t i = 0; i < state->sent.count; i++)
		request.certificates[request.certificate_count++] = state->sent.items[i];
	return auth_ask_credentials(auth, &request, problem);
}

static enum err sealed(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	struct encryption_state *state = auth->state;

	if (auth_items_keep(&state->sealed, completion->parts, completion->part_count) != ERR_OK ||
	    auth_items_keep(&state->recipient, completion->certificates, 1) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	return ERR_OK;
}

void encryption_put_hash(struct auth *auth, struct isakmp_writer *chain)
{
	const struct encryption_state *state = auth->state;
	uint8_t hash[CRYPTO_PRF_MAX];

	if (auth->in->initiator &&
	    digest_run(auth->in->hash, state->recipient.items, 1, hash) == ERR_OK)
		isakmp_put(chain, ISAKMP_HASH, bytes_of(hash, prf_length(auth->in->hash)));
}

enum err encryption_check_hash(const struct auth *auth, const struct isakmp_chain *chain,
    struct bytes certificate, struct problem *problem)
{
	const struct isakmp_payload *payload = isakmp_chain_find(chain, ISAKMP_HASH, NULL);
	size_t len = prf_length(auth->in->hash);
	uint8_t hash[CRYPTO_PRF_MAX];

	if (auth->in->initiator || payload == NULL)
		return ERR_OK;
	if (digest_run(auth->in->hash, &certificate, 1, hash) == ERR_OK &&
	    bytes_equal(payload->body, bytes_of(hash, len)))
		return ERR_OK;
	return problem_set(problem, ERR_AUTH,
	    "the peer encrypts to another certificate than ours: it has an old one, perhaps");
}

/*
 * The peer could decrypt what we encrypted to a certificate: so it is whom that one is for, if it
 * says so itself.
 */
enum auth_result encryption_check(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	const struct encryption_state *state = auth->state;
	struct credentials_request request = {.operation = CREDENTIALS_ENCRYPT};
	enum auth_result result = auth_hash_check(auth, chain,
	    "it could not decrypt what was encrypted to it, or we not what it sent (certificate, "
	    "peer_certificates)",
	    problem);

	if (result != AUTH_DONE)
		return result;
	if (auth_take_id(auth, auth_peer_id(auth), problem) != ERR_OK)
		return AUTH_FAILED;
	request.identity = auth_peer_identity(auth);
	for (size_t i = 0; i < state->sent.count; i++)
		request.certificates[request.certificate_count++] = state->sent.items[i];
	return auth_ask_credentials(auth, &request, problem);
}

static enum err checked(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	const struct encryption_state *state = auth->state;

	if (!completion->matched || completion->certificate_count != 1 ||
	    !bytes_equal(completion->certificates[0], state->recipient.items[0]))
		return problem_set(problem, ERR_AUTH,
		    "the peer claims to be %.120s, and decrypted what was encrypted to another",
		    auth->peer_text);
	auth_name_peer(auth, completion->subject);
	return ERR_OK;
}

enum auth_result encryption_done(struct auth *auth, const struct credentials_completion *completion,
    const struct encryption_form *form, struct problem *problem)
{
	const struct encryption_state *state = auth->state;
	struct bytes parts[2] = {auth_own_nonce(auth)};
	size_t count = 1;
	enum err error = completion->problem.code;

	if (error != ERR_OK) {
		*problem = completion->problem;
	} else if (auth->step == AUTH_STEP_PREPARE && !state->described) {
		error = described(auth, completion, problem);
		if (form->seals_identity) {
			parts[0] = auth_own_id(auth);
			parts[count++] = auth_own_nonce(auth);
		}
		if (error == ERR_OK)
			return seal(auth, parts, count, problem);
	} else if (auth->step == AUTH_STEP_PREPARE) {
		error = sealed(auth, completion, problem);
	} else if (auth->step == AUTH_STEP_READ) {
		error = form->opened(auth, completion, problem);
	} else {
		error = checked(auth, completion, problem);
	}
	return auth_result_of(error);
}

void encryption_close(struct auth *auth)
{
	struct encryption_state *state = auth->state;

	auth_items_free(&state->own);
	auth_items_free(&state->recipient);
	auth_items_free(&state->sealed);
	auth_items_free(&state->sent);
}

/* The first form: identity and nonce, each encrypted to the other's key. */

static void put_exchange(struct auth *auth, struct isakmp_writer *chain)
{
	const struct encryption_state *state = auth->state;

	isakmp_put(chain, ISAKMP_KE, auth_own_public(auth));
	encryption_put_hash(auth, chain);
	isakmp_put(chain, ISAKMP_ID, state->sealed.items[0]);
	isakmp_put(chain, ISAKMP_NONCE, state->sealed.items[1]);
}

static enum auth_result read_exchange(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	struct encryption_state *state = auth->state;
	const struct isakmp_payload *id = isakmp_chain_find(chain, ISAKMP_ID, NULL);
	const struct isakmp_payload *nonce = isakmp_chain_find(chain, ISAKMP_NONCE, NULL);
	struct credentials_request request = {.operation = CREDENTIALS_DECRYPT,
	    .part_count = 2,
	    .part_min = {AUTH_ID_HEADER + 1, IKEV1_NONCE_MIN},
	    .part_max = {AUTH_ID_MAX, IKEV1_NONCE_MAX}};

	if (id == NULL || nonce == NULL || isakmp_chain_find(chain, ISAKMP_KE, NULL) == NULL)
		return auth_result_of(problem_set(problem, ERR_INVALID,
		    "a message without a key exchange, a nonce or an identity"));
	state->chain = chain;
	request.parts[0] = id->body;
	request.parts[1] = nonce->body;
	return auth_ask_credentials(auth, &request, problem);
}

static enum err opened(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	const struct encryption_state *state = auth->state;
	const struct isakmp_payload *ke = isakmp_chain_find(state->chain, ISAKMP_KE, NULL);
	enum err error =
	    encryption_check_hash(auth, state->chain, completion->certificates[0], problem);

	if (error == ERR_OK)
		error = auth_take_exchange(auth, ke->body, completion->parts[1], problem);
	return error == ERR_OK ? auth_keep_id(auth, completion->parts[0]) : error;
}

static enum auth_result credentials_done(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	static const struct encryption_form form = {.seals_identity = true, .opened = opened};

	return encryption_done(auth, completion, &form, problem);
}

const struct auth_method auth_encryption = {
    .name = "public-key encryption",
    .attribute = IKEV1_METHOD_RSA_ENCRYPTION,
    .family = IKEV1_FAMILY_ENCRYPTION,
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
