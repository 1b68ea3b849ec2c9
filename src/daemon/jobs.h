/*
 * The thread for work with keys that would hold up the loop: key agreement, signatures,
 * certificates, public-key encryption. One piece of work is done at a time.
 */
#ifndef DAEMON_JOBS_H
#define DAEMON_JOBS_H

#include <uv.h>

#include "base/error.h"

struct jobs;

/* The first member of whatever a piece of work is about. */
struct job {
	struct job *next;
	void (*work)(struct job *job); /* in the thread */
	void (*done)(struct job *job); /* in the loop's; before discard() */
	void (*discard)(struct job *job);
};

struct jobs_listener {
	void *self;
	void (*settled)(void *self); /* ends each batch that was done */
};

enum err jobs_open(uv_loop_t *loop, const struct jobs_listener *listener, struct jobs **out,
    struct problem *problem) MUST_CHECK;
/* Takes the job over; on failure it is discarded. ERR_LIMIT when too many wait. */
enum err jobs_submit(struct jobs *jobs, struct job *job) MUST_CHECK;
/* Ends the thread; the loop must run once more before jobs_free(). */
void jobs_close(struct jobs *jobs);
/* Discards what was not done. */
void jobs_free(struct jobs *jobs);

#endif
