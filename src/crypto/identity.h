/*
 * Identities of IKE as text and compared: RFC 2407 4.6.2.1, RFC 4945 3.1. Distinguished names are
 * read and written by OpenSSL.
 */
#ifndef CRYPTO_IDENTITY_H
#define CRYPTO_IDENTITY_H

#include <stdbool.h>

#include "base/address.h"
#include "base/error.h"
#include "kinkd/ike.h"

#define IKE_IDENTITY_MAX       1024 /* octets */
#define IKE_IDENTITY_TEXT_SIZE 320  /* longer ones are cut */

/*
 * "192.0.2.1", "2001:db8::1", "host.example.test" or "@host.example.test", "user@example.test",
 * "C=CH, O=Example, CN=host" in the certificate's order (a comma in a value as "\,"), and
 * "keyid:text". In what is expected of a peer "*" may stand for a distinguished name's value,
 * for a user ("*@example.test"), and for the first labels of a name ("*.example.test").
 * data, of at most IKE_IDENTITY_MAX octets, holds the result.
 */
enum err ike_identity_parse(const char *text, uint8_t data[IKE_IDENTITY_MAX],
    struct ike_identity *out, struct problem *problem) MUST_CHECK;
/* Of any octets, as a peer may have sent them; what cannot be printed shows as '?'. */
const char *ike_identity_format(
    const struct ike_identity *identity, char text[IKE_IDENTITY_TEXT_SIZE]);

/* octets borrow from address. */
struct ike_identity ike_identity_of_address(const struct address *address);
/* ERR_INVALID for what is no single address. */
enum err ike_identity_address(const struct ike_identity *identity, struct address *out) MUST_CHECK;

/*
 * Whether an identity is the expected one: names without regard to case, distinguished names as
 * RFC 5280 7.1 compares them, everything else octet by octet.
 */
bool ike_identity_is(const struct ike_identity *identity, const struct ike_identity *expected);

#endif
