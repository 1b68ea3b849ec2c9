/*
 * The table of ISAKMP SAs by their cookies, and their lifetimes. An SA is renewed before it ends
 * while there are IPsec SAs with the peer; those outlive it either way. Without any it goes when
 * its time is over.
 */
#include "kx/ikev1/sa.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/secret.h"
#include "kx/ikev1/fragment.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase1.h"
#include "kx/ikev1/phase2.h"

/* With one peer: two from each side, one renewing the other, and some that lost their way. */
#define SAS_PER_PEER_MAX 8
/* An SA that another has replaced stays for what is still on its way. */
#define REPLACED_MS      30000

/*
 * Who has proved nothing makes room, the oldest first: anybody can begin a phase 1 in the peer's
 * name, and must not keep the peer from it.
 */
static bool make_room(struct ikev1_peer *peer)
{
	struct ikev1_sa *oldest = NULL;
	struct ikev1_sa *sa;

	DL_FOREACH (peer->sas, sa) {
		if (!sa->established && !sa->initiator)
			oldest = sa;
	}
	if (oldest == NULL)
		return false;
	kx_count(peer->ikev1->kx, KX_DATAGRAMS_SHED);
	ikev1_sa_free(oldest);
	return true;
}

enum err ikev1_sa_new(struct ikev1_peer *peer, const struct ikev1_path *path,
    const struct ikev1_cookies *cookies, bool initiator, struct ikev1_sa **out)
{
	struct ikev1 *ikev1 = peer->ikev1;
	struct ikev1_sa *sa;
	enum err error;

	if (peer->sa_count >= SAS_PER_PEER_MAX && !make_room(peer))
		return ERR_LIMIT;
	sa = calloc(1, sizeof(*sa));
	if (sa == NULL)
		return ERR_NO_MEMORY;
	sa->peer = peer;
	sa->path = *path;
	sa->cookies = *cookies;
	sa->initiator = initiator;
	sa->began_ms = ikev1_now(ikev1);
	sa->exchange.ikev1 = ikev1;
	sa->exchange.path = &sa->path;
	error = slots_add(&ikev1->sas, sa, &sa->handle);
	if (error != ERR_OK) {
		free(sa);
		return error;
	}
	HASH_ADD(by_cookies, ikev1->sas_by_cookies, cookies, sizeof(sa->cookies), sa);
	if (!table_holds(&sa->by_cookies)) {
		slots_remove(&ikev1->sas, sa->handle);
		free(sa);
		return ERR_NO_MEMORY;
	}
	DL_PREPEND2(peer->sas, sa, previous, next);
	peer->sa_count++;
	*out = sa;
	return ERR_OK;
}

struct ikev1_sa *ikev1_sa_find(const struct ikev1 *ikev1, const struct ikev1_cookies *cookies)
{
	struct ikev1_sa *sa;

	HASH_FIND(by_cookies, ikev1->sas_by_cookies, cookies, sizeof(*cookies), sa);
	return sa;
}

enum err ikev1_sa_rename(struct ikev1_sa *sa, const struct ikev1_cookies *cookies)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;

	if (ikev1_sa_find(ikev1, cookies) != NULL)
		return ERR_EXISTS;
	HASH_DELETE(by_cookies, ikev1->sas_by_cookies, sa);
	sa->cookies = *cookies;
	HASH_ADD(by_cookies, ikev1->sas_by_cookies, cookies, sizeof(sa->cookies), sa);
	return table_holds(&sa->by_cookies) ? ERR_OK : ERR_NO_MEMORY;
}

void ikev1_sa_free(struct ikev1_sa *sa)
{
	struct ikev1_peer *peer = sa->peer;
	struct ikev1 *ikev1 = peer->ikev1;

	sa->established = false;
	ikev1_quicks_lose(sa);
	ikev1_phase1_free(sa);
	timers_cancel(kx_timers(ikev1->kx), &sa->timer);
	ikev1_exchange_clear(&sa->exchange);
	if (table_holds(&sa->by_cookies))
		HASH_DELETE(by_cookies, ikev1->sas_by_cookies, sa);
	DL_DELETE2(peer->sas, sa, previous, next);
	peer->sa_count--;
	slots_remove(&ikev1->sas, sa->handle);
	secret_free(sa->keys, sizeof(*sa->keys));
	free(sa->ids.ids);
	ikev1_assembly_free(sa->assembly);
	free(sa->identity);
	free(sa);
	ikev1_peer_drop(peer);
}

/* Whether there is anything that wants an ISAKMP SA: IPsec SAs live for less without one. */
static bool is_needed(const struct ikev1_sa *sa)
{
	const struct ikev1_peer *peer = sa->peer;

	return ikev1_peer_pairs(peer) > 0 || peer->quicks != NULL || peer->questions != NULL;
}

static void expire(struct timer *timer, void *context)
{
	struct ikev1_sa *sa = context;

	(void)timer;
	ikev1_tell_deleted(sa);
	ikev1_sa_free(sa);
}

static void set_timer(struct ikev1_sa *sa, uint64_t due_ms, timer_handler handler)
{
	/* Without memory for its timer an SA must not outlive its keys. */
	if (timers_set(kx_timers(sa->peer->ikev1->kx), &sa->timer, due_ms, handler, sa) != ERR_OK)
		ikev1_sa_free(sa);
}

static void renew(struct timer *timer, void *context)
{
	struct ikev1_sa *sa = context;

	(void)timer;
	sa->renew_ms = 0;
	sa->idle = !is_needed(sa);
	/* The newest is this one: none has taken its place yet. */
	if (ikev1_peer_sa(sa->peer) == sa && !sa->idle && !kx_is_stopping(sa->peer->ikev1->kx))
		ikev1_phase1_initiate(sa->peer);
	set_timer(sa, sa->expire_ms, expire);
}

void ikev1_sa_use(struct ikev1_sa *sa)
{
	if (!sa->idle || ikev1_peer_sa(sa->peer) != sa)
		return;
	/* From the loop, as ever. */
	sa->idle = false;
	sa->renew_ms = ikev1_now(sa->peer->ikev1);
	set_timer(sa, sa->renew_ms, renew);
}

/*
 * Those from before this one was begun go soon, and say so: what is new goes through the new one
 * from now on. What both ends began at the same time stays.
 */
static void replace_others(struct ikev1_sa *sa)
{
	struct ikev1_sa *other;
	struct ikev1_sa *next;
	uint64_t due_ms = ikev1_now(sa->peer->ikev1) + REPLACED_MS;

	DL_FOREACH_SAFE (sa->peer->sas, other, next) {
		if (other == sa || !other->established || other->expire_ms <= due_ms ||
		    other->established_ms > sa->began_ms)
			continue;
		other->renew_ms = 0;
		other->expire_ms = due_ms;
		set_timer(other, due_ms, expire);
	}
}

void ikev1_sa_establish(struct ikev1_sa *sa, const char *identity)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	const struct host *host = kx_host(ikev1->kx);
	uint64_t now = ikev1_now(ikev1);
	uint64_t life_ms = (uint64_t)sa->life_seconds * 1000;
	/* Who made it renews it first; the other end only if that has not happened. */
	uint64_t margin_ms = life_ms / (sa->initiator ? 8 : 20);
	uint64_t random = 0;

	host->random(host->self, &random, sizeof(random));
	free(sa->identity);
	sa->identity = strdup(identity);
	sa->established = true;
	sa->established_ms = now;
	sa->heard_ms = now;
	sa->expire_ms = now + life_ms;
	sa->renew_ms = sa->expire_ms - margin_ms / 2 - random % (margin_ms / 2 + 1);
	sa->exchange.fragments = sa->knows_fragments;
	set_timer(sa, sa->renew_ms, renew);
	replace_others(sa);
}

bool ikev1_sa_open(const struct ikev1_sa *sa, const struct isakmp_header *header, struct bytes body,
    struct ikev1_received *received, uint8_t iv[CBC_BLOCK_MAX])
{
	struct bytes none = {0};

	if (ikev1_keys_iv(sa->keys, header->message_id, iv) == ERR_OK &&
	    ikev1_received_open(received, header, body, sa->keys, iv) == ERR_OK) {
		if (ikev1_received_is_authentic(received, sa->keys, none))
			return true;
		ikev1_received_clear(received);
	}
	kx_count(sa->peer->ikev1->kx, KX_DATAGRAMS_UNAUTHENTIC);
	return false;
}

void ikev1_sa_heard(struct ikev1_sa *sa, const struct host_datagram *datagram)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;

	sa->heard_ms = ikev1_now(ikev1);
	sa->confirmed = true;
	kx_peer_heard(ikev1->kx, &sa->peer->key.remote);
	/* RFC 3947 7: who is not behind a NAT himself follows the peer's. */
	if (address_equal(&datagram->remote.address, &sa->path.remote.address) && !sa->local_nat) {
		sa->path.port = datagram->port;
		sa->path.remote = datagram->remote;
		sa->path.local = datagram->local;
	}
}
