/*
 * One exchange's messages: sent until they are answered, and again when the peer repeats what they
 * answer. RFC 2408 5.1; RFC 2409 5 leaves timeouts to ISAKMP.
 */
#include "kx/ikev1/fragment.h"
#include "kx/ikev1/ikev1-internal.h"

static const struct policy_daemon *settings(const struct ikev1 *ikev1)
{
	return &kx_policy(ikev1->kx)->daemon;
}

static uint64_t next_interval(const struct ikev1 *ikev1, uint64_t interval)
{
	uint64_t limit = settings(ikev1)->retransmit_limit;

	return 2 * interval < limit ? 2 * interval : limit;
}

uint64_t ikev1_cycle_ms(const struct ikev1 *ikev1)
{
	uint64_t interval = settings(ikev1)->retransmit_first;
	uint64_t cycle = 0;

	for (uint32_t i = 0; i < settings(ikev1)->retransmit_tries; i++) {
		cycle += interval;
		interval = next_interval(ikev1, interval);
	}
	return cycle;
}

/* FNV-1a: to know a copy from another message. Whoever makes two alike loses his own. */
uint64_t ikev1_mark(struct bytes datagram)
{
	uint64_t hash = 14695981039346656037ULL;

	for (size_t i = 0; i < datagram.len; i++)
		hash = (hash ^ datagram.data[i]) * 1099511628211ULL;
	return hash != 0 ? hash : 1;
}

void ikev1_exchange_again(struct ikev1_exchange *exchange)
{
	if (exchange->sent.len > 0)
		ikev1_send(exchange->ikev1, exchange->path, exchange->sent, exchange->fragments);
}

static void repeat(struct timer *timer, void *context)
{
	struct ikev1_exchange *exchange = context;
	struct ikev1 *ikev1 = exchange->ikev1;

	if (exchange->tries >= settings(ikev1)->retransmit_tries ||
	    timers_set(kx_timers(ikev1->kx), timer, ikev1_now(ikev1) + exchange->interval_ms,
		repeat, exchange) != ERR_OK) {
		exchange->silent(exchange->context);
		return;
	}
	if (exchange->tries > 0)
		kx_count(ikev1->kx, KX_RETRANSMISSIONS);
	exchange->tries++;
	exchange->interval_ms = next_interval(ikev1, exchange->interval_ms);
	ikev1_exchange_again(exchange);
}

enum err ikev1_exchange_send(struct ikev1_exchange *exchange, struct bytes message, bool repeated)
{
	struct ikev1 *ikev1 = exchange->ikev1;
	struct bytes copy = bytes_copy(message);

	if (copy.data == NULL)
		return ERR_NO_MEMORY;
	bytes_drop(&exchange->sent);
	exchange->sent = copy;
	exchange->tries = 0;
	exchange->interval_ms = settings(ikev1)->retransmit_first;
	if (!repeated) {
		timers_cancel(kx_timers(ikev1->kx), &exchange->timer);
		ikev1_exchange_again(exchange);
		return ERR_OK;
	}
	/* From the loop, so that whoever sends need not fear its own end. */
	return timers_set(
	    kx_timers(ikev1->kx), &exchange->timer, ikev1_now(ikev1), repeat, exchange);
}

void ikev1_exchange_answered(struct ikev1_exchange *exchange, uint64_t mark)
{
	timers_cancel(kx_timers(exchange->ikev1->kx), &exchange->timer);
	/* Copies of an answer get nothing but what answers them: else two could go on for ever. */
	bytes_drop(&exchange->sent);
	exchange->mark = mark;
}

void ikev1_exchange_rest(struct ikev1_exchange *exchange)
{
	timers_cancel(kx_timers(exchange->ikev1->kx), &exchange->timer);
}

bool ikev1_exchange_is_copy(const struct ikev1_exchange *exchange, struct bytes datagram)
{
	return exchange->mark != 0 && exchange->mark == ikev1_mark(datagram);
}

void ikev1_exchange_clear(struct ikev1_exchange *exchange)
{
	if (exchange->ikev1 != NULL)
		timers_cancel(kx_timers(exchange->ikev1->kx), &exchange->timer);
	bytes_drop(&exchange->sent);
}
