/*
 * The commit bit, set by the peer: RFC 2408 3.1 and 4.8. Nothing is sent through the SA before the
 * peer has said CONNECTED: in the exchange itself, as deployed peers do, or in an Informational
 * exchange of the same message ID. The bit is covered by no hash, so that whoever sets it in a
 * message of somebody else gains a delay at most: when what was sent last has been sent often
 * enough, the SA is used without. It is never set here, where the inbound SA is in place before the
 * peer can know of it.
 */
#include <string.h>

#include "kx/ikev1/informational.h"
#include "kx/ikev1/proposal.h"
#include "kx/ikev1/quick-steps.h"

enum ikev1_outcome ikev1_quick_expect_connected(void *exchange)
{
	struct ikev1_quick *quick = exchange;

	/* Else the row where it is awaited is passed over. */
	if (!quick->commit)
		quick->steps.next++;
	return IKEV1_NEXT;
}

bool ikev1_quick_awaits_connected(const struct ikev1_quick *quick)
{
	return !quick->over && ikev1_steps_awaited(&quick->steps) == IKEV1_MESSAGE_CONNECTED;
}

/* Under the IV that goes on from the third message, or under one of a new exchange. */
static bool open(const struct ikev1_quick *quick, const struct isakmp_header *header,
    struct bytes body, struct ikev1_received *received)
{
	const struct ikev1_keys *keys = quick->sa->keys;
	uint8_t ivs[2][CBC_BLOCK_MAX];
	struct bytes none = {0};

	memcpy(ivs[0], quick->exchange.iv, sizeof(ivs[0]));
	if (ikev1_keys_iv(keys, header->message_id, ivs[1]) != ERR_OK)
		return false;
	for (size_t i = 0; i < 2; i++) {
		if (ikev1_received_open(received, header, body, keys, ivs[i]) != ERR_OK)
			continue;
		if (ikev1_received_is_authentic(received, keys, none))
			return true;
		ikev1_received_clear(received);
	}
	return false;
}

/* What the message says; what is neither is waited past. */
enum word { NOTHING, CONNECTED, REFUSED };

static enum word read(const struct ikev1_quick *quick, const struct host_datagram *datagram,
    const struct ikev1_received *received, uint16_t *refusal)
{
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	unsigned number =
	    received->header.exchange == ISAKMP_EXCHANGE_QUICK ? IKEV1_MESSAGE_CONNECTED : 1;

	if (!ikev1_received_is_lawful(ikev1, &datagram->remote, received, number,
		ikev1_family_of(quick->sa->suite.authentication)))
		return NOTHING;
	*refusal = quick_find_error(&received->chain);
	if (*refusal != 0)
		return REFUSED;
	if (ikev1_has_notification(&received->chain, NOTIFY_CONNECTED))
		return CONNECTED;
	kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
	return NOTHING;
}

void ikev1_quick_connected(struct ikev1_quick *quick, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1_received received = {0};
	struct problem problem;
	enum word word;
	uint16_t refusal = 0;

	if (!open(quick, header, body, &received)) {
		kx_count(ikev1_quick_method(quick)->kx, KX_DATAGRAMS_UNAUTHENTIC);
		return;
	}
	word = read(quick, datagram, &received, &refusal);
	ikev1_received_clear(&received);
	if (word == NOTHING)
		return;
	ikev1_sa_heard(quick->sa, datagram);
	if (word == REFUSED) {
		(void)problem_set(&problem, ERR_REFUSED, "the peer refuses: %s; its log says why",
		    notify_name(refusal));
		quick->sent = false;
		ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
		return;
	}
	/* Where both set the bit the peer may still wait for ours, and ask for it by a copy. */
	ikev1_exchange_rest(&quick->exchange);
	ikev1_steps_received(&quick->steps, quick);
}

void ikev1_quick_unconnected(struct ikev1_quick *quick)
{
	ikev1_log_stranger(ikev1_quick_method(quick), &quick->sa->path.remote,
	    "uses an SA that was not said to be CONNECTED",
	    "the peer set the commit bit (RFC 2408 3.1) and said no more, however often it was "
	    "asked");
	ikev1_steps_received(&quick->steps, quick);
}
