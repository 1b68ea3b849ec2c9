/* The address that a datagram of an unbound socket leaves from. */
#ifndef BASE_SOURCE_ADDRESS_H
#define BASE_SOURCE_ADDRESS_H

#include <sys/socket.h>

#include "base/address.h"

/*
 * Puts it into the message's control data, which must have room for
 * CMSG_SPACE(sizeof(struct in6_pktinfo)) octets; its length is then what is used of that.
 */
void source_address_put(struct msghdr *message, const struct address *local);

#endif
