/* Whether the principal that sent a command may speak for the address that it came from. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "kx/kink/response.h"

static void refuse(struct kink_response *response, const char *why)
{
	struct kink *kink = response->kink;

	kx_count(kink->kx, KX_RESPONSES_REFUSED);
	kink_log_stranger(kink, &response->remote, "refused a principal", why);
	kink_response_notify(response, NOTIFY_PAYLOAD_MALFORMED, 0, (struct bytes){0});
}

static void judged(struct kx_authorisation *authorisation, const struct problem *problem)
{
	struct kink_response *response =
	    (struct kink_response *)((char *)authorisation -
				     offsetof(struct kink_response, authorisation));

	if (problem->code == ERR_OK)
		kink_response_authorised(response);
	else
		refuse(response, problem->text);
}

void kink_authorise(struct kink_response *response)
{
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
	response->authorisation = (struct kx_authorisation){.done = judged,
	    .peer = peer,
	    .address = response->key.remote,
	    .principal = response->client,
	    .membership = response->membership};
	kx_authorise(kink->kx, &response->authorisation);
}
