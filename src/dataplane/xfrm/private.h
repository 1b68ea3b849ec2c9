/*
 * What the parts of the kernel data plane share. Everything belongs to the engine's thread but the
 * wishes, which lock for themselves; the monitor's thread only reads what never changes.
 */
#ifndef DATAPLANE_XFRM_PRIVATE_H
#define DATAPLANE_XFRM_PRIVATE_H

#include "dataplane/xfrm/batch.h"
#include "dataplane/xfrm/monitor.h"
#include "dataplane/xfrm/policies.h"
#include "dataplane/xfrm/states.h"
#include "dataplane/xfrm/surroundings.h"
#include "dataplane/xfrm/wishes.h"

struct dataplane {
	struct dataplane_listener listener;
	struct log *log;
	struct batch *batch;
	struct policies *policies;
	struct states states;
	struct wishes *wishes;
	struct surroundings *surroundings;
	struct monitor *monitor;
};

/*
 * A request of the engine, which is complete when the kernel has answered all the messages that it
 * took. Whoever makes it holds it until it has queued them all.
 */
struct work {
	struct dataplane *dataplane;
	struct dataplane_completion completion;
	union {
		struct dataplane_sa sa; /* its key is wiped at the end */
		struct dataplane_move move;
		uint32_t policy_id;
	};
	unsigned held;
};

/* Never NULL. Held once. */
struct work *work_new(struct dataplane *dataplane, const struct dataplane_request *request);
void work_hold(struct work *work);
/* The last release tells the listener. */
void work_release(struct work *work);

/* xfrm-sa.c: what concerns SAs. Each queues messages and answers through its work. */
void sa_reserve(struct work *work);
void sa_add(struct work *work);
void sa_delete(struct work *work);
void sa_query(struct work *work);
void sa_move(struct work *work);
/* What an earlier run left, and at the end all that is ours. */
enum err sa_remove_all(struct dataplane *dataplane, struct problem *problem) MUST_CHECK;
/* The kernel is to ask again for what these wishes were for. */
void sa_give_up(struct dataplane *dataplane, const struct wish *wish);

#endif
