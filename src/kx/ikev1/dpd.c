/*
 * Dead-peer detection: RFC 3706. A peer that does not know it, or with whom no ISAKMP SA is left,
 * is asked by a new phase 1. When to ask, and what follows from silence, is the layer's business.
 */
#include "kx/ikev1/dpd.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase1.h"

struct ikev1_question {
	struct ikev1_peer *peer;
	struct kx_probe *probe;
	uint64_t sa;       /* asked under it; 0: by a phase 1 */
	uint32_t sequence; /* of the last R-U-THERE */
	uint32_t tries;
	uint64_t began_ms;
	uint64_t interval_ms;
	struct timer timer;
	struct ikev1_question *next, *previous;
};

static void question_free(struct ikev1_question *question)
{
	struct ikev1_peer *peer = question->peer;

	question->probe->messages = question->tries;
	question->probe->work = 0;
	timers_cancel(kx_timers(peer->ikev1->kx), &question->timer);
	DL_DELETE2(peer->questions, question, previous, next);
	free(question);
}

static void end(struct ikev1_question *question, const struct problem *problem)
{
	struct ikev1_peer *peer = question->peer;
	struct kx_probe *probe = question->probe;
	struct kx *kx = peer->ikev1->kx;

	question_free(question);
	ikev1_peer_drop(peer);
	kx_probe_done(kx, probe, problem);
}

static void end_well(struct ikev1_question *question)
{
	static const struct problem none = {.code = ERR_OK};

	end(question, &none);
}

static void put_sequence(struct ikev1_sa *sa, enum notify_type type, struct bytes data)
{
	struct ikev1_information information;
	struct isakmp_notification notification = {.doi = IPSEC_DOI,
	    .protocol = PROTO_ISAKMP,
	    .type = (uint16_t)type,
	    .spi = bytes_of(&sa->cookies, sizeof(sa->cookies)),
	    .data = data};

	ikev1_inform_begin(&information, sa);
	isakmp_put_notification(&information.message.chain, &notification);
	ikev1_inform_send(&information, false);
}

static void ask(struct timer *timer, void *context);

static void ask_under(struct ikev1_question *question, struct ikev1_sa *sa)
{
	struct ikev1 *ikev1 = question->peer->ikev1;
	const struct host *host = kx_host(ikev1->kx);

	/* RFC 3706 6.1: the first number is random, and its top bit clear. */
	if (sa->dpd_sequence == 0)
		host->random(host->self, &sa->dpd_sequence, sizeof(sa->dpd_sequence));
	sa->dpd_sequence &= 0x7fffffff;
	question->sa = sa->handle;
	question->tries = 0;
	question->interval_ms = kx_policy(ikev1->kx)->daemon.retransmit_first;
	ask(&question->timer, question);
}

static void ask(struct timer *timer, void *context)
{
	struct ikev1_question *question = context;
	struct ikev1 *ikev1 = question->peer->ikev1;
	const struct policy_daemon *daemon = &kx_policy(ikev1->kx)->daemon;
	struct ikev1_sa *sa = slots_get(&ikev1->sas, question->sa);
	struct problem problem;
	uint8_t octets[4];
	struct writer data = writer_of(octets, sizeof(octets));

	if (sa == NULL) {
		question->sa = 0;
		ikev1_peer_want_sa(question->peer);
		return;
	}
	if (question->tries >= daemon->retransmit_tries) {
		/* It may have lost the SA: the next thing to do needs another. */
		ikev1_sa_free(sa);
		sa = ikev1_peer_sa(question->peer);
		if (sa != NULL && sa->knows_dpd) {
			ask_under(question, sa);
			return;
		}
		(void)problem_set(&problem, ERR_TIMEOUT,
		    "the peer did not answer %u R-U-THERE messages", question->tries);
		end(question, &problem);
		return;
	}
	question->sequence = sa->dpd_sequence++;
	writer_u32(&data, question->sequence);
	put_sequence(sa, NOTIFY_R_U_THERE, writer_bytes(&data));
	question->tries++;
	if (timers_set(kx_timers(ikev1->kx), timer, ikev1_now(ikev1) + question->interval_ms, ask,
		question) != ERR_OK) {
		(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory");
		end(question, &problem);
		return;
	}
	question->interval_ms = 2 * question->interval_ms < daemon->retransmit_limit
	                            ? 2 * question->interval_ms
	                            : daemon->retransmit_limit;
}

void ikev1_probe(struct ikev1 *ikev1, struct kx_probe *probe)
{
	struct ikev1_peer *peer = ikev1_peer_get(ikev1, probe->peer, &probe->local, &probe->remote);
	struct ikev1_question *question = peer != NULL ? calloc(1, sizeof(*question)) : NULL;
	struct ikev1_sa *sa;
	struct problem problem;

	probe->work = 0;
	if (question == NULL) {
		(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory");
		if (peer != NULL)
			ikev1_peer_drop(peer);
		kx_probe_done(ikev1->kx, probe, &problem);
		return;
	}
	question->peer = peer;
	question->probe = probe;
	question->began_ms = ikev1_now(ikev1);
	question->interval_ms = kx_policy(ikev1->kx)->daemon.retransmit_first;
	probe->work = 1;
	DL_APPEND2(peer->questions, question, previous, next);
	sa = ikev1_peer_sa(peer);
	if (sa == NULL) {
		ikev1_peer_want_sa(peer);
		return;
	}
	if (!sa->knows_dpd) {
		ikev1_phase1_initiate(peer);
		return;
	}
	ask_under(question, sa);
}

/* The oldest SA under which nothing has come since then; NULL when there is none. */
static struct ikev1_sa *find_silent(struct ikev1_peer *peer, uint64_t since_ms)
{
	struct ikev1_sa *found = NULL;
	struct ikev1_sa *sa;

	DL_FOREACH (peer->sas, sa) {
		if (sa->established && sa->heard_ms < since_ms)
			found = sa;
	}
	return found;
}

/*
 * A peer that answers nothing may have lost what we have with it: what is negotiated next must not
 * wait for answers under an ISAKMP SA that is of no use.
 */
static void forget_silent(struct ikev1 *ikev1, const struct kx_probe *probe, uint64_t since_ms)
{
	struct ikev1_peer *peer = ikev1_peer_find(ikev1, &probe->local, &probe->remote);
	struct ikev1_sa *sa;

	/* What an SA's end brings about may be anything, so each time from the start. */
	while (peer != NULL && (sa = find_silent(peer, since_ms)) != NULL) {
		ikev1_sa_free(sa);
		peer = ikev1_peer_find(ikev1, &probe->local, &probe->remote);
	}
}

void ikev1_withdraw_probe(struct ikev1 *ikev1, struct kx_probe *probe)
{
	struct ikev1_peer *peer = ikev1_peer_find(ikev1, &probe->local, &probe->remote);
	struct ikev1_question *question;
	uint64_t since_ms;

	if (peer == NULL)
		return;
	DL_SEARCH_SCALAR2(peer->questions, question, probe, probe, next);
	if (question == NULL)
		return;
	if (question->sa == 0)
		question->tries = ikev1_peer_tries(peer);
	since_ms = question->began_ms;
	question_free(question);
	ikev1_peer_drop(peer);
	if (probe->messages > 0)
		forget_silent(ikev1, probe, since_ms);
}

void ikev1_questions_go_on(struct ikev1_peer *peer)
{
	struct ikev1_question *question;
	struct ikev1_question *next;

	for (question = peer->questions; question != NULL; question = next) {
		next = question->next;
		end_well(question);
	}
}

void ikev1_questions_fail(struct ikev1_peer *peer, const struct problem *problem)
{
	struct ikev1_question *question;
	struct ikev1_question *next;

	for (question = peer->questions; question != NULL; question = next) {
		next = question->next;
		if (question->sa == 0) {
			question->tries = 1;
			end(question, problem);
		}
	}
}

void ikev1_questions_clear(struct ikev1_peer *peer)
{
	while (peer->questions != NULL)
		question_free(peer->questions);
}

void ikev1_answer_question(struct ikev1_sa *sa, const struct isakmp_notification *question)
{
	if (question->data.len == 4)
		put_sequence(sa, NOTIFY_R_U_THERE_ACK, question->data);
}

void ikev1_question_answered(struct ikev1_sa *sa, const struct isakmp_notification *answer)
{
	struct reader r = reader_of(answer->data);
	uint32_t sequence = reader_u32(&r);
	struct ikev1_question *question;

	DL_FOREACH2(sa->peer->questions, question, next)
	{
		if (question->sa == sa->handle && reader_ok(&r) && sequence == question->sequence) {
			end_well(question);
			return;
		}
	}
}
