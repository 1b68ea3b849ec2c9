/* rtnetlink(7) requests through libmnl. */
#include "dataplane/userspace/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define REQUEST_MAX 1024

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
};

enum err netlink_open(struct netlink **out, struct problem *problem)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));

	*out = NULL;
	if (netlink == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for netlink");
	netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (netlink->socket == NULL ||
	    mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) != 0) {
		(void)problem_set(problem, ERR_SYSTEM,
		    "cannot open a netlink socket for policy routing: %s", strerror(errno));
		netlink_close(netlink);
		return ERR_SYSTEM;
	}
	*out = netlink;
	return ERR_OK;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink == NULL)
		return;
	if (netlink->socket != NULL)
		(void)mnl_socket_close(netlink->socket);
	free(netlink);
}

/* Sends a request and waits for the kernel's verdict, which comes at once. */
static enum err talk(struct netlink *netlink, struct nlmsghdr *request)
{
	uint8_t answer[REQUEST_MAX + 256];
	ssize_t got;

	request->nlmsg_seq = ++netlink->sequence;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return ERR_SYSTEM;
	got = mnl_socket_recvfrom(netlink->socket, answer, sizeof(answer));
	if (got < 0)
		return ERR_SYSTEM;
	if (mnl_cb_run(answer, (size_t)got, netlink->sequence,
		mnl_socket_get_portid(netlink->socket), NULL, NULL) >= 0)
		return ERR_OK;
	return errno == EEXIST ? ERR_EXISTS : ERR_SYSTEM;
}

static uint8_t family_of(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

static void put_address(struct nlmsghdr *message, uint16_t type, const struct address *address)
{
	mnl_attr_put(message, type, address_size(address), address->octets);
}

static void put_ports(struct nlmsghdr *message, uint16_t type, const struct port_range *range)
{
	struct fib_rule_port_range ports = {.start = range->first, .end = range->last};

	if (range->last != 0)
		mnl_attr_put(message, type, sizeof(ports), &ports);
}

enum err netlink_add_rule(struct netlink *netlink, const struct netlink_rule *rule)
{
	static const uint8_t actions[] = {[NETLINK_LOOKUP] = FR_ACT_TO_TBL,
	    [NETLINK_GOTO] = FR_ACT_GOTO,
	    [NETLINK_BLACKHOLE] = FR_ACT_BLACKHOLE,
	    [NETLINK_NOTHING] = FR_ACT_NOP};
	uint8_t buffer[REQUEST_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct fib_rule_hdr *header;

	message->nlmsg_type = RTM_NEWRULE;
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->family = family_of(rule->family);
	header->action = actions[rule->action];
	header->src_len = rule->from.bits;
	header->dst_len = rule->to.bits;
	mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(message, FRA_PROTOCOL, rule->mark_of_run);
	if (rule->action == NETLINK_LOOKUP)
		mnl_attr_put_u32(message, FRA_TABLE, rule->target);
	if (rule->action == NETLINK_GOTO)
		mnl_attr_put_u32(message, FRA_GOTO, rule->target);
	if (rule->from.bits != 0)
		put_address(message, FRA_SRC, &rule->from.address);
	if (rule->to.bits != 0)
		put_address(message, FRA_DST, &rule->to.address);
	if (rule->local_only)
		mnl_attr_put_strz(message, FRA_IIFNAME, "lo");
	if (rule->mark != 0)
		mnl_attr_put_u32(message, FRA_FWMARK, rule->mark);
	if (rule->protocol != 0)
		mnl_attr_put_u8(message, FRA_IP_PROTO, rule->protocol);
	put_ports(message, FRA_SPORT_RANGE, &rule->source_ports);
	put_ports(message, FRA_DPORT_RANGE, &rule->destination_ports);
	return talk(netlink, message);
}

bool netlink_delete_rules(
    struct netlink *netlink, uint8_t mark_of_run, uint8_t family, uint32_t priority)
{
	enum err code;
	bool any = false;

	do {
		uint8_t buffer[REQUEST_MAX] __attribute__((aligned(8)));
		struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
		struct fib_rule_hdr *header;

		message->nlmsg_type = RTM_DELRULE;
		header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
		header->family = family_of(family);
		mnl_attr_put_u8(message, FRA_PROTOCOL, mark_of_run);
		if (priority != 0)
			mnl_attr_put_u32(message, FRA_PRIORITY, priority);
		code = talk(netlink, message);
		any = any || code == ERR_OK;
	} while (code == ERR_OK);
	return any;
}

struct rule_search {
	uint8_t mark_of_run;
	bool found;
};

static int look_at_attribute(const struct nlattr *attribute, void *context)
{
	struct rule_search *search = context;

	if (mnl_attr_get_type(attribute) == FRA_PROTOCOL &&
	    mnl_attr_get_u8(attribute) == search->mark_of_run)
		search->found = true;
	return MNL_CB_OK;
}

static int look_at_rule(const struct nlmsghdr *message, void *context)
{
	(void)mnl_attr_parse(message, sizeof(struct fib_rule_hdr), look_at_attribute, context);
	return MNL_CB_OK;
}

bool netlink_has_rule(struct netlink *netlink, uint8_t mark_of_run, uint8_t family)
{
	uint8_t buffer[32768] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rule_search search = {.mark_of_run = mark_of_run};
	struct fib_rule_hdr *header;
	int state = MNL_CB_OK;

	message->nlmsg_type = RTM_GETRULE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++netlink->sequence;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->family = family_of(family);
	if (mnl_socket_sendto(netlink->socket, message, message->nlmsg_len) < 0)
		return false;
	while (state == MNL_CB_OK) {
		ssize_t got = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));

		state = got < 0
		            ? MNL_CB_ERROR
		            : mnl_cb_run(buffer, (size_t)got, netlink->sequence,
				  mnl_socket_get_portid(netlink->socket), look_at_rule, &search);
	}
	return search.found;
}

static enum err change_route(
    struct netlink *netlink, uint16_t type, uint16_t flags, const struct netlink_route *route)
{
	uint8_t buffer[REQUEST_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rtmsg *header;

	message->nlmsg_type = type;
	message->nlmsg_flags = flags;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->rtm_family = family_of(route->to.address.family);
	header->rtm_dst_len = route->to.bits;
	header->rtm_protocol = NETLINK_PROTOCOL;
	header->rtm_scope = RT_SCOPE_UNIVERSE;
	header->rtm_type = route->device != 0 ? RTN_UNICAST : RTN_BLACKHOLE;
	mnl_attr_put_u32(message, RTA_TABLE, route->table);
	/* For both families a greater metric is a lesser preference. */
	mnl_attr_put_u32(message, RTA_PRIORITY, route->device != 0 ? 1024 : UINT32_MAX);
	if (route->to.bits != 0)
		put_address(message, RTA_DST, &route->to.address);
	if (route->device != 0)
		mnl_attr_put_u32(message, RTA_OIF, route->device);
	if (address_is_set(&route->source))
		put_address(message, RTA_PREFSRC, &route->source);
	if (route->mtu != 0) {
		struct nlattr *metrics = mnl_attr_nest_start(message, RTA_METRICS);

		mnl_attr_put_u32(message, RTAX_MTU, route->mtu);
		mnl_attr_nest_end(message, metrics);
	}
	return talk(netlink, message);
}

enum err netlink_add_route(struct netlink *netlink, const struct netlink_route *route)
{
	return change_route(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
}

void netlink_delete_route(struct netlink *netlink, const struct netlink_route *route)
{
	(void)change_route(netlink, RTM_DELROUTE, 0, route);
}
