/*
 * What the file says of a peer that speaks IKE: how it and we prove who we are (the PAD's part of
 * it, RFC 4301 4.4.3.2), and what is offered and accepted for the ISAKMP SA (RFC 2409 4 and
 * Appendix A).
 */
#ifndef POLICY_IKE_H
#define POLICY_IKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/prf.h"
#include "kinkd/credentials.h"
#include "kinkd/ike.h"
#include "kinkd/ipsec.h"

#define POLICY_IKE_PROPOSALS_MAX 16

/* One way to protect the ISAKMP SA. */
struct policy_ike_proposal {
	enum encryption encryption; /* a cipher of crypto/cbc.h */
	uint16_t key_bits;          /* 0 where the cipher fixes it */
	enum prf_hash hash;         /* hash and, as HMAC, prf */
	enum dh_group group;
};

/* What we start with. A peer may always start with main mode, with aggressive only if that is set.
 */
enum policy_ike_mode { POLICY_IKE_MAIN, POLICY_IKE_AGGRESSIVE };

struct policy_ike {
	/* Who we are. IKE_IDENTITY_NONE: as our certificate says, else our address. */
	struct ike_identity local_identity;
	/* Who the peer may be; none: whoever has the address that it speaks from. */
	const struct ike_identity *remote_identities;
	size_t remote_identity_count;
	bool any_remote_identity; /* whoever can prove to be what he claims */
	/* In the order to offer; all are accepted. */
	enum ike_authentication authentications[IKE_AUTHENTICATION_COUNT];
	size_t authentication_count;
	struct bytes psk; /* secret; empty: none */
	/* Files, and files or directories; PEM. */
	const char *certificate; /* ours, with what leads to the root; NULL: none */
	const char *private_key;
	const char *const *authorities; /* trust anchors and what lies between */
	size_t authority_count;
	const char *const *crls;
	size_t crl_count;
	enum credentials_crl_policy crl_policy;
	const char *peer_certificates; /* for what needs the peer's key beforehand; NULL: none */
	struct policy_ike_proposal proposals[POLICY_IKE_PROPOSALS_MAX]; /* most wanted first */
	size_t proposal_count;
	uint32_t lifetime; /* of the ISAKMP SA, seconds */
	enum policy_ike_mode mode;
	bool fragmentation; /* messages may be sent in fragments to peers that know them */
	bool nat;           /* NATs are looked for and crossed (RFC 3947) */
};

#define POLICY_IKE_PROPOSAL_TEXT_SIZE 40

/* "aes256-sha256-curve25519"; ERR_INVALID, and problem says which part is wrong. */
enum err policy_ike_proposal_parse(
    const char *text, struct policy_ike_proposal *out, struct problem *problem) MUST_CHECK;
const char *policy_ike_proposal_format(
    const struct policy_ike_proposal *proposal, char text[POLICY_IKE_PROPOSAL_TEXT_SIZE]);
/* Whether it has SHA-1, 3DES or a group of less than 2048 bits: in force only when named. */
bool policy_ike_proposal_is_weak(const struct policy_ike_proposal *proposal);
/* As the file has it: "psk", "rsa-signature", ... */
const char *policy_authentication_name(enum ike_authentication authentication);

#endif
