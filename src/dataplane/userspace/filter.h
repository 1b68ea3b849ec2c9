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

/*
 * What an earlier run left stands until filter_begin(). found says whether there was such.
 */
enum err filter_open(const char *device, uint32_t mark, uint16_t udp_port, struct log *log,
    struct filter **out, bool *found, struct problem *problem) MUST_CHECK;
/* Frees it; the table is removed, unless it is to be kept. */
void filter_close(struct filter *filter, bool keep);
/* The table, with what spd says, in the place of an earlier run's, in one step. */
enum err filter_begin(
    struct filter *filter, const struct spd *spd, struct problem *problem) MUST_CHECK;
/* Makes the filter say what spd says, in one step. */
enum err filter_apply(
    struct filter *filter, const struct spd *spd, struct problem *problem) MUST_CHECK;

#endif
