/* Selector matching. */
#include "dataplane/selector.h"

static bool port_in(const struct port_range *range, uint16_t port)
{
	return range->first <= port && port <= range->last;
}

bool selector_has_ports(const struct selector *selector)
{
	return selector->local_ports.first != 0 || selector->local_ports.last != 65535 ||
	       selector->remote_ports.first != 0 || selector->remote_ports.last != 65535;
}

bool selector_matches(const struct selector *selector, const struct dataplane_flow *flow)
{
	return (selector->protocol == 0 || selector->protocol == flow->protocol) &&
	       range_contains(&selector->local, &flow->local) &&
	       range_contains(&selector->remote, &flow->remote) &&
	       port_in(&selector->local_ports, flow->local_port) &&
	       port_in(&selector->remote_ports, flow->remote_port);
}

bool flow_is_multicast(const struct dataplane_flow *flow)
{
	const struct address *remote = &flow->remote;

	return remote->family == 4 ? remote->octets[0] >= 224 : remote->octets[0] == 0xff;
}
