/* Packets that wait for an SA. */
#include "dataplane/userspace/hold.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/selector.h"

#define BUCKETS      256
/* An acquire that nobody answered for so long is asked again. */
#define ASK_AGAIN_MS 60000

struct held_flow {
	struct held_flow *next;
	struct dataplane_flow flow; /* as its first packet had it */
	bool with_ports;
	uint64_t asked_ms;
	bool failed; /* that was answered: none will come */
	uint32_t count;
	struct held_frame *first;
	struct held_frame **last;
};

struct hold {
	uint32_t packets_max;
	uint32_t flows_max;
	uint32_t flows;
	uint32_t failed; /* of them */
	struct held_flow *buckets[BUCKETS];
	struct held_frame *ready;
	struct held_frame **ready_last;
};

struct hold *hold_new(uint32_t packets, uint32_t flows)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	if (hold == NULL)
		return NULL;
	hold->packets_max = packets;
	hold->flows_max = flows;
	hold->ready_last = &hold->ready;
	return hold;
}

static void free_frames(struct held_frame *frame)
{
	while (frame != NULL) {
		struct held_frame *next = frame->next;

		free(frame);
		frame = next;
	}
}

static struct held_flow **bucket_of(struct hold *hold, const struct dataplane_flow *flow)
{
	uint32_t hash = flow->policy_id;

	for (size_t i = 0; i < sizeof(flow->remote.octets); i++)
		hash = hash * 31 + flow->remote.octets[i] + 17 * (uint32_t)flow->local.octets[i];
	return &hold->buckets[(hash ^ hash >> 8) % BUCKETS];
}

static bool is_same(const struct held_flow *held, const struct dataplane_flow *flow)
{
	if (held->flow.policy_id != flow->policy_id ||
	    !address_equal(&held->flow.remote, &flow->remote) ||
	    !address_equal(&held->flow.local, &flow->local))
		return false;
	return !held->with_ports || (held->flow.protocol == flow->protocol &&
					held->flow.local_port == flow->local_port &&
					held->flow.remote_port == flow->remote_port);
}

static struct held_flow **find(struct hold *hold, const struct dataplane_flow *flow)
{
	struct held_flow **link = bucket_of(hold, flow);

	while (*link != NULL && !is_same(*link, flow))
		link = &(*link)->next;
	return link;
}

static void keep(struct hold *hold, struct held_flow *held, struct bytes octets)
{
	struct held_frame *frame;

	if (octets.len == 0 || held->count >= hold->packets_max)
		return;
	frame = malloc(sizeof(*frame) + octets.len);
	if (frame == NULL)
		return;
	frame->next = NULL;
	frame->len = octets.len;
	memcpy(frame->octets, octets.data, octets.len);
	*held->last = frame;
	held->last = &frame->next;
	held->count++;
}

static void forget(struct hold *hold, struct held_flow **link)
{
	struct held_flow *held = *link;

	*link = held->next;
	hold->failed -= held->failed ? 1 : 0;
	free_frames(held->first);
	free(held);
	hold->flows--;
}

/* Failures are worth remembering only while there is room. */
static void forget_failed(struct hold *hold)
{
	for (size_t i = 0; i < BUCKETS && hold->failed > 0; i++) {
		struct held_flow **link = &hold->buckets[i];

		while (*link != NULL) {
			if ((*link)->failed)
				forget(hold, link);
			else
				link = &(*link)->next;
		}
	}
}

/* One that is known already. */
static enum hold_result add_to(
    struct hold *hold, struct held_flow *held, struct bytes frame, uint64_t now_ms)
{
	uint64_t patience = held->failed ? HOLD_REFUSAL_MS : ASK_AGAIN_MS;
	bool ask_again = now_ms - held->asked_ms >= patience;

	if (ask_again) {
		hold->failed -= held->failed ? 1 : 0;
		held->failed = false;
		held->asked_ms = now_ms;
	}
	if (!held->failed)
		keep(hold, held, frame);
	return ask_again ? HOLD_ASK : HOLD_WAITING;
}

enum hold_result hold_add(struct hold *hold, const struct dataplane_flow *flow, bool with_ports,
    struct bytes frame, uint64_t now_ms)
{
	struct held_flow **link = find(hold, flow);
	struct held_flow *held = *link;

	if (held != NULL)
		return add_to(hold, held, frame, now_ms);
	if (hold->flows >= hold->flows_max)
		forget_failed(hold);
	if (hold->flows >= hold->flows_max)
		return HOLD_FULL;
	link = find(hold, flow);
	held = calloc(1, sizeof(*held));
	if (held == NULL)
		return HOLD_FULL;
	held->flow = *flow;
	held->with_ports = with_ports;
	held->asked_ms = now_ms;
	held->last = &held->first;
	keep(hold, held, frame);
	*link = held;
	hold->flows++;
	return HOLD_ASK;
}

static void fail(struct hold *hold, struct held_flow *held, uint64_t now_ms)
{
	free_frames(held->first);
	held->first = NULL;
	held->last = &held->first;
	held->count = 0;
	held->asked_ms = now_ms;
	hold->failed += held->failed ? 0 : 1;
	held->failed = true;
}

void hold_fail(
    struct hold *hold, uint32_t policy_id, const struct selector *matching, uint64_t now_ms)
{
	for (size_t i = 0; i < BUCKETS && hold->flows > 0; i++) {
		for (struct held_flow *held = hold->buckets[i]; held != NULL; held = held->next) {
			if (held->flow.policy_id == policy_id &&
			    selector_matches(matching, &held->flow))
				fail(hold, held, now_ms);
		}
	}
}

void hold_forget(struct hold *hold, uint32_t policy_id)
{
	for (size_t i = 0; i < BUCKETS && hold->flows > 0; i++) {
		struct held_flow **link = &hold->buckets[i];

		while (*link != NULL) {
			if ((*link)->flow.policy_id == policy_id)
				forget(hold, link);
			else
				link = &(*link)->next;
		}
	}
}

static void make_ready(struct hold *hold, struct held_flow *held)
{
	if (held->first == NULL)
		return;
	*hold->ready_last = held->first;
	hold->ready_last = held->last;
	held->first = NULL;
}

bool hold_release(struct hold *hold, uint32_t policy_id, const struct selector *matching)
{
	for (size_t i = 0; i < BUCKETS && hold->flows > 0; i++) {
		struct held_flow **link = &hold->buckets[i];

		while (*link != NULL) {
			if ((*link)->flow.policy_id == policy_id &&
			    selector_matches(matching, &(*link)->flow)) {
				make_ready(hold, *link);
				forget(hold, link);
			} else {
				link = &(*link)->next;
			}
		}
	}
	return hold->ready != NULL;
}

struct held_frame *hold_next_ready(struct hold *hold)
{
	struct held_frame *frame = hold->ready;

	if (frame == NULL)
		return NULL;
	hold->ready = frame->next;
	if (hold->ready == NULL)
		hold->ready_last = &hold->ready;
	return frame;
}

void hold_free(struct hold *hold)
{
	if (hold == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (hold->buckets[i] != NULL)
			forget(hold, &hold->buckets[i]);
	}
	free_frames(hold->ready);
	free(hold);
}
