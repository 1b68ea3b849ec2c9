/* One simulated machine: what struct host asks for, over the world's clock, network and realm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/dh.h"
#include "sim.h"

static uint64_t now_ms(void *self)
{
	const struct sim_host *host = self;

	return host->sim->now_ms + host->clock_offset_ms;
}

static int64_t wall_time(void *self)
{
	const struct sim_host *host = self;

	return SIM_WALL_START + (int64_t)(host->sim->now_ms / 1000) + host->skew_seconds;
}

static void random_octets(void *self, void *out, size_t len)
{
	struct sim_host *host = self;

	sim_random_fill(&host->random, out, len);
}

static void send_datagram(void *self, const struct host_datagram *datagram)
{
	sim_network_send(self, datagram);
}

static void wake(struct sim *sim, struct sim_host *host, void *payload)
{
	const uint64_t *due_ms = payload;

	(void)sim;
	if (host->wake_ms != *due_ms)
		return;
	host->wake_ms = UINT64_MAX;
	kx_run_timers(host->kx);
}

static void wake_at(void *self, uint64_t due_ms)
{
	struct sim_host *host = self;
	uint64_t now = now_ms(self);
	uint64_t *payload;

	host->wake_ms = due_ms;
	if (due_ms == UINT64_MAX)
		return;
	payload = sim_alloc(sizeof(*payload));
	*payload = due_ms;
	sim_schedule(host->sim, due_ms > now ? due_ms - now : 0, wake, host, payload);
}

static enum err kerberos(void *self, const struct kerberos_request *request)
{
	struct sim_host *host = self;

	return sim_kerberos_submit(host->kerberos, request);
}

static bool own_principal(void *self, char out[KERBEROS_NAME_MAX])
{
	const struct sim_host *host = self;

	(void)snprintf(out, KERBEROS_NAME_MAX, "%s", host->starts_as);
	return true;
}

static void kerberos_release(void *self, uint64_t session, uint32_t affinity)
{
	struct sim_host *host = self;

	sim_kerberos_release(host->kerberos, session, affinity);
}

static enum err credentials(void *self, const struct credentials_request *request)
{
	return sim_credentials_submit(self, request);
}

static void dataplane(void *self, const struct dataplane_request *request)
{
	struct sim_host *host = self;

	sim_plane_submit(host->plane, request);
}

/* Not a key agreement, but like one: both ends come to the same from what the other said. */
struct agreement {
	uint64_t token;
	enum err error;
	size_t public_len;
	size_t secret_len;
	uint8_t private_value[32];
	uint8_t public_value[DH_PUBLIC_MAX];
	uint8_t secret[DH_SECRET_MAX];
	bool has_private, has_public, has_secret;
};

static void stretch(const char *what, struct bytes a, struct bytes b, uint8_t *out, size_t len)
{
	for (size_t done = 0; done < len; done += 16) {
		uint8_t input[2 * DH_PUBLIC_MAX + 1] = {(uint8_t)(done / 16)};
		uint64_t hash[2];

		memcpy(&input[1], a.data, a.len);
		memcpy(&input[1 + a.len], b.data, b.len);
		sim_hash(what, strlen(what), input, 1 + a.len + b.len, hash);
		memcpy(&out[done], hash, len - done < 16 ? len - done : 16);
	}
}

static void agree_secret(struct agreement *agreement, struct bytes ours, struct bytes theirs)
{
	bool first = theirs.len == ours.len && memcmp(ours.data, theirs.data, ours.len) < 0;

	agreement->has_secret = true;
	if (theirs.len != ours.len)
		agreement->error = ERR_INVALID;
	else
		stretch("secret", first ? ours : theirs, first ? theirs : ours, agreement->secret,
		    agreement->secret_len);
}

static void agreed(struct sim *sim, struct sim_host *host, void *payload)
{
	const struct agreement *agreement = payload;
	struct agreement_completion completion = {
	    .token = agreement->token, .error = agreement->error};

	(void)sim;
	if (agreement->error == ERR_OK && agreement->has_private)
		completion.private_value =
		    bytes_of(agreement->private_value, sizeof(agreement->private_value));
	if (agreement->error == ERR_OK && agreement->has_public)
		completion.public_value = bytes_of(agreement->public_value, agreement->public_len);
	if (agreement->error == ERR_OK && agreement->has_secret)
		completion.secret = bytes_of(agreement->secret, agreement->secret_len);
	kx_agreement_done(host->kx, &completion);
}

static enum err agree(void *self, const struct agreement_request *request)
{
	struct sim_host *host = self;
	struct sim *sim = host->sim;
	struct agreement *agreement;
	struct bytes ours = request->public_value;

	if (sim->faults && sim_chance(&sim->trouble, sim->profile.kerberos_limit))
		return ERR_LIMIT;
	agreement = sim_alloc(sizeof(*agreement));
	agreement->token = request->token;
	agreement->public_len = dh_public_length(request->group);
	agreement->secret_len = dh_secret_length(request->group);
	if (request->operation != AGREEMENT_FINISH) {
		sim_random_fill(
		    &host->random, agreement->private_value, sizeof(agreement->private_value));
		stretch("public",
		    bytes_of(agreement->private_value, sizeof(agreement->private_value)),
		    bytes_of("", 0), agreement->public_value, agreement->public_len);
		ours = bytes_of(agreement->public_value, agreement->public_len);
		agreement->has_public = true;
		agreement->has_private = request->operation == AGREEMENT_BEGIN;
	}
	if (request->operation != AGREEMENT_BEGIN)
		agree_secret(agreement, ours, request->peer_value);
	sim_schedule(sim, sim_random_below(&sim->trouble, 10), agreed, host, agreement);
	return ERR_OK;
}

struct lookup {
	struct address address;
	uint64_t token;
	bool answered;
};

static void resolved(struct sim *sim, struct sim_host *host, void *payload)
{
	const struct lookup *lookup = payload;
	struct host_name_completion completion = {.token = lookup->token};
	const struct sim_host *named = sim_host_at(sim, &lookup->address);
	char *name = NULL;

	if (!lookup->answered || named == NULL) {
		(void)problem_set(&completion.problem, ERR_NOT_FOUND, "it has no name");
	} else {
		/* On the heap and gone at once, so that nobody keeps the pointer. */
		name = strdup(named->name);
		completion.name = name;
	}
	kx_name_done(host->kx, &completion);
	free(name);
}

static enum err resolve(void *self, const struct address *address, uint64_t token)
{
	struct sim_host *host = self;
	struct sim *sim = host->sim;
	struct lookup *lookup = sim_alloc(sizeof(*lookup));

	lookup->address = *address;
	lookup->token = token;
	lookup->answered =
	    !(sim->faults && sim_chance(&sim->trouble, sim->profile.resolver_failure));
	sim_schedule(sim, sim_random_below(&sim->trouble, 50), resolved, host, lookup);
	return ERR_OK;
}

static void engine_failed(void *self, const struct problem *problem)
{
	struct sim_host *host = self;

	sim_fail(host->sim, "host %c cannot go on: %s", 'a' + (int)host->index, problem->text);
}

static enum err source_address(void *self, const struct address *remote, struct address *out)
{
	const struct sim_host *host = self;

	if (remote->family != host->speaks_as.family)
		return ERR_NOT_FOUND;
	*out = host->speaks_as;
	return ERR_OK;
}

static void log_sink_note(void *self, enum log_level level, enum log_area area, const char *message,
    const struct log_field *fields, size_t field_count)
{
	struct sim_host *host = self;
	struct sim *sim = host->sim;
	char text[SIM_TEXT_SIZE] = "";
	size_t used = 0;

	(void)snprintf(host->logged, sizeof(host->logged), "%s", message);
	if (strstr(message, "has not confirmed the deletion") != NULL) {
		sim->excused = true;
		sim->counts[SIM_UNCONFIRMED]++;
	}
	/* Whoever sends the same command again is not to be taken for somebody else. */
	if (strstr(message, "its SPI is in use") != NULL && !sim_may_come_late(sim))
		sim_fail(
		    sim, "host %c takes a repeated CREATE for a new one", 'a' + (int)host->index);
	for (size_t i = 0; sim->verbose && i < field_count && used < sizeof(text); i++)
		used += (size_t)snprintf(
		    &text[used], sizeof(text) - used, " %s=%s", fields[i].name, fields[i].value);
	sim_note(
	    sim, host, "%s %s: %s%s", log_level_name(level), log_area_name(area), message, text);
}

void sim_host_init(struct sim *sim, unsigned index)
{
	struct sim_host *host = &sim->hosts[index];

	host->sim = sim;
	host->index = index;
	host->key_version = 1;
	host->oldest_key = 1;
	sim_random_init(&host->random, sim->seed, 100 + index);
	host->clock_offset_ms = sim_random_below(&host->random, 1000000);
	host->seam = (struct host){.self = host,
	    .log = &host->log,
	    .now_ms = now_ms,
	    .time = wall_time,
	    .random = random_octets,
	    .send = send_datagram,
	    .wake_at = wake_at,
	    .kerberos = kerberos,
	    .principal = own_principal,
	    .kerberos_release = kerberos_release,
	    .agree = agree,
	    .credentials = credentials,
	    .dataplane = dataplane,
	    .resolve = resolve,
	    .failed = engine_failed,
	    .source_address = source_address};
	log_init(&host->log, log_sink_note, host, LOG_LEVEL_INFO);
}

static bool has_started_at(const struct sim_host *host, int64_t time)
{
	for (size_t i = 0; i < host->start_count && i < SIM_STARTS; i++) {
		if (host->starts[i] == time)
			return true;
	}
	return false;
}

void sim_host_start(struct sim_host *host)
{
	struct sim *sim = host->sim;

	host->wake_ms = UINT64_MAX;
	host->started_ms = sim->now_ms;
	host->stopping = false;
	host->kerberos = sim_kerberos_create(host);
	host->plane = sim_plane_create(host);
	/* Nobody can tell two starts apart that are dated alike (RFC 4430 4.2.1). */
	while (has_started_at(host, wall_time(host)))
		host->skew_seconds++;
	host->starts[host->start_count++ % SIM_STARTS] = wall_time(host);
	sim_note(sim, host, "starts");
	if (kx_create(&host->seam, host->policy, (uint32_t)wall_time(host), &host->kx) != ERR_OK)
		sim_fail(sim, "host %c: the engine does not start", 'a' + (int)host->index);
}

void sim_host_crash(struct sim_host *host)
{
	struct sim *sim = host->sim;

	if (host->kx == NULL)
		return;
	for (int i = 0; i < KX_COUNTER_COUNT; i++)
		sim->counts[SIM_ENGINE + i] += kx_counter_value(host->kx, (enum kx_counter)i);
	kx_destroy(host->kx);
	host->kx = NULL;
	host->life++;
	sim_kerberos_destroy(host->kerberos);
	sim_plane_destroy(host->plane);
	host->kerberos = NULL;
	host->plane = NULL;
}

struct sim_host *sim_host_at(struct sim *sim, const struct address *address)
{
	/* Also one that has left. */
	for (size_t i = 0; i < sim->profile.host_count; i++) {
		if (address_equal(&sim->hosts[i].address, address) ||
		    address_equal(&sim->hosts[i].other, address))
			return &sim->hosts[i];
	}
	return NULL;
}
