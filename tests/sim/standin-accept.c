/* The stand-in as acceptor: tickets under its keytab or its own ticket, times, replays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin-private.h"

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

bool standin_is_user_to_user(const struct kerberos_request *request)
{
	struct ticket ticket;

	if (request->operation != KERBEROS_ACCEPT || request->ap.len != AP_REQ_SIZE ||
	    request->ap.data[0] != TAG_TICKET)
		return false;
	read_ticket(request->ap, &ticket);
	return ticket.tgt != 0;
}

bool standin_own_is_due(const struct standin *self)
{
	return self->own.end <= self->settings.time_us(self->settings.context) / US + 60;
}

void standin_renew_own(struct standin *self)
{
	const struct sim_realm_settings *settings = &self->settings;

	if (!standin_own_is_due(self) || settings->kdc_away(settings->context))
		return;
	self->previous = self->own;
	memset(&self->own, 0, sizeof(self->own));
	(void)snprintf(self->own.client, NAME_SIZE, "%s", settings->starts_as);
	(void)snprintf(self->own.server, NAME_SIZE, "%s", KRBTGT);
	self->own.end = settings->time_us(settings->context) / US + settings->ticket_life;
	self->own.serial = sim_random_u64(settings->random) | 1;
}

static struct bytes own_octets(struct standin *self)
{
	struct writer out = writer_of(scratch(self, TICKET_SIZE), TICKET_SIZE);

	if (self->own.end <= self->settings.time_us(self->settings.context) / US)
		return (struct bytes){0};
	put_ticket(&out, self->settings.secret, &self->own);
	return writer_bytes(&out);
}

void standin_tgt(struct standin *self, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	standin_renew_own(self);
	if (strcmp(request->server, self->settings.starts_as) == 0)
		completion->tgt = own_octets(self);
	if (completion->tgt.len == 0)
		refuse(self, completion, ERR_NOT_FOUND, AP_ERR_NOT_US, "it is not ours");
}

static bool open_user_to_user(struct standin *self, struct bytes octets,
    const struct ticket *ticket, struct kerberos_completion *completion)
{
	bool ours;

	standin_renew_own(self);
	ours = (self->own.end != 0 && ticket->tgt == self->own.serial) ||
	       (self->previous.end != 0 && ticket->tgt == self->previous.serial);

	if (ours && ticket_is_sealed(octets, self->settings.secret, ticket))
		return true;
	if (strcmp(ticket->server, self->settings.starts_as) == 0)
		completion->tgt = own_octets(self);
	refuse(self, completion, ERR_AUTH, AP_ERR_NOT_US, "it is not under our ticket");
	return false;
}

/* The ticket of an AP-REQ, as far as our keytab can read it. */
static bool open_ticket(struct standin *self, struct bytes octets, struct ticket *ticket,
    struct kerberos_completion *completion)
{
	const struct sim_realm_settings *settings = &self->settings;
	if (octets.len != AP_REQ_SIZE || octets.data[0] != TAG_TICKET) {
		(void)problem_set(&completion->problem, ERR_INVALID, "this is no AP-REQ");
		return false;
	}
	read_ticket(octets, ticket);
	if (ticket->tgt != 0)
		return open_user_to_user(self, octets, ticket, completion);
	if (settings->keyless) {
		refuse(
		    self, completion, ERR_UNAVAILABLE, AP_ERR_USER_TO_USER, "there is no keytab");
		return false;
	}
	if (strcmp(ticket->server, settings->answers_as) != 0 &&
	    strcmp(ticket->server, settings->starts_as) != 0) {
		refuse(self, completion, ERR_NOT_FOUND, AP_ERR_NOT_US, "it is not for us");
		return false;
	}
	if (ticket->key_version < settings->oldest_key(settings->context)) {
		refuse(self, completion, ERR_AUTH, AP_ERR_BAD_KEY_VERSION,
		    "the keytab has no such key any more");
		return false;
	}
	if (!ticket_is_sealed(octets, settings->secret, ticket)) {
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

void standin_accept_ap_req(struct standin *self, const struct kerberos_request *request,
    bool message, struct kerberos_completion *completion)
{
	struct ticket ticket;
	struct writer reply;
	uint8_t key[KEY_SIZE];
	int64_t time_us;
	struct session *session;

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
	if (message && open_message(self, key, request, completion) != ERR_OK) {
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

void standin_accept(struct standin *self, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	if (request->checksum.len == 0)
		(void)problem_set(&completion->problem, ERR_AUTH, "the message has no checksum");
	else
		standin_accept_ap_req(self, request, true, completion);
}
