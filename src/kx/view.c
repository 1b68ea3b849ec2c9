/* What there is, for status: connections, SAs, counters. */
#include "kx/kx-internal.h"

static const char *const counter_names[KX_COUNTER_COUNT] = {
    [KX_NEGOTIATIONS_STARTED] = "negotiations_started",
    [KX_NEGOTIATIONS_DONE] = "negotiations_done",
    [KX_NEGOTIATIONS_FAILED] = "negotiations_failed",
    [KX_RESPONSES_DONE] = "responses_done",
    [KX_RESPONSES_REFUSED] = "responses_refused",
    [KX_REKEYS] = "rekeys",
    [KX_FALLBACKS_NO_REALM] = "fallbacks_no_realm",
    [KX_FALLBACKS_NO_PRINCIPAL] = "fallbacks_no_principal",
    [KX_FALLBACKS_NO_KDC] = "fallbacks_no_kdc",
    [KX_FALLBACKS_SILENT] = "fallbacks_silent",
    [KX_FALLBACKS_ENDED] = "fallbacks_ended",
    [KX_SAS_CREATED] = "sas_created",
    [KX_SAS_DELETED] = "sas_deleted",
    [KX_DATAGRAMS_RECEIVED] = "datagrams_received",
    [KX_DATAGRAMS_KINK] = "datagrams_kink",
    [KX_DATAGRAMS_IKE] = "datagrams_ike",
    [KX_DATAGRAMS_IKE_NAT] = "datagrams_ike_nat",
    [KX_DATAGRAMS_REFUSED] = "datagrams_refused",
    [KX_DATAGRAMS_MALFORMED] = "datagrams_malformed",
    [KX_DATAGRAMS_UNEXPECTED] = "datagrams_unexpected",
    [KX_DATAGRAMS_UNAUTHENTIC] = "datagrams_unauthentic",
    [KX_DATAGRAMS_REPLAYED] = "datagrams_replayed",
    [KX_DATAGRAMS_SHED] = "datagrams_shed",
    [KX_RETRANSMISSIONS] = "retransmissions",
    [KX_PROBES] = "probes",
    [KX_PEERS_RESTARTED] = "peers_restarted",
    [KX_PEERS_DEAD] = "peers_dead",
};

const char *kx_counter_name(enum kx_counter counter)
{
	return counter_names[counter];
}

uint64_t kx_counter_value(const struct kx *kx, enum kx_counter counter)
{
	return kx->counters[counter];
}

size_t kx_sa_count(const struct kx *kx)
{
	return sad_count(kx->sad);
}

static struct endpoint outer_end(const struct sa_pair *pair)
{
	if (pair == NULL || pair->encapsulation.remote_port == 0)
		return (struct endpoint){0};
	return (struct endpoint){pair->remote, pair->encapsulation.remote_port};
}

/* What happens next by itself, and when. */
static void set_next(const struct kx_connection *connection, struct kx_connection_view *view)
{
	const struct sa_pair *pair = connection->current;

	view->next = "";
	if (connection->negotiating)
		return;
	if (timer_is_set(&connection->timer) && !connection->lingering) {
		view->next = "retry";
		view->next_ms = connection->timer.due_ms;
	} else if (pair != NULL && pair->rekey_ms != 0 && pair->rekey_ms != UINT64_MAX) {
		view->next = "rekey";
		view->next_ms = pair->rekey_ms;
	} else if (pair != NULL && pair->expire_ms != 0) {
		view->next = "expiry";
		view->next_ms = pair->expire_ms;
	}
}

/* Methods that are passed over with a host; returns how many. */
static size_t list_left(const struct kx *kx, const struct policy_rule *rule,
    const struct address *remote, struct kx_left_view out[KX_LEFT_MAX])
{
	uint64_t now = kx->host.now_ms(kx->host.self);
	size_t count = 0;

	for (size_t i = 0; rule != NULL && i < rule->exchange_count && count < KX_LEFT_MAX; i++) {
		const struct kx_left *left =
		    kx_choice_left(&kx->choices, remote, (int)rule->exchanges[i], now);

		if (left != NULL)
			out[count++] =
			    (struct kx_left_view){.method = exchange_name(rule->exchanges[i]),
				.reason = kx_failure_name(left->failure),
				.why = left->why,
				.until_ms = left->until_ms};
	}
	return count;
}

void kx_connections_from(const struct kx *kx, size_t skip,
    bool (*callback)(void *context, const struct kx_connection_view *view), void *context)
{
	struct kx_connection *connection;
	struct kx_connection *next;

	HASH_ITER (by_key, kx->connections, connection, next) {
		if (skip > 0) {
			skip--;
			continue;
		}
		int exchange = connection->current != NULL ? connection->current->exchange
		                                           : connection->exchange;
		const struct kx_watch *watch = kx_watch_find(kx, &connection->key.remote);
		const struct sa_part *part =
		    connection->current != NULL ? sa_primary(connection->current) : NULL;
		struct kx_connection_view view = {.policy = connection->negotiation.rule->name,
		    .peer = connection->negotiation.peer->name,
		    .principal = connection->principal != NULL ? connection->principal : "",
		    .method = exchange >= 0 ? exchange_name((enum exchange)exchange) : "",
		    .local = connection->key.local,
		    .remote = connection->key.remote,
		    .state = connection->state,
		    .since_ms = connection->since_ms,
		    .reason = connection->reason != NULL ? connection->reason : "",
		    .sa_in = part != NULL ? part->spi_in : 0,
		    .sa_out = part != NULL ? part->spi_out : 0,
		    .sa_protocol = part != NULL ? part->suite.protocol : IPSEC_ESP,
		    .outer = outer_end(connection->current),
		    .heard_ms = watch != NULL ? watch->heard_ms : 0,
		    .probing = watch != NULL && watch->probing};

		set_next(connection, &view);
		view.left_count =
		    list_left(kx, connection->negotiation.rule, &connection->key.remote, view.left);
		if (!callback(context, &view))
			return;
	}
}

void kx_each_connection(const struct kx *kx,
    bool (*callback)(void *context, const struct kx_connection_view *view), void *context)
{
	kx_connections_from(kx, 0, callback, context);
}

static const char *state_name(const struct sa_pair *pair)
{
	const struct kx_connection *connection = pair->connection;

	switch (pair->state) {
	case SA_LARVAL:
		return "larval";
	case SA_DELETING:
		return "deleting";
	case SA_ESTABLISHED:
		break;
	}
	return connection == NULL || connection->current == pair ? "established" : "replaced";
}

void kx_sas_from(const struct kx *kx, uint32_t *cursor,
    bool (*callback)(void *context, const struct kx_sa_view *view), void *context)
{
	uint32_t after = *cursor;
	const struct sa_pair *pair;

	for (; (pair = sad_next(kx->sad, &after)) != NULL; *cursor = after) {
		const struct policy_rule *rule = policy_rule_by_id(kx->policy, pair->policy_id);
		const struct kx_connection *connection = pair->connection;
		const struct sa_part *part = sa_primary(pair);
		char suites[SA_SUITES_TEXT_SIZE];
		struct kx_sa_view view = {.policy = rule != NULL ? rule->name : "",
		    .principal = connection != NULL && connection->principal != NULL
		                     ? connection->principal
		                     : "",
		    .method = exchange_name((enum exchange)pair->exchange),
		    .state = state_name(pair),
		    .local = pair->local,
		    .remote = pair->remote,
		    .spi_in = part->spi_in,
		    .spi_out = part->spi_out,
		    .outer = outer_end(pair),
		    .mode = pair->mode,
		    .protocol = part->suite.protocol,
		    .suites = sa_suites_format(pair, suites),
		    .selector = pair->selector,
		    .initiator = pair->initiator,
		    .created_ms = pair->created_ms,
		    .rekey_ms = pair->rekey_ms != UINT64_MAX ? pair->rekey_ms : 0,
		    .expire_ms = pair->expire_ms};

		view.left_count = list_left(kx, rule, &pair->remote, view.left);
		if (!callback(context, &view))
			return;
	}
}

void kx_each_sa(const struct kx *kx, bool (*callback)(void *context, const struct kx_sa_view *view),
    void *context)
{
	uint32_t cursor = 0;

	kx_sas_from(kx, &cursor, callback, context);
}

/* One method has such SAs; another would take the cursor's upper part. */
void kx_ike_from(const struct kx *kx, uint32_t *cursor,
    bool (*callback)(void *context, const struct kx_ike_view *view), void *context)
{
	for (int i = 0; i < EXCHANGE_COUNT; i++) {
		const struct kx_method *method = kx_method_of(i);

		if (method != NULL && method->list_ike != NULL)
			method->list_ike(kx->method_states[i], cursor, callback, context);
	}
}
