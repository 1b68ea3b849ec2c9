/* The PAD: from an address to its peer entry (RFC 4301 4.4.3) and to its static name. */
#include <stdlib.h>

#include "policy/ike.h"
#include "policy/store.h"

const char *exchange_name(enum exchange exchange)
{
	static const char *const names[EXCHANGE_COUNT] = {
	    [EXCHANGE_KINK] = "kink", [EXCHANGE_IKEV1] = "ikev1"};

	return (unsigned)exchange < EXCHANGE_COUNT ? names[exchange] : "unknown";
}

static int compare_claims(const void *left, const void *right)
{
	const struct prefix *a = &((const struct store_claim *)left)->prefix;
	const struct prefix *b = &((const struct store_claim *)right)->prefix;

	if (a->address.family != b->address.family)
		return a->address.family < b->address.family ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits > b->bits ? -1 : 1;
	return address_compare(&a->address, &b->address);
}

static int compare_hosts(const void *left, const void *right)
{
	const struct policy_host *a = left;
	const struct policy_host *b = right;

	return address_compare(&a->address, &b->address);
}

static enum err sort_hosts(struct policy_store *store)
{
	struct policy *policy = &store->policy;
	struct policy_host *hosts = store_alloc(store, policy->host_count, sizeof(*hosts));

	if (hosts == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < policy->host_count; i++)
		hosts[i] = policy->hosts[i];
	qsort(hosts, policy->host_count, sizeof(*hosts), compare_hosts);
	policy->hosts = hosts;
	return ERR_OK;
}

enum err store_index(struct policy_store *store)
{
	const struct policy *policy = &store->policy;
	size_t count = 0;

	for (size_t i = 0; i < policy->peer_count; i++)
		count += policy->peers[i].address_count;
	store->claims = store_alloc(store, count, sizeof(*store->claims));
	if (store->claims == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < policy->peer_count; i++) {
		const struct policy_peer *peer = &policy->peers[i];

		for (size_t j = 0; j < peer->address_count; j++)
			store->claims[store->claim_count++] =
			    (struct store_claim){.prefix = peer->addresses[j], .peer = peer};
	}
	qsort(store->claims, count, sizeof(*store->claims), compare_claims);
	return sort_hosts(store);
}

const struct store_claim *store_conflict(const struct policy_store *store)
{
	for (size_t i = 1; i < store->claim_count; i++) {
		if (compare_claims(&store->claims[i - 1], &store->claims[i]) == 0)
			return &store->claims[i - 1];
	}
	return NULL;
}

/* The first claim that does not sort before key. */
static size_t lower_bound(const struct policy_store *store, const struct store_claim *key)
{
	size_t low = 0;
	size_t high = store->claim_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_claims(&store->claims[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One binary search for each prefix length in use, longest first. */
const struct policy_peer *policy_peer_of(const struct policy *policy, const struct address *address)
{
	const struct policy_store *store = (const struct policy_store *)policy;
	struct store_claim key = {.prefix = {*address, UINT8_MAX}};

	for (;;) {
		size_t at = lower_bound(store, &key);
		const struct store_claim *claim = &store->claims[at];

		if (at == store->claim_count || claim->prefix.address.family != address->family)
			return NULL;
		if (prefix_contains(&claim->prefix, address))
			return claim->peer;
		/* None of this length: on to the next shorter one. */
		if (claim->prefix.bits < key.prefix.bits)
			key.prefix = prefix_around(address, claim->prefix.bits);
		else if (key.prefix.bits > 0)
			key.prefix = prefix_around(address, key.prefix.bits - 1U);
		else
			return NULL;
	}
}

static bool is_listed(const enum exchange *exchanges, size_t count, enum exchange exchange)
{
	for (size_t i = 0; i < count; i++) {
		if (exchanges[i] == exchange)
			return true;
	}
	return false;
}

bool policy_peer_allows(const struct policy_peer *peer, enum exchange exchange)
{
	return is_listed(peer->exchanges, peer->exchange_count, exchange);
}

bool policy_rule_allows(const struct policy_rule *rule, enum exchange exchange)
{
	return is_listed(rule->exchanges, rule->exchange_count, exchange);
}

bool policy_uses(const struct policy *policy, enum exchange exchange)
{
	for (size_t i = 0; i < policy->peer_count; i++) {
		if (policy_peer_allows(&policy->peers[i], exchange))
			return true;
	}
	return false;
}

/* Kerberos is for KINK, and for GSS-API inside of IKE. */
bool policy_peer_needs_kerberos(const struct policy_peer *peer)
{
	if (policy_peer_allows(peer, EXCHANGE_KINK))
		return true;
	for (size_t i = 0; peer->ike != NULL && i < peer->ike->authentication_count; i++) {
		if (peer->ike->authentications[i] == IKE_AUTHENTICATION_GSS)
			return true;
	}
	return false;
}

bool policy_needs_kerberos(const struct policy *policy)
{
	for (size_t i = 0; i < policy->peer_count; i++) {
		if (policy_peer_needs_kerberos(&policy->peers[i]))
			return true;
	}
	return false;
}

bool policy_crosses_nat(const struct policy *policy)
{
	for (size_t i = 0; i < policy->peer_count; i++) {
		const struct policy_peer *peer = &policy->peers[i];

		if (peer->nat == POLICY_NAT_AUTO || (peer->ike != NULL && peer->ike->nat))
			return true;
	}
	return false;
}

const char *policy_static_name(const struct policy *policy, const struct address *address)
{
	struct policy_host key = {.address = *address};
	const struct policy_host *found;

	if (policy->host_count == 0)
		return NULL;
	found = bsearch(&key, policy->hosts, policy->host_count, sizeof(key), compare_hosts);
	return found != NULL ? found->name : NULL;
}
