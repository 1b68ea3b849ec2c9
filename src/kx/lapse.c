/*
 * What follows when a peer has lost the SAs with us, or we gave up ours with it: they go, traffic
 * gets new ones at once, and the peer learns of it by our epoch. RFC 4430 3.7, 4.2.1.
 *
 * A peer whose kernel outlives its daemon takes packets by its old SAs for a while. So traffic goes
 * by the old outbound SA until there is a new one, or none will be soon.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "kx/kx-internal.h"
#include "sa/peer.h"

/* Whether traffic wanted a pair that is gone, once its last counter is known. */
struct revival {
	uint64_t handle;
	uint64_t pair;
	struct kx_connection_key key;
	uint64_t seen_out;
	bool busy;
};

/* Remembers the traffic of a pair that goes without a successor; false where there is none. */
static bool remember_traffic(struct kx *kx, const struct sa_pair *pair)
{
	const struct kx_connection *connection = pair->connection;
	struct revival *revival;

	if (connection == NULL || connection->current != pair || !pair->installed_out)
		return false;
	revival = calloc(1, sizeof(*revival));
	if (revival == NULL)
		return false;
	revival->pair = pair->handle;
	revival->key = connection->key;
	revival->seen_out = pair->seen_out;
	revival->busy = pair->busy;
	if (slots_add(&kx->revivals, revival, &revival->handle) != ERR_OK) {
		free(revival);
		return false;
	}
	sad_query(kx->sad, pair, IPSEC_OUT, KX_LAPSE_TOKEN | revival->handle);
	return true;
}

/* Whether traffic used the pair that is gone, and will have another. */
static bool revive(
    struct kx *kx, const struct revival *revival, const struct dataplane_completion *completion)
{
	bool wanted = revival->busy || (completion->problem.code == ERR_OK &&
					   completion->counters.packets != revival->seen_out);
	struct kx_connection *connection;

	return wanted && !kx->shutdown.active &&
	       kx_connection_for_key(kx, &revival->key, &connection) == ERR_OK &&
	       kx_connection_revive(connection);
}

void kx_lapse_counted(struct kx *kx, const struct dataplane_completion *completion)
{
	struct revival *revival =
	    slots_get(&kx->revivals, completion->token & ((1ULL << SLOTS_HANDLE_BITS) - 1));
	struct sa_pair *pair;

	if (revival == NULL)
		return;
	if (!revive(kx, revival, completion)) {
		pair = sad_by_handle(kx->sad, revival->pair);
		if (pair != NULL)
			sad_close_outbound(kx->sad, pair);
	}
	slots_remove(&kx->revivals, revival->handle);
	free(revival);
}

void kx_lapse_clear(struct kx *kx)
{
	uint32_t cursor = 0;
	struct revival *revival;

	while ((revival = slots_next(&kx->revivals, &cursor)) != NULL)
		free(revival);
	slots_clear(&kx->revivals);
}

void kx_lapse_over(const struct kx_connection *connection)
{
	struct sad *sad = connection->kx->sad;
	const struct sa_peer *peer = sad_find_peer(sad, &connection->key.remote);
	struct sa_pair *pair;

	if (peer == NULL)
		return;
	DL_FOREACH2(peer->pairs, pair, peer_next)
	{
		struct kx_connection_key key;

		kx_connection_key_of(pair, &key);
		if (pair->retired && pair->installed_out &&
		    memcmp(&key, &connection->key, sizeof(key)) == 0)
			sad_close_outbound(sad, pair);
	}
}

static void lapse(struct kx *kx, struct sa_pair *pair)
{
	if (!remember_traffic(kx, pair))
		sad_close_outbound(kx->sad, pair);
	sad_lapse(kx->sad, pair);
}

static void end(struct kx *kx, struct sa_pair *pair)
{
	(void)remember_traffic(kx, pair);
	sad_remove(kx->sad, pair);
}

/*
 * All SAs with this host go, but for those that are still negotiated or being deleted, or were made
 * from since_ms on.
 */
static size_t end_pairs(struct kx *kx, const struct address *remote, uint64_t since_ms,
    void (*how)(struct kx *kx, struct sa_pair *pair), uint64_t *expire_ms)
{
	const struct sa_peer *peer = sad_find_peer(kx->sad, remote);
	struct sa_pair *pair = peer != NULL ? peer->pairs : NULL;
	struct sa_pair *next;
	size_t count = 0;

	for (; pair != NULL; pair = next) {
		next = pair->peer_next;
		if (pair->state == SA_LARVAL || pair->owner != 0 || pair->retired ||
		    pair->created_ms >= since_ms)
			continue;
		if (pair->expire_ms > *expire_ms || pair->expire_ms == 0)
			*expire_ms = pair->expire_ms != 0 ? pair->expire_ms : TIMERS_NEVER;
		how(kx, pair);
		count++;
	}
	return count;
}

void kx_peer_restarted(struct kx *kx, const struct address *remote, uint64_t since_ms)
{
	struct kx_watch *watch = kx_watch_find(kx, remote);
	uint64_t expire_ms = 0;
	/* Its kernel may send by them until it has the new ones. */
	size_t count = end_pairs(kx, remote, since_ms, lapse, &expire_ms);
	char text[ADDRESS_TEXT_SIZE];

	if (watch != NULL)
		watch->restarted = true;
	/* INITIAL-CONTACT of a peer that had none is just that. */
	if (count == 0 && since_ms != TIMERS_NEVER)
		return;
	kx_count(kx, KX_PEERS_RESTARTED);
	log_event(kx->host.log, count > 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG, LOG_AREA_SA,
	    LOG_FIELDS({"remote", address_format(remote, text)}),
	    "the peer has restarted and lost its SAs: %zu pairs removed", count);
}

static void take_epoch(struct kx_watch *watch, uint32_t epoch, uint64_t until_ms)
{
	watch->epoch = epoch;
	if (until_ms > watch->epoch_until_ms)
		watch->epoch_until_ms = until_ms;
}

/*
 * The peer is dead at one address and has SAs at another. Our epoch is another for it there, too,
 * and whatever we had is invalid to it: so these SAs are replaced as well.
 */
static void renew_at(struct kx *kx, const struct address *remote, uint32_t epoch)
{
	struct kx_watch *watch = kx_watch_find(kx, remote);
	uint64_t until_ms = kx->host.now_ms(kx->host.self);

	(void)end_pairs(kx, remote, TIMERS_NEVER, lapse, &until_ms);
	if (watch != NULL)
		take_epoch(watch, epoch, until_ms);
}

/* Who it is, by its SAs: as it was asked for, or as it proved itself. Empty where nobody knows. */
static const char *principal_of(const struct sa_peer *peer)
{
	const struct sa_pair *pair;

	DL_FOREACH2(peer->pairs, pair, peer_next)
	{
		const struct kx_connection *connection = pair->connection;

		if (connection != NULL && connection->principal != NULL)
			return connection->principal;
	}
	return peer->principal != NULL ? peer->principal : "";
}

static bool is_at_another(
    const struct sa_peer *peer, const struct address *dead, const char *principal)
{
	return principal[0] != '\0' && strcmp(principal_of(peer), principal) == 0 &&
	       !address_equal(&peer->address, dead);
}

static void renew_elsewhere(
    struct kx *kx, const struct address *dead, const char *principal, uint32_t epoch)
{
	const struct sa_peer *peer = NULL;
	struct address *others;
	struct kx_watch *watch;
	size_t count = 0;

	while ((peer = sad_next_peer(kx->sad, peer)) != NULL)
		count += is_at_another(peer, dead, principal);
	others = calloc(count + 1, sizeof(*others));
	if (others == NULL)
		return;
	count = 0;
	while ((peer = sad_next_peer(kx->sad, peer)) != NULL) {
		if (is_at_another(peer, dead, principal))
			others[count++] = peer->address;
	}
	for (size_t i = 0; i < count; i++)
		renew_at(kx, &others[i], epoch);
	/* It may have more to say than we: let it know. */
	watch = count > 0 ? kx_watch_find(kx, &others[0]) : NULL;
	if (watch != NULL && !watch->probing)
		kx_probe_begin(watch, "it has to learn that SAs with it were given up");
	free(others);
}

void kx_peer_dead(struct kx_watch *watch)
{
	struct kx *kx = watch->kx;
	const struct sa_peer *peer = sad_find_peer(kx->sad, &watch->probe.remote);
	const struct address dead = watch->probe.remote;
	uint64_t now = kx->host.now_ms(kx->host.self);
	uint64_t until_ms = now;
	size_t count;
	char remote[ADDRESS_TEXT_SIZE];
	char principal[KERBEROS_NAME_MAX];

	(void)snprintf(principal, sizeof(principal), "%s", peer != NULL ? principal_of(peer) : "");
	count = end_pairs(kx, &watch->probe.remote, TIMERS_NEVER, end, &until_ms);
	if (count == 0)
		return;
	kx_count(kx, KX_PEERS_DEAD);
	log_event(kx->host.log, LOG_LEVEL_WARNING, LOG_AREA_SA,
	    LOG_FIELDS(
		{"remote", address_format(&watch->probe.remote, remote)}, {"principal", principal}),
	    "the peer is dead: no answer to %u messages, last heard of %llu s ago; %zu pairs of "
	    "SAs removed",
	    watch->probe.messages, (unsigned long long)((now - watch->heard_ms) / 1000), count);
	/*
	 * A peer that is cut off lives on with its SAs. From now on our messages to it carry a new
	 * epoch, for it is from now on that we have valid SAs with it: so it drops its own at our
	 * next contact.
	 */
	take_epoch(watch, kx_epoch_renew(kx, &dead, principal), until_ms);
	renew_elsewhere(kx, &dead, principal, watch->epoch);
}
