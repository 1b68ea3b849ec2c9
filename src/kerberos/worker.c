/* A worker: its keys, sessions and scratch memory, and which request goes where. */
#include "kerberos/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "kerberos/private.h"

#define SESSIONS_MAX 262144
#define KEYS_MAX     16384
#define SCRATCH_SIZE 262144

#define SESSION_INDEX_SHIFT SLOTS_HANDLE_BITS

enum err kerberos_worker_create(struct kerberos_realm *realm, uint32_t index,
    struct kerberos_worker **out, struct problem *problem)
{
	struct kerberos_worker *worker = calloc(1, sizeof(*worker));
	enum err error = ERR_NO_MEMORY;

	if (worker == NULL || index >= KERBEROS_WORKERS_MAX) {
		free(worker);
		return problem_set(problem, error, "no worker can be made");
	}
	worker->realm = realm;
	worker->index = index;
	worker->scratch = secret_alloc(SCRATCH_SIZE);
	if (worker->scratch != NULL)
		error = kerberos_context(realm->clock_skew, &worker->context, problem);
	if (error != ERR_OK) {
		kerberos_worker_destroy(worker);
		return error;
	}
	*out = worker;
	return ERR_OK;
}

static void session_free(struct kerberos_worker *worker, struct session *session)
{
	for (size_t i = 0; i < session->authenticator_count; i++)
		(void)krb5_auth_con_free(worker->context, session->authenticators[i]);
	krb5_k_free_key(worker->context, session->key.key);
	krb5_free_creds(worker->context, session->creds);
	slots_remove(&worker->sessions, session->handle);
	free(session);
}

static void known_key_free(struct kerberos_worker *worker, struct known_key *known)
{
	HASH_DELETE(by_content, worker->keys, known);
	krb5_k_free_key(worker->context, known->key.key);
	secret_free(known, sizeof(*known));
}

void kerberos_worker_destroy(struct kerberos_worker *worker)
{
	struct known_key *key;
	struct known_key *next_key;
	struct known_ticket *ticket;
	struct known_ticket *next_ticket;
	struct session *session;
	uint32_t cursor = 0;

	if (worker == NULL)
		return;
	while ((session = slots_next(&worker->sessions, &cursor)) != NULL)
		session_free(worker, session);
	slots_clear(&worker->sessions);
	HASH_ITER (by_content, worker->keys, key, next_key)
		known_key_free(worker, key);
	HASH_ITER (by_server, worker->tickets, ticket, next_ticket) {
		HASH_DELETE(by_server, worker->tickets, ticket);
		krb5_k_free_key(worker->context, ticket->key.key);
		krb5_free_creds(worker->context, ticket->creds);
		free(ticket->server);
		free(ticket);
	}
	if (worker->keytab != NULL)
		(void)krb5_kt_close(worker->context, worker->keytab);
	if (worker->context != NULL)
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
	kept = worker_keep(worker, name, strlen(name) + 1);
	krb5_free_unparsed_name(worker->context, name);
	return kept.len <= KERBEROS_NAME_MAX ? (const char *)kept.data : NULL;
}

/* What messages under a key look like. Etypes with padding have no fixed lengths and are refused.
 */
static krb5_error_code measure(krb5_context context, struct session_key *key)
{
	krb5_enctype etype = krb5_k_key_enctype(context, key->key);
	krb5_data nothing = {.magic = KV5M_DATA, .data = (char[]){0}};
	unsigned header;
	unsigned trailer;
	unsigned padding;
	krb5_checksum checksum;
	krb5_error_code code;

	code = krb5_c_crypto_length(context, etype, KRB5_CRYPTO_TYPE_HEADER, &header);
	if (code == 0)
		code = krb5_c_crypto_length(context, etype, KRB5_CRYPTO_TYPE_TRAILER, &trailer);
	if (code == 0)
		code = krb5_c_crypto_length(context, etype, KRB5_CRYPTO_TYPE_PADDING, &padding);
	if (code == 0 && padding != 0)
		code = KRB5_PROG_ETYPE_NOSUPP;
	if (code == 0)
		code = krb5_c_prf_length(context, etype, &key->prf_length);
	/* Type 0 is the etype's required mechanism; it must be a keyed one (RFC 4430 4). */
	if (code == 0)
		code = krb5_k_make_checksum(context, 0, key->key, 0, &nothing, &checksum);
	if (code != 0)
		return code;
	key->lengths.seal_overhead = (uint16_t)(header + trailer);
	key->lengths.checksum = (uint16_t)checksum.length;
	if (!krb5_c_is_keyed_cksum(checksum.checksum_type))
		code = KRB5_PROG_SUMTYPE_NOSUPP;
	krb5_free_checksum_contents(context, &checksum);
	return code;
}

enum err worker_key(
    struct kerberos_worker *worker, const krb5_keyblock *keyblock, struct session_key *out)
{
	struct key_content content;
	struct known_key *known;

	memset(&content, 0, sizeof(content));
	if (keyblock->length > sizeof(content.octets))
		return ERR_UNSUPPORTED;
	content.enctype = (uint32_t)keyblock->enctype;
	memcpy(content.octets, keyblock->contents, keyblock->length);
	HASH_FIND(by_content, worker->keys, &content, sizeof(content), known);
	if (known == NULL) {
		krb5_error_code code;

		if (HASH_CNT(by_content, worker->keys) >= KEYS_MAX)
			known_key_free(worker, worker->keys);
		known = secret_alloc(sizeof(*known));
		if (known == NULL)
			return ERR_NO_MEMORY;
		known->content = content;
		code = krb5_k_create_key(worker->context, keyblock, &known->key.key);
		if (code == 0)
			code = measure(worker->context, &known->key);
		if (code != 0) {
			krb5_k_free_key(worker->context, known->key.key);
			secret_free(known, sizeof(*known));
			return kerberos_err(code);
		}
		HASH_ADD(by_content, worker->keys, content, sizeof(known->content), known);
		if (!table_holds(&known->by_content)) {
			krb5_k_free_key(worker->context, known->key.key);
			secret_free(known, sizeof(*known));
			return ERR_NO_MEMORY;
		}
	}
	secret_wipe(&content, sizeof(content));
	krb5_k_reference_key(worker->context, known->key.key);
	*out = known->key;
	return ERR_OK;
}

enum err worker_session_add(
    struct kerberos_worker *worker, const struct session_key *key, struct session **out)
{
	struct session *session;
	enum err error;

	if (worker->sessions.count >= SESSIONS_MAX)
		return ERR_LIMIT;
	session = calloc(1, sizeof(*session));
	if (session == NULL)
		return ERR_NO_MEMORY;
	error = slots_add(&worker->sessions, session, &session->handle);
	if (error != ERR_OK) {
		free(session);
		return error;
	}
	krb5_k_reference_key(worker->context, key->key);
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
		session_free(worker, found);
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
	}
	if (completion->session != KERBEROS_SESSION_NONE)
		completion->session |= (uint64_t)worker->index << SESSION_INDEX_SHIFT;
}
