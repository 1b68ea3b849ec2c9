/* The engine: its making and ending, and where each event goes. */
#include "kx/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "kx/kx-internal.h"

/* Questions to peers that ICMP errors may cause: anyone can send those. */
#define HINTS_PER_SECOND 50

static void pair_reserved(void *self, struct sa_pair *pair, const struct problem *problem)
{
	struct kx *kx = self;

	kx_method_of(pair->exchange)->sa_reserved(kx->method_states[pair->exchange], pair, problem);
}

static void pair_installed(void *self, struct sa_pair *pair, const struct problem *problem)
{
	struct kx *kx = self;

	kx_method_of(pair->exchange)
	    ->sa_installed(kx->method_states[pair->exchange], pair, problem);
}

/*
 * A pair that is not in use because the peer made another needs no successor. But when both ends
 * started at the same time, each uses the other's, and if both deleted their own none were left:
 * the end with the lower address gives way.
 */
static void pair_rekey(void *self, struct sa_pair *pair)
{
	struct kx *kx = self;
	struct kx_connection *connection = pair->connection;

	if (connection == NULL)
		return;
	if (connection->current == pair || connection->current == NULL ||
	    (!connection->current->initiator && address_compare(&pair->local, &pair->remote) > 0))
		kx_connection_negotiate(connection);
	else
		kx_method_of(pair->exchange)->delete_pair(kx->method_states[pair->exchange], pair);
}

static void pair_retired(void *self, struct sa_pair *pair)
{
	struct kx *kx = self;

	if (pair->connection != NULL)
		kx_connection_detach(pair->connection, pair);
	kx_shutdown_check(kx);
}

static void pair_removed(void *self, struct sa_pair *pair)
{
	struct kx *kx = self;

	if (pair->state != SA_LARVAL)
		kx_count(kx, KX_SAS_DELETED);
	if (pair->owner != 0)
		kx_method_of(pair->exchange)->sa_gone(kx->method_states[pair->exchange], pair);
	if (pair->connection != NULL)
		kx_connection_detach(pair->connection, pair);
	if (pair->state == SA_LARVAL && !pair->initiator)
		kx_pair_unexpected(kx, pair);
	kx_shutdown_check(kx);
}

/* How long a full cycle of transmissions takes: T-retrans of RFC 4430 3.6. */
static uint32_t retransmit_cycle(const struct policy_daemon *daemon)
{
	uint64_t cycle = 0;
	uint64_t interval = daemon->retransmit_first;

	for (uint32_t i = 0; i < daemon->retransmit_tries && cycle < UINT32_MAX; i++) {
		cycle += interval;
		interval = 2 * interval < daemon->retransmit_limit ? 2 * interval
		                                                   : daemon->retransmit_limit;
	}
	return cycle < UINT32_MAX ? (uint32_t)cycle : UINT32_MAX;
}

static enum err install_policies(struct kx *kx)
{
	static const struct dataplane_request complete = {.operation = DATAPLANE_REMOVE_STALE};
	uint32_t priority = 0;

	for (size_t i = 0; i < kx->policy->rule_count; i++) {
		const struct policy_rule *rule = &kx->policy->rules[i];
		size_t count = policy_rule_selectors(rule, NULL, 0);
		struct selector *selectors = calloc(count > 0 ? count : 1, sizeof(*selectors));

		if (selectors == NULL)
			return ERR_NO_MEMORY;
		(void)policy_rule_selectors(rule, selectors, count);
		for (size_t j = 0; j < count; j++) {
			struct dataplane_request request = {.operation = DATAPLANE_ADD_POLICY};

			request.policy = (struct dataplane_policy){.id = rule->id,
			    .priority = ++priority,
			    .action = rule->action,
			    .selector = selectors[j],
			    .mode = rule->mode,
			    .mark = rule->mark,
			    .if_id = rule->if_id,
			    .offload = rule->offload};
			(void)snprintf(
			    request.policy.name, sizeof(request.policy.name), "%s", rule->name);
			if (rule->offload_device != NULL)
				(void)snprintf(request.policy.offload_device,
				    sizeof(request.policy.offload_device), "%s",
				    rule->offload_device);
			request.policy.protocol_count =
			    (uint8_t)policy_protocols(&rule->proposal, request.policy.protocols);
			if (rule->mode == IPSEC_TUNNEL) {
				request.policy.tunnel_remote = rule->gateway;
				(void)kx->host.source_address(
				    kx->host.self, &rule->gateway, &request.policy.tunnel_local);
			}
			kx->host.dataplane(kx->host.self, &request);
		}
		free(selectors);
	}
	kx->host.dataplane(kx->host.self, &complete);
	return ERR_OK;
}

enum err kx_create(const struct host *host, struct policy *policy, uint32_t epoch, struct kx **out)
{
	struct kx *kx = calloc(1, sizeof(*kx));
	struct sad_settings settings = {.max_pairs = policy->daemon.max_sas,
	    .replay_window = policy->daemon.replay_window,
	    .delete_grace_ms = policy->daemon.delete_grace,
	    .retransmit_cycle_ms = retransmit_cycle(&policy->daemon)};
	struct sad_listener listener = {.self = kx,
	    .reserved = pair_reserved,
	    .installed = pair_installed,
	    .rekey = pair_rekey,
	    .retired = pair_retired,
	    .removed = pair_removed};
	enum err error = ERR_NO_MEMORY;

	if (kx == NULL)
		return error;
	kx->host = *host;
	kx->policy = policy_retain(policy);
	kx->epoch = epoch;
	kx->woken_ms = TIMERS_NEVER;
	kx->choices.limit = policy->daemon.max_sas;
	timers_init(&kx->timers);
	kx_names_init(kx);
	limit_init(&kx->hint_limit, HINTS_PER_SECOND, HINTS_PER_SECOND, host->now_ms(host->self));
	error = sad_create(host, &kx->timers, &settings, &listener, &kx->sad);
	for (int i = 0; error == ERR_OK && i < EXCHANGE_COUNT; i++) {
		if (kx_method_of(i) != NULL)
			error = kx_method_of(i)->open(kx, &kx->method_states[i]);
	}
	if (error == ERR_OK)
		error = install_policies(kx);
	if (error != ERR_OK) {
		kx_destroy(kx);
		return error;
	}
	*out = kx;
	return ERR_OK;
}

void kx_destroy(struct kx *kx)
{
	struct kx_connection *connection;
	struct kx_connection *next;

	if (kx == NULL)
		return;
	HASH_ITER (by_key, kx->connections, connection, next)
		kx_connection_destroy(connection);
	for (int i = 0; i < EXCHANGE_COUNT; i++) {
		if (kx->method_states[i] != NULL)
			kx_method_of(i)->close(kx->method_states[i]);
	}
	kx_liveness_clear(kx);
	kx_lapse_clear(kx);
	kx_epoch_clear(kx);
	kx_choices_clear(&kx->choices);
	sad_destroy(kx->sad);
	kx_names_clear(kx);
	timers_clear(&kx->timers);
	policy_release(kx->policy);
	free(kx);
}

void kx_wake_host(struct kx *kx)
{
	uint64_t next = timers_next(&kx->timers);

	if (next == kx->woken_ms)
		return;
	kx->woken_ms = next;
	kx->host.wake_at(kx->host.self, next);
}

void kx_run_timers(struct kx *kx)
{
	/* The host's wake-up is used up, whatever is due next. */
	kx->woken_ms = TIMERS_NEVER;
	timers_run(&kx->timers, kx->host.now_ms(kx->host.self));
	kx_wake_host(kx);
}

/* Where an ISAKMP header has its version (RFC 2408 3.1); IKE's versions share their ports. */
#define ISAKMP_VERSION_AT 17

/* Whose a datagram is; EXCHANGE_COUNT for nobody's. */
static int exchange_of_datagram(const struct host_datagram *datagram)
{
	if (datagram->port == HOST_PORT_KINK)
		return EXCHANGE_KINK;
	if (datagram->data.len > ISAKMP_VERSION_AT &&
	    datagram->data.data[ISAKMP_VERSION_AT] >> 4 == 1)
		return EXCHANGE_IKEV1;
	return EXCHANGE_COUNT;
}

/* Whether a host of that address is met by other methods only. Strangers are the method's affair.
 */
static bool is_refused(const struct kx *kx, int exchange, const struct address *remote)
{
	const struct policy_peer *peer = policy_peer_of(kx->policy, remote);

	return peer != NULL && !policy_peer_allows(peer, (enum exchange)exchange);
}

void kx_datagram(struct kx *kx, const struct host_datagram *datagram)
{
	static const int counters[HOST_PORT_COUNT] = {[HOST_PORT_KINK] = KX_DATAGRAMS_KINK,
	    [HOST_PORT_IKE] = KX_DATAGRAMS_IKE,
	    [HOST_PORT_IKE_NAT] = KX_DATAGRAMS_IKE_NAT};
	int exchange = exchange_of_datagram(datagram);
	const struct kx_method *method = exchange != EXCHANGE_COUNT ? kx_method_of(exchange) : NULL;

	kx_count(kx, KX_DATAGRAMS_RECEIVED);
	kx_count(kx, counters[datagram->port]);
	if (method == NULL)
		kx_count(kx, KX_DATAGRAMS_UNEXPECTED);
	else if (is_refused(kx, exchange, &datagram->remote.address))
		kx_count(kx, KX_DATAGRAMS_REFUSED);
	else
		method->datagram(kx->method_states[exchange], datagram);
	kx_wake_host(kx);
}

/* The method that a request with this token was for; EXCHANGE_COUNT for none. */
static int exchange_of_token(uint64_t token)
{
	int exchange = 0;

	while (
	    exchange < EXCHANGE_COUNT &&
	    (kx_method_of(exchange) == NULL ||
		token >> KX_TOKEN_OWNER_SHIFT != KX_TOKEN_METHOD(exchange) >> KX_TOKEN_OWNER_SHIFT))
		exchange++;
	return exchange;
}

void kx_kerberos_done(struct kx *kx, const struct kerberos_completion *completion)
{
	int exchange = exchange_of_token(completion->token);

	if (exchange != EXCHANGE_COUNT && kx_method_of(exchange)->kerberos_done != NULL)
		kx_method_of(exchange)->kerberos_done(kx->method_states[exchange], completion);
	kx_wake_host(kx);
}

void kx_agreement_done(struct kx *kx, const struct agreement_completion *completion)
{
	int exchange = exchange_of_token(completion->token);

	if (exchange != EXCHANGE_COUNT && kx_method_of(exchange)->agreement_done != NULL)
		kx_method_of(exchange)->agreement_done(kx->method_states[exchange], completion);
	kx_wake_host(kx);
}

void kx_credentials_done(struct kx *kx, const struct credentials_completion *completion)
{
	int exchange = exchange_of_token(completion->token);

	if (exchange != EXCHANGE_COUNT && kx_method_of(exchange)->credentials_done != NULL)
		kx_method_of(exchange)->credentials_done(kx->method_states[exchange], completion);
	kx_wake_host(kx);
}

/* Traffic that should be protected must not go clear because a policy is missing. */
static void policy_installed(struct kx *kx, const struct dataplane_completion *completion)
{
	struct problem problem;

	if ((completion->operation != DATAPLANE_ADD_POLICY &&
		completion->operation != DATAPLANE_REMOVE_STALE) ||
	    completion->problem.code == ERR_OK)
		return;
	(void)problem_set(&problem, completion->problem.code, "the data plane refused a policy: %s",
	    completion->problem.text);
	kx->host.failed(kx->host.self, &problem);
}

void kx_dataplane_done(struct kx *kx, const struct dataplane_completion *completion)
{
	uint64_t owner = completion->token >> KX_TOKEN_OWNER_SHIFT;

	if (owner == SAD_TOKEN_OWNER)
		sad_dataplane_done(kx->sad, completion);
	else if (owner == KX_LIVENESS_TOKEN >> KX_TOKEN_OWNER_SHIFT)
		kx_liveness_counted(kx, completion);
	else if (owner == KX_LAPSE_TOKEN >> KX_TOKEN_OWNER_SHIFT)
		kx_lapse_counted(kx, completion);
	else
		policy_installed(kx, completion);
	kx_wake_host(kx);
}

void kx_acquire(struct kx *kx, const struct dataplane_flow *flow)
{
	const struct policy_rule *rule = flow->policy_id != 0
	                                     ? policy_rule_by_id(kx->policy, flow->policy_id)
	                                     : policy_lookup(kx->policy, flow);
	struct kx_connection *connection = NULL;
	struct dataplane_request refusal = {.operation = DATAPLANE_ACQUIRE_FAILED,
	    .policy = {.id = flow->policy_id,
		.selector = {.local = {flow->local, flow->local},
		    .remote = {flow->remote, flow->remote},
		    .local_ports = {0, 65535},
		    .remote_ports = {0, 65535}}}};
	char remote[ADDRESS_TEXT_SIZE];
	enum err error = ERR_NOT_FOUND;

	if (kx->shutdown.active)
		return;
	/* An SA that an earlier run left, for what is protected no longer. */
	if (flow->policy_id == 0 && (rule == NULL || rule->peer == NULL))
		return;
	if (rule != NULL && rule->peer != NULL)
		error = kx_connection_for_flow(kx, rule, flow, &connection);
	if (error == ERR_OK) {
		kx_connection_want(connection);
	} else {
		log_event(kx->host.log, LOG_LEVEL_WARNING, LOG_AREA_KX,
		    LOG_FIELDS({"policy", rule != NULL ? rule->name : ""},
			{"remote", address_format(&flow->remote, remote)}),
		    "traffic wants an SA but none can be negotiated: %s", err_text(error));
		kx->host.dataplane(kx->host.self, &refusal);
	}
	kx_wake_host(kx);
}

/*
 * The peer, who has its SAs still, must learn that what it sends arrives nowhere. A pair that is
 * being deleted may have been lost in its other direction: then the peer is about to be told.
 */
static void pair_lost(struct kx *kx, const struct dataplane_expiry *expiry)
{
	struct sa_pair *pair = sad_of_expiry(kx->sad, expiry);

	if (pair == NULL || pair->state == SA_LARVAL)
		sad_expired(kx->sad, expiry);
	else if (pair->state == SA_ESTABLISHED)
		kx_method_of(pair->exchange)->delete_pair(kx->method_states[pair->exchange], pair);
}

void kx_expired(struct kx *kx, const struct dataplane_expiry *expiry)
{
	if (expiry->lost)
		pair_lost(kx, expiry);
	else
		sad_expired(kx->sad, expiry);
	kx_wake_host(kx);
}

void kx_moved(struct kx *kx, const struct dataplane_move *move)
{
	const struct sa_pair *pair = sad_moved(kx->sad, move);
	char remote[ENDPOINT_TEXT_SIZE];
	char spi[12];

	if (pair == NULL)
		return;
	(void)snprintf(spi, sizeof(spi), "0x%08x", sa_primary(pair)->spi_in);
	log_event(kx->host.log, LOG_LEVEL_INFO, LOG_AREA_SA,
	    LOG_FIELDS({"remote", endpoint_format(&move->remote, remote)}, {"spi_in", spi}),
	    "the NAT in front of the peer has given it another port; its SA follows");
	kx_wake_host(kx);
}

const struct host *kx_host(struct kx *kx)
{
	return &kx->host;
}

struct sad *kx_sad(struct kx *kx)
{
	return kx->sad;
}

struct timers *kx_timers(struct kx *kx)
{
	return &kx->timers;
}

const struct policy *kx_policy(const struct kx *kx)
{
	return kx->policy;
}

void kx_count(struct kx *kx, int counter)
{
	kx->counters[counter]++;
}

/* FNV-1a */
uint32_t kx_affinity(const struct address *remote)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < sizeof(remote->octets); i++)
		hash = (hash ^ remote->octets[i]) * 16777619U;
	return hash;
}

bool kx_is_stopping(const struct kx *kx)
{
	return kx->shutdown.active;
}
