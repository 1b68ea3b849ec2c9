/* Which data plane is used, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/udp.h"

static const struct dataplane_ops *const dataplanes[] = {
    &dataplane_xfrm, &dataplane_userspace, &dataplane_record};

/* What the policies take of the kernel. */
static size_t protocols_of(const struct policy *policy, enum ipsec_protocol out[BUNDLE_MAX])
{
	static const enum ipsec_protocol all[] = {IPSEC_ESP, IPSEC_AH, IPSEC_IPCOMP};
	bool used[BUNDLE_MAX] = {false};
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		enum ipsec_protocol protocols[BUNDLE_MAX];
		size_t parts = policy->rules[i].peer != NULL
		                   ? policy_protocols(&policy->rules[i].proposal, protocols)
		                   : 0;

		for (size_t j = 0; j < parts; j++) {
			for (size_t k = 0; k < BUNDLE_MAX; k++)
				used[k] = used[k] || protocols[j] == all[k];
		}
	}
	for (size_t k = 0; k < BUNDLE_MAX; k++) {
		if (used[k])
			out[count++] = all[k];
	}
	if (count == 0)
		out[count++] = IPSEC_ESP;
	return count;
}

static void choose_automatically(struct daemon *daemon)
{
	enum ipsec_protocol protocols[BUNDLE_MAX];
	size_t count = protocols_of(daemon->policy, protocols);
	struct problem problem = {.code = ERR_OK};

	if (dataplane_xfrm.probe(protocols, count, &problem) == ERR_OK) {
		daemon->dataplane_ops = &dataplane_xfrm;
		(void)snprintf(daemon->dataplane_why, sizeof(daemon->dataplane_why),
		    "chosen: the kernel took a trial SA");
	} else {
		daemon->dataplane_ops = &dataplane_userspace;
		(void)snprintf(daemon->dataplane_why, sizeof(daemon->dataplane_why), "chosen: %s",
		    problem.text);
	}
}

/* A policy that cannot be carried out as it stands is an error, not a lesser one. */
static enum err check_settings(const struct daemon *daemon, struct problem *problem)
{
	const char *setting;
	const struct policy_rule *rule = policy_needs_kernel(daemon->policy, &setting);

	if (rule == NULL || daemon->dataplane_ops->has_kernel_settings)
		return ERR_OK;
	return problem_set(problem, ERR_UNSUPPORTED,
	    "policy \"%s\" has %s, which needs the kernel's data plane, but this host has the %s "
	    "one "
	    "(%s); remove the setting, or set daemon.dataplane to \"kernel\"",
	    rule->name, setting, daemon->dataplane_ops->name, daemon->dataplane_why);
}

enum err dataplane_choose(struct daemon *daemon, struct problem *problem)
{
	const char *wanted = daemon->policy->daemon.dataplane;
	const struct policy_daemon *settings = &daemon->policy->daemon;
	struct dataplane_settings opened = {.device = settings->device,
	    .mark = settings->mark,
	    .hold_packets = settings->hold_packets,
	    .hold_flows = settings->hold_flows,
	    .encapsulation_port = policy_crosses_nat(daemon->policy) ? IPSEC_ENCAPSULATION_PORT : 0,
	    .keep = settings->keep,
	    .state_path = RUNSTATEDIR "/kinkd/xfrm.state"};
	struct dataplane_listener listener = events_listener(daemon->events);

	if (strcmp(wanted, "auto") == 0)
		choose_automatically(daemon);
	for (size_t i = 0; i < sizeof(dataplanes) / sizeof(dataplanes[0]); i++) {
		if (strcmp(wanted, dataplanes[i]->name) == 0) {
			daemon->dataplane_ops = dataplanes[i];
			(void)snprintf(
			    daemon->dataplane_why, sizeof(daemon->dataplane_why), "as configured");
		}
	}
	if (daemon->dataplane_ops == NULL)
		return problem_set(
		    problem, ERR_UNSUPPORTED, "there is no data plane \"%s\"", wanted);
	if (check_settings(daemon, problem) != ERR_OK)
		return problem->code;
	if (daemon->dataplane_ops == &dataplane_userspace)
		opened.state_path = RUNSTATEDIR "/kinkd/flows.state";
	udp_descriptors(daemon->udp, HOST_PORT_IKE_NAT, opened.encapsulation_sockets);
	if (daemon->dataplane_ops->reads_encapsulation)
		udp_stop_reading(daemon->udp, HOST_PORT_IKE_NAT);
	return daemon->dataplane_ops->open(
	    &opened, &listener, &daemon->log, &daemon->dataplane, problem);
}
