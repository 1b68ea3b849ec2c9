/* What a policy makes the daemon do, in words: the output of kinkd -t. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/algorithms.h"
#include "crypto/identity.h"
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

static void write_exchanges(FILE *out, const enum exchange *exchanges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "%s%s", i > 0 ? ", then " : "", exchange_name(exchanges[i]));
	(void)fputc('\n', out);
}

static void describe_fallback(FILE *out, const struct policy_peer *peer)
{
	static const struct {
		enum policy_fallback bit;
		const char *text;
	} reasons[] = {
	    {POLICY_FALLBACK_NO_REALM, "it has no principal"},
	    {POLICY_FALLBACK_NO_PRINCIPAL, "the KDC does not know it"},
	    {POLICY_FALLBACK_NO_KDC, "no KDC answers"},
	    {POLICY_FALLBACK_SILENT, "it does not answer"},
	};
	char text[SCHEMA_TEXT_SIZE];
	const char *before = "";

	if (peer->exchange_count < 2)
		return;
	if (peer->fallback == 0) {
		(void)fputs("  the next only    when it starts with that itself\n", out);
		return;
	}
	(void)fputs("  the next when    ", out);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if ((peer->fallback & reasons[i].bit) == 0)
			continue;
		(void)fprintf(out, "%s%s", before, reasons[i].text);
		before = ", or ";
	}
	(void)fprintf(out, "; for %s\n", schema_format_duration(peer->fallback_retry, text));
}

static void write_identities(FILE *out, const struct policy_ike *ike)
{
	char text[IKE_IDENTITY_TEXT_SIZE];

	for (size_t i = 0; i < ike->remote_identity_count; i++)
		(void)fprintf(out, "%s%s", i > 0 ? ", " : "",
		    ike_identity_format(&ike->remote_identities[i], text));
	if (ike->any_remote_identity)
		(void)fprintf(out, "%sanybody", ike->remote_identity_count > 0 ? ", " : "");
	else if (ike->remote_identity_count == 0)
		(void)fputs("its address", out);
}

static void describe_certificates(FILE *out, const struct policy_ike *ike)
{
	static const char *const checks[] = {
	    [CREDENTIALS_CRL_OFF] = "not looked at",
	    [CREDENTIALS_CRL_IF_PRESENT] = "where there is a list",
	    [CREDENTIALS_CRL_REQUIRE] = "always, with a list",
	};

	if (ike->certificate == NULL)
		return;
	(void)fprintf(out, "    certificate    %s\n    trusts         ", ike->certificate);
	write_texts(out, ike->authorities, ike->authority_count);
	(void)fprintf(out, "\n    revocation     %s\n", checks[ike->crl_policy]);
}

static void describe_ike(FILE *out, const struct policy_ike *ike)
{
	char text[SCHEMA_TEXT_SIZE > IKE_IDENTITY_TEXT_SIZE ? SCHEMA_TEXT_SIZE
							    : IKE_IDENTITY_TEXT_SIZE];
	const char *last = "";

	(void)fprintf(out,
	    "  in IKE           %s mode%s\n    this host is   %s\n    it must be     ",
	    ike->mode == POLICY_IKE_MAIN ? "main" : "aggressive",
	    ike->nat ? ", across NATs in UDP" : "",
	    ike->local_identity.type != IKE_IDENTITY_NONE
		? ike_identity_format(&ike->local_identity, text)
	    : ike->certificate != NULL ? "what its certificate says"
				       : "its address");
	write_identities(out, ike);
	(void)fputs("\n    proved by      ", out);
	for (size_t i = 0; i < ike->authentication_count; i++) {
		const char *name = policy_authentication_name(ike->authentications[i]);

		if (strcmp(name, last) != 0)
			(void)fprintf(out, "%s%s", i > 0 ? ", " : "", name);
		last = name;
	}
	(void)fputs("\n    under          ", out);
	for (size_t i = 0; i < ike->proposal_count; i++)
		(void)fprintf(out, "%s%s%s", i > 0 ? ", " : "",
		    policy_ike_proposal_format(&ike->proposals[i], text),
		    policy_ike_proposal_is_weak(&ike->proposals[i]) ? " (weak)" : "");
	(void)fprintf(out, "\n    lifetime       %s\n",
	    schema_format_duration(ike->lifetime * 1000ULL, text));
	describe_certificates(out, ike);
}

static void describe_peer(FILE *out, const struct policy_peer *peer)
{
	char sid[SID_TEXT_SIZE];

	(void)fprintf(out, "\nPeer \"%s\": ", peer->name);
	write_prefixes(out, peer->addresses, peer->address_count);
	if (peer->responder_principal_count > 0) {
		(void)fputs("\n  is asked for as  ", out);
		write_texts(out, peer->responder_principals, 1);
		(void)fputs("\n  may start as     ", out);
		write_texts(out, peer->initiator_principals, peer->initiator_principal_count);
	}
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
	write_exchanges(out, peer->exchanges, peer->exchange_count);
	describe_fallback(out, peer);
	if (peer->ike != NULL)
		describe_ike(out, peer->ike);
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
	if (proposal->packet_limit != 0)
		(void)fprintf(out, " or %" PRIu64 " packets", proposal->packet_limit);
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
	if (rule->mark.mask != 0)
		(void)fprintf(out, "  only      packets with mark 0x%x/0x%x\n", rule->mark.value,
		    rule->mark.mask);
	if (rule->if_id != 0)
		(void)fprintf(
		    out, "  only      through the interface with if_id %u\n", rule->if_id);
	if (rule->peer == NULL)
		return;
	if (rule->mode == IPSEC_TUNNEL)
		(void)fprintf(out, "  with      peer \"%s\", in a tunnel to %s\n", rule->peer->name,
		    address_format(&rule->gateway, text));
	else
		(void)fprintf(
		    out, "  with      peer \"%s\", in transport mode\n", rule->peer->name);
	if (rule->exchange_count != rule->peer->exchange_count ||
	    memcmp(rule->exchanges, rule->peer->exchanges,
		rule->exchange_count * sizeof(rule->exchanges[0])) != 0) {
		(void)fputs("  by        ", out);
		write_exchanges(out, rule->exchanges, rule->exchange_count);
	}
	describe_proposal(out, &rule->proposal);
	if (rule->offload != OFFLOAD_OFF)
		(void)fprintf(out, "  offload   %s, by %s\n",
		    rule->offload == OFFLOAD_CRYPTO ? "encryption" : "all of IPsec",
		    rule->offload_device);
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

static void print_warning(void *context, const char *text)
{
	(void)fprintf(context, "\nWarning: %s.\n", text);
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
	config_warn(policy, print_warning, out);
	(void)fputs(
	    "\nThe first policy that matches decides; other traffic is left alone.\n\n", out);
	list_settings(out, schema_find(&schema_root, "daemon")->section, "daemon", &policy->daemon);
}
