/*
 * Service tickets for peers: the part that talks to the KDC and may block. Two fetchers never ask
 * for the same thing at the same time, and a failure is remembered for a moment, so that a burst
 * asks once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/prf.h"
#include "kerberos/private.h"

#define TICKETS_MAX 16384

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
	struct kerberos_ticket *next;

	HASH_ITER (by_key, realm->tickets, ticket, next)
		ticket_free(realm, ticket);
}

void kerberos_tickets_forget(struct kerberos_realm *realm, const char *client)
{
	struct kerberos_ticket *ticket;
	struct kerberos_ticket *next;
	size_t len = strlen(client);

	HASH_ITER (by_key, realm->tickets, ticket, next) {
		if (!ticket->fetching && strncmp(ticket->key, client, len) == 0 &&
		    ticket->key[len] == ' ')
			ticket_free(realm, ticket);
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

/*
 * Asks the KDC for a service ticket over our own; may block. *foreign becomes whether the peer is
 * of another realm than we.
 */
static krb5_error_code ask_service_ticket(krb5_context context, krb5_creds *own,
    const struct kerberos_request *request, krb5_creds **out, bool *foreign)
{
	krb5_creds wanted = {.client = own->client, .second_ticket = kerberos_data(request->tgt)};
	krb5_flags options = KRB5_GC_NO_STORE | (request->tgt.len > 0 ? KRB5_GC_USER_USER : 0);
	krb5_ccache ccache = NULL;
	krb5_error_code code = krb5_parse_name(context, request->server, &wanted.server);

	*foreign = code == 0 && !krb5_realm_compare(context, own->client, wanted.server);
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

/* Of another realm the KDC misses either the name or the way to that realm; libkrb5 says which. */
static void unknown_abroad(krb5_context context, const char *server, struct problem *problem)
{
	const char *text = krb5_get_error_message(context, KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN);

	(void)problem_set(problem, kerberos_err(KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN),
	    "getting a ticket for %s: %s; correct the realm of the peer's responder_principal, let "
	    "the realms trust one another (krbtgt/), or create the name there",
	    server, text);
	krb5_free_error_message(context, text);
}

static enum err get_service_ticket(struct kerberos_fetcher *fetcher,
    const struct kerberos_request *request, krb5_creds **out, struct problem *problem)
{
	struct kerberos_realm *realm = fetcher->realm;
	const char *name = request->client != NULL ? request->client : "";
	int64_t newer_than = 0;
	krb5_error_code code = 0;
	bool foreign = false;
	enum err error;

	/* A KDC may no longer like our own ticket (its key or our account changed): once more. */
	for (size_t tries = 0; tries < 2; tries++) {
		krb5_creds *own = NULL;
		int64_t asked_at = kerberos_now();

		error = kerberos_own_ticket(
		    fetcher, name, request->min_lifetime, newer_than, &own, problem);
		if (error != ERR_OK)
			return error;
		code = ask_service_ticket(fetcher->context, own, request, out, &foreign);
		krb5_free_creds(fetcher->context, own);
		if (code == 0 || !kerberos_is_kdc_answer(code) ||
		    code == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN ||
		    code == KRB5KDC_ERR_MUST_USE_USER2USER || code == KRB5KRB_AP_ERR_BADMATCH ||
		    code == KRB5KDC_ERR_SERVER_NOMATCH)
			break;
		newer_than = asked_at - YOUNG_SECONDS;
	}
	(void)pthread_mutex_lock(&realm->lock);
	if (kerberos_is_kdc_answer(code))
		realm->status.kdc_answered = kerberos_now();
	if (foreign && code == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN)
		unknown_abroad(fetcher->context, request->server, problem);
	else if (code != 0)
		(void)kerberos_problem(
		    fetcher->context, code, problem, "getting a ticket for", request->server, NULL);
	/* A KDC that is away concerns all, a name that it does not know only this one. */
	if (code == 0 || problem->code == ERR_UNAVAILABLE || problem->code == ERR_UNREACHABLE)
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

void kerberos_fetch(struct kerberos_fetcher *fetcher, const struct kerberos_request *request)
{
	struct kerberos_realm *realm = fetcher->realm;
	struct problem problem = {.code = ERR_OK};
	struct kerberos_ticket *ticket;
	krb5_creds *creds = NULL;
	char key[TICKET_KEY_SIZE];
	bool wanted;

	if (request->operation != KERBEROS_REQUEST && request->operation != KERBEROS_GSS_REQUEST) {
		kerberos_fetch_own_as(fetcher, request->client != NULL ? request->client : "");
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
