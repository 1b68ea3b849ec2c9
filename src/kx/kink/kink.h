/* KINK (RFC 4430) as an exchange method. */
#ifndef KX_KINK_KINK_H
#define KX_KINK_KINK_H

#include "kinkd/kx.h"

extern const struct kx_method kink_method;

#endif
