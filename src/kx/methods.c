/* The exchange methods that there are. To add one is one line here. */
#include "kx/ikev1/ikev1.h"
#include "kx/kink/kink.h"
#include "kx/kx-internal.h"

static const struct kx_method *const methods[EXCHANGE_COUNT] = {
    [EXCHANGE_KINK] = &kink_method,
    [EXCHANGE_IKEV1] = &ikev1_method,
};

const struct kx_method *kx_method_of(int exchange)
{
	return methods[exchange];
}
