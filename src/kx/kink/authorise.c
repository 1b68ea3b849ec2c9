/*
 * Whether the principal that sent a command may speak for the address that it came from: a ticket
 * alone proves who somebody is, and allows nothing. RFC 4430 10, RFC 4301 4.4.3.
 */
#include <stdio.h>
#include <string.h>

#include "kx/kink/response.h"
#include "policy/identity.h"

static void refuse(struct kink_response *response, const char *why)
{
	struct kink *kink = response->kink;

	kx_count(kink->kx, KX_RESPONSES_REFUSED);
	kink_log_stranger(kink, &response->remote, "refused a principal", why);
	kink_response_notify(response, NOTIFY_PAYLOAD_MALFORMED, 0, (struct bytes){0});
}

/* Why the ticket does not show that its client is in one of the peer's groups; NULL if it does. */
static const char *why_no_member(
    const struct kink_response *response, const struct policy_peer *peer)
{
	if (peer->initiator_group_count == 0)
		return NULL;
	switch (response->membership) {
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
	struct kink_response *response =
	    (struct kink_response *)((char *)wait - offsetof(struct kink_response, name_wait));
	const struct policy_peer *peer =
	    policy_peer_of(kx_policy(response->kink->kx), &response->key.remote);
	const char *no_member;
	char why[sizeof(problem->text) + KERBEROS_NAME_MAX + 80];
	char address[ADDRESS_TEXT_SIZE];

	if (!identity_may_be(peer, IDENTITY_INITIATOR, name, response->client)) {
		if (name == NULL && problem->code != ERR_OK)
			(void)snprintf(why, sizeof(why), "%s: %s", response->client, problem->text);
		else
			(void)snprintf(why, sizeof(why),
			    "%s may not speak for %s (%s): peer \"%s\" does not list it as "
			    "initiator_principal",
			    response->client, address_format(&response->key.remote, address),
			    name != NULL ? name : "no name needed", peer->name);
		refuse(response, why);
		return;
	}
	no_member = why_no_member(response, peer);
	if (no_member == NULL) {
		kink_response_authorised(response);
		return;
	}
	(void)snprintf(
	    why, sizeof(why), "peer \"%s\": %s %s", peer->name, response->client, no_member);
	refuse(response, why);
}

void kink_authorise(struct kink_response *response)
{
	static const struct problem none = {.code = ERR_OK};
	struct kink *kink = response->kink;
	const struct policy_peer *peer = policy_peer_of(kx_policy(kink->kx), &response->key.remote);
	const struct sa_peer *known = sad_find_peer(kx_sad(kink->kx), &response->key.remote);
	char why[KERBEROS_NAME_MAX + 80];

	if (peer == NULL) {
		(void)snprintf(
		    why, sizeof(why), "%s: no peer in the file has its address", response->client);
		refuse(response, why);
		return;
	}
	/* Whoever made SAs under this name may delete them, also while no resolver answers. */
	if (response->type == KINK_DELETE && known != NULL && known->principal != NULL &&
	    strcmp(known->principal, response->client) == 0) {
		kink_response_authorised(response);
		return;
	}
	response->name_wait.done = name_known;
	if (identity_needs_name(peer, IDENTITY_INITIATOR))
		kx_name_wait(kink->kx, &response->key.remote, &response->name_wait);
	else
		name_known(&response->name_wait, NULL, &none);
}
