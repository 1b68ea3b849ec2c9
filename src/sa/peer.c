/* Remote hosts with SAs, and their epochs (RFC 4430 3.7). */
#include "sa/peer.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "sa/sad-internal.h"

struct sa_peer *sad_find_peer(const struct sad *sad, const struct address *address)
{
	struct sa_peer *peer;

	HASH_FIND(by_address, sad->peers, address, sizeof(*address), peer);
	return peer;
}

struct sa_peer *sad_peer(struct sad *sad, const struct address *address)
{
	struct sa_peer *peer = sad_find_peer(sad, address);

	if (peer != NULL)
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return NULL;
	peer->address = *address;
	HASH_ADD(by_address, sad->peers, address, sizeof(peer->address), peer);
	if (!table_holds(&peer->by_address)) {
		free(peer);
		return NULL;
	}
	return peer;
}

const struct sa_peer *sad_next_peer(const struct sad *sad, const struct sa_peer *peer)
{
	return peer != NULL ? peer->by_address.next : sad->peers;
}

void sad_peer_drop(struct sad *sad, struct sa_peer *peer)
{
	if (peer->pairs != NULL)
		return;
	HASH_DELETE(by_address, sad->peers, peer);
	free(peer->principal);
	free(peer);
}

struct sa_pair *sad_peer_turn(struct sa_peer *peer)
{
	struct sa_pair *pair = peer->pairs;

	DL_DELETE2(peer->pairs, pair, peer_previous, peer_next);
	DL_APPEND2(peer->pairs, pair, peer_previous, peer_next);
	return pair;
}

enum err sad_peer_set_principal(struct sa_peer *peer, const char *principal)
{
	char *copy;

	if (peer->principal != NULL && strcmp(peer->principal, principal) == 0)
		return ERR_OK;
	copy = strdup(principal);
	if (copy == NULL)
		return ERR_NO_MEMORY;
	free(peer->principal);
	peer->principal = copy;
	return ERR_OK;
}

static enum sa_epoch learn(struct sa_peer *peer, uint32_t epoch, uint64_t now_ms)
{
	enum sa_epoch verdict = peer->epoch_known ? SA_EPOCH_NEW : SA_EPOCH_CURRENT;

	peer->epoch = epoch;
	peer->epoch_known = true;
	peer->epoch_learned_ms = now_ms;
	return verdict;
}

/*
 * How far a command may lag behind the newest one of its peer. One that was held back for longer
 * than any initiator goes on trying would make SAs that nobody there knows of.
 */
#define LAG_MAX_US 60000000

enum sa_epoch sad_peer_command_epoch(
    struct sa_peer *peer, uint32_t epoch, int64_t authenticator_us, uint64_t now_ms)
{
	bool newer = authenticator_us > peer->newest_authenticator_us;
	bool known = peer->epoch_known && epoch == peer->epoch;

	if (!newer && peer->newest_authenticator_us - authenticator_us > LAG_MAX_US)
		return SA_EPOCH_STALE;
	if (newer)
		peer->newest_authenticator_us = authenticator_us;
	else if (peer->epoch_known && !known)
		return SA_EPOCH_STALE;
	return known ? SA_EPOCH_CURRENT : learn(peer, epoch, now_ms);
}

enum sa_epoch sad_peer_reply_epoch(
    struct sa_peer *peer, uint32_t epoch, uint64_t began_ms, uint64_t now_ms)
{
	if (peer->epoch_known && epoch == peer->epoch)
		return SA_EPOCH_CURRENT;
	if (peer->epoch_known && peer->epoch_learned_ms >= began_ms)
		return SA_EPOCH_STALE;
	return learn(peer, epoch, now_ms);
}
