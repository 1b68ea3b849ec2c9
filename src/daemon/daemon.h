/* The daemon's one context, and what its files share. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <uv.h>

#include "base/log.h"
#include "base/slots.h"
#include "kerberos/realm.h"
#include "kinkd/dataplane.h"
#include "kinkd/host.h"
#include "kx/engine.h"
#include "policy/policy.h"

struct jobs;
struct keyring;
struct udp;
struct workers;
struct resolver;
struct control;
struct events;
struct debug_keys;

struct daemon {
	uv_loop_t loop;
	struct log log;
	const char *config_path;
	struct policy *policy;
	struct kerberos_realm *realm;
	struct kx *kx;
	struct udp *udp;
	struct workers *workers;
	struct jobs *jobs;
	struct keyring *keyring;
	struct resolver *resolver;
	struct control *control;
	struct events *events;         /* from the data plane */
	struct debug_keys *debug_keys; /* NULL: keys stay here */
	const struct dataplane_ops *dataplane_ops;
	char dataplane_why[sizeof(((struct problem *)NULL)->text) + 16]; /* why this one */
	struct dataplane *dataplane;
	struct slots queries; /* of SA counters, for status */
	uv_timer_t wake;
	int route_sockets[2]; /* to ask the kernel for source addresses; -1 until used */
	uv_signal_t signals[3];
	uint64_t started_ms;
	char *described; /* the file in words, as it was at the start */
	uint32_t epoch;  /* RFC 4430 4.2.1; chosen before the control socket is made */
	bool debug;      /* everything is logged, whatever the file says */
	bool stopping;
	int exit_status;
};

/*
 * lifecycle.c: opens every part for daemon->policy, which it then owns; on failure daemon_close()
 * is still to be called.
 */
enum err daemon_open(struct daemon *daemon, struct problem *problem) MUST_CHECK;
void daemon_close(struct daemon *daemon);

/* host.c: the engine's host. */
void host_fill(struct daemon *daemon, struct host *out);
void host_open(struct daemon *daemon);
void host_close(struct daemon *daemon);
uint64_t host_now_ms(void);
/*
 * To be called after every event given to the engine: hands it what the data plane has done
 * meanwhile and sends what has been queued.
 */
void host_settle(struct daemon *daemon);
/* Says why and ends the loop: what was promised cannot be kept. */
void host_fail(struct daemon *daemon, const struct problem *problem);

/* events.c: what the data plane reports, from any thread. */
enum err events_open(struct daemon *daemon, struct events **out) MUST_CHECK;
struct dataplane_listener events_listener(struct events *events);
/* Gives all that has come to the engine. */
void events_drain(struct daemon *daemon);
void events_close(struct events *events);
void events_free(struct events *events);

/* privileges.c */
/* Nothing of this process may leak into a core dump or to another process of its user. */
void privileges_harden(void);
/* Keeps only what the data plane needs; for this thread and those that it starts from now on. */
enum err privileges_drop(struct problem *problem) MUST_CHECK;

/* bypass.c: what must always be reachable. */
enum err bypass_add(struct daemon *daemon, struct problem *problem) MUST_CHECK;

/* dataplane.c: choice of the data plane. */
enum err dataplane_choose(struct daemon *daemon, struct problem *problem) MUST_CHECK;

/* query.c: counters of SAs, for status. */
typedef void (*query_done)(void *context, const struct dataplane_completion *completion);
/* One SA; ERR_LIMIT when too many are asked for at the same time. */
enum err query_sa(struct daemon *daemon, enum ipsec_protocol protocol, uint32_t spi,
    const struct address *destination, enum ipsec_direction direction, query_done done,
    void *context) MUST_CHECK;
/* A completion whose token has the top bit. */
void query_completed(struct daemon *daemon, const struct dataplane_completion *completion);
/* Answers what is still asked with an error. */
void query_close(struct daemon *daemon);

#define DAEMON_TOKEN (1ULL << 63)

#endif
