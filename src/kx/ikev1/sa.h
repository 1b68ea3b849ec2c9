/* ISAKMP SAs and the hosts that they are with: RFC 2408 2.4, 2.5.3. */
#ifndef KX_IKEV1_SA_H
#define KX_IKEV1_SA_H

#include "kx/ikev1/ikev1-internal.h"

struct ikev1_assembly;
struct ikev1_phase1;
struct ikev1_quick;
struct ikev1_question;

/* All that there is with one remote host. */
struct ikev1_peer {
	struct ikev1 *ikev1;
	struct ikev1_peer_key {
		struct address local;
		struct address remote;
	} key;
	const struct policy_peer *policy;
	struct ikev1_sa *sas; /* newest first; those being made as well */
	size_t sa_count;
	struct ikev1_quick *quicks;       /* quick modes, waiting ones as well */
	struct ikev1_question *questions; /* whether it is there */
	UT_hash_handle by_key;
};

/* The IDs of messages that were taken: each counts once (RFC 2409 5.7). Zero is empty. */
struct ikev1_message_ids {
	uint32_t *ids; /* a hash table; 0 is a free place */
	size_t count;
	size_t capacity;
};

struct ikev1_sa {
	struct ikev1_peer *peer;
	struct ikev1_sa *next, *previous; /* the peer's */
	uint64_t handle;
	struct ikev1_cookies cookies;
	struct ikev1_path path;
	bool initiator;
	bool aggressive; /* made by aggressive mode */
	bool established;
	bool confirmed; /* the peer has surely established it, too */
	struct ikev1_suite suite;
	struct ikev1_keys *keys;        /* NULL until they are derived */
	struct ikev1_phase1 *phase1;    /* NULL once it is over */
	struct ikev1_exchange exchange; /* phase 1's; its last message may be asked for again */
	struct ikev1_message_ids ids;
	struct ikev1_assembly *assembly; /* of a message in fragments; NULL: none */
	char *identity; /* whom the peer has proved to be, for people; NULL before */
	/* What the peer said it knows. */
	bool knows_nat;
	bool knows_dpd;
	bool knows_fragments;
	/* NATs (RFC 3947 3.2). */
	bool local_nat;
	bool remote_nat;
	bool peer_nat;         /* the peer sees one, and goes on through the other port */
	bool tell_contact;     /* the next Quick Mode is to carry INITIAL-CONTACT */
	uint32_t dpd_sequence; /* of our next question (RFC 3706 6.1) */
	uint32_t life_seconds;
	uint64_t began_ms; /* its first message was sent, or came */
	uint64_t established_ms;
	uint64_t heard_ms; /* the last authentic message came */
	uint64_t renew_ms; /* 0: nobody here renews it any more */
	bool idle;         /* when it was to be renewed nothing needed it */
	uint64_t expire_ms;
	struct timer timer; /* renewal, then the end */
	UT_hash_handle by_cookies;
};

/* peer.c */

/* Made if it is not there; NULL when out of memory. */
struct ikev1_peer *ikev1_peer_get(struct ikev1 *ikev1, const struct policy_peer *policy,
    const struct address *local, const struct address *remote);
struct ikev1_peer *ikev1_peer_find(
    const struct ikev1 *ikev1, const struct address *local, const struct address *remote);
/* Frees it if nothing is left of it. */
void ikev1_peer_drop(struct ikev1_peer *peer);
/* The newest established SA with it; NULL when there is none. */
struct ikev1_sa *ikev1_peer_sa(const struct ikev1_peer *peer);
/* Pairs of IPsec SAs with it that were made by this method. */
size_t ikev1_peer_pairs(const struct ikev1_peer *peer);
/* How often the last message of a phase 1 that is on its way from this side was sent. */
uint32_t ikev1_peer_tries(const struct ikev1_peer *peer);
/* Begins phase 1 unless an SA is there, or on its way from this side. */
void ikev1_peer_want_sa(struct ikev1_peer *peer);
/* An SA is there: what waits for one goes on. */
void ikev1_peer_ready(struct ikev1_peer *peer);
/* Phase 1 failed: what waits fails with it, unless another is on its way. again: begins anew. */
void ikev1_peer_failed(
    struct ikev1_peer *peer, enum kx_failure failure, bool again, const struct problem *problem);

/* sa.c */

/* ERR_LIMIT when there are too many with this peer. */
enum err ikev1_sa_new(struct ikev1_peer *peer, const struct ikev1_path *path,
    const struct ikev1_cookies *cookies, bool initiator, struct ikev1_sa **out) MUST_CHECK;
struct ikev1_sa *ikev1_sa_find(const struct ikev1 *ikev1, const struct ikev1_cookies *cookies);
/* The responder's cookie is known now. */
enum err ikev1_sa_rename(struct ikev1_sa *sa, const struct ikev1_cookies *cookies) MUST_CHECK;
/* Phase 1 is done: its lifetime begins, and older ones with the peer have done their service. */
void ikev1_sa_establish(struct ikev1_sa *sa, const char *identity);
/* IPsec SAs are made under it: from now on they need one. */
void ikev1_sa_use(struct ikev1_sa *sa);
/* Frees it without a word to the peer. Quick modes under it fail. */
void ikev1_sa_free(struct ikev1_sa *sa);
/*
 * The first message of another exchange under it, with the IV that this exchange goes on from;
 * false when it does not prove to be the peer's, which is counted.
 */
bool ikev1_sa_open(const struct ikev1_sa *sa, const struct isakmp_header *header, struct bytes body,
    struct ikev1_received *received, uint8_t iv[CBC_BLOCK_MAX]);
/* An authentic message came: the peer is there, and where it came from is where it is. */
void ikev1_sa_heard(struct ikev1_sa *sa, const struct host_datagram *datagram);
/* A new message ID that no message of this SA had yet. */
uint32_t ikev1_sa_new_message_id(struct ikev1_sa *sa);
/* Takes the ID of a message of the peer's; ERR_REPLAY when it was taken before. */
enum err ikev1_sa_take_message_id(struct ikev1_sa *sa, uint32_t message_id) MUST_CHECK;
bool ikev1_sa_took_message_id(const struct ikev1_sa *sa, uint32_t message_id);
/* Whether this end sees a NAT, and whether any end does. */
static inline bool ikev1_sa_sees_nat(const struct ikev1_sa *sa)
{
	return sa->local_nat || sa->remote_nat;
}

static inline bool ikev1_sa_has_nat(const struct ikev1_sa *sa)
{
	return sa->peer_nat || ikev1_sa_sees_nat(sa);
}

/* view.c: the method's list of SAs (kinkd/kx.h). */
void ikev1_list(void *state, uint32_t *cursor,
    bool (*callback)(void *context, const struct kx_ike_view *view), void *context);

#endif
