/*
 * What the kernel has asked for (XFRM_MSG_ACQUIRE) and has not got yet. For each wish it keeps a
 * larval SA, which holds back further ones for the same addresses, and packets in the queue of the
 * policy. Written by the monitor's thread and by the engine's: it locks for itself.
 */
#ifndef DATAPLANE_XFRM_WISHES_H
#define DATAPLANE_XFRM_WISHES_H

#include "dataplane/xfrm/message.h"

/* The kernel's larval SA, and the packet that it was made for. */
struct wish {
	struct dataplane_flow flow;
	uint32_t index; /* of the policy whose queue the packet is in */
	enum ipsec_protocol protocol;
	enum ipsec_mode mode;
	struct address source; /* outer addresses */
	struct address destination;
	struct message_scope scope;
};

struct wishes;

struct wishes *wishes_new(void);
void wishes_free(struct wishes *wishes);
/* Replaces the one before for the same policy, protocol and addresses. */
void wishes_add(struct wishes *wishes, const struct wish *wish);
/* The kernel has given it up by itself. */
void wishes_drop(struct wishes *wishes, uint32_t policy_id, enum ipsec_protocol protocol,
    const struct address *source, const struct address *destination);

typedef void (*wishes_visitor)(void *context, const struct wish *wish);
/* Takes out those that an SA of this policy between these addresses fulfils. */
void wishes_take_fulfilled(struct wishes *wishes, uint32_t policy_id, const struct address *source,
    const struct address *destination, wishes_visitor visitor, void *context);
/* Takes out those of this policy whose packets the selector matches; all of it when NULL. */
void wishes_take_matching(struct wishes *wishes, uint32_t policy_id, enum ipsec_mode mode,
    const struct selector *selector, wishes_visitor visitor, void *context);

#endif
