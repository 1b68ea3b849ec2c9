/* The daemon's parts: opened in order, closed in reverse. */
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/debug-keys.h"
#include "daemon/jobs.h"
#include "daemon/keyring.h"
#include "daemon/resolver.h"
#include "daemon/udp.h"
#include "daemon/workers.h"

static void received(void *self, const struct host_datagram *datagram)
{
	struct daemon *daemon = self;

	kx_datagram(daemon->kx, datagram);
}

static void unreachable(void *self, const struct address *remote)
{
	struct daemon *daemon = self;

	kx_peer_doubted(daemon->kx, remote);
}

static void kerberos_completed(void *self, const struct kerberos_completion *completion)
{
	struct daemon *daemon = self;

	kx_kerberos_done(daemon->kx, completion);
}

static void settled(void *self)
{
	host_settle(self);
}

static void named(void *self, const struct host_name_completion *completion)
{
	struct daemon *daemon = self;

	kx_name_done(daemon->kx, completion);
	host_settle(daemon);
}

static enum err open_debug_keys(struct daemon *daemon, struct problem *problem)
{
	const char *path = daemon->policy->daemon.debug_keys;
	enum err error;

	if (path == NULL)
		return ERR_OK;
	error = debug_keys_open(path, &daemon->debug_keys, problem);
	if (error == ERR_OK)
		log_event(&daemon->log, LOG_LEVEL_WARNING, LOG_AREA_DAEMON, LOG_NO_FIELDS,
		    "KEYS ARE WRITTEN TO %s: whoever reads it reads all traffic. Remove "
		    "daemon.debug_keys and that file when you are done",
		    path);
	return error;
}

static enum err open_realm(struct daemon *daemon, struct problem *problem)
{
	struct kerberos_settings settings = {.keytab = daemon->policy->realm.keytab,
	    .ccache = daemon->policy->realm.ccache,
	    .principal = daemon->policy->realm.principal,
	    .clock_skew = daemon->policy->realm.clock_skew,
	    .disclose = daemon->debug_keys != NULL ? debug_keys_session : NULL,
	    .disclose_context = daemon->debug_keys};

	return kerberos_realm_create(&settings, &daemon->log, &daemon->realm, problem);
}

static enum err open_sockets(struct daemon *daemon, struct problem *problem)
{
	const struct policy *policy = daemon->policy;
	struct udp_settings settings = {
	    .ports = {[HOST_PORT_KINK] = policy->daemon.kink_port,
		[HOST_PORT_IKE] = policy_uses(policy, EXCHANGE_IKEV1) ? IKE_PORT : 0,
		[HOST_PORT_IKE_NAT] = policy_crosses_nat(policy) ? IPSEC_ENCAPSULATION_PORT : 0},
	    .mark = policy->daemon.mark};
	struct udp_listener listener = {
	    .self = daemon, .received = received, .unreachable = unreachable, .settled = settled};

	return udp_open(&daemon->loop, &settings, &listener, &daemon->log, &daemon->udp, problem);
}

static void warn(void *context, const struct problem *problem)
{
	struct daemon *daemon = context;

	log_event(
	    &daemon->log, LOG_LEVEL_WARNING, LOG_AREA_POLICY, LOG_NO_FIELDS, "%s", problem->text);
}

static enum err open_keyring(struct daemon *daemon, struct problem *problem)
{
	enum err error = keyring_open(daemon->policy, &daemon->keyring, problem);

	/* What can be loaded may still be of no use: the others are met all the same. */
	if (error == ERR_OK &&
	    keyring_check(daemon->policy, (int64_t)time(NULL), warn, daemon) != ERR_OK)
		log_event(&daemon->log, LOG_LEVEL_WARNING, LOG_AREA_POLICY, LOG_NO_FIELDS,
		    "certificates need renewing or mending: those peers will refuse us or be "
		    "refused");
	return error;
}

static enum err open_workers(struct daemon *daemon, struct problem *problem)
{
	struct workers_listener listener = {
	    .self = daemon, .completed = kerberos_completed, .settled = settled};

	return workers_open(&daemon->loop, daemon->realm, daemon->policy->daemon.workers,
	    policy_needs_kerberos(daemon->policy), &listener, &daemon->workers, problem);
}

static enum err open_jobs(struct daemon *daemon, struct problem *problem)
{
	struct jobs_listener listener = {.self = daemon, .settled = settled};

	return jobs_open(&daemon->loop, &listener, &daemon->jobs, problem);
}

/*
 * Peers tell this life from the one before by the second that it began in (RFC 4430 4.2.1), so two
 * must not have the same. Who ended without a word has left its socket, which it made in its epoch
 * or later.
 */
static uint32_t choose_epoch(const struct daemon *daemon)
{
	struct stat socket;

	if (stat(daemon->policy->daemon.control_socket, &socket) == 0) {
		while (time(NULL) == socket.st_ctim.tv_sec)
			(void)usleep(5000);
	}
	return (uint32_t)time(NULL);
}

static enum err open_engine(struct daemon *daemon, struct problem *problem)
{
	struct host host;

	host_fill(daemon, &host);
	if (kx_create(&host, daemon->policy, daemon->epoch, &daemon->kx) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	host_settle(daemon);
	return daemon->exit_status == 0
	           ? ERR_OK
	           : problem_set(problem, ERR_SYSTEM, "the policies are not in force");
}

/* In this order: nothing is promised to peers before traffic is under control. */
enum err daemon_open(struct daemon *daemon, struct problem *problem)
{
	enum err error;

	(void)uv_loop_init(&daemon->loop);
	daemon->started_ms = host_now_ms();
	host_open(daemon);
	daemon->epoch = choose_epoch(daemon);
	error = open_debug_keys(daemon, problem);
	if (error == ERR_OK)
		error = open_realm(daemon, problem);
	if (error == ERR_OK)
		error = open_keyring(daemon, problem);
	if (error == ERR_OK)
		error = bypass_add(daemon, problem);
	if (error == ERR_OK)
		error = events_open(daemon, &daemon->events);
	if (error == ERR_OK)
		error = resolver_open(&daemon->loop, named, daemon, &daemon->resolver);
	if (error == ERR_OK)
		error = control_open(daemon, problem);
	if (error == ERR_OK)
		error = open_sockets(daemon, problem);
	/* Threads begin here, and have what their maker has. */
	if (error == ERR_OK)
		error = privileges_drop(problem);
	if (error == ERR_OK)
		error = open_workers(daemon, problem);
	if (error == ERR_OK)
		error = open_jobs(daemon, problem);
	if (error == ERR_OK)
		error = dataplane_choose(daemon, problem);
	if (error == ERR_OK)
		error = open_engine(daemon, problem);
	return error;
}

void daemon_close(struct daemon *daemon)
{
	bool ended = true;

	control_close(daemon->control);
	kx_destroy(daemon->kx);
	daemon->kx = NULL;
	if (daemon->dataplane != NULL)
		daemon->dataplane_ops->close(daemon->dataplane);
	query_close(daemon);
	if (daemon->workers != NULL)
		ended = workers_close(daemon->workers);
	if (daemon->jobs != NULL)
		jobs_close(daemon->jobs);
	udp_close(daemon->udp);
	if (daemon->events != NULL)
		events_close(daemon->events);
	host_close(daemon);
	/* What does not come back from the KDC or the resolver is not waited for. */
	if (!ended || (daemon->resolver != NULL && resolver_busy(daemon->resolver) > 0))
		_exit(daemon->exit_status);
	resolver_close(daemon->resolver);
	(void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&daemon->loop);
	workers_free(daemon->workers);
	jobs_free(daemon->jobs);
	keyring_free(daemon->keyring);
	udp_free(daemon->udp);
	events_free(daemon->events);
	control_free(daemon->control);
	kerberos_realm_destroy(daemon->realm);
	debug_keys_close(daemon->debug_keys);
	policy_release(daemon->policy);
}
