/*
 * Policy routing: which of the host's packets go into the TUN device. Each policy becomes routing
 * rules, in the order of the SPD, that lead into the device, past it, or nowhere. Behind the
 * device's routes stand blackholes, so that nothing leaves clear when the device vanishes with a
 * daemon that was killed.
 *
 * Rules only pick candidates; what becomes of a packet the SPD decides when it comes out of the
 * device. So a rule may match more than its policy, never less. One data plane per network
 * namespace: the rules of another would be taken for an earlier run's.
 */
#ifndef DATAPLANE_USERSPACE_ROUTING_H
#define DATAPLANE_USERSPACE_ROUTING_H

#include "dataplane/userspace/tun.h"
#include "kinkd/dataplane.h"

struct routing;

/*
 * What an earlier run left behind stands until routing_remove_stale(). tun is borrowed until close.
 * With udp the device's packets leave room for UDP encapsulation.
 */
enum err routing_open(const struct tun *tun, uint32_t mark, bool udp, struct routing **out,
    struct problem *problem) MUST_CHECK;
/* Frees it; the rules are removed, unless they are to be kept: then they lead nowhere. */
void routing_close(struct routing *routing, bool keep);
void routing_remove_stale(struct routing *routing);
/* Whether an earlier run left rules. */
bool routing_found_stale(const struct routing *routing);
enum err routing_add(struct routing *routing, const struct dataplane_policy *policy,
    struct problem *problem) MUST_CHECK;
void routing_delete(struct routing *routing, const struct dataplane_policy *policy);

/* The greatest policy priority that finds room before the system's own rules. */
#define ROUTING_PRIORITY_MAX 14999

#endif
