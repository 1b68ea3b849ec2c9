/* The steps of authentication, and which method's part comes next. */
#include "kx/auth/auth.h"

#include "base/secret.h"
#include "kx/auth/auth-internal.h"

enum err auth_new(const struct auth_inputs *inputs, struct auth **out, struct problem *problem)
{
	const struct auth_method *method = auth_method_of(inputs->authentication);
	struct auth *auth;
	enum err error;

	if (method == NULL || inputs->peer->ike == NULL)
		return problem_set(problem, ERR_UNSUPPORTED,
		    "peer \"%s\" cannot authenticate in this way", inputs->peer->name);
	error = method->check_entry(inputs->peer, problem);
	if (error != ERR_OK)
		return error;
	auth = secret_alloc(sizeof(*auth));
	if (auth == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	auth->in = inputs;
	auth->method = method;
	auth->ike = inputs->peer->ike;
	if (method->state_size > 0) {
		auth->state = secret_alloc(method->state_size);
		if (auth->state == NULL) {
			auth_free(auth);
			return problem_set(problem, ERR_NO_MEMORY, "out of memory");
		}
	}
	*out = auth;
	return ERR_OK;
}

void auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	if (auth->state != NULL && auth->method->close != NULL)
		auth->method->close(auth);
	secret_free(auth->state, auth->method->state_size);
	secret_free(auth, sizeof(*auth));
}

/* A step's end, or that it is under way; with a check's end comes the last question. */
static enum auth_result settle(
    struct auth *auth, enum auth_step step, enum auth_result result, struct problem *problem)
{
	auth->step = result == AUTH_PENDING ? step : AUTH_STEP_NONE;
	/* A principal is what counts, unless the entry names identities of IKE, too. */
	if (step == AUTH_STEP_CHECK && result == AUTH_DONE &&
	    (auth->principal[0] == '\0' || auth->ike->remote_identity_count > 0))
		return auth_result_of(auth_expect_peer(auth, problem));
	return result;
}

enum auth_result auth_begin(struct auth *auth, struct problem *problem)
{
	return settle(auth, AUTH_STEP_BEGIN,
	    auth->method->begin != NULL ? auth->method->begin(auth, problem) : AUTH_DONE, problem);
}

enum auth_result auth_prepare(struct auth *auth, struct problem *problem)
{
	return settle(auth, AUTH_STEP_PREPARE,
	    auth->method->prepare != NULL ? auth->method->prepare(auth, problem)
					  : auth_result_of(auth_make_own_id(auth, NULL, problem)),
	    problem);
}

void auth_put_exchange(struct auth *auth, struct isakmp_writer *chain)
{
	if (auth->method->put_exchange != NULL)
		auth->method->put_exchange(auth, chain);
	else
		auth_plain_put_exchange(auth, chain);
}

enum auth_result auth_read(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	return settle(auth, AUTH_STEP_READ,
	    auth->method->read != NULL ? auth->method->read(auth, chain, problem)
				       : auth_result_of(auth_plain_read(auth, chain, problem)),
	    problem);
}

enum auth_result auth_prove(struct auth *auth, struct problem *problem)
{
	return settle(auth, AUTH_STEP_PROVE, auth->method->prove(auth, problem), problem);
}

void auth_put_proof(struct auth *auth, struct isakmp_writer *chain)
{
	auth->method->put_proof(auth, chain);
}

enum auth_result auth_check(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	auth->proved = false;
	return settle(auth, AUTH_STEP_CHECK, auth->method->check(auth, chain, problem), problem);
}

bool auth_peer_proved(const struct auth *auth)
{
	return auth->proved;
}

enum auth_result auth_credentials_done(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem)
{
	if (auth->step == AUTH_STEP_NONE || auth->method->credentials_done == NULL)
		return auth_result_of(
		    problem_set(problem, ERR_INVALID, "an answer that nobody waits for"));
	return settle(
	    auth, auth->step, auth->method->credentials_done(auth, completion, problem), problem);
}

enum auth_result auth_kerberos_done(
    struct auth *auth, const struct kerberos_completion *completion, struct problem *problem)
{
	if (auth->step == AUTH_STEP_NONE || auth->method->kerberos_done == NULL)
		return auth_result_of(
		    problem_set(problem, ERR_INVALID, "an answer that nobody waits for"));
	return settle(
	    auth, auth->step, auth->method->kerberos_done(auth, completion, problem), problem);
}

const char *auth_peer_principal(const struct auth *auth, enum kerberos_membership *membership)
{
	if (auth->in->initiator || auth->principal[0] == '\0')
		return NULL;
	*membership = auth->membership;
	return auth->principal;
}
