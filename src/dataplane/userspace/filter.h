/*
 * The packet filter for what comes in clear: the SPD's inbound side (RFC 4301 5.2), as an nftables
 * table of our own. ESP and what the TUN device delivers pass; the rest meets the policies in
 * order, and what a policy requires under an SA is dropped.
 */
#ifndef DATAPLANE_USERSPACE_FILTER_H
#define DATAPLANE_USERSPACE_FILTER_H

#include "base/log.h"
#include "dataplane/userspace/spd.h"

struct filter;

/* Replaces a table that an earlier run left behind. */
enum err filter_open(const char *device, uint32_t mark, uint16_t udp_port, struct log *log,
    struct filter **out, struct problem *problem) MUST_CHECK;
/* Removes the table. */
void filter_close(struct filter *filter);
/* Makes the filter say what spd says, in one step. */
enum err filter_apply(
    struct filter *filter, const struct spd *spd, struct problem *problem) MUST_CHECK;

#endif
