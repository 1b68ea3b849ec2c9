/*
 * Connections: for each selector and remote host, the negotiation under way, the pairs of SAs that
 * came of it and what to do when it fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "crypto/algorithms.h"
#include "kx/kx-internal.h"
#include "sa/peer.h"

/* A failed connection that nobody asks for any more stays visible this long. */
#define LINGER_MS                600000
/* While a service is away its return should be noticed soon, whatever the file's limit. */
#define RETRY_UNAVAILABLE_MAX_MS 10000

static uint64_t now_ms(const struct kx *kx)
{
	return kx->host.now_ms(kx->host.self);
}

static void set_state(struct kx_connection *connection, enum kx_connection_state state)
{
	if (connection->state == state)
		return;
	connection->state = state;
	connection->since_ms = now_ms(connection->kx);
}

/* An established connection whose rekeying begins or ends has been established all along. */
static void settle_state(struct kx_connection *connection)
{
	if (connection->current == NULL)
		set_state(connection, connection->negotiating ? KX_NEGOTIATING : KX_FAILED);
	else if (connection->state == KX_ESTABLISHED || connection->state == KX_REKEYING)
		connection->state = connection->negotiating ? KX_REKEYING : KX_ESTABLISHED;
	else
		set_state(connection, connection->negotiating ? KX_REKEYING : KX_ESTABLISHED);
}

static void set_text(char **text, const char *value)
{
	char *copy = value != NULL ? strdup(value) : NULL;

	free(*text);
	*text = copy;
}

/* Field by field, so that padding is zero and keys compare as octets. */
static void fill_key(struct kx_connection_key *key, uint32_t policy_id,
    const struct selector *selector, const struct address *local, const struct address *remote)
{
	memset(key, 0, sizeof(*key));
	key->selector.local = selector->local;
	key->selector.remote = selector->remote;
	key->selector.local_ports = selector->local_ports;
	key->selector.remote_ports = selector->remote_ports;
	key->selector.protocol = selector->protocol;
	key->local = *local;
	key->remote = *remote;
	key->policy_id = policy_id;
}

static enum err connection_get(struct kx *kx, const struct policy_rule *rule,
    const struct kx_connection_key *key, struct kx_connection **out)
{
	struct kx_connection *connection;

	HASH_FIND(by_key, kx->connections, key, sizeof(*key), connection);
	if (connection != NULL) {
		*out = connection;
		return ERR_OK;
	}
	if (HASH_CNT(by_key, kx->connections) >= kx->policy->daemon.max_sas)
		return ERR_LIMIT;
	connection = calloc(1, sizeof(*connection));
	if (connection == NULL)
		return ERR_NO_MEMORY;
	memcpy(&connection->key, key, sizeof(*key));
	connection->kx = kx;
	connection->exchange = -1;
	connection->state = KX_NEGOTIATING;
	connection->since_ms = now_ms(kx);
	connection->negotiation = (struct kx_negotiation){.rule = rule,
	    .peer = rule->peer,
	    .local = key->local,
	    .remote = key->remote,
	    .selector = key->selector};
	HASH_ADD(by_key, kx->connections, key, sizeof(connection->key), connection);
	if (!table_holds(&connection->by_key)) {
		free(connection);
		return ERR_NO_MEMORY;
	}
	*out = connection;
	return ERR_OK;
}

enum err kx_connection_for_key(
    struct kx *kx, const struct kx_connection_key *key, struct kx_connection **out)
{
	const struct policy_rule *rule = policy_rule_by_id(kx->policy, key->policy_id);

	return rule != NULL ? connection_get(kx, rule, key, out) : ERR_NOT_FOUND;
}

/* RFC 2407 4.6.2 knows one port or all of them: a true range is narrowed to the packet's port. */
static struct port_range narrow_ports(struct port_range ports, uint16_t port)
{
	bool any = ports.first == 0 && ports.last == 65535;

	return any || ports.first == ports.last ? ports : (struct port_range){port, port};
}

enum err kx_connection_for_flow(struct kx *kx, const struct policy_rule *rule,
    const struct dataplane_flow *flow, struct kx_connection **out)
{
	struct kx_connection_key key;
	struct selector selector = {.local = {flow->local, flow->local},
	    .remote = {flow->remote, flow->remote},
	    .local_ports = narrow_ports(rule->local_ports, flow->local_port),
	    .remote_ports = narrow_ports(rule->remote_ports, flow->remote_port),
	    .protocol = rule->protocol};
	struct address local = flow->local;
	struct address remote = flow->remote;

	if (rule->mode == IPSEC_TUNNEL) {
		size_t count = policy_rule_selectors(rule, NULL, 0);
		struct selector *selectors = calloc(count > 0 ? count : 1, sizeof(*selectors));
		bool found = false;

		if (selectors == NULL)
			return ERR_NO_MEMORY;
		(void)policy_rule_selectors(rule, selectors, count);
		for (size_t i = 0; i < count && !found; i++) {
			found = range_contains(&selectors[i].local, &flow->local) &&
			        range_contains(&selectors[i].remote, &flow->remote);
			if (found) {
				selector.local = selectors[i].local;
				selector.remote = selectors[i].remote;
			}
		}
		free(selectors);
		if (!found)
			return ERR_NOT_FOUND;
		remote = rule->gateway;
		if (kx->host.source_address(kx->host.self, &remote, &local) != ERR_OK)
			return ERR_UNAVAILABLE;
	}
	fill_key(&key, rule->id, &selector, &local, &remote);
	return connection_get(kx, rule, &key, out);
}

struct kx_connection *kx_connection_for_pair(struct kx *kx, const struct sa_pair *pair)
{
	const struct policy_rule *rule = policy_rule_by_id(kx->policy, pair->policy_id);
	struct kx_connection_key key;
	struct kx_connection *connection = NULL;

	if (rule == NULL)
		return NULL;
	fill_key(&key, pair->policy_id, &pair->selector, &pair->local, &pair->remote);
	if (connection_get(kx, rule, &key, &connection) != ERR_OK)
		return NULL;
	return connection;
}

static void tell_waiters(struct kx_connection *connection, const struct problem *problem)
{
	while (connection->waiters != NULL) {
		struct kx_waiter *waiter = connection->waiters;

		LL_DELETE(connection->waiters, waiter);
		waiter->done(waiter->context, problem);
		free(waiter);
	}
}

enum err kx_connection_wait(struct kx_connection *connection, kx_done done, void *context)
{
	struct kx_waiter *waiter = calloc(1, sizeof(*waiter));

	if (waiter == NULL)
		return ERR_NO_MEMORY;
	waiter->done = done;
	waiter->context = context;
	LL_APPEND(connection->waiters, waiter);
	return ERR_OK;
}

void kx_connection_destroy(struct kx_connection *connection)
{
	struct kx *kx = connection->kx;
	struct problem problem;

	(void)problem_set(&problem, ERR_NOT_FOUND, "the connection is gone");
	tell_waiters(connection, &problem);
	kx_principal_cancel(&connection->principal_wait);
	timers_cancel(&kx->timers, &connection->timer);
	timers_cancel(&kx->timers, &connection->reconsider);
	HASH_DELETE(by_key, kx->connections, connection);
	free(connection->asked);
	free(connection->principal);
	free(connection->reason);
	free(connection);
}

static void destroy_if_idle(struct kx_connection *connection)
{
	if (!connection->negotiating && connection->pairs == NULL &&
	    !timer_is_set(&connection->timer))
		kx_connection_destroy(connection);
}

/* The data plane may drop what it holds, and must ask again for the next packet. */
static void refuse_traffic(const struct kx_connection *connection)
{
	struct dataplane_request request = {.operation = DATAPLANE_ACQUIRE_FAILED,
	    .policy = {.id = connection->key.policy_id, .selector = connection->key.selector}};

	connection->kx->host.dataplane(connection->kx->host.self, &request);
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
		destroy_if_idle(connection);
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

static void reconsider(struct timer *timer, void *context);

/* While a method serves that others are preferred to, these are tried again in their time. */
static void plan_reconsideration(struct kx_connection *connection, uint64_t earliest_ms)
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
	settle_state(connection);
	plan_reconsideration(connection, now_ms(kx) + connection->negotiation.peer->fallback_retry);
	tell_waiters(connection, problem);
	kx_shutdown_check(kx);
}

static void failed(struct kx_connection *connection, const struct problem *problem)
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
	set_text(&connection->reason,
	    problem->text[0] != '\0' ? problem->text : err_text(problem->code));
	settle_state(connection);
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
	if (connection->current == NULL)
		refuse_traffic(connection);
	/* Without memory for a timer the next packet or command starts it again. */
	if (timers_set(&kx->timers, &connection->timer, now_ms(kx) + delay, retry, connection) !=
	    ERR_OK)
		connection->lingering = true;
	tell_waiters(connection, problem);
	kx_shutdown_check(kx);
}

static void begin(struct kx_connection *connection);

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
	begin(connection);
	return true;
}

static void ended(
    struct kx_connection *connection, enum kx_failure failure, const struct problem *problem)
{
	if (move_on(connection, failure, problem))
		return;
	if (connection->reconsidering && connection->current != NULL)
		stay(connection, problem);
	else
		failed(connection, problem);
}

/* Gives the wish to the method. */
static void initiate(struct kx_connection *connection)
{
	struct kx *kx = connection->kx;
	const struct kx_method *method = kx_method_of(connection->exchange);

	connection->negotiation.principal = method->needs_principal ? connection->asked : NULL;
	method->initiate(kx->method_states[connection->exchange], &connection->negotiation);
}

/* Whether the host has no principal, or we failed to find out. */
static enum kx_failure failure_of_name(enum err code)
{
	return code == ERR_NOT_FOUND || code == ERR_INVALID || code == ERR_UNAVAILABLE
	           ? KX_FAILURE_NO_REALM
	           : KX_FAILURE_FINAL;
}

static void principal_known(
    struct kx_principal_wait *wait, const char *principal, const struct problem *problem)
{
	struct kx_connection *connection =
	    (struct kx_connection *)((char *)wait - offsetof(struct kx_connection, principal_wait));
	struct problem why;

	connection->awaiting_name = false;
	if (principal == NULL) {
		ended(connection, failure_of_name(problem->code), problem);
		return;
	}
	set_text(&connection->asked, principal);
	if (connection->asked == NULL) {
		(void)problem_set(&why, ERR_NO_MEMORY, "out of memory");
		failed(connection, &why);
		return;
	}
	/* Until it has proved who it is. */
	if (connection->current == NULL)
		set_text(&connection->principal, principal);
	initiate(connection);
}

/* With the method chosen. */
static void begin(struct kx_connection *connection)
{
	const struct kx_method *method = kx_method_of(connection->exchange);
	struct problem problem;

	connection->negotiation.work = 0;
	if (method == NULL) {
		(void)problem_set(&problem, ERR_UNSUPPORTED, "this kinkd does not speak %s",
		    exchange_name((enum exchange)connection->exchange));
		failed(connection, &problem);
	} else if (method->needs_principal) {
		connection->awaiting_name = true;
		connection->principal_wait.done = principal_known;
		kx_principal_wait(connection->kx, connection->negotiation.peer,
		    &connection->key.remote, &connection->principal_wait);
	} else {
		initiate(connection);
	}
}

void kx_connection_negotiate(struct kx_connection *connection)
{
	struct kx *kx = connection->kx;

	/* What was only tried is needed now. */
	if (connection->negotiating)
		connection->reconsidering = false;
	if (connection->negotiating || kx->shutdown.active)
		return;
	timers_cancel(&kx->timers, &connection->timer);
	timers_cancel(&kx->timers, &connection->reconsider);
	connection->lingering = false;
	connection->negotiating = true;
	settle_state(connection);
	kx_count(kx, KX_NEGOTIATIONS_STARTED);
	if (connection->current != NULL)
		kx_count(kx, KX_REKEYS);
	connection->exchange = kx_choice_first(&kx->choices, connection->negotiation.rule,
	    &connection->negotiation.remote, now_ms(kx));
	begin(connection);
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

void kx_connection_stop(struct kx_connection *connection, const struct problem *problem)
{
	if (!connection->negotiating)
		return;
	if (connection->awaiting_name)
		kx_principal_cancel(&connection->principal_wait);
	else
		kx_method_of(connection->exchange)
		    ->abandon(connection->kx->method_states[connection->exchange],
			&connection->negotiation);
	connection->negotiating = false;
	connection->reconsidering = false;
	connection->wanted = false;
	settle_state(connection);
	if (connection->current == NULL)
		refuse_traffic(connection);
	tell_waiters(connection, problem);
	destroy_if_idle(connection);
}

/* The peer is about to make what we want: its CREATE is being answered. */
static bool is_expected(const struct kx_connection *connection)
{
	const struct sa_peer *peer = sad_find_peer(connection->kx->sad, &connection->key.remote);
	const struct sa_pair *pair;

	if (peer == NULL)
		return false;
	DL_FOREACH2(peer->pairs, pair, peer_next)
	{
		struct kx_connection_key key;

		fill_key(&key, pair->policy_id, &pair->selector, &pair->local, &pair->remote);
		if (pair->state == SA_LARVAL && !pair->initiator &&
		    memcmp(&key, &connection->key, sizeof(key)) == 0)
			return true;
	}
	return false;
}

void kx_pair_unexpected(struct kx *kx, const struct sa_pair *pair)
{
	struct kx_connection *connection;
	struct kx_connection_key key;

	fill_key(&key, pair->policy_id, &pair->selector, &pair->local, &pair->remote);
	HASH_FIND(by_key, kx->connections, &key, sizeof(key), connection);
	if (connection == NULL || kx->shutdown.active)
		return;
	if (connection->wanted && connection->current == NULL && !timer_is_set(&connection->timer))
		kx_connection_negotiate(connection);
	else
		destroy_if_idle(connection);
}

static void choose_current(struct kx_connection *connection)
{
	struct sa_pair *pair;

	connection->current = NULL;
	DL_FOREACH2(connection->pairs, pair, connection_next)
	{
		if (pair->state == SA_ESTABLISHED) {
			connection->current = pair;
			return;
		}
	}
}

void kx_connection_want(struct kx_connection *connection)
{
	connection->wanted = true;
	/* A pair that is being deleted sends nothing any more. */
	choose_current(connection);
	if (connection->negotiating || (connection->current == NULL && is_expected(connection)))
		return;
	if (connection->current != NULL ||
	    (timer_is_set(&connection->timer) && !connection->lingering))
		refuse_traffic(connection);
	else
		kx_connection_negotiate(connection);
}

void kx_connection_revive(struct kx_connection *connection)
{
	if (connection->current == NULL)
		kx_connection_want(connection);
}

/* The method has just worked, whoever started. */
static void note_method(struct kx_connection *connection, const struct sa_pair *pair)
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
	plan_reconsideration(connection, 0);
}

void kx_connection_attach(
    struct kx_connection *connection, struct sa_pair *pair, const char *principal)
{
	pair->connection = connection;
	DL_PREPEND2(connection->pairs, pair, connection_previous, connection_next);
	connection->current = pair;
	connection->exchange = pair->exchange;
	connection->failures = 0;
	connection->lingering = false;
	if (principal != NULL)
		set_text(&connection->principal, principal);
	set_text(&connection->reason, NULL);
	timers_cancel(&connection->kx->timers, &connection->timer);
	settle_state(connection);
	note_method(connection, pair);
}

void kx_connection_detach(struct kx_connection *connection, struct sa_pair *pair)
{
	DL_DELETE2(connection->pairs, pair, connection_previous, connection_next);
	pair->connection = NULL;
	choose_current(connection);
	settle_state(connection);
	destroy_if_idle(connection);
}

static void log_established(const struct kx_connection *connection, const struct sa_pair *pair)
{
	char remote[ADDRESS_TEXT_SIZE];
	char suites[SA_SUITES_TEXT_SIZE];
	char spi_in[12];
	char spi_out[12];

	if (!log_wants(connection->kx->host.log, LOG_LEVEL_NOTICE, LOG_AREA_SA))
		return;
	(void)snprintf(spi_in, sizeof(spi_in), "0x%08x", sa_primary(pair)->spi_in);
	(void)snprintf(spi_out, sizeof(spi_out), "0x%08x", sa_primary(pair)->spi_out);
	log_event(connection->kx->host.log, LOG_LEVEL_NOTICE, LOG_AREA_SA,
	    LOG_FIELDS({"policy", connection->negotiation.rule->name},
		{"remote", address_format(&pair->remote, remote)},
		{"principal", connection->principal != NULL ? connection->principal : ""},
		{"method", exchange_name((enum exchange)pair->exchange)},
		{"suite", sa_suites_format(pair, suites)}, {"spi_in", spi_in},
		{"spi_out", spi_out}),
	    "established as %s", pair->initiator ? "initiator" : "responder");
}

static struct kx_connection *connection_of(struct kx_negotiation *negotiation)
{
	return (struct kx_connection *)((char *)negotiation -
					offsetof(struct kx_connection, negotiation));
}

void kx_negotiation_failed(struct kx *kx, struct kx_negotiation *negotiation,
    enum kx_failure failure, const struct problem *problem)
{
	(void)kx;
	negotiation->work = 0;
	ended(connection_of(negotiation), failure, problem);
}

void kx_negotiation_done(
    struct kx *kx, struct kx_negotiation *negotiation, struct sa_pair *pair, const char *identity)
{
	static const struct problem none = {.code = ERR_OK};
	struct kx_connection *connection = connection_of(negotiation);

	negotiation->work = 0;
	connection->negotiating = false;
	connection->reconsidering = false;
	connection->wanted = false;
	kx_connection_attach(
	    connection, pair, identity != NULL ? identity : negotiation->principal);
	log_established(connection, pair);
	kx_liveness_established(kx, pair);
	kx_count(kx, KX_NEGOTIATIONS_DONE);
	kx_count(kx, KX_SAS_CREATED);
	tell_waiters(connection, &none);
	kx_shutdown_check(kx);
}

void kx_pair_confirmed(struct kx *kx, struct sa_pair *pair)
{
	struct sa_pair *old;
	struct sa_pair *next;

	if (pair->connection == NULL || pair->state != SA_ESTABLISHED)
		return;
	/*
	 * What we made before is ours to delete; what the peer made is the peer's (RFC 4430 3.6).
	 */
	for (old = pair->connection_next; old != NULL; old = next) {
		next = old->connection_next;
		if (old->state == SA_ESTABLISHED && old->initiator)
			kx_method_of(old->exchange)
			    ->delete_pair(kx->method_states[old->exchange], old);
	}
}

void kx_pair_accepted(struct kx *kx, struct sa_pair *pair, const char *identity)
{
	struct kx_connection *connection = kx_connection_for_pair(kx, pair);

	kx_count(kx, KX_RESPONSES_DONE);
	kx_count(kx, KX_SAS_CREATED);
	if (connection == NULL)
		return;
	connection->wanted = false;
	kx_connection_attach(connection, pair, identity);
	log_established(connection, pair);
	kx_liveness_established(kx, pair);
	if (kx->shutdown.active)
		kx_method_of(pair->exchange)->delete_pair(kx->method_states[pair->exchange], pair);
}
