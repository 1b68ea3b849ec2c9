/*
 * The SAs of this data plane and how they are found: by name (RFC 4301 4.1) for packets that come
 * in and requests, by flow for packets that go out. The engine's thread changes the table alone;
 * see userspace.h for the lock.
 */
#ifndef DATAPLANE_USERSPACE_SA_TABLE_H
#define DATAPLANE_USERSPACE_SA_TABLE_H

#include "dataplane/userspace/ah.h"
#include "dataplane/userspace/esp.h"
#include "dataplane/userspace/replay.h"
#include "kinkd/dataplane.h"

struct sa {
	struct dataplane_sa told; /* its key is wiped: esp or ah holds it */
	bool installed;           /* else only its SPI is reserved */
	bool usable;              /* all of its bundle are installed */
	bool in_flows;            /* outbound: found by flow; of a bundle the innermost */
	struct esp *esp;          /* what its protocol is: one of these, or neither for IPComp */
	struct ah *ah;
	struct sa *inner; /* its neighbours in the bundle, while usable */
	struct sa *outer;
	uint64_t order; /* of installation */
	uint64_t installed_ms;
	uint64_t sequence; /* outbound: last one sent */
	struct replay_window replay;
	struct dataplane_counters counters;
	bool soft_reported;
	bool hard_reported;
	unsigned path_mtu; /* outbound: of the outer packets' path; 0 when not known */
	uint64_t path_mtu_ms;
	uint64_t sent_ms;        /* outbound: when its last packet was */
	struct endpoint seen_at; /* inbound: where the other end was reported to be */
	unsigned spd_version;    /* inbound: of which policies `misfits` tells */
	bool misfits;            /* its bundle is not what its policy protects with */
	struct sa *next_by_name;
	struct sa *next_by_flow;   /* outbound; newest first */
	struct sa *next_keepalive; /* outbound */
};

struct sa_table;

struct sa_table *sa_table_new(void);
void sa_table_free(struct sa_table *table);

struct sa *sa_table_find(const struct sa_table *table, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination);
/*
 * The newest outbound SA of the flow's policy whose selector holds the flow and that may be used;
 * of a bundle the innermost.
 */
struct sa *sa_table_find_outbound(const struct sa_table *table, const struct dataplane_flow *flow);

/* An SPI that nothing has for that destination. */
enum err sa_table_reserve(struct sa_table *table, enum ipsec_protocol protocol,
    const struct address *destination, uint32_t *spi) MUST_CHECK;
/* Installs; ERR_EXISTS, ERR_UNSUPPORTED, ERR_INVALID with the reason in problem. */
enum err sa_table_add(struct sa_table *table, const struct dataplane_sa *told, uint64_t now_ms,
    struct problem *problem) MUST_CHECK;
void sa_table_delete(struct sa_table *table, struct sa *sa);
/* The other end of the SA and its bundle is there now; ERR_EXISTS when that name is taken. */
enum err sa_table_move(
    struct sa_table *table, struct sa *sa, const struct endpoint *remote) MUST_CHECK;
/* The first of the SAs whose mapping in a NAT has to be kept alive; next_keepalive leads on. */
struct sa *sa_table_keepalives(const struct sa_table *table);

#endif
