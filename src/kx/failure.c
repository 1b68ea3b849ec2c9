/*
 * What follows when a negotiation fails: the next method, another try later, or the SAs that there
 * are go on; and the return to a method that was left.
 */
#include "kx/kx-internal.h"

/* A failed connection that nobody asks for any more stays visible this long. */
#define LINGER_MS                600000
/* While a service is away its return should be noticed soon, whatever the file's limit. */
#define RETRY_UNAVAILABLE_MAX_MS 10000

static uint64_t now_ms(const struct kx *kx)
{
	return kx->host.now_ms(kx->host.self);
}

static void reconsider(struct timer *timer, void *context)
{
	struct kx_connection *connection = context;

	(void)timer;
	if (connection->negotiating || connection->current == NULL)
		return;
	connection->reconsidering = true;
	kx_connection_negotiate(connection);
}

/* While a method serves that others are preferred to, these are tried again in their time. */
static void reconsider_later(struct kx_connection *connection, uint64_t earliest_ms)
{
	struct kx *kx = connection->kx;
	const struct kx_negotiation *negotiation = &connection->negotiation;
	uint64_t due = 0;

	timers_cancel(&kx->timers, &connection->reconsider);
	if (connection->current != NULL && !kx->shutdown.active)
		due = kx_choice_reconsider(&kx->choices, negotiation->rule, &negotiation->remote,
		    connection->current->exchange);
	if (due == 0)
		return;
	if (due < earliest_ms)
		due = earliest_ms;
	if (timers_set(&kx->timers, &connection->reconsider, due, reconsider, connection) !=
	    ERR_OK) {
		/* Then the next rekeying looks. */
	}
}

void kx_connection_method_worked(struct kx_connection *connection, const struct sa_pair *pair)
{
	struct kx *kx = connection->kx;
	char remote[ADDRESS_TEXT_SIZE];

	if (kx_choice_left(&kx->choices, &pair->remote, pair->exchange, 0) != NULL) {
		kx_count(kx, KX_FALLBACKS_ENDED);
		log_event(kx->host.log, LOG_LEVEL_NOTICE, LOG_AREA_KX,
		    LOG_FIELDS({"policy", connection->negotiation.rule->name},
			{"remote", address_format(&pair->remote, remote)}),
		    "%s works again", exchange_name((enum exchange)pair->exchange));
	}
	kx_choice_forget(&kx->choices, &pair->remote, pair->exchange);
	reconsider_later(connection, 0);
}

/* Another method was tried while one serves: that goes on as it did. */
static void stay(struct kx_connection *connection, const struct problem *problem)
{
	struct kx *kx = connection->kx;
	char remote[ADDRESS_TEXT_SIZE];

	connection->negotiation.again = false;
	connection->negotiating = false;
	connection->reconsidering = false;
	log_event(kx->host.log, LOG_LEVEL_NOTICE, LOG_AREA_KX,
	    LOG_FIELDS({"policy", connection->negotiation.rule->name},
		{"peer", connection->negotiation.peer->name},
		{"remote", address_format(&connection->key.remote, remote)},
		{"method", exchange_name((enum exchange)connection->exchange)}),
	    "%s still cannot take over from %s: %s",
	    exchange_name((enum exchange)connection->exchange),
	    exchange_name((enum exchange)connection->current->exchange), problem->text);
	connection->exchange = connection->current->exchange;
	kx_connection_settle(connection);
	reconsider_later(connection, now_ms(kx) + connection->negotiation.peer->fallback_retry);
	kx_connection_tell(connection, problem);
	kx_shutdown_check(kx);
}

static void retry(struct timer *timer, void *context)
{
	struct kx_connection *connection = context;
	struct kx *kx = connection->kx;

	(void)timer;
	if (connection->current != NULL || connection->wanted) {
		kx_connection_negotiate(connection);
	} else if (connection->lingering ||
		   timers_set(&kx->timers, &connection->timer, now_ms(kx) + LINGER_MS, retry,
		       connection) != ERR_OK) {
		kx_connection_release(connection);
	} else {
		connection->lingering = true;
	}
}

static uint64_t retry_delay(const struct kx_connection *connection, enum err code)
{
	const struct policy_daemon *daemon = &connection->kx->policy->daemon;
	uint64_t limit = daemon->retry_limit;
	uint64_t delay = daemon->retry_first;

	if ((code == ERR_UNAVAILABLE || code == ERR_UNREACHABLE) &&
	    limit > RETRY_UNAVAILABLE_MAX_MS)
		limit = RETRY_UNAVAILABLE_MAX_MS;
	for (uint32_t i = 1; i < connection->failures && delay < limit; i++)
		delay *= 2;
	return delay < limit ? delay : limit;
}

void kx_connection_failed(struct kx_connection *connection, const struct problem *problem)
{
	struct kx *kx = connection->kx;
	uint64_t delay;
	char remote[ADDRESS_TEXT_SIZE];
	bool again =
	    connection->negotiation.again && connection->failures == 0 && !kx->shutdown.active;

	connection->negotiation.again = false;
	connection->negotiating = false;
	connection->reconsidering = false;
	connection->wanted = again && connection->wanted;
	connection->lingering = false;
	if (connection->failures < UINT32_MAX)
		connection->failures++;
	kx_count(kx, KX_NEGOTIATIONS_FAILED);
	if (again) {
		log_event(kx->host.log, LOG_LEVEL_INFO, LOG_AREA_KX,
		    LOG_FIELDS({"policy", connection->negotiation.rule->name},
			{"remote", address_format(&connection->key.remote, remote)}),
		    "negotiation begins anew: %s", problem->text);
		kx_connection_negotiate(connection);
		return;
	}
	kx_text_set(&connection->reason,
	    problem->text[0] != '\0' ? problem->text : err_text(problem->code));
	kx_connection_settle(connection);
	delay = retry_delay(connection, problem->code);
	log_event(kx->host.log, LOG_LEVEL_WARNING, LOG_AREA_KX,
	    LOG_FIELDS({"policy", connection->negotiation.rule->name},
		{"peer", connection->negotiation.peer->name},
		{"remote", address_format(&connection->key.remote, remote)},
		{"principal", connection->principal != NULL ? connection->principal : ""},
		{"error", err_text(problem->code)}),
	    "%s failed: %s; next try in %llu s at the earliest",
	    connection->current != NULL ? "rekeying" : "negotiation",
	    connection->reason != NULL ? connection->reason : err_text(problem->code),
	    (unsigned long long)((delay + 999) / 1000));
	kx_lapse_over(connection);
	if (connection->current == NULL)
		kx_connection_refuse_traffic(connection);
	/* Without memory for a timer the next packet or command starts it again. */
	if (timers_set(&kx->timers, &connection->timer, now_ms(kx) + delay, retry, connection) !=
	    ERR_OK)
		connection->lingering = true;
	kx_connection_tell(connection, problem);
	kx_shutdown_check(kx);
}

/* Goes on with the next method if the file allows that after this failure. */
static bool move_on(
    struct kx_connection *connection, enum kx_failure failure, const struct problem *problem)
{
	static const int counters[KX_FAILURE_COUNT] = {
	    [KX_FAILURE_NO_REALM] = KX_FALLBACKS_NO_REALM,
	    [KX_FAILURE_NO_PRINCIPAL] = KX_FALLBACKS_NO_PRINCIPAL,
	    [KX_FAILURE_NO_KDC] = KX_FALLBACKS_NO_KDC,
	    [KX_FAILURE_SILENT] = KX_FALLBACKS_SILENT};
	struct kx *kx = connection->kx;
	const struct kx_negotiation *negotiation = &connection->negotiation;
	int from = connection->exchange;
	/* Another method serves, so nobody waits for this one. */
	bool spare = connection->reconsidering && connection->current != NULL;
	int next;
	char remote[ADDRESS_TEXT_SIZE];

	if (kx->shutdown.active || !kx_choice_moves_on(negotiation->peer, failure))
		return false;
	next = kx_choice_after(
	    &kx->choices, negotiation->rule, &negotiation->remote, from, now_ms(kx));
	if (next == KX_CHOICE_NONE) {
		/* Then it is the host that cannot be met, and no method is worse than another. */
		if (!spare)
			kx_choice_forget(&kx->choices, &negotiation->remote, EXCHANGE_COUNT);
		return false;
	}
	kx_choice_leave(&kx->choices, negotiation->peer, &negotiation->remote, from, failure,
	    problem->text, now_ms(kx));
	if (spare)
		return false;
	kx_count(kx, counters[failure]);
	log_event(kx->host.log, LOG_LEVEL_NOTICE, LOG_AREA_KX,
	    LOG_FIELDS({"policy", negotiation->rule->name}, {"peer", negotiation->peer->name},
		{"remote", address_format(&negotiation->remote, remote)},
		{"method", exchange_name((enum exchange)next)},
		{"left", exchange_name((enum exchange)from)}, {"reason", kx_failure_name(failure)}),
	    "%s is left for %s: %s; it is tried again in %u s", exchange_name((enum exchange)from),
	    exchange_name((enum exchange)next), problem->text,
	    negotiation->peer->fallback_retry / 1000);
	connection->negotiation.again = false;
	connection->exchange = next;
	kx_connection_begin(connection);
	return true;
}

void kx_connection_ended(
    struct kx_connection *connection, enum kx_failure failure, const struct problem *problem)
{
	if (move_on(connection, failure, problem))
		return;
	if (connection->reconsidering && connection->current != NULL)
		stay(connection, problem);
	else
		kx_connection_failed(connection, problem);
}
