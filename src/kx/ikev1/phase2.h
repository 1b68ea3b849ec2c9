/* Quick Mode under way: RFC 2409 5.5. */
#ifndef KX_IKEV1_PHASE2_H
#define KX_IKEV1_PHASE2_H

#include "kx/ikev1/sa.h"
#include "kx/quick/keys.h"
#include "kx/quick/nat.h"
#include "kx/quick/request.h"

/* One Quick Mode, for one pair of SAs. Secret. */
struct ikev1_quick {
	struct ikev1_peer *peer;
	struct ikev1_quick *next, *previous; /* the peer's */
	uint64_t handle;
	bool initiator;
	struct ikev1_sa *sa; /* NULL while it waits for one */
	bool waiting;        /* for an SA */
	bool sent;           /* the peer may know of the pair */
	bool over;           /* there only to answer copies of the peer's last message */
	bool commit;         /* the peer has set the commit bit */
	struct ikev1_exchange exchange;
	struct ikev1_steps steps;
	struct ikev1_received received;     /* the message that is worked on */
	struct kx_negotiation *negotiation; /* initiator; NULL once it is told of the end */
	struct sa_pair *pair;               /* NULL once it is established, or gone */
	uint64_t made;                      /* the pair's handle once it is established */
	bool udp;                           /* the pair is encapsulated in UDP */
	enum dh_group group;                /* DH_NONE without a key exchange */
	struct quick_key_exchange *key_exchange;
	uint8_t nonce[QUICK_NONCE_SIZE];
	struct bytes peer_nonce; /* copies */
	struct bytes peer_value;
	struct bytes identities[2];  /* responder: IDci and IDcr as they came; copies */
	struct offer_choice offered; /* responder: what was chosen, as it was offered */
	struct lifetime lifetime;    /* and how long it lives */
	struct timer timer;          /* until it is over for good */
};

static inline struct ikev1 *ikev1_quick_method(const struct ikev1_quick *quick)
{
	return quick->peer->ikev1;
}

/* quick.c */

void ikev1_quick_initiate(struct ikev1 *ikev1, struct kx_negotiation *negotiation);
void ikev1_quick_abandon(struct ikev1 *ikev1, struct kx_negotiation *negotiation);
/* A message of a Quick Mode, under an established SA. */
void ikev1_quick_received(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body);
/* Ends in vain: the pair goes, and the peer is told if it may know of it. */
void ikev1_quick_fail(
    struct ikev1_quick *quick, enum kx_failure failure, const struct problem *problem);
/* The pair is in use. Stays a while, for copies of the peer's messages. */
void ikev1_quick_done(struct ikev1_quick *quick);
/* Frees it, whatever it waits for. */
void ikev1_quick_free(struct ikev1_quick *quick);
void ikev1_quick_agreed(struct ikev1_quick *quick, const struct agreement_completion *completion);
void ikev1_quick_reserved(struct ikev1 *ikev1, struct sa_pair *pair, const struct problem *problem);
void ikev1_quick_installed(
    struct ikev1 *ikev1, struct sa_pair *pair, const struct problem *problem);
/* Its pair is gone. */
void ikev1_quick_gone(struct ikev1 *ikev1, struct sa_pair *pair);
/* The Quick Mode under that SA with that message ID; NULL when there is none. */
struct ikev1_quick *ikev1_quick_find(const struct ikev1_sa *sa, uint32_t message_id);
/* The peer does not want the pair any more that is being made. */
void ikev1_quick_withdrawn(struct ikev1 *ikev1, struct sa_pair *pair);
/* The peer reports an error. */
void ikev1_quick_refused(struct ikev1_sa *sa, const struct isakmp_notification *notification);

/* Those that wait for an SA go on, or fail. */
void ikev1_quicks_go_on(struct ikev1_peer *peer);
void ikev1_quicks_fail(
    struct ikev1_peer *peer, enum kx_failure failure, bool again, const struct problem *problem);
/* The SA under which they are is gone. */
void ikev1_quicks_lose(struct ikev1_sa *sa);

/* quick-commit.c */

/* The number of the message that the commit bit asks for. */
#define IKEV1_MESSAGE_CONNECTED 4

bool ikev1_quick_awaits_connected(const struct ikev1_quick *quick);
/* A message of its message ID has come to one that awaits it. */
void ikev1_quick_connected(struct ikev1_quick *quick, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body);
/* It has been waited for long enough. */
void ikev1_quick_unconnected(struct ikev1_quick *quick);

/* quick-initiator.c */
/*
 * The peer has refused what was asked for. Where a key exchange was only offered it may be that, so
 * the initiator begins anew without; false where there is nothing to do without.
 */
bool ikev1_quick_do_without_exchange(struct ikev1_quick *quick);
extern const struct ikev1_step ikev1_quick_initiator[];

/* quick-responder.c */
extern const struct ikev1_step ikev1_quick_responder[];

#endif
