/*
 * The responder's side: RFC 4120 3.2.3, RFC 4430 4 and 7. The message's checksum comes before the
 * replay cache: otherwise whoever saw an AP-REQ could burn it with a message of his own around it
 * before the genuine one arrives.
 */
#include <string.h>

#include "kerberos/private.h"

/* A KRB-ERROR for what can be told to a stranger; nothing for what is no AP-REQ at all. */
static void make_error(
    struct kerberos_worker *worker, krb5_error_code code, struct kerberos_completion *completion)
{
	krb5_error error;
	krb5_data data = {0};
	krb5_principal server = NULL;
	krb5_int32 seconds;
	krb5_int32 microseconds;

	if (code < ERROR_TABLE_BASE_krb5 || code >= ERROR_TABLE_BASE_krb5 + 128 ||
	    krb5_us_timeofday(worker->context, &seconds, &microseconds) != 0)
		return;
	memset(&error, 0, sizeof(error));
	error.error = (krb5_ui_4)(code - ERROR_TABLE_BASE_krb5);
	error.stime = seconds;
	error.susec = microseconds;
	if (krb5_sname_to_principal(worker->context, NULL, "kink", KRB5_NT_UNKNOWN, &server) != 0)
		return;
	error.server = server;
	if (krb5_mk_error(worker->context, &error, &data) == 0) {
		completion->reply_error = worker_keep(worker, data.data, data.length);
		krb5_free_data_contents(worker->context, &data);
	}
	krb5_free_principal(worker->context, server);
}

static void refuse(struct kerberos_worker *worker, krb5_error_code code,
    struct kerberos_completion *completion, const char *tried)
{
	(void)kerberos_problem(
	    worker->context, code, &completion->problem, tried, completion->client, NULL);
	make_error(worker, code, completion);
}

/* Who it is, as whom he addressed us, and when he said so. */
static krb5_error_code read_names(struct kerberos_worker *worker, krb5_auth_context context,
    const krb5_ticket *ticket, struct kerberos_completion *completion)
{
	krb5_authenticator *authenticator;
	krb5_error_code code =
	    krb5_auth_con_getauthenticator(worker->context, context, &authenticator);

	if (code != 0)
		return code;
	completion->authenticator_us =
	    (int64_t)authenticator->ctime * 1000000 + authenticator->cusec;
	krb5_free_authenticator(worker->context, authenticator);
	completion->client = worker_keep_name(worker, ticket->enc_part2->client);
	completion->server = worker_keep_name(worker, ticket->server);
	completion->ticket_end = ticket->enc_part2->times.endtime;
	return completion->client == NULL || completion->server == NULL ? KRB5_PARSE_MALFORMED : 0;
}

static enum err check_replay(
    struct kerberos_worker *worker, const struct kerberos_completion *completion)
{
	krb5_int32 seconds;
	krb5_int32 microseconds;

	if (krb5_us_timeofday(worker->context, &seconds, &microseconds) != 0)
		return ERR_SYSTEM;
	return replay_check(worker->realm->replay, completion->client, completion->server,
	    completion->authenticator_us, (int64_t)seconds * 1000000 + microseconds);
}

/* The ticket is good: now the message around it. */
static void accept_message(struct kerberos_worker *worker, krb5_auth_context context,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	krb5_keyblock *keyblock = NULL;
	struct session_key key = {0};
	struct session *session;
	krb5_data ap_rep = {0};
	enum err error;

	/* The ticket's session key, whatever subkey the peer sent (RFC 4430 7). */
	if (krb5_auth_con_getkey(worker->context, context, &keyblock) != 0)
		error = ERR_NO_MEMORY;
	else
		error = worker_key(worker, keyblock, &key);
	krb5_free_keyblock(worker->context, keyblock);
	if (error == ERR_OK)
		error = worker_open(worker, &key, request, completion);
	if (error != ERR_OK) {
		completion->plain = (struct bytes){0};
		(void)problem_set(&completion->problem, error,
		    "the message of %s is not by its session key: %s", completion->client,
		    err_text(error));
		goto out;
	}
	error = check_replay(worker, completion);
	if (error != ERR_OK) {
		completion->plain = (struct bytes){0};
		(void)problem_set(&completion->problem, error,
		    "an authenticator of %s is not fresh: %s", completion->client, err_text(error));
		if (error == ERR_REPLAY)
			make_error(worker, KRB5KRB_AP_ERR_REPEAT, completion);
		goto out;
	}
	if (krb5_mk_rep(worker->context, context, &ap_rep) != 0) {
		(void)problem_set(&completion->problem, ERR_SYSTEM, "no AP-REP can be made");
		goto out;
	}
	completion->ap = worker_keep(worker, ap_rep.data, ap_rep.length);
	krb5_free_data_contents(worker->context, &ap_rep);
	error = worker_session_add(worker, &key, &session);
	if (error == ERR_OK) {
		completion->session = session->handle;
		completion->lengths = key.lengths;
	} else {
		(void)problem_set(
		    &completion->problem, error, "no session can be made: %s", err_text(error));
	}
out:
	krb5_k_free_key(worker->context, key.key);
}

void worker_accept(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	krb5_data ap_req = kerberos_data(request->ap);
	krb5_auth_context context = NULL;
	krb5_ticket *ticket = NULL;
	krb5_flags options = 0;
	krb5_error_code code;

	if (request->checksum.len == 0) {
		(void)problem_set(&completion->problem, ERR_AUTH, "the message has no checksum");
		return;
	}
	if (worker_keytab(worker, &completion->problem) != ERR_OK) {
		completion->problem.code = ERR_UNAVAILABLE;
		return;
	}
	code = krb5_auth_con_init(worker->context, &context);
	/* No replay cache in a file: ours is in memory. */
	if (code == 0)
		code = krb5_auth_con_setflags(worker->context, context, 0);
	if (code == 0)
		code = krb5_rd_req(
		    worker->context, &context, &ap_req, NULL, worker->keytab, &options, &ticket);
	if (code == 0)
		code = read_names(worker, context, ticket, completion);
	if (code != 0) {
		refuse(worker, code, completion, "checking an AP-REQ of");
	} else if ((options & AP_OPTS_MUTUAL_REQUIRED) == 0) {
		/* RFC 4430 4.2.1: the AP-REQ MUST request mutual authentication. */
		refuse(worker, KRB5KRB_AP_ERR_METHOD, completion,
		    "an AP-REQ does not ask for mutual authentication, of");
	} else {
		accept_message(worker, context, request, completion);
	}
	if (ticket != NULL)
		krb5_free_ticket(worker->context, ticket);
	if (context != NULL)
		(void)krb5_auth_con_free(worker->context, context);
}
