/* What a policy makes the daemon do, in words: the output of kinkd -t. */
#include <stdio.h>

#include "crypto/algorithms.h"
#include "policy/config-private.h"

static void write_prefixes(FILE *out, const struct prefix *prefixes, size_t count)
{
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		const struct prefix *prefix = &prefixes[i];

		if (prefix->bits == 8 * address_size(&prefix->address))
			(void)address_format(&prefix->address, text);
		else
			(void)prefix_format(prefix, text);
		(void)fprintf(out, "%s%s", i > 0 ? ", " : "", text);
	}
	if (count == 0)
		(void)fputs("any", out);
}

static void write_texts(FILE *out, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "%s%s", i > 0 ? ", " : "", texts[i]);
}

static void describe_realm(FILE *out, const struct policy_realm *realm)
{
	char text[SCHEMA_TEXT_SIZE];

	(void)fprintf(out, "This host starts as %s, with keys from %s.\n",
	    realm->principal != NULL ? realm->principal
	    : realm->ccache != NULL  ? realm->ccache
				     : "a principal of its keytab",
	    realm->keytab != NULL ? realm->keytab : "libkrb5's default keytab");
	(void)fprintf(out, "Clocks may differ by %s.",
	    schema_format_duration(realm->clock_skew * 1000ULL, text));
	for (size_t i = 0; i < realm->kdc_count; i++)
		(void)fprintf(out, "%s%s", i > 0 ? ", " : " Always in the clear: the KDC at ",
		    endpoint_format(&realm->kdcs[i], text));
	(void)fputs(realm->kdc_count > 0 ? ".\n" : "\n", out);
}

static void describe_peer(FILE *out, const struct policy_peer *peer)
{
	char sid[SID_TEXT_SIZE];

	(void)fprintf(out, "\nPeer \"%s\": ", peer->name);
	write_prefixes(out, peer->addresses, peer->address_count);
	(void)fputs("\n  is asked for as  ", out);
	write_texts(out, peer->responder_principals, 1);
	(void)fputs("\n  may start as     ", out);
	write_texts(out, peer->initiator_principals, peer->initiator_principal_count);
	for (size_t i = 0; i < peer->initiator_group_count; i++)
		(void)fprintf(out, "\n  %s %s", i == 0 ? "and be a member of" : "              or",
		    sid_format(&peer->initiator_groups[i], sid));
	if (peer->local_principal != NULL)
		(void)fprintf(out, "\n  is met as        %s", peer->local_principal);
	if (peer->user_to_user != POLICY_USER_TO_USER_OFF)
		(void)fprintf(out, "\n  by user-to-user  %s",
		    peer->user_to_user == POLICY_USER_TO_USER_REQUIRE
			? "always"
			: "if it or the KDC wants that");
	if (peer->dialect == POLICY_DIALECT_RACOON2)
		(void)fputs("\n  in the dialect   racoon2", out);
	if (peer->nat == POLICY_NAT_AUTO)
		(void)fputs("\n  across NATs      in UDP", out);
	(void)fputs("\n  by               ", out);
	for (size_t i = 0; i < peer->exchange_count; i++)
		(void)fprintf(
		    out, "%s%s", i > 0 ? ", then " : "", exchange_name(peer->exchanges[i]));
	(void)fputc('\n', out);
}

static void write_ports(FILE *out, struct port_range ports)
{
	if (ports.first == ports.last)
		(void)fprintf(out, " port %u", ports.first);
	else if (ports.first != 0 || ports.last != UINT16_MAX)
		(void)fprintf(out, " ports %u-%u", ports.first, ports.last);
}

static void write_protocol(FILE *out, uint8_t protocol)
{
	static const struct schema_setting setting = {.type = SCHEMA_PROTOCOL};
	const struct schema_choice *choice = schema_choices(&setting);

	while (choice->name != NULL && choice->value != protocol)
		choice++;
	if (protocol == 0)
		(void)fputs("all traffic", out);
	else if (choice->name != NULL)
		(void)fputs(choice->name, out);
	else
		(void)fprintf(out, "IP protocol %u", protocol);
}

static bool is_weak(const struct suite *suite)
{
	return suite->encryption == ENCRYPTION_NULL || suite->integrity == INTEGRITY_HMAC_SHA1_96;
}

static void describe_suites(
    FILE *out, const char *protocol, const struct suite *suites, size_t count)
{
	char text[SCHEMA_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		if (i == 0)
			(void)fprintf(out, "  %-10s", protocol);
		(void)fprintf(out, "%s%s%s", i > 0 ? ", " : "", suite_format(&suites[i], text),
		    is_weak(&suites[i]) ? " (weak)" : "");
	}
	if (count > 0)
		(void)fputc('\n', out);
}

static void describe_proposal(FILE *out, const struct policy_proposal *proposal)
{
	char text[SCHEMA_TEXT_SIZE];

	if (proposal->compress)
		(void)fputs("  IPComp    deflate\n", out);
	describe_suites(out, "ESP", proposal->suites, proposal->suite_count);
	describe_suites(out, "AH", proposal->ah, proposal->ah_count);
	(void)fprintf(out, "  lifetime  %s",
	    schema_format_duration(proposal->lifetime.seconds * 1000ULL, text));
	if (proposal->lifetime.bytes != 0)
		(void)fprintf(out, " or %s", schema_format_size(proposal->lifetime.bytes, text));
	(void)fprintf(out, "\n  PFS       %s",
	    proposal->pfs == POLICY_PFS_OFF     ? "off"
	    : proposal->pfs == POLICY_PFS_OFFER ? "offered"
						: "required");
	for (size_t i = 0; proposal->pfs != POLICY_PFS_OFF && i < proposal->group_count; i++)
		(void)fprintf(out, "%s%s", i > 0 ? ", " : ": ", dh_group_name(proposal->groups[i]));
	(void)fputc('\n', out);
}

static void describe_rule(FILE *out, const struct policy_rule *rule)
{
	static const char *const actions[] = {
	    [POLICY_REQUIRE] = "protected or not at all",
	    [POLICY_REQUEST] = "protected where possible",
	    [POLICY_BYPASS] = "in the clear",
	    [POLICY_DISCARD] = "dropped",
	};
	char text[ADDRESS_TEXT_SIZE];

	(void)fprintf(out, "\nPolicy %u \"%s\": ", rule->id, rule->name);
	write_protocol(out, rule->protocol);
	(void)fputs(" between ", out);
	write_prefixes(out, rule->locals, rule->local_count);
	write_ports(out, rule->local_ports);
	(void)fputs(" here and ", out);
	write_prefixes(out, rule->remotes, rule->remote_count);
	write_ports(out, rule->remote_ports);
	(void)fprintf(out, " there: %s%s\n", actions[rule->action],
	    rule->automatic ? " (added by the daemon)" : "");
	if (rule->peer == NULL)
		return;
	if (rule->mode == IPSEC_TUNNEL)
		(void)fprintf(out, "  with      peer \"%s\", in a tunnel to %s\n", rule->peer->name,
		    address_format(&rule->gateway, text));
	else
		(void)fprintf(
		    out, "  with      peer \"%s\", in transport mode\n", rule->peer->name);
	describe_proposal(out, &rule->proposal);
}

static void list_settings(FILE *out, const struct schema_section *section, const char *path,
    const struct policy_daemon *daemon)
{
	char text[SCHEMA_TEXT_SIZE];

	for (const struct schema_setting *setting = section->settings; setting->name != NULL;
	     setting++) {
		const void *value = (const char *)daemon + setting->offset;

		if (setting->type == SCHEMA_GROUP) {
			(void)snprintf(text, sizeof(text), "%s.%s", path, setting->name);
			list_settings(out, setting->section, text, daemon);
		} else if (schema_value_is_set(setting, value)) {
			(void)fprintf(out, "%s.%s = %s\n", path, setting->name,
			    schema_value_format(setting, value, text));
		}
	}
}

void config_describe(const struct policy *policy, FILE *out)
{
	describe_realm(out, &policy->realm);
	for (size_t i = 0; i < policy->host_count; i++) {
		char text[ADDRESS_TEXT_SIZE];

		(void)fprintf(out, "%s is %s.\n", address_format(&policy->hosts[i].address, text),
		    policy->hosts[i].name);
	}
	for (size_t i = 0; i < policy->peer_count; i++)
		describe_peer(out, &policy->peers[i]);
	for (size_t i = 0; i < policy->rule_count; i++)
		describe_rule(out, &policy->rules[i]);
	(void)fputs(
	    "\nThe first policy that matches decides; other traffic is left alone.\n\n", out);
	list_settings(out, schema_find(&schema_root, "daemon")->section, "daemon", &policy->daemon);
}
