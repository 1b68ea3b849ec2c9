/*
 * Hosts that set the commit bit in Quick Mode (RFC 2408 3.1), as some of other making do and the
 * engine never does: it is set in what they send, and CONNECTED said in their name with the keys of
 * their engine, in either of the forms that there are.
 */
#include <string.h>

#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase2.h"
#include "kx/kx-internal.h"
#include "sim.h"
#include "wire/isakmp.h"

#define FLAGS_AT 19

static bool sets_bit(const struct sim_host *host)
{
	return host->sim->profile.commit && host->index % 2 == 1;
}

/* A message of Quick Mode, or of what belongs to one. */
struct message {
	struct ikev1_cookies cookies;
	uint8_t exchange;
	uint32_t id;
	uint8_t last_block[CBC_BLOCK_MAX];
};

static bool parse(struct bytes datagram, struct message *out)
{
	struct isakmp_header header;
	enum notify_type notify;
	struct bytes body;

	if (isakmp_header_decode(datagram, &header, &body, &notify) != ERR_OK ||
	    (header.flags & ISAKMP_FLAG_ENCRYPTION) == 0 || header.message_id == 0 ||
	    header.next_payload == ISAKMP_FRAGMENT || body.len < sizeof(out->last_block))
		return false;
	memcpy(out->cookies.initiator, header.initiator_cookie, IKEV1_COOKIE_SIZE);
	memcpy(out->cookies.responder, header.responder_cookie, IKEV1_COOKIE_SIZE);
	memcpy(out->last_block, body.data + body.len - sizeof(out->last_block),
	    sizeof(out->last_block));
	out->exchange = header.exchange;
	out->id = header.message_id;
	return true;
}

static struct ikev1_quick *find(const struct sim_host *host, const struct message *message)
{
	const struct ikev1 *ikev1 = host->kx->method_states[EXCHANGE_IKEV1];
	const struct ikev1_sa *sa = ikev1_sa_find(ikev1, &message->cookies);

	return sa != NULL ? ikev1_quick_find(sa, message->id) : NULL;
}

/* Behind the third message of Quick Mode. */
static void say_connected(
    struct sim_host *host, const struct ikev1_quick *quick, const struct message *third)
{
	static struct ikev1_message_writer message;
	const struct ikev1_sa *sa = quick->sa;
	struct sim *sim = host->sim;
	struct isakmp_notification notification = {
	    .doi = IPSEC_DOI, .protocol = PROTO_IPSEC_ESP, .type = NOTIFY_CONNECTED};
	struct host_datagram datagram = {
	    .port = sa->path.port, .local = sa->path.local, .remote = sa->path.remote};
	bool of_quick_mode = third->id % 2 == 0;
	struct bytes none = {0};
	uint8_t iv[CBC_BLOCK_MAX];
	enum err error = ERR_OK;

	memcpy(iv, third->last_block, sizeof(iv));
	if (!of_quick_mode)
		error = ikev1_keys_iv(sa->keys, third->id, iv);
	ikev1_message_begin(&message, &third->cookies,
	    of_quick_mode ? ISAKMP_EXCHANGE_QUICK : ISAKMP_EXCHANGE_INFORMATIONAL, third->id);
	ikev1_message_put_hash(&message, sa->keys);
	isakmp_put_notification(&message.chain, &notification);
	if (error == ERR_OK)
		error = ikev1_message_hash(&message, sa->keys, third->id, none);
	if (error == ERR_OK)
		error = ikev1_message_seal(&message, sa->keys, iv, &datagram.data);
	if (error != ERR_OK) {
		sim_fail(sim, "CONNECTED cannot be said");
		return;
	}
	sim_note(sim, host, "says that message %08x made an SA", third->id);
	sim->said[sim->said_count++ % SIM_CONNECTIONS] = ikev1_mark(datagram.data);
	sim_network_carry(host, &datagram);
}

bool sim_commit_mark(const struct sim_host *host, struct bytes datagram, uint8_t *out, size_t size)
{
	struct message message;

	if (!sets_bit(host) || datagram.len > size || !parse(datagram, &message) ||
	    message.exchange != ISAKMP_EXCHANGE_QUICK)
		return false;
	memcpy(out, datagram.data, datagram.len);
	out[FLAGS_AT] |= ISAKMP_FLAG_COMMIT;
	return true;
}

/* The Quick Mode of this host to which a message of it belongs, where the host sets the bit. */
static const struct ikev1_quick *committed(
    const struct sim_host *host, struct bytes datagram, struct message *message)
{
	return sets_bit(host) && parse(datagram, message) &&
	               message->exchange == ISAKMP_EXCHANGE_QUICK
	           ? find(host, message)
	           : NULL;
}

void sim_commit_sent(struct sim_host *host, struct bytes datagram)
{
	struct message message;
	const struct ikev1_quick *quick = committed(host, datagram, &message);

	/* What an initiator sends when it awaits no answer is the third message. */
	if (quick != NULL && quick->initiator && ikev1_steps_awaited(&quick->steps) != 2)
		say_connected(host, quick, &message);
}

void sim_commit_comes(struct sim_host *host, struct bytes datagram)
{
	struct sim *sim = host->sim;
	uint64_t mark = ikev1_mark(datagram);
	struct message message;

	if (!sim->profile.commit || !parse(datagram, &message))
		return;
	for (size_t i = 0; i < SIM_CONNECTIONS; i++) {
		if (sim->said[i] != mark)
			continue;
		sim->counts[SIM_CONNECTED]++;
		sim->connected[sim->connected_count++ % SIM_CONNECTIONS] = message.id;
	}
}

void sim_commit_came(struct sim_host *host, struct bytes datagram)
{
	struct message message;
	const struct ikev1_quick *quick = committed(host, datagram, &message);

	/* The third message has come when the responder awaits no other, or CONNECTED. */
	if (quick != NULL && !quick->initiator &&
	    (quick->over || ikev1_steps_awaited(&quick->steps) != 3))
		say_connected(host, quick, &message);
}

static const struct ikev1_quick *find_maker(
    const struct sim_host *host, const struct dataplane_sa *sa)
{
	const struct ikev1 *ikev1 = host->kx->method_states[EXCHANGE_IKEV1];
	const struct ikev1_quick *quick;
	uint32_t cursor = 0;

	while ((quick = slots_next(&ikev1->quicks, &cursor)) != NULL) {
		for (size_t i = 0; quick->pair != NULL && i < quick->pair->part_count; i++) {
			if (quick->pair->parts[i].spi_out == sa->spi)
				return quick;
		}
	}
	return NULL;
}

void sim_commit_check(const struct sim_host *host, const struct dataplane_sa *sa)
{
	struct sim *sim = host->sim;
	const struct sim_host *peer = sim_host_at(sim, &sa->destination);
	const struct ikev1_quick *quick;

	/* Who has restarted says nothing of what was before, and is not waited for without end. */
	if (sim->profile.methods != SIM_IKEV1 || sim->faults || sim->profile.kind != SIM_CLEAN ||
	    sa->direction != IPSEC_OUT || peer == NULL || !sets_bit(peer) || peer->life > 1)
		return;
	quick = find_maker(host, sa);
	for (size_t i = 0; quick != NULL && i < SIM_CONNECTIONS; i++) {
		if (sim->connected[i] == quick->exchange.message_id)
			return;
	}
	sim_fail(sim, "host %c sends before host %c has said that it is CONNECTED",
	    'a' + (int)host->index, 'a' + (int)peer->index);
}
