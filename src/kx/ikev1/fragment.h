/* Messages on their way: whole, or in fragments where the peer takes them. */
#ifndef KX_IKEV1_FRAGMENT_H
#define KX_IKEV1_FRAGMENT_H

#include "kx/ikev1/ikev1-internal.h"

/* A datagram, or several. */
void ikev1_send(
    struct ikev1 *ikev1, const struct ikev1_path *path, struct bytes message, bool fragments);
/* echo.c: several times, with pauses. */
void ikev1_echo(struct ikev1 *ikev1, const struct ikev1_path *path, struct bytes message);

#endif
