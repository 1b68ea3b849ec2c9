/*
 * Lifetimes on use: octets, seconds, and the sequence number, which must never come around (RFC
 * 4303 3.3.3).
 */
#include "dataplane/sa_rules.h"
#include "dataplane/userspace/private.h"

static void report(struct dataplane *dp, const struct sa *sa, bool hard)
{
	struct dataplane_expiry expiry = {.spi = sa->told.spi,
	    .destination = sa->told.destination,
	    .protocol = sa->told.suite.protocol,
	    .direction = sa->told.direction,
	    .hard = hard};

	dp->listener.expired(dp->listener.self, &expiry);
}

static bool is_over(const struct sa *sa, uint64_t packets, uint64_t bytes, uint64_t now_ms)
{
	const struct dataplane_sa *told = &sa->told;

	return (told->hard_bytes != 0 && sa->counters.bytes + bytes > told->hard_bytes) ||
	       (told->hard_packets != 0 && sa->counters.packets + packets > told->hard_packets) ||
	       (told->hard_seconds != 0 &&
		   now_ms - sa->installed_ms >= (uint64_t)told->hard_seconds * 1000) ||
	       (told->direction == IPSEC_OUT && sa->sequence + packets > SEQUENCE_HARD);
}

bool lifetime_use(
    struct dataplane *dp, struct sa *sa, uint64_t packets, uint64_t bytes, uint64_t now_ms)
{
	if (sa->hard_reported)
		return false;
	if (is_over(sa, packets, bytes, now_ms)) {
		sa->hard_reported = true;
		report(dp, sa, true);
		return false;
	}
	sa->counters.packets += packets;
	sa->counters.bytes += bytes;
	if (!sa->soft_reported &&
	    ((sa->told.soft_bytes != 0 && sa->counters.bytes >= sa->told.soft_bytes) ||
		(sa->told.soft_packets != 0 && sa->counters.packets >= sa->told.soft_packets) ||
		sa->sequence >= SEQUENCE_SOFT)) {
		sa->soft_reported = true;
		report(dp, sa, false);
	}
	return true;
}
