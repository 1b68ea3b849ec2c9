/* A worker: its sessions and scratch memory, and which request goes where. */
#include "kerberos/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/random.h"
#include "kerberos/private.h"

#define SESSIONS_MAX 262144
#define SCRATCH_SIZE 262144

#define SESSION_INDEX_SHIFT SLOTS_HANDLE_BITS

/*
 * Under which name KRB-ERRORs leave. It is made once, of what is known without asking anyone: a
 * stranger's message must not make us look up names.
 */
static krb5_error_code name_stranger(krb5_context context, krb5_principal *out)
{
	char *realm = NULL;
	krb5_error_code code;

	(void)krb5_get_default_realm(context, &realm);
	code = krb5_build_principal(context, out, realm != NULL ? (unsigned)strlen(realm) : 0,
	    realm != NULL ? realm : "", "kink", (char *)NULL);
	krb5_free_default_realm(context, realm);
	return code;
}

enum err kerberos_worker_create(struct kerberos_realm *realm, uint32_t index,
    struct kerberos_worker **out, struct problem *problem)
{
	struct kerberos_worker *worker = calloc(1, sizeof(*worker));
	enum err error;

	if (worker == NULL || index >= KERBEROS_WORKERS_MAX) {
		free(worker);
		return problem_set(problem, ERR_LIMIT, "no Kerberos worker %u can be made", index);
	}
	worker->realm = realm;
	worker->index = index;
	random_octets(&worker->key_secret, sizeof(worker->key_secret));
	error = kerberos_context(&realm->worker_overlay, &worker->context, problem);
	if (error == ERR_OK) {
		worker->scratch = secret_alloc(SCRATCH_SIZE);
		if (worker->scratch == NULL ||
		    name_stranger(worker->context, &worker->stranger) != 0)
			error = problem_set(problem, ERR_NO_MEMORY, "out of memory");
	}
	if (error == ERR_OK)
		*out = worker;
	else
		kerberos_worker_destroy(worker);
	return error;
}

void worker_session_free(struct kerberos_worker *worker, struct session *session)
{
	for (size_t i = 0; i < session->authenticator_count; i++)
		(void)krb5_auth_con_free(worker->context, session->authenticators[i].context);
	free(session->authenticators);
	gss_context_free(worker, session->gss);
	/* The peer may have no key for its ticket any more, and has no way to say so. */
	if (session->unanswered)
		kerberos_ticket_doubt(
		    worker->realm, session->ticket->name, session->ticket->version, false);
	if (session->ticket != NULL)
		worker_ticket_release(worker, session->ticket);
	krb5_k_free_key(worker->context, session->key.key);
	slots_remove(&worker->sessions, session->handle);
	free(session);
}

void kerberos_worker_destroy(struct kerberos_worker *worker)
{
	struct session *session;
	uint32_t cursor = 0;

	if (worker == NULL)
		return;
	while ((session = slots_next(&worker->sessions, &cursor)) != NULL)
		worker_session_free(worker, session);
	slots_clear(&worker->sessions);
	worker_tickets_clear(worker);
	worker_keys_clear(worker);
	if (worker->keytab != NULL)
		(void)krb5_kt_close(worker->context, worker->keytab);
	krb5_free_principal(worker->context, worker->stranger);
	krb5_free_context(worker->context);
	secret_free(worker->scratch, SCRATCH_SIZE);
	free(worker);
}

uint8_t *worker_scratch(struct kerberos_worker *worker, size_t len)
{
	uint8_t *start = worker->scratch + worker->scratch_used;

	if (len > SCRATCH_SIZE - worker->scratch_used)
		return NULL;
	worker->scratch_used += len;
	return start;
}

struct bytes worker_keep(struct kerberos_worker *worker, const void *data, size_t len)
{
	uint8_t *copy = worker_scratch(worker, len);

	if (copy == NULL || len == 0)
		return (struct bytes){0};
	memcpy(copy, data, len);
	return bytes_of(copy, len);
}

const char *worker_keep_name(struct kerberos_worker *worker, krb5_const_principal principal)
{
	char *name;
	struct bytes kept;

	if (krb5_unparse_name(worker->context, principal, &name) != 0)
		return NULL;
	kept = strlen(name) < KERBEROS_NAME_MAX ? worker_keep(worker, name, strlen(name) + 1)
	                                        : (struct bytes){0};
	krb5_free_unparsed_name(worker->context, name);
	return (const char *)kept.data;
}

enum err worker_session_add(
    struct kerberos_worker *worker, const struct session_key *key, struct session **out)
{
	struct session *session = NULL;
	enum err error = ERR_LIMIT;

	if (worker->sessions.count < SESSIONS_MAX) {
		session = calloc(1, sizeof(*session));
		error = ERR_NO_MEMORY;
	}
	if (session != NULL)
		error = slots_add(&worker->sessions, session, &session->handle);
	if (error != ERR_OK) {
		krb5_k_free_key(worker->context, key->key);
		free(session);
		return error;
	}
	session->key = *key;
	*out = session;
	return ERR_OK;
}

struct session *worker_session(struct kerberos_worker *worker, uint64_t handle)
{
	if (handle >> SESSION_INDEX_SHIFT != worker->index)
		return NULL;
	return slots_get(&worker->sessions, handle & ((1ULL << SESSION_INDEX_SHIFT) - 1));
}

void kerberos_worker_release(struct kerberos_worker *worker, uint64_t session)
{
	struct session *found = worker_session(worker, session);

	if (found != NULL)
		worker_session_free(worker, found);
}

enum err worker_keytab(struct kerberos_worker *worker, struct problem *problem)
{
	struct kerberos_realm *realm = worker->realm;
	char name[64];
	enum err error;

	(void)pthread_mutex_lock(&realm->lock);
	error = kerberos_keytab_refresh(realm);
	if (error != ERR_OK)
		*problem = realm->keytab_problem;
	if (error == ERR_OK && worker->keytab_version != realm->keytab_version) {
		if (worker->keytab != NULL)
			(void)krb5_kt_close(worker->context, worker->keytab);
		worker->keytab = NULL;
		kerberos_keytab_name(realm, realm->keytab_version, name);
		if (krb5_kt_resolve(worker->context, name, &worker->keytab) == 0)
			worker->keytab_version = realm->keytab_version;
		else
			error = problem_set(problem, ERR_SYSTEM, "the keytab cannot be opened");
	}
	(void)pthread_mutex_unlock(&realm->lock);
	return error;
}

void kerberos_worker_run(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	secret_wipe(worker->scratch, worker->scratch_used);
	worker->scratch_used = 0;
	*completion = (struct kerberos_completion){.operation = request->operation,
	    .token = request->token,
	    .affinity = request->affinity};
	switch (request->operation) {
	case KERBEROS_REQUEST:
		worker_request(worker, request, completion);
		break;
	case KERBEROS_REPEAT:
		worker_repeat(worker, request, completion);
		break;
	case KERBEROS_ACCEPT:
		worker_accept(worker, request, completion);
		break;
	case KERBEROS_VERIFY:
		worker_verify(worker, request, completion);
		break;
	case KERBEROS_PROTECT:
		worker_protect(worker, request, completion);
		break;
	case KERBEROS_TGT:
		worker_tgt(worker, request, completion);
		break;
	case KERBEROS_GSS_REQUEST:
		worker_gss_request(worker, request, completion);
		break;
	case KERBEROS_GSS_ACCEPT:
		worker_gss_accept(worker, request, completion);
		break;
	case KERBEROS_GSS_VERIFY:
		worker_gss_verify(worker, request, completion);
		break;
	case KERBEROS_GSS_WRAP:
		worker_gss_wrap(worker, request, completion);
		break;
	case KERBEROS_GSS_UNWRAP:
		worker_gss_unwrap(worker, request, completion);
		break;
	}
	if (completion->session != KERBEROS_SESSION_NONE)
		completion->session |= (uint64_t)worker->index << SESSION_INDEX_SHIFT;
	if (completion->problem.code != ERR_OK) {
		/* Nothing half-made leaves. */
		completion->ap = (struct bytes){0};
		completion->plain = (struct bytes){0};
		completion->message = (struct bytes){0};
		completion->checksum = (struct bytes){0};
		completion->keymat_count = 0;
	}
}
