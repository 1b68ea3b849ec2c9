/* The few rtnetlink requests that policy routing takes, one function each. */
#ifndef DATAPLANE_USERSPACE_NETLINK_H
#define DATAPLANE_USERSPACE_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "kinkd/ipsec.h"

/*
 * Marks the rules and routes of this daemon in the kernel's tables (`ip rule` shows it). Those of
 * policies are marked by either of two more, so that one run's can be told from the next one's.
 */
#define NETLINK_PROTOCOL            91
#define NETLINK_PROTOCOL_GENERATION 92 /* and 93 */

struct netlink;

/* Where a rule sends what it matches. */
enum netlink_action { NETLINK_LOOKUP, NETLINK_GOTO, NETLINK_BLACKHOLE, NETLINK_NOTHING };

/* Unset fields match everything. */
struct netlink_rule {
	uint8_t family;
	uint8_t mark_of_run; /* NETLINK_PROTOCOL, or one of the generations */
	uint32_t priority;
	enum netlink_action action;
	uint32_t target; /* of LOOKUP the table, of GOTO the priority */
	struct prefix from;
	struct prefix to;
	bool local_only; /* only packets that this host makes */
	uint32_t mark;
	uint8_t protocol;
	struct port_range source_ports; /* all zero: any */
	struct port_range destination_ports;
};

struct netlink_route {
	struct prefix to;
	uint32_t table;
	unsigned device; /* 0: a blackhole, of the lowest preference */
	struct address source;
	unsigned mtu;
};

enum err netlink_open(struct netlink **out, struct problem *problem) MUST_CHECK;
void netlink_close(struct netlink *netlink);
/* Each sets errno when it fails with ERR_SYSTEM. ERR_EXISTS when it is there already. */
enum err netlink_add_rule(struct netlink *netlink, const struct netlink_rule *rule) MUST_CHECK;
/* All with that mark, of that family and priority; 0 is every priority. Whether there was one. */
bool netlink_delete_rules(
    struct netlink *netlink, uint8_t mark_of_run, uint8_t family, uint32_t priority);
/* Whether there is one with that mark. */
bool netlink_has_rule(struct netlink *netlink, uint8_t mark_of_run, uint8_t family);
enum err netlink_add_route(struct netlink *netlink, const struct netlink_route *route) MUST_CHECK;
void netlink_delete_route(struct netlink *netlink, const struct netlink_route *route);

#endif
