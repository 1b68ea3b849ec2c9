/* KDCs that a realm leaves to DNS: SRV records (RFC 2782, RFC 4120 7.2.3). */
#ifndef DAEMON_SRV_H
#define DAEMON_SRV_H

#include "base/bytes.h"
#include "base/error.h"

typedef void (*srv_found)(void *context, const char *host_and_port);

/* Reports each SRV record of a DNS answer as "host:port". ERR_INVALID when it is malformed. */
enum err srv_read(struct bytes answer, srv_found found, void *context) MUST_CHECK;
/* Asks the system's name servers for a realm's KDCs and password servers; may block for seconds. */
void srv_look_up(const char *realm, srv_found found, void *context);

#endif
