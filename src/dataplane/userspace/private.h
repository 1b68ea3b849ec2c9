/*
 * What the parts of the userspace data plane share: the engine's thread (userspace.c) and the two
 * that carry packets (outbound.c from the TUN device to the wire, inbound.c back).
 *
 * The lock: the engine's thread holds it for writing around every change and every look at
 * counters; the other two hold it for reading while they use SAs and policies, never during I/O.
 * What a packet changes belongs to one thread alone: outbound SAs and held packets to the outbound
 * one, inbound SAs to the inbound one. So under the writer's lock all of it is at rest.
 */
#ifndef DATAPLANE_USERSPACE_PRIVATE_H
#define DATAPLANE_USERSPACE_PRIVATE_H

#include <pthread.h>
#include <time.h>

#include "dataplane/userspace/filter.h"
#include "dataplane/userspace/hold.h"
#include "dataplane/userspace/path.h"
#include "dataplane/userspace/promises.h"
#include "dataplane/userspace/routing.h"
#include "dataplane/userspace/sa_table.h"
#include "dataplane/userspace/sockets.h"
#include "dataplane/userspace/spd.h"
#include "dataplane/userspace/tun.h"

struct dataplane {
	struct dataplane_listener listener;
	struct log *log;
	struct tun tun;
	struct sockets sockets;
	struct path path; /* the outbound thread's */
	struct routing *routing;
	struct filter *filter;

	pthread_rwlock_t lock;
	struct sa_table *sas;
	struct spd spd;
	struct hold *hold;
	uint16_t udp_port; /* of UDP encapsulation; 0: none */

	int stop;         /* eventfd: readable when the threads are to end */
	int ready;        /* eventfd: readable when held packets may go */
	int tick;         /* timerfd: runs while some SA has to keep a NAT's mapping alive */
	char *state_path; /* of promises.h; NULL: none */
	bool starting;    /* what an earlier run left still stands, and its filter counts */
	bool keep;        /* policies stand when it ends */
	bool running;
	pthread_t outbound;
	pthread_t inbound;
};

/* Each the body of a thread; the argument is the struct dataplane. */
void *outbound_run(void *argument);
void *inbound_run(void *argument);

/* A clock good enough for lifetimes, and cheap. */
static inline uint64_t coarse_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * Counts packets of together `bytes` inner octets on the SA and reports limits reached. False when
 * the SA is used up, and the packets must not pass.
 */
bool lifetime_use(
    struct dataplane *dataplane, struct sa *sa, uint64_t packets, uint64_t bytes, uint64_t now_ms);

#endif
