/*
 * What follows when a peer has lost the SAs with us, or we gave up ours with it: they go, traffic
 * gets new ones at once, and the peer learns of it by our epoch. RFC 4430 3.7, 4.2.1.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kx/kx-internal.h"
#include "sa/peer.h"

/* Whether traffic wanted a pair that is gone, once its last counter is known. */
struct revival {
	uint64_t handle;
	struct kx_connection_key key;
	uint64_t seen_out;
	bool busy;
};

/* Remembers the traffic of a pair that goes without a successor. */
static void remember_traffic(struct kx *kx, const struct sa_pair *pair)
{
	const struct kx_connection *connection = pair->connection;
	struct revival *revival;

	if (connection == NULL || connection->current != pair || !pair->installed_out)
		return;
	revival = calloc(1, sizeof(*revival));
	if (revival == NULL)
		return;
	revival->key = connection->key;
	revival->seen_out = pair->seen_out;
	revival->busy = pair->busy;
	if (slots_add(&kx->revivals, revival, &revival->handle) != ERR_OK) {
		free(revival);
		return;
	}
	sad_query(kx->sad, pair, IPSEC_OUT, KX_LAPSE_TOKEN | revival->handle);
}

void kx_lapse_counted(struct kx *kx, const struct dataplane_completion *completion)
{
	struct revival *revival =
	    slots_get(&kx->revivals, completion->token & ((1ULL << SLOTS_HANDLE_BITS) - 1));
	struct kx_connection *connection;
	bool wanted;

	if (revival == NULL)
		return;
	wanted = revival->busy || (completion->problem.code == ERR_OK &&
				      completion->counters.packets != revival->seen_out);
	if (wanted && !kx->shutdown.active &&
	    kx_connection_for_key(kx, &revival->key, &connection) == ERR_OK)
		kx_connection_revive(connection);
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

/* All SAs with this host go, but for those that are still negotiated or being deleted. */
static size_t end_pairs(struct kx *kx, const struct address *remote,
    void (*end)(struct sad *sad, struct sa_pair *pair), uint64_t *expire_ms)
{
	const struct sa_peer *peer = sad_find_peer(kx->sad, remote);
	struct sa_pair *pair = peer != NULL ? peer->pairs : NULL;
	struct sa_pair *next;
	size_t count = 0;

	for (; pair != NULL; pair = next) {
		next = pair->peer_next;
		if (pair->state == SA_LARVAL || pair->owner != 0 || pair->retired)
			continue;
		if (pair->expire_ms > *expire_ms || pair->expire_ms == 0)
			*expire_ms = pair->expire_ms != 0 ? pair->expire_ms : TIMERS_NEVER;
		remember_traffic(kx, pair);
		end(kx->sad, pair);
		count++;
	}
	return count;
}

void kx_peer_restarted(struct kx *kx, const struct address *remote)
{
	struct kx_watch *watch = kx_watch_find(kx, remote);
	uint64_t expire_ms = 0;
	/* Its kernel may send by them until it has the new ones. */
	size_t count = end_pairs(kx, remote, sad_retire, &expire_ms);
	char text[ADDRESS_TEXT_SIZE];

	kx_count(kx, KX_PEERS_RESTARTED);
	if (watch != NULL)
		watch->restarted = true;
	log_event(kx->host.log, count > 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG, LOG_AREA_SA,
	    LOG_FIELDS({"remote", address_format(remote, text)}),
	    "the peer has restarted and lost its SAs: %zu pairs removed", count);
}

/*
 * A peer that is cut off lives on with its SAs. From now on our messages to it carry a new epoch,
 * for it is from now on that we have valid SAs with it: so it drops its own at our next contact.
 */
static void renew_epoch(struct kx_watch *watch, uint64_t until_ms)
{
	struct kx *kx = watch->kx;
	uint32_t before = kx_epoch(kx, &watch->probe.remote);
	uint32_t epoch = (uint32_t)kx->host.time(kx->host.self);

	/* A clock of whole seconds, which may have been set back. */
	watch->epoch = (int32_t)(epoch - before) > 0 ? epoch : before + 1;
	if (until_ms > watch->epoch_until_ms)
		watch->epoch_until_ms = until_ms;
}

uint32_t kx_epoch(const struct kx *kx, const struct address *remote)
{
	const struct kx_watch *watch = kx_watch_find(kx, remote);

	return watch != NULL && watch->epoch != 0 ? watch->epoch : kx->epoch;
}

void kx_peer_dead(struct kx_watch *watch)
{
	struct kx *kx = watch->kx;
	const struct sa_peer *peer = sad_find_peer(kx->sad, &watch->probe.remote);
	uint64_t now = kx->host.now_ms(kx->host.self);
	uint64_t until_ms = now;
	size_t count;
	char remote[ADDRESS_TEXT_SIZE];
	char principal[KERBEROS_NAME_MAX];

	(void)snprintf(principal, sizeof(principal), "%s",
	    peer != NULL && peer->principal != NULL ? peer->principal : "");
	count = end_pairs(kx, &watch->probe.remote, sad_remove, &until_ms);
	if (count == 0)
		return;
	kx_count(kx, KX_PEERS_DEAD);
	log_event(kx->host.log, LOG_LEVEL_WARNING, LOG_AREA_SA,
	    LOG_FIELDS(
		{"remote", address_format(&watch->probe.remote, remote)}, {"principal", principal}),
	    "the peer is dead: no answer to %u messages, last heard of %llu s ago; %zu pairs of "
	    "SAs removed",
	    watch->probe.messages, (unsigned long long)((now - watch->heard_ms) / 1000), count);
	renew_epoch(watch, until_ms);
}
