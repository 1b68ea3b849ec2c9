/*
 * NAT traversal for KINK, which RFC 4430 leaves out.
 *
 * The initiator puts into its CREATE a Notification of a private status type (RFC 2408 3.14.1),
 * which any other implementation has to ignore (RFC 4430 5.5). Its data are an identifier and two
 * hashes as in NAT-D (RFC 3947 3.2): of the destination's address and port, then of the source's. A
 * responder that knows it says the identifier in its REPLY; if one of the hashes is not what it
 * sees itself, NAT-D with its own view follow and, in transport mode, NAT-OA (RFC 3947 5.2). These
 * two say that the SAs are encapsulated in UDP; encapsulation modes in the SA payload stay those of
 * RFC 2407, so that the answer is one of the transforms that were offered.
 *
 * HASH = HMAC-SHA2-256 over IP | Port under Ni, which stands where RFC 3947 has the cookies.
 */
#include "kx/quick/nat.h"

#include "crypto/prf.h"
#include "kx/quick/quick.h"

#define HASH_SIZE 32

/* SHA-256 of "kinkd NAT traversal", cut to 16 octets. */
static const uint8_t identifier[16] = {
    0x20, 0x15, 0x82, 0x3c, 0xc5, 0x15, 0xb5, 0x36, 0x91, 0x79, 0xd2, 0xaf, 0xe0, 0xff, 0x08, 0x3c};

static void translate(struct address_range *range, const struct address *known)
{
	if (range_is_host(range) && range->first.family == known->family)
		*range = (struct address_range){*known, *known};
}

void quick_translate(struct selector *selector, const struct address *local,
    const struct address *remote, const struct quick_nat *nat)
{
	if (nat->remote)
		translate(&selector->remote, remote);
	if (nat->local)
		translate(&selector->local, local);
}

static enum err hash_end(struct bytes nonce, const struct endpoint *end, uint8_t out[HASH_SIZE])
{
	uint8_t octets[18];
	struct writer text = writer_of(octets, sizeof(octets));
	struct bytes part;
	struct prf *prf;
	enum err error;

	writer_put(&text, bytes_of(end->address.octets, address_size(&end->address)));
	writer_u16(&text, end->port);
	part = writer_bytes(&text);
	error = prf_new(PRF_HMAC_SHA2_256, nonce, &prf);
	if (error != ERR_OK)
		return error;
	error = prf_run(prf, &part, 1, out);
	prf_free(prf);
	return error;
}

/* Destination, then source, as whoever writes them sees them. */
static enum err hash_ends(const struct quick_ends *ends, uint8_t out[2][HASH_SIZE])
{
	enum err error = hash_end(ends->nonce, &ends->remote, out[0]);

	return error == ERR_OK ? hash_end(ends->nonce, &ends->local, out[1]) : error;
}

/* Holds the peer's view of us and of itself to ours. */
static enum err compare(
    const struct quick_ends *ends, struct bytes of_us, struct bytes of_peer, struct quick_nat *out)
{
	uint8_t hashes[2][HASH_SIZE];
	enum err error = hash_ends(ends, hashes);

	if (error != ERR_OK)
		return error;
	out->remote = !bytes_equal(of_peer, bytes_of(hashes[0], HASH_SIZE));
	out->local = !bytes_equal(of_us, bytes_of(hashes[1], HASH_SIZE));
	return ERR_OK;
}

/* What follows the identifier in the peer's notification; false when there is none. */
static bool find_notification(const struct isakmp_chain *chain, struct bytes *out)
{
	const struct isakmp_payload *payload = NULL;
	struct isakmp_notification notification;

	while ((payload = isakmp_chain_find(chain, ISAKMP_NOTIFICATION, payload)) != NULL) {
		struct reader r;
		struct bytes name;

		if (isakmp_notification_decode(payload->body, &notification) != ERR_OK ||
		    notification.type != NOTIFY_KINKD_NAT_TRAVERSAL)
			continue;
		r = reader_of(notification.data);
		name = reader_take(&r, sizeof(identifier));
		*out = reader_rest(&r);
		if (reader_ok(&r) && bytes_equal(name, bytes_of(identifier, sizeof(identifier))))
			return true;
	}
	return false;
}

enum err quick_put_nat_notification(struct isakmp_writer *chain, const struct quick_ends *ends)
{
	uint8_t octets[sizeof(identifier) + 2 * HASH_SIZE];
	struct writer data = writer_of(octets, sizeof(octets));
	uint8_t hashes[2][HASH_SIZE];
	enum err error = hash_ends(ends, hashes);

	if (error != ERR_OK)
		return error;
	writer_put(&data, bytes_of(identifier, sizeof(identifier)));
	writer_put(&data, bytes_of(hashes[0], HASH_SIZE));
	writer_put(&data, bytes_of(hashes[1], HASH_SIZE));
	quick_put_notification(
	    chain, NOTIFY_KINKD_NAT_TRAVERSAL, IPSEC_ESP, 0, writer_bytes(&data));
	return ERR_OK;
}

enum err quick_get_nat_notification(
    const struct isakmp_chain *chain, const struct quick_ends *ends, struct quick_nat *out)
{
	struct bytes data;
	struct bytes of_us;
	struct reader r;

	*out = (struct quick_nat){0};
	if (!find_notification(chain, &data))
		return ERR_OK;
	if (data.len != 2 * (size_t)HASH_SIZE)
		return ERR_INVALID;
	out->known = true;
	r = reader_of(data);
	of_us = reader_take(&r, HASH_SIZE);
	return compare(ends, of_us, reader_take(&r, HASH_SIZE), out);
}

enum err quick_put_nat_answer(struct isakmp_writer *chain, const struct quick_ends *ends,
    enum ipsec_mode mode, const struct quick_nat *nat)
{
	uint8_t hashes[2][HASH_SIZE];
	enum err error;

	if (!nat->known)
		return ERR_OK;
	quick_put_notification(chain, NOTIFY_KINKD_NAT_TRAVERSAL, IPSEC_ESP, 0,
	    bytes_of(identifier, sizeof(identifier)));
	if (!nat->local && !nat->remote)
		return ERR_OK;
	error = hash_ends(ends, hashes);
	if (error != ERR_OK)
		return error;
	isakmp_put(chain, ISAKMP_NAT_D, bytes_of(hashes[0], HASH_SIZE));
	isakmp_put(chain, ISAKMP_NAT_D, bytes_of(hashes[1], HASH_SIZE));
	if (mode == IPSEC_TUNNEL)
		return ERR_OK;
	/* NAT-OAi, NAT-OAr. */
	isakmp_put_nat_oa(chain, &ends->remote.address);
	isakmp_put_nat_oa(chain, &ends->local.address);
	return ERR_OK;
}

/* Two payloads of a type, or none; ERR_INVALID for any other number. */
static enum err get_pair(
    const struct isakmp_chain *chain, uint8_t type, const struct isakmp_payload *out[2])
{
	size_t count = isakmp_chain_count(chain, type);

	out[0] = isakmp_chain_find(chain, type, NULL);
	out[1] = out[0] != NULL ? isakmp_chain_find(chain, type, out[0]) : NULL;
	return count == 0 || count == 2 ? ERR_OK : ERR_INVALID;
}

enum err quick_get_nat_answer(const struct isakmp_chain *chain, const struct quick_ends *ends,
    enum ipsec_mode mode, struct quick_nat *out)
{
	const struct isakmp_payload *views[2];
	const struct isakmp_payload *originals[2];
	struct address theirs;
	struct bytes data;
	enum err error;

	*out = (struct quick_nat){0};
	out->known = find_notification(chain, &data);
	if (get_pair(chain, ISAKMP_NAT_D, views) != ERR_OK ||
	    get_pair(chain, ISAKMP_NAT_OA, originals) != ERR_OK)
		return ERR_INVALID;
	if (views[0] == NULL)
		return originals[0] == NULL ? ERR_OK : ERR_INVALID;
	if (!out->known || (originals[0] != NULL) != (mode == IPSEC_TRANSPORT) ||
	    views[0]->body.len != HASH_SIZE || views[1]->body.len != HASH_SIZE)
		return ERR_INVALID;
	out->agreed = true;
	error = compare(ends, views[0]->body, views[1]->body, out);
	if (error == ERR_OK && originals[0] != NULL)
		error = isakmp_nat_oa_decode(originals[0]->body, &out->outside);
	if (error == ERR_OK && originals[0] != NULL)
		error = isakmp_nat_oa_decode(originals[1]->body, &theirs);
	return error;
}
