/*
 * Which principal a peer must have (RFC 4301 4.4.3; RFC 4430 section 10): templates filled with
 * the name that belongs to an address.
 */
#ifndef POLICY_IDENTITY_H
#define POLICY_IDENTITY_H

#include "policy/policy.h"

enum identity_role { IDENTITY_RESPONDER, IDENTITY_INITIATOR };

/* Whether this is a plain host name (RFC 1123 2.1), as templates may be filled with. */
bool identity_is_host_name(const char *name);
/* Whether a template is sound: known placeholders, none of them in the realm, which must stand. */
enum err identity_check_template(const char *template, struct problem *problem) MUST_CHECK;
/*
 * Whether the name of one of our own principals is sound: no placeholders, and the realm may be
 * left to libkrb5.
 */
enum err identity_check_principal(const char *name, struct problem *problem) MUST_CHECK;

/* Whether any template of this peer and role contains {fqdn}, {host} or {HOST}. */
bool identity_needs_name(const struct policy_peer *peer, enum identity_role role);

/*
 * The principal to ask for when starting with a host of this peer; name is its FQDN, or NULL when
 * no template needs one. ERR_TOO_LONG, or ERR_INVALID when a name is needed and none is given.
 */
enum err identity_principal(
    const struct policy_peer *peer, const char *name, char *out, size_t out_size) MUST_CHECK;

/* Whether an authenticated principal may speak in this role for the host of that name. */
bool identity_may_be(const struct policy_peer *peer, enum identity_role role, const char *name,
    const char *principal);

#endif
