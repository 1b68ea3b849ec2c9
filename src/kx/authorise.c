/*
 * Whether a principal may speak for the address that its message came from: a ticket alone proves
 * who somebody is, and allows nothing. RFC 4430 10, RFC 4301 4.4.3.
 */
#include <stddef.h>
#include <stdio.h>

#include "kinkd/kx.h"
#include "policy/identity.h"

/* Why the ticket does not show that its client is in one of the peer's groups; NULL if it does. */
static const char *why_no_member(
    const struct policy_peer *peer, enum kerberos_membership membership)
{
	if (peer->initiator_group_count == 0)
		return NULL;
	switch (membership) {
	case KERBEROS_MEMBERSHIP_MEMBER:
		return NULL;
	case KERBEROS_MEMBERSHIP_NONE:
		return "is in none of its initiator_group; new memberships count from the next "
		       "ticket on";
	case KERBEROS_MEMBERSHIP_FORGED:
		return "has a ticket whose PAC is not signed for this host's keytab";
	case KERBEROS_MEMBERSHIP_UNKNOWN:
		break;
	}
	return "has a ticket without a PAC that names groups, which initiator_group needs: only "
	       "Active Directory gives one";
}

static void name_known(struct kx_name_wait *wait, const char *name, const struct problem *problem)
{
	struct kx_authorisation *authorisation =
	    (struct kx_authorisation *)((char *)wait - offsetof(struct kx_authorisation, name));
	const struct policy_peer *peer = authorisation->peer;
	const char *no_member;
	struct problem why = {.code = ERR_OK};
	char address[ADDRESS_TEXT_SIZE];

	if (!identity_may_be(peer, IDENTITY_INITIATOR, name, authorisation->principal)) {
		if (name == NULL && problem->code != ERR_OK)
			(void)problem_set(
			    &why, ERR_DENIED, "%s: %s", authorisation->principal, problem->text);
		else
			(void)problem_set(&why, ERR_DENIED,
			    "%s may not speak for %s (%s): peer \"%s\" does not list it as "
			    "initiator_principal",
			    authorisation->principal,
			    address_format(&authorisation->address, address),
			    name != NULL ? name : "no name needed", peer->name);
		authorisation->done(authorisation, &why);
		return;
	}
	no_member = why_no_member(peer, authorisation->membership);
	if (no_member != NULL)
		(void)problem_set(&why, ERR_DENIED, "peer \"%s\": %s %s", peer->name,
		    authorisation->principal, no_member);
	authorisation->done(authorisation, &why);
}

void kx_authorise(struct kx *kx, struct kx_authorisation *authorisation)
{
	static const struct problem none = {.code = ERR_OK};

	authorisation->name.done = name_known;
	authorisation->name.entry = NULL;
	if (identity_needs_name(authorisation->peer, IDENTITY_INITIATOR))
		kx_name_wait(kx, &authorisation->address, &authorisation->name);
	else
		name_known(&authorisation->name, NULL, &none);
}

void kx_authorise_cancel(struct kx_authorisation *authorisation)
{
	kx_name_cancel(&authorisation->name);
}
