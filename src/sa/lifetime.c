/* Lifetimes of SA pairs: randomised soft limits before the hard ones (RFC 4430 3.6). */
#include "sa/sad-internal.h"

static uint64_t random_below(struct sad *sad, uint64_t bound)
{
	uint64_t value = 0;

	if (bound == 0)
		return 0;
	sad->host.random(sad->host.self, &value, sizeof(value));
	return value % bound;
}

static uint64_t least_margin(const struct sad *sad, uint64_t lifetime_ms)
{
	uint64_t cycle_ms = sad->settings.retransmit_cycle_ms;

	return cycle_ms < lifetime_ms / 6 ? cycle_ms : lifetime_ms / 6;
}

/*
 * How long before the hard limit to rekey: a random time between T-retrans and T-rekey, where
 * T-rekey is a tenth of the lifetime but at least twice T-retrans. A lifetime too short for that
 * is rekeyed in its last third.
 */
static uint64_t rekey_margin(struct sad *sad, uint64_t lifetime_ms)
{
	uint64_t least = least_margin(sad, lifetime_ms);
	uint64_t most = lifetime_ms / 10;

	if (most < 2 * sad->settings.retransmit_cycle_ms)
		most = 2 * sad->settings.retransmit_cycle_ms;
	if (most > lifetime_ms / 3)
		most = lifetime_ms / 3;
	return least + random_below(sad, most - least + 1);
}

/* Where an initiator ought to have rekeyed: half of the least that it leaves itself. */
static uint64_t late_margin(const struct sad *sad, uint64_t lifetime_ms)
{
	return least_margin(sad, lifetime_ms) / 2;
}

static uint64_t soft_of(struct sad *sad, uint64_t hard)
{
	return hard - hard / 10 - random_below(sad, hard / 10 + 1);
}

static bool is_ours_to_rekey(const struct sa_pair *pair)
{
	return pair->initiator || pair->lifetime_lowered;
}

uint64_t sad_soft_bytes(struct sad *sad, const struct sa_pair *pair)
{
	uint64_t hard = pair->lifetime.bytes;

	if (hard == 0 || !is_ours_to_rekey(pair))
		return 0;
	/* After the latest at which an initiator does. */
	return pair->initiator ? soft_of(sad, hard) : hard - hard / 20;
}

uint64_t sad_soft_packets(struct sad *sad, const struct sa_pair *pair)
{
	return pair->packet_limit != 0 ? soft_of(sad, pair->packet_limit) : 0;
}

void sad_soft_expired(struct sad *sad, struct sa_pair *pair)
{
	if (pair->state != SA_ESTABLISHED || pair->rekey_ms == 0)
		return;
	pair->rekey_ms = 0;
	sad->listener.rekey(sad->listener.self, pair);
}

static struct sa_pair *pair_of_timer(struct timer *timer)
{
	return (struct sa_pair *)((char *)timer - offsetof(struct sa_pair, timer));
}

static void hard_limit(struct timer *timer, void *context)
{
	sad_remove(context, pair_of_timer(timer));
}

static void set_hard_limit(struct sad *sad, struct sa_pair *pair)
{
	if (pair->expire_ms == 0)
		return;
	/* Without memory for its timer a pair must not outlive its keys. */
	if (timers_set(sad->timers, &pair->timer, pair->expire_ms, hard_limit, sad) != ERR_OK)
		sad_remove(sad, pair);
}

static void soft_limit(struct timer *timer, void *context)
{
	struct sad *sad = context;
	struct sa_pair *pair = pair_of_timer(timer);
	uint64_t handle = pair->handle;

	set_hard_limit(sad, pair);
	if (sad_by_handle(sad, handle) == pair)
		sad_soft_expired(sad, pair);
}

void sad_start_lifetime(struct sad *sad, struct sa_pair *pair)
{
	uint64_t now = sad->host.now_ms(sad->host.self);
	uint64_t lifetime_ms = (uint64_t)pair->lifetime.seconds * 1000;
	uint64_t margin;

	pair->created_ms = now;
	pair->expire_ms = 0;
	/* Bytes or packets alone may make a pair ours to rekey; then there is no time for it. */
	pair->rekey_ms =
	    (is_ours_to_rekey(pair) && pair->lifetime.bytes > 0) || pair->packet_limit > 0
		? UINT64_MAX
		: 0;
	if (lifetime_ms == 0)
		return;
	pair->expire_ms = now + lifetime_ms;
	if (!is_ours_to_rekey(pair)) {
		set_hard_limit(sad, pair);
		return;
	}
	margin = pair->initiator ? rekey_margin(sad, lifetime_ms) : late_margin(sad, lifetime_ms);
	pair->rekey_ms = pair->expire_ms - margin;
	if (timers_set(sad->timers, &pair->timer, pair->rekey_ms, soft_limit, sad) != ERR_OK)
		sad_remove(sad, pair);
}
