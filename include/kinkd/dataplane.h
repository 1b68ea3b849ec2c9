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
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "kinkd/ipsec.h"

enum dataplane_operation {
	DATAPLANE_RESERVE_SPI, /* an unused inbound SPI of sa.suite.protocol for `sa.destination`;
	                          gives spi, which for IPComp is a CPI of 256 to 61439 */
	DATAPLANE_ADD_SA,      /* install `sa`, or complete a reserved one */
	DATAPLANE_DELETE_SA,   /* by sa.spi, sa.protocol, sa.destination; releases a reservation too
	                        */
	DATAPLANE_QUERY_SA,    /* by the same three; gives counters */
	DATAPLANE_MOVE_SA,    /* the other end of the SA that `move` names, and of its bundle, is at
	                         move.remote now */
	DATAPLANE_ADD_POLICY, /* install `policy` in both directions */
	DATAPLANE_DELETE_POLICY, /* by policy.id: all its selectors */
	/* The policies of this start are all in. What an earlier run left standing, for it was
	   killed, is removed now and not before: no packet goes clear meanwhile. */
	DATAPLANE_REMOVE_STALE,
	/* No SA will come now for what policy.id and policy.selector match: packets that were held
	   for one are dropped, and the next one causes an acquire. */
	DATAPLANE_ACQUIRE_FAILED,
	/* There is an SA for it already: a packet asked while that was being installed. Held ones
	   look again. */
	DATAPLANE_ACQUIRE_FULFILLED
};

/* What happens to traffic that a policy's selector matches (RFC 4301 4.4.1). */
enum policy_action {
	POLICY_REQUIRE, /* only under an SA, both ways; a packet without one causes an acquire */
	/* Under an SA when there is one, else clear; acquires as well. Once an SA was there, what
	   its selector matches is as under POLICY_REQUIRE while the policy lives. */
	POLICY_REQUEST,
	POLICY_BYPASS, /* clear */
	POLICY_DISCARD /* dropped */
};

/* The most SAs that one packet goes through: IPComp, ESP and AH. */
#define BUNDLE_MAX 3

#define DATAPLANE_NAME_SIZE   64
#define DATAPLANE_DEVICE_SIZE 16 /* IFNAMSIZ */

/* One selector of a rule. A rule with several is installed as several policies of one id. */
struct dataplane_policy {
	uint32_t id;
	char name[DATAPLANE_NAME_SIZE]; /* for people; empty: it has none */
	uint32_t priority;              /* lower comes first; unique among the policies installed */
	enum policy_action action;
	struct selector selector;
	enum ipsec_mode mode;
	/* Tunnel mode: the outer addresses. In transport mode unset. */
	struct address tunnel_local;
	struct address tunnel_remote;
	/* What protects its packets, innermost first. A count of 0 means ESP alone. Packets that
	   come in under anything else are dropped if the action is POLICY_REQUIRE; only IPComp may
	   be absent from one (RFC 3173 2.2). */
	enum ipsec_protocol protocols[BUNDLE_MAX];
	uint8_t protocol_count;
	/* What only the kernel's data plane can do. */
	struct packet_mark mark; /* of its packets; what its SAs bring in is given it */
	uint32_t if_id;          /* its packets go through the XFRM interface of this id; 0: none */
	enum offload offload;    /* of its SAs */
	char offload_device[DATAPLANE_DEVICE_SIZE];
};

/*
 * An SA in one direction. Of SAs whose selectors match a packet the one added last is used.
 *
 * SAs that are applied to a packet one after the other are a bundle (RFC 2401 4.3). They agree in
 * direction, outer addresses, selector and policy; from the inside out they are IPComp, ESP, AH
 * (RFC 2401 4.5, RFC 3173 section 2), each at most once. A bundle carries packets while all its
 * SAs are installed.
 */
struct dataplane_sa {
	enum ipsec_direction direction;
	uint32_t spi;          /* of IPComp the CPI */
	struct address source; /* outer addresses of its packets */
	struct address destination;
	enum ipsec_mode mode; /* in a bundle only index 0 can be in tunnel mode */
	struct suite suite;
	struct selector selector; /* which inner packets it carries, seen from this host */
	uint32_t policy_id;
	uint32_t replay_window; /* packets; inbound only */
	uint32_t hard_seconds;  /* 0 is none; soft limits are reported as expire events */
	uint64_t soft_bytes;
	uint64_t hard_bytes;
	uint64_t soft_packets; /* beside what sequence numbers allow, which is watched anyway */
	uint64_t hard_packets;
	uint32_t bundle;      /* which, unique in its direction; 0: the SA stands alone */
	uint8_t bundle_index; /* 0 is innermost */
	uint8_t bundle_size;
	/* UDP encapsulation (RFC 3948) when both ports are set: of ESP that has nothing around it.
	   This host's port is settings.encapsulation_port. */
	uint16_t encapsulation_source;
	uint16_t encapsulation_destination;
	bool encapsulation_keepalive; /* outbound: this host is behind the NAT (RFC 3948 4) */
	uint8_t key[SA_KEY_MAX]; /* KEYMAT in RFC 4301 4.5.2's order: cipher key (and salt), then
	                            integrity */
	uint16_t key_len;
};

/* The packet that wanted an SA. */
struct dataplane_flow {
	uint32_t policy_id; /* 0: that of an SA which an earlier run left, whichever it is now */
	struct address local;
	struct address remote;
	uint16_t local_port; /* 0 where the protocol has none */
	uint16_t remote_port;
	uint8_t protocol;
};

/*
 * Where the other end of an encapsulated SA is. Reported with the inbound SA's name when an
 * authenticated packet, newer than all before it, came from elsewhere than the SA says: the NAT's
 * mapping changed. A host that is not behind a NAT itself may follow (RFC 3947 section 7), for each
 * SA of the pair with DATAPLANE_MOVE_SA.
 */
struct dataplane_move {
	uint32_t spi;
	enum ipsec_protocol protocol;
	struct address destination;
	struct endpoint remote;
};

struct dataplane_request {
	enum dataplane_operation operation;
	uint64_t token;
	union {
		struct dataplane_sa sa;
		struct dataplane_policy policy;
		struct dataplane_move move;
	};
};

struct dataplane_counters {
	uint64_t packets;
	uint64_t bytes; /* of inner packets */
	uint64_t replayed;
	uint64_t integrity_failed;
	uint64_t selector_mismatch;
	uint64_t wrongly_protected; /* not by just the SAs of the bundle, or not as the policy says
	                             */
};

struct dataplane_completion {
	uint64_t token;
	enum dataplane_operation operation;
	struct problem problem; /* code ERR_OK on success */
	uint32_t spi;
	struct dataplane_counters counters;
};

/* An SA reached a limit of bytes, packets or sequence numbers, or is gone without that. */
struct dataplane_expiry {
	uint32_t spi;
	struct address destination;
	enum ipsec_protocol protocol;
	enum ipsec_direction direction;
	bool hard;
	bool lost; /* hard, and not by a limit: somebody has removed it */
};

/* A message of a key exchange that came in on the port of UDP encapsulation; data is borrowed. */
struct dataplane_datagram {
	struct endpoint local;
	struct endpoint remote;
	struct bytes data; /* without the non-ESP marker (RFC 3948 2.2) */
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
	/* May be NULL. Once for each new place. */
	void (*moved)(void *self, const struct dataplane_move *move);
	/* May be NULL. Only of a data plane that reads the encapsulation sockets. */
	void (*key_exchange)(void *self, const struct dataplane_datagram *datagram);
	/* The data plane cannot go on (its device vanished, say). */
	void (*failed)(void *self, const struct problem *problem);
};

struct dataplane_settings {
	const char *device; /* userspace: the TUN device's name */
	uint32_t mark; /* userspace: SO_MARK of its own packets, and its routing table's number */
	uint32_t hold_packets;       /* per flow, while its SA is negotiated */
	uint32_t hold_flows;         /* flows that may hold packets at the same time */
	uint16_t encapsulation_port; /* UDP port of ESP through NATs, RFC 3948's 4500; 0: none */
	bool keep;                   /* at the end policies stand, and SAs where `outlives` */
	/* The file that remembers what is to outlive this run; NULL: none. Kernel: what was
	   changed; userspace: which flows were protected under POLICY_REQUEST. */
	const char *state_path;
	/* The sockets that are bound to it, of IPv4 and IPv6, -1 where the host has no such family.
	   They stay the caller's, which sends through them. Unused without a port. */
	int encapsulation_sockets[2];
};

struct dataplane;

struct dataplane_ops {
	const char *name; /* "userspace", "kernel", "record" */
	/* It reads the encapsulation sockets itself, and nobody else may. Otherwise the caller
	   does, and to it comes what the data plane leaves: messages of a key exchange. */
	bool reads_encapsulation;
	/* What it installed works on when this process has ended. */
	bool outlives;
	/* It can do what policies ask of the kernel alone: extended sequence numbers,
	   marks, ids of interfaces, offload. */
	bool has_kernel_settings;
	/* Whether it would work here with these protocols, by a real trial that leaves nothing
	   behind; the problem says what is missing. NULL: open tells. */
	enum err (*probe)(
	    const enum ipsec_protocol *protocols, size_t count, struct problem *problem);
	/* problem says what is missing and what to do about it. */
	enum err (*open)(const struct dataplane_settings *settings,
	    const struct dataplane_listener *listener, struct log *log, struct dataplane **out,
	    struct problem *problem);
	/* Called on the engine's thread only. Never blocks for long. */
	void (*submit)(struct dataplane *dataplane, const struct dataplane_request *request);
	/* Carries out what submit has only queued, so that requests go together. NULL: it never
	   does. */
	void (*flush)(struct dataplane *dataplane);
	/* Removes everything that it installed, but for what settings.keep says. */
	void (*close)(struct dataplane *dataplane);
};

extern const struct dataplane_ops dataplane_record;
extern const struct dataplane_ops dataplane_userspace;
extern const struct dataplane_ops dataplane_xfrm;

#endif
