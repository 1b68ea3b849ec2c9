/* Which data plane is used, and why. */
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/udp.h"

static const struct dataplane_ops *const dataplanes[] = {
    &dataplane_xfrm, &dataplane_userspace, &dataplane_record};

enum err dataplane_choose(struct daemon *daemon, struct problem *problem)
{
	const char *wanted = daemon->policy->daemon.dataplane;
	const struct policy_daemon *settings = &daemon->policy->daemon;
	struct dataplane_settings opened = {.device = settings->device,
	    .mark = settings->mark,
	    .hold_packets = settings->hold_packets,
	    .hold_flows = settings->hold_flows,
	    .encapsulation_port = policy_crosses_nat(daemon->policy) ? IPSEC_ENCAPSULATION_PORT : 0,
	    .state_path = RUNSTATEDIR "/kinkd/xfrm.state"};
	struct dataplane_listener listener = events_listener(daemon->events);

	if (strcmp(wanted, "auto") == 0) {
		daemon->dataplane_ops = &dataplane_userspace;
		daemon->dataplane_why = "the only one that this version has";
	}
	for (size_t i = 0; i < sizeof(dataplanes) / sizeof(dataplanes[0]); i++) {
		if (strcmp(wanted, dataplanes[i]->name) == 0) {
			daemon->dataplane_ops = dataplanes[i];
			daemon->dataplane_why = "as configured";
		}
	}
	if (daemon->dataplane_ops == NULL)
		return problem_set(
		    problem, ERR_UNSUPPORTED, "there is no data plane \"%s\"", wanted);
	udp_descriptors(daemon->udp, HOST_PORT_IKE_NAT, opened.encapsulation_sockets);
	if (daemon->dataplane_ops->reads_encapsulation)
		udp_stop_reading(daemon->udp, HOST_PORT_IKE_NAT);
	return daemon->dataplane_ops->open(
	    &opened, &listener, &daemon->log, &daemon->dataplane, problem);
}
