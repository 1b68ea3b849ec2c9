/*
 * Authentication with Kerberos by way of GSS-API: draft-ietf-ipsec-isakmp-gss-auth, in main mode.
 * Tokens go with KE and nonce, AP-REQ and AP-REP, and the hashes are wrapped by the context that
 * they make. So the initiator has proved who it is before there is any work with its KE.
 */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "kx/auth/certificates.h"

/* Room in a ticket's life for the exchange, in seconds. */
#define TICKET_MARGIN 60

struct gss_state {
	uint64_t session;
	bool bare;              /* tokens have no octet before them that says an encoding */
	uint8_t encoding;       /* else this one */
	struct auth_items own;  /* our token */
	struct auth_items peer; /* the peer's */
	struct auth_items wrapped;
};

static enum err check_entry(const struct policy_peer *peer, struct problem *problem)
{
	return peer->responder_principal_count > 0 && peer->initiator_principal_count > 0
	           ? ERR_OK
	           : problem_set(problem, ERR_NOT_FOUND,
			 "peer \"%s\" has no principal in the file (principal)", peer->name);
}

static enum auth_result ask(
    struct auth *auth, struct kerberos_request *request, struct problem *problem)
{
	const struct gss_state *state = auth->state;
	const struct host *host = auth->in->host;
	enum err error;

	request->token = auth->in->token;
	request->affinity = auth->in->affinity;
	request->session = state->session;
	error = host->kerberos(host->self, request);
	if (error == ERR_OK)
		return AUTH_PENDING;
	return auth_result_of(
	    problem_set(problem, error, "Kerberos cannot be asked: %s", err_text(error)));
}

static enum err keep(struct auth_items *items, struct bytes octets, struct problem *problem)
{
	return auth_items_keep(items, &octets, 1) == ERR_OK
	           ? ERR_OK
	           : problem_set(problem, ERR_NO_MEMORY, "out of memory");
}

/* What is known by now of the peer's principal, for people. */
static void name_peer(struct auth *auth, const char *principal)
{
	(void)snprintf(auth->principal, sizeof(auth->principal), "%s", principal);
	(void)snprintf(auth->peer_text, sizeof(auth->peer_text), "%s", principal);
}

static enum auth_result prepare(struct auth *auth, struct problem *problem)
{
	struct gss_state *state = auth->state;
	struct kerberos_request request = {.operation = KERBEROS_GSS_REQUEST,
	    .server = auth->in->principal,
	    .client = auth->in->peer->local_principal,
	    .min_lifetime = TICKET_MARGIN};

	if (auth_make_own_id(auth, NULL, problem) != ERR_OK)
		return AUTH_FAILED;
	if (!auth->in->initiator)
		return AUTH_DONE;
	/* The form that is known to be understood; who answers goes by ours. */
	state->bare = true;
	return ask(auth, &request, problem);
}

static void put_exchange(struct auth *auth, struct isakmp_writer *chain)
{
	const struct gss_state *state = auth->state;
	struct ikev1_gss_token token = {
	    .bare = state->bare, .encoding = state->encoding, .token = state->own.items[0]};

	auth_plain_put_exchange(auth, chain);
	ikev1_put_gss_token(chain, &token);
}

static enum auth_result read_exchange(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	const struct policy_peer *peer = auth->in->peer;
	const struct isakmp_payload *payload = isakmp_chain_find(chain, ISAKMP_GSS, NULL);
	struct gss_state *state = auth->state;
	struct ikev1_gss_token token;
	struct kerberos_request request = {
	    .operation = auth->in->initiator ? KERBEROS_GSS_VERIFY : KERBEROS_GSS_ACCEPT,
	    .groups = peer->initiator_groups,
	    .group_count = peer->initiator_group_count};

	if (auth_plain_read(auth, chain, problem) != ERR_OK)
		return AUTH_FAILED;
	if (payload == NULL || ikev1_gss_token_decode(payload->body, &token) != ERR_OK)
		return auth_result_of(
		    problem_set(problem, ERR_INVALID, "a message without a token of GSS-API"));
	state->bare = token.bare;
	state->encoding = token.encoding;
	if (keep(&state->peer, token.token, problem) != ERR_OK)
		return AUTH_FAILED;
	request.ap = state->peer.items[0];
	return ask(auth, &request, problem);
}

/*
 * prf(SKEYID, ... | ID | the name in the transform, where both have one | the token): of either
 * side what it sent itself.
 */
static enum err make_hash(const struct auth *auth, enum auth_side side, uint8_t *out, size_t *len)
{
	const struct gss_state *state = auth->state;
	const struct auth_inputs *in = auth->in;
	bool initiators = in->initiator == (side == AUTH_OURS);
	struct bytes extra[2] = {initiators ? in->gss_name_i : in->gss_name_r,
	    side == AUTH_OURS ? state->own.items[0] : state->peer.items[0]};

	return auth_hash(auth, side, extra, 2, out, len);
}

static enum auth_result prove(struct auth *auth, struct problem *problem)
{
	struct kerberos_request request = {.operation = KERBEROS_GSS_WRAP};

	if (make_hash(auth, AUTH_OURS, auth->proof, &auth->proof_len) != ERR_OK)
		return auth_result_of(problem_set(problem, ERR_SYSTEM, "no hash can be made"));
	request.plain = bytes_of(auth->proof, auth->proof_len);
	return ask(auth, &request, problem);
}

static void put_proof(struct auth *auth, struct isakmp_writer *chain)
{
	const struct gss_state *state = auth->state;

	auth_put_id(auth, chain);
	isakmp_put(chain, ISAKMP_HASH, state->wrapped.items[0]);
}

static enum auth_result check(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	const struct isakmp_payload *proof = isakmp_chain_find(chain, ISAKMP_HASH, NULL);
	struct kerberos_request request = {.operation = KERBEROS_GSS_UNWRAP};
	char principal[KERBEROS_NAME_MAX];

	if (proof == NULL || isakmp_chain_find(chain, ISAKMP_GSS, NULL) != NULL)
		return auth_result_of(problem_set(problem, ERR_UNSUPPORTED,
		    "the peer goes on with tokens of GSS-API; Kerberos has one for each side"));
	memcpy(principal, auth->principal, sizeof(principal));
	if (auth_find_id(auth, chain, problem) != ERR_OK)
		return AUTH_FAILED;
	name_peer(auth, principal);
	request.sealed = proof->body;
	return ask(auth, &request, problem);
}

static enum err checked(struct auth *auth, struct bytes proof, struct problem *problem)
{
	uint8_t expected[CRYPTO_PRF_MAX];
	size_t len = 0;
	enum err error = make_hash(auth, AUTH_PEERS, expected, &len);
	bool good = error == ERR_OK && proof.len == len && secret_equal(proof.data, expected, len);

	secret_wipe(expected, sizeof(expected));
	auth->proved = good;
	return good ? ERR_OK
	            : problem_set(problem, ERR_AUTH,
			  "the hash of %.200s does not verify: its messages were changed on "
			  "their way, or it reads the draft in another way",
			  auth->principal);
}

static enum auth_result kerberos_done(
    struct auth *auth, const struct kerberos_completion *completion, struct problem *problem)
{
	struct gss_state *state = auth->state;
	enum err error = completion->problem.code;

	if (completion->session != KERBEROS_SESSION_NONE)
		state->session = completion->session;
	if (error != ERR_OK) {
		*problem = completion->problem;
	} else if (completion->operation == KERBEROS_GSS_REQUEST) {
		error = keep(&state->own, completion->ap, problem);
	} else if (completion->operation == KERBEROS_GSS_ACCEPT) {
		name_peer(auth, completion->client);
		auth->membership = completion->membership;
		error = keep(&state->own, completion->ap, problem);
	} else if (completion->operation == KERBEROS_GSS_VERIFY) {
		name_peer(auth, auth->in->principal);
	} else if (completion->operation == KERBEROS_GSS_WRAP) {
		error = keep(&state->wrapped, completion->message, problem);
	} else {
		error = checked(auth, completion->plain, problem);
	}
	return auth_result_of(error);
}

static void close_state(struct auth *auth)
{
	struct gss_state *state = auth->state;
	const struct host *host = auth->in->host;

	if (state->session != KERBEROS_SESSION_NONE)
		host->kerberos_release(host->self, state->session, auth->in->affinity);
	auth_items_free(&state->own);
	auth_items_free(&state->peer);
	auth_items_free(&state->wrapped);
}

const struct auth_method auth_gss = {
    .name = "Kerberos",
    .attribute = IKEV1_METHOD_GSS,
    .family = IKEV1_FAMILY_GSS,
    .state_size = sizeof(struct gss_state),
    .check_entry = check_entry,
    .skeyid = auth_skeyid_of_nonces,
    .prepare = prepare,
    .put_exchange = put_exchange,
    .read = read_exchange,
    .prove = prove,
    .put_proof = put_proof,
    .check = check,
    .kerberos_done = kerberos_done,
    .close = close_state,
};
