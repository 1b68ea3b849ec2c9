/* ISAKMP SAs, for people. */
#include "kx/ikev1/ikev1.h"
#include "kx/ikev1/phase1.h"

static const char *state_of(const struct ikev1_sa *sa)
{
	if (!sa->established)
		return "negotiating";
	return ikev1_peer_sa(sa->peer) == sa ? "established" : "replaced";
}

void ikev1_list(void *state, uint32_t *cursor,
    bool (*callback)(void *context, const struct kx_ike_view *view), void *context)
{
	const struct ikev1 *ikev1 = state;
	uint32_t after = *cursor;
	const struct ikev1_sa *sa;

	for (; (sa = slots_next(&ikev1->sas, &after)) != NULL; *cursor = after) {
		/* What is agreed is known as soon as there are keys. */
		bool agreed = sa->keys != NULL;
		struct policy_ike_proposal proposal = {.encryption = sa->suite.encryption,
		    .key_bits = sa->suite.key_bits,
		    .hash = sa->suite.hash,
		    .group = sa->suite.group};
		char algorithms[POLICY_IKE_PROPOSAL_TEXT_SIZE];
		struct kx_ike_view view = {.peer = sa->peer->policy->name,
		    .method = "ikev1",
		    .identity = sa->identity != NULL ? sa->identity : "",
		    .local = sa->path.local,
		    .remote = sa->path.remote,
		    .initiator = sa->initiator,
		    .mode = sa->aggressive ? "aggressive" : "main",
		    .state = state_of(sa),
		    .authentication =
			agreed ? policy_authentication_name(sa->suite.authentication) : "",
		    .algorithms = agreed ? policy_ike_proposal_format(&proposal, algorithms) : "",
		    .local_nat = sa->local_nat,
		    .remote_nat = sa->remote_nat,
		    .children = ikev1_peer_pairs(sa->peer),
		    .since_ms = sa->established ? sa->established_ms : sa->began_ms,
		    .rekey_ms = sa->established ? sa->renew_ms : 0,
		    .expire_ms = sa->established ? sa->expire_ms : 0};

		if (!callback(context, &view))
			return;
	}
}
