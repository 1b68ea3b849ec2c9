/*
 * Our own credentials from the keytab, and service tickets for peers: the part that talks to the
 * KDC and may block. Failures are remembered for a moment, so that a burst asks once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kerberos/private.h"

/* Our own ticket is renewed when it is about to end. */
#define OWN_TICKET_MARGIN 300
#define TICKETS_MAX       65536

struct kerberos_fetcher {
	struct kerberos_realm *realm;
	krb5_context context;
};

enum err kerberos_fetcher_create(
    struct kerberos_realm *realm, struct kerberos_fetcher **out, struct problem *problem)
{
	struct kerberos_fetcher *fetcher = calloc(1, sizeof(*fetcher));
	enum err error;

	if (fetcher == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	fetcher->realm = realm;
	error = kerberos_context(realm->clock_skew, &fetcher->context, problem);
	if (error == ERR_OK)
		*out = fetcher;
	else
		free(fetcher);
	return error;
}

void kerberos_fetcher_destroy(struct kerberos_fetcher *fetcher)
{
	if (fetcher == NULL)
		return;
	krb5_free_context(fetcher->context);
	free(fetcher);
}

struct kerberos_ticket *kerberos_ticket_find(
    struct kerberos_realm *realm, const char *server, uint32_t min_lifetime)
{
	int64_t now = kerberos_now();
	struct kerberos_ticket *ticket;

	HASH_FIND(by_server, realm->tickets, server, strlen(server), ticket);
	if (ticket == NULL)
		return NULL;
	if (ticket->creds != NULL && ticket->creds->times.endtime > now + (int64_t)min_lifetime)
		return ticket;
	return ticket->until > now ? ticket : NULL;
}

/* How much we want to start as this principal: in Active Directory only HOST$ can (see the manual).
 */
static int preference(const char *name)
{
	const char *at = strchr(name, '@');

	if (at != NULL && at > name && at[-1] == '$')
		return 4;
	if (strncmp(name, "kink/", 5) == 0)
		return 3;
	return strncmp(name, "host/", 5) == 0 ? 2 : 1;
}

/* The keytab's best principal to start as; under the lock. */
static krb5_error_code choose_client(
    struct kerberos_realm *realm, krb5_context context, krb5_principal *out)
{
	krb5_keytab_entry entry;
	krb5_kt_cursor cursor;
	krb5_error_code code = krb5_kt_start_seq_get(realm->context, realm->keytab, &cursor);
	int best = 0;
	char *name;

	*out = NULL;
	if (code != 0)
		return code;
	while (krb5_kt_next_entry(realm->context, realm->keytab, &entry, &cursor) == 0) {
		if (krb5_unparse_name(realm->context, entry.principal, &name) == 0) {
			if (preference(name) > best) {
				best = preference(name);
				krb5_free_principal(context, *out);
				code = krb5_copy_principal(context, entry.principal, out);
			}
			krb5_free_unparsed_name(realm->context, name);
		}
		(void)krb5_free_keytab_entry_contents(realm->context, &entry);
	}
	(void)krb5_kt_end_seq_get(realm->context, realm->keytab, &cursor);
	return code == 0 && *out == NULL ? KRB5_KT_NOTFOUND : code;
}

/* Our own principal and the keytab that proves it. */
static enum err own_identity(struct kerberos_fetcher *fetcher, krb5_principal *client,
    krb5_keytab *keytab, struct problem *problem)
{
	struct kerberos_realm *realm = fetcher->realm;
	char name[64];
	krb5_error_code code;
	enum err error;

	(void)pthread_mutex_lock(&realm->lock);
	error = kerberos_keytab_refresh(realm);
	if (error != ERR_OK) {
		*problem = realm->keytab_problem;
	} else {
		kerberos_keytab_name(realm, realm->keytab_version, name);
		code = realm->principal != NULL
		           ? krb5_parse_name(fetcher->context, realm->principal, client)
		           : choose_client(realm, fetcher->context, client);
		if (code == 0)
			code = krb5_kt_resolve(fetcher->context, name, keytab);
		if (code != 0)
			error = kerberos_problem(fetcher->context, code, problem,
			    "choosing whom to start as", realm->principal, realm->keytab_path);
	}
	(void)pthread_mutex_unlock(&realm->lock);
	return error;
}

static void note_status(struct kerberos_realm *realm, const char *principal, int64_t ticket_end,
    bool kdc_answered, const struct problem *problem)
{
	static const struct problem none = {.code = ERR_OK};

	(void)pthread_mutex_lock(&realm->lock);
	if (principal != NULL)
		(void)snprintf(
		    realm->status.principal, sizeof(realm->status.principal), "%s", principal);
	if (ticket_end != 0)
		realm->status.ticket_end = ticket_end;
	if (kdc_answered)
		realm->status.kdc_answered = kerberos_now();
	realm->status.problem = problem != NULL ? *problem : none;
	(void)pthread_mutex_unlock(&realm->lock);
}

static bool is_kdc_answer(krb5_error_code code)
{
	return code == 0 || (code >= ERROR_TABLE_BASE_krb5 && code < ERROR_TABLE_BASE_krb5 + 128);
}

/* Gets a ticket-granting ticket with our key into the realm's cache. */
static krb5_error_code get_own_ticket(
    struct kerberos_fetcher *fetcher, krb5_principal client, krb5_keytab keytab)
{
	struct kerberos_realm *realm = fetcher->realm;
	krb5_context context = fetcher->context;
	krb5_creds creds;
	krb5_ccache ccache;
	krb5_error_code code;

	memset(&creds, 0, sizeof(creds));
	code = krb5_get_init_creds_keytab(context, &creds, client, keytab, 0, NULL, NULL);
	if (code != 0)
		return code;
	code = krb5_cc_resolve(context, realm->ccache_name, &ccache);
	if (code == 0) {
		code = krb5_cc_initialize(context, ccache, client);
		if (code == 0)
			code = krb5_cc_store_cred(context, ccache, &creds);
		(void)krb5_cc_close(context, ccache);
	}
	if (code == 0)
		realm->ticket_end = creds.times.endtime;
	krb5_free_cred_contents(context, &creds);
	return code;
}

/* Sees to it that our own ticket lives on; under ticket_lock. */
static enum err refresh_own_ticket(struct kerberos_fetcher *fetcher, struct problem *problem)
{
	struct kerberos_realm *realm = fetcher->realm;
	krb5_principal client = NULL;
	krb5_keytab keytab = NULL;
	char *name = NULL;
	krb5_error_code code;
	enum err error;

	if (realm->ticket_end > kerberos_now() + OWN_TICKET_MARGIN)
		return ERR_OK;
	if (realm->retry_at > kerberos_now()) {
		(void)pthread_mutex_lock(&realm->lock);
		*problem = realm->status.problem;
		(void)pthread_mutex_unlock(&realm->lock);
		return problem->code != ERR_OK ? problem->code : ERR_UNAVAILABLE;
	}
	error = own_identity(fetcher, &client, &keytab, problem);
	if (error == ERR_OK) {
		(void)krb5_unparse_name(fetcher->context, client, &name);
		code = get_own_ticket(fetcher, client, keytab);
		if (code != 0)
			error = kerberos_problem(fetcher->context, code, problem,
			    "getting a ticket as", name, realm->keytab_path);
		note_status(realm, name, code == 0 ? realm->ticket_end : 0, is_kdc_answer(code),
		    code == 0 ? NULL : problem);
	} else {
		note_status(realm, NULL, 0, false, problem);
	}
	if (error != ERR_OK) {
		realm->retry_at = kerberos_now() + FAILURE_KEPT_SECONDS;
		/* What is still valid serves to the end. */
		if (realm->ticket_end > kerberos_now())
			error = ERR_OK;
		log_event(realm->log, LOG_LEVEL_ERROR, LOG_AREA_KERBEROS,
		    LOG_FIELDS({"principal", name != NULL ? name : ""}), "%s", problem->text);
	} else {
		log_event(realm->log, LOG_LEVEL_INFO, LOG_AREA_KERBEROS,
		    LOG_FIELDS({"principal", name}), "got a ticket from the KDC");
	}
	if (keytab != NULL)
		(void)krb5_kt_close(fetcher->context, keytab);
	krb5_free_unparsed_name(fetcher->context, name);
	krb5_free_principal(fetcher->context, client);
	return error;
}

static enum err get_service_ticket(
    struct kerberos_fetcher *fetcher, const char *server, krb5_creds **out, struct problem *problem)
{
	krb5_context context = fetcher->context;
	krb5_creds wanted;
	krb5_ccache ccache = NULL;
	krb5_error_code code;

	memset(&wanted, 0, sizeof(wanted));
	code = krb5_parse_name(context, server, &wanted.server);
	if (code == 0)
		code = krb5_cc_resolve(context, fetcher->realm->ccache_name, &ccache);
	if (code == 0)
		code = krb5_cc_get_principal(context, ccache, &wanted.client);
	if (code == 0)
		code = krb5_get_credentials(context, KRB5_GC_NO_STORE, ccache, &wanted, out);
	if (ccache != NULL)
		(void)krb5_cc_close(context, ccache);
	krb5_free_cred_contents(context, &wanted);
	if (code != 0)
		(void)kerberos_problem(
		    context, code, problem, "getting a ticket for", server, NULL);
	note_status(fetcher->realm, NULL, 0, is_kdc_answer(code),
	    kerberos_err(code) == ERR_UNAVAILABLE ? problem : NULL);
	return kerberos_err(code);
}

/* Under the lock. */
static struct kerberos_ticket *table_get(struct kerberos_realm *realm, const char *server)
{
	struct kerberos_ticket *ticket;

	HASH_FIND(by_server, realm->tickets, server, strlen(server), ticket);
	if (ticket != NULL)
		return ticket;
	if (HASH_CNT(by_server, realm->tickets) >= TICKETS_MAX) {
		struct kerberos_ticket *oldest = realm->tickets;

		HASH_DELETE(by_server, realm->tickets, oldest);
		krb5_free_creds(realm->context, oldest->creds);
		free(oldest->server);
		free(oldest);
	}
	ticket = calloc(1, sizeof(*ticket));
	if (ticket == NULL)
		return NULL;
	ticket->server = strdup(server);
	if (ticket->server != NULL)
		HASH_ADD_KEYPTR(by_server, realm->tickets, ticket->server, strlen(server), ticket);
	if (ticket->server == NULL || !table_holds(&ticket->by_server)) {
		free(ticket->server);
		free(ticket);
		return NULL;
	}
	return ticket;
}

static void store(struct kerberos_realm *realm, const char *server, krb5_creds *creds,
    const struct problem *problem)
{
	struct kerberos_ticket *ticket;

	(void)pthread_mutex_lock(&realm->lock);
	ticket = table_get(realm, server);
	if (ticket == NULL) {
		krb5_free_creds(realm->context, creds);
	} else if (creds != NULL) {
		krb5_free_creds(realm->context, ticket->creds);
		ticket->creds = creds;
		ticket->version = ++realm->versions;
		/* However short its life is: it is the best there is. */
		ticket->until = creds->times.endtime;
		ticket->problem = (struct problem){.code = ERR_OK};
	} else {
		ticket->problem = *problem;
		ticket->until = kerberos_now() + FAILURE_KEPT_SECONDS;
	}
	(void)pthread_mutex_unlock(&realm->lock);
}

void kerberos_fetch(struct kerberos_fetcher *fetcher, const struct kerberos_request *request)
{
	struct kerberos_realm *realm = fetcher->realm;
	struct problem problem = {.code = ERR_OK};
	krb5_creds *creds = NULL;
	bool there;
	enum err error;

	(void)pthread_mutex_lock(&realm->lock);
	there = kerberos_ticket_find(realm, request->server, request->min_lifetime) != NULL;
	(void)pthread_mutex_unlock(&realm->lock);
	if (there)
		return;
	(void)pthread_mutex_lock(&realm->ticket_lock);
	error = refresh_own_ticket(fetcher, &problem);
	(void)pthread_mutex_unlock(&realm->ticket_lock);
	if (error == ERR_OK)
		error = get_service_ticket(fetcher, request->server, &creds, &problem);
	store(realm, request->server, error == ERR_OK ? creds : NULL, &problem);
}
