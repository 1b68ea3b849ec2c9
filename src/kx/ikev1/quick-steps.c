/*
 * What both roles of Quick Mode do: RFC 2409 5.5, RFC 3947 5.2.
 */
#include "kx/ikev1/quick-steps.h"

#include "base/secret.h"
#include "sa/peer.h"

enum ikev1_outcome ikev1_quick_give_up(struct ikev1_quick *quick, enum err code, const char *what)
{
	struct problem problem;

	(void)problem_set(&problem, code, "%s: %s", what, err_text(code));
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
	return IKEV1_OVER;
}

enum err ikev1_quick_keep(struct bytes octets, struct bytes *out)
{
	*out = bytes_copy(octets);
	return octets.len == 0 || out->data != NULL ? ERR_OK : ERR_NO_MEMORY;
}

uint64_t ikev1_quick_token(const struct ikev1_quick *quick)
{
	return ikev1_token(IKEV1_OWNER_QUICK, quick->handle);
}

enum ikev1_outcome ikev1_quick_agree(
    struct ikev1_quick *quick, const struct agreement_request *request)
{
	const struct host *host = kx_host(ikev1_quick_method(quick)->kx);
	struct agreement_request copy = *request;
	enum err error = ERR_NO_MEMORY;

	if (quick->key_exchange == NULL)
		quick->key_exchange = quick_key_exchange_new(quick->group);
	copy.token = ikev1_quick_token(quick);
	if (quick->key_exchange != NULL)
		error = host->agree(host->self, &copy);
	return error == ERR_OK
	           ? IKEV1_PENDING
	           : ikev1_quick_give_up(quick, error, "the key exchange cannot be computed");
}

/* Messages. */

void ikev1_quick_begin_message(struct ikev1_quick *quick, struct ikev1_message_writer *message)
{
	ikev1_message_begin(
	    message, &quick->sa->cookies, ISAKMP_EXCHANGE_QUICK, quick->exchange.message_id);
	ikev1_message_put_hash(message, quick->sa->keys);
}

enum ikev1_outcome ikev1_quick_send_message(
    struct ikev1_quick *quick, struct ikev1_message_writer *message, bool repeat)
{
	struct bytes octets;
	enum err error = ikev1_message_seal(message, quick->sa->keys, quick->exchange.iv, &octets);

	quick->exchange.fragments = quick->sa->knows_fragments;
	if (error == ERR_OK)
		error = ikev1_exchange_send(&quick->exchange, octets, repeat);
	if (error != ERR_OK)
		return ikev1_quick_give_up(quick, error, "a message of Quick Mode cannot be sent");
	quick->sent = true;
	return IKEV1_NEXT;
}

/* RFC 3947 5.2: in transport mode both ends tell the addresses that a NAT hides. */
void ikev1_quick_put_addresses(const struct ikev1_quick *quick, struct isakmp_writer *chain)
{
	const struct ikev1_sa *sa = quick->sa;

	if (quick->pair->mode != IPSEC_TRANSPORT || !quick->udp)
		return;
	isakmp_put_nat_oa(
	    chain, quick->initiator ? &sa->path.local.address : &sa->path.remote.address);
	isakmp_put_nat_oa(
	    chain, quick->initiator ? &sa->path.remote.address : &sa->path.local.address);
}

/* Keys. */

static enum err derive(
    const struct ikev1_quick *quick, enum ipsec_direction direction, struct quick_keys *out)
{
	const struct ikev1_keys *keys = quick->sa->keys;
	size_t length = prf_length(keys->hash);
	struct bytes ours = bytes_of(quick->nonce, sizeof(quick->nonce));
	struct quick_inputs inputs = {.secret = quick_key_exchange_secret(quick->key_exchange),
	    .ni = quick->initiator ? ours : quick->peer_nonce,
	    .nr = quick->initiator ? quick->peer_nonce : ours};
	struct prf *prf;
	enum err error = prf_new(keys->hash, bytes_of(keys->derivation, length), &prf);

	if (error != ERR_OK)
		return error;
	error = quick_derive_keys(prf, length, quick->pair, direction, &inputs, out);
	prf_free(prf);
	return error;
}

static enum err install(struct ikev1_quick *quick, enum ipsec_direction direction)
{
	struct quick_keys keys;
	enum err error = derive(quick, direction, &keys);

	if (error == ERR_OK)
		sad_install(
		    kx_sad(ikev1_quick_method(quick)->kx), quick->pair, direction, keys.parts);
	secret_wipe(&keys, sizeof(keys));
	return error;
}

void ikev1_quick_encapsulate(struct ikev1_quick *quick)
{
	const struct ikev1_sa *sa = quick->sa;

	if (quick->udp)
		sad_encapsulate(quick->pair,
		    sa->path.port == HOST_PORT_IKE_NAT ? sa->path.remote.port
						       : IPSEC_ENCAPSULATION_PORT,
		    sa->local_nat);
}

enum ikev1_outcome ikev1_quick_install_inbound(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	enum err error = install(quick, IPSEC_IN);

	return error == ERR_OK ? IKEV1_PENDING
	                       : ikev1_quick_give_up(quick, error, "no keys can be derived");
}

enum ikev1_outcome ikev1_quick_install_outbound(void *exchange)
{
	struct ikev1_quick *quick = exchange;
	enum err error = install(quick, IPSEC_OUT);

	return error == ERR_OK ? IKEV1_PENDING
	                       : ikev1_quick_give_up(quick, error, "no keys can be derived");
}

/* The pair is in use from here on. */
struct sa_pair *ikev1_quick_establish(struct ikev1_quick *quick)
{
	struct sad *sad = kx_sad(ikev1_quick_method(quick)->kx);
	struct sa_pair *pair = quick->pair;
	struct ikev1_sa *sa = quick->sa;

	if (sa->identity != NULL && sad_peer_set_principal(pair->peer, sa->identity) != ERR_OK) {
		/* The peer is nameless in the log, no more. */
	}
	ikev1_quick_done(quick);
	sad_establish(sad, pair);
	ikev1_sa_use(sa);
	return pair;
}
