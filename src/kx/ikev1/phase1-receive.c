/*
 * Which message belongs to a phase 1, and what becomes of one that proves nothing: anybody can send
 * one in the peer's name, so that only what the peer has proved counts.
 */
#include "kx/ikev1/phase1.h"

#include <string.h>

#include "kx/ikev1/informational.h"

/* Whether a message can be the one that is awaited; it is then in *out, and iv the next one's. */
static bool read(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body, unsigned number,
    struct ikev1_received *out, uint8_t iv[CBC_BLOCK_MAX])
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	/* How main mode authenticates is known only when its first answer is read. */
	enum ikev1_family family =
	    sa->phase1->auth != NULL ? ikev1_family_of(sa->suite.authentication) : IKEV1_FAMILY_ANY;
	enum err error;

	memcpy(iv, sa->exchange.iv, CBC_BLOCK_MAX);
	if ((header->flags & ISAKMP_FLAG_ENCRYPTION) == 0) {
		error = ikev1_received_plain(out, header, body);
	} else if (sa->keys != NULL) {
		error = ikev1_received_open(out, header, body, sa->keys, iv);
	} else {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		return false;
	}
	if (error == ERR_AUTH) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNAUTHENTIC);
		ikev1_log_stranger(ikev1, &datagram->remote,
		    "a message of phase 1 does not decrypt to anything",
		    "do both ends have the same pre-shared key?");
		return false;
	}
	if (error != ERR_OK) {
		kx_count(ikev1->kx, KX_DATAGRAMS_MALFORMED);
		return false;
	}
	if (!ikev1_received_is_lawful(ikev1, &datagram->remote, out, number, family)) {
		ikev1_received_clear(out);
		return false;
	}
	return true;
}

void ikev1_phase1_keep_iv(struct ikev1_phase1 *phase1)
{
	struct ikev1_sa *sa = phase1->sa;

	if (sa->keys != NULL)
		memcpy(sa->keys->iv, sa->exchange.iv, sizeof(sa->keys->iv));
}

void ikev1_phase1_take(struct ikev1_phase1 *phase1)
{
	struct ikev1_unproved *unproved = &phase1->unproved;
	struct ikev1_sa *sa = phase1->sa;

	if (!unproved->is)
		return;
	unproved->is = false;
	ikev1_exchange_answered(&sa->exchange, unproved->mark);
	memcpy(sa->exchange.iv, unproved->iv, sizeof(sa->exchange.iv));
	ikev1_phase1_keep_iv(phase1);
	/* RFC 3947 4: from its first encrypted message on the initiator may use another port. */
	if (!sa->initiator &&
	    address_equal(&unproved->path.remote.address, &sa->path.remote.address)) {
		sa->path = unproved->path;
		sa->peer_nat = sa->knows_nat && sa->path.port == HOST_PORT_IKE_NAT;
	}
}

void ikev1_phase1_unauthenticated(struct ikev1_phase1 *phase1, const struct problem *problem)
{
	struct ikev1_sa *sa = phase1->sa;
	struct ikev1 *ikev1 = sa->peer->ikev1;

	if (!phase1->unproved.is || auth_peer_proved(phase1->auth)) {
		if (phase1->unproved.is) {
			ikev1_phase1_take(phase1);
			ikev1_tell_unauthenticated(sa);
		}
		ikev1_phase1_fail(phase1, KX_FAILURE_FINAL, problem);
		return;
	}
	kx_count(ikev1->kx, KX_DATAGRAMS_UNAUTHENTIC);
	ikev1_log_stranger(
	    ikev1, &sa->path.remote, "a message of phase 1 proves nothing", problem->text);
	phase1->doubt = *problem;
	phase1->unproved.is = false;
	phase1->steps.next = phase1->unproved.awaited;
	phase1->steps.busy = false;
}

/*
 * Another third message of main mode than the one that was taken, which nothing has proved yet: it
 * may be that one that was forged.
 */
static bool begins_anew(const struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header)
{
	const struct ikev1_phase1 *phase1 = sa->phase1;

	return phase1 != NULL && !sa->initiator && !phase1->steps.busy &&
	       phase1->mode == ISAKMP_EXCHANGE_IDENTITY_PROTECTION &&
	       header->exchange == phase1->mode && (header->flags & ISAKMP_FLAG_ENCRYPTION) == 0 &&
	       endpoint_equal(&datagram->remote, &sa->path.remote);
}

void ikev1_phase1_received(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	struct ikev1_phase1 *phase1 = sa->phase1;
	struct ikev1_half_open *half_open = ikev1_half_open_find(ikev1, &sa->cookies);
	struct ikev1_received received = {0};
	uint8_t iv[CBC_BLOCK_MAX];
	unsigned number;

	if (ikev1_exchange_is_copy(&sa->exchange, datagram->data)) {
		if (phase1 == NULL || !phase1->steps.busy)
			ikev1_exchange_again(&sa->exchange);
		return;
	}
	if (half_open != NULL && begins_anew(sa, datagram, header)) {
		ikev1_sa_free(sa);
		ikev1_phase1_respond_main(ikev1, half_open, datagram, header, body);
		return;
	}
	number = phase1 != NULL ? ikev1_steps_awaited(&phase1->steps) : 0;
	if (number == 0 || header->exchange != phase1->mode) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	/* Whoever sends one forged proof after another causes no more work than others. */
	if (phase1->doubt.code != ERR_OK &&
	    !limit_take(&ikev1->agreement_limit, ikev1_now(ikev1))) {
		kx_count(ikev1->kx, KX_DATAGRAMS_SHED);
		return;
	}
	if (!read(sa, datagram, header, body, number, &received, iv))
		return;
	phase1->heard = true;
	ikev1_received_clear(&phase1->received);
	phase1->received = received;
	phase1->number = number;
	if ((header->flags & ISAKMP_FLAG_ENCRYPTION) == 0) {
		ikev1_exchange_answered(&sa->exchange, ikev1_mark(datagram->data));
	} else {
		phase1->unproved = (struct ikev1_unproved){.is = true,
		    .mark = ikev1_mark(datagram->data),
		    .path = {datagram->port, datagram->local, datagram->remote},
		    .awaited = phase1->steps.next};
		memcpy(phase1->unproved.iv, iv, sizeof(iv));
	}
	ikev1_steps_received(&phase1->steps, phase1);
}

void ikev1_phase1_hint(struct ikev1_sa *sa, uint16_t notification)
{
	if (sa->phase1 != NULL)
		(void)problem_set(&sa->phase1->hint, ERR_REFUSED, "%s", notify_name(notification));
}

void ikev1_phase1_refused(struct ikev1_sa *sa, uint16_t notification)
{
	struct problem problem;

	if (sa->phase1 == NULL)
		return;
	(void)problem_set(&problem, ERR_REFUSED, "the peer refuses phase 1: %s; its log says why",
	    notify_name(notification));
	ikev1_phase1_fail(sa->phase1, KX_FAILURE_FINAL, &problem);
}
