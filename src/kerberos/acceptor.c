/*
 * The responder's side: RFC 4120 3.2.3, RFC 4430 4 and 7. The message's checksum comes before the
 * replay cache: otherwise whoever saw an AP-REQ could burn it with a message of his own around it
 * before the genuine one arrives.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kerberos/private.h"

#define AP_REQ_TAG 0x6e /* [APPLICATION 14], constructed (RFC 4120 5.5.1) */

/*
 * What may be told to a stranger, as RFC 4120 7.5.9 numbers it; -1 for nothing, because the message
 * is no AP-REQ or the fault is ours.
 */
static int stranger_code(krb5_error_code code)
{
	switch (code) {
	case KRB5KRB_AP_ERR_MSG_TYPE:
	case KRB5KRB_AP_ERR_BADVERSION:
		return -1;
	case KRB5KRB_AP_WRONG_PRINC:
	case KRB5_KT_NOTFOUND:
		return KRB5KRB_AP_ERR_NOKEY - ERROR_TABLE_BASE_krb5;
	case KRB5_KT_KVNONOTFOUND:
		return KRB5KRB_AP_ERR_BADKEYVER - ERROR_TABLE_BASE_krb5;
	default:
		break;
	}
	if (code <= ERROR_TABLE_BASE_krb5 || code >= ERROR_TABLE_BASE_krb5 + 128)
		return -1;
	return (int)(code - ERROR_TABLE_BASE_krb5);
}

void worker_make_error(
    struct kerberos_worker *worker, krb5_error_code code, struct kerberos_completion *completion)
{
	int number = stranger_code(code);
	int64_t now = kerberos_now_us();
	krb5_error error = {.error = (krb5_ui_4)number,
	    .stime = (krb5_timestamp)(now / 1000000),
	    .susec = (krb5_int32)(now % 1000000),
	    .ctime = (krb5_timestamp)(completion->authenticator_us / 1000000),
	    .cusec = (krb5_int32)(completion->authenticator_us % 1000000),
	    .server = worker->stranger};
	krb5_data data = {0};

	if (number < 0 || krb5_mk_error(worker->context, &error, &data) != 0)
		return;
	completion->reply_error = worker_keep(worker, data.data, data.length);
	krb5_free_data_contents(worker->context, &data);
}

/* When the authenticator was made, and by whom. */
static krb5_error_code read_authenticator(struct kerberos_worker *worker, krb5_auth_context context,
    struct kerberos_completion *completion)
{
	krb5_authenticator *authenticator;
	krb5_error_code code =
	    krb5_auth_con_getauthenticator(worker->context, context, &authenticator);

	if (code != 0)
		return code;
	completion->authenticator_us =
	    (int64_t)(uint32_t)authenticator->ctime * 1000000 + authenticator->cusec;
	completion->client = worker_keep_name(worker, authenticator->client);
	krb5_free_authenticator(worker->context, authenticator);
	return completion->client != NULL ? 0 : KRB5_PARSE_MALFORMED;
}

/* Says whose clock is off by how much; which of the two is wrong nobody knows. */
static void skew_problem(struct kerberos_completion *completion)
{
	long long ahead = (completion->authenticator_us - kerberos_now_us()) / 1000000;

	(void)problem_set(&completion->problem, ERR_SKEW,
	    "the clock of %s is %lld s %s ours: see chronyc tracking on both hosts",
	    completion->client, llabs(ahead), ahead < 0 ? "behind" : "ahead of");
}

/*
 * RFC 4120 3.2.3: the authenticator's time, then the ticket's. Returns the error for the peer, or
 * 0.
 */
static krb5_error_code check_times(const struct kerberos_worker *worker,
    const krb5_ticket_times *ticket, struct kerberos_completion *completion)
{
	int64_t now = kerberos_now();
	int64_t skew = (int64_t)worker->realm->clock_skew;
	int64_t start =
	    (int64_t)(uint32_t)(ticket->starttime != 0 ? ticket->starttime : ticket->authtime);
	int64_t ahead = completion->authenticator_us / 1000000 - now;

	if (llabs(ahead) > skew) {
		skew_problem(completion);
		return KRB5KRB_AP_ERR_SKEW;
	}
	if (start > now + skew) {
		(void)problem_set(&completion->problem, ERR_EXPIRED,
		    "a ticket of %s begins in %lld s: this host's clock and the KDC's differ too "
		    "much; see chronyc tracking",
		    completion->client, (long long)(start - now));
		return KRB5KRB_AP_ERR_TKT_NYV;
	}
	if (completion->ticket_end < now - skew) {
		(void)problem_set(&completion->problem, ERR_EXPIRED,
		    "a ticket of %s ended %lld s ago; it should ask for a new one",
		    completion->client, (long long)(now - completion->ticket_end));
		return KRB5KRB_AP_ERR_TKT_EXPIRED;
	}
	return 0;
}

static krb5_error_code check_replay(
    struct kerberos_worker *worker, uint64_t mark, struct kerberos_completion *completion)
{
	enum err error = replay_check(
	    worker->realm->replay, mark, completion->authenticator_us, kerberos_now_us());
	const char *why = "it was seen before";

	if (error == ERR_OK)
		return 0;
	if (error == ERR_SKEW) {
		skew_problem(completion);
		return KRB5KRB_AP_ERR_SKEW;
	}
	if (error == ERR_LIMIT)
		why = "the replay cache is full; it empties as the clock-skew window passes";
	else if (error == ERR_EXPIRED)
		why = "it was made before this daemon started; a new one will do";
	else if (error == ERR_NO_MEMORY)
		why = err_text(error);
	(void)problem_set(&completion->problem, error == ERR_EXPIRED ? ERR_REPLAY : error,
	    "an authenticator of %s is not accepted: %s", completion->client, why);
	/* Since our start no clock may be further behind than that; a peer can correct its own. */
	return error == ERR_EXPIRED  ? KRB5KRB_AP_ERR_SKEW
	       : error == ERR_REPLAY ? KRB5KRB_AP_ERR_REPEAT
	                             : KRB5KRB_ERR_GENERIC;
}

void worker_make_ap_rep(struct kerberos_worker *worker, krb5_auth_context context,
    struct kerberos_completion *completion)
{
	krb5_data ap_rep = {0};

	if (krb5_mk_rep(worker->context, context, &ap_rep) == 0) {
		completion->ap = worker_keep(worker, ap_rep.data, ap_rep.length);
		krb5_free_data_contents(worker->context, &ap_rep);
	}
	if (completion->ap.len == 0)
		(void)problem_set(&completion->problem, ERR_SYSTEM, "no AP-REP can be made");
}

krb5_error_code worker_admit(struct kerberos_worker *worker, const krb5_ticket *ticket,
    krb5_flags options, uint64_t mark, struct kerberos_completion *completion)
{
	krb5_error_code code;

	/* RFC 4430 4.2.1: the AP-REQ MUST request mutual authentication; GSS-API's has to as well.
	 */
	if ((options & AP_OPTS_MUTUAL_REQUIRED) == 0) {
		(void)kerberos_problem(worker->context, KRB5KRB_AP_ERR_METHOD, &completion->problem,
		    "accepting an AP-REQ", completion->client, NULL);
		return KRB5KRB_AP_ERR_METHOD;
	}
	code = check_times(worker, &ticket->enc_part2->times, completion);
	return code != 0 ? code : check_replay(worker, mark, completion);
}

/*
 * The ticket is good: now the message around it, and only when that is the client's, too, what the
 * client may be told under the session key. An error about the AP-REQ itself goes without an
 * AP-REP: that says that the AP-REQ was accepted (RFC 4120 3.2.4), and RFC 4430 6.3 wants a lone
 * KINK_KRB_ERROR then, which 4.2.3 wants signed.
 */
static void accept_message(struct kerberos_worker *worker, krb5_auth_context context,
    const krb5_ticket *ticket, krb5_flags options, bool user_to_user,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct session_key key = {0};
	struct session *session;
	krb5_error_code code;
	/* The ticket's session key, whatever subkey the peer sent (RFC 4430 7). */
	enum err error = worker_key(
	    worker, ticket->enc_part2->session, ticket->enc_part2->client, ticket->server, &key);

	if (error == ERR_OK)
		error = worker_open(worker, &key, request, completion);
	if (error != ERR_OK) {
		(void)problem_set(&completion->problem, error,
		    "a message of %s is not made with its session key: %s", completion->client,
		    err_text(error));
		krb5_k_free_key(worker->context, key.key);
		return;
	}
	code = worker_admit(worker, ticket, options, key.mark, completion);
	if (code == 0) {
		completion->membership = worker_membership(worker, ticket, user_to_user, request);
		worker_make_ap_rep(worker, context, completion);
	} else if (code != KRB5KRB_ERR_GENERIC) {
		worker_make_error(worker, code, completion);
	}
	if (completion->ap.len == 0 && completion->reply_error.len == 0) {
		krb5_k_free_key(worker->context, key.key);
		return;
	}
	completion->lengths = key.lengths;
	error = worker_session_add(worker, &key, &session);
	if (error == ERR_OK)
		completion->session = session->handle;
	else if (code == 0)
		(void)problem_set(&completion->problem, error,
		    "no Kerberos session can be made: %s", err_text(error));
}

/* The cheap half of the work, before any key is touched. */
static enum err precheck(const struct kerberos_request *request, struct problem *problem)
{
	if (request->ap.len == 0 || request->ap.data[0] != AP_REQ_TAG)
		return problem_set(problem, ERR_INVALID, "the message holds no AP-REQ");
	if (request->checksum.len == 0)
		return problem_set(problem, ERR_AUTH, "the message has no checksum");
	return ERR_OK;
}

/* With the keytab; false when the answer is given already. */
static bool read_with_keytab(struct kerberos_worker *worker, krb5_data *ap_req,
    krb5_auth_context *context, krb5_flags *options, krb5_ticket **ticket,
    struct kerberos_completion *completion, krb5_error_code *code)
{
	if (worker_keytab(worker, &completion->problem) != ERR_OK) {
		/* Who starts with a user's ticket may need no keytab (RFC 4430 3.1). */
		if (worker->realm->ccache != NULL) {
			(void)problem_set(&completion->problem, ERR_UNAVAILABLE,
			    "there is no keytab here, so the peer is asked for user-to-user; it "
			    "works if user_to_user is allowed on both hosts");
			worker_make_error(worker, KRB5KRB_AP_ERR_USER_TO_USER_REQUIRED, completion);
		} else {
			worker_make_error(worker, KRB5KRB_AP_ERR_NOKEY, completion);
		}
		return false;
	}
	*code = krb5_auth_con_init(worker->context, context);
	/* No replay cache in a file: ours is in memory. */
	if (*code == 0)
		*code = krb5_auth_con_setflags(worker->context, *context, 0);
	/* Any key of the keytab will do: the names of one host often share it. */
	if (*code == 0)
		*code = krb5_rd_req(
		    worker->context, context, ap_req, NULL, worker->keytab, options, ticket);
	return true;
}

/* From the authenticator and the ticket. */
static krb5_error_code read_names(struct kerberos_worker *worker, krb5_auth_context context,
    const krb5_ticket *ticket, struct kerberos_completion *completion)
{
	krb5_error_code code = read_authenticator(worker, context, completion);

	if (code != 0)
		return code;
	completion->ticket_end = (int64_t)(uint32_t)ticket->enc_part2->times.endtime;
	completion->server = worker_keep_name(worker, ticket->server);
	return completion->server != NULL ? 0 : KRB5_PARSE_MALFORMED;
}

enum err worker_read_ap_req(struct kerberos_worker *worker, struct bytes octets,
    krb5_auth_context *context, krb5_flags *options, krb5_ticket **ticket,
    struct kerberos_completion *completion)
{
	krb5_data ap_req = kerberos_data(octets);
	krb5_error_code code;

	if (!read_with_keytab(worker, &ap_req, context, options, ticket, completion, &code))
		return completion->problem.code;
	if (code == 0)
		code = read_names(worker, *context, *ticket, completion);
	if (code == 0)
		return ERR_OK;
	(void)kerberos_problem(worker->context, code, &completion->problem, "accepting an AP-REQ",
	    completion->client, worker->realm->keytab_path);
	worker_make_error(worker, code, completion);
	return completion->problem.code;
}

/* Under our ticket-granting ticket's key instead of the keytab's. */
static enum err read_user_to_user(struct kerberos_worker *worker, struct bytes octets,
    struct bytes ticket_octets, krb5_auth_context *context, krb5_flags *options,
    krb5_ticket **ticket, struct kerberos_completion *completion)
{
	krb5_data ap_req = kerberos_data(octets);
	krb5_error_code code = worker_read_user_to_user(worker, &ap_req, context, options, ticket);

	if (code == 0)
		code = read_names(worker, *context, *ticket, completion);
	if (code != 0)
		worker_refuse_user_to_user(worker, ticket_octets, code, completion);
	return completion->problem.code;
}

void worker_accept(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	krb5_auth_context context = NULL;
	krb5_ticket *ticket = NULL;
	krb5_flags options = 0;
	struct bytes ticket_octets;
	bool user_to_user;
	enum err error;

	if (precheck(request, &completion->problem) != ERR_OK)
		return;
	/* libkrb5 does not look at the option. */
	user_to_user = kerberos_is_user_to_user(request->ap, &ticket_octets);
	if (user_to_user)
		error = read_user_to_user(
		    worker, request->ap, ticket_octets, &context, &options, &ticket, completion);
	else
		error = worker_read_ap_req(
		    worker, request->ap, &context, &options, &ticket, completion);
	if (error == ERR_OK)
		accept_message(worker, context, ticket, options, user_to_user, request, completion);
	krb5_free_ticket(worker->context, ticket);
	if (context != NULL)
		(void)krb5_auth_con_free(worker->context, context);
}
