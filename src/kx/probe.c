/*
 * Asking a peer whether it is there, and the verdict: for the watch over its SAs and for kinkctl.
 * RFC 4430 3.7. How it is asked is the exchange method's business.
 */
#include <stdlib.h>
#include <utlist.h>

#include "kx/kx-internal.h"
#include "sa/peer.h"

struct kx_probe_waiter {
	kx_probed done;
	void *context;
	struct kx_probe_waiter *next;
};

static uint64_t now_ms(const struct kx *kx)
{
	return kx->host.now_ms(kx->host.self);
}

static const struct kx_method *method_of(const struct kx_watch *watch, void **state)
{
	*state = watch->kx->method_states[watch->exchange];
	return kx_method_of(watch->exchange);
}

/* Who made the SAs can ask; without any, the method that would make the first. */
static int choose_method(const struct kx_watch *watch)
{
	const struct sa_peer *peer = sad_find_peer(watch->kx->sad, &watch->probe.remote);
	const struct sa_pair *pair;

	if (peer != NULL) {
		DL_FOREACH2(peer->pairs, pair, peer_next)
		{
			if (pair->state == SA_ESTABLISHED)
				return pair->exchange;
		}
	}
	return (int)watch->probe.peer->exchanges[0];
}

void kx_probe_tell(
    struct kx_watch *watch, enum kx_probe_outcome outcome, const struct problem *problem)
{
	uint64_t took_ms = now_ms(watch->kx) - watch->asked_ms;

	while (watch->waiters != NULL) {
		struct kx_probe_waiter *waiter = watch->waiters;

		LL_DELETE(watch->waiters, waiter);
		waiter->done(waiter->context, outcome, took_ms, problem);
		free(waiter);
	}
}

static void ask(struct kx_watch *watch)
{
	void *state;
	const struct kx_method *method = method_of(watch, &state);

	watch->probing = true;
	watch->restarted = false;
	watch->asked_ms = now_ms(watch->kx);
	watch->probe.messages = 0;
	kx_count(watch->kx, KX_PROBES);
	method->probe(state, &watch->probe);
}

/* Nobody answered. Without dead-peer detection, or without SAs, nothing follows from it. */
static void silent(struct kx_watch *watch, const struct problem *problem)
{
	struct kx *kx = watch->kx;

	kx_probe_tell(watch, KX_PROBE_SILENT, problem);
	watch->doubted_ms = 0;
	if (watch->probe.peer->dpd > 0 && sad_find_peer(kx->sad, &watch->probe.remote) != NULL &&
	    !kx->shutdown.active)
		kx_peer_dead(watch);
	kx_watch_go_on(watch);
}

/* The file wants a verdict before the method gives up. */
static void out_of_patience(struct timer *timer, void *context)
{
	struct kx_watch *watch = context;
	void *state;
	const struct kx_method *method = method_of(watch, &state);
	uint64_t waited_ms = now_ms(watch->kx) - watch->doubted_ms;
	struct problem problem;

	(void)timer;
	method->withdraw_probe(state, &watch->probe);
	watch->probing = false;
	if (watch->probe.messages > 0) {
		(void)problem_set(&problem, ERR_TIMEOUT, "it did not answer %u messages in %llu s",
		    watch->probe.messages, (unsigned long long)(waited_ms / 1000));
		silent(watch, &problem);
		return;
	}
	/* It is we who could not ask: no ticket yet, say. */
	(void)problem_set(&problem, ERR_TIMEOUT, "no message could be sent to it in %llu s",
	    (unsigned long long)(waited_ms / 1000));
	watch->doubted_ms = 0;
	kx_probe_tell(watch, KX_PROBE_FAILED, &problem);
	kx_watch_go_on(watch);
}

void kx_probe_begin(struct kx_watch *watch, const char *why)
{
	struct kx *kx = watch->kx;
	const struct sa_peer *peer = sad_find_peer(kx->sad, &watch->probe.remote);
	uint32_t patience = watch->probe.peer->dpd_timeout;
	char remote[ADDRESS_TEXT_SIZE];

	timers_cancel(&kx->timers, &watch->timer);
	watch->exchange = choose_method(watch);
	watch->doubted_ms = now_ms(kx);
	log_event(kx->host.log, LOG_LEVEL_DEBUG, LOG_AREA_KX,
	    LOG_FIELDS({"remote", address_format(&watch->probe.remote, remote)},
		{"principal", peer != NULL && peer->principal != NULL ? peer->principal : ""}),
	    "asks the peer whether it is there: %s; last heard of %llu s ago", why,
	    (unsigned long long)((watch->doubted_ms - watch->heard_ms) / 1000));
	if (patience > 0 && timers_set(&kx->timers, &watch->timer, watch->doubted_ms + patience,
				out_of_patience, watch) != ERR_OK) {
		/* Then the verdict comes when the method gives up. */
	}
	ask(watch);
}

void kx_probe_done(struct kx *kx, struct kx_probe *probe, const struct problem *problem)
{
	struct kx_watch *watch = kx_watch_of_probe(probe);
	char remote[ADDRESS_TEXT_SIZE];

	watch->probing = false;
	if (problem->code == ERR_TIMEOUT && timer_is_set(&watch->timer)) {
		/* There is patience for another round. */
		ask(watch);
		return;
	}
	timers_cancel(&kx->timers, &watch->timer);
	if (problem->code == ERR_TIMEOUT) {
		silent(watch, problem);
		return;
	}
	watch->doubted_ms = 0;
	log_event(kx->host.log, LOG_LEVEL_DEBUG, LOG_AREA_KX,
	    LOG_FIELDS({"remote", address_format(&probe->remote, remote)}), "%s%s",
	    problem->code == ERR_OK ? "the peer is there" : "the peer cannot be asked: ",
	    problem->code == ERR_OK ? (watch->restarted ? ", but has restarted" : "")
				    : problem->text);
	if (problem->code == ERR_OK)
		watch->heard_ms = now_ms(kx);
	kx_probe_tell(watch,
	    problem->code != ERR_OK ? KX_PROBE_FAILED
	    : watch->restarted      ? KX_PROBE_RESTARTED
				    : KX_PROBE_ALIVE,
	    problem);
	kx_watch_go_on(watch);
}

void kx_probe(struct kx *kx, const struct address *remote, kx_probed done, void *context)
{
	const struct policy_peer *peer = policy_peer_of(kx->policy, remote);
	struct kx_probe_waiter *waiter;
	struct kx_watch *watch = NULL;
	struct address local;
	struct problem problem = {.code = ERR_OK};
	char text[ADDRESS_TEXT_SIZE];

	(void)address_format(remote, text);
	if (kx->shutdown.active)
		(void)problem_set(&problem, ERR_UNAVAILABLE, "kinkd is shutting down");
	else if (peer == NULL)
		(void)problem_set(&problem, ERR_NOT_FOUND,
		    "no peer in the file has the address %s; see kinkctl peers", text);
	else if (kx->host.source_address(kx->host.self, remote, &local) != ERR_OK)
		(void)problem_set(&problem, ERR_UNAVAILABLE, "there is no route to %s", text);
	waiter = problem.code == ERR_OK ? calloc(1, sizeof(*waiter)) : NULL;
	if (problem.code == ERR_OK &&
	    (waiter == NULL || kx_watch_get(kx, peer, &local, remote, &watch) != ERR_OK)) {
		free(waiter);
		(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory");
	}
	if (problem.code != ERR_OK) {
		done(context, KX_PROBE_FAILED, 0, &problem);
		return;
	}
	*waiter = (struct kx_probe_waiter){.done = done, .context = context};
	LL_APPEND(watch->waiters, waiter);
	if (!watch->probing)
		kx_probe_begin(watch, "asked to by command");
	kx_wake_host(kx);
}
