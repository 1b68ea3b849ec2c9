/*
 * The Kerberos seam of one host: requests are copied, carried out later in the order of their
 * affinity, and answered with octets that are gone when the handler returns. Keeps account of the
 * sessions given and of whom each key was agreed with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "realm.h"
#include "sim.h"

#define LANES        16
#define SESSIONS_MAX 4096

struct lane {
	uint64_t free_ms;
};

struct live_session {
	uint64_t session;
	uint32_t affinity;
	char peer[KERBEROS_NAME_MAX];
	bool keyed; /* KEYMAT came with its latest reply's verification */
};

struct known_key {
	uint8_t octets[SA_KEY_MAX];
	size_t len;
	char peer[KERBEROS_NAME_MAX];
};

struct sim_kerberos {
	struct sim_host *host;
	void *realm;
	struct lane lanes[LANES];
	struct live_session *sessions[SESSIONS_MAX];
	size_t session_count;
	size_t waiting;
	size_t accepting;
	struct known_key keys[SIM_KEYS];
	size_t key_count;
};

static int64_t time_us(void *context)
{
	const struct sim_host *host = context;

	return ((int64_t)SIM_WALL_START * 1000 + (int64_t)host->sim->now_ms +
		   host->skew_seconds * 1000) *
	       1000;
}

static bool kdc_away(void *context)
{
	const struct sim_host *host = context;

	return host->sim->kdc_away;
}

static bool ticket_over(void *context)
{
	const struct sim_host *host = context;
	struct sim *sim = host->sim;

	if (sim->ticket_is_over) {
		sim->ticket_is_over = false;
		return true;
	}
	return sim->faults && sim_chance(&sim->trouble, sim->profile.ticket_over);
}

static uint32_t key_version(void *context, const char *principal)
{
	const struct sim_host *host = context;
	const struct sim *sim = host->sim;

	for (size_t i = 0; i < sim->host_count; i++) {
		if (sim_is_outside(&sim->hosts[i]))
			continue;
		if (strcmp(sim->hosts[i].answers_as, principal) == 0 ||
		    strcmp(sim->hosts[i].starts_as, principal) == 0)
			return sim->hosts[i].key_version;
	}
	return 0;
}

static uint32_t oldest_key(void *context)
{
	const struct sim_host *host = context;

	return host->oldest_key;
}

struct sim_kerberos *sim_kerberos_create(struct sim_host *host)
{
	struct sim_kerberos *self = sim_alloc(sizeof(*self));
	struct sim_realm_settings settings = {.secret = host->sim->seed,
	    .starts_as = host->starts_as,
	    .answers_as = host->answers_as,
	    .keyless =
		host->sim->profile.user_to_user == SIM_USER_TO_USER_KEYLESS && host->index % 2 == 1,
	    .ticket_life = host->sim->profile.ticket_life,
	    .random = &host->random,
	    .context = host,
	    .time_us = time_us,
	    .kdc_away = kdc_away,
	    .ticket_over = ticket_over,
	    .key_version = key_version,
	    .oldest_key = oldest_key};

	self->host = host;
	self->realm = host->sim->realm->open(&settings);
	return self;
}

void sim_kerberos_destroy(struct sim_kerberos *self)
{
	if (self->session_count > 0)
		sim_fail(self->host->sim, "host %c: the engine left %zu Kerberos sessions behind",
		    'a' + (int)self->host->index, self->session_count);
	for (size_t i = 0; i < self->session_count; i++)
		free(self->sessions[i]);
	self->host->sim->realm->close(self->realm);
	free(self);
}

size_t sim_kerberos_sessions(const struct sim_kerberos *self)
{
	return self->session_count;
}

size_t sim_kerberos_waiting(const struct sim_kerberos *self)
{
	return self->waiting;
}

static struct live_session **find_session(struct sim_kerberos *self, uint64_t session)
{
	for (size_t i = 0; i < self->session_count; i++) {
		if (self->sessions[i]->session == session)
			return &self->sessions[i];
	}
	return NULL;
}

static void remember_session(
    struct sim_kerberos *self, const struct kerberos_completion *completion, const char *peer)
{
	struct live_session *live = sim_alloc(sizeof(*live));

	live->session = completion->session;
	live->affinity = completion->affinity;
	(void)snprintf(live->peer, sizeof(live->peer), "%s", peer);
	if (self->session_count == SESSIONS_MAX) {
		sim_fail(self->host->sim, "host %c holds %d Kerberos sessions",
		    'a' + (int)self->host->index, SESSIONS_MAX);
		free(live);
		return;
	}
	self->sessions[self->session_count++] = live;
}

const char *sim_kerberos_origin(const struct sim_kerberos *self, const uint8_t *key, size_t len)
{
	for (size_t i = 0; i < SIM_KEYS; i++) {
		if (self->keys[i].len == len && memcmp(self->keys[i].octets, key, len) == 0)
			return self->keys[i].peer;
	}
	return NULL;
}

/* A request and all that it points to. */
struct job {
	struct kerberos_request request;
	size_t used;
	uint8_t octets[];
};

static struct bytes keep(struct job *job, struct bytes octets)
{
	uint8_t *copy = &job->octets[job->used];

	if (octets.len == 0)
		return (struct bytes){0};
	memcpy(copy, octets.data, octets.len);
	job->used += octets.len;
	return bytes_of(copy, octets.len);
}

static struct bytes text_bytes(const char *text)
{
	return text != NULL ? bytes_of(text, strlen(text) + 1) : (struct bytes){0};
}

static struct job *keep_request(const struct kerberos_request *from)
{
	size_t size = text_bytes(from->server).len + text_bytes(from->client).len + from->ap.len +
	              from->tgt.len + from->krb_error.len + from->signed_part.len +
	              from->checksum.len + from->sealed.len + from->head.len + from->plain.len;
	struct kerberos_request *to;
	struct job *job;

	for (size_t i = 0; i < from->derivation_count; i++)
		size += from->derivations[i].seed.len;
	job = sim_alloc(sizeof(*job) + size);
	to = &job->request;
	*to = *from;
	to->server = (const char *)keep(job, text_bytes(from->server)).data;
	to->client = (const char *)keep(job, text_bytes(from->client)).data;
	to->tgt = keep(job, from->tgt);
	to->ap = keep(job, from->ap);
	to->krb_error = keep(job, from->krb_error);
	to->signed_part = keep(job, from->signed_part);
	to->checksum = keep(job, from->checksum);
	to->sealed = keep(job, from->sealed);
	to->head = keep(job, from->head);
	to->plain = keep(job, from->plain);
	for (size_t i = 0; i < from->derivation_count; i++)
		to->derivations[i].seed = keep(job, from->derivations[i].seed);
	return job;
}

#define PIECES_MAX (8 + KERBEROS_DERIVATIONS_MAX)

/* Each in memory of its own, so that reading past its end or too late is noticed. */
static struct bytes lend(void **pieces, size_t *count, struct bytes octets)
{
	uint8_t *copy;

	if (octets.len == 0)
		return (struct bytes){0};
	copy = sim_alloc(octets.len);
	memcpy(copy, octets.data, octets.len);
	pieces[(*count)++] = copy;
	return bytes_of(copy, octets.len);
}

static void answer(struct sim_host *host, const struct kerberos_completion *from)
{
	struct kerberos_completion to = *from;
	void *pieces[PIECES_MAX];
	size_t count = 0;

	to.ap = lend(pieces, &count, from->ap);
	to.plain = lend(pieces, &count, from->plain);
	to.message = lend(pieces, &count, from->message);
	to.checksum = lend(pieces, &count, from->checksum);
	to.reply_error = lend(pieces, &count, from->reply_error);
	to.tgt = lend(pieces, &count, from->tgt);
	to.client = (const char *)lend(pieces, &count, text_bytes(from->client)).data;
	to.server = (const char *)lend(pieces, &count, text_bytes(from->server)).data;
	for (size_t i = 0; i < from->keymat_count; i++)
		to.keymat[i] = lend(pieces, &count, from->keymat[i]);
	kx_kerberos_done(host->kx, &to);
	for (size_t i = 0; i < count; i++)
		free(pieces[i]);
}

/* What gives a session and names its peer. */
static bool asks_for_ticket(const struct kerberos_request *request)
{
	return request->operation == KERBEROS_REQUEST || request->operation == KERBEROS_GSS_REQUEST;
}

/* Whose sender has proved nothing yet. */
static bool is_acceptance(const struct kerberos_request *request)
{
	return request->operation == KERBEROS_ACCEPT || request->operation == KERBEROS_GSS_ACCEPT;
}

static void note_result(struct sim_kerberos *self, const struct kerberos_request *request,
    const struct kerberos_completion *completion)
{
	struct sim *sim = self->host->sim;
	struct live_session **live;

	sim->counts[SIM_USER_TO_USER] +=
	    request->tgt.len > 0 && completion->session != KERBEROS_SESSION_NONE;
	sim->counts[SIM_TGTS_GIVEN] +=
	    request->operation == KERBEROS_TGT && completion->tgt.len > 0;
	sim->counts[SIM_TGTS_REPLACED] +=
	    request->operation == KERBEROS_ACCEPT && completion->tgt.len > 0;
	sim->counts[SIM_CLOCKS_CORRECTED] += completion->remedy == KERBEROS_REMEDY_REPEAT;
	sim->counts[SIM_TICKETS_REJECTED] += completion->remedy == KERBEROS_REMEDY_TICKET;
	if (completion->problem.code != ERR_OK) {
		sim->counts[SIM_KERBEROS_REFUSED]++;
		sim_note(sim, self->host, "kerberos: %s", completion->problem.text);
		if (completion->session != KERBEROS_SESSION_NONE &&
		    completion->reply_error.len == 0)
			sim_fail(sim, "Kerberos gives a session with an error");
	}
	if (completion->session != KERBEROS_SESSION_NONE)
		remember_session(self, completion,
		    asks_for_ticket(request) ? request->server : completion->client);
	live =
	    find_session(self, asks_for_ticket(request) ? completion->session : request->session);
	for (size_t i = 0; live != NULL && i < completion->keymat_count; i++) {
		struct known_key *key = &self->keys[self->key_count++ % SIM_KEYS];

		key->len = completion->keymat[i].len;
		memcpy(key->octets, completion->keymat[i].data, key->len);
		memcpy(key->peer, (*live)->peer, sizeof(key->peer));
	}
}

static void perform(struct sim *sim, struct sim_host *host, void *payload)
{
	struct sim_kerberos *self = host->kerberos;
	const struct job *job = payload;
	struct live_session **live = find_session(self, job->request.session);
	struct kerberos_completion completion;

	sim->realm->run(self->realm, &job->request, &completion);
	self->waiting--;
	/* As if the peer's reply were laid out in another way than the engine expects. */
	if (completion.operation == KERBEROS_VERIFY && completion.keymat_count > 0 && sim->faults &&
	    sim_chance(&sim->trouble, 100))
		completion.keymat_count = 0;
	if (completion.operation == KERBEROS_VERIFY && live != NULL)
		(*live)->keyed = completion.keymat_count > 0;
	if (is_acceptance(&job->request))
		self->accepting--;
	note_result(self, &job->request, &completion);
	answer(host, &completion);
}

/* How long a request takes; those of one affinity stay in order unless they wait for the KDC. */
static uint64_t duration(struct sim_kerberos *self, uint32_t affinity, bool slow)
{
	struct sim *sim = self->host->sim;
	struct lane *lane = &self->lanes[affinity % LANES];
	uint64_t due =
	    sim->now_ms + sim_random_below(&sim->trouble, sim->profile.kerberos_delay_ms + 1);

	if (slow)
		return due + sim_random_below(&sim->trouble, 300) - sim->now_ms;
	if (due < lane->free_ms)
		due = lane->free_ms;
	lane->free_ms = due;
	return due - sim->now_ms;
}

static void check_request(struct sim_kerberos *self, const struct kerberos_request *request)
{
	struct sim *sim = self->host->sim;
	int name = 'a' + (int)self->host->index;
	struct live_session **live = find_session(self, request->session);

	if (request->token >> 63 != 0)
		sim_fail(sim, "host %c: a Kerberos token has its top bit set", name);
	if (asks_for_ticket(request) && request->server == NULL)
		sim_fail(sim, "host %c asks for a ticket for nobody", name);
	if (asks_for_ticket(request) || is_acceptance(request) ||
	    request->operation == KERBEROS_TGT)
		return;
	if (live == NULL)
		sim_fail(sim, "host %c uses a Kerberos session that it does not hold", name);
	else if ((*live)->affinity != request->affinity)
		sim_fail(sim, "host %c uses a Kerberos session with another affinity", name);
	if (request->operation == KERBEROS_PROTECT && request->head.len == 0 &&
	    request->derivation_count == 1 && live != NULL && (*live)->keyed)
		sim_fail(sim, "host %c derives a key that it was given", name);
	for (size_t i = 0; i < request->derivation_count; i++) {
		if (request->derivations[i].length == 0 ||
		    request->derivations[i].length > SA_KEY_MAX)
			sim_fail(sim, "host %c asks for a key of %u octets", name,
			    request->derivations[i].length);
	}
}

enum err sim_kerberos_submit(struct sim_kerberos *self, const struct kerberos_request *request)
{
	struct sim *sim = self->host->sim;
	bool slow;

	check_request(self, request);
	if (sim->faults && sim_chance(&sim->trouble, sim->profile.kerberos_limit)) {
		sim->counts[SIM_KERBEROS_LIMITED]++;
		sim_note(sim, self->host, "kerberos: too busy");
		return ERR_LIMIT;
	}
	slow = sim->realm->is_slow(self->realm, request);
	self->waiting++;
	if (is_acceptance(request) &&
	    ++self->accepting > kx_policy(self->host->kx)->daemon.max_pending)
		sim_fail(sim, "host %c verifies %zu unauthenticated messages at a time",
		    'a' + (int)self->host->index, self->accepting);
	sim_schedule(sim, duration(self, request->affinity, slow), perform, self->host,
	    keep_request(request));
	return ERR_OK;
}

static void release(struct sim *sim, struct sim_host *host, void *payload)
{
	const uint64_t *session = payload;

	sim->realm->release(host->kerberos->realm, *session);
}

void sim_kerberos_release(struct sim_kerberos *self, uint64_t session, uint32_t affinity)
{
	struct sim *sim = self->host->sim;
	struct live_session **live = find_session(self, session);
	uint64_t *payload;

	if (live == NULL || (*live)->affinity != affinity) {
		sim_fail(sim, "host %c releases a Kerberos session that it does not hold",
		    'a' + (int)self->host->index);
		return;
	}
	free(*live);
	*live = self->sessions[--self->session_count];
	/* Behind the work that was asked for before. */
	payload = sim_alloc(sizeof(*payload));
	*payload = session;
	sim_schedule(sim, duration(self, affinity, false), release, self->host, payload);
}
