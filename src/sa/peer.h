/*
 * What is remembered of a remote host as long as SAs with it exist: its principal and its epoch
 * (RFC 4430 3.7), by which a restart of it is noticed.
 */
#ifndef SA_PEER_H
#define SA_PEER_H

#include "sa/sad.h"

struct sa_peer {
	struct address address;
	char *principal; /* as it last proved itself */
	uint32_t epoch;
	bool epoch_known;
	uint64_t epoch_learned_ms;
	int64_t newest_authenticator_us;
	struct sa_pair *pairs;
	UT_hash_handle by_address;
};

enum sa_epoch {
	SA_EPOCH_CURRENT, /* as known, or the first that is seen */
	SA_EPOCH_NEW,     /* the peer lost its state: all SAs with it are invalid */
	SA_EPOCH_STALE    /* a message from before a restart that we know of */
};

/* The peer with this address, made if it is not there; NULL when out of memory. */
struct sa_peer *sad_peer(struct sad *sad, const struct address *address);
struct sa_peer *sad_find_peer(const struct sad *sad, const struct address *address);
/* The one after it, in no order; the first after NULL. */
const struct sa_peer *sad_next_peer(const struct sad *sad, const struct sa_peer *peer);
/* Frees it if it has no pairs. */
void sad_peer_drop(struct sad *sad, struct sa_peer *peer);
/* Its pairs one after the other, round and round. */
struct sa_pair *sad_peer_turn(struct sa_peer *peer);
enum err sad_peer_set_principal(struct sa_peer *peer, const char *principal) MUST_CHECK;

/*
 * Judges the epoch in an authenticated command, ordered by its authenticator's time, and learns
 * it unless it is stale.
 */
enum sa_epoch sad_peer_command_epoch(
    struct sa_peer *peer, uint32_t epoch, int64_t authenticator_us, uint64_t now_ms);
/*
 * The same for an authenticated reply, which carries no time of the peer's: it is stale when
 * another epoch was learned after its transaction began.
 */
enum sa_epoch sad_peer_reply_epoch(
    struct sa_peer *peer, uint32_t epoch, uint64_t began_ms, uint64_t now_ms);

#endif
