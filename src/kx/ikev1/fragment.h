/* Messages on their way: whole, or in fragments where the peer takes them. */
#ifndef KX_IKEV1_FRAGMENT_H
#define KX_IKEV1_FRAGMENT_H

#include "kx/ikev1/ikev1-internal.h"

/* A datagram, or several. */
void ikev1_send(
    struct ikev1 *ikev1, const struct ikev1_path *path, struct bytes message, bool fragments);
/* How often a message is sent that nobody answers. */
#define IKEV1_TELLINGS 3

/* echo.c: several times, with pauses. */
void ikev1_echo(struct ikev1 *ikev1, const struct ikev1_path *path, struct bytes message);

/* Parts of a message of an SA's phase 1 or later, until it is whole. */
struct ikev1_assembly;

/*
 * Takes one part. True when the message is whole: *whole is then its octets, to be dropped by the
 * caller.
 */
bool ikev1_assemble(struct ikev1_assembly **assembly, struct bytes body, struct bytes *whole);
void ikev1_assembly_free(struct ikev1_assembly *assembly);

#endif
