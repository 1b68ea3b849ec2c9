/* What Quick Mode's rules make of an ISAKMP chain, and that it survives a round trip. */
#include "fuzz.h"

#include "kx/quick/quick.h"

#define BUFFER_SIZE 65536

/* The chain of what was written behind an empty one. */
static bool again(const struct isakmp_writer *writer, uint8_t first, struct isakmp_chain *out)
{
	MUST(writer_ok(writer->out));
	return isakmp_chain_decode(first, writer_bytes(writer->out), out) == ERR_OK;
}

static void walk_offer(const struct isakmp_chain *chain)
{
	static uint8_t buffer[BUFFER_SIZE];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer w = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct offer offer, offer_again;
	struct isakmp_chain chain_again;
	enum notify_type notify;
	bool first_known;

	if (quick_get_offer(chain, &offer, &first_known, &notify) != ERR_OK) {
		MUST(notify != 0);
		return;
	}
	if (quick_put_offer(&w, &offer) != ERR_OK)
		return;
	MUST(again(&w, ISAKMP_SA, &chain_again));
	MUST(quick_get_offer(&chain_again, &offer_again, &first_known, &notify) == ERR_OK);
}

static void walk_identities(const struct isakmp_chain *chain, const char *local, const char *remote)
{
	static uint8_t buffer[BUFFER_SIZE];
	struct address ours, theirs;

	MUST(address_parse(local, &ours) == ERR_OK && address_parse(remote, &theirs) == ERR_OK);
	for (int initiator = 0; initiator < 2; initiator++) {
		struct writer out = writer_of(buffer, sizeof(buffer));
		struct isakmp_writer w = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
		struct selector selector, selector_again;
		struct isakmp_chain chain_again;

		if (quick_get_identities(chain, &ours, &theirs, initiator == 1, &selector) !=
		    ERR_OK)
			continue;
		quick_put_identities(&w, &selector, &ours, &theirs, initiator == 1);
		MUST(again(&w, out.len > 0 ? ISAKMP_ID : ISAKMP_NONE, &chain_again));
		MUST(quick_get_identities(
			 &chain_again, &ours, &theirs, initiator == 1, &selector_again) == ERR_OK);
		MUST(range_equal(&selector.local, &selector_again.local));
		MUST(range_equal(&selector.remote, &selector_again.remote));
		MUST(selector.protocol == selector_again.protocol);
		MUST(selector.local_ports.first == selector_again.local_ports.first);
		MUST(selector.remote_ports.last == selector_again.remote_ports.last);
	}
}

void quick_walk(const struct isakmp_chain *chain)
{
	struct bytes octets;

	walk_offer(chain);
	walk_identities(chain, "10.0.0.1", "10.0.0.2");
	walk_identities(chain, "2001:db8::1", "2001:db8::2");
	if (quick_get_nonce(chain, &octets) == ERR_OK)
		MUST(octets.len == 0 ||
		     (octets.len >= QUICK_NONCE_MIN && octets.len <= QUICK_NONCE_MAX));
	(void)!quick_get_key_exchange(chain, &octets);
	(void)quick_find_error(chain);
}
