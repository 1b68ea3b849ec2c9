/*
 * Connections: for each selector and remote host the pairs of SAs that serve it, and who waits for
 * one. How they come about is in negotiation.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "kx/kx-internal.h"

/* Reports that may cross the installing of one bundle, with room to spare. */
#define REPEATS_BURST 8

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
void kx_connection_settle(struct kx_connection *connection)
{
	if (connection->current == NULL)
		set_state(connection, connection->negotiating ? KX_NEGOTIATING : KX_FAILED);
	else if (connection->state == KX_ESTABLISHED || connection->state == KX_REKEYING)
		connection->state = connection->negotiating ? KX_REKEYING : KX_ESTABLISHED;
	else
		set_state(connection, connection->negotiating ? KX_REKEYING : KX_ESTABLISHED);
}

void kx_text_set(char **text, const char *value)
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

void kx_connection_key_of(const struct sa_pair *pair, struct kx_connection_key *key)
{
	fill_key(key, pair->policy_id, &pair->selector, &pair->local, &pair->remote);
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
	limit_init(&connection->repeats, REPEATS_BURST, 1, now_ms(kx));
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
	kx_connection_key_of(pair, &key);
	if (connection_get(kx, rule, &key, &connection) != ERR_OK)
		return NULL;
	return connection;
}

void kx_connection_tell(struct kx_connection *connection, const struct problem *problem)
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
	kx_connection_tell(connection, &problem);
	kx_principal_cancel(&connection->principal_wait);
	timers_cancel(&kx->timers, &connection->timer);
	timers_cancel(&kx->timers, &connection->reconsider);
	HASH_DELETE(by_key, kx->connections, connection);
	free(connection->asked);
	free(connection->principal);
	free(connection->reason);
	free(connection);
}

void kx_connection_release(struct kx_connection *connection)
{
	if (!connection->negotiating && connection->pairs == NULL &&
	    !timer_is_set(&connection->timer))
		kx_connection_destroy(connection);
}

void kx_connection_choose(struct kx_connection *connection)
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

static void attach(struct kx_connection *connection, struct sa_pair *pair, const char *principal)
{
	pair->connection = connection;
	DL_PREPEND2(connection->pairs, pair, connection_previous, connection_next);
	connection->current = pair;
	/* A negotiation under way, which this pair did not come of, is with its own method. */
	if (!connection->negotiating)
		connection->exchange = pair->exchange;
	connection->failures = 0;
	connection->lingering = false;
	if (principal != NULL)
		kx_text_set(&connection->principal, principal);
	kx_text_set(&connection->reason, NULL);
	timers_cancel(&connection->kx->timers, &connection->timer);
	kx_connection_settle(connection);
	kx_connection_method_worked(connection, pair);
}

void kx_connection_detach(struct kx_connection *connection, struct sa_pair *pair)
{
	DL_DELETE2(connection->pairs, pair, connection_previous, connection_next);
	pair->connection = NULL;
	kx_connection_choose(connection);
	kx_connection_settle(connection);
	kx_connection_release(connection);
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

void kx_connection_established(
    struct kx_connection *connection, struct sa_pair *pair, const char *principal)
{
	connection->wanted = false;
	attach(connection, pair, principal);
	kx_lapse_over(connection);
	log_established(connection, pair);
	kx_liveness_established(connection->kx, pair);
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
	kx_connection_established(connection, pair, identity);
	if (kx->shutdown.active)
		kx_method_of(pair->exchange)->delete_pair(kx->method_states[pair->exchange], pair);
}
