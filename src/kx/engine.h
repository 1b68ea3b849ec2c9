/*
 * The engine as its host sees it: events go in here, effects come out through struct host. Not
 * thread-safe; never blocks.
 */
#ifndef KX_ENGINE_H
#define KX_ENGINE_H

#include "kinkd/host.h"
#include "policy/policy.h"

struct kx;

/*
 * Takes a reference to policy; installs the policies' data-plane side. epoch is since when this
 * host has had its SAs, POSIX time; no two lives of a host may have the same (RFC 4430 4.2.1).
 */
enum err kx_create(
    const struct host *host, struct policy *policy, uint32_t epoch, struct kx **out) MUST_CHECK;
/* Forgets everything without a word to peers or the data plane. */
void kx_destroy(struct kx *kx);

/* Events. */
void kx_datagram(struct kx *kx, const struct host_datagram *datagram);
void kx_kerberos_done(struct kx *kx, const struct kerberos_completion *completion);
void kx_agreement_done(struct kx *kx, const struct agreement_completion *completion);
void kx_credentials_done(struct kx *kx, const struct credentials_completion *completion);
void kx_dataplane_done(struct kx *kx, const struct dataplane_completion *completion);
void kx_name_done(struct kx *kx, const struct host_name_completion *completion);
void kx_acquire(struct kx *kx, const struct dataplane_flow *flow);
void kx_expired(struct kx *kx, const struct dataplane_expiry *expiry);
/*
 * An unprotected hint that this host cannot be reached, such as an ICMP error. It is a reason to
 * ask the host, at a bounded rate, never to conclude anything (RFC 4430 3.7).
 */
void kx_peer_doubted(struct kx *kx, const struct address *remote);
void kx_moved(struct kx *kx, const struct dataplane_move *move);
void kx_run_timers(struct kx *kx);

/*
 * Commands of the control socket. `done` is called once, perhaps before the command returns, with
 * the outcome; its problem is borrowed.
 */
typedef void (*kx_done)(void *context, const struct problem *problem);
/* Negotiates with remote under the policy of that name (NULL: the one that covers remote). */
void kx_initiate(
    struct kx *kx, const char *policy, const struct address *remote, kx_done done, void *context);
/* Deletes the SAs with remote (NULL: all), or only the one with inbound SPI `spi` if not 0. */
void kx_terminate(
    struct kx *kx, const struct address *remote, uint32_t spi, kx_done done, void *context);
/* Sends DELETE for every SA; `done` comes when all are answered or timeout_ms has passed. */
void kx_shutdown(struct kx *kx, uint32_t timeout_ms, kx_done done, void *context);

enum kx_probe_outcome {
	KX_PROBE_ALIVE,
	KX_PROBE_RESTARTED, /* alive, but without the SAs that it had with us */
	KX_PROBE_SILENT,    /* no answer */
	KX_PROBE_FAILED     /* it could not be asked */
};

/* Called once, perhaps before kx_probe() returns; problem is borrowed. */
typedef void (*kx_probed)(
    void *context, enum kx_probe_outcome outcome, uint64_t took_ms, const struct problem *problem);
/* Asks a peer whether it is there (RFC 4430 3.4). */
void kx_probe(struct kx *kx, const struct address *remote, kx_probed done, void *context);

/* What is there, for status. Views are valid during the callback only. */
enum kx_connection_state {
	KX_NEGOTIATING,
	KX_ESTABLISHED,
	KX_REKEYING, /* established, with a new SA on its way */
	KX_FAILED    /* waiting to try again */
};

/* A method that was left for another with this host. */
struct kx_left_view {
	const char *method; /* "kink" */
	const char *reason; /* "silent", as in the file's fallback */
	const char *why;    /* for people */
	uint64_t until_ms;  /* when it is tried again */
};

#define KX_LEFT_MAX 4

struct kx_connection_view {
	const char *policy;
	const char *peer;      /* the peer entry's name in the file */
	const char *principal; /* of the remote host; "" while unknown */
	const char *method;    /* "kink"; "" while none was tried */
	struct address local;
	struct address remote;
	enum kx_connection_state state;
	uint64_t since_ms;               /* monotonic time of the last change of state */
	uint64_t next_ms;                /* when the next thing happens by itself; 0 for none */
	const char *next;                /* what: "rekey", "expiry", "retry"; "" for none */
	const char *reason;              /* KX_FAILED: why, for people */
	uint32_t sa_in;                  /* inbound SPI of the SA in use; 0 for none */
	uint32_t sa_out;                 /* and its outbound SPI */
	enum ipsec_protocol sa_protocol; /* whose SPIs these are */
	struct endpoint outer;           /* of that SA: see struct kx_sa_view */
	uint64_t heard_ms; /* when the host last gave a sign of life, as far as was looked; or 0 */
	bool probing;      /* it is being asked for one */
	struct kx_left_view left[KX_LEFT_MAX];
	size_t left_count;
};

struct kx_sa_view {
	const char *policy;
	const char *principal;
	const char *method;
	const char *state; /* "larval", "established", "replaced", "deleting" */
	struct address local;
	struct address remote;
	uint32_t spi_in;
	uint32_t spi_out;
	struct endpoint outer; /* UDP encapsulation: where the peer is; port 0: none */
	enum ipsec_mode mode;
	enum ipsec_protocol protocol; /* whose SPIs these are */
	const char *suites;           /* of all its protocols, innermost first; "" while larval */
	struct selector selector;
	bool initiator;
	uint64_t created_ms;
	uint64_t rekey_ms;                     /* 0: the peer rekeys */
	uint64_t expire_ms;                    /* 0: never */
	struct kx_left_view left[KX_LEFT_MAX]; /* with its peer, at the moment */
	size_t left_count;
};

/* What IKE's own messages are protected with: an ISAKMP SA. */
struct kx_ike_view {
	const char *peer;      /* the peer entry's name in the file */
	const char *method;    /* "ikev1" */
	const char *identity;  /* whom the peer has proved to be; "" before */
	struct endpoint local; /* where its messages go from and to */
	struct endpoint remote;
	bool initiator;
	const char *mode;           /* "main", "aggressive" */
	const char *state;          /* "negotiating", "established", "replaced" */
	const char *authentication; /* "psk", as in the file; "" while unknown */
	const char *algorithms;     /* "aes256-sha256-curve25519"; "" while unknown */
	bool local_nat;             /* this host is behind a NAT */
	bool remote_nat;
	size_t children;    /* pairs of SAs that this method has with that host */
	uint64_t since_ms;  /* established, or begun while it is not */
	uint64_t rekey_ms;  /* 0: nobody here renews it */
	uint64_t expire_ms; /* 0: not established */
};

/* What happened so far; names for all of them stand in kx_counter_name(). */
enum kx_counter {
	KX_NEGOTIATIONS_STARTED,
	KX_NEGOTIATIONS_DONE,
	KX_NEGOTIATIONS_FAILED,
	KX_RESPONSES_DONE,
	KX_RESPONSES_REFUSED,
	KX_REKEYS,
	KX_FALLBACKS_NO_REALM, /* methods left for the next one, by reason */
	KX_FALLBACKS_NO_PRINCIPAL,
	KX_FALLBACKS_NO_KDC,
	KX_FALLBACKS_SILENT,
	KX_FALLBACKS_ENDED, /* a method that was left serves again */
	KX_SAS_CREATED,
	KX_SAS_DELETED,
	KX_DATAGRAMS_RECEIVED,
	KX_DATAGRAMS_KINK, /* of these, by port */
	KX_DATAGRAMS_IKE,
	KX_DATAGRAMS_IKE_NAT,
	KX_DATAGRAMS_REFUSED, /* of a method that the peer's entry does not list */
	KX_DATAGRAMS_MALFORMED,
	KX_DATAGRAMS_UNEXPECTED, /* no transaction, policy or peer for them */
	KX_DATAGRAMS_UNAUTHENTIC,
	KX_DATAGRAMS_REPLAYED,
	KX_DATAGRAMS_SHED, /* dropped at a limit */
	KX_RETRANSMISSIONS,
	KX_PROBES,          /* peers that were asked whether they are there */
	KX_PEERS_RESTARTED, /* noticed by their epoch, or by INITIAL-CONTACT */
	KX_PEERS_DEAD,
	KX_COUNTER_COUNT
};

const char *kx_counter_name(enum kx_counter counter);
uint64_t kx_counter_value(const struct kx *kx, enum kx_counter counter);
/* Each stops and returns when the callback returns false. */
void kx_each_connection(const struct kx *kx,
    bool (*callback)(void *context, const struct kx_connection_view *view), void *context);
void kx_each_sa(const struct kx *kx, bool (*callback)(void *context, const struct kx_sa_view *view),
    void *context);
/*
 * The same in parts, for long lists: connections without the first `skip`; SAs from *cursor on,
 * which is 0 at first and afterwards where the callback returned false. SAs that come or go between
 * the parts do not make others appear twice or not at all.
 */
void kx_connections_from(const struct kx *kx, size_t skip,
    bool (*callback)(void *context, const struct kx_connection_view *view), void *context);
void kx_sas_from(const struct kx *kx, uint32_t *cursor,
    bool (*callback)(void *context, const struct kx_sa_view *view), void *context);
/* ISAKMP SAs from *cursor on, as with SAs. */
void kx_ike_from(const struct kx *kx, uint32_t *cursor,
    bool (*callback)(void *context, const struct kx_ike_view *view), void *context);
size_t kx_sa_count(const struct kx *kx);
/* The policy in force. */
const struct policy *kx_policy(const struct kx *kx);

#endif
