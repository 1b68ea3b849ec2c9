/*
 * Certificates and requests for them as payloads (RFC 2408 3.9, 3.10; RFC 4945 3.2, 3.3), and the
 * questions about them to the host.
 */
#ifndef KX_AUTH_CERTIFICATES_H
#define KX_AUTH_CERTIFICATES_H

#include "kx/auth/auth-internal.h"

/* Copies of octets, such as certificates and names of authorities. Zero-initialised is empty. */
struct auth_items {
	struct bytes items[CREDENTIALS_AUTHORITIES_MAX];
	size_t count;
};

/* In place of what was there. ERR_LIMIT for more than fit. */
enum err auth_items_keep(
    struct auth_items *items, const struct bytes *octets, size_t count) MUST_CHECK;
void auth_items_free(struct auth_items *items);

/* A payload for each; type is ISAKMP_CERT or ISAKMP_CERTREQ. */
void auth_put_certificates(
    struct isakmp_writer *chain, uint8_t type, const struct auth_items *items);
/* Whether the sender wants to see certificates. */
bool auth_wants_certificates(const struct isakmp_chain *chain);
/* Adds the certificates of a message to a request, as many as it takes. */
void auth_add_certificates(const struct isakmp_chain *chain, struct credentials_request *request);

/* Asks the host about this peer's set. */
enum auth_result auth_ask_credentials(
    struct auth *auth, struct credentials_request *request, struct problem *problem);

#endif
