/*
 * Policy as a model: SPD, PAD and proposals (RFC 4301 4.4), the realm and the daemon's own
 * settings. It is built whole from the file (policy/config.h), never changes afterwards and is
 * shared by reference count, so that a reload swaps it whole.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sid.h"
#include "kinkd/dataplane.h"
#include "kinkd/ipsec.h"

/* Exchange methods as the file names them. */
enum exchange { EXCHANGE_KINK, EXCHANGE_IKEV1, EXCHANGE_COUNT };

const char *exchange_name(enum exchange exchange); /* "kink" */

#define POLICY_SUITES_MAX 16
#define POLICY_GROUPS_MAX 8

/* Whether keys come out of a key exchange of their own: perfect forward secrecy. */
enum policy_pfs {
	POLICY_PFS_OFF,    /* never; a peer's is refused */
	POLICY_PFS_OFFER,  /* when the peer knows how, too */
	POLICY_PFS_REQUIRE /* always */
};

struct policy_ike;

/* Whose nonces keys are made with (RFC 4430 3.2.1). */
enum policy_nonces {
	POLICY_NONCES_INITIATOR, /* the initiator's alone */
	POLICY_NONCES_BOTH       /* when we respond, ours as well */
};

/* Whether SAs with a peer may cross NATs. */
enum policy_nat {
	POLICY_NAT_OFF, /* plain RFC 4430 */
	POLICY_NAT_AUTO /* UDP encapsulation where a NAT is found and the peer does it too */
};

#define POLICY_AH_MAX 4

/* What is offered and accepted for SAs under a policy, most wanted first. */
struct policy_proposal {
	/* Each may stand there twice, first with extended sequence numbers and then without. */
	struct suite suites[2 * POLICY_SUITES_MAX]; /* of ESP; none: no ESP */
	size_t suite_count;
	struct suite ah[2 * POLICY_AH_MAX]; /* none: no AH */
	size_t ah_count;
	bool compress;            /* IPComp with DEFLATE */
	struct lifetime lifetime; /* hard limits */
	uint64_t packet_limit; /* a hard limit of this host alone: no message tells it; 0: none */
	enum policy_pfs pfs;
	enum dh_group groups[POLICY_GROUPS_MAX]; /* accepted ones; the first is the one offered */
	size_t group_count;
	enum policy_nonces nonces;
};

/* Tickets under the responder's ticket-granting ticket (RFC 4430 3.1). */
enum policy_user_to_user {
	POLICY_USER_TO_USER_OFF,    /* never; ours is given to nobody */
	POLICY_USER_TO_USER_ALLOW,  /* when the peer or the KDC wants it; ours is given to the peer
	                             */
	POLICY_USER_TO_USER_REQUIRE /* always when we start; ours is given to the peer */
};

/* How a peer reads RFC 4430. */
enum policy_dialect {
	POLICY_DIALECT_RFC4430,
	/* A PRF of 20 octets for etypes 17 and 18; one SA, one proposal and two messages for each
	   CREATE; no identities of its own. */
	POLICY_DIALECT_RACOON2
};

/* What makes the next of a peer's exchange methods be tried, as bits. */
enum policy_fallback {
	POLICY_FALLBACK_NO_REALM = 1,     /* no name or realm can be made out for it, or for us */
	POLICY_FALLBACK_NO_PRINCIPAL = 2, /* the KDC knows no such service principal */
	POLICY_FALLBACK_NO_KDC = 4,       /* no KDC answers, and there is no ticket from before */
	POLICY_FALLBACK_SILENT = 8        /* the peer does not answer on the method's port */
};

/* An entry of the PAD: who these addresses are and how they prove it. */
struct policy_peer {
	const char *name;
	const struct prefix *addresses;
	size_t address_count;
	/*
	 * Principal templates with {fqdn}, {host} and {HOST}. The first of responder_principals is
	 * the one asked for when we start; a peer that starts must be one of initiator_principals.
	 */
	const char *const *responder_principals;
	size_t responder_principal_count;
	const char *const *initiator_principals;
	size_t initiator_principal_count;
	/* Of one of these it must then be a member, or be it; none: it need not. */
	const struct sid *initiator_groups;
	size_t initiator_group_count;
	const char *local_principal; /* whom we start as with it; NULL: the realm's */
	enum policy_user_to_user user_to_user;
	enum policy_nat nat;
	enum policy_dialect dialect;
	enum exchange exchanges[EXCHANGE_COUNT]; /* allowed ones, in the order to try */
	size_t exchange_count;
	unsigned fallback; /* enum policy_fallback; 0: only the first method is started with */
	uint32_t fallback_retry;      /* ms until a method that was left is tried again */
	const struct policy_ike *ike; /* policy/ike.h; NULL when none of exchanges is IKE */
	uint32_t dpd;         /* ms without a sign of life before it is asked for one; 0: never */
	uint32_t dpd_timeout; /* ms without an answer before it is dead; 0: one whole try */
};

/* An entry of the SPD. */
struct policy_rule {
	uint32_t id; /* index into the SPD plus one; the data plane's policy id */
	const char *name;
	enum policy_action action;
	const struct policy_peer *peer; /* whose SAs protect it; NULL for bypass and discard */
	enum ipsec_mode mode;
	uint8_t protocol; /* 0 any */
	struct port_range local_ports;
	struct port_range remote_ports;
	/* One selector per pair of a local and a remote prefix of the same family. */
	const struct prefix *locals; /* empty list means any */
	size_t local_count;
	const struct prefix *remotes;
	size_t remote_count;
	struct address gateway; /* tunnel mode: the peer's outer address */
	struct packet_mark mark;
	uint32_t if_id; /* of an XFRM interface; 0: none */
	enum offload offload;
	const char *offload_device; /* NULL without offload */
	struct policy_proposal proposal;
	/* The peer's, or fewer of them: allowed ones, in the order to try. */
	enum exchange exchanges[EXCHANGE_COUNT];
	size_t exchange_count;
	bool automatic; /* made by the daemon (KDC, DNS, the negotiation itself), not by the file */
};

/* A static answer to "which name has this address". */
struct policy_host {
	struct address address;
	const char *name; /* lower-case FQDN */
};

struct policy_realm {
	const char *keytab;    /* NULL: libkrb5's default */
	const char *ccache;    /* a credential cache to start with; NULL: the keytab */
	const char *principal; /* whom we start as; NULL: chosen from the keytab */
	const struct endpoint
	    *kdcs; /* listed in the file; more come from libkrb5's configuration */
	size_t kdc_count;
	uint32_t clock_skew; /* seconds */
};

/* The daemon's own settings. Times in milliseconds unless named otherwise. */
struct policy_daemon {
	const char *control_socket;
	const char *control_group; /* NULL: none */
	uint32_t control_mode;     /* permission bits */
	const char *dataplane;     /* "auto", "kernel", "userspace", "record" */
	uint32_t keep;             /* 1: policies stand when the daemon ends */
	const char *device;
	uint32_t mark;
	uint32_t replay_window;
	uint32_t hold_packets;
	uint32_t hold_flows;
	uint16_t kink_port;
	uint32_t retransmit_first; /* first interval of timer T (RFC 4430 section 9) */
	uint32_t retransmit_limit; /* the interval stops growing here */
	uint32_t retransmit_tries; /* transmissions in all before giving up */
	uint32_t retry_first;      /* after a failed negotiation */
	uint32_t retry_limit;
	uint32_t delete_grace; /* inbound SAs live on so long after a DELETE */
	uint32_t max_sas;
	uint32_t max_pending; /* unauthenticated messages under verification */
	/* Key agreements a second that peers not yet authenticated may cause by IKEv1. */
	uint32_t max_agreements;
	uint32_t workers;       /* Kerberos worker threads */
	const char *debug_keys; /* a file for keys in the clear; NULL: none */
	enum log_level log_levels[LOG_AREA_COUNT];
};

struct policy {
	struct policy_realm realm;
	struct policy_daemon daemon;
	const struct policy_peer *peers;
	size_t peer_count;
	const struct policy_rule *rules; /* the SPD, first match wins; rules[i].id == i + 1 */
	size_t rule_count;
	const struct policy_host *hosts;
	size_t host_count;
};

struct policy *policy_retain(struct policy *policy);
void policy_release(struct policy *policy);

/*
 * Adds bypass rules in front of the others, one for each selector: what the host must always be
 * able to reach. To be called before the policy is handed out.
 */
enum err policy_bypass(struct policy *policy, const char *name, const struct selector *selectors,
    size_t count) MUST_CHECK;

/* What an SA under this proposal consists of, innermost first; returns how many. */
size_t policy_protocols(
    const struct policy_proposal *proposal, enum ipsec_protocol out[BUNDLE_MAX]);

/* The rule of that id, or of that name; NULL if there is none. */
const struct policy_rule *policy_rule_by_id(const struct policy *policy, uint32_t id);
const struct policy_rule *policy_rule_by_name(const struct policy *policy, const char *name);
/* The first rule that matches a packet, as the data plane would find it; NULL if none does. */
const struct policy_rule *policy_lookup(
    const struct policy *policy, const struct dataplane_flow *flow);
/*
 * The rule under which these selectors may be protected with this peer: the first one whose
 * selectors contain them, if it protects and is this peer's (in transport mode the selectors are
 * our and the peer's own address, in tunnel mode the peer is the gateway). NULL otherwise, and when
 * an earlier rule protects any of that traffic with another peer. A part that an earlier rule
 * bypasses or discards is no obstacle: what belongs to it stays out of the SA on this side, and is
 * dropped where it comes out of one although it is to be discarded. Nor is a rule for a mark or an
 * interface of other peers.
 */
const struct policy_rule *policy_lookup_selector(const struct policy *policy,
    const struct selector *selector, const struct address *local, const struct address *peer);
/* What the only tunnel with this gateway protects; false when there is none, or more than one. */
bool policy_only_tunnel(
    const struct policy *policy, const struct address *gateway, struct selector *out);
/* The selectors of a rule, as the data plane installs them. Returns how many; writes up to max. */
size_t policy_rule_selectors(const struct policy_rule *rule, struct selector *out, size_t max);

/* The most specific peer entry whose addresses contain this one; NULL if none does. */
const struct policy_peer *policy_peer_of(
    const struct policy *policy, const struct address *address);
/* Whether the method may be used with the peer at all, and for traffic of the rule. */
bool policy_peer_allows(const struct policy_peer *peer, enum exchange exchange);
bool policy_rule_allows(const struct policy_rule *rule, enum exchange exchange);
/* Whether some peer may be met by that method. */
bool policy_uses(const struct policy *policy, enum exchange exchange);
/* Whether the peer, or any, may be met with tickets. */
bool policy_peer_needs_kerberos(const struct policy_peer *peer);
bool policy_needs_kerberos(const struct policy *policy);
/* A rule with what only the kernel's data plane can do; *setting says what. NULL: there is none. */
const struct policy_rule *policy_needs_kernel(const struct policy *policy, const char **setting);
/* Whether some peer may be met across a NAT: the data plane needs its UDP port. */
bool policy_crosses_nat(const struct policy *policy);
/* The static name of an address; NULL when the resolver must be asked. */
const char *policy_static_name(const struct policy *policy, const struct address *address);

#endif
