/* The initiator's side: AP-REQs over one ticket, and the verification of what comes back. */
#include <stdlib.h>
#include <string.h>

#include "kerberos/private.h"

bool kerberos_worker_needs_ticket(
    struct kerberos_worker *worker, const struct kerberos_request *request)
{
	struct kerberos_realm *realm = worker->realm;
	bool there;

	if (request->operation != KERBEROS_REQUEST)
		return false;
	(void)pthread_mutex_lock(&realm->lock);
	there = kerberos_ticket_find(realm, request->server, request->min_lifetime) != NULL;
	(void)pthread_mutex_unlock(&realm->lock);
	return !there;
}

/* A new AP-REQ; its authenticator is remembered, the oldest given up when there are many. */
static void add_authenticator(struct kerberos_worker *worker, struct session *session,
    krb5_creds *creds, struct kerberos_completion *completion)
{
	krb5_auth_context authenticator = NULL;
	krb5_data ap_req = {0};
	krb5_error_code code = krb5_auth_con_init(worker->context, &authenticator);

	if (code == 0)
		code = krb5_auth_con_setflags(worker->context, authenticator, 0);
	if (code == 0)
		code = krb5_mk_req_extended(
		    worker->context, &authenticator, AP_OPTS_MUTUAL_REQUIRED, NULL, creds, &ap_req);
	if (code != 0) {
		if (authenticator != NULL)
			(void)krb5_auth_con_free(worker->context, authenticator);
		(void)kerberos_problem(
		    worker->context, code, &completion->problem, "making an AP-REQ", NULL, NULL);
		return;
	}
	if (session->authenticator_count == AUTHENTICATORS_MAX) {
		(void)krb5_auth_con_free(worker->context, session->authenticators[0]);
		memmove(&session->authenticators[0], &session->authenticators[1],
		    (AUTHENTICATORS_MAX - 1) * sizeof(session->authenticators[0]));
		session->authenticator_count--;
	}
	session->authenticators[session->authenticator_count++] = authenticator;
	completion->ap = worker_keep(worker, ap_req.data, ap_req.length);
	krb5_free_data_contents(worker->context, &ap_req);
	completion->lengths = session->key.lengths;
	if (completion->ap.len == 0)
		(void)problem_set(&completion->problem, ERR_TOO_LONG, "the AP-REQ is too long");
}

/* The worker's own copy of the realm's ticket, with its key. */
static enum err ticket_copy(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct known_ticket **out, struct problem *problem)
{
	struct kerberos_realm *realm = worker->realm;
	const struct kerberos_ticket *ticket;
	struct known_ticket *known;
	krb5_creds *creds = NULL;
	uint64_t version = 0;
	krb5_error_code code = 0;
	enum err error;

	HASH_FIND(by_server, worker->tickets, request->server, strlen(request->server), known);
	(void)pthread_mutex_lock(&realm->lock);
	ticket = kerberos_ticket_find(realm, request->server, request->min_lifetime);
	error = ticket == NULL ? ERR_UNAVAILABLE
	        : ticket->creds != NULL && ticket->creds->times.endtime > kerberos_now()
	            ? ERR_OK
	            : ticket->problem.code;
	if (error == ERR_OK) {
		version = ticket->version;
		if (known == NULL || known->version != version)
			code = krb5_copy_creds(worker->context, ticket->creds, &creds);
	} else if (ticket != NULL) {
		*problem = ticket->problem;
	} else {
		(void)problem_set(problem, error, "there is no ticket for %s", request->server);
	}
	(void)pthread_mutex_unlock(&realm->lock);
	if (error != ERR_OK)
		return error;
	if (code != 0)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	if (creds == NULL) {
		*out = known;
		return ERR_OK;
	}
	if (known != NULL) {
		HASH_DELETE(by_server, worker->tickets, known);
		krb5_k_free_key(worker->context, known->key.key);
		krb5_free_creds(worker->context, known->creds);
		free(known->server);
		free(known);
	}
	known = calloc(1, sizeof(*known));
	if (known != NULL)
		known->server = strdup(request->server);
	if (known == NULL || known->server == NULL) {
		error = ERR_NO_MEMORY;
	} else {
		known->creds = creds;
		known->version = version;
		error = worker_key(worker, &creds->keyblock, &known->key);
	}
	if (error == ERR_OK) {
		HASH_ADD_KEYPTR(
		    by_server, worker->tickets, known->server, strlen(known->server), known);
		if (table_holds(&known->by_server)) {
			*out = known;
			return ERR_OK;
		}
		krb5_k_free_key(worker->context, known->key.key);
		error = ERR_NO_MEMORY;
	}
	krb5_free_creds(worker->context, creds);
	if (known != NULL)
		free(known->server);
	free(known);
	return problem_set(problem, error, "the ticket for %s cannot be used: %s", request->server,
	    error == ERR_UNSUPPORTED ? "its encryption type is not supported" : err_text(error));
}

void worker_request(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct known_ticket *ticket = NULL;
	struct session *session;
	enum err error;

	if (ticket_copy(worker, request, &ticket, &completion->problem) != ERR_OK || ticket == NULL)
		return;
	error = worker_session_add(worker, &ticket->key, &session);
	if (error != ERR_OK) {
		(void)problem_set(
		    &completion->problem, error, "no session can be made: %s", err_text(error));
		return;
	}
	if (krb5_copy_creds(worker->context, ticket->creds, &session->creds) != 0)
		(void)problem_set(&completion->problem, ERR_NO_MEMORY, "out of memory");
	else
		add_authenticator(worker, session, session->creds, completion);
	if (completion->problem.code != ERR_OK) {
		kerberos_worker_release(
		    worker, session->handle | (uint64_t)worker->index << SLOTS_HANDLE_BITS);
		return;
	}
	completion->session = session->handle;
	completion->ticket_end = ticket->creds->times.endtime;
}

void worker_repeat(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session *session = worker_session(worker, request->session);

	if (session == NULL || session->creds == NULL)
		(void)problem_set(&completion->problem, ERR_NOT_FOUND, "there is no such session");
	else
		add_authenticator(worker, session, session->creds, completion);
}

/* Whether an AP-REP answers one of the outstanding authenticators, newest first. */
static enum err check_ap_rep(
    struct kerberos_worker *worker, struct session *session, struct bytes ap_rep)
{
	krb5_data data = kerberos_data(ap_rep);

	for (size_t i = session->authenticator_count; i-- > 0;) {
		krb5_ap_rep_enc_part *part = NULL;
		krb5_error_code code =
		    krb5_rd_rep(worker->context, session->authenticators[i], &data, &part);

		if (code == 0) {
			krb5_free_ap_rep_enc_part(worker->context, part);
			return ERR_OK;
		}
	}
	return ERR_AUTH;
}

static void read_krb_error(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	krb5_data data = kerberos_data(request->krb_error);
	krb5_error *error = NULL;

	if (krb5_rd_error(worker->context, &data, &error) != 0) {
		(void)problem_set(&completion->problem, ERR_INVALID, "the KRB-ERROR is malformed");
		return;
	}
	completion->remote_error = (int32_t)error->error;
	kerberos_remote_problem(error, &completion->problem);
	krb5_free_error(worker->context, error);
}

void worker_verify(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session *session = worker_session(worker, request->session);
	bool bare_error = request->krb_error.len > 0 && request->checksum.len == 0;
	enum err error;

	if (session == NULL) {
		(void)problem_set(&completion->problem, ERR_NOT_FOUND, "there is no such session");
		return;
	}
	/* Without a checksum an error proves nothing; the caller knows. */
	error = bare_error ? ERR_OK : worker_open(worker, &session->key, request, completion);
	if (error == ERR_OK && request->ap.len > 0)
		error = check_ap_rep(worker, session, request->ap);
	if (error != ERR_OK) {
		completion->plain = (struct bytes){0};
		(void)problem_set(&completion->problem, error,
		    "the reply is not by the peer's key or not to our request");
		return;
	}
	if (request->krb_error.len > 0)
		read_krb_error(worker, request, completion);
}
