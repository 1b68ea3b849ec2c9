/*
 * The userspace data plane: ESP, AH and IPComp in this process, between a TUN device and raw
 * sockets. Here its parts are put together and the engine's requests carried out; packets flow in
 * outbound.c and inbound.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "dataplane/userspace/private.h"

#define MTU_FIRST 1280 /* policies raise it to what their paths take */

static enum err reserve_spi(
    struct dataplane *dp, const struct dataplane_sa *sa, struct dataplane_completion *completion)
{
	enum err code =
	    sa_table_reserve(dp->sas, sa->suite.protocol, &sa->destination, &completion->spi);

	if (code != ERR_OK)
		return problem_set(
		    &completion->problem, code, "no SPI to be had: %s", err_text(code));
	return ERR_OK;
}

/* The outbound thread looks at keepalives once a second while there are any. */
static void set_tick(struct dataplane *dp)
{
	time_t interval = sa_table_keepalives(dp->sas) != NULL ? 1 : 0;
	struct itimerspec spec = {
	    .it_interval = {.tv_sec = interval}, .it_value = {.tv_sec = interval}};

	(void)timerfd_settime(dp->tick, 0, &spec, NULL);
}

static enum err check_port(
    const struct dataplane *dp, const struct dataplane_sa *sa, struct problem *problem)
{
	uint16_t port =
	    sa->direction == IPSEC_OUT ? sa->encapsulation_source : sa->encapsulation_destination;

	if (port == 0 || port == dp->udp_port)
		return ERR_OK;
	return problem_set(problem, ERR_INVALID,
	    "SA %08x: UDP encapsulation on port %u, which is not open here", sa->spi, port);
}

/* While an earlier run's filter stands it is not replaced by half of ours. */
static enum err apply_filter(struct dataplane *dp, struct problem *problem)
{
	return dp->starting ? ERR_OK : filter_apply(dp->filter, &dp->spd, problem);
}

static void release_held(struct dataplane *dp, uint32_t policy_id, const struct selector *matching)
{
	if (hold_release(dp->hold, policy_id, matching))
		(void)eventfd_write(dp->ready, 1);
}

static enum err add_sa(
    struct dataplane *dp, const struct dataplane_sa *told, struct dataplane_completion *completion)
{
	enum err code = check_port(dp, told, &completion->problem);
	const struct sa *sa;

	completion->spi = told->spi;
	if (code == ERR_OK)
		code = sa_table_add(dp->sas, told, coarse_ms(), &completion->problem);
	if (code == ERR_OK && told->direction == IPSEC_OUT &&
	    spd_require(&dp->spd, told->policy_id, &told->selector)) {
		promises_note(dp->state_path, &told->selector, dp->log);
		code = apply_filter(dp, &completion->problem);
	}
	if (code != ERR_OK || told->direction != IPSEC_OUT)
		return code;
	sa = sa_table_find(dp->sas, told->spi, told->suite.protocol, &told->destination);
	if (sa->usable)
		release_held(dp, told->policy_id, &told->selector);
	if (told->encapsulation_keepalive)
		set_tick(dp);
	return ERR_OK;
}

static struct sa *find_sa(
    struct dataplane *dp, const struct dataplane_sa *sa, struct dataplane_completion *completion)
{
	struct sa *found = sa_table_find(dp->sas, sa->spi, sa->suite.protocol, &sa->destination);

	completion->spi = sa->spi;
	if (found == NULL)
		(void)problem_set(&completion->problem, ERR_NOT_FOUND, "no SA %08x", sa->spi);
	return found;
}

static void delete_sa(struct dataplane *dp, struct sa *sa)
{
	bool keepalive = sa->told.encapsulation_keepalive;

	sa_table_delete(dp->sas, sa);
	if (keepalive)
		set_tick(dp);
}

static enum err move_sa(struct dataplane *dp, const struct dataplane_move *move,
    struct dataplane_completion *completion)
{
	struct dataplane_sa name = {.spi = move->spi,
	    .suite = {.protocol = move->protocol},
	    .destination = move->destination};
	struct sa *sa = find_sa(dp, &name, completion);
	enum err code;

	if (sa == NULL)
		return ERR_NOT_FOUND;
	code = sa_table_move(dp->sas, sa, &move->remote);
	if (code != ERR_OK)
		return problem_set(&completion->problem, code,
		    "SA %08x cannot move: another of that SPI is there", move->spi);
	return ERR_OK;
}

static enum err add_policy(
    struct dataplane *dp, const struct dataplane_policy *policy, struct problem *problem)
{
	enum err code = spd_add(&dp->spd, policy);

	if (code != ERR_OK)
		return problem_set(problem, code, "policy %u: %s", policy->id, err_text(code));
	if (policy->action == POLICY_REQUEST)
		promises_recall(dp->state_path, &dp->spd, policy->id);
	/* The filter first, so that nothing clear is taken for an answer. */
	code = apply_filter(dp, problem);
	if (code == ERR_OK)
		code = routing_add(dp->routing, policy, problem);
	if (code != ERR_OK) {
		spd_delete(&dp->spd, policy->priority);
		if (apply_filter(dp, NULL) != ERR_OK)
			log_event(dp->log, LOG_LEVEL_WARNING, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
			    "the packet filter still holds a policy that was not installed");
	}
	return code;
}

static enum err delete_policy(struct dataplane *dp, uint32_t id, struct problem *problem)
{
	struct dataplane_policy policy;
	enum err code = spd_take(&dp->spd, id, &policy);

	if (code != ERR_OK)
		return problem_set(problem, code, "no policy %u", id);
	hold_forget(dp->hold, id);
	for (; code == ERR_OK; code = spd_take(&dp->spd, id, &policy))
		routing_delete(dp->routing, &policy);
	return apply_filter(dp, problem);
}

static enum err remove_stale(struct dataplane *dp, struct problem *problem)
{
	enum err code;

	promises_tidy(dp->state_path, &dp->spd, dp->log);
	if (!dp->starting)
		return ERR_OK;
	code = filter_begin(dp->filter, &dp->spd, problem);
	if (code != ERR_OK)
		return code;
	routing_remove_stale(dp->routing);
	dp->starting = false;
	log_event(dp->log, LOG_LEVEL_NOTICE, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
	    "the rules that an earlier run left are replaced");
	return ERR_OK;
}

static void perform(struct dataplane *dp, const struct dataplane_request *request,
    struct dataplane_completion *completion)
{
	struct sa *sa;

	switch (request->operation) {
	case DATAPLANE_RESERVE_SPI:
		(void)reserve_spi(dp, &request->sa, completion);
		break;
	case DATAPLANE_ADD_SA:
		(void)add_sa(dp, &request->sa, completion);
		break;
	case DATAPLANE_DELETE_SA:
		sa = find_sa(dp, &request->sa, completion);
		if (sa != NULL)
			delete_sa(dp, sa);
		break;
	case DATAPLANE_QUERY_SA:
		sa = find_sa(dp, &request->sa, completion);
		if (sa != NULL)
			completion->counters = sa->counters;
		break;
	case DATAPLANE_MOVE_SA:
		(void)move_sa(dp, &request->move, completion);
		break;
	case DATAPLANE_ADD_POLICY:
		(void)add_policy(dp, &request->policy, &completion->problem);
		break;
	case DATAPLANE_DELETE_POLICY:
		(void)delete_policy(dp, request->policy.id, &completion->problem);
		break;
	case DATAPLANE_REMOVE_STALE:
		(void)remove_stale(dp, &completion->problem);
		break;
	case DATAPLANE_ACQUIRE_FAILED:
		hold_fail(dp->hold, request->policy.id, &request->policy.selector, coarse_ms());
		break;
	case DATAPLANE_ACQUIRE_FULFILLED:
		release_held(dp, request->policy.id, &request->policy.selector);
		break;
	}
}

static void userspace_submit(struct dataplane *dp, const struct dataplane_request *request)
{
	struct dataplane_completion completion = {
	    .token = request->token, .operation = request->operation};

	pthread_rwlock_wrlock(&dp->lock);
	perform(dp, request, &completion);
	pthread_rwlock_unlock(&dp->lock);
	dp->listener.completed(dp->listener.self, &completion);
}

static void stop_threads(struct dataplane *dp)
{
	if (!dp->running)
		return;
	(void)eventfd_write(dp->stop, 1);
	(void)pthread_join(dp->outbound, NULL);
	(void)pthread_join(dp->inbound, NULL);
	dp->running = false;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void close_parts(struct dataplane *dp, bool keep)
{
	stop_threads(dp);
	routing_close(dp->routing, keep);
	filter_close(dp->filter, keep);
	sockets_close(&dp->sockets);
	path_close(&dp->path);
	tun_close(&dp->tun);
	close_fd(dp->stop);
	close_fd(dp->ready);
	close_fd(dp->tick);
	sa_table_free(dp->sas);
	hold_free(dp->hold);
	spd_clear(&dp->spd);
	free(dp->state_path);
	(void)pthread_rwlock_destroy(&dp->lock);
	free(dp);
}

static void userspace_close(struct dataplane *dp)
{
	if (dp == NULL)
		return;
	if (!dp->keep)
		promises_forget(dp->state_path);
	close_parts(dp, dp->keep);
}

static enum err start_threads(struct dataplane *dp, struct problem *problem)
{
	if (pthread_create(&dp->outbound, NULL, outbound_run, dp) != 0)
		return problem_set(problem, ERR_SYSTEM, "cannot start a thread for packets");
	if (pthread_create(&dp->inbound, NULL, inbound_run, dp) != 0) {
		(void)eventfd_write(dp->stop, 1);
		(void)pthread_join(dp->outbound, NULL);
		return problem_set(problem, ERR_SYSTEM, "cannot start a thread for packets");
	}
	dp->running = true;
	return ERR_OK;
}

static enum err open_tables(
    struct dataplane *dp, const struct dataplane_settings *settings, struct problem *problem)
{
	dp->sas = sa_table_new();
	dp->hold = hold_new(settings->hold_packets, settings->hold_flows);
	dp->stop = eventfd(0, EFD_CLOEXEC);
	dp->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dp->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (dp->sas == NULL || dp->hold == NULL || dp->stop < 0 || dp->ready < 0 || dp->tick < 0)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for the data plane");
	return ERR_OK;
}

/* A new dataplane whose parts can all be closed. */
static struct dataplane *allocate(void)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	pthread_rwlockattr_t attributes;

	if (dp == NULL)
		return NULL;
	dp->tun.fd = dp->stop = dp->ready = dp->tick = -1;
	dp->path.fd[0] = dp->path.fd[1] = -1;
	sockets_init(&dp->sockets);
	/* Two busy readers would else keep the engine's thread out for ever. */
	(void)pthread_rwlockattr_init(&attributes);
	(void)pthread_rwlockattr_setkind_np(
	    &attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&dp->lock, &attributes);
	(void)pthread_rwlockattr_destroy(&attributes);
	return dp;
}

static enum err userspace_open(const struct dataplane_settings *settings,
    const struct dataplane_listener *listener, struct log *log, struct dataplane **out,
    struct problem *problem)
{
	struct dataplane *dp = allocate();
	enum err code;

	*out = NULL;
	if (dp == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for the data plane");
	dp->listener = *listener;
	dp->log = log;
	dp->udp_port = settings->encapsulation_port;
	dp->keep = settings->keep;
	dp->state_path = settings->state_path != NULL ? strdup(settings->state_path) : NULL;
	code = open_tables(dp, settings, problem);
	/* The device first: while another daemon has it, nothing of that one's may be touched. */
	if (code == ERR_OK)
		code = tun_open(&dp->tun, settings->device, MTU_FIRST, problem);
	if (code == ERR_OK)
		code = sockets_open(&dp->sockets, settings->mark,
		    dp->udp_port != 0 ? settings->encapsulation_sockets : NULL, problem);
	if (code == ERR_OK)
		code = path_open(&dp->path, settings->mark, problem);
	if (code == ERR_OK)
		code = filter_open(dp->tun.name, settings->mark, dp->udp_port, log, &dp->filter,
		    &dp->starting, problem);
	if (code == ERR_OK)
		code = routing_open(
		    &dp->tun, settings->mark, dp->udp_port != 0, &dp->routing, problem);
	if (code == ERR_OK && routing_found_stale(dp->routing))
		dp->starting = true;
	if (code == ERR_OK && !dp->starting)
		code = filter_begin(dp->filter, &dp->spd, problem);
	if (code == ERR_OK)
		code = start_threads(dp, problem);
	if (code != ERR_OK) {
		/* What an earlier run left stands as before. */
		close_parts(dp, dp->starting);
		return code;
	}
	*out = dp;
	return ERR_OK;
}

const struct dataplane_ops dataplane_userspace = {.name = "userspace",
    .reads_encapsulation = true,
    .open = userspace_open,
    .submit = userspace_submit,
    .close = userspace_close};
