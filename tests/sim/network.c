/* The network between the hosts: it delays, loses, doubles, reorders, spoils and repeats. */
#include <stdlib.h>
#include <string.h>

#include "kx/ikev1/fragment.h"
#include "sim.h"
#include "wire/isakmp.h"
#include "wire/kink.h"

/*
 * A forged copy has another octet here: in an encrypted message of IKEv1 its second block, which
 * holds a part of a hash that proves something (what follows main mode's is covered by nothing).
 */
#define FORGED_AT     44
#define FORGED_OCTETS 16

struct flight {
	struct endpoint from;
	struct endpoint to;
	size_t len;
	uint8_t octets[];
};

static enum host_port port_of(const struct endpoint *local)
{
	return local->port == 500    ? HOST_PORT_IKE
	       : local->port == 4500 ? HOST_PORT_IKE_NAT
	                             : HOST_PORT_KINK;
}

static void arrive(struct sim *sim, struct sim_host *host, void *payload)
{
	const struct flight *flight = payload;
	struct host_datagram datagram = {
	    .port = port_of(&flight->to), .local = flight->to, .remote = flight->from};
	/* Exactly as long as the datagram, so that reading past its end is noticed. */
	uint8_t *octets;

	(void)sim;
	if (host->kx == NULL)
		return;
	octets = sim_alloc(flight->len);
	memcpy(octets, flight->octets, flight->len);
	datagram.data = bytes_of(octets, flight->len);
	sim_commit_comes(host, datagram.data);
	kx_datagram(host->kx, &datagram);
	sim_commit_came(host, datagram.data);
	free(octets);
}

/* The network delivers to whoever is there when it arrives, also to a host that has restarted. */
struct crossing {
	struct sim_host *host;
	struct flight flight;
};

static void cross(struct sim *sim, struct sim_host *none, void *payload)
{
	struct crossing *crossing = payload;

	(void)none;
	arrive(sim, crossing->host, &crossing->flight);
}

static void deliver(struct sim *sim, struct sim_host *to, const struct endpoint *from,
    const struct endpoint *local, struct bytes octets, uint64_t delay_ms)
{
	struct crossing *crossing = sim_alloc(sizeof(*crossing) + octets.len);

	crossing->host = to;
	crossing->flight.from = *from;
	crossing->flight.to = *local;
	crossing->flight.len = octets.len;
	memcpy(crossing->flight.octets, octets.data, octets.len);
	sim_schedule(sim, delay_ms, cross, NULL, crossing);
}

/* Spoils a copy in one of the ways that wires and people have. Returns its new length. */
static size_t spoil(struct sim *sim, uint8_t *octets, size_t len, size_t capacity)
{
	struct sim_random *random = &sim->trouble;
	size_t place;

	switch (sim_random_below(random, 6)) {
	case 0: /* bits flip */
	case 1:
		for (uint64_t i = sim_random_between(random, 1, 8); len > 0 && i > 0; i--)
			octets[sim_random_below(random, len)] ^=
			    (uint8_t)(1U << sim_random_below(random, 8));
		return len;
	case 2: /* cut off */
		return sim_random_below(random, len);
	case 3: /* more than was sent */
		place = sim_random_between(random, 1, capacity - len);
		sim_random_fill(random, &octets[len], place);
		return len + place;
	case 4: /* a length or type field, where the headers are, becomes another */
		if (len > 0)
			octets[sim_random_below(random, len < 40 ? len : 40)] =
			    (uint8_t)sim_random_u64(random);
		return len;
	default: /* noise */
		len = sim_random_below(random, capacity / 2);
		sim_random_fill(random, octets, len);
		return len;
	}
}

static void capture(struct sim *sim, struct sim_host *to, const struct endpoint *from,
    const struct endpoint *local, struct bytes octets)
{
	struct sim_capture *place = &sim->captures[sim->capture_count++ % SIM_CAPTURES];

	if (octets.len > sizeof(place->octets))
		return;
	place->to = to;
	place->from = *from;
	place->local = *local;
	place->len = octets.len;
	memcpy(place->octets, octets.data, octets.len);
}

/* Second copies: some soon, some much later. */
static void repeat(struct sim *sim, struct sim_host *to, const struct host_datagram *datagram)
{
	const struct sim_profile *profile = &sim->profile;
	struct sim_random *random = &sim->trouble;

	if (sim_chance(random, profile->duplicate)) {
		sim->counts[SIM_DUPLICATED]++;
		deliver(sim, to, &datagram->local, &datagram->remote, datagram->data,
		    sim_random_between(random, 1, profile->delay_ms));
	}
	if (sim_chance(random, profile->replay)) {
		sim->counts[SIM_REPLAYED]++;
		deliver(sim, to, &datagram->local, &datagram->remote, datagram->data,
		    profile->delay_ms + sim_random_below(random, 120000));
	}
}

static void unreachable(struct sim *sim, struct sim_host *host, void *payload)
{
	sim->counts[SIM_UNREACHABLES]++;
	kx_peer_doubted(host->kx, payload);
}

void sim_network_unreachable(struct sim_host *host, const struct address *remote)
{
	struct address *payload = sim_alloc(sizeof(*payload));

	*payload = *remote;
	sim_schedule(
	    host->sim, sim_random_below(&host->sim->trouble, 10), unreachable, host, payload);
}

static void suffer(
    struct sim *sim, struct sim_host *to, const struct host_datagram *datagram, enum sim_fate fate)
{
	static const char *const texts[] = {"", "lost", "doubled", "late", "spoiled", "forged"};
	const struct sim_profile *profile = &sim->profile;
	uint64_t delay = fate == SIM_LATE ? profile->retransmit_first * 3 / 2 : profile->delay_ms;
	uint8_t octets[4096];

	sim_note(sim, NULL, "  %s", texts[fate]);
	if (fate == SIM_LOSE || datagram->data.len > sizeof(octets))
		return;
	memcpy(octets, datagram->data.data, datagram->data.len);
	if (fate == SIM_SPOIL)
		octets[sim_random_below(&sim->trouble, datagram->data.len)] ^= 1;
	if (fate == SIM_FORGE)
		octets[FORGED_AT + sim_random_below(&sim->trouble, FORGED_OCTETS)] ^= 1;
	deliver(sim, to, &datagram->local, &datagram->remote, bytes_of(octets, datagram->data.len),
	    delay);
	if (fate == SIM_TWICE || fate == SIM_FORGE)
		deliver(sim, to, &datagram->local, &datagram->remote, datagram->data, delay + 1);
}

/*
 * IKEv1's deletions are not confirmed (RFC 2409 5.7), but said several times. Where the network
 * takes all of them, nobody can know what the other end keeps.
 */
static void take(struct sim *sim, const struct host_datagram *datagram, const char *how)
{
	struct isakmp_header header;
	struct sim_loss *loss = NULL;
	struct bytes body;
	enum notify_type notify;

	sim_note(sim, NULL, "  %s", how);
	if (datagram->port == HOST_PORT_KINK ||
	    isakmp_header_decode(datagram->data, &header, &body, &notify) != ERR_OK ||
	    header.exchange != ISAKMP_EXCHANGE_INFORMATIONAL || header.message_id == 0)
		return;
	for (size_t i = 0; i < SIM_LOSSES && loss == NULL; i++) {
		if (sim->losses[i].message_id == header.message_id)
			loss = &sim->losses[i];
	}
	if (loss == NULL) {
		loss = &sim->losses[sim->loss_count++ % SIM_LOSSES];
		*loss = (struct sim_loss){.message_id = header.message_id};
	}
	if (++loss->copies == IKEV1_TELLINGS) {
		sim->excused = true;
		sim->counts[SIM_UNCONFIRMED]++;
	}
}

static void carry(struct sim *sim, struct sim_host *to, const struct host_datagram *datagram)
{
	const struct sim_profile *profile = &sim->profile;
	struct sim_random *random = &sim->trouble;
	struct bytes octets = datagram->data;
	uint64_t delay = sim_random_between(random, 1, profile->delay_ms);
	enum sim_fate fate = SIM_PASS;
	uint8_t buffer[4096];

	sim->counts[SIM_SENT]++;
	sim->sent++;
	if (sim->censor != NULL)
		fate = sim->censor(sim, octets, sim->censor_context);
	if (fate != SIM_PASS) {
		suffer(sim, to, datagram, fate);
		return;
	}
	if (sim->faults && sim_chance(random, profile->drop)) {
		sim->counts[SIM_DROPPED]++;
		take(sim, datagram, "dropped");
		return;
	}
	if (sim->faults && sim_chance(random, profile->reorder)) {
		sim->counts[SIM_REORDERED]++;
		delay += sim_random_below(random, profile->reorder_ms);
	}
	if (sim->faults && sim_chance(random, profile->corrupt) &&
	    octets.len < sizeof(buffer) / 2) {
		sim->counts[SIM_CORRUPTED]++;
		take(sim, datagram, "spoiled");
		memcpy(buffer, octets.data, octets.len);
		octets = bytes_of(buffer, spoil(sim, buffer, octets.len, sizeof(buffer)));
	} else {
		/*
		 * Only what arrives as well: a command that is kept back and let through for the
		 * first time minutes later is authentic and fresh as far as anyone can tell.
		 */
		capture(sim, to, &datagram->local, &datagram->remote, octets);
		if (sim->faults)
			repeat(sim, to, datagram);
	}
	deliver(sim, to, &datagram->local, &datagram->remote, octets, delay);
}

/* A line about a datagram; false when it is none. */
static bool note_kink(const struct sim_host *host, const struct host_datagram *datagram)
{
	char to[ENDPOINT_TEXT_SIZE];
	struct kink_message message;
	enum kink_error error;

	if (kink_decode(datagram->data, &message, &error) != ERR_OK)
		return false;
	sim_note(host->sim, host, "> %s %s, xid %08x, %zu octets",
	    endpoint_format(&datagram->remote, to), kink_type_name(message.header.type),
	    message.header.xid, datagram->data.len);
	return true;
}

static bool note_isakmp(const struct sim_host *host, const struct host_datagram *datagram)
{
	char to[ENDPOINT_TEXT_SIZE];
	struct isakmp_header header;
	struct bytes body;
	enum notify_type notify;

	if (isakmp_header_decode(datagram->data, &header, &body, &notify) != ERR_OK)
		return false;
	sim_note(host->sim, host, "> %s %s%s, cookie %02x%02x, message %08x, %zu octets",
	    endpoint_format(&datagram->remote, to), isakmp_exchange_name(header.exchange),
	    (header.flags & ISAKMP_FLAG_ENCRYPTION) != 0 ? "*" : "", header.initiator_cookie[0],
	    header.initiator_cookie[1], header.message_id, datagram->data.len);
	return true;
}

void sim_network_carry(struct sim_host *host, const struct host_datagram *datagram)
{
	struct sim *sim = host->sim;

	/* A spoofed address leads to two hosts; the one that it belongs to gets its copy as well.
	 */
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *other = &sim->hosts[i];

		if (other != host &&
		    (address_equal(&other->address, &datagram->remote.address) ||
			address_equal(&other->speaks_as, &datagram->remote.address))) {
			carry(sim, other, datagram);
			if (other->kx == NULL)
				sim_network_unreachable(host, &datagram->remote.address);
		}
	}
}

void sim_network_send(struct sim_host *host, const struct host_datagram *datagram)
{
	struct sim *sim = host->sim;
	struct host_datagram sent = *datagram;
	uint8_t octets[4096];

	if (datagram->data.len == 0 || datagram->remote.port == 0)
		sim_fail(
		    sim, "host %c sends an empty datagram, or to no port", 'a' + (int)host->index);
	if (!address_equal(&datagram->local.address, &host->speaks_as) ||
	    (datagram->local.port != KINK_PORT && port_of(&datagram->local) == HOST_PORT_KINK) ||
	    port_of(&datagram->local) != datagram->port)
		sim_fail(sim, "host %c sends from an address or port that is not its own",
		    'a' + (int)host->index);
	if (!(datagram->port == HOST_PORT_KINK ? note_kink : note_isakmp)(host, datagram))
		sim_fail(sim, "host %c sends what cannot be decoded", 'a' + (int)host->index);
	if (sim_commit_mark(host, datagram->data, octets, sizeof(octets)))
		sent.data = bytes_of(octets, datagram->data.len);
	sim_network_carry(host, &sent);
	sim_commit_sent(host, datagram->data);
}

/* The same of an ISAKMP SA: that its peer knows nothing of it, or does not want it. */
static size_t forge_notification(
    struct sim *sim, const struct sim_capture *model, uint8_t *out, size_t size)
{
	static const enum notify_type types[] = {NOTIFY_INVALID_COOKIE, NOTIFY_NO_PROPOSAL_CHOSEN,
	    NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INITIAL_CONTACT};
	struct isakmp_header header = {.exchange = ISAKMP_EXCHANGE_INFORMATIONAL,
	    .message_id = (uint32_t)sim_random_u64(&sim->trouble)};
	struct isakmp_notification notification = {.doi = IPSEC_DOI,
	    .protocol = PROTO_ISAKMP,
	    .type = (uint16_t)types[sim_random_below(&sim->trouble, 4)]};
	struct writer writer = writer_of(out, size);
	struct isakmp_writer chain;

	if (model->len < sizeof(header.initiator_cookie) + sizeof(header.responder_cookie))
		return 0;
	memcpy(header.initiator_cookie, model->octets, sizeof(header.initiator_cookie));
	memcpy(header.responder_cookie, &model->octets[sizeof(header.initiator_cookie)],
	    sizeof(header.responder_cookie));
	chain = isakmp_begin(&writer, &header);
	isakmp_put_notification(&chain, &notification);
	isakmp_end(&writer);
	return writer.len;
}

/* What says that a command failed, to whoever believes it without proof. */
static size_t forge_error(
    struct sim *sim, const struct sim_capture *model, uint8_t *out, size_t size)
{
	struct kink_message message;
	enum kink_error error;
	struct kink_header header = {.type = KINK_REPLY, .doi = IPSEC_DOI};
	struct writer writer = writer_of(out, size);
	struct kink_writer reply;

	if (kink_decode(bytes_of(model->octets, model->len), &message, &error) == ERR_OK)
		header.xid = message.header.xid;
	reply = kink_begin(&writer, &header);
	kink_put_error(&reply, (enum kink_error)sim_random_between(&sim->trouble, 1, 7));
	kink_close(&reply);
	return writer.len;
}

void sim_network_inject(struct sim *sim)
{
	struct sim_random *random = &sim->trouble;
	size_t known = sim->capture_count < SIM_CAPTURES ? sim->capture_count : SIM_CAPTURES;
	struct sim_capture *capture;
	uint8_t octets[4096];
	size_t len;

	if (known == 0)
		return;
	capture = &sim->captures[sim_random_below(random, known)];
	if (capture->len == 0)
		return;
	sim->counts[SIM_INJECTED]++;
	memcpy(octets, capture->octets, capture->len);
	len = capture->len;
	switch (sim_random_below(random, 4)) {
	case 0: /* the very same again */
		sim_note(sim, NULL, "outsider: replays to %c", 'a' + (int)capture->to->index);
		break;
	case 1: /* an error in reply to a command, from where it went */
		len = (capture->local.port == KINK_PORT ? forge_error : forge_notification)(
		    sim, capture, octets, sizeof(octets));
		for (size_t i = 0; i < sim->host_count; i++) {
			if (address_equal(&sim->hosts[i].speaks_as, &capture->from.address))
				deliver(sim, &sim->hosts[i], &capture->local, &capture->from,
				    bytes_of(octets, len), 1);
		}
		sim_note(sim, NULL, "outsider: forges an error");
		return;
	default:
		len = spoil(sim, octets, len, sizeof(octets));
		sim_note(
		    sim, NULL, "outsider: alters a message to %c", 'a' + (int)capture->to->index);
		break;
	}
	deliver(sim, capture->to, &capture->from, &capture->local, bytes_of(octets, len),
	    sim_random_below(random, 100));
}
