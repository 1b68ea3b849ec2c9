/*
 * New Group Mode: RFC 2409 5.6. Groups are known here by their numbers, so a peer's own is refused,
 * as the RFC has it. That changes nothing here, and copies are answered like the first.
 */
#include "kx/ikev1/fragment.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/proposal.h"
#include "kx/quick/quick.h"

static void answer(struct ikev1_sa *sa, uint32_t message_id, uint8_t iv[CBC_BLOCK_MAX])
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	struct isakmp_notification refusal = {.doi = IPSEC_DOI,
	    .protocol = PROTO_ISAKMP,
	    .type = NOTIFY_ATTRIBUTES_NOT_SUPPORTED,
	    .spi = bytes_of(&sa->cookies, sizeof(sa->cookies))};
	struct ikev1_message_writer message;
	struct bytes none = {0};
	struct bytes octets;

	ikev1_message_begin(&message, &sa->cookies, ISAKMP_EXCHANGE_NEW_GROUP, message_id);
	ikev1_message_put_hash(&message, sa->keys);
	isakmp_put_notification(&message.chain, &refusal);
	if (ikev1_message_hash(&message, sa->keys, message_id, none) == ERR_OK &&
	    ikev1_message_seal(&message, sa->keys, iv, &octets) == ERR_OK)
		ikev1_send(ikev1, &sa->path, octets, false);
}

void ikev1_new_group_received(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	struct ikev1_received received = {0};
	uint8_t iv[CBC_BLOCK_MAX];

	if (!sa->established || header->message_id == 0 ||
	    (header->flags & ISAKMP_FLAG_ENCRYPTION) == 0 ||
	    ikev1_sa_took_message_id(sa, header->message_id)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	if (!ikev1_sa_open(sa, header, body, &received, iv))
		return;
	if (ikev1_received_is_lawful(ikev1, &datagram->remote, &received, 1,
		ikev1_family_of(sa->suite.authentication)) &&
	    limit_take(&ikev1->error_limit, ikev1_now(ikev1))) {
		ikev1_log_stranger(ikev1, &sa->path.remote, "refused a group",
		    "New Group Mode has none that is known here; offer a group by its number");
		answer(sa, header->message_id, iv);
	}
	ikev1_received_clear(&received);
}
