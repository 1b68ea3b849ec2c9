/* Remote hosts: which ISAKMP SAs there are with each, and what waits for one. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "kx/ikev1/dpd.h"
#include "kx/ikev1/phase1.h"
#include "kx/ikev1/phase2.h"
#include "kx/ikev1/sa.h"
#include "sa/peer.h"

static void fill_key(
    struct ikev1_peer_key *key, const struct address *local, const struct address *remote)
{
	memset(key, 0, sizeof(*key));
	key->local = *local;
	key->remote = *remote;
}

struct ikev1_peer *ikev1_peer_find(
    const struct ikev1 *ikev1, const struct address *local, const struct address *remote)
{
	struct ikev1_peer_key key;
	struct ikev1_peer *peer;

	fill_key(&key, local, remote);
	HASH_FIND(by_key, ikev1->peers, &key, sizeof(key), peer);
	return peer;
}

struct ikev1_peer *ikev1_peer_get(struct ikev1 *ikev1, const struct policy_peer *policy,
    const struct address *local, const struct address *remote)
{
	struct ikev1_peer *peer = ikev1_peer_find(ikev1, local, remote);

	if (peer != NULL)
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return NULL;
	peer->ikev1 = ikev1;
	peer->policy = policy;
	fill_key(&peer->key, local, remote);
	HASH_ADD(by_key, ikev1->peers, key, sizeof(peer->key), peer);
	if (!table_holds(&peer->by_key)) {
		free(peer);
		return NULL;
	}
	return peer;
}

void ikev1_peer_drop(struct ikev1_peer *peer)
{
	if (peer->sas != NULL || peer->quicks != NULL || peer->questions != NULL)
		return;
	HASH_DELETE(by_key, peer->ikev1->peers, peer);
	free(peer);
}

struct ikev1_sa *ikev1_peer_sa(const struct ikev1_peer *peer)
{
	struct ikev1_sa *sa;

	DL_FOREACH (peer->sas, sa) {
		if (sa->established)
			return sa;
	}
	return NULL;
}

size_t ikev1_peer_pairs(const struct ikev1_peer *peer)
{
	const struct sa_peer *pairs = sad_find_peer(kx_sad(peer->ikev1->kx), &peer->key.remote);
	const struct sa_pair *pair = pairs != NULL ? pairs->pairs : NULL;
	size_t count = 0;

	for (; pair != NULL; pair = pair->peer_next)
		count += pair->exchange == EXCHANGE_IKEV1 && pair->state == SA_ESTABLISHED &&
		         address_equal(&pair->local, &peer->key.local);
	return count;
}

/* Phase 1 of ours that goes on; NULL when there is none. */
static const struct ikev1_sa *starting(const struct ikev1_peer *peer)
{
	const struct ikev1_sa *sa;

	DL_FOREACH (peer->sas, sa) {
		if (!sa->established && sa->initiator)
			return sa;
	}
	return NULL;
}

uint32_t ikev1_peer_tries(const struct ikev1_peer *peer)
{
	const struct ikev1_sa *sa = starting(peer);

	return sa != NULL ? sa->exchange.tries : 0;
}

void ikev1_peer_want_sa(struct ikev1_peer *peer)
{
	if (ikev1_peer_sa(peer) == NULL && starting(peer) == NULL)
		ikev1_phase1_initiate(peer);
}

void ikev1_peer_ready(struct ikev1_peer *peer)
{
	ikev1_quicks_go_on(peer);
	ikev1_questions_go_on(peer);
}

void ikev1_peer_failed(
    struct ikev1_peer *peer, enum kx_failure failure, bool again, const struct problem *problem)
{
	struct ikev1 *ikev1 = peer->ikev1;
	struct ikev1_peer_key key = peer->key;

	if (ikev1_peer_sa(peer) != NULL || starting(peer) != NULL)
		return;
	ikev1_questions_fail(peer, problem);
	peer = ikev1_peer_find(ikev1, &key.local, &key.remote);
	if (peer != NULL)
		ikev1_quicks_fail(peer, failure, again, problem);
}
