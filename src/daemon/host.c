/* The engine's host: clocks, sockets, workers and the data plane behind struct host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/source-address.h"
#include "base/timers.h"
#include "crypto/random.h"
#include "daemon/agreements.h"
#include "daemon/daemon.h"
#include "daemon/debug-keys.h"
#include "daemon/keyring.h"
#include "daemon/resolver.h"
#include "daemon/udp.h"
#include "daemon/workers.h"

uint64_t host_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static uint64_t now_ms(void *self)
{
	(void)self;
	return host_now_ms();
}

static int64_t wall_time(void *self)
{
	(void)self;
	return (int64_t)time(NULL);
}

static void random_bytes(void *self, void *out, size_t len)
{
	(void)self;
	random_octets(out, len);
}

static void send_datagram(void *self, const struct host_datagram *datagram)
{
	struct daemon *daemon = self;

	udp_send(daemon->udp, datagram);
}

static void wake(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	kx_run_timers(daemon->kx);
	host_settle(daemon);
}

static void wake_at(void *self, uint64_t due_ms)
{
	struct daemon *daemon = self;
	uint64_t now = host_now_ms();

	if (due_ms == TIMERS_NEVER) {
		(void)uv_timer_stop(&daemon->wake);
		return;
	}
	/* The loop's idea of now may lag behind the clock that due_ms was read from. */
	uv_update_time(&daemon->loop);
	(void)uv_timer_start(&daemon->wake, wake, due_ms > now ? due_ms - now : 0, 0);
}

static enum err ask_kerberos(void *self, const struct kerberos_request *request)
{
	struct daemon *daemon = self;

	return workers_submit(daemon->workers, request);
}

static void release_session(void *self, uint64_t session, uint32_t affinity)
{
	struct daemon *daemon = self;

	workers_release(daemon->workers, session, affinity);
}

static void agreed(void *self, const struct agreement_completion *completion)
{
	struct daemon *daemon = self;

	kx_agreement_done(daemon->kx, completion);
}

static enum err agree(void *self, const struct agreement_request *request)
{
	struct daemon *daemon = self;

	return agreements_submit(daemon->jobs, request, agreed, daemon);
}

static void credentials_answered(void *self, const struct credentials_completion *completion)
{
	struct daemon *daemon = self;

	kx_credentials_done(daemon->kx, completion);
}

static enum err ask_credentials(void *self, const struct credentials_request *request)
{
	struct daemon *daemon = self;

	return keyring_submit(daemon->keyring, daemon->jobs, request, credentials_answered, daemon);
}

static void ask_dataplane(void *self, const struct dataplane_request *request)
{
	struct daemon *daemon = self;

	if (daemon->debug_keys != NULL && request->operation == DATAPLANE_ADD_SA)
		debug_keys_sa(daemon->debug_keys, &request->sa);
	daemon->dataplane_ops->submit(daemon->dataplane, request);
}

static enum err resolve(void *self, const struct address *address, uint64_t token)
{
	struct daemon *daemon = self;

	return resolver_ask(daemon->resolver, address, token);
}

/* One socket for each family is kept. */
static enum err source_address(void *self, const struct address *remote, struct address *out)
{
	struct daemon *daemon = self;
	int *descriptor = &daemon->route_sockets[remote->family == 6 ? 1 : 0];

	if (*descriptor < 0)
		*descriptor =
		    socket(remote->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return *descriptor >= 0 ? source_address_ask(*descriptor, remote, out) : ERR_NOT_FOUND;
}

static void failed(void *self, const struct problem *problem)
{
	host_fail(self, problem);
}

static bool own_principal(void *self, char out[KERBEROS_NAME_MAX])
{
	struct daemon *daemon = self;
	struct kerberos_status status;

	kerberos_realm_status(daemon->realm, &status);
	memcpy(out, status.principal, sizeof(status.principal));
	return out[0] != '\0';
}

void host_fill(struct daemon *daemon, struct host *out)
{
	*out = (struct host){.self = daemon,
	    .log = &daemon->log,
	    .now_ms = now_ms,
	    .time = wall_time,
	    .random = random_bytes,
	    .send = send_datagram,
	    .wake_at = wake_at,
	    .kerberos = ask_kerberos,
	    .principal = own_principal,
	    .kerberos_release = release_session,
	    .agree = agree,
	    .credentials = ask_credentials,
	    .dataplane = ask_dataplane,
	    .resolve = resolve,
	    .failed = failed,
	    .source_address = source_address};
}

void host_open(struct daemon *daemon)
{
	(void)uv_timer_init(&daemon->loop, &daemon->wake);
	daemon->wake.data = daemon;
	daemon->route_sockets[0] = daemon->route_sockets[1] = -1;
}

void host_close(struct daemon *daemon)
{
	for (int i = 0; i < 2; i++) {
		if (daemon->route_sockets[i] >= 0)
			(void)close(daemon->route_sockets[i]);
	}
	uv_close((uv_handle_t *)&daemon->wake, NULL);
}

void host_fail(struct daemon *daemon, const struct problem *problem)
{
	log_event(&daemon->log, LOG_LEVEL_ERROR, LOG_AREA_DAEMON, LOG_NO_FIELDS,
	    "kinkd cannot go on: %s", problem->text);
	daemon->exit_status = EXIT_FAILURE;
	uv_stop(&daemon->loop);
}

void host_settle(struct daemon *daemon)
{
	events_drain(daemon);
	workers_flush(daemon->workers);
	udp_flush(daemon->udp);
}
