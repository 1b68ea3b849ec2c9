/*
 * What the parts of the kernel data plane share. Everything belongs to the engine's thread but the
 * wishes, which lock for themselves; the monitor's thread only reads what never changes.
 */
#ifndef DATAPLANE_XFRM_PRIVATE_H
#define DATAPLANE_XFRM_PRIVATE_H

#include "dataplane/xfrm/batch.h"
#include "dataplane/xfrm/encapsulation.h"
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
	struct encapsulation *encapsulation; /* NULL without a port for it */
	struct monitor *monitor;
	struct resting *resting; /* the first that is over comes first */
	bool keep;               /* policies and SAs stand when it ends */
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
		char policy[POLICIES_NAME_SIZE];
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
/* Adds and removes an SA of this protocol; the problem says what the kernel lacks. */
enum err sa_try(
    struct batch *batch, enum ipsec_protocol protocol, struct problem *problem) MUST_CHECK;

/* xfrm-sas.c */
/* What an earlier run left serves until it has successors, which are asked for, or some seconds. */
enum err sas_relieve(struct dataplane *dataplane, struct problem *problem) MUST_CHECK;
/* All that are ours, or the larval ones of them. */
enum err sas_remove(struct dataplane *dataplane, bool larval, struct problem *problem) MUST_CHECK;
/* The kernel is to forget its larval SA. */
void sas_drop_larval(struct dataplane *dataplane, const struct wish *wish);
/* No SA will come for this wish now. */
void sas_refuse(struct dataplane *dataplane, const struct wish *wish);
/*
 * The same where packets go clear meanwhile: the larval SA, for which the kernel asks for no other,
 * stays as long as a refusal would, and is forgotten by a later sas_end_rest().
 */
void sas_rest(struct dataplane *dataplane, const struct wish *wish);
void sas_end_rest(struct dataplane *dataplane);
/* Forgets what rests, with no word to the kernel. */
void sas_clear_rest(struct dataplane *dataplane);
/* Reports again what may have been missed: wishes, and SAs that are used up or gone. */
void sas_resynchronise(struct dataplane *dataplane);

#endif
