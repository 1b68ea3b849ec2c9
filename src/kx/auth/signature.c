/*
 * Authentication with signatures: RSA (RFC 2409 5.1) and ECDSA (RFC 4754), with certificates as
 * RFC 4945 has them.
 */
#include <string.h>

#include "base/secret.h"
#include "kx/auth/certificates.h"

struct signature_state {
	struct auth_items authorities;  /* whom we trust */
	struct auth_items certificates; /* ours */
	bool wanted;                    /* the peer asks to see them */
	uint8_t signature[CREDENTIALS_SIGNATURE_MAX];
	size_t signature_len;
};

static enum err check_entry(const struct policy_peer *peer, struct problem *problem)
{
	return peer->ike->certificate != NULL
	           ? ERR_OK
	           : problem_set(problem, ERR_NOT_FOUND,
			 "peer \"%s\" has no certificate of ours in the file (certificate)",
			 peer->name);
}

static enum auth_result prepare(struct auth *auth, struct problem *problem)
{
	struct credentials_request request = {
	    .operation = CREDENTIALS_DESCRIBE, .identity = auth->ike->local_identity};

	return auth_ask_credentials(auth, &request, problem);
}

static enum err described(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	struct signature_state *state = auth->state;

	if (completion->scheme != auth->method->scheme)
		return problem_set(problem, ERR_UNSUPPORTED,
		    "the key of our certificate for peer \"%s\" is not one for %s",
		    auth->in->peer->name, auth->method->name);
	if (auth_items_keep(&state->authorities, completion->authorities,
		completion->authority_count) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	return auth_make_own_id(auth, &completion->identity, problem);
}

/* RFC 4945 3.2.5: in main mode requests stand in messages 4 and 5. */
static void put_exchange(struct auth *auth, struct isakmp_writer *chain)
{
	const struct signature_state *state = auth->state;

	auth_plain_put_exchange(auth, chain);
	if (auth->in->aggressive || !auth->in->initiator)
		auth_put_certificates(chain, ISAKMP_CERTREQ, &state->authorities);
}

static enum auth_result read_exchange(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	struct signature_state *state = auth->state;

	state->wanted = auth_wants_certificates(chain);
	return auth_result_of(auth_plain_read(auth, chain, problem));
}

static enum auth_result prove(struct auth *auth, struct problem *problem)
{
	struct credentials_request request = {
	    .operation = CREDENTIALS_SIGN, .scheme = auth->method->scheme};
	enum auth_result result = auth_hash_prove(auth, problem);

	if (result != AUTH_DONE)
		return result;
	request.hash = bytes_of(auth->proof, auth->proof_len);
	return auth_ask_credentials(auth, &request, problem);
}

static enum err signed_hash(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	struct signature_state *state = auth->state;

	if (completion->signature.len > sizeof(state->signature) ||
	    auth_items_keep(&state->certificates, completion->certificates,
		completion->certificate_count) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	memcpy(state->signature, completion->signature.data, completion->signature.len);
	state->signature_len = completion->signature.len;
	return ERR_OK;
}

static void put_proof(struct auth *auth, struct isakmp_writer *chain)
{
	const struct signature_state *state = auth->state;

	if (!auth_identity_is_first(auth))
		auth_put_id(auth, chain);
	if (state->wanted)
		auth_put_certificates(chain, ISAKMP_CERT, &state->certificates);
	if (!auth->in->aggressive && auth->in->initiator)
		auth_put_certificates(chain, ISAKMP_CERTREQ, &state->authorities);
	isakmp_put(chain, ISAKMP_SIG, bytes_of(state->signature, state->signature_len));
}

static enum auth_result check(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	struct signature_state *state = auth->state;
	const struct isakmp_payload *signature = isakmp_chain_find(chain, ISAKMP_SIG, NULL);
	struct credentials_request request = {
	    .operation = CREDENTIALS_VERIFY, .scheme = auth->method->scheme};
	uint8_t hash[CRYPTO_PRF_MAX];
	enum auth_result result;

	if (signature == NULL)
		return auth_result_of(
		    problem_set(problem, ERR_INVALID, "a message without a signature"));
	if (!auth_identity_is_first(auth) && auth_find_id(auth, chain, problem) != ERR_OK)
		return AUTH_FAILED;
	state->wanted = state->wanted || auth_wants_certificates(chain);
	if (auth_hash(auth, AUTH_PEERS, NULL, 0, hash, &request.hash.len) != ERR_OK)
		return auth_result_of(problem_set(problem, ERR_SYSTEM, "no hash can be made"));
	request.hash.data = hash;
	request.signature = signature->body;
	request.identity = auth_peer_identity(auth);
	auth_add_certificates(chain, &request);
	result = auth_ask_credentials(auth, &request, problem);
	secret_wipe(hash, sizeof(hash));
	return result;
}

static enum auth_result credentials_done(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	enum err error = completion->problem.code;

	if (auth->step == AUTH_STEP_CHECK)
		auth->proved = completion->matched;
	if (error != ERR_OK)
		*problem = completion->problem;
	else if (auth->step == AUTH_STEP_PREPARE)
		error = described(auth, completion, problem);
	else if (auth->step == AUTH_STEP_PROVE)
		error = signed_hash(auth, completion, problem);
	else
		auth_name_peer(auth, completion->subject);
	return auth_result_of(error);
}

static void close_state(struct auth *auth)
{
	struct signature_state *state = auth->state;

	auth_items_free(&state->authorities);
	auth_items_free(&state->certificates);
}

#define SIGNATURES                                                                                 \
	.family = IKEV1_FAMILY_SIGNATURE, .state_size = sizeof(struct signature_state),            \
	.check_entry = check_entry, .skeyid = auth_skeyid_of_nonces, .prepare = prepare,           \
	.put_exchange = put_exchange, .read = read_exchange, .prove = prove,                       \
	.put_proof = put_proof, .check = check, .credentials_done = credentials_done,              \
	.close = close_state

const struct auth_method auth_rsa_signature = {.name = "RSA signatures",
    .attribute = IKEV1_METHOD_RSA_SIGNATURE,
    .scheme = CREDENTIALS_RSA_BARE,
    SIGNATURES};

/* The hash belongs to the method (RFC 4754 4), so it takes that of the prf's place. */
const struct auth_method auth_ecdsa_256 = {.name = "ECDSA-256",
    .attribute = IKEV1_METHOD_ECDSA_256,
    .scheme = CREDENTIALS_ECDSA_256,
    .fixed_hash = true,
    .proof_hash = PRF_HMAC_SHA2_256,
    SIGNATURES};
const struct auth_method auth_ecdsa_384 = {.name = "ECDSA-384",
    .attribute = IKEV1_METHOD_ECDSA_384,
    .scheme = CREDENTIALS_ECDSA_384,
    .fixed_hash = true,
    .proof_hash = PRF_HMAC_SHA2_384,
    SIGNATURES};
const struct auth_method auth_ecdsa_521 = {.name = "ECDSA-521",
    .attribute = IKEV1_METHOD_ECDSA_521,
    .scheme = CREDENTIALS_ECDSA_521,
    .fixed_hash = true,
    .proof_hash = PRF_HMAC_SHA2_512,
    SIGNATURES};
