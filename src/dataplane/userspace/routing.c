/* Policy routing: ip-rule(8) and ip-route(8). */
#include "dataplane/userspace/routing.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/userspace/encapsulate.h"
#include "dataplane/userspace/netlink.h"
#include "dataplane/userspace/path.h"
#include "dataplane/prefixes.h"

#define PRIORITY_FIRST  1000  /* the rule that lets our own packets pass */
#define PRIORITY_POLICY 1001  /* plus twice the policy's own priority, plus the generation */
#define PRIORITY_END    31500 /* where packets go on that are none of our business */

#define MTU_DEFAULT  1500
/* The least that each family's links must take (RFC 791 3.2 and, as Linux has it, 552; RFC 8200 5).
 */
#define MTU_MIN_IPV4 552
#define MTU_MIN_IPV6 1280

/* One route into the device; policies may share it. */
struct shared_route {
	struct prefix to;
	unsigned users;
};

struct routing {
	struct netlink *netlink;
	const struct tun *tun;
	struct path path;
	uint32_t table;
	/* Which of two sets of numbers the rules of policies have: the one that is free. */
	uint8_t generation;
	bool stale; /* the other set is an earlier run's */
	bool udp;   /* ESP may come to be encapsulated in UDP */
	unsigned device_mtu;
	bool families[2];
	struct shared_route *routes;
	size_t route_count;
};

static uint8_t mark_of(uint8_t generation)
{
	return (uint8_t)(NETLINK_PROTOCOL_GENERATION + generation);
}

static uint32_t priority_of(const struct routing *routing, const struct dataplane_policy *policy)
{
	return PRIORITY_POLICY + 2 * policy->priority + routing->generation;
}

static enum err explain(struct problem *problem, const char *what)
{
	return problem_set(problem, ERR_SYSTEM, "cannot add %s: %s%s", what, strerror(errno),
	    errno == EPERM ? "; the daemon needs CAP_NET_ADMIN" : "");
}

static enum err add_rule(
    struct routing *routing, const struct netlink_rule *rule, struct problem *problem)
{
	enum err code = netlink_add_rule(routing->netlink, rule);

	if (code != ERR_OK && code != ERR_EXISTS)
		return explain(problem, "the policy's routing rule");
	return ERR_OK;
}

/* The rules that frame the policies' own, and the blackhole behind the device. */
static enum err add_frame(struct routing *routing, uint8_t family, struct problem *problem)
{
	struct netlink_rule own = {.family = family,
	    .mark_of_run = NETLINK_PROTOCOL,
	    .priority = PRIORITY_FIRST,
	    .action = NETLINK_GOTO,
	    .target = PRIORITY_END,
	    .mark = routing->table};
	struct netlink_rule end = {.family = family,
	    .mark_of_run = NETLINK_PROTOCOL,
	    .priority = PRIORITY_END,
	    .action = NETLINK_NOTHING};
	struct netlink_route blackhole = {.to = prefix_any(family), .table = routing->table};
	enum err code;

	code = netlink_add_route(routing->netlink, &blackhole);
	if (code == ERR_SYSTEM && (errno == EAFNOSUPPORT || errno == EOPNOTSUPP))
		return ERR_OK; /* a host without IPv6 */
	if (code != ERR_OK && code != ERR_EXISTS)
		return explain(problem, "the blackhole route");
	code = add_rule(routing, &end, problem);
	if (code == ERR_OK)
		code = add_rule(routing, &own, problem);
	if (code != ERR_OK)
		return code;
	routing->families[family == 6] = true;
	return ERR_OK;
}

static bool has_generation(const struct routing *routing, uint8_t generation)
{
	return netlink_has_rule(routing->netlink, mark_of(generation), 4) ||
	       netlink_has_rule(routing->netlink, mark_of(generation), 6);
}

/* After a start that was interrupted there are both; then the second counts as stale. */
static void find_stale(struct routing *routing)
{
	bool first = has_generation(routing, 0);
	bool second = has_generation(routing, 1);

	routing->generation = first && !second ? 1 : 0;
	routing->stale = first || second;
}

bool routing_found_stale(const struct routing *routing)
{
	return routing->stale;
}

static void delete_generation(struct routing *routing, uint8_t generation)
{
	(void)netlink_delete_rules(routing->netlink, mark_of(generation), 4, 0);
	(void)netlink_delete_rules(routing->netlink, mark_of(generation), 6, 0);
}

void routing_remove_stale(struct routing *routing)
{
	delete_generation(routing, routing->generation ^ 1);
	routing->stale = false;
}

enum err routing_open(
    const struct tun *tun, uint32_t mark, bool udp, struct routing **out, struct problem *problem)
{
	struct routing *routing = calloc(1, sizeof(*routing));
	enum err code;

	*out = NULL;
	if (routing == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for routing");
	routing->tun = tun;
	routing->table = mark;
	routing->udp = udp;
	code = path_open(&routing->path, mark, problem);
	if (code == ERR_OK)
		code = netlink_open(&routing->netlink, problem);
	if (code == ERR_OK)
		find_stale(routing);
	if (code == ERR_OK)
		code = add_frame(routing, 4, problem);
	if (code == ERR_OK)
		code = add_frame(routing, 6, problem);
	if (code != ERR_OK) {
		routing_close(routing, true);
		return code;
	}
	*out = routing;
	return ERR_OK;
}

static void withdraw(struct routing *routing)
{
	static const uint8_t families[] = {4, 6};

	delete_generation(routing, 0);
	delete_generation(routing, 1);
	for (size_t i = 0; i < 2; i++) {
		struct netlink_route blackhole = {
		    .to = prefix_any(families[i]), .table = routing->table};

		(void)netlink_delete_rules(routing->netlink, NETLINK_PROTOCOL, families[i], 0);
		netlink_delete_route(routing->netlink, &blackhole);
	}
}

void routing_close(struct routing *routing, bool keep)
{
	if (routing == NULL)
		return;
	if (!keep)
		withdraw(routing);
	netlink_close(routing->netlink);
	path_close(&routing->path);
	free(routing->routes);
	free(routing);
}

/* An address of this host inside the range, for packets whose sender named none. */
static struct address own_address_in(const struct address_range *range)
{
	struct ifaddrs *list = NULL;
	struct address found = {0};

	if (getifaddrs(&list) != 0)
		return found;
	for (const struct ifaddrs *i = list; i != NULL && !address_is_set(&found);
	     i = i->ifa_next) {
		struct endpoint endpoint;

		if (i->ifa_addr != NULL &&
		    endpoint_from_sockaddr(i->ifa_addr, &endpoint) == ERR_OK &&
		    range_contains(range, &endpoint.address))
			found = endpoint.address;
	}
	freeifaddrs(list);
	return found;
}

static bool is_any(const struct address_range *range)
{
	struct prefix prefix;

	return range_to_prefix(range, &prefix) == ERR_OK && prefix.bits == 0;
}

/* An address of the range that is not this host's own, to ask the kernel about the way there. */
static struct address probe_in(const struct routing *routing, const struct address_range *range)
{
	struct address probe = range->first;
	struct address source = {0};

	if (range_is_host(range))
		return probe;
	/* The first of a network is no host. */
	probe = prefixes_next_address(&probe);
	if (path_mtu(&routing->path, &probe, &source) != 0 && address_equal(&probe, &source))
		probe = prefixes_next_address(&probe);
	return range_contains(range, &probe) ? probe : range->first;
}

/* What the kernel would use towards the range, if the policy covers it; else any that it does. */
static struct address source_for(
    const struct routing *routing, const struct dataplane_policy *policy, unsigned *mtu)
{
	const struct selector *selector = &policy->selector;
	struct address probe = probe_in(routing, &selector->remote);
	struct address source = {0};

	*mtu = path_mtu(&routing->path, &probe, &source);
	if (policy->mode == IPSEC_TUNNEL && policy->action != POLICY_DISCARD)
		*mtu = path_mtu(&routing->path, &policy->tunnel_remote, NULL);
	if (*mtu == 0)
		*mtu = MTU_DEFAULT;
	if (range_contains(&selector->local, &source))
		return source;
	return own_address_in(&selector->local);
}

static struct shared_route *find_route(struct routing *routing, const struct prefix *to)
{
	for (size_t i = 0; i < routing->route_count; i++) {
		if (routing->routes[i].to.bits == to->bits &&
		    address_equal(&routing->routes[i].to.address, &to->address))
			return &routing->routes[i];
	}
	return NULL;
}

static enum err add_route(
    struct routing *routing, const struct netlink_route *route, struct problem *problem)
{
	struct shared_route *shared = find_route(routing, &route->to);
	struct netlink_route plain = *route;
	enum err code;

	if (shared != NULL) {
		shared->users++;
		return ERR_OK;
	}
	shared = realloc(routing->routes, (routing->route_count + 1) * sizeof(*shared));
	if (shared == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for a route");
	routing->routes = shared;
	code = netlink_add_route(routing->netlink, route);
	if (code == ERR_SYSTEM && address_is_set(&route->source)) {
		/* The address is not usable (yet); the kernel then picks one. */
		plain.source = (struct address){0};
		code = netlink_add_route(routing->netlink, &plain);
	}
	if (code != ERR_OK && code != ERR_EXISTS) {
		char prefix[PREFIX_TEXT_SIZE];
		char source[ADDRESS_TEXT_SIZE];

		return problem_set(problem, code,
		    "cannot add the route to %s from %s by device %s (MTU %u): %s",
		    prefix_format(&route->to, prefix), address_format(&route->source, source),
		    routing->tun->name, route->mtu, strerror(errno));
	}
	routing->routes[routing->route_count++] = (struct shared_route){route->to, 1};
	return ERR_OK;
}

static void delete_route(struct routing *routing, const struct prefix *to)
{
	struct shared_route *shared = find_route(routing, to);
	struct netlink_route route = {
	    .to = *to, .table = routing->table, .device = routing->tun->index};

	if (shared == NULL || --shared->users > 0)
		return;
	netlink_delete_route(routing->netlink, &route);
	*shared = routing->routes[--routing->route_count];
}

/* Discarding by source address takes the device: the sender may not have one chosen yet. */
static bool uses_device(const struct dataplane_policy *policy)
{
	switch (policy->action) {
	case POLICY_REQUIRE:
	case POLICY_REQUEST:
		return true;
	case POLICY_DISCARD:
		return !is_any(&policy->selector.local);
	case POLICY_BYPASS:
		break;
	}
	return false;
}

static struct netlink_rule rule_for(
    const struct routing *routing, const struct dataplane_policy *policy)
{
	const struct selector *selector = &policy->selector;
	struct netlink_rule rule = {.family = selector->remote.first.family,
	    .mark_of_run = mark_of(routing->generation),
	    .priority = priority_of(routing, policy),
	    .protocol = selector->protocol};

	if (uses_device(policy)) {
		rule.action = NETLINK_LOOKUP;
		rule.target = routing->table;
	} else if (policy->action == POLICY_DISCARD) {
		rule.action = NETLINK_BLACKHOLE;
	} else {
		rule.action = NETLINK_GOTO;
		rule.target = PRIORITY_END;
	}
	if (selector->local_ports.first != 0 || selector->local_ports.last != 65535)
		rule.source_ports = selector->local_ports;
	if (selector->remote_ports.first != 0 || selector->remote_ports.last != 65535)
		rule.destination_ports = selector->remote_ports;
	return rule;
}

/* The rules of one remote prefix. */
static enum err add_rules(struct routing *routing, const struct dataplane_policy *policy,
    const struct prefix *to, const struct prefixes *locals, bool has_source,
    struct problem *problem)
{
	struct netlink_rule rule = rule_for(routing, policy);
	bool device = uses_device(policy);
	bool any = is_any(&policy->selector.local);
	enum err code = ERR_OK;

	rule.to = *to;
	if (device && (any || has_source)) {
		/* What the host itself sends may have no source address yet: match all of it. */
		rule.local_only = !(any && policy->mode == IPSEC_TUNNEL);
		code = add_rule(routing, &rule, problem);
	}
	/* Transport mode is for the host's own traffic; the rest is for what it forwards too. */
	if (code != ERR_OK || (device && any) ||
	    (device && policy->mode == IPSEC_TRANSPORT && policy->action != POLICY_DISCARD))
		return code;
	rule.local_only = false;
	for (size_t i = 0; i < locals->count && code == ERR_OK; i++) {
		rule.from = locals->list[i];
		code = add_rule(routing, &rule, problem);
	}
	return code;
}

static enum err add_device_route(struct routing *routing, const struct dataplane_policy *policy,
    const struct prefix *to, const struct address *source, unsigned mtu, struct problem *problem)
{
	unsigned overhead = (unsigned)encapsulate_overhead_max(policy, routing->udp);
	unsigned least = to->address.family == 6 ? MTU_MIN_IPV6 : MTU_MIN_IPV4;
	struct netlink_route route = {.to = *to,
	    .table = routing->table,
	    .device = routing->tun->index,
	    .source = *source,
	    .mtu = mtu - overhead};

	if (mtu < least + overhead)
		route.mtu = least;
	if (route.mtu > routing->device_mtu) {
		enum err code = tun_set_mtu(routing->tun, route.mtu, problem);

		if (code != ERR_OK)
			return code;
		routing->device_mtu = route.mtu;
	}
	return add_route(routing, &route, problem);
}

static void remove_policy(
    struct routing *routing, const struct dataplane_policy *policy, const struct prefixes *remotes)
{
	(void)netlink_delete_rules(routing->netlink, mark_of(routing->generation),
	    policy->selector.remote.first.family, priority_of(routing, policy));
	for (size_t i = 0; i < remotes->count && uses_device(policy); i++)
		delete_route(routing, &remotes->list[i]);
}

enum err routing_add(
    struct routing *routing, const struct dataplane_policy *policy, struct problem *problem)
{
	struct prefixes locals;
	struct prefixes remotes;
	struct address source = {0};
	unsigned mtu = 0;
	enum err code = ERR_OK;

	if (policy->priority > ROUTING_PRIORITY_MAX)
		return problem_set(problem, ERR_INVALID, "policy priority %u is above %u",
		    policy->priority, ROUTING_PRIORITY_MAX);
	if (!routing->families[policy->selector.remote.first.family == 6])
		return problem_set(problem, ERR_UNSUPPORTED, "this host has no IPv6");
	prefixes_of_range(&policy->selector.local, &locals);
	prefixes_of_range(&policy->selector.remote, &remotes);
	if (uses_device(policy))
		source = source_for(routing, policy, &mtu);
	for (size_t i = 0; i < remotes.count; i++) {
		/* The route first: a rule without it would meet the blackhole. */
		if (uses_device(policy))
			code = add_device_route(
			    routing, policy, &remotes.list[i], &source, mtu, problem);
		if (code == ERR_OK)
			code = add_rules(routing, policy, &remotes.list[i], &locals,
			    address_is_set(&source), problem);
		if (code != ERR_OK) {
			remotes.count = i;
			remove_policy(routing, policy, &remotes);
			return code;
		}
	}
	return ERR_OK;
}

void routing_delete(struct routing *routing, const struct dataplane_policy *policy)
{
	struct prefixes remotes;

	prefixes_of_range(&policy->selector.remote, &remotes);
	remove_policy(routing, policy, &remotes);
}
