/* A peer without an engine. */
#include "peer.h"

#include <string.h>

#include "realm.h"

static int64_t time_us(void *context)
{
	const struct peer *peer = context;

	return ((int64_t)SIM_WALL_START * 1000 + (int64_t)peer->host->sim->now_ms) * 1000;
}

static bool never(void *context)
{
	(void)context;
	return false;
}

static uint32_t key_version(void *context, const char *principal)
{
	const struct peer *peer = context;

	return strcmp(principal, peer->engine->answers_as) == 0;
}

static uint32_t oldest_key(void *context)
{
	(void)context;
	return 1;
}

void peer_open(struct peer *peer, struct sim_host *host, const struct sim_host *engine)
{
	struct sim_realm_settings settings = {.secret = host->sim->seed,
	    .starts_as = host->starts_as,
	    .answers_as = host->answers_as,
	    .ticket_life = host->sim->profile.ticket_life,
	    .random = &peer->random,
	    .context = peer,
	    .time_us = time_us,
	    .kdc_away = never,
	    .key_version = key_version,
	    .oldest_key = oldest_key,
	    .ticket_over = never};

	peer->host = host;
	peer->engine = engine;
	peer->epoch = SIM_WALL_START;
	peer->commanding = peer->answering = KERBEROS_SESSION_NONE;
	peer->heard.len = peer->said.len = 0;
	sim_random_init(&peer->random, host->sim->seed, 50);
	peer->realm = host->sim->realm->open(&settings);
}

void peer_close(struct peer *peer)
{
	peer->host->sim->realm->close(peer->realm);
}

static void run(struct peer *peer, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	peer->host->sim->realm->run(peer->realm, request, completion);
}

/* The octets of a chain in clear, behind what the message has so far. */
static void put_clear(struct writer *out, struct kink_writer *message, struct bytes octets)
{
	struct reader chain = reader_of(octets);

	if (octets.len > 0) {
		writer_align(out, 4);
		writer_patch_u8(out, message->announce, reader_u8(&chain));
		writer_put(out, reader_rest(&chain));
	}
	kink_close(message);
}

static bool build(struct peer *peer, const struct kink_header *header, unsigned flags,
    uint64_t session, struct bytes ap, uint16_t overhead, struct bytes octets)
{
	uint8_t head[PEER_DATAGRAM_MAX];
	struct writer out = writer_of(head, sizeof(head));
	struct writer said = writer_of(peer->said.octets, sizeof(peer->said.octets));
	struct kink_ap ours = {.epoch = peer->epoch, .ap = ap};
	struct kink_writer message = kink_begin(&out, header);
	struct kerberos_request request = {.operation = KERBEROS_PROTECT,
	    .session = session,
	    .encryption_usage = KINK_USAGE_ENCRYPTION,
	    .checksum_usage = KINK_USAGE_CHECKSUM};
	struct kerberos_completion completion;

	if ((flags & PEER_NO_AP) == 0)
		kink_put_ap(
		    &message, header->type == KINK_REPLY ? KINK_AP_REP : KINK_AP_REQ, &ours);
	if ((flags & PEER_CLEAR) != 0 || octets.len == 0) {
		put_clear(&out, &message, octets);
	} else {
		kink_close_sealed(&message, octets.len + overhead);
		request.plain = octets;
	}
	if (!writer_ok(&out))
		return false;
	request.head = writer_bytes(&out);
	run(peer, &request, &completion);
	if (completion.problem.code != ERR_OK)
		return false;
	writer_put(&said, completion.message);
	kink_finish(&said, completion.checksum);
	peer->said.len = said.len;
	return writer_ok(&said);
}

/* The header of the engine's last message. */
static bool heard(const struct peer *peer, struct kink_message *out)
{
	enum kink_error error;

	return kink_decode(bytes_of(peer->heard.octets, peer->heard.len), out, &error) == ERR_OK;
}

bool peer_command(
    struct peer *peer, uint8_t type, unsigned flags, uint32_t xid, struct bytes octets)
{
	struct kink_header header = {
	    .type = type, .doi = IPSEC_DOI, .xid = xid, .ackreq = (flags & PEER_ACKREQ) != 0};
	struct kerberos_request request = {.operation = KERBEROS_REQUEST,
	    .session = peer->commanding,
	    .server = peer->engine->answers_as,
	    .min_lifetime = 60};
	struct kerberos_completion completion;
	struct kink_message message;
	uint8_t ap[1024];

	if ((flags & PEER_RESTARTED) != 0)
		peer->epoch++;
	if ((flags & PEER_HEARD_XID) != 0 && heard(peer, &message))
		header.xid = message.header.xid;
	if ((flags & PEER_SAME) != 0 && peer->commanding != KERBEROS_SESSION_NONE)
		request.operation = KERBEROS_REPEAT;
	run(peer, &request, &completion);
	if (completion.problem.code != ERR_OK || completion.ap.len > sizeof(ap))
		return false;
	if (completion.session != KERBEROS_SESSION_NONE)
		peer->commanding = completion.session;
	memcpy(ap, completion.ap.data, completion.ap.len);
	return build(peer, &header, flags, peer->commanding, bytes_of(ap, completion.ap.len),
	    completion.lengths.seal_overhead, octets);
}

static void keep(struct peer_message *place, struct bytes octets)
{
	if (octets.len > 0)
		memcpy(place->octets, octets.data, octets.len);
	place->len = octets.len;
}

/* Accepts the engine's last message, once. */
static bool accept_heard(struct peer *peer, const struct kink_message *message)
{
	const struct kink_payload *payload = kink_find(&message->outer, KINK_AP_REQ);
	const struct kink_payload *sealed = kink_find(&message->outer, KINK_ENCRYPT);
	uint8_t buffer[PEER_DATAGRAM_MAX];
	struct writer scratch = writer_of(buffer, sizeof(buffer));
	struct kerberos_request request = {.operation = KERBEROS_ACCEPT,
	    .encryption_usage = KINK_USAGE_ENCRYPTION,
	    .checksum_usage = KINK_USAGE_CHECKSUM,
	    .checksum = message->checksum,
	    .sealed = sealed != NULL ? sealed->body : (struct bytes){0}};
	struct kerberos_completion completion;
	struct kink_ap ap;

	if (peer->answering != KERBEROS_SESSION_NONE)
		return true;
	if (payload == NULL || kink_ap_decode(payload->body, &ap) != ERR_OK ||
	    kink_signed_part(message, &scratch, &request.signed_part) != ERR_OK)
		return false;
	request.ap = ap.ap;
	run(peer, &request, &completion);
	if (completion.problem.code != ERR_OK || completion.ap.len > sizeof(peer->ap_rep) ||
	    completion.plain.len > sizeof(peer->plain.octets))
		return false;
	keep(&peer->plain, completion.plain);
	peer->engine_epoch = ap.epoch;
	peer->answering = completion.session;
	peer->ap_rep_len = completion.ap.len;
	memcpy(peer->ap_rep, completion.ap.data, completion.ap.len);
	peer->overhead = completion.lengths.seal_overhead;
	return true;
}

/* Verifies the engine's last message as the answer to our last command. */
static bool verify_heard(struct peer *peer, const struct kink_message *message)
{
	const struct kink_payload *payload = kink_find(&message->outer, KINK_AP_REP);
	const struct kink_payload *error = kink_find(&message->outer, KINK_KRB_ERROR);
	const struct kink_payload *sealed = kink_find(&message->outer, KINK_ENCRYPT);
	uint8_t buffer[PEER_DATAGRAM_MAX];
	struct writer scratch = writer_of(buffer, sizeof(buffer));
	struct kerberos_request request = {.operation = KERBEROS_VERIFY,
	    .session = peer->commanding,
	    .encryption_usage = KINK_USAGE_ENCRYPTION,
	    .checksum_usage = KINK_USAGE_CHECKSUM,
	    .checksum = message->checksum,
	    .sealed = sealed != NULL ? sealed->body : (struct bytes){0}};
	struct kerberos_completion completion;
	struct kink_ap ap = {0};

	/* Without a key there is nothing but an error. */
	if (message->checksum.len == 0)
		return payload == NULL;
	if ((payload != NULL && kink_ap_decode(payload->body, &ap) != ERR_OK) ||
	    (payload == NULL && error == NULL) ||
	    kink_signed_part(message, &scratch, &request.signed_part) != ERR_OK)
		return false;
	request.ap = ap.ap;
	if (payload == NULL)
		request.krb_error = error->body;
	else
		peer->engine_epoch = ap.epoch;
	run(peer, &request, &completion);
	if (completion.problem.code != (payload != NULL ? ERR_OK : ERR_REFUSED) ||
	    completion.plain.len > sizeof(peer->plain.octets))
		return false;
	keep(&peer->plain, completion.plain);
	return true;
}

bool peer_understand(struct peer *peer, struct kink_message *message, struct kink_payloads *inner)
{
	inner->count = 0;
	peer->plain.len = 0;
	if (!heard(peer, message))
		return false;
	if (message->header.type == KINK_REPLY) {
		if (!verify_heard(peer, message))
			return false;
	} else if (message->header.type != KINK_GETTGT) {
		peer->answering = KERBEROS_SESSION_NONE;
		if (!accept_heard(peer, message))
			return false;
	}
	return kink_find(&message->outer, KINK_ENCRYPT) == NULL ||
	       kink_decode_plain(bytes_of(peer->plain.octets, peer->plain.len), inner) == ERR_OK;
}

bool peer_keymat(struct peer *peer, uint64_t session, struct bytes seed, uint8_t *out, uint16_t len)
{
	struct kerberos_request request = {.operation = KERBEROS_PROTECT,
	    .session = session,
	    .literal_prf = peer->literal_prf,
	    .derivation_count = 1,
	    .derivations = {{.seed = seed, .length = len}}};
	struct kerberos_completion completion;

	run(peer, &request, &completion);
	if (completion.keymat_count != 1 || completion.keymat[0].len != len)
		return false;
	memcpy(out, completion.keymat[0].data, len);
	return true;
}

bool peer_reply(struct peer *peer, uint8_t type, unsigned flags, struct bytes octets)
{
	struct kink_header header = {
	    .type = type, .doi = IPSEC_DOI, .ackreq = (flags & PEER_ACKREQ) != 0};
	struct kink_message message;

	if ((flags & PEER_RESTARTED) != 0)
		peer->epoch++;
	if (!heard(peer, &message) || !accept_heard(peer, &message))
		return false;
	header.xid = message.header.xid;
	return build(peer, &header, flags, peer->answering,
	    bytes_of(peer->ap_rep, peer->ap_rep_len), peer->overhead, octets);
}

bool peer_say(struct peer *peer, struct bytes octets)
{
	struct writer out = writer_of(peer->said.octets, sizeof(peer->said.octets));

	writer_put(&out, octets);
	peer->said.len = out.len;
	return writer_ok(&out);
}
