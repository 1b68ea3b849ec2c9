/*
 * Requests to the kernel's XFRM (linux/xfrm.h), as many at a time as there are: one system call
 * sends them, one or a few bring the answers.
 */
#ifndef DATAPLANE_XFRM_BATCH_H
#define DATAPLANE_XFRM_BATCH_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "base/error.h"

struct batch;

/* All of it is borrowed until the handler returns. */
struct batch_answer {
	int error;                    /* an errno; 0: done */
	const char *text;             /* the kernel's own words on the error; "" for none */
	const struct nlmsghdr *reply; /* what was asked for; NULL when nothing was */
};

typedef void (*batch_done)(void *context, uint64_t argument, const struct batch_answer *answer);
typedef void (*batch_visitor)(void *context, const struct nlmsghdr *message);

enum err batch_open(struct batch **out, struct problem *problem) MUST_CHECK;
/* What has not been sent is forgotten without an answer. */
void batch_close(struct batch *batch);
/* By which the kernel names who asked: it stands in its reports of what requests have changed. */
uint32_t batch_port(const struct batch *batch);

/*
 * A message of this type (XFRM_MSG_NEWSA, ...) to fill by libmnl's functions, with room for
 * BATCH_MESSAGE_MAX octets, and its end. Its answer comes from batch_flush(), or from
 * batch_begin() when the batch is full.
 */
#define BATCH_MESSAGE_MAX 8192
struct nlmsghdr *batch_begin(struct batch *batch, uint16_t type);
void batch_end(struct batch *batch, struct nlmsghdr *message, batch_done done, void *context,
    uint64_t argument);
/* Sends what there is, and what the handlers add meanwhile, and has each handler called. */
void batch_flush(struct batch *batch);

/* Every SA (XFRM_MSG_GETSA) or policy (XFRM_MSG_GETPOLICY) of this network namespace. */
enum err batch_dump(struct batch *batch, uint16_t type, batch_visitor visitor, void *context,
    struct problem *problem) MUST_CHECK;

#endif
