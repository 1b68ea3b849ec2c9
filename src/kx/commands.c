/* Commands from outside: initiate, terminate, shut down. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "kx/kx-internal.h"

/*
 * One command may wait for several negotiations: told when the last one ends, with the first
 * failure if there was any.
 */
struct gathering {
	size_t left;
	struct problem problem;
	kx_done done;
	void *context;
};

static void one_ended(void *context, const struct problem *problem)
{
	struct gathering *gathering = context;

	if (problem->code != ERR_OK && gathering->problem.code == ERR_OK)
		gathering->problem = *problem;
	if (--gathering->left > 0)
		return;
	gathering->done(gathering->context, &gathering->problem);
	free(gathering);
}

static void refuse(kx_done done, void *context, enum err code, const char *text)
{
	struct problem problem;

	(void)problem_set(&problem, code, "%s", text);
	done(context, &problem);
}

/* Negotiates for one flow as part of a gathering. */
static void initiate_flow(struct kx *kx, const struct policy_rule *rule,
    const struct dataplane_flow *flow, struct gathering *gathering)
{
	struct kx_connection *connection;
	enum err error = kx_connection_for_flow(kx, rule, flow, &connection);
	struct problem problem;

	gathering->left++;
	if (error == ERR_OK)
		error = kx_connection_wait(connection, one_ended, gathering);
	if (error == ERR_OK) {
		kx_connection_negotiate(connection);
	} else {
		(void)problem_set(&problem, error, "policy %s: %s", rule->name, err_text(error));
		one_ended(gathering, &problem);
	}
}

/* All selectors of a tunnel rule, each by its first addresses. */
static void initiate_rule(
    struct kx *kx, const struct policy_rule *rule, struct gathering *gathering)
{
	size_t count = policy_rule_selectors(rule, NULL, 0);
	struct selector *selectors = calloc(count > 0 ? count : 1, sizeof(*selectors));

	if (selectors == NULL)
		return;
	(void)policy_rule_selectors(rule, selectors, count);
	for (size_t i = 0; i < count; i++) {
		struct dataplane_flow flow = {.policy_id = rule->id,
		    .local = selectors[i].local.first,
		    .remote = selectors[i].remote.first,
		    .protocol = rule->protocol};

		initiate_flow(kx, rule, &flow, gathering);
	}
	free(selectors);
}

static void initiate_remote(struct kx *kx, const struct policy_rule *rule,
    const struct address *remote, struct gathering *gathering, struct problem *problem)
{
	struct dataplane_flow flow = {.remote = *remote};
	char text[ADDRESS_TEXT_SIZE];

	if (kx->host.source_address(kx->host.self, remote, &flow.local) != ERR_OK) {
		(void)problem_set(problem, ERR_UNAVAILABLE, "there is no route to %s",
		    address_format(remote, text));
		return;
	}
	if (rule == NULL) {
		/* A rule for some ports only still says how to protect traffic with that host. */
		for (size_t i = 0; rule == NULL && i < kx->policy->rule_count; i++) {
			const struct policy_rule *candidate = &kx->policy->rules[i];

			flow.protocol = candidate->protocol;
			flow.local_port = candidate->local_ports.first;
			flow.remote_port = candidate->remote_ports.first;
			if (candidate->peer != NULL &&
			    policy_lookup(kx->policy, &flow) == candidate)
				rule = candidate;
		}
	}
	if (rule == NULL || rule->peer == NULL) {
		(void)problem_set(problem, ERR_NOT_FOUND,
		    "no policy protects traffic with %s; see kinkctl policy",
		    address_format(remote, text));
		return;
	}
	flow.policy_id = rule->id;
	flow.protocol = rule->protocol;
	initiate_flow(kx, rule, &flow, gathering);
}

void kx_initiate(
    struct kx *kx, const char *policy, const struct address *remote, kx_done done, void *context)
{
	const struct policy_rule *rule = NULL;
	struct problem problem = {.code = ERR_OK};
	struct gathering *gathering;

	if (kx->shutdown.active) {
		refuse(done, context, ERR_UNAVAILABLE, "kinkd is shutting down");
		return;
	}
	if (policy != NULL) {
		rule = policy_rule_by_name(kx->policy, policy);
		if (rule == NULL || rule->peer == NULL) {
			(void)problem_set(&problem, ERR_NOT_FOUND,
			    "there is no protecting policy \"%s\"; see kinkctl policy", policy);
			done(context, &problem);
			return;
		}
	}
	if (remote == NULL && (rule == NULL || rule->mode != IPSEC_TUNNEL)) {
		refuse(done, context, ERR_INVALID, "an address is needed: which host?");
		return;
	}
	gathering = calloc(1, sizeof(*gathering));
	if (gathering == NULL) {
		refuse(done, context, ERR_NO_MEMORY, err_text(ERR_NO_MEMORY));
		return;
	}
	/* One more than there are, so that it cannot end while it is being filled. */
	gathering->left = 1;
	gathering->done = done;
	gathering->context = context;
	if (remote != NULL)
		initiate_remote(kx, rule, remote, gathering, &problem);
	else
		initiate_rule(kx, rule, gathering);
	one_ended(gathering, &problem);
	kx_wake_host(kx);
}

/* A loop over all pairs may remove the one it is at and, through its end, connections. */
static size_t delete_pairs(struct kx *kx, const struct address *remote, uint32_t spi)
{
	uint32_t cursor = 0;
	struct sa_pair *pair;
	size_t count = 0;

	while ((pair = sad_next(kx->sad, &cursor)) != NULL) {
		if (pair->state != SA_ESTABLISHED ||
		    (spi != 0 && sa_primary(pair)->spi_in != spi) ||
		    (remote != NULL && !address_equal(&pair->remote, remote) &&
			!(range_is_host(&pair->selector.remote) &&
			    address_equal(&pair->selector.remote.first, remote))))
			continue;
		count++;
		kx_method_of(pair->exchange)->delete_pair(kx->method_states[pair->exchange], pair);
	}
	return count;
}

static size_t stop_negotiations(struct kx *kx, const struct address *remote)
{
	struct kx_connection *connection;
	struct kx_connection *next;
	struct problem problem;
	size_t count = 0;

	(void)problem_set(&problem, ERR_DENIED, "the negotiation was stopped by command");
	HASH_ITER (by_key, kx->connections, connection, next) {
		if (!connection->negotiating ||
		    (remote != NULL && !address_equal(&connection->key.remote, remote)))
			continue;
		count++;
		kx_connection_stop(connection, &problem);
	}
	return count;
}

void kx_terminate(
    struct kx *kx, const struct address *remote, uint32_t spi, kx_done done, void *context)
{
	static const struct problem none = {.code = ERR_OK};
	size_t count = spi == 0 ? stop_negotiations(kx, remote) : 0;

	count += delete_pairs(kx, remote, spi);
	if (count == 0 && (remote != NULL || spi != 0))
		refuse(done, context, ERR_NOT_FOUND, "there is no such SA; see kinkctl sa");
	else
		done(context, &none);
	kx_wake_host(kx);
}

static void end_shutdown(struct kx *kx, const struct problem *problem)
{
	kx_done done = kx->shutdown.done;

	timers_cancel(&kx->timers, &kx->shutdown.timer);
	kx->shutdown.done = NULL;
	for (int i = 0; i < EXCHANGE_COUNT; i++) {
		const struct kx_method *method = kx_method_of(i);

		if (method != NULL && method->quit != NULL)
			method->quit(kx->method_states[i]);
	}
	if (done != NULL)
		done(kx->shutdown.context, problem);
}

/* A message that is said several times is not to be said once because the end comes first. */
static bool is_busy(const struct kx *kx)
{
	for (int i = 0; i < EXCHANGE_COUNT; i++) {
		const struct kx_method *method = kx_method_of(i);

		if (method != NULL && method->busy != NULL && method->busy(kx->method_states[i]))
			return true;
	}
	return sad_active_count(kx->sad) > 0;
}

void kx_shutdown_check(struct kx *kx)
{
	static const struct problem none = {.code = ERR_OK};

	if (kx->shutdown.active && kx->shutdown.done != NULL && !is_busy(kx))
		end_shutdown(kx, &none);
}

static void out_of_time(struct timer *timer, void *context)
{
	struct kx *kx = context;
	struct problem problem = {.code = ERR_OK};
	size_t count = sad_active_count(kx->sad);

	(void)timer;
	if (count > 0)
		(void)problem_set(
		    &problem, ERR_TIMEOUT, "%zu pairs of SAs were not confirmed deleted", count);
	end_shutdown(kx, &problem);
}

void kx_shutdown(struct kx *kx, uint32_t timeout_ms, kx_done done, void *context)
{
	struct problem problem;

	kx->shutdown.active = true;
	(void)stop_negotiations(kx, NULL);
	(void)delete_pairs(kx, NULL, 0);
	kx->shutdown.done = done;
	kx->shutdown.context = context;
	if (timers_set(&kx->timers, &kx->shutdown.timer,
		kx->host.now_ms(kx->host.self) + timeout_ms, out_of_time, kx) != ERR_OK) {
		(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory");
		end_shutdown(kx, &problem);
	}
	kx_shutdown_check(kx);
	kx_wake_host(kx);
}
