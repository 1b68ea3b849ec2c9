/* Key agreement as its seam has it (kinkd/agreement.h), over the groups of dh.h. */
#ifndef CRYPTO_AGREEMENT_H
#define CRYPTO_AGREEMENT_H

#include "crypto/dh.h"
#include "kinkd/agreement.h"

/* What a completion points to; to be wiped. */
struct agreement_values {
	uint8_t private_value[DH_PRIVATE_MAX];
	uint8_t public_value[DH_PUBLIC_MAX];
	uint8_t secret[DH_SECRET_MAX];
};

void agreement_run(const struct agreement_request *request, struct agreement_values *values,
    struct agreement_completion *completion);

#endif
