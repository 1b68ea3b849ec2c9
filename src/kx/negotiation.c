/*
 * A connection's negotiation: when one begins, by which method and with whom, and how it ends well.
 * What follows from a failure is in failure.c.
 */
#include <string.h>
#include <utlist.h>

#include "kx/kx-internal.h"
#include "sa/peer.h"

static uint64_t now_ms(const struct kx *kx)
{
	return kx->host.now_ms(kx->host.self);
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
		kx_connection_ended(connection, failure_of_name(problem->code), problem);
		return;
	}
	kx_text_set(&connection->asked, principal);
	if (connection->asked == NULL) {
		(void)problem_set(&why, ERR_NO_MEMORY, "out of memory");
		kx_connection_failed(connection, &why);
		return;
	}
	/* Until it has proved who it is. */
	if (connection->current == NULL)
		kx_text_set(&connection->principal, principal);
	initiate(connection);
}

void kx_connection_begin(struct kx_connection *connection)
{
	const struct kx_method *method = kx_method_of(connection->exchange);
	struct problem problem;

	connection->negotiation.work = 0;
	if (method == NULL) {
		(void)problem_set(&problem, ERR_UNSUPPORTED, "this kinkd does not speak %s",
		    exchange_name((enum exchange)connection->exchange));
		kx_connection_failed(connection, &problem);
	} else if (method->needs_principal) {
		connection->awaiting_name = true;
		connection->principal_wait.done = principal_known;
		kx_principal_wait(connection->kx, connection->negotiation.peer,
		    &connection->key.remote, &connection->principal_wait);
	} else {
		initiate(connection);
	}
}

/* Nobody waits for what the method under way may come to. */
static void abandon(struct kx_connection *connection)
{
	if (connection->awaiting_name)
		kx_principal_cancel(&connection->principal_wait);
	else
		kx_method_of(connection->exchange)
		    ->abandon(connection->kx->method_states[connection->exchange],
			&connection->negotiation);
	connection->negotiating = false;
	connection->reconsidering = false;
}

/*
 * Rekeying goes on with the method that serves while another that is preferred to it is tried, or
 * has a time of its own to be tried at: who waits in vain for that one may lose the SA meanwhile.
 */
static int choose_method(const struct kx_connection *connection, bool was_trying)
{
	const struct kx *kx = connection->kx;
	const struct kx_negotiation *negotiation = &connection->negotiation;

	if (connection->current != NULL && (was_trying || timer_is_set(&connection->reconsider)))
		return connection->current->exchange;
	return kx_choice_first(&kx->choices, negotiation->rule, &negotiation->remote, now_ms(kx));
}

void kx_connection_negotiate(struct kx_connection *connection)
{
	struct kx *kx = connection->kx;
	bool was_trying = connection->negotiating && connection->reconsidering;

	if (was_trying && connection->current != NULL && !kx->shutdown.active)
		abandon(connection);
	connection->reconsidering = connection->reconsidering && !was_trying;
	if (connection->negotiating || kx->shutdown.active)
		return;
	connection->exchange = choose_method(connection, was_trying);
	timers_cancel(&kx->timers, &connection->timer);
	timers_cancel(&kx->timers, &connection->reconsider);
	connection->lingering = false;
	connection->negotiating = true;
	kx_connection_settle(connection);
	kx_count(kx, KX_NEGOTIATIONS_STARTED);
	if (connection->current != NULL)
		kx_count(kx, KX_REKEYS);
	kx_connection_begin(connection);
}

void kx_connection_stop(struct kx_connection *connection, const struct problem *problem)
{
	if (!connection->negotiating)
		return;
	abandon(connection);
	connection->wanted = false;
	kx_connection_settle(connection);
	kx_lapse_over(connection);
	if (connection->current == NULL)
		kx_connection_refuse_traffic(connection);
	kx_connection_tell(connection, problem);
	kx_connection_release(connection);
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

		kx_connection_key_of(pair, &key);
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

	kx_connection_key_of(pair, &key);
	HASH_FIND(by_key, kx->connections, &key, sizeof(key), connection);
	if (connection == NULL || kx->shutdown.active)
		return;
	if (connection->wanted && connection->current == NULL && !timer_is_set(&connection->timer))
		kx_connection_negotiate(connection);
	else
		kx_connection_release(connection);
}

static void answer_traffic(
    const struct kx_connection *connection, enum dataplane_operation operation)
{
	struct dataplane_request request = {.operation = operation,
	    .policy = {.id = connection->key.policy_id, .selector = connection->key.selector}};

	connection->kx->host.dataplane(connection->kx->host.self, &request);
}

void kx_connection_refuse_traffic(const struct kx_connection *connection)
{
	answer_traffic(connection, DATAPLANE_ACQUIRE_FAILED);
}

/*
 * Traffic asks though there is an SA: it asked just before that was installed. Should the data
 * plane not find it, it would ask for ever.
 */
static void answer_again(struct kx_connection *connection)
{
	if (limit_take(&connection->repeats, now_ms(connection->kx)))
		answer_traffic(connection, DATAPLANE_ACQUIRE_FULFILLED);
	else
		kx_connection_refuse_traffic(connection);
}

void kx_connection_want(struct kx_connection *connection)
{
	connection->wanted = true;
	/* A pair that is being deleted sends nothing any more. */
	kx_connection_choose(connection);
	if (connection->negotiating || (connection->current == NULL && is_expected(connection)))
		return;
	if (connection->current != NULL)
		answer_again(connection);
	else if (timer_is_set(&connection->timer) && !connection->lingering)
		kx_connection_refuse_traffic(connection);
	else
		kx_connection_negotiate(connection);
}

bool kx_connection_revive(struct kx_connection *connection)
{
	if (connection->current != NULL)
		return true;
	kx_connection_want(connection);
	return connection->negotiating || is_expected(connection);
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
	kx_connection_ended(connection_of(negotiation), failure, problem);
}

void kx_negotiation_done(
    struct kx *kx, struct kx_negotiation *negotiation, struct sa_pair *pair, const char *identity)
{
	static const struct problem none = {.code = ERR_OK};
	struct kx_connection *connection = connection_of(negotiation);

	negotiation->work = 0;
	connection->negotiating = false;
	connection->reconsidering = false;
	kx_connection_established(
	    connection, pair, identity != NULL ? identity : negotiation->principal);
	kx_count(kx, KX_NEGOTIATIONS_DONE);
	kx_count(kx, KX_SAS_CREATED);
	kx_connection_tell(connection, &none);
	kx_shutdown_check(kx);
}
