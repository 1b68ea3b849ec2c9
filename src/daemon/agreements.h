/* A thread for key agreement, which would hold up the loop. */
#ifndef DAEMON_AGREEMENTS_H
#define DAEMON_AGREEMENTS_H

#include <uv.h>

#include "kinkd/agreement.h"

struct agreements;

struct agreements_listener {
	void *self;
	void (*completed)(void *self, const struct agreement_completion *completion);
	void (*settled)(void *self); /* ends each batch */
};

enum err agreements_open(uv_loop_t *loop, const struct agreements_listener *listener,
    struct agreements **out, struct problem *problem) MUST_CHECK;
/* ERR_LIMIT when too many wait. */
enum err agreements_submit(
    struct agreements *agreements, const struct agreement_request *request) MUST_CHECK;
/* Ends the thread; the loop must run once more before agreements_free(). */
void agreements_close(struct agreements *agreements);
void agreements_free(struct agreements *agreements);

#endif
