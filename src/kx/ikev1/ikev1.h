/* IKEv1 (RFC 2407, 2408, 2409) as an exchange method. */
#ifndef KX_IKEV1_IKEV1_H
#define KX_IKEV1_IKEV1_H

#include "kinkd/kx.h"

extern const struct kx_method ikev1_method;

#endif
