/* What the files of this room share. */
#ifndef KERBEROS_PRIVATE_H
#define KERBEROS_PRIVATE_H

#include <krb5.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/slots.h"
#include "base/table.h"
#include "kerberos/realm.h"
#include "kerberos/replay.h"
#include "kerberos/worker.h"

/* Failures are remembered this long, so that a burst of requests asks the KDC once. */
#define FAILURE_KEPT_SECONDS 3

/* A service ticket that the KDC gave, or why it did not; in the realm's table. */
struct kerberos_ticket {
	char *server;
	krb5_creds *creds; /* NULL: see problem */
	struct problem problem;
	int64_t until;    /* a failure counts until then */
	uint64_t version; /* workers keep a copy as long as it is the same */
	UT_hash_handle by_server;
};

struct kerberos_realm {
	pthread_mutex_t lock;
	krb5_context context; /* for the tables; under the lock */
	struct log *log;
	char *keytab_path;
	char *principal; /* NULL: chosen from the keytab */
	uint32_t clock_skew;
	struct replay *replay;
	char ccache_name[64];
	struct kerberos_ticket *tickets;
	uint64_t versions;

	/* The keytab in memory, loaded anew when the file changes. */
	struct timespec keytab_changed;
	uint32_t keytab_version; /* 0: never read */
	krb5_keytab keytab;
	struct problem keytab_problem;

	/* Our own credentials. */
	pthread_mutex_t ticket_lock; /* held while the KDC is asked for them */
	int64_t ticket_end;
	int64_t retry_at;
	struct kerberos_status status;
};

/* realm.c */
/* A libkrb5 context with the realm's clock skew. */
enum err kerberos_context(
    uint32_t clock_skew, krb5_context *out, struct problem *problem) MUST_CHECK;
int64_t kerberos_now(void);
/* Loads the keytab if it changed; under the lock. Returns keytab_problem's code. */
enum err kerberos_keytab_refresh(struct kerberos_realm *realm) MUST_CHECK;
/* The name under which a version of the keytab in memory is resolved by any context. */
void kerberos_keytab_name(const struct kerberos_realm *realm, uint32_t version, char name[64]);

/* ticket.c */
/* The ticket for a server, under the lock; NULL when nothing useful is known. */
struct kerberos_ticket *kerberos_ticket_find(
    struct kerberos_realm *realm, const char *server, uint32_t min_lifetime);

/* problem.c */
/* The kind of a libkrb5 error. */
enum err kerberos_err(krb5_error_code code);
/* Fills problem with what was tried, libkrb5's words and the next step; returns its code. */
enum err kerberos_problem(krb5_context context, krb5_error_code code, struct problem *problem,
    const char *tried, const char *principal, const char *keytab);
/* What a KRB-ERROR from a peer means for the administrator. */
void kerberos_remote_problem(const krb5_error *error, struct problem *problem);

/* worker.c */

/* A session key and what messages under it look like. */
struct session_key {
	krb5_key key;
	struct kerberos_lengths lengths;
	size_t prf_length;
};

#define AUTHENTICATORS_MAX 16

/* One use of one ticket. */
struct session {
	uint64_t handle;
	struct session_key key;
	krb5_creds *creds; /* initiator: the ticket, the same for all transmissions */
	size_t authenticator_count;
	krb5_auth_context authenticators[AUTHENTICATORS_MAX]; /* outstanding; initiator */
};

/* A key by its content, so that keys derived from it are kept from one transaction to the next. */
struct known_key {
	struct session_key key;
	struct key_content {
		uint32_t enctype;
		uint8_t octets[64];
	} content;
	UT_hash_handle by_content;
};

/* A worker's copy of a ticket. */
struct known_ticket {
	char *server;
	uint64_t version;
	krb5_creds *creds;
	struct session_key key;
	UT_hash_handle by_server;
};

struct kerberos_worker {
	struct kerberos_realm *realm;
	uint32_t index;
	krb5_context context;
	uint32_t keytab_version;
	krb5_keytab keytab;
	struct slots sessions;
	struct known_key *keys;
	struct known_ticket *tickets;
	uint8_t *scratch;
	size_t scratch_used;
};

/* Octets that live until the next request; NULL when there is no room. */
uint8_t *worker_scratch(struct kerberos_worker *worker, size_t len);
struct bytes worker_keep(struct kerberos_worker *worker, const void *data, size_t len);
const char *worker_keep_name(struct kerberos_worker *worker, krb5_const_principal principal);
enum err worker_session_add(
    struct kerberos_worker *worker, const struct session_key *key, struct session **out) MUST_CHECK;
struct session *worker_session(struct kerberos_worker *worker, uint64_t handle);
/* Takes a reference to the key that has this content. */
enum err worker_key(struct kerberos_worker *worker, const krb5_keyblock *keyblock,
    struct session_key *out) MUST_CHECK;
/* The realm's keytab as it is now. */
enum err worker_keytab(struct kerberos_worker *worker, struct problem *problem) MUST_CHECK;
/* Checks the request's checksum and decrypts what is sealed. */
enum err worker_open(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion) MUST_CHECK;

/* initiator.c, acceptor.c, protect.c */
void worker_request(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_repeat(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_verify(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_accept(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_protect(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);

static inline krb5_data kerberos_data(struct bytes octets)
{
	/* libkrb5 does not write through the pointers of what it is given to read. */
	return (krb5_data){.magic = KV5M_DATA,
	    .length = (unsigned)octets.len,
	    .data = (char *)(uintptr_t)octets.data};
}

#endif
