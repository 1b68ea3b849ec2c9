/*
 * First messages of main mode. What they cost is bounded: no public-key work, an answer no longer
 * than what it answers, and a place in a table whose oldest entries give way. The responder's
 * cookie follows from the initiator's and the addresses (RFC 2408 2.5.3), so that it proves, when
 * it comes back, that the initiator hears what is sent to its address.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "crypto/prf.h"
#include "kx/ikev1/fragment.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase1.h"

#define HALF_OPEN_MAX  4096
/* So many may keep parts of their third message. */
#define ASSEMBLIES_MAX 256
/* The longest SA payload that is kept. */
#define SAI_MAX        4096

static enum err make_cookie(
    const struct ikev1 *ikev1, const struct host_datagram *datagram, struct ikev1_cookies *cookies)
{
	const struct endpoint *remote = &datagram->remote;
	uint8_t octets[64];
	struct writer text = writer_of(octets, sizeof(octets));
	uint8_t out[CRYPTO_PRF_MAX];
	struct bytes part;
	struct prf *prf;
	enum err error;

	writer_put(&text, bytes_of(cookies->initiator, IKEV1_COOKIE_SIZE));
	writer_put(&text, bytes_of(remote->address.octets, sizeof(remote->address.octets)));
	writer_put(&text,
	    bytes_of(datagram->local.address.octets, sizeof(datagram->local.address.octets)));
	writer_u16(&text, remote->port);
	part = writer_bytes(&text);
	error = prf_new(PRF_HMAC_SHA2_256, bytes_of(ikev1->secret, sizeof(ikev1->secret)), &prf);
	if (error != ERR_OK)
		return error;
	error = prf_run(prf, &part, 1, out);
	prf_free(prf);
	memcpy(cookies->responder, out, IKEV1_COOKIE_SIZE);
	return error;
}

struct ikev1_half_open *ikev1_half_open_find(
    const struct ikev1 *ikev1, const struct ikev1_cookies *cookies)
{
	struct ikev1_half_open *half_open;

	HASH_FIND(by_cookies, ikev1->half_open_by_cookies, cookies, sizeof(*cookies), half_open);
	return half_open;
}

void ikev1_half_open_free(struct ikev1 *ikev1, struct ikev1_half_open *half_open)
{
	HASH_DELETE(by_cookies, ikev1->half_open_by_cookies, half_open);
	DL_DELETE2(ikev1->half_open, half_open, previous, next);
	ikev1->half_open_count--;
	ikev1->half_open_assemblies -= half_open->assembly != NULL;
	ikev1_assembly_free(half_open->assembly);
	bytes_drop(&half_open->sai_b);
	bytes_drop(&half_open->answer);
	bytes_drop(&half_open->gss_name);
	free(half_open);
}

bool ikev1_half_open_assemble(
    struct ikev1 *ikev1, struct ikev1_half_open *half_open, struct bytes body, struct bytes *whole)
{
	bool done;

	if (half_open->assembly == NULL && ikev1->half_open_assemblies >= ASSEMBLIES_MAX) {
		kx_count(ikev1->kx, KX_DATAGRAMS_SHED);
		return false;
	}
	ikev1->half_open_assemblies -= half_open->assembly != NULL;
	done = ikev1_assemble(&half_open->assembly, body, whole);
	ikev1->half_open_assemblies += half_open->assembly != NULL;
	return done;
}

void ikev1_half_open_clear(struct ikev1 *ikev1)
{
	while (ikev1->half_open != NULL)
		ikev1_half_open_free(ikev1, ikev1->half_open);
}

static void answer(struct ikev1 *ikev1, struct ikev1_half_open *half_open)
{
	ikev1_send(ikev1, &half_open->path, half_open->answer, false);
}

/* The answer, with the transform that was chosen and what both ends know. */
static enum err make_answer(struct ikev1_half_open *half_open, const struct policy_ike *ike,
    const struct ikev1_vendor *vendor, size_t room)
{
	struct ikev1_message_writer message;
	struct bytes octets;
	enum err error;

	ikev1_message_begin(&message, &half_open->cookies, ISAKMP_EXCHANGE_IDENTITY_PROTECTION, 0);
	ikev1_put_choice(&message.chain, &half_open->choice);
	ikev1_put_vendor(&message.chain, ike, vendor);
	error = ikev1_message_end(&message, &octets);
	/* Nobody gets more octets out of us than he put in. */
	if (error == ERR_OK && octets.len > room)
		error = ERR_LIMIT;
	if (error != ERR_OK)
		return error;
	half_open->answer = bytes_copy(octets);
	return half_open->answer.data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* With our name in place of the initiator's, if there was one and the answer may be so long. */
static enum err answer_for(struct ikev1_half_open *half_open, const struct policy_ike *ike,
    const struct ikev1_vendor *vendor, size_t room)
{
	enum err error = ERR_LIMIT;

	if (half_open->choice.gss_identity.len > 0) {
		half_open->choice.gss_answer = half_open->gss_name;
		error = make_answer(half_open, ike, vendor, room);
	}
	if (error != ERR_LIMIT)
		return error;
	half_open->choice.gss_answer = (struct bytes){0};
	bytes_drop(&half_open->gss_name);
	return make_answer(half_open, ike, vendor, room);
}

static enum err keep(struct ikev1 *ikev1, struct ikev1_half_open *half_open)
{
	HASH_ADD(by_cookies, ikev1->half_open_by_cookies, cookies, sizeof(half_open->cookies),
	    half_open);
	if (!table_holds(&half_open->by_cookies))
		return ERR_NO_MEMORY;
	DL_APPEND2(ikev1->half_open, half_open, previous, next);
	if (++ikev1->half_open_count > HALF_OPEN_MAX) {
		kx_count(ikev1->kx, KX_DATAGRAMS_SHED);
		ikev1_half_open_free(ikev1, ikev1->half_open);
	}
	return ERR_OK;
}

static enum err open(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct ikev1_cookies *cookies, const struct policy_peer *peer,
    const struct ikev1_received *received)
{
	const struct policy_ike *ike = peer->ike;
	struct bytes sai_b = isakmp_chain_find(&received->chain, ISAKMP_SA, NULL)->body;
	struct ikev1_vendor vendor = ikev1_read_vendor(&received->chain);
	struct ikev1_half_open *half_open;
	struct problem problem;
	enum err error;

	if (sai_b.len > SAI_MAX)
		return ERR_LIMIT;
	half_open = calloc(1, sizeof(*half_open));
	if (half_open == NULL)
		return ERR_NO_MEMORY;
	half_open->cookies = *cookies;
	half_open->path = (struct ikev1_path){datagram->port, datagram->local, datagram->remote};
	half_open->sai_b = bytes_copy(sai_b);
	half_open->gss_name = ikev1_gss_name(ikev1, peer);
	half_open->knows_nat = vendor.nat;
	half_open->knows_dpd = vendor.dpd;
	half_open->knows_fragments = vendor.fragments;
	error = half_open->sai_b.data != NULL ? ERR_OK : ERR_NO_MEMORY;
	if (error == ERR_OK) {
		/* Without a name of our own there is no Kerberos here. */
		error = ikev1_choose(half_open->sai_b, ike,
		    vendor.gss && half_open->gss_name.len > 0, &half_open->choice, &problem);
		if (error != ERR_OK) {
			kx_count(ikev1->kx, KX_RESPONSES_REFUSED);
			ikev1_log_stranger(
			    ikev1, &datagram->remote, "refused to make an ISAKMP SA", problem.text);
		}
	}
	if (error == ERR_OK)
		error = answer_for(half_open, ike, &vendor, datagram->data.len);
	if (error == ERR_OK)
		error = keep(ikev1, half_open);
	if (error != ERR_OK) {
		bytes_drop(&half_open->sai_b);
		bytes_drop(&half_open->answer);
		bytes_drop(&half_open->gss_name);
		free(half_open);
		return error;
	}
	answer(ikev1, half_open);
	return ERR_OK;
}

void ikev1_half_open_begin(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	const struct policy_peer *peer =
	    policy_peer_of(kx_policy(ikev1->kx), &datagram->remote.address);
	struct ikev1_received received;
	struct ikev1_cookies cookies;
	struct ikev1_half_open *earlier;
	enum err error = ERR_OK;

	if (peer == NULL || peer->ike == NULL || kx_is_stopping(ikev1->kx)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		ikev1_log_stranger(ikev1, &datagram->remote, "ignored a first message",
		    "no peer in the file that speaks IKEv1 has its address");
		return;
	}
	memcpy(cookies.initiator, header->initiator_cookie, IKEV1_COOKIE_SIZE);
	if (make_cookie(ikev1, datagram, &cookies) != ERR_OK)
		return;
	earlier = ikev1_half_open_find(ikev1, &cookies);
	if (earlier != NULL) {
		answer(ikev1, earlier);
		return;
	}
	/* Its third message was here already. */
	if (ikev1_sa_find(ikev1, &cookies) != NULL)
		return;
	if (ikev1_received_plain(&received, header, body) != ERR_OK) {
		kx_count(ikev1->kx, KX_DATAGRAMS_MALFORMED);
		return;
	}
	if (ikev1_received_is_lawful(ikev1, &datagram->remote, &received, 1, IKEV1_FAMILY_ANY))
		error = open(ikev1, datagram, &cookies, peer, &received);
	if (error == ERR_NOT_FOUND)
		ikev1_refuse_plain(ikev1, datagram, header, NOTIFY_NO_PROPOSAL_CHOSEN);
	else if (error == ERR_LIMIT)
		kx_count(ikev1->kx, KX_DATAGRAMS_SHED);
	ikev1_received_clear(&received);
}
