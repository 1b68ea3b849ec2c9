/* What the files of the key-exchange layer share. */
#ifndef KX_KX_INTERNAL_H
#define KX_KX_INTERNAL_H

#include "base/limit.h"
#include "base/table.h"
#include "kinkd/kx.h"
#include "kx/choice.h"
#include "kx/engine.h"
#include "sa/sad.h"

/* A command that waits for a negotiation to end. */
struct kx_waiter {
	kx_done done;
	void *context;
	struct kx_waiter *next;
};

/* All SAs for one selector of one rule with one host: what a line of `kinkctl status` shows. */
struct kx_connection {
	struct kx_connection_key {
		struct selector selector;
		struct address local; /* outer addresses */
		struct address remote;
		uint32_t policy_id;
	} key;
	struct kx *kx;
	enum kx_connection_state state;
	bool negotiating; /* negotiation is with a method, or waits for a name */
	bool awaiting_name;
	bool wanted;    /* traffic or a command asked for it since the last failure */
	bool lingering; /* failed, no longer retried, kept for status only */
	uint32_t failures;
	uint64_t since_ms;
	struct kx_negotiation negotiation;
	struct kx_principal_wait principal_wait;
	char *asked;             /* the principal of the negotiation */
	char *principal;         /* who the remote host is, or is to be; NULL while unknown */
	char *reason;            /* why it failed last; NULL if it did not */
	int exchange;            /* the method tried or in use; -1 for none */
	struct sa_pair *pairs;   /* newest first */
	struct sa_pair *current; /* the one in use: the newest that is established */
	struct timer timer;      /* retry, or forgetting */
	struct limit repeats;    /* how often traffic may ask for what is there */
	bool reconsidering;      /* a method that was left is tried, while another serves */
	struct timer reconsider; /* when that is due */
	struct kx_waiter *waiters;
	UT_hash_handle by_key;
};

/* The watch over one remote host; see liveness.c. */
struct kx_watch {
	struct kx *kx;
	uint64_t handle;
	struct kx_probe probe; /* its remote is the key */
	int exchange;          /* the method that asks, or asked last */
	bool probing;          /* probe is with a method */
	bool resting;          /* there are no SAs with it */
	bool restarted;        /* noticed while it was asked */
	uint64_t heard_ms;     /* when it last gave a sign of life */
	uint64_t looked_ms;
	uint64_t doubted_ms; /* since when it does not answer; 0 when it is not asked */
	uint64_t asked_ms;
	uint64_t hinted_ms;
	uint64_t pair; /* whose counters are asked for */
	int awaited;   /* counters still to come */
	uint64_t packets_in;
	uint64_t packets_out;
	/* Since when we have valid SAs with it (RFC 4430 4.2.1); 0: since the engine started. */
	uint32_t epoch;
	uint64_t epoch_until_ms; /* it may have SAs from before until then */
	struct timer timer;      /* the next look; while it is asked, the end of patience */
	struct kx_probe_waiter *waiters;
	UT_hash_handle by_remote;
};

struct kx_names {
	struct kx *kx;
	struct kx_name *by_address;
	struct slots pending;
	size_t count;
};

/* A command that ends when there are no pairs left, or when its time is over. */
struct kx_shutdown_wait {
	bool active;
	kx_done done;
	void *context;
	struct timer timer;
};

struct kx {
	struct host host;
	struct policy *policy;
	uint32_t epoch;
	struct timers timers;
	struct sad *sad;
	struct kx_connection *connections;
	struct kx_names names;
	struct kx_choices choices;
	struct kx_watch *watches;
	struct slots watch_slots;
	struct slots revivals; /* see lapse.c */
	struct kx_epoch *epochs;
	struct limit hint_limit;
	struct kx_shutdown_wait shutdown;
	void *method_states[EXCHANGE_COUNT];
	uint64_t counters[KX_COUNTER_COUNT];
	uint64_t woken_ms; /* the last wish for a wake-up */
};

/* methods.c: the one table of exchange methods; NULL for one that is not there. */
const struct kx_method *kx_method_of(int exchange);

/* engine.c: to be called after every event, which may have moved the earliest timer. */
void kx_wake_host(struct kx *kx);

/* names.c */
void kx_names_init(struct kx *kx);
void kx_names_clear(struct kx *kx);

/* connection.c */
/*
 * The connection for a packet under a rule, made if it is not there. Transport mode protects
 * pairs of hosts, tunnel mode the prefixes of the rule that hold the packet.
 */
enum err kx_connection_for_flow(struct kx *kx, const struct policy_rule *rule,
    const struct dataplane_flow *flow, struct kx_connection **out) MUST_CHECK;
/* The connection that a pair belongs to, made if it is not there; NULL when out of memory. */
struct kx_connection *kx_connection_for_pair(struct kx *kx, const struct sa_pair *pair);
enum err kx_connection_for_key(
    struct kx *kx, const struct kx_connection_key *key, struct kx_connection **out) MUST_CHECK;
void kx_connection_key_of(const struct sa_pair *pair, struct kx_connection_key *key);
void kx_connection_detach(struct kx_connection *connection, struct sa_pair *pair);
/* A pair of it has just been negotiated with that principal. */
void kx_connection_established(
    struct kx_connection *connection, struct sa_pair *pair, const char *principal);
/* The pair in use is the newest that is established. */
void kx_connection_choose(struct kx_connection *connection);
/* Its state, after its pairs or its negotiation have changed. */
void kx_connection_settle(struct kx_connection *connection);
enum err kx_connection_wait(
    struct kx_connection *connection, kx_done done, void *context) MUST_CHECK;
/* Tells whoever waits that the negotiation is over. */
void kx_connection_tell(struct kx_connection *connection, const struct problem *problem);
/* Destroys it unless something is left of it or under way. */
void kx_connection_release(struct kx_connection *connection);
void kx_connection_destroy(struct kx_connection *connection);
/* Puts a copy of value, which may be NULL, in the place of *text. */
void kx_text_set(char **text, const char *value);

/* negotiation.c */
/* Starts a negotiation unless one is under way. */
void kx_connection_negotiate(struct kx_connection *connection);
/* Goes on with the method that connection->exchange names. */
void kx_connection_begin(struct kx_connection *connection);
/* Ends a negotiation under way without a word to the peer. */
void kx_connection_stop(struct kx_connection *connection, const struct problem *problem);
/* Traffic asked for it: negotiate, unless it failed just now. */
void kx_connection_want(struct kx_connection *connection);
/*
 * Its SAs went while traffic used them: negotiate, unless that is under way or failed just now.
 * Whether there are or soon may be others.
 */
bool kx_connection_revive(struct kx_connection *connection);
/* The data plane may drop what it holds, and must ask again for the next packet. */
void kx_connection_refuse_traffic(const struct kx_connection *connection);

/* failure.c */
/* The method has failed: another may go on. */
void kx_connection_ended(
    struct kx_connection *connection, enum kx_failure failure, const struct problem *problem);
/* The negotiation has failed, and no other method helps. */
void kx_connection_failed(struct kx_connection *connection, const struct problem *problem);
/* The method of this pair has just worked, whoever started. */
void kx_connection_method_worked(struct kx_connection *connection, const struct sa_pair *pair);

/* liveness.c */
#define KX_LIVENESS_TOKEN (126ULL << KX_TOKEN_OWNER_SHIFT)

struct kx_watch *kx_watch_find(const struct kx *kx, const struct address *remote);
struct kx_watch *kx_watch_of_probe(struct kx_probe *probe);
/* Made if it is not there. */
enum err kx_watch_get(struct kx *kx, const struct policy_peer *peer, const struct address *local,
    const struct address *remote, struct kx_watch **out) MUST_CHECK;
/* Looks again after a while. Frees it when there is nothing to watch any more. */
void kx_watch_go_on(struct kx_watch *watch);
void kx_liveness_established(struct kx *kx, const struct sa_pair *pair);
/* The counters that were asked for. */
void kx_liveness_counted(struct kx *kx, const struct dataplane_completion *completion);
void kx_liveness_clear(struct kx *kx);

/* probe.c */
/* Asks the peer, which must not be asked at the moment. May free the watch. */
void kx_probe_begin(struct kx_watch *watch, const char *why);
/* Tells whoever waits for the outcome. */
void kx_probe_tell(
    struct kx_watch *watch, enum kx_probe_outcome outcome, const struct problem *problem);

/* epoch.c */
/* A new one for the peer of that name, at whatever address; empty: for this address alone. */
uint32_t kx_epoch_renew(struct kx *kx, const struct address *remote, const char *principal);
void kx_epoch_clear(struct kx *kx);

/* lapse.c */
#define KX_LAPSE_TOKEN (127ULL << KX_TOKEN_OWNER_SHIFT)

/* The peer does not answer: SAs with it go. */
void kx_peer_dead(struct kx_watch *watch);
void kx_lapse_counted(struct kx *kx, const struct dataplane_completion *completion);
/* It has an SA again, or there will be none now: nothing goes by its old ones any more. */
void kx_lapse_over(const struct kx_connection *connection);
void kx_lapse_clear(struct kx *kx);

#endif
