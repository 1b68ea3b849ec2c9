/*
 * The data-plane seam: what a data plane must provide and what it reports. The engine decides; a
 * data plane does as told and knows nothing of how keys were agreed. Requests are flat and are
 * copied before submit returns; each is answered by exactly one completion with its token.
 */
#ifndef KINKD_DATAPLANE_H
#define KINKD_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "kinkd/ipsec.h"

enum dataplane_operation {
	DATAPLANE_RESERVE_SPI, /* an unused inbound SPI for `sa.destination`; gives spi */
	DATAPLANE_ADD_SA,      /* install `sa`, or complete a reserved one */
	DATAPLANE_DELETE_SA,   /* by sa.spi, sa.protocol, sa.destination; releases a reservation too
	                        */
	DATAPLANE_QUERY_SA,    /* by the same three; gives counters */
	DATAPLANE_ADD_POLICY,  /* install `policy` in both directions */
	DATAPLANE_DELETE_POLICY, /* by policy.id: all its selectors */
	DATAPLANE_FLOW_FAILED /* no SA will come for `flow` now: packets held for it are dropped */
};

/* What happens to traffic that a policy's selector matches (RFC 4301 4.4.1). */
enum policy_action {
	POLICY_REQUIRE, /* only under an SA, both ways; a packet without one causes an acquire */
	POLICY_REQUEST, /* under an SA when there is one, else clear; acquires as well */
	POLICY_BYPASS,  /* clear */
	POLICY_DISCARD  /* dropped */
};

/* One selector of a rule. A rule with several is installed as several policies of one id. */
struct dataplane_policy {
	uint32_t id;
	uint32_t priority; /* lower comes first; unique among the policies installed */
	enum policy_action action;
	struct selector selector;
	enum ipsec_mode mode;
	/* Tunnel mode: the outer addresses. In transport mode unset. */
	struct address tunnel_local;
	struct address tunnel_remote;
};

/* An SA in one direction. Of SAs whose selectors match a packet the one added last is used. */
struct dataplane_sa {
	enum ipsec_direction direction;
	uint32_t spi;
	struct address source; /* outer addresses of its packets */
	struct address destination;
	enum ipsec_mode mode;
	struct suite suite;
	struct selector selector; /* which inner packets it carries, seen from this host */
	uint32_t policy_id;
	uint32_t replay_window; /* packets; inbound only */
	uint32_t hard_seconds;  /* 0 is none; soft limits are reported as expire events */
	uint64_t soft_bytes;
	uint64_t hard_bytes;
	/* UDP encapsulation (RFC 3948) when both ports are set. */
	uint16_t encapsulation_source;
	uint16_t encapsulation_destination;
	uint8_t key[SA_KEY_MAX]; /* KEYMAT in RFC 4301 4.5.2's order: cipher key (and salt), then
	                            integrity */
	uint16_t key_len;
};

/* The packet that wanted an SA. */
struct dataplane_flow {
	uint32_t policy_id;
	struct address local;
	struct address remote;
	uint16_t local_port; /* 0 where the protocol has none */
	uint16_t remote_port;
	uint8_t protocol;
};

struct dataplane_request {
	enum dataplane_operation operation;
	uint64_t token;
	union {
		struct dataplane_sa sa;
		struct dataplane_policy policy;
		struct dataplane_flow flow;
	};
};

struct dataplane_counters {
	uint64_t packets;
	uint64_t bytes; /* of inner packets */
	uint64_t replayed;
	uint64_t integrity_failed;
	uint64_t selector_mismatch;
};

struct dataplane_completion {
	uint64_t token;
	enum dataplane_operation operation;
	struct problem problem; /* code ERR_OK on success */
	uint32_t spi;
	struct dataplane_counters counters;
};

/* An SA reached a limit of bytes, packets or sequence numbers. */
struct dataplane_expiry {
	uint32_t spi;
	struct address destination;
	enum ipsec_protocol protocol;
	enum ipsec_direction direction;
	bool hard;
};

/*
 * What a data plane reports. Any thread may call these, also from within submit; the receiver
 * queues and returns at once.
 */
struct dataplane_listener {
	void *self;
	void (*completed)(void *self, const struct dataplane_completion *completion);
	void (*acquire)(void *self, const struct dataplane_flow *flow);
	void (*expired)(void *self, const struct dataplane_expiry *expiry);
	/* The data plane cannot go on (its device vanished, say). */
	void (*failed)(void *self, const struct problem *problem);
};

struct dataplane_settings {
	const char *device; /* userspace: the TUN device's name */
	uint32_t mark; /* userspace: SO_MARK of its own packets, and its routing table's number */
	uint32_t hold_packets; /* per flow, while its SA is negotiated */
	uint32_t hold_flows;   /* flows that may hold packets at the same time */
};

struct dataplane;

struct dataplane_ops {
	const char *name; /* "userspace", "kernel", "record" */
	/* problem says what is missing and what to do about it. */
	enum err (*open)(const struct dataplane_settings *settings,
	    const struct dataplane_listener *listener, struct log *log, struct dataplane **out,
	    struct problem *problem);
	/* Called on the engine's thread only. Never blocks for long. */
	void (*submit)(struct dataplane *dataplane, const struct dataplane_request *request);
	/* Removes everything that it installed. */
	void (*close)(struct dataplane *dataplane);
};

extern const struct dataplane_ops dataplane_record;
extern const struct dataplane_ops dataplane_userspace;

#endif
