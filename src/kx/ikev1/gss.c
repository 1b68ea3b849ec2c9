/*
 * What authentication by Kerberos needs of phase 1: names. Ours in our transforms, the responder's
 * to ask the KDC for, and whether the initiator's may speak for its address.
 */
#include <stddef.h>
#include <string.h>

#include "kx/ikev1/phase1.h"
#include "wire/utf16.h"

/* Any character of a principal is one or two units of two octets. */
#define NAME_MAX_OCTETS (2 * KERBEROS_NAME_MAX)

bool ikev1_may_use_gss(const struct policy_ike *ike)
{
	for (size_t i = 0; i < ike->authentication_count; i++) {
		if (ike->authentications[i] == IKE_AUTHENTICATION_GSS)
			return true;
	}
	return false;
}

struct bytes ikev1_gss_name(const struct ikev1 *ikev1, const struct policy_peer *peer)
{
	const struct host *host = kx_host(ikev1->kx);
	uint8_t octets[NAME_MAX_OCTETS];
	struct writer out = writer_of(octets, sizeof(octets));
	char principal[KERBEROS_NAME_MAX];
	const char *name = peer->local_principal;

	if (!ikev1_may_use_gss(peer->ike))
		return (struct bytes){0};
	if (name == NULL && host->principal(host->self, principal))
		name = principal;
	if (name == NULL)
		return (struct bytes){0};
	utf16_put(&out, name);
	return writer_ok(&out) ? bytes_copy(writer_bytes(&out)) : (struct bytes){0};
}

static enum ikev1_outcome go_on(struct ikev1_phase1 *phase1, const struct problem *problem)
{
	bool waiting = phase1->name_awaited;

	phase1->name_awaited = false;
	if (problem->code != ERR_OK) {
		ikev1_phase1_unauthenticated(phase1, problem);
		return IKEV1_OVER;
	}
	if (waiting)
		ikev1_steps_go_on(&phase1->steps, phase1);
	return IKEV1_NEXT;
}

/* What a step that may be answered at once comes to. */
static enum ikev1_outcome wait_for_name(
    struct ikev1 *ikev1, uint64_t handle, struct ikev1_phase1 *phase1)
{
	const struct ikev1_sa *sa = slots_get(&ikev1->sas, handle);

	if (sa == NULL || sa->phase1 != phase1)
		return IKEV1_OVER;
	if (phase1->name_known)
		return IKEV1_NEXT;
	phase1->name_awaited = true;
	return IKEV1_PENDING;
}

static void principal_known(
    struct kx_principal_wait *wait, const char *principal, const struct problem *problem)
{
	struct ikev1_phase1 *phase1 =
	    (struct ikev1_phase1 *)((char *)wait - offsetof(struct ikev1_phase1, principal_wait));
	struct problem why = *problem;
	size_t len = principal != NULL ? strlen(principal) : 0;

	if (why.code == ERR_OK && len >= sizeof(phase1->principal))
		(void)problem_set(&why, ERR_TOO_LONG, "the peer's principal is too long");
	if (why.code == ERR_OK)
		memcpy(phase1->principal, principal, len + 1);
	phase1->inputs.principal = phase1->principal;
	phase1->name_known = true;
	(void)go_on(phase1, &why);
}

enum ikev1_outcome ikev1_find_principal(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_sa *sa = phase1->sa;
	struct ikev1 *ikev1 = sa->peer->ikev1;
	uint64_t handle = sa->handle;

	if (sa->suite.authentication != IKE_AUTHENTICATION_GSS)
		return IKEV1_NEXT;
	phase1->name_known = false;
	phase1->principal_wait = (struct kx_principal_wait){.done = principal_known,
	    .claimed = phase1->claimed[0] != '\0' ? phase1->claimed : NULL};
	kx_principal_wait(
	    ikev1->kx, sa->peer->policy, &sa->peer->key.remote, &phase1->principal_wait);
	return wait_for_name(ikev1, handle, phase1);
}

static void judged(struct kx_authorisation *authorisation, const struct problem *problem)
{
	struct ikev1_phase1 *phase1 =
	    (struct ikev1_phase1 *)((char *)authorisation -
				    offsetof(struct ikev1_phase1, authorisation));

	phase1->name_known = true;
	(void)go_on(phase1, problem);
}

enum ikev1_outcome ikev1_authorise(void *exchange)
{
	struct ikev1_phase1 *phase1 = exchange;
	struct ikev1_sa *sa = phase1->sa;
	struct ikev1 *ikev1 = sa->peer->ikev1;
	uint64_t handle = sa->handle;
	enum kerberos_membership membership = KERBEROS_MEMBERSHIP_UNKNOWN;
	const char *principal = auth_peer_principal(phase1->auth, &membership);

	if (principal == NULL)
		return IKEV1_NEXT;
	phase1->name_known = false;
	phase1->authorisation = (struct kx_authorisation){.done = judged,
	    .peer = sa->peer->policy,
	    .address = sa->peer->key.remote,
	    .principal = principal,
	    .membership = membership};
	kx_authorise(ikev1->kx, &phase1->authorisation);
	return wait_for_name(ikev1, handle, phase1);
}

void ikev1_names_cancel(struct ikev1_phase1 *phase1)
{
	kx_principal_cancel(&phase1->principal_wait);
	kx_authorise_cancel(&phase1->authorisation);
}

void ikev1_take_gss_names(
    struct ikev1_phase1 *phase1, struct bytes initiators, struct bytes responders)
{
	struct bytes claimed = phase1->sa->initiator ? responders : initiators;

	if (utf16_decode(claimed, phase1->claimed, sizeof(phase1->claimed)) != ERR_OK)
		phase1->claimed[0] = '\0';
	if (initiators.len == 0 || responders.len == 0)
		return;
	phase1->gss_names[0] = bytes_copy(initiators);
	phase1->gss_names[1] = bytes_copy(responders);
	phase1->inputs.gss_name_i = phase1->gss_names[0];
	phase1->inputs.gss_name_r = phase1->gss_names[1];
}
