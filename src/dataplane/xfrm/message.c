/* Numbers, addresses, selectors and policies in XFRM's form; SAs are in message-sa.c. */
#include "dataplane/xfrm/message.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

bool message_is_own(uint32_t number)
{
	return (number & MESSAGE_OWN_MASK) == MESSAGE_OWN;
}

uint32_t message_reqid(uint32_t policy_id, enum ipsec_direction direction)
{
	return MESSAGE_OWN | (policy_id << 1) | (direction == IPSEC_OUT ? 1 : 0);
}

uint32_t message_policy_of_reqid(uint32_t reqid)
{
	return (reqid & ~MESSAGE_OWN_MASK) >> 1;
}

enum ipsec_direction message_direction_of_reqid(uint32_t reqid)
{
	return (reqid & 1) != 0 ? IPSEC_OUT : IPSEC_IN;
}

/* The kernel wants the direction in the last three bits of an index. */
uint32_t message_index(uint32_t number, uint8_t direction)
{
	return MESSAGE_OWN | (number << 3) | direction;
}

uint32_t message_number_of_index(uint32_t index)
{
	return (index & ~MESSAGE_OWN_MASK) >> 3;
}

uint16_t message_family(uint8_t family)
{
	return family == 6 ? AF_INET6 : AF_INET;
}

xfrm_address_t message_address(const struct address *address)
{
	xfrm_address_t out;

	memset(&out, 0, sizeof(out));
	memcpy(&out, address->octets, address_size(address));
	return out;
}

struct address message_address_of(const xfrm_address_t *address, uint16_t family)
{
	struct address out = {.family = family == AF_INET6 ? 6 : 4};

	memcpy(out.octets, address, address_size(&out));
	return out;
}

size_t message_port_blocks(
    const struct port_range *range, struct message_ports out[MESSAGE_PORTS_MAX])
{
	uint32_t first = range->first;
	size_t count = 0;

	/* The largest block that starts here and does not end too late. */
	while (first <= range->last && count < MESSAGE_PORTS_MAX) {
		uint32_t size = 1;

		while (first % (2 * size) == 0 && first + 2 * size - 1 <= range->last)
			size *= 2;
		out[count++] =
		    (struct message_ports){.port = (uint16_t)first, .mask = (uint16_t) ~(size - 1)};
		first += size;
	}
	return count;
}

bool message_selector_of(const struct selector *selector, struct message_selector *out)
{
	struct message_ports local[MESSAGE_PORTS_MAX];
	struct message_ports remote[MESSAGE_PORTS_MAX];

	if (range_to_prefix(&selector->local, &out->local) != ERR_OK ||
	    range_to_prefix(&selector->remote, &out->remote) != ERR_OK ||
	    message_port_blocks(&selector->local_ports, local) != 1 ||
	    message_port_blocks(&selector->remote_ports, remote) != 1)
		return false;
	out->local_ports = local[0];
	out->remote_ports = remote[0];
	out->protocol = selector->protocol;
	return true;
}

struct xfrm_selector message_selector(const struct message_selector *selector, uint8_t direction)
{
	bool out = direction == XFRM_POLICY_OUT;
	const struct prefix *source = out ? &selector->local : &selector->remote;
	const struct prefix *destination = out ? &selector->remote : &selector->local;
	const struct message_ports *from = out ? &selector->local_ports : &selector->remote_ports;
	const struct message_ports *to = out ? &selector->remote_ports : &selector->local_ports;
	struct xfrm_selector told;

	memset(&told, 0, sizeof(told));
	told.family = message_family(selector->remote.address.family);
	told.saddr = message_address(&source->address);
	told.daddr = message_address(&destination->address);
	told.prefixlen_s = source->bits;
	told.prefixlen_d = destination->bits;
	told.sport = htons(from->port);
	told.sport_mask = htons(from->mask);
	told.dport = htons(to->port);
	told.dport_mask = htons(to->mask);
	told.proto = selector->protocol;
	return told;
}

static int find_scope(const struct nlattr *attribute, void *context)
{
	struct message_scope *scope = context;
	struct xfrm_mark mark;

	if (mnl_attr_get_type(attribute) == XFRMA_MARK &&
	    mnl_attr_get_payload_len(attribute) >= sizeof(mark)) {
		memcpy(&mark, mnl_attr_get_payload(attribute), sizeof(mark));
		scope->mark = (struct packet_mark){.value = mark.v, .mask = mark.m};
	} else if (mnl_attr_get_type(attribute) == XFRMA_IF_ID &&
		   mnl_attr_get_payload_len(attribute) >= sizeof(uint32_t)) {
		scope->if_id = mnl_attr_get_u32(attribute);
	}
	return MNL_CB_OK;
}

struct message_scope message_scope_of(const struct nlmsghdr *message, size_t header)
{
	struct message_scope scope = {.if_id = 0};

	(void)mnl_attr_parse(message, (unsigned)header, find_scope, &scope);
	return scope;
}

void message_put_mark(struct nlmsghdr *message, const struct packet_mark *mark)
{
	struct xfrm_mark told = {.v = mark->value, .m = mark->mask};

	if (mark->mask != 0)
		mnl_attr_put(message, XFRMA_MARK, sizeof(told), &told);
}

void message_put_scope(struct nlmsghdr *message, const struct message_scope *scope)
{
	message_put_mark(message, &scope->mark);
	if (scope->if_id != 0)
		mnl_attr_put_u32(message, XFRMA_IF_ID, scope->if_id);
}

static void set_no_limits(struct xfrm_lifetime_cfg *limits)
{
	limits->soft_byte_limit = limits->hard_byte_limit = XFRM_INF;
	limits->soft_packet_limit = limits->hard_packet_limit = XFRM_INF;
}

/* What a packet must have gone through, or will: the innermost first. */
static void put_templates(struct nlmsghdr *message, const struct message_policy *policy)
{
	const struct dataplane_policy *told = policy->told;
	bool out = policy->direction == XFRM_POLICY_OUT;
	const struct address *source = out ? &told->tunnel_local : &told->tunnel_remote;
	const struct address *destination = out ? &told->tunnel_remote : &told->tunnel_local;
	uint8_t count = told->protocol_count > 0 ? told->protocol_count : 1;
	struct xfrm_user_tmpl templates[BUNDLE_MAX];

	memset(templates, 0, sizeof(templates));
	for (uint8_t i = 0; i < count; i++) {
		struct xfrm_user_tmpl *template = &templates[i];
		bool tunnel = told->mode == IPSEC_TUNNEL && i == 0;
		uint8_t outer = told->mode == IPSEC_TUNNEL ? told->tunnel_remote.family
		                                           : told->selector.remote.first.family;

		template->id.proto =
		    (uint8_t)(told->protocol_count > 0 ? told->protocols[i] : IPSEC_ESP);
		template->family = message_family(outer);
		template->mode = tunnel ? XFRM_MODE_TUNNEL : XFRM_MODE_TRANSPORT;
		if (tunnel) {
			template->saddr = message_address(source);
			template->id.daddr = message_address(destination);
		}
		template->reqid = message_reqid(told->id, out ? IPSEC_OUT : IPSEC_IN);
		/* What does not become shorter comes uncompressed (RFC 3173 2.2). */
		template->optional = policy->action == POLICY_REQUEST ||
		                     (!out && template->id.proto == IPSEC_IPCOMP);
		template->aalgos = template->ealgos = template->calgos = UINT32_MAX;
	}
	mnl_attr_put(message, XFRMA_TMPL, count * sizeof(templates[0]), templates);
}

void message_put_policy(struct nlmsghdr *message, const struct message_policy *policy)
{
	struct xfrm_userpolicy_info *info =
	    mnl_nlmsg_put_extra_header(message, sizeof(struct xfrm_userpolicy_info));
	struct message_scope scope = {.mark = policy->told->mark, .if_id = policy->told->if_id};
	struct xfrm_user_offload offload;

	info->sel = policy->selector;
	set_no_limits(&info->lft);
	info->priority = policy->priority;
	info->index = policy->index;
	info->dir = policy->direction;
	info->action = policy->action == POLICY_DISCARD ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
	if (policy->action == POLICY_REQUIRE || policy->action == POLICY_REQUEST)
		put_templates(message, policy);
	message_put_scope(message, &scope);
	memset(&offload, 0, sizeof(offload));
	offload.ifindex = (int)policy->device;
	offload.flags = XFRM_OFFLOAD_PACKET;
	if (policy->device != 0)
		mnl_attr_put(message, XFRMA_OFFLOAD_DEV, sizeof(offload), &offload);
}

void message_put_policy_name(
    struct nlmsghdr *message, uint32_t index, uint8_t direction, const struct message_scope *scope)
{
	struct xfrm_userpolicy_id *id =
	    mnl_nlmsg_put_extra_header(message, sizeof(struct xfrm_userpolicy_id));

	id->index = index;
	id->dir = direction;
	message_put_scope(message, scope);
}
