/* What the files of this room share. */
#ifndef KERBEROS_PRIVATE_H
#define KERBEROS_PRIVATE_H

#include <krb5.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/limit.h"
#include "base/slots.h"
#include "base/table.h"
#include "kerberos/realm.h"
#include "kerberos/replay.h"
#include "kerberos/worker.h"

/* Failures are remembered this long, so that a burst of requests asks the KDC once. */
#define FAILURE_KEPT_SECONDS 3

/* Authenticators remembered at the same time: up to 43 octets each. */
#define KERBEROS_REPLAYS_MAX 4000000

/* Our own ticket is renewed when a service ticket over it would live this much too short. */
#define OWN_TICKET_MARGIN 60

/* Two names, and what tells the other's ticket-granting tickets apart. */
#define TGT_MARK_SIZE   16
#define TICKET_KEY_SIZE (2 * KERBEROS_NAME_MAX + 2 * TGT_MARK_SIZE + 1)

/* context.c */

/* Our settings over the machine's krb5.conf; outlives the contexts made with it. */
struct overlay {
	struct _profile_t *machine;
	char clock_skew[12];
	bool kdc_clock; /* go by the KDC's clock */
};

enum err kerberos_overlay_init(
    struct overlay *overlay, uint32_t clock_skew, struct problem *problem) MUST_CHECK;
/*
 * Over the same machine's, for contexts without a KDC that check times themselves. Lives no longer
 * than `from`, and is not cleared.
 */
void kerberos_overlay_for_workers(struct overlay *overlay, const struct overlay *from);
void kerberos_overlay_clear(struct overlay *overlay);
enum err kerberos_context(
    struct overlay *overlay, krb5_context *out, struct problem *problem) MUST_CHECK;

/* A service ticket that the KDC gave, or why it did not; in the realm's table. */
struct kerberos_ticket {
	char *key;         /* kerberos_ticket_key() */
	krb5_creds *creds; /* NULL: see problem */
	struct problem problem;
	int64_t until;    /* what is here counts until then, good enough or not */
	uint64_t version; /* workers keep a copy as long as it is the same */
	bool fetching;    /* somebody asks the KDC; the entry stays */
	int64_t clock_us; /* the peer's clock minus ours, as it proved (RFC 4430 3.5) */
	UT_hash_handle by_key;
};

/* Our credentials as one principal. */
struct kerberos_client {
	char *name;           /* "": the configured principal, or the keytab's best */
	krb5_creds *creds;    /* the ticket-granting ticket, or NULL */
	krb5_creds *previous; /* the one before it; only its key counts */
	int64_t fetched_at;
	int64_t retry_at; /* not before, after a failure */
	uint32_t keytab_version;
	struct problem problem;
	bool fetching;
	UT_hash_handle by_name;
};

struct keytab_state {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec written;
	struct timespec changed;
};

/* Everything below the lock belongs to it. */
struct kerberos_realm {
	struct log *log;
	void (*disclose)(void *context, const char *client, const char *server, int32_t etype,
	    struct bytes key); /* see kerberos_settings */
	void *disclose_context;
	char *keytab_path; /* as libkrb5 takes it, perhaps with "FILE:" */
	char *ccache;      /* NULL: none */
	char *principal;   /* NULL: chosen from the keytab, or the cache's */
	uint32_t clock_skew;
	struct replay *replay;
	struct overlay overlay;
	struct overlay worker_overlay;

	_Atomic int64_t last_us; /* of kerberos_unique_us() */
	pthread_mutex_t lock;
	pthread_cond_t fetched; /* a fetching flag fell */
	krb5_context context;
	struct kerberos_ticket *tickets;
	struct kerberos_client *clients;
	uint64_t versions;
	struct limit doubts;
	struct kerberos_status status;

	/* The keytab in memory, loaded anew when the file changes. */
	krb5_keytab keytab;
	uint32_t keytab_version; /* 0: never read */
	int64_t keytab_checked;
	struct keytab_state keytab_state;
	struct problem keytab_problem;
};

/* realm.c */
int64_t kerberos_now(void);
int64_t kerberos_now_us(void);
/* libkrb5 counts up from what it is told at each of its looks at the clock. */
#define KERBEROS_MOMENT_US 8
/* Now; the moments from there on belong to the caller alone: peers tell replays by them. */
int64_t kerberos_unique_us(struct kerberos_realm *realm);

/* keytab.c, all under the realm's lock */
/* Loads the keytab if it changed. */
enum err kerberos_keytab_refresh(struct kerberos_realm *realm) MUST_CHECK;
/* The name under which a version of the keytab in memory is resolved by any context. */
void kerberos_keytab_name(const struct kerberos_realm *realm, uint32_t version, char name[64]);
/* The keytab's best principal to start as. */
krb5_error_code kerberos_keytab_choose(
    struct kerberos_realm *realm, krb5_context context, krb5_principal *out);

/* ccache.c */
/* A copy of our ticket-granting ticket for this principal, "" for the cache's own; still valid. */
krb5_error_code kerberos_ccache_ticket(
    const struct kerberos_realm *realm, krb5_context context, const char *name, krb5_creds **out);
/* Whose it is; "" when it cannot be read. Under the lock. */
void kerberos_ccache_owner(const struct kerberos_realm *realm, char name[KERBEROS_NAME_MAX]);
enum err kerberos_ccache_problem(const struct kerberos_realm *realm, krb5_context context,
    krb5_error_code code, const char *name, struct problem *problem);

/* A ticket this young is not asked for anew, however short its life is. */
#define YOUNG_SECONDS 5

struct kerberos_fetcher {
	struct kerberos_realm *realm;
	krb5_context context;
};

/* own-ticket.c */
/* A copy of our own ticket, renewed if it does not live long enough; may block. name "": as whom
 * the realm says. */
enum err kerberos_own_ticket(struct kerberos_fetcher *fetcher, const char *name,
    uint32_t min_lifetime, int64_t newer_than, krb5_creds **out,
    struct problem *problem) MUST_CHECK;
/* Sees to it that there is one; the outcome is in the log and in the status. */
void kerberos_fetch_own_as(struct kerberos_fetcher *fetcher, const char *name);
void kerberos_clients_clear(struct kerberos_realm *realm);

/* ticket.c */
/* What a ticket is filed under: both names, and the second ticket of user-to-user. */
enum err kerberos_ticket_key(
    const struct kerberos_request *request, char key[TICKET_KEY_SIZE]) MUST_CHECK;
/* The ticket, under the lock; NULL when nothing useful is known. */
struct kerberos_ticket *kerberos_ticket_find(
    struct kerberos_realm *realm, const char *key, uint32_t min_lifetime);
/*
 * The peer rejects a ticket: the next transaction gets a new one (RFC 4430 9). What anyone could
 * have said, without a checksum, has that effect at a bounded rate only (RFC 4430 4.2.3).
 */
void kerberos_ticket_doubt(
    struct kerberos_realm *realm, const char *key, uint64_t version, bool proven);
/* Later AP-REQs under this ticket's names are dated by a clock that is so far from ours. */
void kerberos_ticket_clock(struct kerberos_realm *realm, const char *key, int64_t clock_us);
/* Forgets what an earlier principal of the same credential cache was given; under the lock. */
void kerberos_tickets_forget(struct kerberos_realm *realm, const char *client);
void kerberos_tickets_clear(struct kerberos_realm *realm);

/* problem.c */
/* Whether it is a code that the KDC itself sent (RFC 4120 7.5.9), or its success. */
bool kerberos_is_kdc_answer(krb5_error_code code);
/* The kind of a libkrb5 error. */
enum err kerberos_err(krb5_error_code code);
/* Fills problem with what was tried, libkrb5's words and the next step; returns its code. */
enum err kerberos_problem(krb5_context context, krb5_error_code code, struct problem *problem,
    const char *tried, const char *principal, const char *keytab);
/* What a KRB-ERROR from a peer means for the administrator. */
void kerberos_remote_problem(const krb5_error *error, struct problem *problem);
/* What may help against it if it is the peer's. */
enum kerberos_remedy kerberos_remedy(uint32_t error);

/* keys.c */

/* A session key and what messages under it look like. */
struct session_key {
	krb5_key key;
	uint64_t mark; /* tells sessions apart in the replay cache; not secret */
	krb5_cksumtype checksum_type;
	uint16_t header; /* octets of ciphertext before the plaintext */
	struct kerberos_lengths lengths;
	size_t prf_length;
};

struct known_key;

/* Takes a reference to the key that has this content; a ticket of client for server had it. */
enum err worker_key(struct kerberos_worker *worker, const krb5_keyblock *keyblock,
    krb5_const_principal client, krb5_const_principal server, struct session_key *out) MUST_CHECK;
void worker_keys_clear(struct kerberos_worker *worker);

/* initiator.c */

/* A worker's copy of a ticket; sessions refer to it. */
struct known_ticket {
	char *name;
	uint64_t version;
	krb5_creds *creds;
	struct session_key key;
	int64_t clock_us; /* as in the realm's */
	unsigned references;
	UT_hash_handle by_name;
};

void worker_ticket_release(struct kerberos_worker *worker, struct known_ticket *ticket);
void worker_tickets_clear(struct kerberos_worker *worker);

/* worker.c */

#define AUTHENTICATORS_MAX 16

/* Waits for its AP-REP, or for a KRB-ERROR with its time. */
struct authenticator {
	krb5_auth_context context;
	int64_t time_us;  /* of the first of the moments in which it was made */
	int64_t clock_us; /* the difference that is in time_us */
};

/* One use of one ticket. */
struct session {
	uint64_t handle;
	struct session_key key;
	struct known_ticket *ticket; /* initiator: the same for all transmissions */
	size_t authenticator_count;
	struct authenticator *authenticators; /* outstanding; initiator */
	struct gss_context *gss;              /* NULL: none, or not complete yet */
	bool unanswered;                      /* GSS-API: our token went out, no other came */
};

struct kerberos_worker {
	struct kerberos_realm *realm;
	uint32_t index;
	krb5_context context;
	krb5_principal stranger; /* who signs KRB-ERRORs: kink@REALM */
	uint32_t keytab_version;
	krb5_keytab keytab;
	struct slots sessions;
	uint64_t key_secret;
	struct known_key *keys;
	struct known_ticket *tickets;
	uint8_t *scratch;
	size_t scratch_used;
};

/* Octets that live until the next request; NULL when there is no room. */
uint8_t *worker_scratch(struct kerberos_worker *worker, size_t len);
struct bytes worker_keep(struct kerberos_worker *worker, const void *data, size_t len);
const char *worker_keep_name(struct kerberos_worker *worker, krb5_const_principal principal);
/* Takes over the reference to the key, also when it fails. */
enum err worker_session_add(
    struct kerberos_worker *worker, const struct session_key *key, struct session **out) MUST_CHECK;
void worker_session_free(struct kerberos_worker *worker, struct session *session);
struct session *worker_session(struct kerberos_worker *worker, uint64_t handle);
/* The realm's keytab as it is now. */
enum err worker_keytab(struct kerberos_worker *worker, struct problem *problem) MUST_CHECK;

/* protect.c */
/* Checks the request's checksum and decrypts what is sealed. */
enum err worker_open(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion) MUST_CHECK;

/* membership.c */
/* As the request's groups want to know. */
enum kerberos_membership worker_membership(struct kerberos_worker *worker,
    const krb5_ticket *ticket, bool user_to_user, const struct kerberos_request *request);

/* user-to-user.c */
/* Whether that is true of a key that a user-to-user ticket for us may be under. */
bool worker_has_own_key(struct kerberos_worker *worker,
    bool (*matches)(void *context, const krb5_keyblock *key), void *context);
/* Whether the AP-REQ says so; then also its ticket. */
bool kerberos_is_user_to_user(struct bytes ap_req, struct bytes *ticket);
/* RFC 4430 4.2.4: it must be a ticket-granting ticket of the server's own realm. */
krb5_error_code kerberos_check_tgt(
    krb5_context context, struct bytes octets, krb5_const_principal server);
/* Whether our own ticket as this client ("": the configured one) is missing or about to end. */
bool kerberos_own_is_due(struct kerberos_realm *realm, const char *name);
/* krb5_rd_req() with the keys of our own tickets; *context may be replaced. */
krb5_error_code worker_read_user_to_user(struct kerberos_worker *worker, krb5_data *ap_req,
    krb5_auth_context *context, krb5_flags *options, krb5_ticket **ticket);
/* What its failure is answered with; ticket is the one in the AP-REQ. */
void worker_refuse_user_to_user(struct kerberos_worker *worker, struct bytes ticket,
    krb5_error_code code, struct kerberos_completion *completion);
void worker_tgt(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);

/* Reads a DER element with a one-octet tag; an empty reader that failed when it is another. */
struct reader kerberos_der_element(struct reader *from, uint8_t tag);

/* acceptor.c */
/*
 * Opens an AP-REQ with the keytab. Sets client, server, authenticator_us and ticket_end, or problem
 * and, where the peer may hear it, reply_error. The caller frees *context and *ticket.
 */
enum err worker_read_ap_req(struct kerberos_worker *worker, struct bytes octets,
    krb5_auth_context *context, krb5_flags *options, krb5_ticket **ticket,
    struct kerberos_completion *completion) MUST_CHECK;
/*
 * Whether one that is genuine is to be taken: mutual authentication, its times, no replay. 0, or
 * what the peer is to be told, with a problem.
 */
krb5_error_code worker_admit(struct kerberos_worker *worker, const krb5_ticket *ticket,
    krb5_flags options, uint64_t mark, struct kerberos_completion *completion);
void worker_make_ap_rep(struct kerberos_worker *worker, krb5_auth_context context,
    struct kerberos_completion *completion);
/* A KRB-ERROR, with the client's time where it is known (RFC 4430 3.5). */
void worker_make_error(
    struct kerberos_worker *worker, krb5_error_code code, struct kerberos_completion *completion);

/* gss.c */
void worker_gss_request(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_gss_accept(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_gss_verify(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_gss_wrap(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_gss_unwrap(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void gss_context_free(struct kerberos_worker *worker, struct gss_context *gss);

/* initiator.c, acceptor.c, protect.c */
void worker_request(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_repeat(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_verify(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void worker_accept(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
/* VERIFY: derives the request's keys, where the completion's plain has what is to be put in. */
void worker_derive_from_plain(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion);
/* Derives the request's keys and builds its message, if it has a head, around an AP-REQ. */
void worker_build(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct bytes ap,
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
