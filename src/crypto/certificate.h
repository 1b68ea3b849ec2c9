/*
 * One certificate: read from files, named for people, matched with an identity and a use
 * (RFC 4945 3.1, 5.1). Header of this room alone: it shows OpenSSL's types.
 */
#ifndef CRYPTO_CERTIFICATE_H
#define CRYPTO_CERTIFICATE_H

#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/identity.h"

enum certificate_use { CERTIFICATE_SIGNS, CERTIFICATE_ENCRYPTS };

/* NULL for what is no certificate, whole. */
X509 *certificate_of(struct bytes der);
/*
 * Appends what a file has, PEM or DER, or each file of a directory. ERR_NOT_FOUND when it has
 * none; that a directory has none is no error. The text names the file.
 */
enum err certificate_read(
    const char *path, STACK_OF(X509) * out, struct problem *problem) MUST_CHECK;
/* The same for lists of revoked certificates. */
enum err certificate_read_crls(
    const char *path, STACK_OF(X509_CRL) * out, struct problem *problem) MUST_CHECK;

/* Its subject, or when that is empty its first other name. */
const char *certificate_name(const X509 *certificate, char text[IKE_IDENTITY_TEXT_SIZE]);
/* Octets borrowed from the certificate. */
struct bytes certificate_subject(const X509 *certificate);
/*
 * What it says of its owner first: an FQDN, else a user's, else an address, else its subject.
 * type is IKE_IDENTITY_NONE when it says nothing. data holds the result.
 */
struct ike_identity certificate_identity(const X509 *certificate, uint8_t data[IKE_IDENTITY_MAX]);
/* Whether the certificate is for that very identity (RFC 4945 3.1.1 to 3.1.5). */
bool certificate_is_for(const X509 *certificate, const struct ike_identity *identity);
/* ERR_AUTH, with a problem, when KeyUsage or ExtendedKeyUsage forbid it (RFC 4945 5.1.3). */
enum err certificate_check_use(
    X509 *certificate, enum certificate_use use, struct problem *problem) MUST_CHECK;

#endif
