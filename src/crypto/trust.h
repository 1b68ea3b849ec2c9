/*
 * Whether a certificate may be believed: its chain, time, use and revocation, through OpenSSL
 * (RFC 5280 6, RFC 4945 5). Header of this room alone: it shows OpenSSL's types.
 */
#ifndef CRYPTO_TRUST_H
#define CRYPTO_TRUST_H

#include "crypto/certificate.h"
#include "kinkd/credentials.h"

struct trust;

struct trust_sources {
	/* Files and directories. Whatever authority they name is trusted, a root or not. */
	const char *const *authorities;
	size_t authority_count;
	const char *const *crls;
	size_t crl_count;
	enum credentials_crl_policy crl_policy;
	/* Certificates of peers. Without authorities each of them is trusted for itself. */
	const char *const *peers;
	size_t peer_count;
};

enum err trust_load(
    const struct trust_sources *sources, struct trust **out, struct problem *problem) MUST_CHECK;
void trust_free(struct trust *trust);

/* Borrowed. */
const STACK_OF(X509) * trust_authorities(const struct trust *trust);
/* The certificate of a peer with that identity; NULL when there is none. */
X509 *trust_peer(const struct trust *trust, const struct ike_identity *identity);
X509 *trust_any_peer(const struct trust *trust);

/*
 * others, from the peer, may help to build the chain; NULL for none. ERR_EXPIRED, ERR_DENIED
 * (revoked), ERR_UNAVAILABLE (no list that tells), ERR_AUTH; the text names the certificate.
 */
enum err trust_check(const struct trust *trust, X509 *certificate, STACK_OF(X509) * others,
    enum certificate_use use, int64_t now, struct problem *problem) MUST_CHECK;

#endif
