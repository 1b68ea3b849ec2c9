/*
 * The kernel data plane: IPsec by Linux itself, steered through XFRM (linux/xfrm.h). Here its
 * parts are put together and the engine's requests carried out. What the kernel's interface asks
 * for, and what is ours in it, is in message.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "dataplane/xfrm/private.h"

struct work *work_new(struct dataplane *dp, const struct dataplane_request *request)
{
	struct work *work = secret_alloc(sizeof(*work));

	/* A request without an answer would leave a negotiation hanging for ever. */
	if (work == NULL)
		abort();
	work->dataplane = dp;
	work->completion.token = request->token;
	work->completion.operation = request->operation;
	work->held = 1;
	return work;
}

void work_hold(struct work *work)
{
	work->held++;
}

void work_release(struct work *work)
{
	struct dataplane *dp = work->dataplane;

	if (--work->held > 0)
		return;
	dp->listener.completed(dp->listener.self, &work->completion);
	secret_free(work, sizeof(*work));
}

static const char *direction_name(uint32_t direction)
{
	switch (direction) {
	case XFRM_POLICY_IN:
		return "in";
	case XFRM_POLICY_OUT:
		return "out";
	default:
		return "forwarded";
	}
}

static void policy_done(void *context, uint64_t index, const struct batch_answer *answer)
{
	struct work *work = context;

	if (answer->error != 0)
		(void)problem_set(&work->completion.problem,
		    answer->error == EPERM ? ERR_DENIED : ERR_SYSTEM,
		    "%s, packets %s: the kernel says %s%s%s%s", work->policy,
		    direction_name((uint32_t)index & 7), strerror(answer->error),
		    answer->text[0] != '\0' ? ": " : "", answer->text,
		    answer->error == EPERM ? "; the daemon needs CAP_NET_ADMIN" : "");
	work_release(work);
}

static void add_policy(struct work *work, const struct dataplane_policy *told)
{
	struct dataplane *dp = work->dataplane;
	struct policy *policy = NULL;

	if (policies_add(dp->policies, told, &policy, &work->completion.problem) != ERR_OK)
		return;
	(void)policies_name(dp->policies, told->id, work->policy);
	for (const struct policy_part *part = policy->parts; part != NULL; part = part->next) {
		work_hold(work);
		policies_queue(dp->batch, part, policy_done, work);
	}
}

static void give_up(void *context, const struct wish *wish)
{
	sas_refuse(context, wish);
}

/* Where protection is only requested nothing waits: packets go clear. */
static void give_up_unless_clear(void *context, const struct wish *wish)
{
	struct dataplane *dp = context;
	const struct policy_part *part = policies_find_part(dp->policies, wish->index);

	if (part != NULL && part->action == POLICY_REQUEST)
		sas_rest(dp, wish);
	else
		give_up(dp, wish);
}

static void delete_policy(struct work *work, uint32_t id)
{
	struct dataplane *dp = work->dataplane;
	const struct policy *policy = policies_find(dp->policies, id);

	if (policy == NULL) {
		(void)problem_set(&work->completion.problem, ERR_NOT_FOUND, "no policy %u", id);
		return;
	}
	wishes_take_matching(dp->wishes, id, policy->told.mode, NULL, give_up, dp);
	for (; policy != NULL; policy = policy->next) {
		for (const struct policy_part *part = policy->parts; part != NULL;
		     part = part->next) {
			work_hold(work);
			policies_queue_removal(dp->batch, part, policy_done, work);
		}
	}
	policies_forget(dp->policies, id);
}

static void acquire_failed(struct dataplane *dp, const struct dataplane_policy *failed)
{
	const struct policy *policy = policies_find(dp->policies, failed->id);

	if (policy != NULL)
		wishes_take_matching(dp->wishes, failed->id, policy->told.mode, &failed->selector,
		    give_up_unless_clear, dp);
}

/* The kernel may have a larval SA still, which would keep packets waiting. */
static void look_again(void *context, const struct wish *wish)
{
	struct dataplane *dp = context;

	sas_drop_larval(dp, wish);
	policies_renew(dp->policies, dp->batch, wish->index);
}

static void acquire_fulfilled(struct dataplane *dp, const struct dataplane_policy *fulfilled)
{
	const struct policy *policy = policies_find(dp->policies, fulfilled->id);

	if (policy != NULL)
		wishes_take_matching(dp->wishes, fulfilled->id, policy->told.mode,
		    &fulfilled->selector, look_again, dp);
}

static void remove_stale(struct dataplane *dp)
{
	size_t count = policies_remove_stale(dp->policies, dp->batch);

	if (count > 0)
		log_event(dp->log, LOG_LEVEL_NOTICE, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
		    "%zu of the kernel's policies that an earlier run left are removed", count);
}

static void perform(struct work *work, const struct dataplane_request *request)
{
	struct dataplane *dp = work->dataplane;

	switch (request->operation) {
	case DATAPLANE_RESERVE_SPI:
		sa_reserve(work);
		break;
	case DATAPLANE_ADD_SA:
		sa_add(work);
		break;
	case DATAPLANE_DELETE_SA:
		sa_delete(work);
		break;
	case DATAPLANE_QUERY_SA:
		sa_query(work);
		break;
	case DATAPLANE_MOVE_SA:
		sa_move(work);
		break;
	case DATAPLANE_ADD_POLICY:
		add_policy(work, &request->policy);
		break;
	case DATAPLANE_DELETE_POLICY:
		delete_policy(work, request->policy.id);
		break;
	case DATAPLANE_REMOVE_STALE:
		remove_stale(dp);
		break;
	case DATAPLANE_ACQUIRE_FAILED:
		acquire_failed(dp, &request->policy);
		break;
	case DATAPLANE_ACQUIRE_FULFILLED:
		acquire_fulfilled(dp, &request->policy);
		break;
	}
}

static bool concerns_sa(enum dataplane_operation operation)
{
	return operation == DATAPLANE_RESERVE_SPI || operation == DATAPLANE_ADD_SA ||
	       operation == DATAPLANE_DELETE_SA || operation == DATAPLANE_QUERY_SA;
}

static void xfrm_submit(struct dataplane *dp, const struct dataplane_request *request)
{
	struct work *work = work_new(dp, request);

	if (concerns_sa(request->operation))
		work->sa = request->sa;
	else if (request->operation == DATAPLANE_MOVE_SA)
		work->move = request->move;
	else
		(void)policies_name(dp->policies, request->policy.id, work->policy);
	perform(work, request);
	work_release(work);
}

static void follow_news(struct dataplane *dp)
{
	unsigned news = monitor_take_news(dp->monitor);

	if ((news & MONITOR_POLICIES_REMOVED) != 0)
		log_event(dp->log, LOG_LEVEL_ERROR, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
		    "another program has removed policies of this daemon from the kernel, as \"ip "
		    "xfrm policy flush\" does; they are put back, but until then traffic may have "
		    "passed in the clear");
	if ((news & MONITOR_SAS_REMOVED) != 0)
		log_event(dp->log, LOG_LEVEL_ERROR, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
		    "another program has removed SAs of this daemon from the kernel, as \"ip xfrm "
		    "state flush\" does; new ones are negotiated as traffic wants them");
	if ((news & MONITOR_MISSED) != 0)
		log_event(dp->log, LOG_LEVEL_WARNING, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
		    "the kernel had more to report than there was room for; its SAs are looked "
		    "through");
	if ((news & (MONITOR_POLICIES_REMOVED | MONITOR_MISSED)) != 0)
		policies_restore(dp->policies, dp->batch);
	if ((news & (MONITOR_SAS_REMOVED | MONITOR_MISSED)) != 0)
		sas_resynchronise(dp);
}

static void xfrm_flush(struct dataplane *dp)
{
	struct wish own;

	while (monitor_take_own(dp->monitor, &own)) {
		policies_allow_own(dp->policies, dp->batch, &own.flow.local, &own.flow.remote);
		look_again(dp, &own);
	}
	follow_news(dp);
	sas_end_rest(dp);
	batch_flush(dp->batch);
}

static void release(struct dataplane *dp)
{
	monitor_close(dp->monitor);
	sas_clear_rest(dp);
	encapsulation_close(dp->encapsulation);
	policies_free(dp->policies);
	wishes_free(dp->wishes);
	batch_close(dp->batch);
	free(dp);
}

/* SAs first, then what stops packets without one; those that are kept serve on. */
static void xfrm_close(struct dataplane *dp)
{
	struct problem problem = {.code = ERR_OK};

	if (dp == NULL)
		return;
	batch_flush(dp->batch);
	/* With nobody to tell, the kernel makes no new larval SAs. */
	monitor_close(dp->monitor);
	dp->monitor = NULL;
	if (sas_remove(dp, dp->keep, &problem) != ERR_OK)
		log_event(dp->log, LOG_LEVEL_WARNING, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
		    "SAs may be left in the kernel: %s", problem.text);
	if (!dp->keep)
		policies_remove_all(dp->policies, dp->batch);
	batch_flush(dp->batch);
	surroundings_close(dp->surroundings, dp->keep);
	release(dp);
}

/* A host without IPv6 refuses them, and needs none. */
static enum err add_neighbours(struct dataplane *dp, struct problem *problem)
{
	struct policy *policy;
	enum err code = policies_add_neighbours(dp->policies, &policy, problem);

	if (code != ERR_OK)
		return code;
	for (const struct policy_part *part = policy->parts; part != NULL; part = part->next)
		policies_queue(dp->batch, part, NULL, NULL);
	batch_flush(dp->batch);
	return ERR_OK;
}

/*
 * Puts an SA into the kernel and takes it out: the interface to steer IPsec may be there where
 * IPsec is not.
 */
static enum err xfrm_probe(
    const enum ipsec_protocol *protocols, size_t count, struct problem *problem)
{
	struct batch *batch = NULL;
	enum err code = batch_open(&batch, problem);

	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = sa_try(batch, protocols[i], problem);
	batch_close(batch);
	return code;
}

static enum err xfrm_open(const struct dataplane_settings *settings,
    const struct dataplane_listener *listener, struct log *log, struct dataplane **out,
    struct problem *problem)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	enum err code;

	*out = NULL;
	if (dp == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for the data plane");
	dp->listener = *listener;
	dp->log = log;
	dp->keep = settings->keep;
	dp->policies = policies_new();
	dp->wishes = wishes_new();
	if (dp->policies == NULL || dp->wishes == NULL)
		code = problem_set(problem, ERR_NO_MEMORY, "out of memory for the data plane");
	else
		code = batch_open(&dp->batch, problem);
	if (code == ERR_OK && settings->encapsulation_port != 0)
		code = encapsulation_open(
		    settings->encapsulation_sockets, &dp->encapsulation, problem);
	if (code == ERR_OK)
		code = policies_find_stale(dp->policies, dp->batch, problem);
	if (code == ERR_OK)
		code = monitor_open(&dp->listener, dp->wishes, dp->encapsulation,
		    batch_port(dp->batch), &dp->monitor, problem);
	if (code == ERR_OK)
		code = sas_relieve(dp, problem);
	if (code == ERR_OK)
		code = add_neighbours(dp, problem);
	if (code != ERR_OK) {
		release(dp);
		return code;
	}
	dp->surroundings = surroundings_open(settings->state_path, log);
	*out = dp;
	return ERR_OK;
}

const struct dataplane_ops dataplane_xfrm = {.name = "kernel",
    .outlives = true,
    .has_kernel_settings = true,
    .probe = xfrm_probe,
    .open = xfrm_open,
    .submit = xfrm_submit,
    .flush = xfrm_flush,
    .close = xfrm_close};
