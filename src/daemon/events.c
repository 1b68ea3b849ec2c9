/*
 * What the data plane reports. It may do so from threads of its own, or from within a request of
 * the engine, which must not be re-entered: everything waits in a queue until the loop takes it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

enum event_kind {
	EVENT_COMPLETED,
	EVENT_ACQUIRE,
	EVENT_EXPIRED,
	EVENT_MOVED,
	EVENT_MESSAGE,
	EVENT_FAILED
};

/* Messages of a key exchange that wait; what strangers send beyond that is lost. */
#define MESSAGES_MAX 1024

struct event {
	struct event *next;
	enum event_kind kind;
	union {
		struct dataplane_completion completion;
		struct dataplane_flow flow;
		struct dataplane_expiry expiry;
		struct dataplane_move move;
		struct problem problem;
		struct host_datagram message; /* its data follow */
	};
	uint8_t octets[];
};

struct events {
	struct daemon *daemon;
	pthread_mutex_t lock;
	pthread_t loop_thread;
	uv_async_t async;
	struct event *first;
	struct event **last;
	size_t messages;
};

/* Takes the event; on the loop's own thread nobody need be woken, for host_settle() follows. */
static void push(struct events *events, struct event *event)
{
	bool was_empty;

	(void)pthread_mutex_lock(&events->lock);
	was_empty = events->first == NULL;
	event->next = NULL;
	*events->last = event;
	events->last = &event->next;
	(void)pthread_mutex_unlock(&events->lock);
	if (was_empty && !pthread_equal(pthread_self(), events->loop_thread))
		(void)uv_async_send(&events->async);
}

static struct event *event_new(enum event_kind kind)
{
	struct event *event = calloc(1, sizeof(*event));

	/* A lost completion would leave a negotiation hanging for ever. */
	if (event == NULL)
		abort();
	event->kind = kind;
	return event;
}

static void completed(void *self, const struct dataplane_completion *completion)
{
	struct event *event = event_new(EVENT_COMPLETED);

	event->completion = *completion;
	push(self, event);
}

static void acquire(void *self, const struct dataplane_flow *flow)
{
	struct event *event = event_new(EVENT_ACQUIRE);

	event->flow = *flow;
	push(self, event);
}

static void expired(void *self, const struct dataplane_expiry *expiry)
{
	struct event *event = event_new(EVENT_EXPIRED);

	event->expiry = *expiry;
	push(self, event);
}

static void moved(void *self, const struct dataplane_move *move)
{
	struct event *event = event_new(EVENT_MOVED);

	event->move = *move;
	push(self, event);
}

/* Takes it unless too many wait. */
static bool may_wait(struct events *events)
{
	bool may;

	(void)pthread_mutex_lock(&events->lock);
	may = events->messages < MESSAGES_MAX;
	events->messages += may ? 1 : 0;
	(void)pthread_mutex_unlock(&events->lock);
	return may;
}

static void key_exchange(void *self, const struct dataplane_datagram *datagram)
{
	struct event *event;

	if (!may_wait(self))
		return;
	event = calloc(1, sizeof(*event) + datagram->data.len);
	if (event == NULL)
		abort();
	event->kind = EVENT_MESSAGE;
	memcpy(event->octets, datagram->data.data, datagram->data.len);
	event->message = (struct host_datagram){.port = HOST_PORT_IKE_NAT,
	    .local = datagram->local,
	    .remote = datagram->remote,
	    .data = bytes_of(event->octets, datagram->data.len)};
	push(self, event);
}

static void failed(void *self, const struct problem *problem)
{
	struct event *event = event_new(EVENT_FAILED);

	event->problem = *problem;
	push(self, event);
}

struct dataplane_listener events_listener(struct events *events)
{
	return (struct dataplane_listener){.self = events,
	    .completed = completed,
	    .acquire = acquire,
	    .expired = expired,
	    .moved = moved,
	    .key_exchange = key_exchange,
	    .failed = failed};
}

static void give(struct daemon *daemon, const struct event *event)
{
	switch (event->kind) {
	case EVENT_COMPLETED:
		if ((event->completion.token & DAEMON_TOKEN) != 0)
			query_completed(daemon, &event->completion);
		else
			kx_dataplane_done(daemon->kx, &event->completion);
		break;
	case EVENT_ACQUIRE:
		kx_acquire(daemon->kx, &event->flow);
		break;
	case EVENT_EXPIRED:
		kx_expired(daemon->kx, &event->expiry);
		break;
	case EVENT_MOVED:
		kx_moved(daemon->kx, &event->move);
		break;
	case EVENT_MESSAGE:
		kx_datagram(daemon->kx, &event->message);
		break;
	case EVENT_FAILED:
		host_fail(daemon, &event->problem);
		break;
	}
}

void events_drain(struct daemon *daemon)
{
	struct events *events = daemon->events;

	while (daemon->kx != NULL) {
		struct event *list;

		if (daemon->dataplane != NULL && daemon->dataplane_ops->flush != NULL)
			daemon->dataplane_ops->flush(daemon->dataplane);
		(void)pthread_mutex_lock(&events->lock);
		list = events->first;
		events->first = NULL;
		events->last = &events->first;
		events->messages = 0;
		(void)pthread_mutex_unlock(&events->lock);
		if (list == NULL)
			return;
		while (list != NULL) {
			struct event *event = list;

			list = event->next;
			give(daemon, event);
			free(event);
		}
	}
}

static void woken(uv_async_t *async)
{
	struct events *events = async->data;

	host_settle(events->daemon);
}

enum err events_open(struct daemon *daemon, struct events **out)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return ERR_NO_MEMORY;
	events->daemon = daemon;
	events->last = &events->first;
	events->loop_thread = pthread_self();
	(void)pthread_mutex_init(&events->lock, NULL);
	(void)uv_async_init(&daemon->loop, &events->async, woken);
	events->async.data = events;
	*out = events;
	return ERR_OK;
}

void events_close(struct events *events)
{
	uv_close((uv_handle_t *)&events->async, NULL);
}

void events_free(struct events *events)
{
	if (events == NULL)
		return;
	while (events->first != NULL) {
		struct event *event = events->first;

		events->first = event->next;
		free(event);
	}
	(void)pthread_mutex_destroy(&events->lock);
	free(events);
}
