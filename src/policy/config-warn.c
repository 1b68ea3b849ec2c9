/* What is weak of what the file has named. */
#include <stdio.h>

#include "policy/config.h"
#include "policy/ike.h"

struct warner {
	config_warning warn;
	void *context;
};

static void warn(const struct warner *warner, const struct policy_peer *peer, const char *what,
    const char *advice)
{
	char text[320];

	(void)snprintf(text, sizeof(text), "peer \"%s\": %s; %s", peer->name, what, advice);
	warner->warn(warner->context, text);
}

static bool authenticates_by(const struct policy_ike *ike, enum ike_authentication authentication)
{
	for (size_t i = 0; i < ike->authentication_count; i++) {
		if (ike->authentications[i] == authentication)
			return true;
	}
	return false;
}

static void warn_proposals(const struct warner *warner, const struct policy_peer *peer)
{
	char name[POLICY_IKE_PROPOSAL_TEXT_SIZE];
	char text[128];

	for (size_t i = 0; i < peer->ike->proposal_count; i++) {
		if (!policy_ike_proposal_is_weak(&peer->ike->proposals[i]))
			continue;
		(void)snprintf(text, sizeof(text), "ike has \"%s\", which is weak",
		    policy_ike_proposal_format(&peer->ike->proposals[i], name));
		warn(warner, peer, text, "remove it as soon as the peer knows better");
	}
}

static void warn_ike(const struct warner *warner, const struct policy_peer *peer)
{
	const struct policy_ike *ike = peer->ike;

	warn_proposals(warner, peer);
	if (ike->mode == POLICY_IKE_AGGRESSIVE && authenticates_by(ike, IKE_AUTHENTICATION_PSK))
		warn(warner, peer,
		    "aggressive mode with psk lets whoever listens, or just asks, guess the secret "
		    "offline",
		    "use main mode or certificates");
	if (authenticates_by(ike, IKE_AUTHENTICATION_ENCRYPTION) ||
	    authenticates_by(ike, IKE_AUTHENTICATION_REVISED_ENCRYPTION))
		warn(warner, peer, "authentication by RSA encryption is of another age",
		    "use signatures");
	if (ike->any_remote_identity)
		warn(warner, peer,
		    "remote_id \"any\" trusts everybody who has the secret, or a certificate of "
		    "one "
		    "of the authorities",
		    "name who the peer is");
}

void config_warn(const struct policy *policy, config_warning warn_one, void *context)
{
	const struct warner warner = {warn_one, context};

	for (size_t i = 0; i < policy->peer_count; i++) {
		if (policy->peers[i].ike != NULL)
			warn_ike(&warner, &policy->peers[i]);
	}
}
