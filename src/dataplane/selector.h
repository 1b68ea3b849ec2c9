/* Whether packets match selectors (RFC 4301 4.4.1.1). */
#ifndef DATAPLANE_SELECTOR_H
#define DATAPLANE_SELECTOR_H

#include <stdbool.h>

#include "kinkd/dataplane.h"

/* Of the flow its addresses, ports and protocol. A flow without ports has port 0. */
bool selector_matches(const struct selector *selector, const struct dataplane_flow *flow);

/* Whether ports matter to it; a selector that names ports names a protocol that has them. */
bool selector_has_ports(const struct selector *selector);

/* Whether it goes to a group of hosts, with whom nobody negotiates. */
bool flow_is_multicast(const struct dataplane_flow *flow);

#endif
