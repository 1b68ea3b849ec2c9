/* Names of addresses from the system's resolver, confirmed in both directions, off the loop's
 * thread. */
#ifndef DAEMON_RESOLVER_H
#define DAEMON_RESOLVER_H

#include <uv.h>

#include "kinkd/host.h"

struct resolver;

typedef void (*resolver_done)(void *self, const struct host_name_completion *completion);

enum err resolver_open(
    uv_loop_t *loop, resolver_done done, void *self, struct resolver **out) MUST_CHECK;
enum err resolver_ask(
    struct resolver *resolver, const struct address *address, uint64_t token) MUST_CHECK;
/* Questions under way are still answered to the resolver itself, but no longer reported. */
void resolver_close(struct resolver *resolver);
/* How many lookups the system has not come back from: the process need not wait for them. */
size_t resolver_busy(const struct resolver *resolver);

#endif
