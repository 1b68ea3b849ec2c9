/*
 * UDP encapsulation (RFC 3948) by the kernel: what the daemon's sockets of port 4500 must be told,
 * and keepalives, which the kernel does not send. Locks for itself.
 */
#ifndef DATAPLANE_XFRM_ENCAPSULATION_H
#define DATAPLANE_XFRM_ENCAPSULATION_H

#include "kinkd/dataplane.h"

/* Between two keepalives (RFC 3948 section 4). */
#define ENCAPSULATION_KEEPALIVE_MS 20000

struct encapsulation;

/* The kernel is to take ESP out of the sockets, which are borrowed until close; -1 for none. */
enum err encapsulation_open(
    const int sockets[2], struct encapsulation **out, struct problem *problem) MUST_CHECK;
void encapsulation_close(struct encapsulation *encapsulation);
/* An outbound SA, of which this host keeps the NAT's mapping alive, and its end. */
void encapsulation_add(struct encapsulation *encapsulation, const struct dataplane_sa *sa);
void encapsulation_remove(struct encapsulation *encapsulation, uint32_t spi);
void encapsulation_move(
    struct encapsulation *encapsulation, uint32_t spi, const struct endpoint *remote);
/* Sends a keepalive for each. */
void encapsulation_keep_alive(struct encapsulation *encapsulation);

#endif
