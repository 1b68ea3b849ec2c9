/*
 * Diffie-Hellman groups: 2 (RFC 2409 6.2), 5 and 14 to 16 (RFC 3526), 19 to 21 (RFC 5903), 31
 * (RFC 8031). Public values and shared secrets have the fixed lengths and encodings of those RFCs:
 * MODP padded on the left, ECP as x | y with x alone as the secret, X25519 as 32 octets. The peer's
 * value is checked (RFC 6989).
 */
#ifndef CRYPTO_DH_H
#define CRYPTO_DH_H

#include "base/bytes.h"
#include "base/error.h"
#include "kinkd/ipsec.h"

#define DH_PUBLIC_MAX  512
#define DH_PRIVATE_MAX 512
#define DH_SECRET_MAX  512

struct dh;

/* 0 for a group that is not known. */
size_t dh_public_length(enum dh_group group);
size_t dh_secret_length(enum dh_group group);
/* A fresh key pair; ERR_UNSUPPORTED for a group that is not known. */
enum err dh_new(enum dh_group group, struct dh **out) MUST_CHECK;
/*
 * The key pair of these values, for known answers. The private one is big-endian (X25519: as RFC
 * 7748 has it), the public one as dh_public() gives it; that they belong together is not checked.
 */
enum err dh_from_pair(enum dh_group group, struct bytes private_value, struct bytes public_value,
    struct dh **out) MUST_CHECK;
void dh_free(struct dh *dh);
/* Writes the private value as dh_from_pair() takes it, to be wiped; at most DH_PRIVATE_MAX. */
enum err dh_private(const struct dh *dh, uint8_t *out, size_t *len) MUST_CHECK;
/* Writes dh_public_length() octets. */
enum err dh_public(const struct dh *dh, uint8_t *out) MUST_CHECK;
/*
 * Writes dh_secret_length() octets, to be wiped. ERR_INVALID when the peer's value is no good, its
 * length included.
 */
enum err dh_derive(const struct dh *dh, struct bytes peer, uint8_t *out) MUST_CHECK;

#endif
