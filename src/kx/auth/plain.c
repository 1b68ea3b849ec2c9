/* KE, nonce and identity as they stand in messages unless a method encrypts them. */
#include <string.h>

#include "kx/auth/auth-internal.h"

struct bytes auth_own_nonce(const struct auth *auth)
{
	return auth->in->initiator ? auth->in->nonce_i : auth->in->nonce_r;
}

struct bytes auth_own_public(const struct auth *auth)
{
	return auth->in->initiator ? auth->in->public_i : auth->in->public_r;
}

bool auth_identity_is_first(const struct auth *auth)
{
	return auth->in->aggressive || auth->method->identity_first;
}

void auth_plain_put_exchange(struct auth *auth, struct isakmp_writer *chain)
{
	isakmp_put(chain, ISAKMP_KE, auth_own_public(auth));
	isakmp_put(chain, ISAKMP_NONCE, auth_own_nonce(auth));
	if (auth_identity_is_first(auth))
		auth_put_id(auth, chain);
}

enum err auth_take_exchange(
    struct auth *auth, struct bytes public_value, struct bytes nonce, struct problem *problem)
{
	if (public_value.len == 0 || public_value.len > sizeof(auth->peer_public))
		return problem_set(
		    problem, ERR_INVALID, "a key exchange of %zu octets", public_value.len);
	if (nonce.len < IKEV1_NONCE_MIN || nonce.len > IKEV1_NONCE_MAX)
		return problem_set(problem, ERR_INVALID,
		    "a nonce of %zu octets, which must have %d to %d (RFC 2409 5)", nonce.len,
		    IKEV1_NONCE_MIN, IKEV1_NONCE_MAX);
	memcpy(auth->peer_public, public_value.data, public_value.len);
	auth->peer_public_len = public_value.len;
	memcpy(auth->peer_nonce, nonce.data, nonce.len);
	auth->peer_nonce_len = nonce.len;
	return ERR_OK;
}

enum err auth_plain_read(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	const struct isakmp_payload *ke = isakmp_chain_find(chain, ISAKMP_KE, NULL);
	const struct isakmp_payload *nonce = isakmp_chain_find(chain, ISAKMP_NONCE, NULL);
	enum err error;

	if (ke == NULL || nonce == NULL)
		return problem_set(
		    problem, ERR_INVALID, "a message without a key exchange or a nonce");
	error = auth_take_exchange(auth, ke->body, nonce->body, problem);
	if (error == ERR_OK && auth_identity_is_first(auth))
		error = auth_find_id(auth, chain, problem);
	return error;
}

struct bytes auth_peer_public(const struct auth *auth)
{
	return bytes_of(auth->peer_public, auth->peer_public_len);
}

struct bytes auth_peer_nonce(const struct auth *auth)
{
	return bytes_of(auth->peer_nonce, auth->peer_nonce_len);
}
