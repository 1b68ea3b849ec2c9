/*
 * Peers that read RFC 4430 in their own way. The configuration's check sees to it that policies
 * with them ask for nothing that they do not know; what is left is here.
 */
#include "kx/kink/response.h"

bool kink_is_racoon2(const struct kink *kink, const struct address *remote)
{
	const struct policy_peer *peer = policy_peer_of(kx_policy(kink->kx), remote);

	return peer != NULL && peer->dialect == POLICY_DIALECT_RACOON2;
}

const char *kink_dialect_selector(struct kink_response *response, struct kink_grant *grant,
    const struct isakmp_chain *chain, enum ipsec_mode mode, struct selector *selector)
{
	if (mode != IPSEC_TUNNEL || isakmp_chain_find(chain, ISAKMP_ID, NULL) != NULL ||
	    !kink_is_racoon2(response->kink, &response->key.remote))
		return NULL;
	grant->nameless = true;
	return policy_only_tunnel(kx_policy(response->kink->kx), &response->key.remote, selector)
	           ? NULL
	           : "it names no traffic for its tunnel, and the file has not just one with it";
}

const char *kink_dialect_forbids(const struct kink_response *response,
    const struct kink_grant *grant, const struct offer_choice *first)
{
	if (!kink_is_racoon2(response->kink, &response->key.remote))
		return NULL;
	if (!grant->two_way)
		return "its dialect knows but two messages, which another proposal than its first "
		       "does not allow";
	if (grant->choice.lifetime.seconds != first->lifetime.seconds ||
	    grant->choice.lifetime.bytes != first->lifetime.bytes)
		return "its dialect takes no other lifetime than its own: set the policy's to at "
		       "least that";
	return NULL;
}
