/*
 * A Kerberos that repeats: tickets, authenticators and AP-REPs as opaque octets under keys that
 * derive from the seed, with the sizes, the checks, the order of the checks and the errors of
 * src/kerberos, to which test-sim-libkrb5 holds it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin-private.h"

struct session *session_add(struct standin *self, const struct ticket *ticket)
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

/* 0 for none; what is no ticket has a number that none has. */
static uint64_t serial_of(struct bytes tgt)
{
	struct ticket ticket;

	if (tgt.len != TICKET_SIZE)
		return tgt.len > 0 ? UINT64_MAX : 0;
	read_ticket(tgt, &ticket);
	return ticket.serial;
}

static struct ticket *cached(struct standin *self, const struct kerberos_request *request)
{
	int64_t now = self->settings.time_us(self->settings.context) / US;

	struct server *server = server_of(self, request->server);

	return server != NULL && server->known && server->ticket.tgt == serial_of(request->tgt) &&
	               server->ticket.end >= now + request->min_lifetime
	           ? &server->ticket
	           : NULL;
}

static bool standin_is_slow(void *self, const struct kerberos_request *request)
{
	if (request->operation == KERBEROS_TGT || standin_is_user_to_user(request))
		return standin_own_is_due(self);
	return (request->operation == KERBEROS_REQUEST ||
		   request->operation == KERBEROS_GSS_REQUEST) &&
	       cached(self, request) == NULL;
}

/* What the KDC finds of the other's ticket-granting ticket. */
static bool check_tgt(
    struct standin *self, const struct kerberos_request *request, struct problem *problem)
{
	const struct sim_realm_settings *settings = &self->settings;
	struct ticket tgt;

	if (request->tgt.len != TICKET_SIZE || request->tgt.data[0] != TAG_TICKET) {
		(void)problem_set(problem, ERR_INVALID, "this is no ticket");
		return false;
	}
	read_ticket(request->tgt, &tgt);
	if (!ticket_is_sealed(request->tgt, settings->secret, &tgt) ||
	    strcmp(tgt.server, KRBTGT) != 0 || strcmp(tgt.client, request->server) != 0) {
		(void)problem_set(problem, ERR_AUTH, "it is not a ticket of %s", request->server);
		return false;
	}
	if (tgt.end <= settings->time_us(settings->context) / US) {
		(void)problem_set(problem, ERR_EXPIRED, "the other's ticket has ended");
		return false;
	}
	return true;
}

/* What the KDC gives takes the place of an older ticket for the same server. */
static struct ticket *fetch(
    struct standin *self, const struct kerberos_request *request, struct problem *problem)
{
	const struct sim_realm_settings *settings = &self->settings;
	struct server *place = server_of(self, request->server);
	struct ticket *ticket;
	uint32_t key_version;

	if (settings->kdc_away(settings->context)) {
		(void)problem_set(problem, ERR_UNREACHABLE, "no KDC answers");
		return NULL;
	}
	key_version = settings->key_version(settings->context, request->server);
	if (key_version == 0) {
		(void)problem_set(problem, ERR_NOT_FOUND, "the KDC knows no %s", request->server);
		return NULL;
	}
	if (request->tgt.len > 0 && !check_tgt(self, request, problem))
		return NULL;
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
	ticket->tgt = serial_of(request->tgt);
	ticket->key_version = key_version;
	return ticket;
}

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
	session->unanswered = request->operation == KERBEROS_GSS_REQUEST;
	completion->session = session->handle;
	add_authenticator(self, session, completion);
	protect(self, session, request, completion->ap, completion);
	if (session->unanswered)
		standin_gss_frame(self, completion);
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

static enum kerberos_remedy correct_clock(
    struct standin *self, const struct session *session, int64_t client_us, int64_t server_us)
{
	struct server *server = server_of(self, session->ticket.server);

	for (size_t i = 0; i < session->authenticator_count; i++) {
		if (session->authenticators[i].time_us != client_us)
			continue;
		if (session->authenticators[i].clock_us != server->clock_us)
			return KERBEROS_REMEDY_WAIT;
		server->clock_us += (server_us - client_us) / US * US;
		return KERBEROS_REMEDY_REPEAT;
	}
	return KERBEROS_REMEDY_NONE;
}

static enum kerberos_remedy remedy_for(struct standin *self, const struct session *session,
    int32_t code, bool proven, struct reader *error)
{
	int64_t client_us = (int64_t)reader_u64(error);
	int64_t server_us = (int64_t)reader_u64(error);

	switch (code) {
	case AP_ERR_SKEW:
		return proven ? correct_clock(self, session, client_us, server_us)
		              : KERBEROS_REMEDY_NONE;
	case AP_ERR_USER_TO_USER:
		return KERBEROS_REMEDY_USER_TO_USER;
	case AP_ERR_REPEAT:
		return KERBEROS_REMEDY_WAIT;
	case AP_ERR_BAD_INTEGRITY:
	case AP_ERR_TKT_EXPIRED:
	case AP_ERR_NOT_US:
	case AP_ERR_BAD_KEY_VERSION:
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
	bool proven = request->proven || request->checksum.len > 0;
	enum kerberos_remedy remedy;
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
	if (!session->initiator)
		return;
	remedy = remedy_for(self, session, completion->remote_error, proven, &error);
	if (proven || remedy == KERBEROS_REMEDY_TICKET || remedy == KERBEROS_REMEDY_USER_TO_USER)
		completion->remedy = remedy;
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
	if (request->operation == KERBEROS_REQUEST || request->operation == KERBEROS_GSS_REQUEST) {
		request_ticket(self, request, completion);
	} else if (request->operation == KERBEROS_TGT) {
		standin_tgt(self, request, completion);
	} else if (request->operation == KERBEROS_ACCEPT) {
		standin_accept(self, request, completion);
	} else if (request->operation == KERBEROS_GSS_ACCEPT) {
		standin_gss_accept(self, request, completion);
	} else if (session == NULL ||
		   (request->operation == KERBEROS_REPEAT && !session->initiator)) {
		(void)problem_set(&completion->problem, ERR_INVALID, "there is no such session");
	} else if (request->operation == KERBEROS_REPEAT) {
		add_authenticator(self, session, completion);
		protect(self, session, request, completion->ap, completion);
	} else if (request->operation == KERBEROS_VERIFY) {
		verify(self, session, request, completion);
	} else if (request->operation == KERBEROS_GSS_VERIFY) {
		standin_gss_verify(
		    session, answers(session, standin_gss_message(request->ap)), completion);
	} else if (request->operation == KERBEROS_GSS_WRAP) {
		standin_gss_wrap(self, session, request, completion);
	} else if (request->operation == KERBEROS_GSS_UNWRAP) {
		standin_gss_unwrap(self, session, request, completion);
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

		if (session->unanswered)
			server_of(self, session->ticket.server)->known = false;

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
