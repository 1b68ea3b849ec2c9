/*
 * A world in one process: hosts that run the engine under a fake clock, joined by a network that
 * loses and spoils, with a Kerberos realm and data planes that can be made to fail. All of it
 * derives from one seed.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdarg.h>

#include "dataplane/record/record.h"
#include "kinkd/host.h"
#include "kx/engine.h"
#include "policy/policy.h"
#include "queue.h"
#include "random.h"

#define SIM_HOSTS_MAX   5
#define SIM_KEYS        256 /* keys whose origin is remembered, for each host */
#define SIM_INBOUND     256 /* and those that it could receive under */
#define SIM_LOSSES      64
#define SIM_CAPTURES    32
#define SIM_STARTS      64
#define SIM_CONNECTIONS 64 /* message IDs of Quick Modes that were said to be CONNECTED */
#define SIM_TEXT_SIZE   256
#define SIM_WALL_START  1700000000

/* What a run is about; see sim_profile_choose(). */
enum sim_kind {
	SIM_MIXED,    /* faults of every sort */
	SIM_CLEAN,    /* no faults; the same events */
	SIM_OUTSIDER, /* nothing but forged, replayed and malformed datagrams */
	SIM_ROGUE,    /* mixed, with a host that has tickets but no right to SAs */
	SIM_KIND_COUNT
};

enum sim_rogue {
	SIM_ROGUE_STRANGER,  /* its address belongs to no peer of the others */
	SIM_ROGUE_IMPOSTOR,  /* its principal is not that of its address */
	SIM_ROGUE_SPOOFER,   /* it sends from another host's address and hears what is sent there */
	SIM_ROGUE_SELECTORS, /* it asks for tunnels that the others' policies do not know */
	SIM_ROGUE_COUNT
};

/* What a censor has in mind for a datagram. */
enum sim_fate {
	SIM_PASS,
	SIM_LOSE,
	SIM_TWICE, /* it arrives, and once more */
	SIM_LATE,  /* after its repetition */
	SIM_SPOIL, /* one of its octets is another */
	SIM_FORGE  /* before it comes a copy that somebody has altered */
};

struct sim_profile {
	enum sim_kind kind;
	enum sim_rogue rogue;
	size_t host_count; /* the rogue, if there is one, is the last */
	bool ipv6;
	bool tunnel;
	bool transport;
	bool ports;      /* transport only for TCP port 80 */
	bool resolver;   /* names come from the resolver, not from the file */
	bool directory;  /* Active Directory's names: hosts start as NAME$ */
	unsigned suites; /* which list of suites the hosts have in common */
	unsigned pfs;    /* which settings of perfect forward secrecy they have */
	enum sim_methods {
		SIM_KINK, /* hosts know no other */
		SIM_IKEV1,
		SIM_FALLBACK /* KINK, and IKEv1 with whom that cannot be used */
	} methods;
	/* With fallback hosts with odd numbers are not of the realm, and speak IKEv1 alone. */
	bool outsiders;
	bool unnamed;    /* nor does the KDC know them */
	bool aggressive; /* who starts with IKEv1 uses aggressive mode */
	enum sim_proof {
		SIM_PROOF_PSK,
		SIM_PROOF_SIGNATURE,
		SIM_PROOF_ENCRYPTION,
		SIM_PROOF_REVISED,
		SIM_PROOF_KERBEROS, /* in main mode only */
		SIM_PROOF_COUNT
	} proof;     /* in IKEv1 */
	bool commit; /* hosts with odd numbers set the commit bit in Quick Mode */
	bool ecdsa;  /* with signatures: ECDSA, not RSA */
	uint32_t certificate_size;
	uint32_t isakmp_lifetime; /* seconds */
	uint32_t fallback_retry;  /* milliseconds */
	bool two_addresses;       /* each host has another one */
	bool racoon2;    /* the hosts speak its dialect, and nothing that it does not know */
	unsigned nonces; /* which hosts add one as responders, as bits */
	enum sim_user_to_user {
		SIM_USER_TO_USER_OFF,
		SIM_USER_TO_USER_KEYLESS, /* hosts with odd numbers have no keytab */
		SIM_USER_TO_USER_ALWAYS
	} user_to_user;
	uint32_t lifetime;  /* seconds */
	unsigned protocols; /* which IPsec protocols, and how many */
	uint32_t retransmit_first;
	uint32_t retransmit_limit;
	uint32_t retransmit_tries;
	uint32_t delete_grace;
	uint32_t dpd;         /* milliseconds; 0: off */
	uint32_t dpd_timeout; /* 0: unset */
	uint32_t max_sas;
	uint32_t max_pending;
	uint64_t duration_ms;
	uint64_t mean_gap_ms; /* between events of the workload */
	uint32_t ticket_life; /* seconds */

	/* Chances in a thousand. */
	uint32_t drop, duplicate, reorder, corrupt, replay, inject;
	uint32_t kerberos_limit, plane_failure, resolver_failure;
	uint32_t ticket_over;
	uint32_t crashes, skews, outages; /* of workload events */
	bool clocks_stay;                 /* wrong clocks are not set right in the end */
	uint64_t delay_ms;                /* of datagrams, at most */
	uint64_t reorder_ms;
	uint64_t kerberos_delay_ms;
	uint64_t plane_delay_ms;
};

/* What happened, summed over all runs: a simulation in which nothing went wrong proves nothing. */
enum sim_count {
	SIM_RUNS,
	SIM_STRICT_RUNS, /* in which no half-open SA at all was excusable */
	SIM_SENT,
	SIM_DROPPED,
	SIM_DUPLICATED,
	SIM_REORDERED,
	SIM_CORRUPTED,
	SIM_REPLAYED,
	SIM_INJECTED,
	SIM_ACQUIRES,
	SIM_FLOWS_FAILED,
	SIM_INITIATES,
	SIM_TERMINATES,
	SIM_PROBES_ALIVE, /* of commands */
	SIM_PROBES_RESTARTED,
	SIM_PROBES_SILENT,
	SIM_PROBES_FAILED,
	SIM_PACKETS,
	SIM_PACKETS_LOST, /* the other end has no SA for them */
	SIM_UNREACHABLES, /* ICMP errors, true or not */
	SIM_EXPIRIES,
	SIM_CRASHES,
	SIM_SHUTDOWNS,
	SIM_SKEWS,
	SIM_KDC_OUTAGES,
	SIM_CLOCKS_CORRECTED,
	SIM_TICKETS_REJECTED,
	SIM_USER_TO_USER,
	SIM_TGTS_GIVEN,
	SIM_TGTS_REPLACED,
	SIM_KERBEROS_LIMITED,
	SIM_KERBEROS_REFUSED,
	SIM_PLANE_FAILURES,
	SIM_SAS_COMPARED, /* found the same on both ends */
	SIM_UNCONFIRMED,  /* deletions that the peer did not answer */
	SIM_CONNECTED,    /* SAs that waited for the peer's word */
	SIM_ENGINE,       /* the engines' own counters follow */
	SIM_COUNT = SIM_ENGINE + KX_COUNTER_COUNT
};

struct sim_kerberos;
struct sim_plane;
struct sim_realm;

struct sim_host {
	struct sim *sim;
	unsigned index;
	char name[32];            /* FQDN */
	char starts_as[64];       /* its principal as initiator */
	char answers_as[64];      /* its principal as responder */
	struct address address;   /* where others expect it */
	struct address other;     /* where it is, too; unset for none */
	struct address speaks_as; /* what it sends from */
	struct prefix network;    /* behind it, for tunnels */
	bool rogue;
	struct sim_random random;
	struct host seam;
	struct log log;
	struct policy *policy;
	struct kx *kx; /* NULL while it is down */
	uint32_t life;
	uint64_t clock_offset_ms;
	uint64_t started_ms;        /* by the world's clock */
	int64_t starts[SIM_STARTS]; /* by its own */
	size_t start_count;
	int64_t skew_seconds;
	uint32_t key_version; /* of its principals' keys, as the KDC has them */
	uint32_t oldest_key;  /* that its keytab still has */
	uint64_t wake_ms;
	struct sim_kerberos *kerberos;
	struct sim_plane *plane;
	bool stopping;
	uint64_t inbound[SIM_INBOUND]; /* hashes of keys that it could receive under */
	size_t inbound_count;
	char logged[SIM_TEXT_SIZE]; /* the last line of its log */
	bool was_protected[SIM_HOSTS_MAX];
};

struct sim_capture {
	struct sim_host *to;
	struct endpoint from;
	struct endpoint local;
	uint8_t octets[1500];
	size_t len;
};

/* A message that the network took, with its number of copies. */
struct sim_loss {
	uint32_t message_id;
	unsigned copies;
};

struct sim {
	uint64_t seed;
	bool verbose;
	const struct sim_realm *realm;
	struct sim_profile profile;
	struct sim_random random;  /* of the workload */
	struct sim_random trouble; /* of all that goes wrong */
	uint64_t now_ms;
	uint64_t steps;
	struct sim_queue queue;
	struct sim_host hosts[SIM_HOSTS_MAX];
	size_t host_count;
	bool faults;  /* things may go wrong */
	bool working; /* the workload goes on */
	bool kdc_away;
	bool excused;   /* an SA may have been left half-open that no message could have mended */
	bool forgetful; /* or that the first contact would mend: a host lost its state */
	bool failed;
	char failure[SIM_TEXT_SIZE];
	uint64_t sent; /* datagrams so far */
	/* Called for each of them, before it is on its way. May be NULL. */
	enum sim_fate (*censor)(struct sim *sim, struct bytes datagram, void *context);
	void *censor_context;
	bool ticket_is_over; /* the next ticket that is looked at has ended */
	uint64_t digest;     /* of all that happened: the same seed gives the same */
	struct sim_capture captures[SIM_CAPTURES];
	size_t capture_count;
	struct sim_loss losses[SIM_LOSSES];
	size_t loss_count;
	uint64_t said[SIM_CONNECTIONS]; /* marks of messages that say CONNECTED */
	size_t said_count;
	uint32_t connected[SIM_CONNECTIONS]; /* message IDs of those that came */
	size_t connected_count;
	size_t commands_open; /* commands whose outcome is still to come */
	bool command_failed;  /* the last one that ended did */
	uint64_t *counts;
};

/* sim.c: time. */
void sim_schedule(
    struct sim *sim, uint64_t delay_ms, sim_handler handler, struct sim_host *host, void *payload);
/* Runs events until that time, or until something fails. */
void sim_run_until(struct sim *sim, uint64_t time_ms);
/* The same, but stops as soon as done() is true, and says whether it was. */
bool sim_run_until_true(struct sim *sim, uint64_t time_ms, bool (*done)(struct sim *sim));
/* Something is wrong with the engine: the run ends. */
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of the run's story. */
void sim_note(struct sim *sim, const struct sim_host *host, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void *sim_alloc(size_t len); /* zeroed; never NULL */

/* profile.c: what a run is like, and the hosts' configuration. */
void sim_profile_choose(struct sim *sim);
/*
 * Whether a command may be accepted minutes after it was sent: it was shed unread, or found too far
 * from our clock, and then replayed.
 */
bool sim_may_come_late(const struct sim *sim);
struct policy *sim_policy(const struct sim *sim, const struct sim_host *host);

/* host.c */
void sim_host_init(struct sim *sim, unsigned index);
void sim_host_start(struct sim_host *host);
/* The machine loses its power: engine, sessions and SAs are gone. */
void sim_host_crash(struct sim_host *host);
struct sim_host *sim_host_at(struct sim *sim, const struct address *address);

/* methods.c: which exchange methods the hosts speak, and how they prove who they are in IKEv1. */
void sim_methods_choose(struct sim *sim);
void sim_methods_set(const struct sim *sim, const struct sim_host *host, struct policy *policy);
/* Whether hosts may come to SAs for that traffic by this method. */
bool sim_may_use(
    const struct sim_host *host, const struct sim_host *peer, enum exchange exchange, bool tunnel);
/* The realm knows it not. */
bool sim_is_outside(const struct sim_host *host);

/* credentials.c: the seam, with keys and certificates that need no computation. */
enum err sim_credentials_submit(struct sim_host *host, const struct credentials_request *request);

/* network.c */
void sim_network_send(struct sim_host *host, const struct host_datagram *datagram);
/* The host is told, after a moment, that nobody can be reached there. */
void sim_network_unreachable(struct sim_host *host, const struct address *remote);
/* A datagram on its way, whoever made it. */
void sim_network_carry(struct sim_host *host, const struct host_datagram *datagram);
/* A datagram by an outsider. */
void sim_network_inject(struct sim *sim);

/* commit.c: hosts that set the commit bit in Quick Mode. */
/* Whether the host does so in this datagram, which is then in out. */
bool sim_commit_mark(const struct sim_host *host, struct bytes datagram, uint8_t *out, size_t size);
/* It has sent this: behind the third message it says CONNECTED. */
void sim_commit_sent(struct sim_host *host, struct bytes datagram);
/* This is about to come to a host: it may be that word. */
void sim_commit_comes(struct sim_host *host, struct bytes datagram);
/* It has come, and may call for that word. */
void sim_commit_came(struct sim_host *host, struct bytes datagram);
/* An SA is added: not before that word. */
void sim_commit_check(const struct sim_host *host, const struct dataplane_sa *sa);

/* kerberos.c: the seam, over a stand-in or over libkrb5. */
struct sim_kerberos *sim_kerberos_create(struct sim_host *host);
/* Whether the engine, gone by now, released all that it had been given. */
void sim_kerberos_destroy(struct sim_kerberos *kerberos);
enum err sim_kerberos_submit(struct sim_kerberos *kerberos, const struct kerberos_request *request);
void sim_kerberos_release(struct sim_kerberos *kerberos, uint64_t session, uint32_t affinity);
size_t sim_kerberos_sessions(const struct sim_kerberos *kerberos);
size_t sim_kerberos_waiting(const struct sim_kerberos *kerberos);
/* As whom the other side of the session that this key came from proved itself; NULL for none. */
const char *sim_kerberos_origin(
    const struct sim_kerberos *kerberos, const uint8_t *key, size_t len);

/* plane.c: the record data plane with delays, failures and a sharp eye. */
struct sim_plane *sim_plane_create(struct sim_host *host);
void sim_plane_destroy(struct sim_plane *plane);
void sim_plane_submit(struct sim_plane *plane, const struct dataplane_request *request);
struct dataplane *sim_plane_record(const struct sim_plane *plane);
/*
 * A packet has no SA: whether that is told, or its flow waits already, which ends when there is one
 * or the engine says that there will be none.
 */
bool sim_plane_hold(struct sim_plane *plane, const struct dataplane_flow *flow);
/* One of the SAs installed, by chance; NULL when there is none. */
const struct dataplane_sa *sim_plane_any(struct sim_plane *plane, struct sim_random *random);

/* check.c: what must hold. */
void sim_check_added(struct sim_host *host, const struct dataplane_sa *sa);
void sim_check_step(struct sim *sim);
/* After all hosts have talked to each other: nothing outlived a restart or its successor. */
void sim_check_contact(struct sim *sim);
/* No message is repeated for longer. */
uint64_t sim_transmissions_ms(const struct sim *sim);
/* Both ends of every SA are there, and nothing is under way. */
bool sim_is_settled(struct sim *sim);
/* Why it is not, for people; false when it is. */
bool sim_unsettled(struct sim *sim, char text[SIM_TEXT_SIZE]);
bool sim_is_empty(struct sim *sim);
/* SAs that the other end does not have, as hashes of what names them. Returns how many. */
size_t sim_lonely(struct sim *sim, uint64_t *out, size_t max);
/* Whether h has an SA in each direction for traffic with peer. */
bool sim_is_protected(const struct sim_host *host, const struct sim_host *peer);
/* Whether SAs between these two should come about. */
bool sim_are_friends(const struct sim_host *host, const struct sim_host *peer);

/* workload.c */
void sim_workload_start(struct sim *sim);
struct dataplane_flow sim_flow(
    const struct sim_host *host, const struct sim_host *peer, bool tunnel);
/* A packet: through the SA that is there, or causing one. */
void sim_packet(struct sim_host *host, struct sim_host *peer, bool tunnel);
void sim_acquire(struct sim_host *host, const struct sim_host *peer, bool tunnel);
void sim_initiate(struct sim_host *host, const struct sim_host *peer);
void sim_probe(struct sim_host *host, const struct sim_host *peer);
/* All its SAs are removed by somebody else, in no order. */
void sim_lose_sas(struct sim_host *host);
/* peer may be NULL: all. */
void sim_terminate(struct sim_host *host, const struct sim_host *peer);

/* run.c */
/* With a profile that is given, or one chosen by the seed. */
void sim_make_world(struct sim *sim, const struct sim_realm *realm, uint64_t seed);
void sim_clear_world(struct sim *sim);
/* One whole run; false when something was wrong. counts has SIM_COUNT entries. */
bool sim_run(struct sim *sim, const struct sim_realm *realm, uint64_t seed, uint64_t *counts);

#endif
