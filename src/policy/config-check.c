/*
 * Whether settings that are fine one by one make sense together: who may have which addresses
 * (RFC 4301 4.4.3), and rules that could never match (4.4.1).
 */
#include <string.h>

#include "crypto/algorithms.h"
#include "policy/config-private.h"
#include "policy/identity.h"
#include "policy/selector.h"

#define KINK_PORT 910 /* RFC 4430 9 */

/* Protocols with ports that IPsec selectors can see (RFC 4301 4.4.1.1): TCP, UDP, SCTP. */
static bool has_ports(uint8_t protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 132;
}

static bool is_any(struct port_range ports)
{
	return ports.first == 0 && ports.last == UINT16_MAX;
}

static void check_names(struct config_context *context, const struct config_file *file)
{
	for (size_t i = 0; i < file->peer_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(file->peers[i].peer.name, file->peers[j].peer.name) == 0)
				(void)config_complain(context, file->peers[i].source, "name",
				    "another peer has this name already");
		}
	}
	for (size_t i = 0; i < file->rule_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(file->rules[i].rule.name, file->rules[j].rule.name) == 0)
				(void)config_complain(context, file->rules[i].source, "name",
				    "another policy has this name already");
		}
	}
	for (size_t i = 0; i < file->host_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (address_equal(
				&file->hosts[i].host.address, &file->hosts[j].host.address))
				(void)config_complain(context, file->hosts[i].source, "address",
				    "this address has a name already: \"%s\"",
				    file->hosts[j].host.name);
		}
	}
}

static void check_claims(struct config_context *context, const struct config_file *file)
{
	const struct store_claim *claim = store_conflict(context->store);
	char text[PREFIX_TEXT_SIZE];

	if (claim == NULL)
		return;
	prefix_format(&claim->prefix, text);
	for (size_t i = 0; i < file->peer_count; i++) {
		const struct config_peer *peer = &file->peers[i];

		if (strcmp(peer->peer.name, claim[1].peer->name) != 0)
			continue;
		if (claim[0].peer == claim[1].peer)
			(void)config_complain(
			    context, peer->source, "address", "%s is listed twice", text);
		else
			(void)config_complain(context, peer->source, "address",
			    "%s belongs to peer \"%s\" already; an address has one owner", text,
			    claim[0].peer->name);
	}
}

/* Whether all of a prefix belongs to a peer. */
static bool owns(const struct policy_peer *peer, const struct prefix *prefix)
{
	struct address_range inner = range_of_prefix(prefix);

	for (size_t i = 0; i < peer->address_count; i++) {
		struct address_range outer = range_of_prefix(&peer->addresses[i]);

		if (range_contains_range(&outer, &inner))
			return true;
	}
	return false;
}

static void check_peer_of_rule(struct config_context *context, const struct config_rule *source,
    const struct policy_rule *rule)
{
	struct prefix gateway = prefix_of_host(&rule->gateway);
	char text[PREFIX_TEXT_SIZE];
	const struct policy_peer *owner;

	if (rule->peer == NULL)
		return;
	if (rule->mode == IPSEC_TUNNEL) {
		owner = policy_peer_of(&context->store->policy, &rule->gateway);
		if (!owns(rule->peer, &gateway) || owner != rule->peer)
			(void)config_complain(context, source->source, "gateway",
			    "%s is no address of peer \"%s\"%s; add it to the peer's address",
			    address_format(&rule->gateway, text), rule->peer->name,
			    owner != NULL ? " but of another" : "");
		return;
	}
	for (size_t i = 0; i < rule->remote_count; i++) {
		if (!owns(rule->peer, &rule->remotes[i]))
			(void)config_complain(context, source->source, "remote",
			    "%s is not within the addresses of peer \"%s\", as transport mode "
			    "needs; add it to the peer's address, or use a tunnel",
			    prefix_format(&rule->remotes[i], text), rule->peer->name);
	}
}

static void check_ports(struct config_context *context, const struct config_rule *source,
    const struct policy_rule *rule)
{
	const char *member = !is_any(rule->local_ports) ? "local_port" : "remote_port";

	if ((!is_any(rule->local_ports) || !is_any(rule->remote_ports)) &&
	    !has_ports(rule->protocol))
		(void)config_complain(context, source->source, member,
		    "ports need protocol = \"tcp\", \"udp\" or \"sctp\"");
}

static void check_suites(struct config_context *context, const struct config_rule *source,
    const struct policy_proposal *proposal)
{
	char name[SUITE_TEXT_SIZE];

	for (size_t i = 0; i < proposal->suite_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (suite_equal(&proposal->suites[i], &proposal->suites[j]))
				(void)config_complain(context, source->source, "esp",
				    "\"%s\" is listed twice",
				    suite_format(&proposal->suites[i], name));
		}
	}
}

/* The last of the rules before this one that takes all of a selector; NULL if none does. */
static const struct policy_rule *taker(
    const struct policy *policy, size_t before, const struct selector *selector)
{
	for (size_t i = 0; i < before; i++) {
		if (policy_rule_precedes(&policy->rules[i], &policy->rules[before]) &&
		    policy_rule_contains(&policy->rules[i], selector))
			return &policy->rules[i];
	}
	return NULL;
}

static void check_shadow(
    struct config_context *context, const struct config_rule *source, size_t index)
{
	const struct policy *policy = &context->store->policy;
	const struct policy_rule *rule = &policy->rules[index];
	const struct policy_rule *shadow = NULL;
	struct selector selector;
	size_t position = 0;

	while (policy_rule_next_selector(rule, &position, &selector)) {
		shadow = taker(policy, index, &selector);
		if (shadow == NULL)
			return;
	}
	if (shadow != NULL)
		(void)config_complain(context, source->source, NULL,
		    "can never match, because policy \"%s\" before it takes all its traffic; move "
		    "it before that one, or remove it",
		    shadow->name);
	else
		(void)config_complain(context, source->source, "local",
		    "has no address of the same family as the remote ones");
}

/*
 * Where peers overlap the longest prefix says who an address is, so a rule must not reach into a
 * prefix that is another peer's, unless a rule before it has settled that.
 */
static void check_reach(
    struct config_context *context, const struct config_rule *source, size_t index)
{
	const struct policy_store *store = context->store;
	const struct policy_rule *rule = &store->policy.rules[index];
	struct selector selector;
	size_t position = 0;

	if (rule->peer == NULL || rule->mode != IPSEC_TRANSPORT)
		return;
	while (policy_rule_next_selector(rule, &position, &selector)) {
		for (size_t i = 0; i < store->claim_count; i++) {
			const struct store_claim *claim = &store->claims[i];
			struct selector part = selector;
			struct address_range claimed;
			char text[PREFIX_TEXT_SIZE];

			if (claim->peer == rule->peer ||
			    (!range_contains(&selector.remote, &claim->prefix.address) &&
				!prefix_contains(&claim->prefix, &selector.remote.first)))
				continue;
			claimed = range_of_prefix(&claim->prefix);
			if (range_contains_range(&selector.remote, &claimed))
				part.remote = claimed;
			else if (policy_peer_of(&store->policy, &selector.remote.first) !=
				 claim->peer)
				continue;
			if (taker(&store->policy, index, &part) != NULL)
				continue;
			(void)config_complain(context, source->source, "remote",
			    "reaches into %s, which belongs to peer \"%s\" rather than \"%s\"; put "
			    "a policy for that peer before it",
			    prefix_format(&claim->prefix, text), claim->peer->name,
			    rule->peer->name);
			return;
		}
	}
}

/* Those that libkrb5 has here; a name without a kind is a file's. */
static bool is_cache(const char *name)
{
	static const char *const kinds[] = {"FILE:", "DIR:", "KEYRING:", "KCM:", "MEMORY:"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
			return true;
	}
	return *name == '/' || strchr(name, ':') == NULL;
}

static void check_principal(
    struct config_context *context, config_setting_t *group, const char *member, const char *name)
{
	struct problem problem;

	if (name != NULL && identity_check_principal(name, &problem) != ERR_OK)
		(void)config_complain(context, group, member,
		    "found \"%s\": %s; allowed: a principal, such as "
		    "\"kink/a.example.test@EXAMPLE.TEST\"",
		    name, problem.text);
}

static void check_realm(struct config_context *context, const struct config_file *file)
{
	const char *ccache = file->realm.ccache;

	check_principal(context, config_setting_lookup(file->source, "realm"), "principal",
	    file->realm.principal);
	for (size_t i = 0; i < file->peer_count; i++)
		check_principal(context, file->peers[i].source, "local_principal",
		    file->peers[i].peer.local_principal);
	if (ccache != NULL && !is_cache(ccache))
		(void)config_complain(context, config_setting_lookup(file->source, "realm"),
		    "ccache",
		    "found \"%s\"; allowed: a credential cache of the kind FILE, DIR, KEYRING, KCM "
		    "or MEMORY, such as \"FILE:/tmp/krb5cc_1000\"",
		    ccache);
}

static void check_daemon(struct config_context *context, const struct config_file *file)
{
	const struct policy_daemon *daemon = &file->daemon;
	char text[SCHEMA_TEXT_SIZE];

	if (daemon->retransmit_first > daemon->retransmit_limit)
		(void)config_complain(context,
		    config_setting_lookup(file->source, "daemon.retransmit"), "limit",
		    "is below retransmit.first; allowed: %s or more",
		    schema_format_duration(daemon->retransmit_first, text));
	if (daemon->retry_first > daemon->retry_limit)
		(void)config_complain(context, config_setting_lookup(file->source, "daemon.retry"),
		    "limit", "is below retry.first; allowed: %s or more",
		    schema_format_duration(daemon->retry_first, text));
	if (*daemon->control_socket != '/')
		(void)config_complain(context,
		    config_setting_lookup(file->source, "daemon.control"), "socket",
		    "found \"%s\"; allowed: an absolute path", daemon->control_socket);
	if (daemon->debug_keys != NULL && *daemon->debug_keys != '/')
		(void)config_complain(context, config_setting_lookup(file->source, "daemon"),
		    "debug_keys", "found \"%s\"; allowed: an absolute path", daemon->debug_keys);
}

static void check_dataplane(struct config_context *context, const struct config_file *file)
{
	const char *setting;
	const struct policy_rule *rule = policy_needs_kernel(&context->store->policy, &setting);

	if (rule != NULL && strcmp(file->daemon.dataplane, "userspace") == 0)
		(void)config_complain(context, file->rules[rule->id - 1].source, setting,
		    "needs the kernel's data plane, but daemon.dataplane is \"userspace\"; remove "
		    "one "
		    "of the two");
}

/* What the only implementation beside this one understands. */
static void check_dialect_of_rule(struct config_context *context, const struct config_rule *source,
    const struct policy_rule *rule)
{
	const struct policy_proposal *proposal = &rule->proposal;
	static const char because[] = "the peer's dialect, \"racoon2\", knows no other";
	struct selector selectors[2];

	if (rule->peer == NULL || rule->peer->dialect != POLICY_DIALECT_RACOON2)
		return;
	if (proposal->suite_count != 1 || proposal->suites[0].encryption != ENCRYPTION_AES_CBC ||
	    proposal->suites[0].integrity != INTEGRITY_HMAC_SHA1_96)
		(void)config_complain(context, source->source, "esp",
		    "allowed: one suite of AES-CBC with SHA-1, such as \"aes256-sha1\"; %s",
		    because);
	if (proposal->ah_count > 0)
		(void)config_complain(
		    context, source->source, "ipsec", "allowed: \"esp\"; %s", because);
	if (proposal->compress)
		(void)config_complain(
		    context, source->source, "compress", "allowed: \"off\"; %s", because);
	if (proposal->suite_count > 0 && proposal->suites[0].esn)
		(void)config_complain(
		    context, source->source, "esn", "allowed: \"off\"; %s", because);
	if (proposal->pfs != POLICY_PFS_OFF)
		(void)config_complain(
		    context, source->source, "pfs", "allowed: \"off\"; %s", because);
	if (proposal->nonces != POLICY_NONCES_INITIATOR)
		(void)config_complain(
		    context, source->source, "nonces", "allowed: \"initiator\"; %s", because);
	if (proposal->lifetime.bytes > 0)
		(void)config_complain(context, source->source, "lifetime_bytes",
		    "must be unset; the peer's dialect, \"racoon2\", knows no such limit");
	if (rule->mode == IPSEC_TUNNEL && policy_rule_selectors(rule, selectors, 2) != 1)
		(void)config_complain(context, source->source, "local",
		    "allowed: one prefix on each side; the peer's dialect, \"racoon2\", names none "
		    "in its messages");
}

static void check_dialects(struct config_context *context, const struct config_file *file)
{
	for (size_t i = 0; i < file->peer_count; i++) {
		const struct policy_peer *peer = &file->peers[i].peer;

		if (peer->dialect != POLICY_DIALECT_RACOON2)
			continue;
		if (peer->user_to_user != POLICY_USER_TO_USER_OFF)
			(void)config_complain(context, file->peers[i].source, "user_to_user",
			    "allowed: \"off\"; dialect \"racoon2\" has no such tickets");
		if (peer->nat != POLICY_NAT_OFF)
			(void)config_complain(context, file->peers[i].source, "nat",
			    "allowed: \"off\"; dialect \"racoon2\" crosses none");
		if (file->daemon.kink_port != KINK_PORT)
			(void)config_complain(context,
			    config_setting_lookup(file->source, "daemon"), "kink_port",
			    "allowed: %d, because peer \"%s\" speaks dialect \"racoon2\", which "
			    "sends to no other port",
			    KINK_PORT, peer->name);
	}
}

void config_check_policy(struct config_context *context, const struct config_file *file)
{
	const struct policy *policy = &context->store->policy;

	check_names(context, file);
	check_claims(context, file);
	check_realm(context, file);
	check_daemon(context, file);
	check_dialects(context, file);
	if (context->problem_count > 0)
		return;
	for (size_t i = 0; i < file->rule_count; i++) {
		check_peer_of_rule(context, &file->rules[i], &policy->rules[i]);
		check_ports(context, &file->rules[i], &policy->rules[i]);
		check_suites(context, &file->rules[i], &policy->rules[i].proposal);
		check_dialect_of_rule(context, &file->rules[i], &policy->rules[i]);
	}
	check_dataplane(context, file);
	if (context->problem_count > 0)
		return;
	for (size_t i = 0; i < file->rule_count; i++) {
		check_shadow(context, &file->rules[i], i);
		check_reach(context, &file->rules[i], i);
	}
}
