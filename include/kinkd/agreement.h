/*
 * The seam for Diffie-Hellman key agreement, which takes too long for the engine's own thread. The
 * engine asks; the answer comes later as a completion with the same token. Requests and completions
 * are flat: whoever receives one copies what it keeps before returning.
 */
#ifndef KINKD_AGREEMENT_H
#define KINKD_AGREEMENT_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "kinkd/ipsec.h"

enum agreement_operation {
	AGREEMENT_BEGIN,  /* a fresh key pair. Gives private_value, public_value */
	AGREEMENT_FINISH, /* the secret shared by our pair and peer_value. Gives secret */
	AGREEMENT_ANSWER  /* both in one step. Gives public_value, secret */
};

/* All pointers are borrowed until submit returns. */
struct agreement_request {
	enum agreement_operation operation;
	uint64_t token;
	enum dh_group group;
	struct bytes private_value; /* FINISH: what BEGIN gave; secret */
	struct bytes public_value;  /* FINISH: what BEGIN gave */
	struct bytes peer_value;    /* FINISH, ANSWER: as it came, of any length */
};

/* All pointers are borrowed until the completion handler returns. */
struct agreement_completion {
	uint64_t token;
	enum err error;             /* ERR_INVALID: the peer's value is no good (RFC 6989) */
	struct bytes private_value; /* secret */
	struct bytes public_value;
	struct bytes secret;
};

#endif
