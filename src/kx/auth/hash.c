/* SKEYID's prf and the two hashes that phase 1 is authenticated with: RFC 2409 5. */
#include <string.h>

#include "base/secret.h"
#include "kx/auth/auth-internal.h"

#define PARTS_MAX 12

enum auth_result auth_result_of(enum err error)
{
	return error == ERR_OK ? AUTH_DONE : AUTH_FAILED;
}

static enum err keyed(
    enum prf_hash hash, struct bytes key, const struct bytes *parts, size_t count, uint8_t *out)
{
	struct prf *prf;
	enum err error = prf_new(hash, key, &prf);

	if (error != ERR_OK)
		return error;
	error = prf_run(prf, parts, count, out);
	prf_free(prf);
	return error;
}

enum err auth_prf(const struct auth *auth, struct bytes key, const struct bytes *parts,
    size_t count, uint8_t *out)
{
	return keyed(auth->in->hash, key, parts, count, out);
}

enum err auth_skeyid_of_nonces(struct auth *auth, uint8_t *out)
{
	uint8_t nonces[2 * IKEV1_NONCE_MAX];
	struct writer key = writer_of(nonces, sizeof(nonces));
	enum err error;

	writer_put(&key, auth->in->nonce_i);
	writer_put(&key, auth->in->nonce_r);
	error = writer_ok(&key) ? auth_prf(auth, writer_bytes(&key), &auth->in->secret, 1, out)
	                        : ERR_TOO_LONG;
	secret_wipe(nonces, sizeof(nonces));
	return error;
}

enum err auth_skeyid(struct auth *auth, uint8_t *out)
{
	enum err error = auth->method->skeyid(auth, auth->skeyid);

	if (error == ERR_OK)
		memcpy(out, auth->skeyid, prf_length(auth->in->hash));
	return error;
}

/*
 * HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)
 * HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b)
 */
enum err auth_hash(const struct auth *auth, enum auth_side side, const struct bytes *extra,
    size_t extra_count, uint8_t *out, size_t *len)
{
	const struct auth_inputs *in = auth->in;
	bool initiators = in->initiator == (side == AUTH_OURS);
	enum prf_hash hash = auth->method->fixed_hash ? auth->method->proof_hash : in->hash;
	struct bytes parts[PARTS_MAX] = {initiators ? in->public_i : in->public_r,
	    initiators ? in->public_r : in->public_i, initiators ? in->cookie_i : in->cookie_r,
	    initiators ? in->cookie_r : in->cookie_i, in->sai_b,
	    side == AUTH_OURS ? auth_own_id(auth) : auth_peer_id(auth)};
	size_t count = 6;

	if (extra_count > PARTS_MAX - count)
		return ERR_LIMIT;
	for (size_t i = 0; i < extra_count; i++)
		parts[count++] = extra[i];
	*len = prf_length(hash);
	return keyed(hash, bytes_of(auth->skeyid, prf_length(in->hash)), parts, count, out);
}

enum auth_result auth_hash_prove(struct auth *auth, struct problem *problem)
{
	enum err error = auth_hash(auth, AUTH_OURS, NULL, 0, auth->proof, &auth->proof_len);

	return error == ERR_OK ? AUTH_DONE
	                       : auth_result_of(problem_set(
				     problem, error, "no hash can be made: %s", err_text(error)));
}

void auth_hash_put_proof(struct auth *auth, struct isakmp_writer *chain)
{
	if (!auth_identity_is_first(auth))
		auth_put_id(auth, chain);
	isakmp_put(chain, ISAKMP_HASH, bytes_of(auth->proof, auth->proof_len));
}

enum auth_result auth_hash_check(
    struct auth *auth, const struct isakmp_chain *chain, const char *hint, struct problem *problem)
{
	const struct isakmp_payload *proof = isakmp_chain_find(chain, ISAKMP_HASH, NULL);
	uint8_t expected[CRYPTO_PRF_MAX];
	size_t len = 0;
	enum err error = ERR_OK;
	bool good;

	if (!auth_identity_is_first(auth))
		error = auth_find_id(auth, chain, problem);
	if (error != ERR_OK)
		return AUTH_FAILED;
	error = auth_hash(auth, AUTH_PEERS, NULL, 0, expected, &len);
	good = error == ERR_OK && proof != NULL && proof->body.len == len &&
	       secret_equal(proof->body.data, expected, len);
	secret_wipe(expected, sizeof(expected));
	auth->proved = good;
	if (good)
		return AUTH_DONE;
	return auth_result_of(
	    problem_set(problem, ERR_AUTH, "the peer's hash does not verify: %s", hint));
}
