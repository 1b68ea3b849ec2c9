/* kinkd: everything is opened in order, the loop runs, everything is closed in reverse. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "daemon/daemon.h"
#include "daemon/keyring.h"
#include "daemon/options.h"
#include "daemon/output.h"
#include "daemon/reload.h"
#include "policy/config.h"

/* DELETEs to peers get this long at the end. */
#define SHUTDOWN_MS 3000

static void report(void *context, const struct problem *problem)
{
	(void)context;
	(void)fprintf(stderr, "kinkd: %s\n", problem->text);
}

static void down(void *context, const struct problem *problem)
{
	struct daemon *daemon = context;

	if (problem->code != ERR_OK)
		log_event(&daemon->log, LOG_LEVEL_WARNING, LOG_AREA_DAEMON, LOG_NO_FIELDS, "%s",
		    problem->text);
	uv_stop(&daemon->loop);
}

static void stop(struct daemon *daemon)
{
	if (daemon->stopping)
		_exit(DAEMON_FAILURE);
	daemon->stopping = true;
	output_notify("STOPPING=1");
	if (daemon->policy->daemon.keep && daemon->dataplane_ops->outlives) {
		log_event(&daemon->log, LOG_LEVEL_NOTICE, LOG_AREA_DAEMON, LOG_NO_FIELDS,
		    "ending: %zu pairs of SAs are kept, for the next start to replace",
		    kx_sa_count(daemon->kx));
		uv_stop(&daemon->loop);
		return;
	}
	log_event(&daemon->log, LOG_LEVEL_NOTICE, LOG_AREA_DAEMON, LOG_NO_FIELDS,
	    "ending: peers are told to delete %zu pairs of SAs", kx_sa_count(daemon->kx));
	kx_shutdown(daemon->kx, SHUTDOWN_MS, down, daemon);
	host_settle(daemon);
}

static void signalled(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;

	if (number == SIGHUP)
		reload(daemon);
	else
		stop(daemon);
}

static void open_signals(struct daemon *daemon)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		(void)uv_signal_init(&daemon->loop, &daemon->signals[i]);
		daemon->signals[i].data = daemon;
		(void)uv_signal_start(&daemon->signals[i], signalled, numbers[i]);
	}
}

static void close_signals(struct daemon *daemon)
{
	for (size_t i = 0; i < sizeof(daemon->signals) / sizeof(daemon->signals[0]); i++) {
		if (daemon->signals[i].data != NULL)
			uv_close((uv_handle_t *)&daemon->signals[i], NULL);
	}
}

static void log_warning(void *context, const char *text)
{
	struct daemon *daemon = context;

	log_event(&daemon->log, LOG_LEVEL_WARNING, LOG_AREA_POLICY, LOG_NO_FIELDS, "%s", text);
}

static int run(struct daemon *daemon)
{
	struct problem problem = {.code = ERR_OK};

	if (daemon_open(daemon, &problem) == ERR_OK) {
		open_signals(daemon);
		log_event(&daemon->log, LOG_LEVEL_NOTICE, LOG_AREA_DAEMON,
		    LOG_FIELDS({"dataplane", daemon->dataplane_ops->name}),
		    PACKAGE_STRING " is ready; data plane: %s (%s)", daemon->dataplane_ops->name,
		    daemon->dataplane_why);
		output_notify("READY=1");
		(void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
	} else {
		log_event(&daemon->log, LOG_LEVEL_ERROR, LOG_AREA_DAEMON, LOG_NO_FIELDS, "%s",
		    problem.text[0] != '\0' ? problem.text : "out of memory");
		daemon->exit_status = DAEMON_FAILURE;
	}
	close_signals(daemon);
	daemon_close(daemon);
	return daemon->exit_status;
}

int main(int count, char **arguments)
{
	static struct daemon daemon;
	struct options options;
	struct problem problem = {.code = ERR_OK};
	int status;

	if (!options_parse(count, arguments, &options, &status))
		return status;
	daemon.config_path = options.config_path;
	if (config_check(options.config_path, report, NULL, &daemon.policy, &problem) != ERR_OK)
		return DAEMON_CONFIG;
	if (options.test) {
		status = keyring_check(daemon.policy, (int64_t)time(NULL), report, NULL) == ERR_OK
		             ? DAEMON_OK
		             : DAEMON_CONFIG;
		config_describe(daemon.policy, stdout);
		policy_release(daemon.policy);
		return status;
	}
	daemon.debug = options.debug;
	log_init(&daemon.log, output_sink(), NULL, LOG_LEVEL_DEBUG);
	reload_log_levels(&daemon, daemon.policy);
	daemon.described = reload_describe(daemon.policy);
	config_warn(daemon.policy, log_warning, &daemon);
	privileges_harden();
	status = run(&daemon);
	free(daemon.described);
	return status;
}
