/*
 * Phase 1's frame: who begins it, what it waits for, and how it ends. What its modes do stands in
 * phase1-steps.c.
 */
#include "kx/ikev1/phase1.h"

#include <string.h>

#include "base/secret.h"
#include "kx/ikev1/informational.h"

/* How long a responder waits for the proof: for copies of it as well, at others' pace. */
#define PROOF_MS 30000

static const struct host *host_of(const struct ikev1_phase1 *phase1)
{
	return kx_host(phase1->sa->peer->ikev1->kx);
}

/* Inputs that are known from the start. */
static void begin_inputs(struct ikev1_phase1 *phase1)
{
	const struct ikev1_sa *sa = phase1->sa;
	const struct host *host = host_of(phase1);

	host->random(host->self, phase1->nonce, sizeof(phase1->nonce));
	phase1->inputs = (struct auth_inputs){.host = host,
	    .token = ikev1_token(IKEV1_OWNER_PHASE1, sa->handle),
	    .peer = sa->peer->policy,
	    .initiator = sa->initiator,
	    .aggressive = phase1->mode == ISAKMP_EXCHANGE_AGGRESSIVE,
	    .local = sa->path.local.address,
	    .remote = sa->path.remote.address,
	    .affinity = kx_affinity(&sa->path.remote.address),
	    .cookie_i = bytes_of(sa->cookies.initiator, IKEV1_COOKIE_SIZE),
	    .cookie_r = bytes_of(sa->cookies.responder, IKEV1_COOKIE_SIZE)};
	if (sa->initiator)
		phase1->inputs.nonce_i = bytes_of(phase1->nonce, sizeof(phase1->nonce));
	else
		phase1->inputs.nonce_r = bytes_of(phase1->nonce, sizeof(phase1->nonce));
}

/* Nothing came, however often a message was sent. */
static void silent(void *context)
{
	struct ikev1_phase1 *phase1 = ((struct ikev1_sa *)context)->phase1;
	struct ikev1_sa *sa = context;
	struct problem problem;
	char remote[ENDPOINT_TEXT_SIZE];

	if (phase1 == NULL)
		return;
	(void)endpoint_format(&sa->path.remote, remote);
	if (phase1->hint.code != ERR_OK)
		(void)problem_set(&problem, ERR_TIMEOUT,
		    "%s did not go on with phase 1; it, or anyone, said without a proof: %s",
		    remote, phase1->hint.text);
	else if (phase1->doubt.code != ERR_OK)
		(void)problem_set(&problem, ERR_AUTH, "%s has not proved who it is: %.200s", remote,
		    phase1->doubt.text);
	else if (phase1->heard)
		(void)problem_set(&problem, ERR_TIMEOUT, "%s did not go on with phase 1; %s",
		    remote,
		    sa->suite.authentication == IKE_AUTHENTICATION_GSS
			? "its log says what it refused of Kerberos: this host's principal, or its "
			  "ticket"
			: "do both ends have the same pre-shared key, or certificates of one "
			  "authority?");
	else
		(void)problem_set(&problem, ERR_TIMEOUT,
		    "%s did not answer %u messages; does it speak IKEv1, and do UDP ports 500 and "
		    "4500 get through?",
		    remote, sa->exchange.tries);
	ikev1_phase1_fail(phase1,
	    phase1->heard || phase1->hint.code != ERR_OK ? KX_FAILURE_FINAL : KX_FAILURE_SILENT,
	    &problem);
}

static enum err phase1_new(
    struct ikev1_sa *sa, uint8_t mode, const struct ikev1_step *steps, struct bytes sai_b)
{
	struct ikev1_phase1 *phase1 = secret_alloc(sizeof(*phase1));

	if (phase1 == NULL)
		return ERR_NO_MEMORY;
	sa->phase1 = phase1;
	sa->exchange.silent = silent;
	sa->exchange.context = sa;
	phase1->sa = sa;
	phase1->ike = sa->peer->policy->ike;
	phase1->mode = mode;
	sa->aggressive = mode == ISAKMP_EXCHANGE_AGGRESSIVE;
	phase1->steps.next = steps;
	begin_inputs(phase1);
	if (sai_b.len == 0)
		return ERR_OK;
	phase1->sai_b = bytes_copy(sai_b);
	phase1->inputs.sai_b = phase1->sai_b;
	return phase1->sai_b.data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

void ikev1_phase1_free(struct ikev1_sa *sa)
{
	struct ikev1_phase1 *phase1 = sa->phase1;

	if (phase1 == NULL)
		return;
	sa->phase1 = NULL;
	if (phase1->pending)
		sa->peer->ikev1->pending--;
	auth_free(phase1->auth);
	ikev1_names_cancel(phase1);
	quick_key_exchange_free(phase1->key_exchange);
	ikev1_received_clear(&phase1->received);
	bytes_drop(&phase1->sai_b);
	bytes_drop(&phase1->own_gss_name);
	bytes_drop(&phase1->gss_names[0]);
	bytes_drop(&phase1->gss_names[1]);
	secret_free(phase1, sizeof(*phase1));
}

void ikev1_phase1_fail(
    struct ikev1_phase1 *phase1, enum kx_failure failure, const struct problem *problem)
{
	struct ikev1_sa *sa = phase1->sa;
	struct ikev1_peer *peer = sa->peer;
	struct ikev1 *ikev1 = peer->ikev1;
	struct address local = peer->key.local;
	struct address remote = peer->key.remote;
	/* Whatever came from the peer may have been forged, so that one more try is due. */
	bool again = phase1->heard;

	if (!sa->initiator) {
		kx_count(ikev1->kx, KX_RESPONSES_REFUSED);
		ikev1_log_stranger(
		    ikev1, &sa->path.remote, "refused to make an ISAKMP SA", problem->text);
	}
	ikev1_sa_free(sa);
	peer = ikev1_peer_find(ikev1, &local, &remote);
	if (peer != NULL)
		ikev1_peer_failed(peer, failure, again, problem);
}

static void begin_failed(
    struct ikev1_peer *peer, struct ikev1_sa *sa, enum err error, const char *what)
{
	struct problem problem;

	(void)problem_set(&problem, error, "%s: %s", what, err_text(error));
	if (sa != NULL)
		ikev1_sa_free(sa);
	ikev1_peer_failed(peer, KX_FAILURE_FINAL, false, &problem);
}

void ikev1_phase1_initiate(struct ikev1_peer *peer)
{
	struct ikev1 *ikev1 = peer->ikev1;
	const struct host *host = kx_host(ikev1->kx);
	const struct policy_ike *ike = peer->policy->ike;
	bool aggressive = ike != NULL && ike->mode == POLICY_IKE_AGGRESSIVE;
	struct ikev1_path path = {.port = HOST_PORT_IKE,
	    .local = {peer->key.local, IKEV1_PORT},
	    .remote = {peer->key.remote, IKEV1_PORT}};
	struct ikev1_cookies cookies = {0};
	struct ikev1_sa *sa = NULL;
	struct bytes none = {0};
	enum err error = ike != NULL ? ERR_OK : ERR_NOT_FOUND;

	host->random(host->self, cookies.initiator, sizeof(cookies.initiator));
	if (error == ERR_OK)
		error = ikev1_sa_new(peer, &path, &cookies, true, &sa);
	if (error == ERR_OK)
		error = aggressive ? phase1_new(sa, ISAKMP_EXCHANGE_AGGRESSIVE,
					 ikev1_aggressive_initiator, none)
		                   : phase1_new(sa, ISAKMP_EXCHANGE_IDENTITY_PROTECTION,
					 ikev1_main_initiator, none);
	if (error != ERR_OK)
		begin_failed(peer, sa, error, "phase 1 cannot begin");
	else
		ikev1_steps_run(&sa->phase1->steps, sa->phase1);
}

/* The responder has waited long enough. */
static void stalled(struct timer *timer, void *context)
{
	(void)timer;
	silent(context);
}

/* A phase 1 that a stranger began takes up its message. */
static void take_up(struct ikev1_sa *sa, const struct ikev1_received *received, unsigned number)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	struct ikev1_phase1 *phase1 = sa->phase1;

	phase1->received = *received;
	phase1->number = number;
	phase1->heard = true;
	phase1->pending = true;
	ikev1->pending++;
	if (timers_set(kx_timers(ikev1->kx), &sa->timer, ikev1_now(ikev1) + PROOF_MS, stalled,
		sa) != ERR_OK)
		silent(sa);
	else
		ikev1_steps_run(&phase1->steps, phase1);
}

/* Whether one more stranger may cause a key agreement. */
static bool may_agree(struct ikev1 *ikev1)
{
	if (ikev1->pending < kx_policy(ikev1->kx)->daemon.max_pending &&
	    limit_take(&ikev1->agreement_limit, ikev1_now(ikev1)))
		return true;
	kx_count(ikev1->kx, KX_DATAGRAMS_SHED);
	return false;
}

void ikev1_phase1_respond_main(struct ikev1 *ikev1, struct ikev1_half_open *half_open,
    const struct host_datagram *datagram, const struct isakmp_header *header, struct bytes body)
{
	const struct policy_peer *policy =
	    policy_peer_of(kx_policy(ikev1->kx), &datagram->remote.address);
	struct ikev1_received received = {0};
	struct ikev1_peer *peer;
	struct ikev1_sa *sa = NULL;
	enum err error;

	if (policy == NULL || policy->ike == NULL ||
	    !endpoint_equal(&datagram->remote, &half_open->path.remote)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	if (ikev1_received_plain(&received, header, body) != ERR_OK) {
		kx_count(ikev1->kx, KX_DATAGRAMS_MALFORMED);
		return;
	}
	if (!ikev1_received_is_lawful(ikev1, &datagram->remote, &received, 3,
		ikev1_family_of(half_open->choice.suite.authentication)) ||
	    !may_agree(ikev1)) {
		ikev1_received_clear(&received);
		return;
	}
	peer = ikev1_peer_get(ikev1, policy, &datagram->local.address, &datagram->remote.address);
	error = peer != NULL ? ERR_OK : ERR_NO_MEMORY;
	if (error == ERR_OK)
		error = ikev1_sa_new(peer, &half_open->path, &half_open->cookies, false, &sa);
	if (error == ERR_OK)
		error = phase1_new(sa, ISAKMP_EXCHANGE_IDENTITY_PROTECTION, ikev1_main_responder,
		    half_open->sai_b);
	if (error != ERR_OK) {
		ikev1_received_clear(&received);
		kx_count(ikev1->kx, KX_DATAGRAMS_SHED);
		if (sa != NULL)
			ikev1_sa_free(sa);
		else if (peer != NULL)
			ikev1_peer_drop(peer);
		return;
	}
	sa->suite = half_open->choice.suite;
	sa->life_seconds = half_open->choice.life_seconds;
	sa->knows_nat = half_open->knows_nat;
	sa->knows_dpd = half_open->knows_dpd;
	sa->knows_fragments = half_open->knows_fragments && policy->ike->fragmentation;
	sa->exchange.fragments = sa->knows_fragments;
	ikev1_take_gss_names(sa->phase1, half_open->choice.gss_identity, half_open->gss_name);
	ikev1_exchange_answered(&sa->exchange, ikev1_mark(datagram->data));
	take_up(sa, &received, 3);
}

/* What the responder of aggressive mode has to know before any work is done. */
static enum err choose(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, const struct policy_ike *ike,
    const struct ikev1_received *received, struct ikev1_choice *choice)
{
	struct bytes sai_b = isakmp_chain_find(&received->chain, ISAKMP_SA, NULL)->body;
	struct problem problem;
	enum err error;

	if (ike->mode != POLICY_IKE_AGGRESSIVE)
		error = problem_set(&problem, ERR_DENIED,
		    "it wants aggressive mode, and its entry does not say so");
	else
		/* Kerberos is for main mode. */
		error = ikev1_choose(sai_b, ike, false, choice, &problem);
	if (error == ERR_OK)
		return ERR_OK;
	kx_count(ikev1->kx, KX_RESPONSES_REFUSED);
	ikev1_refuse_plain(ikev1, datagram, header, NOTIFY_NO_PROPOSAL_CHOSEN);
	ikev1_log_stranger(ikev1, &datagram->remote, "refused to make an ISAKMP SA", problem.text);
	return error;
}

static enum err respond_aggressive(struct ikev1_peer *peer, const struct host_datagram *datagram,
    const struct isakmp_header *header, const struct ikev1_received *received,
    struct ikev1_sa **out)
{
	const struct host *host = kx_host(peer->ikev1->kx);
	struct ikev1_path path = {datagram->port, datagram->local, datagram->remote};
	struct ikev1_vendor vendor = ikev1_read_vendor(&received->chain);
	struct ikev1_cookies cookies;
	enum err error;

	memcpy(cookies.initiator, header->initiator_cookie, IKEV1_COOKIE_SIZE);
	host->random(host->self, cookies.responder, sizeof(cookies.responder));
	error = ikev1_sa_new(peer, &path, &cookies, false, out);
	if (error != ERR_OK)
		return error;
	(*out)->knows_nat = vendor.nat;
	(*out)->knows_dpd = vendor.dpd;
	(*out)->knows_fragments = vendor.fragments && peer->policy->ike->fragmentation;
	(*out)->exchange.fragments = (*out)->knows_fragments;
	return phase1_new(*out, ISAKMP_EXCHANGE_AGGRESSIVE, ikev1_aggressive_responder,
	    isakmp_chain_find(&received->chain, ISAKMP_SA, NULL)->body);
}

/* The SA whose first message this is a copy of. */
static struct ikev1_sa *find_copy(struct ikev1 *ikev1, const struct host_datagram *datagram)
{
	struct ikev1_peer *peer =
	    ikev1_peer_find(ikev1, &datagram->local.address, &datagram->remote.address);

	for (struct ikev1_sa *sa = peer != NULL ? peer->sas : NULL; sa != NULL; sa = sa->next) {
		if (!sa->established && ikev1_exchange_is_copy(&sa->exchange, datagram->data))
			return sa;
	}
	return NULL;
}

void ikev1_phase1_respond_aggressive(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	const struct policy_peer *policy =
	    policy_peer_of(kx_policy(ikev1->kx), &datagram->remote.address);
	struct ikev1_sa *sa = find_copy(ikev1, datagram);
	struct ikev1_received received = {0};
	struct ikev1_peer *peer = NULL;
	struct ikev1_choice choice;
	enum err error;

	if (sa != NULL) {
		ikev1_exchange_again(&sa->exchange);
		return;
	}
	if (policy == NULL || policy->ike == NULL || kx_is_stopping(ikev1->kx)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	if (ikev1_received_plain(&received, header, body) != ERR_OK) {
		kx_count(ikev1->kx, KX_DATAGRAMS_MALFORMED);
		return;
	}
	if (!ikev1_received_is_lawful(ikev1, &datagram->remote, &received, 1, IKEV1_FAMILY_ANY) ||
	    choose(ikev1, datagram, header, policy->ike, &received, &choice) != ERR_OK ||
	    !ikev1_received_is_lawful(ikev1, &datagram->remote, &received, 1,
		ikev1_family_of(choice.suite.authentication)) ||
	    !may_agree(ikev1)) {
		ikev1_received_clear(&received);
		return;
	}
	peer = ikev1_peer_get(ikev1, policy, &datagram->local.address, &datagram->remote.address);
	error = peer != NULL ? respond_aggressive(peer, datagram, header, &received, &sa)
	                     : ERR_NO_MEMORY;
	if (error != ERR_OK) {
		ikev1_received_clear(&received);
		kx_count(ikev1->kx, KX_DATAGRAMS_SHED);
		if (sa != NULL)
			ikev1_sa_free(sa);
		else if (peer != NULL)
			ikev1_peer_drop(peer);
		return;
	}
	sa->suite = choice.suite;
	sa->life_seconds = choice.life_seconds;
	sa->phase1->choice = choice;
	ikev1_exchange_answered(&sa->exchange, ikev1_mark(datagram->data));
	take_up(sa, &received, 1);
}

static bool agree(struct ikev1_phase1 *phase1, const struct agreement_completion *completion,
    struct problem *problem)
{
	enum err error = completion->error;

	if (error == ERR_OK)
		error = quick_key_exchange_keep(phase1->key_exchange, completion);
	if (error == ERR_OK)
		return true;
	(void)problem_set(problem, error, "the key exchange fails: %s",
	    error == ERR_INVALID ? "the peer's value is not valid" : err_text(error));
	return false;
}

void ikev1_phase1_agreed(struct ikev1_sa *sa, const struct agreement_completion *completion)
{
	struct ikev1_phase1 *phase1 = sa->phase1;
	struct auth_inputs *inputs;
	struct problem problem;

	if (phase1 == NULL)
		return;
	if (!agree(phase1, completion, &problem)) {
		ikev1_phase1_fail(phase1, KX_FAILURE_FINAL, &problem);
		return;
	}
	inputs = &phase1->inputs;
	if (sa->initiator)
		inputs->public_i = quick_key_exchange_public(phase1->key_exchange);
	else
		inputs->public_r = quick_key_exchange_public(phase1->key_exchange);
	inputs->secret = quick_key_exchange_secret(phase1->key_exchange);
	ikev1_steps_go_on(&phase1->steps, phase1);
}

/* An answer for what authentication asked of the host. */
static void authenticated(
    struct ikev1_phase1 *phase1, enum auth_result result, const struct problem *problem)
{
	if (result == AUTH_DONE)
		ikev1_steps_go_on(&phase1->steps, phase1);
	else if (result == AUTH_FAILED)
		ikev1_phase1_unauthenticated(phase1, problem);
}

void ikev1_phase1_credentials_done(
    struct ikev1_sa *sa, const struct credentials_completion *completion)
{
	struct ikev1_phase1 *phase1 = sa->phase1;
	struct problem problem;

	if (phase1 != NULL && phase1->auth != NULL)
		authenticated(
		    phase1, auth_credentials_done(phase1->auth, completion, &problem), &problem);
}

void ikev1_phase1_kerberos_done(struct ikev1_sa *sa, const struct kerberos_completion *completion)
{
	struct ikev1_phase1 *phase1 = sa->phase1;
	struct problem problem;

	if (phase1 != NULL && phase1->auth != NULL)
		authenticated(
		    phase1, auth_kerberos_done(phase1->auth, completion, &problem), &problem);
}
