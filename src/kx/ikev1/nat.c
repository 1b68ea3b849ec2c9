/* NATs between the ends of phase 1: RFC 3947 3.2 and 4. */
#include "crypto/digest.h"
#include "kx/ikev1/phase1.h"

static enum err hash_end(
    const struct ikev1_phase1 *phase1, const struct endpoint *end, uint8_t out[CRYPTO_PRF_MAX])
{
	const struct ikev1_sa *sa = phase1->sa;
	uint8_t octets[IKEV1_NAT_D_TEXT_MAX];
	struct writer text = writer_of(octets, sizeof(octets));
	struct bytes part;

	ikev1_put_nat_d_text(
	    &text, sa->cookies.initiator, sa->cookies.responder, &end->address, end->port);
	part = writer_bytes(&text);
	return digest_run(sa->suite.hash, &part, 1, out);
}

static bool is_wanted(const struct ikev1_phase1 *phase1)
{
	return phase1->ike->nat && phase1->sa->knows_nat;
}

enum err ikev1_put_nat_d(struct ikev1_phase1 *phase1, struct isakmp_writer *chain)
{
	const struct ikev1_sa *sa = phase1->sa;
	const struct endpoint *const ends[] = {&sa->path.remote, &sa->path.local};
	uint8_t hash[CRYPTO_PRF_MAX];

	for (size_t i = 0; is_wanted(phase1) && i < 2; i++) {
		enum err error = hash_end(phase1, ends[i], hash);

		if (error != ERR_OK)
			return error;
		isakmp_put(chain, ISAKMP_NAT_D, bytes_of(hash, prf_length(sa->suite.hash)));
	}
	return ERR_OK;
}

enum err ikev1_read_nat_d(struct ikev1_phase1 *phase1)
{
	struct ikev1_sa *sa = phase1->sa;
	const struct isakmp_chain *chain = &phase1->received.chain;
	const struct isakmp_payload *payload = isakmp_chain_find(chain, ISAKMP_NAT_D, NULL);
	size_t length = prf_length(sa->suite.hash);
	uint8_t us[CRYPTO_PRF_MAX];
	uint8_t peer[CRYPTO_PRF_MAX];
	enum err error;

	/* One that says nothing of it does not do it. */
	if (!is_wanted(phase1) || payload == NULL) {
		sa->knows_nat = false;
		return ERR_OK;
	}
	error = hash_end(phase1, &sa->path.local, us);
	if (error == ERR_OK)
		error = hash_end(phase1, &sa->path.remote, peer);
	if (error != ERR_OK)
		return error;
	/* The first is of where it was sent to; one of the others of where it came from. */
	sa->local_nat = !bytes_equal(payload->body, bytes_of(us, length));
	sa->remote_nat = true;
	while ((payload = isakmp_chain_find(chain, ISAKMP_NAT_D, payload)) != NULL) {
		if (bytes_equal(payload->body, bytes_of(peer, length)))
			sa->remote_nat = false;
	}
	if (sa->initiator && ikev1_sa_has_nat(sa) && sa->path.port == HOST_PORT_IKE) {
		sa->path.port = HOST_PORT_IKE_NAT;
		sa->path.local.port = IKEV1_NAT_PORT;
		sa->path.remote.port = IKEV1_NAT_PORT;
	}
	return ERR_OK;
}
