/*
 * Our own credentials from the keytab, and service tickets for peers: the part that talks to the
 * KDC and may block. Two fetchers never ask for the same thing at the same time, and a failure is
 * remembered for a moment, so that a burst asks once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/prf.h"
#include "kerberos/private.h"

/* A ticket this young is not asked for anew, however short its life is. */
#define YOUNG_SECONDS      5
#define TICKETS_MAX        16384
/* Between our clock and the KDC's. */
#define CLOCK_WARN_SECONDS 10
#define CLIENTS_MAX        64

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
	error = kerberos_context(&realm->overlay, &fetcher->context, problem);
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

/*
 * Tells second tickets apart: a digest of the whole, so that a forged one never takes the place of
 * the genuine one.
 */
static enum err mark_tgt(struct bytes tgt, uint8_t mark[TGT_MARK_SIZE])
{
	static const uint8_t key[] = "user-to-user";
	uint8_t digest[64];
	struct prf *prf = NULL;
	enum err error = prf_new(PRF_HMAC_SHA2_256, bytes_of(key, sizeof(key)), &prf);

	if (error == ERR_OK)
		error = prf_run(prf, &tgt, 1, digest);
	prf_free(prf);
	if (error == ERR_OK)
		memcpy(mark, digest, TGT_MARK_SIZE);
	return error;
}

enum err kerberos_ticket_key(const struct kerberos_request *request, char key[TICKET_KEY_SIZE])
{
	uint8_t mark[TGT_MARK_SIZE];
	size_t mark_size = request->tgt.len > 0 ? sizeof(mark) : 0;
	int len = snprintf(key, TICKET_KEY_SIZE, "%s %s%s",
	    request->client != NULL ? request->client : "", request->server,
	    mark_size > 0 ? " " : "");

	if (len <= 0 || (size_t)len + 2 * mark_size >= TICKET_KEY_SIZE ||
	    (mark_size > 0 && mark_tgt(request->tgt, mark) != ERR_OK))
		return ERR_TOO_LONG;
	for (size_t i = 0; i < mark_size; i++)
		len +=
		    snprintf(key + len, TICKET_KEY_SIZE - (size_t)len, "%02x", (unsigned)mark[i]);
	return ERR_OK;
}

struct kerberos_ticket *kerberos_ticket_find(
    struct kerberos_realm *realm, const char *key, uint32_t min_lifetime)
{
	int64_t now = kerberos_now();
	struct kerberos_ticket *ticket;

	HASH_FIND(by_key, realm->tickets, key, strlen(key), ticket);
	if (ticket == NULL)
		return NULL;
	if (ticket->creds != NULL && ticket->creds->times.endtime > now + (int64_t)min_lifetime)
		return ticket;
	return ticket->until > now ? ticket : NULL;
}

static void ticket_free(struct kerberos_realm *realm, struct kerberos_ticket *ticket)
{
	HASH_DELETE(by_key, realm->tickets, ticket);
	krb5_free_creds(realm->context, ticket->creds);
	free(ticket->key);
	free(ticket);
}

void kerberos_tickets_clear(struct kerberos_realm *realm)
{
	struct kerberos_ticket *ticket;
	struct kerberos_ticket *next_ticket;
	struct kerberos_client *client;
	struct kerberos_client *next_client;

	HASH_ITER (by_key, realm->tickets, ticket, next_ticket)
		ticket_free(realm, ticket);
	HASH_ITER (by_name, realm->clients, client, next_client) {
		HASH_DELETE(by_name, realm->clients, client);
		krb5_free_creds(realm->context, client->creds);
		krb5_free_creds(realm->context, client->previous);
		free(client->name);
		free(client);
	}
}

void kerberos_ticket_doubt(
    struct kerberos_realm *realm, const char *key, uint64_t version, bool proven)
{
	struct kerberos_ticket *ticket;

	(void)pthread_mutex_lock(&realm->lock);
	HASH_FIND(by_key, realm->tickets, key, strlen(key), ticket);
	if (ticket != NULL && ticket->version == version && ticket->creds != NULL &&
	    (proven || limit_take(&realm->doubts, (uint64_t)kerberos_now() * 1000))) {
		krb5_free_creds(realm->context, ticket->creds);
		ticket->creds = NULL;
		ticket->until = 0;
	}
	(void)pthread_mutex_unlock(&realm->lock);
}

void kerberos_ticket_clock(struct kerberos_realm *realm, const char *key, int64_t clock_us)
{
	struct kerberos_ticket *ticket;

	(void)pthread_mutex_lock(&realm->lock);
	HASH_FIND(by_key, realm->tickets, key, strlen(key), ticket);
	if (ticket != NULL)
		ticket->clock_us = clock_us;
	(void)pthread_mutex_unlock(&realm->lock);
}

/* The entry, made if need be; under the lock. NULL when there is no room. */
static struct kerberos_ticket *ticket_entry(struct kerberos_realm *realm, const char *key)
{
	struct kerberos_ticket *ticket;

	HASH_FIND(by_key, realm->tickets, key, strlen(key), ticket);
	if (ticket != NULL)
		return ticket;
	if (HASH_CNT(by_key, realm->tickets) >= TICKETS_MAX) {
		if (realm->tickets->fetching)
			return NULL;
		ticket_free(realm, realm->tickets); /* the oldest */
	}
	ticket = calloc(1, sizeof(*ticket));
	if (ticket == NULL)
		return NULL;
	ticket->key = strdup(key);
	if (ticket->key != NULL)
		HASH_ADD_KEYPTR(by_key, realm->tickets, ticket->key, strlen(key), ticket);
	if (ticket->key == NULL || !table_holds(&ticket->by_key)) {
		free(ticket->key);
		free(ticket);
		return NULL;
	}
	return ticket;
}

/* Likewise for one of our own names; "" is the configured or chosen one. */
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

/* A code that the KDC itself sent (RFC 4120 7.5.9), or its success. */
static bool is_kdc_answer(krb5_error_code code)
{
	return code == 0 || (code >= ERROR_TABLE_BASE_krb5 && code < ERROR_TABLE_BASE_krb5 + 128);
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

/* Forgets what an earlier principal of the same credential cache was given. */
static void forget_tickets(struct kerberos_realm *realm, const struct kerberos_client *client)
{
	struct kerberos_ticket *ticket;
	struct kerberos_ticket *next;
	size_t len = strlen(client->name);

	HASH_ITER (by_key, realm->tickets, ticket, next) {
		if (!ticket->fetching && strncmp(ticket->key, client->name, len) == 0 &&
		    ticket->key[len] == ' ')
			ticket_free(realm, ticket);
	}
}

/* A new ticket of our own takes the place of the old one; under the lock. */
static void replace_own(
    struct kerberos_fetcher *fetcher, struct kerberos_client *client, krb5_creds *creds)
{
	if (client->creds != NULL &&
	    !krb5_principal_compare(fetcher->context, client->creds->client, creds->client))
		forget_tickets(fetcher->realm, client);
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
	note_own_ticket(realm, client, name, name != NULL && is_kdc_answer(code), &problem);
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

/* A copy of our own ticket, renewed if it does not live long enough; may block. */
static enum err own_ticket(struct kerberos_fetcher *fetcher, const char *name,
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

/* Asks the KDC for a service ticket over our own; may block. */
static krb5_error_code ask_service_ticket(
    krb5_context context, krb5_creds *own, const struct kerberos_request *request, krb5_creds **out)
{
	krb5_creds wanted = {.client = own->client, .second_ticket = kerberos_data(request->tgt)};
	krb5_flags options = KRB5_GC_NO_STORE | (request->tgt.len > 0 ? KRB5_GC_USER_USER : 0);
	krb5_ccache ccache = NULL;
	krb5_error_code code = krb5_parse_name(context, request->server, &wanted.server);

	if (code == 0 && request->tgt.len > 0)
		code = kerberos_check_tgt(context, request->tgt, wanted.server);

	/* A cache of our own for the moment: other fetchers renew tickets meanwhile. */
	if (code == 0)
		code = krb5_cc_new_unique(context, "MEMORY", NULL, &ccache);
	if (code == 0)
		code = krb5_cc_initialize(context, ccache, own->client);
	if (code == 0)
		code = krb5_cc_store_cred(context, ccache, own);
	if (code == 0)
		code = krb5_get_credentials(context, options, ccache, &wanted, out);
	if (ccache != NULL)
		(void)krb5_cc_destroy(context, ccache);
	krb5_free_principal(context, wanted.server);
	return code;
}

static enum err get_service_ticket(struct kerberos_fetcher *fetcher,
    const struct kerberos_request *request, krb5_creds **out, struct problem *problem)
{
	struct kerberos_realm *realm = fetcher->realm;
	const char *name = request->client != NULL ? request->client : "";
	int64_t newer_than = 0;
	krb5_error_code code = 0;
	enum err error;

	/* A KDC may no longer like our own ticket (its key or our account changed): once more. */
	for (size_t tries = 0; tries < 2; tries++) {
		krb5_creds *own = NULL;
		int64_t asked_at = kerberos_now();

		error = own_ticket(fetcher, name, request->min_lifetime, newer_than, &own, problem);
		if (error != ERR_OK)
			return error;
		code = ask_service_ticket(fetcher->context, own, request, out);
		krb5_free_creds(fetcher->context, own);
		if (code == 0 || !is_kdc_answer(code) || code == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN ||
		    code == KRB5KDC_ERR_MUST_USE_USER2USER || code == KRB5KRB_AP_ERR_BADMATCH ||
		    code == KRB5KDC_ERR_SERVER_NOMATCH)
			break;
		newer_than = asked_at - YOUNG_SECONDS;
	}
	(void)pthread_mutex_lock(&realm->lock);
	if (is_kdc_answer(code))
		realm->status.kdc_answered = kerberos_now();
	if (code != 0)
		(void)kerberos_problem(
		    fetcher->context, code, problem, "getting a ticket for", request->server, NULL);
	/* A KDC that is away concerns all, a name that it does not know only this one. */
	if (code == 0 || problem->code == ERR_UNAVAILABLE)
		realm->status.problem = *problem;
	(void)pthread_mutex_unlock(&realm->lock);
	return problem->code;
}

/* Books a ticket or why there is none; under the lock. */
static void store(struct kerberos_realm *realm, struct kerberos_ticket *ticket, krb5_creds *creds,
    uint32_t min_lifetime, const struct problem *problem)
{
	int64_t now = kerberos_now();

	ticket->problem = *problem;
	ticket->until = now + FAILURE_KEPT_SECONDS;
	if (creds == NULL)
		return;
	krb5_free_creds(realm->context, ticket->creds);
	ticket->creds = creds;
	ticket->version = ++realm->versions;
	/* However short its life is, it is the best there is, for a while. */
	ticket->until = now + YOUNG_SECONDS;
	if (creds->times.endtime <= now + (int64_t)min_lifetime)
		log_event(realm->log, LOG_LEVEL_WARNING, LOG_AREA_KERBEROS,
		    LOG_FIELDS({"ticket", ticket->key}),
		    "the KDC's ticket lives for %lld s only, %u s are wanted: raise max_life there",
		    (long long)(creds->times.endtime - now), min_lifetime);
}

/* The outcome is in the log and in the status. */
static void fetch_own(struct kerberos_fetcher *fetcher, const char *name)
{
	struct problem problem;
	krb5_creds *own = NULL;

	if (own_ticket(fetcher, name, 0, 0, &own, &problem) == ERR_OK)
		krb5_free_creds(fetcher->context, own);
}

void kerberos_fetch_own(struct kerberos_fetcher *fetcher)
{
	fetch_own(fetcher, "");
}

void kerberos_fetch(struct kerberos_fetcher *fetcher, const struct kerberos_request *request)
{
	struct kerberos_realm *realm = fetcher->realm;
	struct problem problem = {.code = ERR_OK};
	struct kerberos_ticket *ticket;
	krb5_creds *creds = NULL;
	char key[TICKET_KEY_SIZE];
	bool wanted;

	if (request->operation != KERBEROS_REQUEST) {
		fetch_own(fetcher, request->client != NULL ? request->client : "");
		return;
	}
	if (kerberos_ticket_key(request, key) != ERR_OK)
		return;
	(void)pthread_mutex_lock(&realm->lock);
	while ((ticket = ticket_entry(realm, key)) != NULL && ticket->fetching)
		(void)pthread_cond_wait(&realm->fetched, &realm->lock);
	wanted = ticket != NULL && kerberos_ticket_find(realm, key, request->min_lifetime) == NULL;
	if (wanted)
		ticket->fetching = true; /* so it stays in the table */
	(void)pthread_mutex_unlock(&realm->lock);
	if (!wanted)
		return;
	if (get_service_ticket(fetcher, request, &creds, &problem) != ERR_OK)
		creds = NULL;
	(void)pthread_mutex_lock(&realm->lock);
	store(realm, ticket, creds, request->min_lifetime, &problem);
	ticket->fetching = false;
	(void)pthread_cond_broadcast(&realm->fetched);
	(void)pthread_mutex_unlock(&realm->lock);
}
