/*
 * The watch over the peers of our SAs: whether they are still there. RFC 4430 3.7, but no matter by
 * which method the SAs were made.
 *
 * Now and then each peer's SAs are looked at, one pair in turn. A peer is suspicious when packets
 * left since the last look and none came in, or when nothing was heard of it for long. Then it is
 * asked, and only when it does not answer it is dead.
 */
#include <stdlib.h>

#include "kx/kx-internal.h"
#include "sa/peer.h"

/* Hints that anyone can give cause no more questions than these. */
#define HINT_PAUSE_MS   5000
/* Pairs of one peer that are passed over in one look because they are not in use. */
#define PASSED_OVER_MAX 8
#define IDLE_LEAST_MS   1000
/* Of which direction the counters are. */
#define TOKEN_OUT       (1ULL << SLOTS_HANDLE_BITS)

static uint64_t now_ms(const struct kx *kx)
{
	return kx->host.now_ms(kx->host.self);
}

struct kx_watch *kx_watch_find(const struct kx *kx, const struct address *remote)
{
	struct kx_watch *watch;

	HASH_FIND(by_remote, kx->watches, remote, sizeof(*remote), watch);
	return watch;
}

struct kx_watch *kx_watch_of_probe(struct kx_probe *probe)
{
	return (struct kx_watch *)((char *)probe - offsetof(struct kx_watch, probe));
}

enum err kx_watch_get(struct kx *kx, const struct policy_peer *peer, const struct address *local,
    const struct address *remote, struct kx_watch **out)
{
	struct kx_watch *watch = kx_watch_find(kx, remote);

	if (watch == NULL) {
		watch = calloc(1, sizeof(*watch));
		if (watch == NULL)
			return ERR_NO_MEMORY;
		watch->kx = kx;
		watch->probe.remote = *remote;
		watch->heard_ms = now_ms(kx);
		if (slots_add(&kx->watch_slots, watch, &watch->handle) != ERR_OK) {
			free(watch);
			return ERR_NO_MEMORY;
		}
		HASH_ADD(by_remote, kx->watches, probe.remote, sizeof(watch->probe.remote), watch);
		if (!table_holds(&watch->by_remote)) {
			slots_remove(&kx->watch_slots, watch->handle);
			free(watch);
			return ERR_NO_MEMORY;
		}
	}
	if (!watch->probing) {
		watch->probe.peer = peer;
		watch->probe.local = *local;
	}
	*out = watch;
	return ERR_OK;
}

static void watch_free(struct kx_watch *watch)
{
	struct kx *kx = watch->kx;

	timers_cancel(&kx->timers, &watch->timer);
	HASH_DELETE(by_remote, kx->watches, watch);
	slots_remove(&kx->watch_slots, watch->handle);
	free(watch);
}

void kx_liveness_clear(struct kx *kx)
{
	struct kx_watch *watch;
	struct kx_watch *next;
	struct problem problem;

	(void)problem_set(&problem, ERR_UNAVAILABLE, "kinkd is ending");
	HASH_ITER (by_remote, kx->watches, watch, next) {
		kx_probe_tell(watch, KX_PROBE_FAILED, &problem);
		watch_free(watch);
	}
	slots_clear(&kx->watch_slots);
}

/* The longest silence that is nothing special. */
static uint64_t idle_ms(const struct kx_watch *watch)
{
	uint64_t idle = watch->probe.peer->dpd;

	return idle > IDLE_LEAST_MS ? idle : IDLE_LEAST_MS;
}

static void look(struct timer *timer, void *context);

/* There are no SAs to watch. An epoch of its own is kept as long as the peer may have some. */
static void rest(struct kx_watch *watch)
{
	struct kx *kx = watch->kx;

	watch->resting = true;
	if (watch->epoch == 0 || watch->epoch_until_ms <= now_ms(kx) ||
	    timers_set(&kx->timers, &watch->timer, watch->epoch_until_ms, look, watch) != ERR_OK)
		watch_free(watch);
}

/* A third of the idle time, give or take a quarter of that, so that hosts do not synchronise. */
void kx_watch_go_on(struct kx_watch *watch)
{
	struct kx *kx = watch->kx;
	uint64_t random = 0;

	if (watch->probing || watch->awaited > 0)
		return;
	if (watch->probe.peer->dpd == 0 || kx->shutdown.active ||
	    sad_find_peer(kx->sad, &watch->probe.remote) == NULL) {
		rest(watch);
		return;
	}
	watch->resting = false;
	kx->host.random(kx->host.self, &random, sizeof(random));
	if (timers_set(&kx->timers, &watch->timer,
		now_ms(kx) + idle_ms(watch) / 4 + random % (idle_ms(watch) / 6), look,
		watch) != ERR_OK)
		rest(watch);
}

static void ask_counters(struct kx_watch *watch, enum ipsec_direction direction)
{
	const struct sa_pair *pair = sad_by_handle(watch->kx->sad, watch->pair);
	uint64_t token = KX_LIVENESS_TOKEN | watch->handle;

	if (direction == IPSEC_OUT)
		token |= TOKEN_OUT;
	watch->awaited++;
	sad_query(watch->kx->sad, pair, direction, token);
}

static void look(struct timer *timer, void *context)
{
	struct kx_watch *watch = context;
	struct sa_peer *peer = sad_find_peer(watch->kx->sad, &watch->probe.remote);
	const struct sa_pair *pair = NULL;

	(void)timer;
	for (int i = 0; peer != NULL && i < PASSED_OVER_MAX; i++) {
		pair = sad_peer_turn(peer);
		if (pair->state == SA_ESTABLISHED)
			break;
	}
	if (pair == NULL || pair->state != SA_ESTABLISHED) {
		kx_watch_go_on(watch);
		return;
	}
	if (pair->expire_ms > watch->epoch_until_ms)
		watch->epoch_until_ms = pair->expire_ms;
	watch->pair = pair->handle;
	ask_counters(watch, IPSEC_IN);
	ask_counters(watch, IPSEC_OUT);
}

/* Packets that leave without any that come back, or a long silence. */
static void judge(struct kx_watch *watch, struct sa_pair *pair)
{
	struct kx *kx = watch->kx;
	uint64_t looked_ms = watch->looked_ms;
	uint64_t idle = idle_ms(watch);
	bool came = watch->packets_in != pair->seen_in;
	const char *why = NULL;

	watch->looked_ms = now_ms(kx);
	pair->busy = watch->packets_out != pair->seen_out;
	pair->seen_in = watch->packets_in;
	pair->seen_out = watch->packets_out;
	/* Who made the SAs asks first: the other end hears it and needs no ticket of its own. */
	if (!pair->initiator)
		idle += idle / 2;
	if (came)
		watch->heard_ms = watch->looked_ms;
	else if (pair->busy && watch->heard_ms <= looked_ms)
		why = "packets leave and none come back";
	else if (watch->looked_ms - watch->heard_ms >= idle)
		why = "nothing has come from it for long";
	if (why != NULL)
		kx_probe_begin(watch, why);
	else
		kx_watch_go_on(watch);
}

void kx_liveness_counted(struct kx *kx, const struct dataplane_completion *completion)
{
	struct kx_watch *watch =
	    slots_get(&kx->watch_slots, completion->token & ((1ULL << SLOTS_HANDLE_BITS) - 1));
	struct sa_pair *pair;

	if (watch == NULL)
		return;
	if ((completion->token & TOKEN_OUT) != 0)
		watch->packets_out = completion->counters.packets;
	else
		watch->packets_in = completion->counters.packets;
	if (completion->problem.code != ERR_OK)
		watch->pair = 0;
	if (--watch->awaited > 0 || watch->probing)
		return;
	pair = sad_by_handle(kx->sad, watch->pair);
	if (pair != NULL && pair->state == SA_ESTABLISHED && !kx->shutdown.active)
		judge(watch, pair);
	else
		kx_watch_go_on(watch);
}

void kx_liveness_established(struct kx *kx, const struct sa_pair *pair)
{
	const struct policy_rule *rule = policy_rule_by_id(kx->policy, pair->policy_id);
	struct kx_watch *watch;

	if (rule == NULL || rule->peer == NULL || rule->peer->dpd == 0 ||
	    kx_watch_get(kx, rule->peer, &pair->local, &pair->remote, &watch) != ERR_OK)
		return;
	if (watch->resting || !timer_is_set(&watch->timer))
		kx_watch_go_on(watch);
}

void kx_peer_heard(struct kx *kx, const struct address *remote)
{
	struct kx_watch *watch = kx_watch_find(kx, remote);

	if (watch != NULL)
		watch->heard_ms = now_ms(kx);
}

void kx_peer_doubted(struct kx *kx, const struct address *remote)
{
	struct kx_watch *watch = kx_watch_find(kx, remote);

	if (watch == NULL || watch->probing || watch->resting || kx->shutdown.active ||
	    now_ms(kx) - watch->hinted_ms < HINT_PAUSE_MS ||
	    !limit_take(&kx->hint_limit, now_ms(kx)))
		return;
	watch->hinted_ms = now_ms(kx);
	kx_probe_begin(watch, "messages seem not to reach it");
	kx_wake_host(kx);
}
