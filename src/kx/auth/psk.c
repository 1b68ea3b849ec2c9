/* Authentication with a pre-shared key: RFC 2409 5.4. */
#include "kx/auth/auth-internal.h"

static enum err check_entry(const struct policy_peer *peer, struct problem *problem)
{
	return peer->ike->psk.len > 0
	           ? ERR_OK
	           : problem_set(problem, ERR_NOT_FOUND,
			 "peer \"%s\" has no pre-shared key in the file (psk_file)", peer->name);
}

/* SKEYID = prf(pre-shared-key, Ni_b | Nr_b) */
static enum err skeyid(struct auth *auth, uint8_t *out)
{
	struct bytes nonces[2] = {auth->in->nonce_i, auth->in->nonce_r};

	return auth_prf(auth, auth->ike->psk, nonces, 2, out);
}

static enum auth_result check(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	return auth_hash_check(
	    auth, chain, "its pre-shared key is another than ours (psk_file)", problem);
}

const struct auth_method auth_psk = {
    .name = "pre-shared key",
    .attribute = IKEV1_METHOD_PRE_SHARED_KEY,
    .family = IKEV1_FAMILY_PRE_SHARED_KEY,
    .check_entry = check_entry,
    .skeyid = skeyid,
    .prove = auth_hash_prove,
    .put_proof = auth_hash_put_proof,
    .check = check,
};
