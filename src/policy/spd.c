/*
 * The SPD: which rule a packet or a proposed selector meets (RFC 4301 4.4.1). Rules are ordered
 * and the first match wins, so a look-up walks them.
 */
#include "policy/selector.h"
#include "policy/store.h"

#include <string.h>

static bool ports_contain(struct port_range outer, struct port_range inner)
{
	return outer.first <= inner.first && inner.last <= outer.last;
}

static bool ports_overlap(struct port_range a, struct port_range b)
{
	return a.first <= b.last && b.first <= a.last;
}

bool selector_contains(const struct selector *outer, const struct selector *inner)
{
	return (outer->protocol == 0 || outer->protocol == inner->protocol) &&
	       range_contains_range(&outer->local, &inner->local) &&
	       range_contains_range(&outer->remote, &inner->remote) &&
	       ports_contain(outer->local_ports, inner->local_ports) &&
	       ports_contain(outer->remote_ports, inner->remote_ports);
}

static bool ranges_overlap(const struct address_range *a, const struct address_range *b)
{
	return range_contains(a, &b->first) || range_contains(b, &a->first);
}

bool selector_overlaps(const struct selector *a, const struct selector *b)
{
	return (a->protocol == 0 || b->protocol == 0 || a->protocol == b->protocol) &&
	       ranges_overlap(&a->local, &b->local) && ranges_overlap(&a->remote, &b->remote) &&
	       ports_overlap(a->local_ports, b->local_ports) &&
	       ports_overlap(a->remote_ports, b->remote_ports);
}

bool policy_rule_next_selector(
    const struct policy_rule *rule, size_t *position, struct selector *out)
{
	size_t locals = rule->local_count > 0 ? rule->local_count : 1;

	while (*position < rule->remote_count * locals) {
		const struct prefix *remote = &rule->remotes[*position / locals];
		uint8_t family = remote->address.family;
		struct prefix local =
		    rule->local_count > 0 ? rule->locals[*position % locals] : prefix_any(family);

		(*position)++;
		if (local.address.family != family)
			continue;
		*out = (struct selector){
		    .local = range_of_prefix(&local),
		    .remote = range_of_prefix(remote),
		    .local_ports = rule->local_ports,
		    .remote_ports = rule->remote_ports,
		    .protocol = rule->protocol,
		};
		return true;
	}
	return false;
}

size_t policy_rule_selectors(const struct policy_rule *rule, struct selector *out, size_t max)
{
	struct selector selector;
	size_t position = 0;
	size_t count = 0;

	while (policy_rule_next_selector(rule, &position, &selector)) {
		if (count < max)
			out[count] = selector;
		count++;
	}
	return count;
}

bool policy_only_tunnel(
    const struct policy *policy, const struct address *gateway, struct selector *out)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (rule->peer != NULL && rule->mode == IPSEC_TUNNEL &&
		    address_equal(&rule->gateway, gateway))
			count += policy_rule_selectors(rule, out, 1);
	}
	return count == 1;
}

static bool touches(const struct prefix *prefix, const struct address_range *range)
{
	return prefix_contains(prefix, &range->first) || range_contains(range, &prefix->address);
}

/* Whether one of the rule's selectors stands in this relation to another selector. */
static bool has_selector(const struct policy_rule *rule, const struct selector *selector,
    bool (*relation)(const struct selector *own, const struct selector *other))
{
	size_t locals = rule->local_count > 0 ? rule->local_count : 1;

	for (size_t i = 0; i < rule->remote_count; i++) {
		size_t position = i * locals;
		struct selector own;

		/* In a long SPD nearly all prefixes are passed over here. */
		if (!touches(&rule->remotes[i], &selector->remote))
			continue;
		while (position < (i + 1) * locals &&
		       policy_rule_next_selector(rule, &position, &own)) {
			if (relation(&own, selector))
				return true;
		}
	}
	return false;
}

bool policy_rule_contains(const struct policy_rule *rule, const struct selector *selector)
{
	return has_selector(rule, selector, selector_contains);
}

static bool overlaps(const struct policy_rule *rule, const struct selector *selector)
{
	return has_selector(rule, selector, selector_overlaps);
}

static bool any_contains(const struct prefix *prefixes, size_t count, const struct address *address)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_contains(&prefixes[i], address))
			return true;
	}
	return false;
}

static bool matches(const struct policy_rule *rule, const struct dataplane_flow *flow)
{
	struct port_range local_port = {flow->local_port, flow->local_port};
	struct port_range remote_port = {flow->remote_port, flow->remote_port};

	return (rule->protocol == 0 || rule->protocol == flow->protocol) &&
	       flow->local.family == flow->remote.family &&
	       ports_contain(rule->local_ports, local_port) &&
	       ports_contain(rule->remote_ports, remote_port) &&
	       any_contains(rule->remotes, rule->remote_count, &flow->remote) &&
	       (rule->local_count == 0 ||
		   any_contains(rule->locals, rule->local_count, &flow->local));
}

const struct policy_rule *policy_lookup(
    const struct policy *policy, const struct dataplane_flow *flow)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (matches(&policy->rules[i], flow))
			return &policy->rules[i];
	}
	return NULL;
}

/* Whether this address may speak for this rule's traffic. */
static bool is_only(const struct address_range *range, const struct address *address)
{
	return range_is_host(range) && address_equal(&range->first, address);
}

static bool serves(const struct policy *policy, const struct policy_rule *rule,
    const struct selector *selector, const struct address *local, const struct address *peer)
{
	if (rule->peer == NULL || policy_peer_of(policy, peer) != rule->peer)
		return false;
	if (rule->mode == IPSEC_TUNNEL)
		return address_equal(&rule->gateway, peer);
	return is_only(&selector->local, local) && is_only(&selector->remote, peer);
}

/* Only for packets of a mark or an interface, which no flow and no selector tells of. */
static bool is_apart(const struct policy_rule *rule)
{
	return rule->mark.mask != 0 || rule->if_id != 0;
}

bool policy_rule_precedes(const struct policy_rule *earlier, const struct policy_rule *later)
{
	return earlier->if_id == later->if_id &&
	       (earlier->mark.mask & later->mark.mask) == earlier->mark.mask &&
	       (later->mark.value & earlier->mark.mask) == earlier->mark.value;
}

const struct policy_rule *policy_lookup_selector(const struct policy *policy,
    const struct selector *selector, const struct address *local, const struct address *peer)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (!overlaps(rule, selector) ||
		    (is_apart(rule) && !serves(policy, rule, selector, local, peer)))
			continue;
		if (policy_rule_contains(rule, selector))
			return serves(policy, rule, selector, local, peer) ? rule : NULL;
		if (rule->peer != NULL && !serves(policy, rule, selector, local, peer))
			return NULL;
	}
	return NULL;
}

const struct policy_rule *policy_rule_by_id(const struct policy *policy, uint32_t id)
{
	return id >= 1 && id <= policy->rule_count ? &policy->rules[id - 1] : NULL;
}

const struct policy_rule *policy_rule_by_name(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (!rule->automatic && strcmp(rule->name, name) == 0)
			return rule;
	}
	return NULL;
}

enum err policy_bypass(
    struct policy *policy, const char *name, const struct selector *selectors, size_t count)
{
	struct policy_store *store = store_of(policy);
	struct policy_rule *rules = store_alloc(store, count + policy->rule_count, sizeof(*rules));
	struct prefix *prefixes = store_alloc(store, 2 * count, sizeof(*prefixes));
	const char *copy = store_text(store, name);
	enum err err;

	if (rules == NULL || prefixes == NULL || copy == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		const struct selector *selector = &selectors[i];
		struct prefix *local = &prefixes[2 * i];
		struct prefix *remote = &prefixes[2 * i + 1];

		err = range_to_prefix(&selector->local, local);
		if (err != ERR_OK)
			return err;
		err = range_to_prefix(&selector->remote, remote);
		if (err != ERR_OK)
			return err;
		rules[i] = (struct policy_rule){
		    .name = copy,
		    .action = POLICY_BYPASS,
		    .protocol = selector->protocol,
		    .local_ports = selector->local_ports,
		    .remote_ports = selector->remote_ports,
		    .locals = local,
		    .local_count = 1,
		    .remotes = remote,
		    .remote_count = 1,
		    .automatic = true,
		};
	}
	for (size_t i = 0; i < policy->rule_count; i++)
		rules[count + i] = policy->rules[i];
	policy->rules = rules;
	policy->rule_count += count;
	for (size_t i = 0; i < policy->rule_count; i++)
		rules[i].id = (uint32_t)(i + 1);
	return ERR_OK;
}

size_t policy_protocols(const struct policy_proposal *proposal, enum ipsec_protocol out[BUNDLE_MAX])
{
	size_t count = 0;

	if (proposal->compress)
		out[count++] = IPSEC_IPCOMP;
	if (proposal->suite_count > 0)
		out[count++] = IPSEC_ESP;
	if (proposal->ah_count > 0)
		out[count++] = IPSEC_AH;
	return count;
}

const struct policy_rule *policy_needs_kernel(const struct policy *policy, const char **setting)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_proposal *proposal = &policy->rules[i].proposal;

		*setting = policy->rules[i].mark.mask != 0           ? "mark"
		           : policy->rules[i].if_id != 0             ? "if_id"
		           : policy->rules[i].offload != OFFLOAD_OFF ? "offload"
		                                                     : NULL;
		if (*setting != NULL)
			return &policy->rules[i];
		*setting = "esn";
		if ((proposal->suite_count > 0 && proposal->suites[0].esn) ||
		    (proposal->ah_count > 0 && proposal->ah[0].esn))
			return &policy->rules[i];
	}
	return NULL;
}
