/*
 * The exchange-method seam: what a way to agree on keys must provide, and what it gets from the
 * key-exchange layer. Methods know nothing of each other. To add one: write its folder, name it in
 * src/kx/methods.c and in enum exchange.
 */
#ifndef KINKD_KX_H
#define KINKD_KX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/timers.h"
#include "kinkd/host.h"
#include "kinkd/ipsec.h"

struct kx;
struct kx_ike_view;
struct sad;
struct sa_pair;
struct policy_rule;
struct policy_peer;

/*
 * The wish for one pair of SAs with one host. It belongs to the layer and stays until the method
 * reports its end, or until it is abandoned.
 */
struct kx_negotiation {
	const struct policy_rule *rule;
	const struct policy_peer *peer;
	struct address local; /* outer addresses */
	struct address remote;
	struct selector selector;
	const char *principal; /* whom to ask for: the peer's responder principal; NULL for a method
	                          that needs none */
	uint64_t work;         /* the method's own handle for it; 0 when it has none */
	bool again; /* with kx_negotiation_failed(): its cause is mended, begin anew at once */
};

/*
 * The question whether a peer is there. It belongs to the layer and stays until it is answered or
 * withdrawn.
 */
struct kx_probe {
	const struct policy_peer *peer;
	struct address local;
	struct address remote;
	uint64_t work;     /* the method's own handle for it; 0 when it has none */
	uint32_t messages; /* sent in vain; set when it fails or is withdrawn */
};

/*
 * Why a negotiation failed: whether the next of the methods that the policy lists may be tried.
 * What a forged packet can bring about by itself is final.
 */
enum kx_failure {
	KX_FAILURE_FINAL,        /* authentication failed, a proposal was refused, anything else */
	KX_FAILURE_NO_REALM,     /* no name or realm of the peer, or none of ours for it */
	KX_FAILURE_NO_PRINCIPAL, /* the KDC knows no such service principal */
	KX_FAILURE_NO_KDC,       /* no KDC answers, and there is no ticket from before */
	KX_FAILURE_SILENT,       /* the peer sent nothing at all on the method's port */
	KX_FAILURE_COUNT
};

struct kx_method {
	int exchange;         /* enum exchange */
	bool needs_principal; /* negotiations come with the peer's principal */
	enum err (*open)(struct kx *kx, void **state);
	void (*close)(void *state);
	/*
	 * Whether something is on its way to peers that a shutdown waits for; kx_shutdown_check()
	 * is to be called when it is not any more. NULL: never.
	 */
	bool (*busy)(void *state);
	/* The end is near, and all pairs are gone: peers are told. NULL where there is nothing to
	 * tell.
	 */
	void (*quit)(void *state);
	/* Ends in exactly one kx_negotiation_done() or kx_negotiation_failed(), maybe before it
	 * returns. */
	void (*initiate)(void *state, struct kx_negotiation *negotiation);
	/* The wish is withdrawn; nothing more is reported for it. */
	void (*abandon)(void *state, struct kx_negotiation *negotiation);
	/* Stops using the pair, tells the peer and removes it in the end. */
	void (*delete_pair)(void *state, struct sa_pair *pair);
	/* Asks for a sign of life that nobody else can give. Ends in exactly one kx_probe_done(),
	 * maybe before it returns. */
	void (*probe)(void *state, struct kx_probe *probe);
	/* The question is withdrawn; nothing more is reported for it. */
	void (*withdraw_probe)(void *state, struct kx_probe *probe);
	/* Events for what the method asked for, and datagrams of its port. */
	void (*datagram)(void *state, const struct host_datagram *datagram);
	void (*kerberos_done)(void *state, const struct kerberos_completion *completion);
	void (*agreement_done)(void *state, const struct agreement_completion *completion);
	/* NULL for a method that never asks. */
	void (*credentials_done)(void *state, const struct credentials_completion *completion);
	void (*sa_reserved)(void *state, struct sa_pair *pair, const struct problem *problem);
	void (*sa_installed)(void *state, struct sa_pair *pair, const struct problem *problem);
	/* A pair with an owner is removed by others: a limit was reached, or the peer restarted. */
	void (*sa_gone)(void *state, struct sa_pair *pair);
	/*
	 * The SAs that protect the method's own messages, from *cursor on, which is 0 at first and
	 * afterwards where the callback returned false. NULL for a method that has none.
	 */
	void (*list_ike)(void *state, uint32_t *cursor,
	    bool (*callback)(void *context, const struct kx_ike_view *view), void *context);
};

/* What a method works with. */
const struct host *kx_host(struct kx *kx);
struct sad *kx_sad(struct kx *kx);
struct timers *kx_timers(struct kx *kx);
const struct policy *kx_policy(const struct kx *kx);
/*
 * Since when we have valid SAs with the peer of this address and principal, which may be NULL: our
 * epoch (RFC 4430 4.2.1), POSIX time.
 */
uint32_t kx_epoch(const struct kx *kx, const struct address *remote, const char *principal);
/* counter is an enum kx_counter of kx/engine.h. */
void kx_count(struct kx *kx, int counter);

/*
 * Tokens of asynchronous requests say who waits: bits 56 to 62 the owner, below them the method's
 * own. The top bit is never set by the engine.
 */
#define KX_TOKEN_OWNER_SHIFT      56
#define KX_TOKEN_METHOD(exchange) ((uint64_t)((exchange) + 2) << KX_TOKEN_OWNER_SHIFT)

/*
 * How a negotiation ended: the pair is established. identity is who the peer has proved to be, for
 * people; NULL when that is negotiation->principal.
 */
void kx_negotiation_done(
    struct kx *kx, struct kx_negotiation *negotiation, struct sa_pair *pair, const char *identity);
/* The peer uses such a pair, as far as one can know: what it takes the place of is deleted. */
void kx_pair_confirmed(struct kx *kx, struct sa_pair *pair);
void kx_negotiation_failed(struct kx *kx, struct kx_negotiation *negotiation,
    enum kx_failure failure, const struct problem *problem);
/* A pair that the peer initiated is established; identity is who it has proved to be. */
void kx_pair_accepted(struct kx *kx, struct sa_pair *pair, const char *identity);
/* A pair that the peer began to make will not be: we make one, if traffic waits for it. */
void kx_pair_unexpected(struct kx *kx, const struct sa_pair *pair);
/*
 * The host at this address lost its state: all pairs with it go that nobody negotiates, but for
 * what was made from since_ms on (TIMERS_NEVER: nothing).
 */
void kx_peer_restarted(struct kx *kx, const struct address *remote, uint64_t since_ms);
/* A pair, a connection's negotiation, or what a method had to say has gone: maybe the last. */
void kx_shutdown_check(struct kx *kx);
/* An authentic message that is no replay came from this host. */
void kx_peer_heard(struct kx *kx, const struct address *remote);
/* ERR_OK: the peer is there. ERR_TIMEOUT: it did not answer. Otherwise it could not be asked. */
void kx_probe_done(struct kx *kx, struct kx_probe *probe, const struct problem *problem);

/*
 * The FQDN of an address, from the file or confirmed by the resolver. done may be called before
 * kx_name_wait() returns; name is NULL when there is none, and then problem says why.
 */
struct kx_name_wait {
	void (*done)(struct kx_name_wait *wait, const char *name, const struct problem *problem);
	struct kx_name_wait *next, *previous;
	struct kx_name *entry; /* NULL when not waiting */
};

void kx_name_wait(struct kx *kx, const struct address *address, struct kx_name_wait *wait);
void kx_name_cancel(struct kx_name_wait *wait);

/*
 * The principal to ask for when starting with a host of this peer entry. As with names, done may be
 * called at once; principal is borrowed, and NULL when there is none.
 */
struct kx_principal_wait {
	void (*done)(
	    struct kx_principal_wait *wait, const char *principal, const struct problem *problem);
	const char *claimed; /* taken, if the entry allows it for that host; NULL: none. Borrowed */
	const struct policy_peer *peer;
	struct address address;
	struct kx_name_wait name;
};

void kx_principal_wait(struct kx *kx, const struct policy_peer *peer, const struct address *address,
    struct kx_principal_wait *wait);
void kx_principal_cancel(struct kx_principal_wait *wait);

/*
 * Whether the authenticated principal of a peer that started may speak for its address, by its
 * entry's initiator_principal and initiator_group. All but `name` is the caller's to fill in and
 * borrowed until done, which may be called at once; ERR_DENIED with what the log is to say.
 */
struct kx_authorisation {
	void (*done)(struct kx_authorisation *authorisation, const struct problem *problem);
	const struct policy_peer *peer;
	struct address address;
	const char *principal;
	enum kerberos_membership membership;
	struct kx_name_wait name;
};

void kx_authorise(struct kx *kx, struct kx_authorisation *authorisation);
void kx_authorise_cancel(struct kx_authorisation *authorisation);

/* Of Kerberos requests about a host: struct kerberos_request. */
uint32_t kx_affinity(const struct address *remote);

/* Whether the engine is about to end: nothing new is begun. */
bool kx_is_stopping(const struct kx *kx);

#endif
