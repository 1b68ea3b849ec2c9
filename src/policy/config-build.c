/* From struct config_file to the policy: names become pointers, and both ends of each rule fit. */
#include <stdlib.h>
#include <string.h>

#include "policy/config-private.h"
#include "policy/identity.h"

static bool is_protecting(const struct policy_rule *rule)
{
	return rule->action == POLICY_REQUIRE || rule->action == POLICY_REQUEST;
}

static bool is_set(const struct config_rule *rule, const char *member)
{
	return config_setting_get_member(rule->source, member) != NULL;
}

static void build_hosts(struct config_context *context, const struct config_file *file)
{
	struct policy *policy = &context->store->policy;
	struct policy_host *hosts = store_alloc(context->store, file->host_count, sizeof(*hosts));

	if (hosts == NULL) {
		(void)config_no_memory(context);
		return;
	}
	for (size_t i = 0; i < file->host_count; i++)
		hosts[i] = file->hosts[i].host;
	policy->hosts = hosts;
	policy->host_count = file->host_count;
}

/* Returns how many; out has room for all that there are. */
static size_t build_exchanges(struct config_context *context, const config_setting_t *source,
    const struct config_choices *choices, enum exchange out[EXCHANGE_COUNT])
{
	for (size_t i = 0; i < choices->count; i++) {
		enum exchange exchange = (enum exchange)choices->items[i];

		for (size_t j = 0; j < i; j++) {
			if (out[j] == exchange)
				(void)config_complain(context, source, "exchange",
				    "\"%s\" is listed twice", exchange_name(exchange));
		}
		out[i] = exchange;
	}
	return choices->count;
}

static unsigned build_fallback(struct config_context *context, const struct config_peer *source)
{
	unsigned fallback = 0;
	bool never = false;

	for (size_t i = 0; i < source->fallbacks.count; i++) {
		fallback |= (unsigned)source->fallbacks.items[i];
		never = never || source->fallbacks.items[i] == 0;
	}
	if (never && fallback != 0)
		(void)config_complain(context, source->source, "fallback",
		    "found \"never\" among reasons; name the reasons, or \"never\" alone");
	return fallback;
}

static void build_peer(
    struct config_context *context, const struct config_peer *source, struct policy_peer *peer)
{
	*peer = source->peer;
	if (peer->responder_principal_count == 0) {
		peer->responder_principals = source->principals.items;
		peer->responder_principal_count = source->principals.count;
	}
	if (peer->initiator_principal_count == 0) {
		peer->initiator_principals = source->principals.items;
		peer->initiator_principal_count = source->principals.count;
	}
	peer->exchange_count =
	    build_exchanges(context, source->source, &source->exchanges, peer->exchanges);
	peer->fallback = build_fallback(context, source);
	config_build_ike(context, source, peer);
	if (!policy_peer_needs_kerberos(peer))
		return;
	if (peer->responder_principal_count == 0)
		(void)config_complain(context, source->source, "principal",
		    "missing; set it to the names that these hosts have in Kerberos, such as "
		    "\"kink/{fqdn}@EXAMPLE.TEST\" (or set responder_principal)");
	else if (peer->initiator_principal_count == 0)
		(void)config_complain(context, source->source, "principal",
		    "missing; set it, or initiator_principal, to the names that these hosts start "
		    "as, such as \"{HOST}$@EXAMPLE.TEST\"");
}

static void build_peers(struct config_context *context, const struct config_file *file)
{
	struct policy *policy = &context->store->policy;
	struct policy_peer *peers = store_alloc(context->store, file->peer_count, sizeof(*peers));

	if (peers == NULL) {
		(void)config_no_memory(context);
		return;
	}
	for (size_t i = 0; i < file->peer_count; i++)
		build_peer(context, &file->peers[i], &peers[i]);
	policy->peers = peers;
	policy->peer_count = file->peer_count;
}

static const struct policy_peer *find_peer(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->peer_count; i++) {
		if (strcmp(policy->peers[i].name, name) == 0)
			return &policy->peers[i];
	}
	return NULL;
}

/* The peer of that name, which must agree with one already known. */
static enum err take_peer(struct config_context *context, const struct config_rule *source,
    const char *member, const char *name, struct policy_rule *rule)
{
	const struct policy *policy = &context->store->policy;
	const struct policy_peer *peer = find_peer(policy, name);
	const char **names;
	const char *near;

	if (peer != NULL && rule->peer != NULL && rule->peer != peer)
		return config_complain(context, source->source, member,
		    "found peer \"%s\", but the policy names peer \"%s\" already; one policy has "
		    "one peer",
		    name, rule->peer->name);
	if (peer != NULL) {
		rule->peer = peer;
		return ERR_OK;
	}
	names = store_alloc(context->store, policy->peer_count, sizeof(*names));
	if (names == NULL)
		return config_no_memory(context);
	for (size_t i = 0; i < policy->peer_count; i++)
		names[i] = policy->peers[i].name;
	near = schema_near(name, names, policy->peer_count);
	if (near != NULL)
		return config_complain(context, source->source, member,
		    "found \"%s\", but no peer has this name; did you mean \"%s\"?", name, near);
	return config_complain(context, source->source, member,
	    "found \"%s\"; allowed: %sthe name of an entry of peers", name,
	    strcmp(member, "peer") == 0 ? "" : "an address, or ");
}

static bool is_peer_name(const char *text)
{
	struct prefix prefix;

	return prefix_parse(text, &prefix) != ERR_OK && strpbrk(text, "/:") == NULL;
}

/* A peer's name, or prefixes. */
static enum err build_remotes(
    struct config_context *context, const struct config_rule *source, struct policy_rule *rule)
{
	static const struct schema_setting as_prefix = {.name = "remote", .type = SCHEMA_PREFIX};
	const struct config_texts *remotes = &source->remotes;
	struct prefix *prefixes;
	enum err err;

	if (remotes->count == 1 && is_peer_name(remotes->items[0])) {
		err = take_peer(context, source, "remote", remotes->items[0], rule);
		if (err != ERR_OK)
			return err;
		rule->remotes = rule->peer->addresses;
		rule->remote_count = rule->peer->address_count;
		return ERR_OK;
	}
	prefixes = store_alloc(context->store, remotes->count, sizeof(*prefixes));
	if (prefixes == NULL)
		return config_no_memory(context);
	for (size_t i = 0; i < remotes->count; i++) {
		struct schema_value value = {VALUE_TEXT, 0, remotes->items[i]};
		struct problem hint;

		if (schema_value_parse(&as_prefix, &value, context->store, &prefixes[i], &hint) !=
		    ERR_OK)
			return config_complain(context, source->source, "remote",
			    "found \"%s\"; allowed: the name of one peer, or prefixes such as "
			    "\"10.0.0.0/8\"%s%s",
			    remotes->items[i], hint.text[0] != '\0' ? "; " : "", hint.text);
	}
	rule->remotes = prefixes;
	rule->remote_count = remotes->count;
	return ERR_OK;
}

/* The far end of a tunnel: an address, or a peer that has just one. */
static enum err build_gateway(
    struct config_context *context, const struct config_rule *source, struct policy_rule *rule)
{
	const struct prefix *only;
	enum err err;

	if (source->gateway == NULL)
		return config_complain(context, source->source, "gateway",
		    "missing; tunnel mode needs the address of the tunnel's far end, or a peer "
		    "that has one address");
	if (address_parse(source->gateway, &rule->gateway) == ERR_OK)
		return ERR_OK;
	err = take_peer(context, source, "gateway", source->gateway, rule);
	if (err != ERR_OK)
		return err;
	only = rule->peer->addresses;
	if (rule->peer->address_count != 1 || only->bits != 8 * address_size(&only->address))
		return config_complain(context, source->source, "gateway",
		    "found \"%s\", a peer with more than one address; allowed: the address of the "
		    "one that is the gateway",
		    source->gateway);
	rule->gateway = only->address;
	return ERR_OK;
}

/* A suite with extended sequence numbers, without, or both; returns how many. */
static size_t put_suites(enum config_esn esn, const struct suite *suite, struct suite *out)
{
	size_t count = 0;

	for (int with = 1; with >= 0; with--) {
		if ((esn & (with != 0 ? CONFIG_ESN_WITH : CONFIG_ESN_WITHOUT)) == 0)
			continue;
		out[count] = *suite;
		out[count++].esn = with != 0;
	}
	return count;
}

static void build_suites(const struct config_rule *source, struct policy_proposal *out)
{
	size_t esp = (source->protection & CONFIG_ESP) != 0 ? source->suite_count : 0;
	size_t ah = (source->protection & CONFIG_AH) != 0 ? source->ah_count : 0;

	for (size_t i = 0; i < esp; i++)
		out->suite_count +=
		    put_suites(source->esn, &source->suites[i], &out->suites[out->suite_count]);
	for (size_t i = 0; i < ah; i++) {
		struct suite suite = {.protocol = IPSEC_AH, .integrity = source->ah[i]};

		out->ah_count += put_suites(source->esn, &suite, &out->ah[out->ah_count]);
	}
	out->compress = source->compression == CONFIG_COMPRESS_DEFLATE;
}

/* The peer's, or some of them. */
static enum err build_rule_exchanges(
    struct config_context *context, const struct config_rule *source, struct policy_rule *rule)
{
	if (source->exchanges.count == 0) {
		memcpy(rule->exchanges, rule->peer->exchanges, sizeof(rule->exchanges));
		rule->exchange_count = rule->peer->exchange_count;
		return ERR_OK;
	}
	rule->exchange_count =
	    build_exchanges(context, source->source, &source->exchanges, rule->exchanges);
	for (size_t i = 0; i < rule->exchange_count; i++) {
		if (!policy_peer_allows(rule->peer, rule->exchanges[i]))
			return config_complain(context, source->source, "exchange",
			    "found \"%s\", which peer \"%s\" does not list; add it to the peer's "
			    "exchange, or remove it here",
			    exchange_name(rule->exchanges[i]), rule->peer->name);
	}
	return ERR_OK;
}

static enum err check_offload(struct config_context *context, const struct config_rule *source,
    const struct policy_rule *rule)
{
	if (rule->offload != OFFLOAD_OFF && rule->offload_device == NULL)
		return config_complain(context, source->source, "offload_device",
		    "missing; offload needs the name of the card's interface");
	if (rule->offload == OFFLOAD_OFF && rule->offload_device != NULL)
		return config_complain(context, source->source, "offload_device",
		    "has no effect without offload; set that to \"crypto\" or \"packet\"");
	return ERR_OK;
}

static enum err build_protection(
    struct config_context *context, const struct config_rule *source, struct policy_rule *rule)
{
	enum err err;

	if (rule->mode == IPSEC_TUNNEL) {
		err = build_gateway(context, source, rule);
		if (err != ERR_OK)
			return err;
		/* The owner of the gateway's address, unless the policy says. */
		if (rule->peer == NULL)
			rule->peer = policy_peer_of(&context->store->policy, &rule->gateway);
	} else if (source->gateway != NULL) {
		return config_complain(context, source->source, "gateway",
		    "found \"%s\" in transport mode, which has none; set mode = \"tunnel\" or "
		    "remove it",
		    source->gateway);
	}
	if (rule->peer == NULL)
		return config_complain(context, source->source, "peer",
		    "missing; set it to the name of the entry of peers that protects this "
		    "traffic");
	if (rule->remote_count == 0) {
		rule->remotes = rule->peer->addresses;
		rule->remote_count = rule->peer->address_count;
	}
	build_suites(source, &rule->proposal);
	memcpy(rule->proposal.groups, source->groups, source->group_count * sizeof(enum dh_group));
	rule->proposal.group_count = source->group_count;
	err = check_offload(context, source, rule);
	return err == ERR_OK ? build_rule_exchanges(context, source, rule) : err;
}

static bool parse_bits(const char **text, uint32_t *out)
{
	char *end;
	unsigned long long number = strtoull(*text, &end, 0);

	if (**text < '0' || **text > '9' || number > UINT32_MAX)
		return false;
	*text = end;
	*out = (uint32_t)number;
	return true;
}

/* "0x10", "0x10/0xff" */
static enum err build_mark(
    struct config_context *context, const struct config_rule *source, struct policy_rule *rule)
{
	struct packet_mark *mark = &rule->mark;
	const char *text = source->mark;
	bool good;

	if (text == NULL)
		return ERR_OK;
	mark->mask = UINT32_MAX;
	good = parse_bits(&text, &mark->value);
	if (good && *text == '/') {
		text++;
		good = parse_bits(&text, &mark->mask);
	}
	if (good && *text == '\0' && mark->mask != 0 && (mark->value & ~mark->mask) == 0)
		return ERR_OK;
	return config_complain(context, source->source, "mark",
	    "found \"%s\"; allowed: a mark such as \"0x10\", or with a mask, \"0x10/0xff\", that "
	    "holds all bits of it",
	    source->mark);
}

/* Clear or dropped traffic has no peer, so nothing of how to protect it may be set. */
static enum err build_plain(
    struct config_context *context, const struct config_rule *source, struct policy_rule *rule)
{
	static const char *const idle[] = {"peer", "mode", "gateway", "esp", "ipsec", "ah",
	    "compress", "esn", "offload", "offload_device", "lifetime", "lifetime_bytes",
	    "lifetime_packets", "pfs", "pfs_groups", "nonces", "exchange"};
	struct prefix *any = store_alloc(context->store, 2, sizeof(*any));

	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		if (is_set(source, idle[i]))
			return config_complain(context, source->source, idle[i],
			    "has no effect with protect = \"%s\"; remove it",
			    rule->action == POLICY_BYPASS ? "bypass" : "discard");
	}
	if (any == NULL)
		return config_no_memory(context);
	rule->peer = NULL;
	rule->mode = IPSEC_TRANSPORT;
	rule->proposal = (struct policy_proposal){0};
	if (rule->remote_count == 0) {
		any[0] = prefix_any(4);
		any[1] = prefix_any(6);
		rule->remotes = any;
		rule->remote_count = 2;
	}
	return ERR_OK;
}

static enum err build_rule(
    struct config_context *context, const struct config_rule *source, struct policy_rule *rule)
{
	enum err err = ERR_OK;

	*rule = source->rule;
	if (source->peer != NULL)
		err = take_peer(context, source, "peer", source->peer, rule);
	if (err == ERR_OK && source->remotes.count > 0)
		err = build_remotes(context, source, rule);
	if (err == ERR_OK)
		err = build_mark(context, source, rule);
	if (err != ERR_OK)
		return err;
	return is_protecting(rule) ? build_protection(context, source, rule)
	                           : build_plain(context, source, rule);
}

static void build_rules(struct config_context *context, const struct config_file *file)
{
	struct policy *policy = &context->store->policy;
	struct policy_rule *rules = store_alloc(context->store, file->rule_count, sizeof(*rules));

	if (rules == NULL) {
		(void)config_no_memory(context);
		return;
	}
	for (size_t i = 0; i < file->rule_count; i++) {
		(void)build_rule(context, &file->rules[i], &rules[i]);
		rules[i].id = (uint32_t)(i + 1);
	}
	policy->rules = rules;
	policy->rule_count = file->rule_count;
}

void config_build(struct config_context *context, const struct config_file *file)
{
	struct policy *policy = &context->store->policy;

	policy->realm = file->realm;
	policy->daemon = file->daemon;
	build_hosts(context, file);
	build_peers(context, file);
	if (context->problem_count > 0)
		return;
	if (store_index(context->store) != ERR_OK) {
		(void)config_no_memory(context);
		return;
	}
	build_rules(context, file);
}
