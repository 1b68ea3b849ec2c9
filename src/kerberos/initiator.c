/* The initiator's side: AP-REQs over one ticket, and the verification of what comes back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kerberos/gss-token.h"
#include "kerberos/private.h"

/* Tickets of one worker; as many as the realm has. */
#define KNOWN_MAX   16384
/* How often an AP-REQ is made anew because the clock leapt. */
#define CLOCK_TRIES 8

bool kerberos_worker_needs_ticket(
    struct kerberos_worker *worker, const struct kerberos_request *request)
{
	struct kerberos_realm *realm = worker->realm;
	char key[TICKET_KEY_SIZE];
	struct bytes ticket;
	bool there;

	if (request->operation == KERBEROS_TGT ||
	    (request->operation == KERBEROS_ACCEPT &&
		kerberos_is_user_to_user(request->ap, &ticket)))
		return kerberos_own_is_due(realm, request->client != NULL ? request->client : "");
	if ((request->operation != KERBEROS_REQUEST &&
		request->operation != KERBEROS_GSS_REQUEST) ||
	    kerberos_ticket_key(request, key) != ERR_OK)
		return false;
	(void)pthread_mutex_lock(&realm->lock);
	there = kerberos_ticket_find(realm, key, request->min_lifetime) != NULL;
	(void)pthread_mutex_unlock(&realm->lock);
	return !there;
}

/* Room for one more; the oldest is given up when there are many. */
static enum err make_room(struct kerberos_worker *worker, struct session *session)
{
	if (session->authenticators == NULL)
		session->authenticators =
		    calloc(AUTHENTICATORS_MAX, sizeof(*session->authenticators));
	if (session->authenticators == NULL)
		return ERR_NO_MEMORY;
	if (session->authenticator_count < AUTHENTICATORS_MAX)
		return ERR_OK;
	(void)krb5_auth_con_free(worker->context, session->authenticators[0].context);
	session->authenticator_count--;
	memmove(&session->authenticators[0], &session->authenticators[1],
	    session->authenticator_count * sizeof(*session->authenticators));
	return ERR_OK;
}

/*
 * libkrb5's own clock nearly stands still within a second, and an authenticator that seems older
 * than the peer's start is refused: so it is told the time, which is the peer's where that differs.
 */
static krb5_error_code set_clock(struct kerberos_worker *worker, int64_t clock_us, int64_t *now)
{
	*now = kerberos_unique_us(worker->realm) + clock_us;
	return krb5_set_real_time(
	    worker->context, (krb5_timestamp)(*now / 1000000), (krb5_int32)(*now % 1000000));
}

/*
 * Whether all that libkrb5 dated since set_clock() lies in the moments that were set aside there:
 * at the end of a second, and when other threads look at the clock, it counts on from elsewhere.
 */
static bool clock_held(struct kerberos_worker *worker, int64_t since)
{
	krb5_timestamp seconds;
	krb5_int32 microseconds;
	int64_t now;

	if (krb5_us_timeofday(worker->context, &seconds, &microseconds) != 0)
		return false;
	now = (int64_t)(uint32_t)seconds * 1000000 + microseconds;
	return now >= since && now <= since + KERBEROS_MOMENT_US;
}

/*
 * RFC 4121 4.1.1, behind the length of channel bindings, of which there are none: mutual
 * authentication, confidentiality, integrity.
 */
static char gss_checksum[] = {16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    GSS_FLAG_MUTUAL | GSS_FLAG_CONFIDENTIALITY | GSS_FLAG_INTEGRITY, 0, 0, 0};

/*
 * An AP-REQ over a clock that may have leapt. KINK's has neither subkey nor sequence number,
 * GSS-API's has both.
 */
static krb5_error_code try_ap_req(struct kerberos_worker *worker, const struct session *session,
    bool gss, struct authenticator *made, krb5_data *ap_req)
{
	krb5_auth_context *authenticator = &made->context;
	krb5_error_code code = krb5_auth_con_init(worker->context, authenticator);
	krb5_data checksum = {
	    .magic = KV5M_DATA, .length = sizeof(gss_checksum), .data = gss_checksum};
	krb5_flags options = AP_OPTS_MUTUAL_REQUIRED;

	if (session->ticket->creds->is_skey)
		options |= AP_OPTS_USE_SESSION_KEY;
	if (gss)
		options |= AP_OPTS_USE_SUBKEY;
	if (code == 0)
		code = krb5_auth_con_setflags(
		    worker->context, *authenticator, gss ? KRB5_AUTH_CONTEXT_DO_SEQUENCE : 0);
	if (code == 0 && gss)
		code = krb5_auth_con_set_req_cksumtype(
		    worker->context, *authenticator, GSS_CHECKSUM_TYPE);
	if (code == 0)
		code = krb5_mk_req_extended(worker->context, authenticator, options,
		    gss ? &checksum : NULL, session->ticket->creds, ap_req);
	if (code != 0 && *authenticator != NULL) {
		(void)krb5_auth_con_free(worker->context, *authenticator);
		*authenticator = NULL;
	}
	return code;
}

static krb5_error_code make_ap_req(struct kerberos_worker *worker, const struct session *session,
    bool gss, struct authenticator *authenticator, krb5_data *ap_req)
{
	krb5_error_code code;

	authenticator->clock_us = session->ticket->clock_us;
	for (int tries = 1;; tries++) {
		code = set_clock(worker, authenticator->clock_us, &authenticator->time_us);
		if (code == 0)
			code = try_ap_req(worker, session, gss, authenticator, ap_req);
		if (code != 0 || clock_held(worker, authenticator->time_us) || tries == CLOCK_TRIES)
			return code;
		krb5_free_data_contents(worker->context, ap_req);
		(void)krb5_auth_con_free(worker->context, authenticator->context);
	}
}

/* Another AP-REQ; its authenticator is outstanding. */
static void add_authenticator(struct kerberos_worker *worker, struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct authenticator authenticator = {0};
	krb5_data ap_req = {0};
	krb5_error_code code = make_room(worker, session) == ERR_OK ? 0 : ENOMEM;

	if (code == 0)
		code = make_ap_req(worker, session, request->operation == KERBEROS_GSS_REQUEST,
		    &authenticator, &ap_req);
	if (code != 0) {
		(void)kerberos_problem(
		    worker->context, code, &completion->problem, "making an AP-REQ", NULL, NULL);
		return;
	}
	session->authenticators[session->authenticator_count++] = authenticator;
	completion->ap = worker_keep(worker, ap_req.data, ap_req.length);
	krb5_free_data_contents(worker->context, &ap_req);
	completion->lengths = session->key.lengths;
	completion->ticket_end = session->ticket->creds->times.endtime;
	if (completion->ap.len == 0)
		(void)problem_set(&completion->problem, ERR_TOO_LONG, "the AP-REQ is too long");
	else
		worker_build(worker, &session->key, request, completion->ap, completion);
}

void worker_ticket_release(struct kerberos_worker *worker, struct known_ticket *ticket)
{
	if (--ticket->references > 0)
		return;
	krb5_k_free_key(worker->context, ticket->key.key);
	krb5_free_creds(worker->context, ticket->creds);
	free(ticket->name);
	free(ticket);
}

static void known_ticket_remove(struct kerberos_worker *worker, struct known_ticket *ticket)
{
	HASH_DELETE(by_name, worker->tickets, ticket);
	worker_ticket_release(worker, ticket);
}

void worker_tickets_clear(struct kerberos_worker *worker)
{
	struct known_ticket *ticket;
	struct known_ticket *next;

	HASH_ITER (by_name, worker->tickets, ticket, next)
		known_ticket_remove(worker, ticket);
}

/* Takes over the credentials, also when it fails. */
static enum err known_ticket_add(struct kerberos_worker *worker, const char *name, uint64_t version,
    krb5_creds *creds, struct known_ticket **out)
{
	struct known_ticket *known = calloc(1, sizeof(*known));
	enum err error = ERR_NO_MEMORY;

	if (known == NULL) {
		krb5_free_creds(worker->context, creds);
		return error;
	}
	known->references = 1;
	known->version = version;
	known->creds = creds;
	known->name = strdup(name);
	if (known->name != NULL)
		error =
		    worker_key(worker, &creds->keyblock, creds->client, creds->server, &known->key);
	if (error == ERR_OK) {
		if (HASH_CNT(by_name, worker->tickets) >= KNOWN_MAX)
			known_ticket_remove(worker, worker->tickets); /* the oldest */
		HASH_ADD_KEYPTR(by_name, worker->tickets, known->name, strlen(name), known);
		if (!table_holds(&known->by_name))
			error = ERR_NO_MEMORY;
	}
	if (error == ERR_OK)
		*out = known;
	else
		worker_ticket_release(worker, known);
	return error;
}

/* The worker's own copy of the realm's ticket, with its key; borrowed. */
static enum err known_ticket_get(struct kerberos_worker *worker,
    const struct kerberos_request *request, struct known_ticket **out, struct problem *problem)
{
	struct kerberos_realm *realm = worker->realm;
	const struct kerberos_ticket *ticket;
	struct known_ticket *known;
	krb5_creds *creds = NULL;
	uint64_t version = 0;
	int64_t clock_us = 0;
	char key[TICKET_KEY_SIZE];
	enum err error = kerberos_ticket_key(request, key);

	if (error != ERR_OK)
		return problem_set(
		    problem, ERR_INVALID, "the principal %.100s... is too long", request->server);
	HASH_FIND(by_name, worker->tickets, key, strlen(key), known);
	(void)pthread_mutex_lock(&realm->lock);
	ticket = kerberos_ticket_find(realm, key, request->min_lifetime);
	if (ticket != NULL)
		clock_us = ticket->clock_us;
	if (ticket == NULL) {
		error = problem_set(
		    problem, ERR_UNAVAILABLE, "there is no ticket for %s yet", request->server);
	} else if (ticket->creds != NULL && ticket->creds->times.endtime > kerberos_now()) {
		version = ticket->version;
		if ((known == NULL || known->version != version) &&
		    krb5_copy_creds(worker->context, ticket->creds, &creds) != 0)
			error = problem_set(problem, ERR_NO_MEMORY, "out of memory");
	} else if (ticket->problem.code != ERR_OK) {
		*problem = ticket->problem;
		error = problem->code;
	} else {
		error = problem_set(problem, ERR_EXPIRED,
		    "the KDC's tickets for %s end at once: raise max_life there", request->server);
	}
	(void)pthread_mutex_unlock(&realm->lock);
	if (error != ERR_OK)
		return error;
	if (creds != NULL) {
		if (known != NULL)
			known_ticket_remove(worker, known);
		error = known_ticket_add(worker, key, version, creds, &known);
	}
	if (error != ERR_OK)
		return problem_set(problem, error, "the ticket for %s cannot be used: %s",
		    request->server,
		    error == ERR_UNSUPPORTED
			? "the encryption type of its session key is not supported; give the "
			  "principal aes keys"
			: err_text(error));
	known->clock_us = clock_us;
	*out = known;
	return ERR_OK;
}

void worker_request(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct known_ticket *ticket = NULL;
	struct session *session;
	enum err error = known_ticket_get(worker, request, &ticket, &completion->problem);

	if (error != ERR_OK) {
		if (completion->problem.code == ERR_DENIED)
			completion->remedy = KERBEROS_REMEDY_USER_TO_USER;
		return;
	}
	krb5_k_reference_key(worker->context, ticket->key.key);
	error = worker_session_add(worker, &ticket->key, &session);
	if (error != ERR_OK) {
		(void)problem_set(&completion->problem, error,
		    "no Kerberos session can be made: %s", err_text(error));
		return;
	}
	session->ticket = ticket;
	ticket->references++;
	add_authenticator(worker, session, request, completion);
	if (completion->problem.code == ERR_OK)
		completion->session = session->handle;
	else
		worker_session_free(worker, session);
}

void worker_repeat(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session *session = worker_session(worker, request->session);

	if (session == NULL || session->ticket == NULL)
		(void)problem_set(&completion->problem, ERR_INVALID, "there is no such session");
	else
		add_authenticator(worker, session, request, completion);
}

/* Whether an AP-REP answers one of the outstanding authenticators, newest first. */
static enum err check_ap_rep(
    struct kerberos_worker *worker, struct session *session, struct bytes ap_rep)
{
	krb5_data data = kerberos_data(ap_rep);

	for (size_t i = session->authenticator_count; i-- > 0;) {
		krb5_ap_rep_enc_part *part = NULL;
		krb5_error_code code =
		    krb5_rd_rep(worker->context, session->authenticators[i].context, &data, &part);

		if (code == 0) {
			krb5_free_ap_rep_enc_part(worker->context, part);
			return ERR_OK;
		}
	}
	return ERR_AUTH;
}

/*
 * The peer's clock, from a KRB_AP_ERR_SKEW that is proven and names the time of an authenticator
 * of ours (RFC 4430 3.5). That the error took its time makes the peer's clock seem ahead, never
 * behind, and by no more than a transaction lasts.
 */
static enum kerberos_remedy correct_clock(
    struct kerberos_worker *worker, struct session *session, const krb5_error *error)
{
	int64_t client_us = (int64_t)(uint32_t)error->ctime * 1000000 + error->cusec;
	int64_t server_us = (int64_t)(uint32_t)error->stime * 1000000 + error->susec;

	for (size_t i = 0; i < session->authenticator_count; i++) {
		const struct authenticator *authenticator = &session->authenticators[i];

		if (client_us < authenticator->time_us ||
		    client_us >= authenticator->time_us + KERBEROS_MOMENT_US)
			continue;
		/* Corrected since then: what was sent later may still be accepted. */
		if (authenticator->clock_us != session->ticket->clock_us)
			return KERBEROS_REMEDY_WAIT;
		/* "in seconds": what is less may be the error's way as well. */
		session->ticket->clock_us += (server_us - client_us) / 1000000 * 1000000;
		kerberos_ticket_clock(
		    worker->realm, session->ticket->name, session->ticket->clock_us);
		return KERBEROS_REMEDY_REPEAT;
	}
	return KERBEROS_REMEDY_NONE;
}

static void read_krb_error(struct kerberos_worker *worker, struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	krb5_data data = kerberos_data(request->krb_error);
	bool proven = request->proven || request->checksum.len > 0;
	enum kerberos_remedy remedy;
	krb5_error *error = NULL;

	if (krb5_rd_error(worker->context, &data, &error) != 0) {
		(void)problem_set(&completion->problem, ERR_INVALID, "the KRB-ERROR is malformed");
		return;
	}
	completion->remote_error = (int32_t)error->error;
	kerberos_remote_problem(error, &completion->problem);
	remedy = session->ticket != NULL ? kerberos_remedy(error->error) : KERBEROS_REMEDY_NONE;
	if (remedy == KERBEROS_REMEDY_TICKET)
		kerberos_ticket_doubt(
		    worker->realm, session->ticket->name, session->ticket->version, proven);
	if (remedy == KERBEROS_REMEDY_REPEAT && proven)
		remedy = correct_clock(worker, session, error);
	if (proven || remedy == KERBEROS_REMEDY_TICKET || remedy == KERBEROS_REMEDY_USER_TO_USER)
		completion->remedy = remedy;
	krb5_free_error(worker->context, error);
}

void worker_verify(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session *session = worker_session(worker, request->session);
	bool bare_error =
	    request->krb_error.len > 0 && request->ap.len == 0 && request->checksum.len == 0;
	enum err error = ERR_OK;

	if (session == NULL) {
		(void)problem_set(&completion->problem, ERR_INVALID, "there is no such session");
		return;
	}
	/* Without a checksum an error proves nothing, unless the caller knows better. */
	if (!bare_error)
		error = worker_open(worker, &session->key, request, completion);
	if (error == ERR_OK && request->ap.len > 0)
		error = check_ap_rep(worker, session, request->ap);
	if (error != ERR_OK)
		(void)problem_set(&completion->problem, error,
		    "the reply is not made with the session key or not to our request");
	else if (request->krb_error.len > 0)
		read_krb_error(worker, session, request, completion);
	else if (request->derivation_count > 0)
		worker_derive_from_plain(worker, &session->key, request, completion);
}
