/* The address that a datagram of an unbound socket leaves from: told to the kernel, or asked of it.
 */
#ifndef BASE_SOURCE_ADDRESS_H
#define BASE_SOURCE_ADDRESS_H

#include <sys/socket.h>

#include "base/address.h"

/*
 * Puts it into the message's control data, which must have room for
 * CMSG_SPACE(sizeof(struct in6_pktinfo)) octets; its length is then what is used of that.
 */
void source_address_put(struct msghdr *message, const struct address *local);

/*
 * Connects a datagram socket, from which nothing is sent, so that the kernel chooses its own
 * address towards this one; ERR_NOT_FOUND without a route. `local` may be NULL.
 */
enum err source_address_ask(
    int descriptor, const struct address *remote, struct address *local) MUST_CHECK;

#endif
