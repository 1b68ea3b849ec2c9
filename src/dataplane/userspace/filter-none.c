/*
 * Stands in for filter.c where libnftables was left out. Without a filter a peer's clear packets
 * would be taken as if they had come under an SA, so this data plane then refuses to start.
 */
#include "dataplane/userspace/filter.h"

enum err filter_open(const char *device, uint32_t mark, uint16_t udp_port, struct log *log,
    struct filter **out, bool *found, struct problem *problem)
{
	(void)device;
	(void)mark;
	(void)udp_port;
	(void)log;
	*found = false;
	*out = NULL;
	return problem_set(problem, ERR_UNSUPPORTED,
	    "kinkd was built without libnftables, so the userspace data plane could not keep clear "
	    "packets out; build it with libnftables (Debian: libnftables-dev)");
}

void filter_close(struct filter *filter, bool keep)
{
	(void)filter;
	(void)keep;
}

enum err filter_begin(struct filter *filter, const struct spd *spd, struct problem *problem)
{
	return filter_apply(filter, spd, problem);
}

enum err filter_apply(struct filter *filter, const struct spd *spd, struct problem *problem)
{
	(void)filter;
	(void)spd;
	return problem_set(problem, ERR_UNSUPPORTED, "kinkd was built without libnftables");
}
