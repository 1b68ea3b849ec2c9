/*
 * Our own ticket-granting tickets, one for each name that we start as: from the KDC with the
 * keytab's key, or from a credential cache. Renewed when they would end too early; after a failure
 * not before a moment has passed, so that a burst asks once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kerberos/private.h"

/* Between our clock and the KDC's. */
#define CLOCK_WARN_SECONDS 10
#define CLIENTS_MAX        64

void kerberos_clients_clear(struct kerberos_realm *realm)
{
	struct kerberos_client *client;
	struct kerberos_client *next;

	HASH_ITER (by_name, realm->clients, client, next) {
		HASH_DELETE(by_name, realm->clients, client);
		krb5_free_creds(realm->context, client->creds);
		krb5_free_creds(realm->context, client->previous);
		free(client->name);
		free(client);
	}
}

/* The entry of one of our names, made if need be; under the lock. "" is the configured or chosen
 * one; NULL when there is no room. */
static struct kerberos_client *client_entry(struct kerberos_realm *realm, const char *name)
{
	struct kerberos_client *client;

	HASH_FIND(by_name, realm->clients, name, strlen(name), client);
	if (client != NULL || HASH_CNT(by_name, realm->clients) >= CLIENTS_MAX)
		return client;
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return NULL;
	client->name = strdup(name);
	if (client->name != NULL)
		HASH_ADD_KEYPTR(by_name, realm->clients, client->name, strlen(name), client);
	if (client->name == NULL || !table_holds(&client->by_name)) {
		free(client->name);
		free(client);
		return NULL;
	}
	return client;
}

/* Whom to start as and the keytab that proves it; under the lock. */
static krb5_error_code own_identity(struct kerberos_fetcher *fetcher, const char *name,
    krb5_principal *principal, krb5_keytab *keytab)
{
	struct kerberos_realm *realm = fetcher->realm;
	char keytab_name[64];
	krb5_error_code code;

	if (name[0] == '\0' && realm->principal != NULL)
		name = realm->principal;
	code = name[0] != '\0' ? krb5_parse_name(fetcher->context, name, principal)
	                       : kerberos_keytab_choose(realm, fetcher->context, principal);
	kerberos_keytab_name(realm, realm->keytab_version, keytab_name);
	if (code == 0)
		code = krb5_kt_resolve(fetcher->context, keytab_name, keytab);
	return code;
}

/* Asks the KDC for a ticket-granting ticket with our key; may block. */
static krb5_error_code ask_own_ticket(
    krb5_context context, krb5_principal principal, krb5_keytab keytab, krb5_creds **out)
{
	krb5_creds *creds = calloc(1, sizeof(*creds));
	krb5_get_init_creds_opt *options = NULL;
	krb5_error_code code = creds != NULL ? 0 : ENOMEM;

	if (code == 0)
		code = krb5_get_init_creds_opt_alloc(context, &options);
	if (code == 0) {
		krb5_get_init_creds_opt_set_forwardable(options, 0);
		krb5_get_init_creds_opt_set_proxiable(options, 0);
		code =
		    krb5_get_init_creds_keytab(context, creds, principal, keytab, 0, NULL, options);
	}
	krb5_get_init_creds_opt_free(context, options);
	if (code == 0)
		*out = creds;
	else
		free(creds);
	return code;
}

/* Books what the KDC said, or the credential cache; under the lock. */
static void note_own_ticket(struct kerberos_realm *realm, struct kerberos_client *client,
    const char *name, bool kdc_answered, const struct problem *problem)
{
	struct kerberos_status *status = &realm->status;

	client->problem = *problem;
	client->retry_at = problem->code != ERR_OK ? kerberos_now() + FAILURE_KEPT_SECONDS : 0;
	client->keytab_version = realm->keytab_version;
	if (client->name[0] == '\0') {
		if (name != NULL)
			(void)snprintf(status->principal, sizeof(status->principal), "%s", name);
		if (client->creds != NULL)
			status->ticket_end = client->creds->times.endtime;
		status->problem = *problem;
	}
	if (kdc_answered)
		status->kdc_answered = kerberos_now();
	if (problem->code != ERR_OK)
		log_event(realm->log, LOG_LEVEL_ERROR, LOG_AREA_KERBEROS,
		    LOG_FIELDS({"principal", name != NULL ? name : client->name}), "%s",
		    problem->text);
	else
		log_event(realm->log, LOG_LEVEL_INFO, LOG_AREA_KERBEROS,
		    LOG_FIELDS({"principal", name}), "got a ticket from the %s",
		    kdc_answered ? "KDC" : "credential cache");
}

/* What the KDC's answer shows of the clocks. */
static void compare_clocks(const struct kerberos_fetcher *fetcher)
{
	krb5_timestamp seconds;
	krb5_int32 microseconds;

	if (krb5_get_time_offsets(fetcher->context, &seconds, &microseconds) == 0 &&
	    labs((long)seconds) >= CLOCK_WARN_SECONDS)
		log_event(fetcher->realm->log, LOG_LEVEL_WARNING, LOG_AREA_KERBEROS, LOG_NO_FIELDS,
		    "this host's clock is %ld s %s the KDC's: see chronyc tracking",
		    labs((long)seconds), seconds < 0 ? "ahead of" : "behind");
}

/* A new ticket of our own takes the place of the old one; under the lock. */
static void replace_own(
    struct kerberos_fetcher *fetcher, struct kerberos_client *client, krb5_creds *creds)
{
	if (client->creds != NULL &&
	    !krb5_principal_compare(fetcher->context, client->creds->client, creds->client))
		kerberos_tickets_forget(fetcher->realm, client->name);
	krb5_free_creds(fetcher->realm->context, client->previous);
	client->previous = client->creds;
	client->creds = creds;
	client->fetched_at = kerberos_now();
}

/* Reads our ticket from the credential cache again; under the lock. ERR_NOT_FOUND: has the keytab.
 */
static enum err reread(struct kerberos_fetcher *fetcher, struct kerberos_client *client)
{
	struct kerberos_realm *realm = fetcher->realm;
	const char *wanted =
	    client->name[0] == '\0' && realm->principal != NULL ? realm->principal : client->name;
	struct problem problem = {.code = ERR_OK};
	krb5_creds *creds = NULL;
	char *name = NULL;
	krb5_error_code code = kerberos_ccache_ticket(realm, fetcher->context, wanted, &creds);

	/* A principal that is not the cache's may be the keytab's. */
	if (code != 0 && wanted[0] != '\0' && kerberos_keytab_refresh(realm) == ERR_OK)
		return ERR_NOT_FOUND;
	if (code == 0)
		code = krb5_unparse_name(fetcher->context, creds->client, &name);
	if (code != 0)
		(void)kerberos_ccache_problem(realm, fetcher->context, code, wanted, &problem);
	if (code == 0 &&
	    (client->creds == NULL || client->creds->times.endtime != creds->times.endtime ||
		!krb5_principal_compare(fetcher->context, client->creds->client, creds->client))) {
		replace_own(fetcher, client, creds);
		creds = NULL;
		note_own_ticket(realm, client, name, false, &problem);
	} else if (code != 0 && problem.code != client->problem.code) {
		note_own_ticket(realm, client, name, false, &problem);
	}
	client->problem = problem;
	krb5_free_unparsed_name(fetcher->context, name);
	krb5_free_creds(fetcher->context, creds);
	return ERR_OK;
}

/* Under the lock, which is given up while the KDC is asked. */
static void renew(struct kerberos_fetcher *fetcher, struct kerberos_client *client)
{
	struct kerberos_realm *realm = fetcher->realm;
	krb5_context context = fetcher->context;
	struct problem problem = {.code = ERR_OK};
	krb5_principal principal = NULL;
	krb5_keytab keytab = NULL;
	krb5_creds *creds = NULL;
	char *name = NULL;
	krb5_error_code code = 0;

	client->fetching = true;
	if (kerberos_keytab_refresh(realm) != ERR_OK)
		problem = realm->keytab_problem;
	else
		code = own_identity(fetcher, client->name, &principal, &keytab);
	if (code == 0 && principal != NULL)
		code = krb5_unparse_name(context, principal, &name);
	if (code == 0 && name != NULL) {
		(void)pthread_mutex_unlock(&realm->lock);
		code = ask_own_ticket(context, principal, keytab, &creds);
		(void)pthread_mutex_lock(&realm->lock);
	}
	if (code != 0)
		(void)kerberos_problem(context, code, &problem, "getting a ticket as",
		    name != NULL ? name : realm->principal, realm->keytab_path);
	if (creds != NULL) {
		replace_own(fetcher, client, creds);
		compare_clocks(fetcher);
	}
	note_own_ticket(
	    realm, client, name, name != NULL && kerberos_is_kdc_answer(code), &problem);
	client->fetching = false;
	(void)pthread_cond_broadcast(&realm->fetched);
	if (keytab != NULL)
		(void)krb5_kt_close(context, keytab);
	krb5_free_unparsed_name(context, name);
	krb5_free_principal(context, principal);
}

/* Under the lock. */
static void renew_if_due(struct kerberos_fetcher *fetcher, struct kerberos_client *client,
    int64_t wanted, int64_t newer_than)
{
	struct kerberos_realm *realm = fetcher->realm;
	bool good = client->creds != NULL && client->fetched_at > newer_than &&
	            (client->creds->times.endtime > wanted ||
			kerberos_now() - client->fetched_at < YOUNG_SECONDS);
	/* A new keytab may have mended what failed. */
	bool mended = kerberos_keytab_refresh(realm) == ERR_OK &&
	              client->keytab_version != realm->keytab_version;

	if (!good && (mended || client->retry_at <= kerberos_now()))
		renew(fetcher, client);
}

enum err kerberos_own_ticket(struct kerberos_fetcher *fetcher, const char *name,
    uint32_t min_lifetime, int64_t newer_than, krb5_creds **out, struct problem *problem)
{
	struct kerberos_realm *realm = fetcher->realm;
	int64_t wanted = kerberos_now() + (int64_t)min_lifetime + OWN_TICKET_MARGIN;
	struct kerberos_client *client;
	enum err error = ERR_OK;

	(void)pthread_mutex_lock(&realm->lock);
	while ((client = client_entry(realm, name)) != NULL && client->fetching)
		(void)pthread_cond_wait(&realm->fetched, &realm->lock);
	if (client == NULL) {
		error = problem_set(problem, ERR_LIMIT, "too many client principals are in use");
	} else {
		if (realm->ccache == NULL || reread(fetcher, client) != ERR_OK)
			renew_if_due(fetcher, client, wanted, newer_than);
		/* What is still valid serves to its end, whatever came of the renewal. */
		if (client->creds == NULL || client->creds->times.endtime <= kerberos_now()) {
			*problem = client->problem;
			error = problem->code != ERR_OK ? problem->code : ERR_UNAVAILABLE;
		} else if (krb5_copy_creds(fetcher->context, client->creds, out) != 0) {
			error = problem_set(problem, ERR_NO_MEMORY, "out of memory");
		}
	}
	(void)pthread_mutex_unlock(&realm->lock);
	return error;
}

void kerberos_fetch_own_as(struct kerberos_fetcher *fetcher, const char *name)
{
	struct problem problem;
	krb5_creds *own = NULL;

	if (kerberos_own_ticket(fetcher, name, 0, 0, &own, &problem) == ERR_OK)
		krb5_free_creds(fetcher->context, own);
}

void kerberos_fetch_own(struct kerberos_fetcher *fetcher)
{
	kerberos_fetch_own_as(fetcher, "");
}
