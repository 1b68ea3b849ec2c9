/*
 * A Kerberos that repeats: tickets, authenticators and AP-REPs as opaque octets under keys that
 * derive from the seed, with the sizes, the checks, the order of the checks and the errors of
 * src/kerberos, to which test-sim-libkrb5 holds it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keymat.h"
#include "kerberos/layout.h"
#include "realm.h"
#include "standin-octets.h"

#define CHECKSUM_SIZE      12
#define CONFOUNDER_SIZE    16
#define SEAL_OVERHEAD      (CONFOUNDER_SIZE + CHECKSUM_SIZE)
#define PRF_SIZE           16
#define AP_REQ_SIZE        652
#define AP_REP_SIZE        100
#define ERROR_SIZE         84
#define AUTHENTICATORS_MAX 16
#define TICKETS_MAX        16
#define SCRATCH_SIZE       16384
#define US                 1000000

/* RFC 4120 7.5.9 */
#define AP_ERR_BAD_INTEGRITY 31
#define AP_ERR_TKT_EXPIRED   32
#define AP_ERR_REPEAT        34
#define AP_ERR_NOT_US        35
#define AP_ERR_SKEW          37

struct session {
	uint64_t handle;
	uint8_t key[KEY_SIZE];
	bool initiator;
	struct ticket ticket;
	struct authenticator {
		int64_t time_us;
		int64_t clock_us; /* the difference that is in it */
	} authenticators[AUTHENTICATORS_MAX];
	size_t authenticator_count;
	struct session *next;
};

struct seen {
	uint64_t client;
	int64_t time_us;
};

struct standin {
	struct sim_realm_settings settings;
	int64_t start_us;
	int64_t latest_us;
	int64_t last_us;
	uint64_t last_session;
	struct session *sessions;
	struct server {
		struct ticket ticket;
		bool known;       /* there is a ticket */
		int64_t clock_us; /* its clock minus ours */
	} servers[TICKETS_MAX];
	size_t server_count;
	struct seen *seen;
	size_t seen_count;
	size_t seen_capacity;
	uint8_t scratch[SCRATCH_SIZE];
	size_t scratch_used;
};

static uint8_t *scratch(struct standin *self, size_t len)
{
	uint8_t *start = &self->scratch[self->scratch_used];

	if (len > SCRATCH_SIZE - self->scratch_used)
		abort();
	self->scratch_used += len;
	return start;
}

static struct session *session_add(struct standin *self, const struct ticket *ticket)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		abort();
	session->handle = ++self->last_session;
	session->ticket = *ticket;
	session_key(self->settings.secret, ticket, session->key);
	session->next = self->sessions;
	self->sessions = session;
	return session;
}

static struct session *session_find(struct standin *self, uint64_t handle)
{
	struct session *session = self->sessions;

	while (session != NULL && session->handle != handle)
		session = session->next;
	return session;
}

static void set_lengths(struct kerberos_completion *completion)
{
	completion->lengths =
	    (struct kerberos_lengths){.seal_overhead = SEAL_OVERHEAD, .checksum = CHECKSUM_SIZE};
}

static int64_t fresh_time(struct standin *self)
{
	int64_t now = self->settings.time_us(self->settings.context);

	if (now == self->last_us)
		now++;
	self->last_us = now;
	return now;
}

static struct server *server_of(struct standin *self, const char *name)
{
	for (size_t i = 0; i < self->server_count; i++) {
		if (strcmp(self->servers[i].ticket.server, name) == 0)
			return &self->servers[i];
	}
	return NULL;
}

static void add_authenticator(
    struct standin *self, struct session *session, struct kerberos_completion *completion)
{
	struct writer ap = writer_of(scratch(self, AP_REQ_SIZE), AP_REQ_SIZE);
	int64_t clock_us = server_of(self, session->ticket.server)->clock_us;
	int64_t time_us = fresh_time(self) + clock_us;

	if (session->authenticator_count == AUTHENTICATORS_MAX) {
		memmove(&session->authenticators[0], &session->authenticators[1],
		    (AUTHENTICATORS_MAX - 1) * sizeof(session->authenticators[0]));
		session->authenticator_count--;
	}
	session->authenticators[session->authenticator_count++] =
	    (struct authenticator){.time_us = time_us, .clock_us = clock_us};
	put_ticket(&ap, self->settings.secret, &session->ticket);
	put_proof(&ap, TAG_AP_REQ, session->key, time_us, AP_REQ_SIZE - TICKET_SIZE);
	completion->ap = writer_bytes(&ap);
	completion->ticket_end = session->ticket.end;
	set_lengths(completion);
}

static struct ticket *cached(struct standin *self, const struct kerberos_request *request)
{
	int64_t now = self->settings.time_us(self->settings.context) / US;

	struct server *server = server_of(self, request->server);

	return server != NULL && server->known && server->ticket.end >= now + request->min_lifetime
	           ? &server->ticket
	           : NULL;
}

static bool standin_is_slow(void *self, const struct kerberos_request *request)
{
	return request->operation == KERBEROS_REQUEST && cached(self, request) == NULL;
}

/* What the KDC gives takes the place of an older ticket for the same server. */
static struct ticket *fetch(
    struct standin *self, const struct kerberos_request *request, struct problem *problem)
{
	const struct sim_realm_settings *settings = &self->settings;
	struct server *place = server_of(self, request->server);
	struct ticket *ticket;

	if (settings->kdc_away(settings->context)) {
		(void)problem_set(problem, ERR_UNAVAILABLE, "no KDC answers");
		return NULL;
	}
	if (!settings->exists(settings->context, request->server)) {
		(void)problem_set(problem, ERR_NOT_FOUND, "the KDC knows no %s", request->server);
		return NULL;
	}
	if (place == NULL && self->server_count < TICKETS_MAX)
		place = &self->servers[self->server_count++];
	if (place == NULL)
		abort();
	place->known = true;
	ticket = &place->ticket;
	memset(ticket, 0, sizeof(*ticket));
	(void)snprintf(ticket->client, sizeof(ticket->client), "%s", settings->starts_as);
	(void)snprintf(ticket->server, sizeof(ticket->server), "%s", request->server);
	ticket->end = settings->time_us(settings->context) / US + settings->ticket_life;
	ticket->serial = sim_random_u64(settings->random);
	return ticket;
}

static void protect(struct standin *self, struct session *session,
    const struct kerberos_request *request, struct bytes ap,
    struct kerberos_completion *completion);

static void request_ticket(struct standin *self, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct ticket *ticket = cached(self, request);
	struct session *session;

	if (ticket == NULL)
		ticket = fetch(self, request, &completion->problem);
	if (ticket == NULL)
		return;
	session = session_add(self, ticket);
	session->initiator = true;
	completion->session = session->handle;
	add_authenticator(self, session, completion);
	protect(self, session, request, completion->ap, completion);
}

static enum err open_message(struct standin *self, const uint8_t *key,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	uint8_t expected[CHECKSUM_SIZE];
	size_t len;
	uint8_t *plain;
	uint64_t stream[2] = {0};

	mac(key, request->checksum_usage, request->signed_part, expected, sizeof(expected));
	if (!bytes_equal(request->checksum, bytes_of(expected, sizeof(expected))))
		return ERR_AUTH;
	if (request->sealed.len == 0)
		return ERR_OK;
	if (request->sealed.len < SEAL_OVERHEAD)
		return ERR_AUTH;
	len = request->sealed.len - CHECKSUM_SIZE;
	mac(key, request->encryption_usage, bytes_of(request->sealed.data, len), expected,
	    sizeof(expected));
	if (memcmp(expected, &request->sealed.data[len], sizeof(expected)) != 0)
		return ERR_AUTH;
	len -= CONFOUNDER_SIZE;
	plain = scratch(self, len);
	for (size_t i = 0; i < len; i++) {
		if (i % sizeof(stream) == 0)
			sim_hash(key, KEY_SIZE, request->sealed.data, CONFOUNDER_SIZE, stream);
		plain[i] = request->sealed.data[CONFOUNDER_SIZE + i] ^
		           ((const uint8_t *)stream)[i % sizeof(stream)];
	}
	completion->plain = bytes_of(plain, len);
	return ERR_OK;
}

static void refuse(struct standin *self, struct kerberos_completion *completion, enum err code,
    int error, const char *text)
{
	struct writer out = writer_of(scratch(self, ERROR_SIZE), ERROR_SIZE);

	writer_u8(&out, TAG_ERROR);
	writer_u32(&out, (uint32_t)error);
	writer_u64(&out, (uint64_t)completion->authenticator_us);
	writer_u64(&out, (uint64_t)self->settings.time_us(self->settings.context));
	writer_zeros(&out, ERROR_SIZE - out.len);
	completion->reply_error = writer_bytes(&out);
	(void)problem_set(&completion->problem, code, "%s", text);
}

static enum err check_replay(struct standin *self, const char *client, int64_t time_us)
{
	int64_t now = self->settings.time_us(self->settings.context);
	int64_t window = (int64_t)SIM_CLOCK_SKEW * US + US;
	struct seen entry = {.time_us = time_us};
	uint64_t hash[2];
	size_t kept = 0;

	/* As src/kerberos/replay.c: a clock that was stepped back counts as a start. */
	if (now < self->latest_us - 60 * (int64_t)US) {
		self->start_us = now;
		self->latest_us = now;
	} else if (now > self->latest_us) {
		self->latest_us = now;
	}
	if (time_us < self->start_us)
		return now >= self->start_us ? ERR_EXPIRED : ERR_REPLAY;
	if (time_us < now - window || time_us > now + window)
		return ERR_SKEW;
	sim_hash("replay", 6, client, strlen(client), hash);
	entry.client = hash[0];
	for (size_t i = 0; i < self->seen_count; i++) {
		if (self->seen[i].client == entry.client && self->seen[i].time_us == time_us)
			return ERR_REPLAY;
		if (self->seen[i].time_us >= now - 2 * window)
			self->seen[kept++] = self->seen[i];
	}
	self->seen_count = kept;
	if (kept == self->seen_capacity) {
		self->seen_capacity = kept > 0 ? 2 * kept : 64;
		self->seen = realloc(self->seen, self->seen_capacity * sizeof(*self->seen));
		if (self->seen == NULL)
			abort();
	}
	self->seen[self->seen_count++] = entry;
	return ERR_OK;
}

/* The ticket of an AP-REQ, as far as our keytab can read it. */
static bool open_ticket(struct standin *self, struct bytes octets, struct ticket *ticket,
    struct kerberos_completion *completion)
{
	const struct sim_realm_settings *settings = &self->settings;
	uint8_t key[KEY_SIZE];
	uint8_t tag[MAC_SIZE];

	if (octets.len != AP_REQ_SIZE || octets.data[0] != TAG_TICKET) {
		(void)problem_set(&completion->problem, ERR_INVALID, "this is no AP-REQ");
		return false;
	}
	memcpy(ticket, &octets.data[1], sizeof(*ticket));
	ticket->client[NAME_SIZE - 1] = '\0';
	ticket->server[NAME_SIZE - 1] = '\0';
	if (strcmp(ticket->server, settings->answers_as) != 0 &&
	    strcmp(ticket->server, settings->starts_as) != 0) {
		refuse(self, completion, ERR_NOT_FOUND, AP_ERR_NOT_US, "it is not for us");
		return false;
	}
	principal_key(self->settings.secret, ticket->server, key);
	mac(key, 2, bytes_of(octets.data, TICKET_SIZE - MAC_SIZE), tag, sizeof(tag));
	if (memcmp(tag, &octets.data[TICKET_SIZE - MAC_SIZE], sizeof(tag)) != 0) {
		refuse(self, completion, ERR_AUTH, AP_ERR_BAD_INTEGRITY,
		    "its ticket is not by the KDC");
		return false;
	}
	return true;
}

static bool check_times(struct standin *self, const struct ticket *ticket, int64_t time_us,
    struct kerberos_completion *completion)
{
	int64_t now = self->settings.time_us(self->settings.context) / US;

	if (time_us / US < now - SIM_CLOCK_SKEW || time_us / US > now + SIM_CLOCK_SKEW) {
		refuse(self, completion, ERR_SKEW, AP_ERR_SKEW, "the clocks differ too much");
		return false;
	}
	if (ticket->end < now - SIM_CLOCK_SKEW ||
	    self->settings.ticket_over(self->settings.context)) {
		refuse(self, completion, ERR_EXPIRED, AP_ERR_TKT_EXPIRED, "the ticket has expired");
		return false;
	}
	switch (check_replay(self, ticket->client, time_us)) {
	case ERR_OK:
		return true;
	case ERR_EXPIRED:
		refuse(self, completion, ERR_REPLAY, AP_ERR_SKEW, "it is from before the start");
		return false;
	case ERR_SKEW:
		refuse(self, completion, ERR_SKEW, AP_ERR_SKEW, "it is not fresh");
		return false;
	default:
		refuse(self, completion, ERR_REPLAY, AP_ERR_REPEAT, "it was seen before");
		return false;
	}
}

static void accept(struct standin *self, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct ticket ticket;
	struct writer reply;
	uint8_t key[KEY_SIZE];
	int64_t time_us;
	struct session *session;

	if (request->checksum.len == 0) {
		(void)problem_set(&completion->problem, ERR_AUTH, "the message has no checksum");
		return;
	}
	if (!open_ticket(self, request->ap, &ticket, completion))
		return;
	session_key(self->settings.secret, &ticket, key);
	if (!get_proof(bytes_of(&request->ap.data[TICKET_SIZE], AP_REQ_SIZE - TICKET_SIZE),
		TAG_AP_REQ, key, &time_us)) {
		refuse(self, completion, ERR_AUTH, AP_ERR_BAD_INTEGRITY,
		    "its authenticator is not by the session key");
		return;
	}
	completion->client = memcpy(scratch(self, NAME_SIZE), ticket.client, sizeof(ticket.client));
	completion->server = memcpy(scratch(self, NAME_SIZE), ticket.server, sizeof(ticket.server));
	completion->authenticator_us = time_us;
	completion->ticket_end = ticket.end;
	if (open_message(self, key, request, completion) != ERR_OK) {
		completion->plain = (struct bytes){0};
		(void)problem_set(
		    &completion->problem, ERR_AUTH, "the message is not by its session key");
		return;
	}
	session = session_add(self, &ticket);
	completion->session = session->handle;
	set_lengths(completion);
	if (!check_times(self, &ticket, time_us, completion)) {
		completion->plain = (struct bytes){0};
		return;
	}
	reply = writer_of(scratch(self, AP_REP_SIZE), AP_REP_SIZE);
	put_proof(&reply, TAG_AP_REP, key, time_us, AP_REP_SIZE);
	completion->ap = writer_bytes(&reply);
}

static bool answers(const struct session *session, struct bytes ap_rep)
{
	int64_t time_us;

	if (!get_proof(ap_rep, TAG_AP_REP, session->key, &time_us))
		return false;
	for (size_t i = 0; i < session->authenticator_count; i++) {
		if (session->authenticators[i].time_us == time_us)
			return true;
	}
	return false;
}

static enum err prf(void *context, const struct bytes *parts, size_t count, uint8_t *out)
{
	const struct session *session = context;
	uint8_t buffer[1024];
	struct writer joined = writer_of(buffer, sizeof(buffer));

	for (size_t i = 0; i < count; i++)
		writer_put(&joined, parts[i]);
	if (!writer_ok(&joined))
		return ERR_TOO_LONG;
	mac(session->key, UINT32_MAX, writer_bytes(&joined), out, PRF_SIZE);
	return ERR_OK;
}

static void derive(struct standin *self, struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	for (size_t i = 0; i < request->derivation_count; i++) {
		const struct kerberos_derivation *derivation = &request->derivations[i];
		uint8_t *out = scratch(self, derivation->length);

		if (crypto_keymat_expand(prf, session, PRF_SIZE, derivation->seed, out,
			derivation->length) != ERR_OK)
			abort();
		completion->keymat[i] = bytes_of(out, derivation->length);
	}
	completion->keymat_count = request->derivation_count;
}

static void derive_from_plain(struct standin *self, struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct kerberos_request filled = *request;

	for (size_t i = 0; i < request->derivation_count; i++) {
		size_t len = request->derivations[i].seed.len;
		struct writer seed = writer_of(scratch(self, len), len);

		if (kerberos_seed(request, i, completion->plain, &seed) != ERR_OK)
			return;
		filled.derivations[i].seed = writer_bytes(&seed);
	}
	derive(self, session, &filled, completion);
}

static enum kerberos_remedy correct_clock(
    struct standin *self, const struct session *session, int64_t client_us, int64_t server_us)
{
	struct server *server = server_of(self, session->ticket.server);

	for (size_t i = 0; i < session->authenticator_count; i++) {
		if (session->authenticators[i].time_us != client_us)
			continue;
		if (session->authenticators[i].clock_us != server->clock_us)
			return KERBEROS_REMEDY_WAIT;
		server->clock_us += server_us - client_us;
		return KERBEROS_REMEDY_REPEAT;
	}
	return KERBEROS_REMEDY_NONE;
}

static enum kerberos_remedy remedy_for(
    struct standin *self, const struct session *session, int32_t code, struct reader *error)
{
	int64_t client_us = (int64_t)reader_u64(error);
	int64_t server_us = (int64_t)reader_u64(error);

	switch (code) {
	case AP_ERR_SKEW:
		return correct_clock(self, session, client_us, server_us);
	case AP_ERR_REPEAT:
		return KERBEROS_REMEDY_WAIT;
	case AP_ERR_BAD_INTEGRITY:
	case AP_ERR_TKT_EXPIRED:
	case AP_ERR_NOT_US:
		server_of(self, session->ticket.server)->known = false;
		return KERBEROS_REMEDY_TICKET;
	default:
		return KERBEROS_REMEDY_NONE;
	}
}

static void verify(struct standin *self, struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	bool bare_error = request->krb_error.len > 0 && request->checksum.len == 0;
	struct reader error = reader_of(request->krb_error);

	if ((!bare_error && open_message(self, session->key, request, completion) != ERR_OK) ||
	    (request->ap.len > 0 && !answers(session, request->ap))) {
		completion->plain = (struct bytes){0};
		(void)problem_set(&completion->problem, ERR_AUTH, "the reply is not the peer's");
		return;
	}
	if (request->krb_error.len == 0) {
		derive_from_plain(self, session, request, completion);
		return;
	}
	if (request->krb_error.len != ERROR_SIZE || reader_u8(&error) != TAG_ERROR) {
		(void)problem_set(&completion->problem, ERR_INVALID, "this is no KRB-ERROR");
		return;
	}
	completion->remote_error = (int32_t)reader_u32(&error);
	(void)problem_set(&completion->problem, ERR_REFUSED, "the peer reports Kerberos error %d",
	    completion->remote_error);
	if (session->initiator && (request->proven || request->checksum.len > 0))
		completion->remedy = remedy_for(self, session, completion->remote_error, &error);
}

static void seal(struct standin *self, const struct session *session,
    const struct kerberos_request *request, struct bytes ap, struct kerberos_completion *completion)
{
	size_t sealed = request->plain.len > 0 ? request->plain.len + SEAL_OVERHEAD : 0;
	size_t total = kerberos_message_length(request, ap, sealed);
	uint8_t *message = scratch(self, total);
	struct writer out = writer_of(message, total);
	uint8_t *checksum = scratch(self, CHECKSUM_SIZE);
	uint8_t *inside;
	size_t sealed_at;
	uint64_t stream[2];

	if (kerberos_lay_out(request, ap, sealed, &out, &sealed_at) != ERR_OK)
		abort();
	inside = &message[sealed_at];
	if (sealed > 0) {
		sim_random_fill(self->settings.random, inside, CONFOUNDER_SIZE);
		sim_hash(session->key, KEY_SIZE, inside, CONFOUNDER_SIZE, stream);
		for (size_t i = 0; i < request->plain.len; i++)
			inside[CONFOUNDER_SIZE + i] =
			    request->plain.data[i] ^ ((uint8_t *)stream)[i % sizeof(stream)];
		mac(session->key, request->encryption_usage,
		    bytes_of(inside, sealed - CHECKSUM_SIZE), &inside[sealed - CHECKSUM_SIZE],
		    CHECKSUM_SIZE);
	}
	mac(session->key, request->checksum_usage, bytes_of(message, total), checksum,
	    CHECKSUM_SIZE);
	completion->message = bytes_of(message, total);
	completion->checksum = bytes_of(checksum, CHECKSUM_SIZE);
}

static void protect(struct standin *self, struct session *session,
    const struct kerberos_request *request, struct bytes ap, struct kerberos_completion *completion)
{
	derive(self, session, request, completion);
	if (request->head.len > 0)
		seal(self, session, request, ap, completion);
}

static void standin_run(
    void *context, const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct standin *self = context;
	struct session *session = session_find(self, request->session);

	memset(self->scratch, 0xa5, self->scratch_used);
	self->scratch_used = 0;
	*completion = (struct kerberos_completion){.operation = request->operation,
	    .token = request->token,
	    .affinity = request->affinity};
	if (request->operation == KERBEROS_REQUEST) {
		request_ticket(self, request, completion);
	} else if (request->operation == KERBEROS_ACCEPT) {
		accept(self, request, completion);
	} else if (session == NULL ||
		   (request->operation == KERBEROS_REPEAT && !session->initiator)) {
		(void)problem_set(&completion->problem, ERR_INVALID, "there is no such session");
	} else if (request->operation == KERBEROS_REPEAT) {
		add_authenticator(self, session, completion);
		protect(self, session, request, completion->ap, completion);
	} else if (request->operation == KERBEROS_VERIFY) {
		verify(self, session, request, completion);
	} else {
		protect(self, session, request, (struct bytes){0}, completion);
	}
}

static void standin_release(void *context, uint64_t handle)
{
	struct standin *self = context;
	struct session **link = &self->sessions;

	while (*link != NULL && (*link)->handle != handle)
		link = &(*link)->next;
	if (*link != NULL) {
		struct session *session = *link;

		*link = session->next;
		free(session);
	}
}

static void *standin_open(const struct sim_realm_settings *settings)
{
	struct standin *self = calloc(1, sizeof(*self));

	if (self == NULL)
		abort();
	self->settings = *settings;
	self->start_us = settings->time_us(settings->context);
	self->latest_us = self->start_us;
	return self;
}

static void standin_close(void *context)
{
	struct standin *self = context;

	while (self->sessions != NULL)
		standin_release(self, self->sessions->handle);
	free(self->seen);
	free(self);
}

const struct sim_realm sim_standin = {
    .name = "stand-in",
    .open = standin_open,
    .close = standin_close,
    .is_slow = standin_is_slow,
    .run = standin_run,
    .release = standin_release,
};
