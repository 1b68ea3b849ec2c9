/*
 * Informational exchanges: RFC 2409 5.7; deletion: RFC 2408 5.15. Only what is authenticated
 * counts; what comes in clear is a hint for the log.
 */
#include "kx/ikev1/informational.h"

#include <string.h>

#include "kx/ikev1/dpd.h"
#include "kx/ikev1/fragment.h"
#include "kx/ikev1/phase1.h"
#include "kx/ikev1/phase2.h"
#include "kx/quick/quick.h"

void ikev1_inform_begin(struct ikev1_information *information, struct ikev1_sa *sa)
{
	information->sa = sa;
	information->message_id = ikev1_sa_new_message_id(sa);
	ikev1_message_begin(&information->message, &sa->cookies, ISAKMP_EXCHANGE_INFORMATIONAL,
	    information->message_id);
	ikev1_message_put_hash(&information->message, sa->keys);
}

void ikev1_inform_send(struct ikev1_information *information, bool several_times)
{
	struct ikev1_sa *sa = information->sa;
	struct ikev1 *ikev1 = sa->peer->ikev1;
	struct bytes none = {0};
	struct bytes octets;
	uint8_t iv[CBC_BLOCK_MAX];
	enum err error = ikev1_keys_iv(sa->keys, information->message_id, iv);

	if (error == ERR_OK)
		error = ikev1_message_hash(
		    &information->message, sa->keys, information->message_id, none);
	if (error == ERR_OK)
		error = ikev1_message_seal(&information->message, sa->keys, iv, &octets);
	if (error != ERR_OK)
		kx_count(ikev1->kx, KX_DATAGRAMS_SHED);
	else if (several_times)
		ikev1_echo(ikev1, &sa->path, octets);
	else
		ikev1_send(ikev1, &sa->path, octets, false);
}

void ikev1_inform_error(struct ikev1_sa *sa, enum notify_type type, enum ipsec_protocol protocol,
    uint32_t spi, struct bytes data)
{
	struct ikev1_information information;

	if (!sa->established)
		return;
	ikev1_inform_begin(&information, sa);
	quick_put_notification(&information.message.chain, type, protocol, spi, data);
	ikev1_inform_send(&information, false);
}

void ikev1_tell_unauthenticated(struct ikev1_sa *sa)
{
	struct ikev1_information information;
	struct isakmp_notification notification = {.doi = IPSEC_DOI,
	    .protocol = PROTO_ISAKMP,
	    .type = NOTIFY_AUTHENTICATION_FAILED,
	    .spi = bytes_of(&sa->cookies, sizeof(sa->cookies))};

	ikev1_inform_begin(&information, sa);
	isakmp_put_notification(&information.message.chain, &notification);
	ikev1_inform_send(&information, false);
}

void ikev1_tell_deleted(struct ikev1_sa *sa)
{
	struct ikev1_information information;
	struct isakmp_delete delete = {.doi = IPSEC_DOI,
	    .protocol = PROTO_ISAKMP,
	    .spi_size = sizeof(sa->cookies),
	    .spi_count = 1,
	    .spis = bytes_of(&sa->cookies, sizeof(sa->cookies))};

	if (!sa->established)
		return;
	ikev1_inform_begin(&information, sa);
	isakmp_put_delete(&information.message.chain, &delete);
	ikev1_inform_send(&information, true);
}

void ikev1_tell_pair_deleted(struct ikev1 *ikev1, const struct sa_pair *pair)
{
	struct ikev1_peer *peer = ikev1_peer_find(ikev1, &pair->local, &pair->remote);
	struct ikev1_sa *sa = peer != NULL ? ikev1_peer_sa(peer) : NULL;
	struct ikev1_information information;

	if (sa == NULL)
		return;
	ikev1_inform_begin(&information, sa);
	for (size_t i = 0; i < pair->part_count; i++) {
		if (pair->parts[i].spi_in != 0)
			quick_put_delete(&information.message.chain, pair->parts[i].suite.protocol,
			    &pair->parts[i].spi_in, 1);
	}
	ikev1_inform_send(&information, true);
}

static bool is_pair_of(const struct sa_pair *pair, const struct ikev1_sa *sa)
{
	return pair->exchange == EXCHANGE_IKEV1 &&
	       address_equal(&pair->local, &sa->peer->key.local);
}

/* The peer's inbound SAs go, so ours go that belong to them. */
static void delete_pairs(
    struct ikev1_sa *sa, enum ipsec_protocol protocol, const struct isakmp_delete *request)
{
	struct sad *sad = kx_sad(sa->peer->ikev1->kx);

	for (size_t i = 0; i < request->spi_count; i++) {
		struct sa_pair *pair;
		uint32_t spi;

		if (quick_spi_decode(protocol, isakmp_delete_spi(request, i), &spi) != ERR_OK)
			continue;
		pair = sad_by_spi_out(sad, &sa->peer->key.remote, protocol, spi);
		if (pair == NULL || !is_pair_of(pair, sa))
			continue;
		if (pair->owner != 0)
			ikev1_quick_withdrawn(sa->peer->ikev1, pair);
		else
			sad_retire(sad, pair);
	}
}

/* True when this very SA is among those that the peer deletes. */
static bool delete_sas(struct ikev1_sa *sa, const struct isakmp_delete *request)
{
	bool itself = false;

	for (size_t i = 0; i < request->spi_count; i++) {
		struct bytes spi = isakmp_delete_spi(request, i);
		struct ikev1_cookies cookies;
		struct ikev1_sa *other;

		if (spi.len != sizeof(cookies))
			continue;
		memcpy(&cookies, spi.data, sizeof(cookies));
		other = ikev1_sa_find(sa->peer->ikev1, &cookies);
		if (other == sa)
			itself = true;
		else if (other != NULL && other->peer == sa->peer && other->established)
			ikev1_sa_free(other);
	}
	return itself;
}

static bool take_deletions(struct ikev1_sa *sa, const struct isakmp_chain *chain)
{
	const struct isakmp_payload *payload = NULL;
	bool itself = false;

	while ((payload = isakmp_chain_find(chain, ISAKMP_DELETE, payload)) != NULL) {
		struct isakmp_delete request;
		enum ipsec_protocol protocol;

		if (isakmp_delete_decode(payload->body, &request) != ERR_OK)
			continue;
		if (request.protocol == PROTO_ISAKMP)
			itself = delete_sas(sa, &request) || itself;
		else if (quick_protocol_decode(request.protocol, &protocol) == ERR_OK)
			delete_pairs(sa, protocol, &request);
	}
	return itself;
}

static void take_notification(struct ikev1_sa *sa, const struct isakmp_notification *notification)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;

	switch (notification->type) {
	case NOTIFY_R_U_THERE:
		ikev1_answer_question(sa, notification);
		break;
	case NOTIFY_R_U_THERE_ACK:
		ikev1_question_answered(sa, notification);
		break;
	case NOTIFY_INITIAL_CONTACT:
		ikev1_take_initial_contact(sa);
		break;
	default:
		if (notification->type <= NOTIFY_ERROR_LAST)
			ikev1_quick_refused(sa, notification);
		ikev1_log_stranger(
		    ikev1, &sa->path.remote, "the peer notifies", notify_name(notification->type));
		break;
	}
}

static void take_notifications(struct ikev1_sa *sa, const struct isakmp_chain *chain)
{
	const struct isakmp_payload *payload = NULL;
	struct ikev1 *ikev1 = sa->peer->ikev1;
	uint64_t handle = sa->handle;

	while (slots_get(&ikev1->sas, handle) == sa &&
	       (payload = isakmp_chain_find(chain, ISAKMP_NOTIFICATION, payload)) != NULL) {
		struct isakmp_notification notification;

		if (isakmp_notification_decode(payload->body, &notification) == ERR_OK)
			take_notification(sa, &notification);
	}
}

static void take_information(
    struct ikev1_sa *sa, const struct host_datagram *datagram, const struct isakmp_chain *chain)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	uint64_t handle = sa->handle;

	ikev1_sa_heard(sa, datagram);
	take_notifications(sa, chain);
	if (slots_get(&ikev1->sas, handle) == sa && take_deletions(sa, chain))
		ikev1_sa_free(sa);
}

void ikev1_informed(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	struct ikev1_received received = {0};
	struct ikev1_quick *quick;
	uint8_t iv[CBC_BLOCK_MAX];
	uint16_t refusal;

	/* Before phase 1 is over its steps must not lose what they wait for. */
	if (sa->keys == NULL || header->message_id == 0 ||
	    (sa->phase1 != NULL && sa->phase1->steps.busy)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	quick = sa->established ? ikev1_quick_find(sa, header->message_id) : NULL;
	if (quick != NULL && ikev1_quick_awaits_connected(quick)) {
		ikev1_quick_connected(quick, datagram, header, body);
		return;
	}
	if (ikev1_sa_took_message_id(sa, header->message_id)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_REPLAYED);
		return;
	}
	if (!ikev1_sa_open(sa, header, body, &received, iv))
		return;
	if (ikev1_sa_take_message_id(sa, header->message_id) == ERR_OK &&
	    ikev1_received_is_lawful(ikev1, &datagram->remote, &received, 1,
		ikev1_family_of(sa->suite.authentication))) {
		refusal = quick_find_error(&received.chain);
		if (!sa->established && refusal != 0)
			ikev1_phase1_refused(sa, refusal);
		else if (sa->established)
			take_information(sa, datagram, &received.chain);
	}
	ikev1_received_clear(&received);
}

void ikev1_refuse_plain(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, enum notify_type type)
{
	const struct host *host = kx_host(ikev1->kx);
	struct ikev1_path path = {datagram->port, datagram->local, datagram->remote};
	struct isakmp_notification notification = {
	    .doi = IPSEC_DOI, .protocol = PROTO_ISAKMP, .type = (uint16_t)type};
	struct ikev1_cookies cookies = {0};
	struct ikev1_message_writer message;
	struct bytes octets;
	uint32_t message_id;

	host->random(host->self, &message_id, sizeof(message_id));
	memcpy(cookies.initiator, header->initiator_cookie, IKEV1_COOKIE_SIZE);
	ikev1_message_begin(&message, &cookies, ISAKMP_EXCHANGE_INFORMATIONAL, message_id);
	isakmp_put_notification(&message.chain, &notification);
	if (ikev1_message_end(&message, &octets) == ERR_OK && octets.len <= datagram->data.len &&
	    limit_take(&ikev1->error_limit, ikev1_now(ikev1)))
		ikev1_send(ikev1, &path, octets, false);
}

void ikev1_informed_plain(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1_received received = {0};
	struct ikev1_cookies cookies;
	struct ikev1_sa *sa;
	uint16_t notification;

	kx_count(ikev1->kx, KX_DATAGRAMS_UNAUTHENTIC);
	if (ikev1_received_plain(&received, header, body) != ERR_OK)
		return;
	notification = quick_find_error(&received.chain);
	ikev1_received_clear(&received);
	memcpy(cookies.initiator, header->initiator_cookie, IKEV1_COOKIE_SIZE);
	memcpy(cookies.responder, header->responder_cookie, IKEV1_COOKIE_SIZE);
	sa = ikev1_sa_find(ikev1, &cookies);
	if (sa == NULL) {
		memset(cookies.responder, 0, IKEV1_COOKIE_SIZE);
		sa = ikev1_sa_find(ikev1, &cookies);
	}
	if (sa == NULL || notification == 0 ||
	    !address_equal(&datagram->remote.address, &sa->path.remote.address))
		return;
	if (sa->established)
		kx_peer_doubted(ikev1->kx, &datagram->remote.address);
	else
		ikev1_phase1_hint(sa, notification);
}

void ikev1_put_initial_contact(const struct ikev1_sa *sa, struct isakmp_writer *chain)
{
	struct isakmp_notification notification = {.doi = IPSEC_DOI,
	    .protocol = PROTO_ISAKMP,
	    .type = NOTIFY_INITIAL_CONTACT,
	    .spi = bytes_of(&sa->cookies, sizeof(sa->cookies))};

	isakmp_put_notification(chain, &notification);
}

void ikev1_tell_contact(struct ikev1_sa *sa)
{
	struct ikev1_information information;

	ikev1_inform_begin(&information, sa);
	ikev1_put_initial_contact(sa, &information.message.chain);
	ikev1_inform_send(&information, true);
}

bool ikev1_has_notification(const struct isakmp_chain *chain, enum notify_type type)
{
	const struct isakmp_payload *payload = NULL;

	while ((payload = isakmp_chain_find(chain, ISAKMP_NOTIFICATION, payload)) != NULL) {
		struct isakmp_notification notification;

		if (isakmp_notification_decode(payload->body, &notification) == ERR_OK &&
		    notification.type == type)
			return true;
	}
	return false;
}

/* Whether that one was there when this one's exchange began. */
static bool is_older(const struct ikev1_sa *other, const struct ikev1_sa *sa)
{
	return other != sa && other->established && other->established_ms < sa->began_ms;
}

void ikev1_take_initial_contact(struct ikev1_sa *sa)
{
	struct ikev1_peer *peer = sa->peer;
	struct ikev1_sa *other;
	struct ikev1_sa *next;

	/*
	 * Whoever has spoken under an older SA since this exchange began has not lost it: the
	 * notification is an old one.
	 */
	for (other = peer->sas; other != NULL; other = other->next) {
		if (is_older(other, sa) && other->heard_ms >= sa->began_ms)
			return;
	}
	for (other = peer->sas; other != NULL; other = next) {
		next = other->next;
		if (is_older(other, sa))
			ikev1_sa_free(other);
	}
	/* What was made since is with the peer as it is now. */
	kx_peer_restarted(peer->ikev1->kx, &peer->key.remote, sa->began_ms);
}
