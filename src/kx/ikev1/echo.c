/*
 * Messages that nobody answers, sent several times against their loss. The peer knows the copies by
 * their message ID.
 */
#include <stdlib.h>
#include <utlist.h>

#include "kx/ikev1/fragment.h"
#include "kx/ikev1/informational.h"

struct ikev1_echo {
	struct ikev1 *ikev1;
	struct ikev1_path path;
	struct bytes message;
	unsigned left;
	uint64_t interval_ms;
	struct timer timer;
	struct ikev1_echo *next, *previous;
};

static void echo_free(struct ikev1_echo *echo)
{
	timers_cancel(kx_timers(echo->ikev1->kx), &echo->timer);
	DL_DELETE2(echo->ikev1->echoes, echo, previous, next);
	bytes_drop(&echo->message);
	free(echo);
}

static void repeat(struct timer *timer, void *context)
{
	struct ikev1_echo *echo = context;
	struct ikev1 *ikev1 = echo->ikev1;

	ikev1_send(ikev1, &echo->path, echo->message, false);
	echo->interval_ms *= 2;
	if (--echo->left == 0 || timers_set(kx_timers(ikev1->kx), timer,
				     ikev1_now(ikev1) + echo->interval_ms, repeat, echo) != ERR_OK)
		echo_free(echo);
	if (ikev1->echoes == NULL)
		kx_shutdown_check(ikev1->kx);
}

void ikev1_echo(struct ikev1 *ikev1, const struct ikev1_path *path, struct bytes message)
{
	struct ikev1_echo *echo = calloc(1, sizeof(*echo));

	ikev1_send(ikev1, path, message, false);
	if (echo == NULL)
		return;
	echo->ikev1 = ikev1;
	echo->path = *path;
	echo->message = bytes_copy(message);
	echo->left = IKEV1_TELLINGS - 1;
	echo->interval_ms = kx_policy(ikev1->kx)->daemon.retransmit_first;
	DL_APPEND2(ikev1->echoes, echo, previous, next);
	if (echo->message.data == NULL ||
	    timers_set(kx_timers(ikev1->kx), &echo->timer, ikev1_now(ikev1) + echo->interval_ms,
		repeat, echo) != ERR_OK)
		echo_free(echo);
}

void ikev1_echoes_clear(struct ikev1 *ikev1)
{
	while (ikev1->echoes != NULL)
		echo_free(ikev1->echoes);
}
