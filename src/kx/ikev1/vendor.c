/* Vendor IDs: which extensions each end knows (RFC 2408 3.16, RFC 3706 5.1, RFC 3947 3.1). */
#include "wire/vendor.h"

#include "kx/ikev1/phase1.h"

struct ikev1_vendor ikev1_read_vendor(const struct isakmp_chain *chain)
{
	struct ikev1_vendor vendor = {0};
	const struct isakmp_payload *payload = NULL;

	while ((payload = isakmp_chain_find(chain, ISAKMP_VENDOR_ID, payload)) != NULL) {
		enum vendor_id id = vendor_id_of(payload->body);

		vendor.nat = vendor.nat || id == VENDOR_NAT_TRAVERSAL;
		vendor.dpd = vendor.dpd || id == VENDOR_DEAD_PEER_DETECTION;
		vendor.fragments = vendor.fragments || id == VENDOR_FRAGMENTATION;
		vendor.gss = vendor.gss || vendor_id_is_gss(id);
	}
	return vendor;
}

static void put(struct isakmp_writer *chain, enum vendor_id id)
{
	isakmp_put(chain, ISAKMP_VENDOR_ID, vendor_id_octets(id));
}

void ikev1_put_vendor(
    struct isakmp_writer *chain, const struct policy_ike *ike, const struct ikev1_vendor *peer)
{
	static const struct ikev1_vendor all = {true, true, true, true};

	if (peer == NULL)
		peer = &all;
	if (peer->dpd)
		put(chain, VENDOR_DEAD_PEER_DETECTION);
	if (peer->nat && ike->nat)
		put(chain, VENDOR_NAT_TRAVERSAL);
	if (peer->fragments && ike->fragmentation)
		put(chain, VENDOR_FRAGMENTATION);
	if (peer->gss && ikev1_may_use_gss(ike))
		put(chain, VENDOR_GSS);
}
