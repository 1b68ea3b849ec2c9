/* Who we say we are, whom the peer claims to be, and whether that is who is expected. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "kx/auth/auth-internal.h"

struct bytes auth_own_id(const struct auth *auth)
{
	return bytes_of(auth->own_id, auth->own_id_len);
}

struct bytes auth_peer_id(const struct auth *auth)
{
	return bytes_of(auth->peer_id, auth->peer_id_len);
}

enum err auth_make_own_id(
    struct auth *auth, const struct ike_identity *certified, struct problem *problem)
{
	struct ike_identity identity = auth->ike->local_identity;
	struct writer out = writer_of(auth->own_id, sizeof(auth->own_id));

	if (certified != NULL &&
	    (identity.type == IKE_IDENTITY_NONE || ike_identity_is(certified, &identity)))
		identity = *certified;
	if (identity.type == IKE_IDENTITY_NONE)
		identity = ike_identity_of_address(&auth->in->local);
	/* RFC 2407 4.6.2: protocol and port are zero, or those of IKE. */
	writer_u8(&out, identity.type);
	writer_zeros(&out, AUTH_ID_HEADER - 1);
	writer_put(&out, identity.data);
	auth->own_id_len = out.len;
	return writer_ok(&out) ? ERR_OK
	                       : problem_set(problem, ERR_TOO_LONG, "our identity is too long");
}

void auth_put_id(const struct auth *auth, struct isakmp_writer *chain)
{
	isakmp_put(chain, ISAKMP_ID, auth_own_id(auth));
}

static bool is_ike_port(uint16_t port)
{
	return port == 0 || port == IKEV1_PORT || port == IKEV1_NAT_PORT;
}

enum err auth_keep_id(struct auth *auth, struct bytes body)
{
	if (body.len > sizeof(auth->peer_id))
		return ERR_TOO_LONG;
	memmove(auth->peer_id, body.data, body.len);
	auth->peer_id_len = body.len;
	return ERR_OK;
}

enum err auth_take_id(struct auth *auth, struct bytes body, struct problem *problem)
{
	struct isakmp_id id;

	if (isakmp_id_decode(body, &id) != ERR_OK || id.data.len == 0 ||
	    auth_keep_id(auth, body) != ERR_OK)
		return problem_set(problem, ERR_INVALID, "an identity that cannot be read");
	if ((id.protocol != 0 && id.protocol != IPPROTO_UDP) || !is_ike_port(id.port))
		return problem_set(problem, ERR_INVALID,
		    "an identity for protocol %u port %u: in phase 1 it must be 0 or UDP 500 "
		    "(RFC 2407 4.6.2)",
		    id.protocol, id.port);
	auth_name_peer(auth, NULL);
	return ERR_OK;
}

enum err auth_find_id(struct auth *auth, const struct isakmp_chain *chain, struct problem *problem)
{
	const struct isakmp_payload *id = isakmp_chain_find(chain, ISAKMP_ID, NULL);

	return id != NULL ? auth_take_id(auth, id->body, problem)
	                  : problem_set(problem, ERR_INVALID, "a message without an identity");
}

struct ike_identity auth_peer_identity(const struct auth *auth)
{
	if (auth->peer_id_len < AUTH_ID_HEADER)
		return (struct ike_identity){0};
	return (struct ike_identity){.type = auth->peer_id[0],
	    .data = bytes_of(auth->peer_id + AUTH_ID_HEADER, auth->peer_id_len - AUTH_ID_HEADER)};
}

void auth_name_peer(struct auth *auth, const char *detail)
{
	struct ike_identity identity = auth_peer_identity(auth);
	char text[IKE_IDENTITY_TEXT_SIZE];

	(void)ike_identity_format(&identity, text);
	if (detail == NULL || *detail == '\0' || strcmp(detail, text) == 0)
		(void)snprintf(auth->peer_text, sizeof(auth->peer_text), "%s", text);
	else
		(void)snprintf(auth->peer_text, sizeof(auth->peer_text), "%s (%s)", text, detail);
}

const char *auth_peer_text(const struct auth *auth)
{
	return auth->peer_text;
}

/* An address counts only for who speaks from it (RFC 4945 3.1.1), unless the file names it. */
static bool is_own_address(const struct auth *auth, const struct ike_identity *identity)
{
	struct address address;

	return ike_identity_address(identity, &address) == ERR_OK &&
	       address_equal(&address, &auth->in->remote);
}

static bool is_expected(const struct auth *auth, const struct ike_identity *identity)
{
	const struct policy_ike *ike = auth->ike;

	for (size_t i = 0; i < ike->remote_identity_count; i++) {
		if (ike_identity_is(identity, &ike->remote_identities[i]))
			return true;
	}
	if (is_own_address(auth, identity))
		return ike->remote_identity_count == 0;
	return ike->any_remote_identity && identity->type != IKE_IDENTITY_IPV4 &&
	       identity->type != IKE_IDENTITY_IPV6;
}

enum err auth_expect_peer(const struct auth *auth, struct problem *problem)
{
	struct ike_identity identity = auth_peer_identity(auth);
	char expected[IKE_IDENTITY_TEXT_SIZE];

	if (is_expected(auth, &identity))
		return ERR_OK;
	if (auth->ike->remote_identity_count > 0)
		(void)ike_identity_format(&auth->ike->remote_identities[0], expected);
	else
		(void)address_format(&auth->in->remote, expected);
	return problem_set(problem, ERR_AUTH,
	    "the peer is %.110s, but the entry of peer \"%.40s\" expects %.80s%s (remote_id)",
	    auth->peer_text, auth->in->peer->name, expected,
	    auth->ike->remote_identity_count > 1 ? " or others" : "");
}
