/* Whether a peer is there: RFC 3706. */
#ifndef KX_IKEV1_DPD_H
#define KX_IKEV1_DPD_H

#include "kx/ikev1/sa.h"

/* Asks; see struct kx_method. */
void ikev1_probe(struct ikev1 *ikev1, struct kx_probe *probe);
void ikev1_withdraw_probe(struct ikev1 *ikev1, struct kx_probe *probe);
/* An SA with the peer is there, which alone is an answer. */
void ikev1_questions_go_on(struct ikev1_peer *peer);
/* There will be none. */
void ikev1_questions_fail(struct ikev1_peer *peer, const struct problem *problem);
void ikev1_questions_clear(struct ikev1_peer *peer);
/* The peer asks us. */
void ikev1_answer_question(struct ikev1_sa *sa, const struct isakmp_notification *question);
/* The peer answers. */
void ikev1_question_answered(struct ikev1_sa *sa, const struct isakmp_notification *answer);

#endif
