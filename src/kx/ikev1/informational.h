/* Informational exchanges: notifications and deletions (RFC 2409 5.7, RFC 2408 5.14 and 5.15). */
#ifndef KX_IKEV1_INFORMATIONAL_H
#define KX_IKEV1_INFORMATIONAL_H

#include "kx/ikev1/sa.h"

/* A message under construction, under an established SA. */
struct ikev1_information {
	struct ikev1_sa *sa;
	uint32_t message_id;
	struct ikev1_message_writer message;
};

void ikev1_inform_begin(struct ikev1_information *information, struct ikev1_sa *sa);
/*
 * Sends it. These exchanges are not answered, so what must not get lost is sent several times; the
 * peer takes one of them.
 */
void ikev1_inform_send(struct ikev1_information *information, bool several_times);
void ikev1_echoes_clear(struct ikev1 *ikev1);

/* A notification of an error about an exchange, if there is a key for it. */
void ikev1_inform_error(struct ikev1_sa *sa, enum notify_type type, enum ipsec_protocol protocol,
    uint32_t spi, struct bytes data);
/* Phase 1 ends because we do not accept what the peer has proved to be (RFC 2408 5.11, 5.12). */
void ikev1_tell_unauthenticated(struct ikev1_sa *sa);
/* This SA is about to go. */
void ikev1_tell_deleted(struct ikev1_sa *sa);
/* A pair of IPsec SAs is about to go; nothing is said when no ISAKMP SA is there to say it under.
 */
void ikev1_tell_pair_deleted(struct ikev1 *ikev1, const struct sa_pair *pair);

/* An encrypted one. */
void ikev1_informed(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body);
/*
 * Refuses a first message, in clear: for whoever runs the peer, who finds it in his log. Never
 * longer than what it answers, and at a bounded rate.
 */
void ikev1_refuse_plain(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, enum notify_type type);
/* One in clear, which proves nothing. */
void ikev1_informed_plain(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body);

/* new-group.c: an offer of New Group Mode, under an established SA. */
void ikev1_new_group_received(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body);

/* INITIAL-CONTACT: RFC 2407 4.6.3.3. */
void ikev1_put_initial_contact(const struct ikev1_sa *sa, struct isakmp_writer *chain);
/*
 * By itself, several times, for nobody answers it; all may be lost, so that the first Quick Mode
 * says it again.
 */
void ikev1_tell_contact(struct ikev1_sa *sa);
bool ikev1_has_notification(const struct isakmp_chain *chain, enum notify_type type);
/* The peer says that this is the first SA that it has with us: what we have besides is of no use.
 */
void ikev1_take_initial_contact(struct ikev1_sa *sa);

#endif
