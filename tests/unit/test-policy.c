/* SPD and PAD look-ups, identities against names, and proposals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/algorithms.h"
#include "policy/config.h"
#include "policy/identity.h"
#include "policy/proposal.h"

static struct policy *parse_good(const char *text)
{
	struct policy *policy = NULL;
	struct problem problem;

	if (config_parse_string("kinkd.conf", text, NULL, NULL, &policy, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
	return policy;
}

static struct address address_of(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static struct selector selector_of(const char *local, const char *remote, uint8_t protocol)
{
	struct prefix near;
	struct prefix far;

	assert_int_equal(prefix_parse(local, &near), ERR_OK);
	assert_int_equal(prefix_parse(remote, &far), ERR_OK);
	return (struct selector){.local = range_of_prefix(&near),
	    .remote = range_of_prefix(&far),
	    .local_ports = PORT_ANY,
	    .remote_ports = PORT_ANY,
	    .protocol = protocol};
}

static const char *const network =
    "hosts = ( { address = \"10.0.0.9\"; name = \"nine.example.test\"; },\n"
    "  { address = \"10.0.0.2\"; name = \"two.example.test\"; },\n"
    "  { address = \"2001:db8::2\"; name = \"two.example.test\"; } );\n"
    "peers = (\n"
    "  { name = \"all\"; address = [ \"10.0.0.0/8\", \"2001:db8::/32\" ]; principal = \"a@R\"; },\n"
    "  { name = \"part\"; address = [ \"10.9.0.0/16\" ]; principal = \"b@R\"; },\n"
    "  { name = \"one\"; address = [ \"10.9.1.1\", \"2001:db8::1\" ]; principal = \"c@R\"; },\n"
    "  { name = \"gate\"; address = \"192.0.2.1\"; principal = \"g@R\"; } );\n"
    "policies = (\n"
    "  { name = \"ssh\"; protect = \"bypass\"; protocol = \"tcp\"; local_port = 22; },\n"
    "  { name = \"ban\"; protect = \"discard\"; remote = \"10.66.0.0/16\"; },\n"
    "  { name = \"banudp\"; protect = \"discard\"; remote = \"10.67.0.0/16\";\n"
    "    protocol = \"udp\"; },\n"
    "  { name = \"one\"; remote = \"one\"; },\n"
    "  { name = \"part\"; remote = \"part\"; },\n"
    "  { name = \"web\"; remote = \"all\"; protocol = \"tcp\"; remote_port = \"80-89\"; },\n"
    "  { name = \"all\"; remote = \"all\"; },\n"
    "  { name = \"inner\"; mode = \"tunnel\"; gateway = \"10.0.0.7\"; remote = \"172.16.5.0/24\"; "
    "},\n"
    "  { name = \"branch\"; mode = \"tunnel\"; gateway = \"gate\"; remote = \"172.16.0.0/12\";\n"
    "    local = \"192.168.0.0/16\"; } );\n";

static void assert_rule(const struct policy_rule *rule, const char *name)
{
	if (name == NULL)
		assert_null(rule);
	else if (rule == NULL)
		fail_msg("no rule instead of \"%s\"", name);
	else
		assert_string_equal(rule->name, name);
}

static void test_peer_of(void **state)
{
	static const struct {
		const char *address;
		const char *peer;
	} cases[] = {
	    {"10.0.0.0", "all"},
	    {"10.255.255.255", "all"},
	    {"10.8.255.255", "all"},
	    {"10.9.0.0", "part"},
	    {"10.9.1.0", "part"},
	    {"10.9.1.1", "one"},
	    {"10.9.1.2", "part"},
	    {"10.10.0.0", "all"},
	    {"9.255.255.255", NULL},
	    {"11.0.0.0", NULL},
	    {"192.0.2.1", "gate"},
	    {"192.0.2.0", NULL},
	    {"255.255.255.255", NULL},
	    {"2001:db8::1", "one"},
	    {"2001:db8::", "all"},
	    {"2001:db8:ffff::1", "all"},
	    {"2001:db9::", NULL},
	    {"::", NULL},
	};
	struct policy *policy = parse_good(network);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address = address_of(cases[i].address);
		const struct policy_peer *peer = policy_peer_of(policy, &address);

		if (cases[i].peer == NULL)
			assert_null(peer);
		else
			assert_string_equal(peer->name, cases[i].peer);
	}
	policy_release(policy);
}

static void test_static_name(void **state)
{
	struct policy *policy = parse_good(network);
	struct address two = address_of("10.0.0.2");
	struct address six = address_of("2001:db8::2");
	struct address three = address_of("10.0.0.3");

	(void)state;
	assert_string_equal(policy_static_name(policy, &two), "two.example.test");
	assert_string_equal(policy_static_name(policy, &six), "two.example.test");
	assert_null(policy_static_name(policy, &three));
	policy_release(policy);
}

static void test_lookup(void **state)
{
	static const struct {
		const char *local;
		const char *remote;
		uint8_t protocol;
		uint16_t local_port;
		uint16_t remote_port;
		const char *rule;
	} cases[] = {
	    {"10.0.0.1", "10.0.0.2", 6, 22, 5000, "ssh"},
	    {"10.0.0.1", "10.0.0.2", 17, 22, 5000, "all"},
	    {"10.0.0.1", "8.8.8.8", 6, 22, 5000, "ssh"},
	    {"2001:db8::9", "2001:db9::1", 6, 22, 1, "ssh"},
	    {"10.0.0.1", "10.66.1.1", 1, 0, 0, "ban"},
	    {"10.0.0.1", "10.67.1.1", 17, 1, 1, "banudp"},
	    {"10.0.0.1", "10.67.1.1", 1, 0, 0, "all"},
	    {"10.0.0.1", "10.9.1.1", 6, 1, 80, "one"},
	    {"10.0.0.1", "10.9.1.2", 6, 1, 80, "part"},
	    {"10.0.0.1", "10.0.0.2", 6, 1, 80, "web"},
	    {"10.0.0.1", "10.0.0.2", 6, 1, 89, "web"},
	    {"10.0.0.1", "10.0.0.2", 6, 1, 90, "all"},
	    {"192.168.1.1", "172.16.5.1", 1, 0, 0, "inner"},
	    {"192.168.1.1", "172.16.6.1", 1, 0, 0, "branch"},
	    {"192.169.1.1", "172.16.6.1", 1, 0, 0, NULL},
	    {"10.0.0.1", "8.8.8.8", 17, 1, 53, NULL},
	};
	struct policy *policy = parse_good(network);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dataplane_flow flow = {
		    .local = address_of(cases[i].local),
		    .remote = address_of(cases[i].remote),
		    .local_port = cases[i].local_port,
		    .remote_port = cases[i].remote_port,
		    .protocol = cases[i].protocol,
		};

		assert_rule(policy_lookup(policy, &flow), cases[i].rule);
	}
	policy_release(policy);
}

static void test_lookup_selector(void **state)
{
	static const struct {
		const char *local;
		const char *remote;
		uint8_t protocol;
		const char *peer;
		const char *rule;
	} cases[] = {
	    /* A bypass that takes a part is no obstacle, nor is a rule of the same peer. */
	    {"10.0.0.1", "10.0.0.2", 0, "10.0.0.2", "all"},
	    {"10.0.0.1", "10.0.0.2", 17, "10.0.0.2", "all"},
	    {"2001:db8::9", "2001:db8::8", 0, "2001:db8::8", "all"},
	    /* Transport mode carries the peer's own traffic only. */
	    {"10.0.0.1", "10.0.0.3", 0, "10.0.0.2", NULL},
	    {"10.0.0.1", "10.0.0.2/31", 0, "10.0.0.2", NULL},
	    /* And ours. */
	    {"10.0.0.9", "10.0.0.2", 0, "10.0.0.2", NULL},
	    {"10.0.0.0/31", "10.0.0.2", 0, "10.0.0.2", NULL},
	    /* The most specific peer owns an address. */
	    {"10.0.0.1", "10.9.1.1", 0, "10.9.1.1", "one"},
	    {"10.0.0.1", "10.9.1.2", 0, "10.9.1.2", "part"},
	    {"10.0.0.1", "10.9.1.1", 0, "10.9.1.2", NULL},
	    /* Nobody negotiates what is discarded; a part that is concerns packets alone. */
	    {"10.0.0.1", "10.66.0.1", 0, "10.66.0.1", NULL},
	    {"10.0.0.1", "10.67.0.1", 17, "10.67.0.1", NULL},
	    {"10.0.0.1", "10.67.0.1", 0, "10.67.0.1", "all"},
	    {"10.0.0.1", "10.67.0.1", 6, "10.67.0.1", "all"},
	    /* A tunnel is its gateway's, less what another gateway has. */
	    {"192.168.1.0/24", "172.17.0.0/16", 0, "192.0.2.1", "branch"},
	    {"192.168.1.0/24", "172.17.0.0/16", 0, "10.0.0.2", NULL},
	    {"192.168.1.0/24", "172.16.0.0/12", 0, "192.0.2.1", NULL},
	    {"192.168.1.0/24", "172.16.5.0/24", 0, "192.0.2.1", NULL},
	    {"192.168.1.0/24", "172.16.5.0/25", 0, "10.0.0.7", "inner"},
	    {"192.168.1.0/24", "172.16.5.0/25", 0, "10.0.0.8", NULL},
	    {"192.168.0.0/15", "172.17.0.0/16", 0, "192.0.2.1", NULL},
	    {"10.0.0.1", "8.8.8.8", 0, "8.8.8.8", NULL},
	};
	struct policy *policy = parse_good(network);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct selector selector =
		    selector_of(cases[i].local, cases[i].remote, cases[i].protocol);
		struct address peer = address_of(cases[i].peer);
		struct address local = address_of(peer.family == 6 ? "2001:db8::9" : "10.0.0.1");

		assert_rule(
		    policy_lookup_selector(policy, &selector, &local, &peer), cases[i].rule);
	}
	policy_release(policy);
}

/* The same traffic may stand under several marks or interfaces, each with its own gateway. */
static void test_rules_apart(void **state)
{
	static const char text[] =
	    "peers = ( { name = \"g\"; address = \"192.0.2.0/24\"; principal = \"a@R\"; } );\n"
	    "policies = (\n"
	    "  { name = \"red\"; mode = \"tunnel\"; gateway = \"192.0.2.1\"; if_id = 1;\n"
	    "    local = \"10.1.0.0/16\"; remote = \"10.2.0.0/16\"; peer = \"g\"; },\n"
	    "  { name = \"blue\"; mode = \"tunnel\"; gateway = \"192.0.2.2\"; mark = \"0x2/0xf\";\n"
	    "    local = \"10.1.0.0/16\"; remote = \"10.2.0.0/16\"; peer = \"g\"; },\n"
	    "  { name = \"grey\"; mode = \"tunnel\"; gateway = \"192.0.2.3\";\n"
	    "    local = \"10.1.0.0/16\"; remote = \"10.2.0.0/16\"; peer = \"g\"; } );";
	static const struct {
		const char *gateway, *rule;
	} cases[] = {{"192.0.2.1", "red"}, {"192.0.2.2", "blue"}, {"192.0.2.3", "grey"},
	    {"192.0.2.4", NULL}};
	struct policy *policy = parse_good(text);
	struct policy *none = NULL;
	struct selector selector = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	struct address local = address_of("192.0.2.9");
	char *shadowed = strdup(text);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address peer = address_of(cases[i].gateway);

		assert_rule(
		    policy_lookup_selector(policy, &selector, &local, &peer), cases[i].rule);
	}
	policy_release(policy);
	/* But not under one mark twice, nor behind a rule for all marks. */
	memcpy(strstr(shadowed, "if_id = 1;"), "          ", 10);
	assert_int_equal(
	    config_parse_string("kinkd.conf", shadowed, NULL, NULL, &none, NULL), ERR_INVALID);
	free(shadowed);
}

static void test_ssh_selector_is_bypassed(void **state)
{
	struct policy *policy = parse_good(network);
	struct selector ssh = selector_of("10.0.0.1", "10.0.0.2", 6);
	struct address peer = address_of("10.0.0.2");

	(void)state;
	ssh.local_ports = (struct port_range){22, 22};
	assert_null(policy_lookup_selector(policy, &ssh, &ssh.local.first, &peer));
	policy_release(policy);
}

static void test_rule_selectors(void **state)
{
	struct policy *policy = parse_good(
	    "peers = ( { name = \"m\"; address = [ \"10.0.0.0/8\", \"2001:db8::/32\" ];\n"
	    "            principal = \"a@R\"; } );\n"
	    "policies = ( { name = \"r\"; remote = \"m\"; protocol = \"udp\"; local_port = 7;\n"
	    "  local = [ \"10.0.0.1\", \"2001:db8::1\", \"10.0.0.2\" ]; } );");
	struct selector selectors[3];

	(void)state;
	assert_int_equal(policy_rule_selectors(&policy->rules[0], NULL, 0), 3);
	assert_int_equal(policy_rule_selectors(&policy->rules[0], selectors, 3), 3);
	assert_int_equal(selectors[0].local.first.family, 4);
	assert_int_equal(selectors[1].local.first.octets[3], 2);
	assert_int_equal(selectors[2].remote.first.family, 6);
	assert_int_equal(selectors[2].protocol, 17);
	assert_int_equal(selectors[2].local_ports.last, 7);
	assert_int_equal(selectors[2].remote_ports.last, 65535);
	policy_release(policy);
}

static void test_bypass(void **state)
{
	struct policy *policy = parse_good(network);
	size_t before = policy->rule_count;
	struct selector selectors[2] = {
	    selector_of("0.0.0.0/0", "10.0.0.53", 17), selector_of("::/0", "2001:db8::53", 17)};
	struct dataplane_flow flow = {
	    .local = address_of("10.0.0.1"), .remote = address_of("10.0.0.53"), .protocol = 17};
	struct selector uneven = selectors[0];
	struct address peer = address_of("10.0.0.53");
	struct selector host = selector_of("10.0.0.1", "10.0.0.53", 0);

	(void)state;
	assert_int_equal(policy_bypass(policy, "all", selectors, 2), ERR_OK);
	assert_int_equal(policy->rule_count, before + 2);
	for (size_t i = 0; i < policy->rule_count; i++) {
		assert_int_equal(policy->rules[i].id, i + 1);
		assert_ptr_equal(policy_rule_by_id(policy, (uint32_t)(i + 1)), &policy->rules[i]);
	}
	assert_null(policy_rule_by_id(policy, 0));
	assert_null(policy_rule_by_id(policy, (uint32_t)before + 3));
	assert_int_equal(policy_lookup(policy, &flow)->id, 1);
	assert_true(policy_lookup(policy, &flow)->automatic);
	/* By name only what the file named; and the rest of the host's traffic stays protected. */
	assert_false(policy_rule_by_name(policy, "all")->automatic);
	assert_rule(policy_lookup_selector(policy, &host, &host.local.first, &peer), "all");
	uneven.remote.last = address_of("10.0.0.55");
	assert_int_equal(policy_bypass(policy, "x", &uneven, 1), ERR_INVALID);
	assert_int_equal(policy->rule_count, before + 2);
	assert_null(policy_rule_by_name(policy, "nothing"));
	assert_ptr_equal(policy_retain(policy), policy);
	policy_release(policy);
	assert_int_equal(policy->rule_count, before + 2);
	policy_release(policy);
	policy_release(NULL);
}

static void test_templates(void **state)
{
	static const struct {
		const char *template;
		const char *name;
		const char *principal; /* NULL: refused */
	} cases[] = {
	    {"kink/{fqdn}@R", "b.example.test", "kink/b.example.test@R"},
	    {"kink/{fqdn}@R", "B.Example.TEST", "kink/b.example.test@R"},
	    {"{HOST}$@R", "b-1.example.test", "B-1$@R"},
	    {"{HOST}$@R", "b", "B$@R"},
	    {"host/{host}@R", "Bee.example.test", "host/bee@R"},
	    {"{host}/{HOST}/{fqdn}@R", "b.c", "b/B/b.c@R"},
	    {"fixed@R", "b.c", "fixed@R"},
	    {"fixed@R", NULL, "fixed@R"},
	    {"fixed@R", "a@b", "fixed@R"},
	    {"a\\@b/{host}@R", "c.d", "a\\@b/c@R"},
	    {"a\\{host}@R", "c.d", "a\\{host}@R"},
	    {"kink/{fqdn}@R", NULL, NULL},
	    {"kink/{fqdn}@R", "", NULL},
	    {"kink/{fqdn}@R", ".", NULL},
	    {"kink/{fqdn}@R", "b.", NULL},
	    {"kink/{fqdn}@R", ".b", NULL},
	    {"kink/{fqdn}@R", "a..b", NULL},
	    {"kink/{fqdn}@R", "-a.b", NULL},
	    {"kink/{fqdn}@R", "a-.b", NULL},
	    {"kink/{fqdn}@R", "a_b", NULL},
	    {"kink/{fqdn}@R", "admin@EVIL.TEST", NULL},
	    {"kink/{fqdn}@R", "b/admin", NULL},
	    {"kink/{fqdn}@R", "b\\", NULL},
	    {"kink/{fqdn}@R", "b\\@x", NULL},
	    {"kink/{fqdn}@R", "b$", NULL},
	    {"kink/{fqdn}@R", "b c", NULL},
	    {"kink/{fqdn}@R", "b\n", NULL},
	    {"kink/{fqdn}@R", "{host}", NULL},
	    {"kink/{fqdn}@R", "b\xc3\xa9", NULL},
	    {"{HOST}$@R", "x$@EVIL.TEST", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_peer peer = {
		    .responder_principals = &cases[i].template,
		    .responder_principal_count = 1,
		    .initiator_principals = &cases[i].template,
		    .initiator_principal_count = 1,
		};
		char out[256];
		enum err err = identity_principal(&peer, cases[i].name, out, sizeof(out));

		if (cases[i].principal == NULL) {
			if (err != ERR_INVALID)
				fail_msg("%s with %s", cases[i].template, cases[i].name);
			continue;
		}
		assert_int_equal(err, ERR_OK);
		assert_string_equal(out, cases[i].principal);
		assert_true(identity_may_be(&peer, IDENTITY_INITIATOR, cases[i].name, out));
		assert_int_equal(
		    identity_principal(&peer, cases[i].name, out, strlen(out)), ERR_TOO_LONG);
	}
}

static void test_long_names(void **state)
{
	const char *template = "kink/{fqdn}@EXAMPLE.TEST";
	struct policy_peer peer = {
	    .responder_principals = &template, .responder_principal_count = 1};
	char name[300];
	char out[256];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	assert_true(identity_is_host_name(name));
	name[63] = 'a';
	name[64] = '\0';
	assert_false(identity_is_host_name(name));
	for (size_t i = 1; i < sizeof(name); i += 2)
		name[i] = '.';
	name[64] = 'a';
	name[253] = '\0';
	assert_true(identity_is_host_name(name));
	assert_int_equal(identity_principal(&peer, name, out, sizeof(out)), ERR_TOO_LONG);
	name[253] = '.';
	name[254] = 'a';
	name[255] = '\0';
	assert_false(identity_is_host_name(name));
}

static void test_identity_by_role(void **state)
{
	struct policy *policy = parse_good(
	    "peers = ( { name = \"m\"; address = \"10.0.0.0/8\";\n"
	    "  responder_principal = [ \"kink/{fqdn}@R\", \"kink/alias@R\" ];\n"
	    "  initiator_principal = [ \"{HOST}$@R\", \"backup@R\" ]; },\n"
	    "  { name = \"fixed\"; address = \"11.0.0.1\"; principal = \"kink/f@R\"; } );\n"
	    "policies = ();");
	const struct policy_peer *peer = &policy->peers[0];
	const char *name = "b.example.test";
	char out[64];

	(void)state;
	assert_true(identity_needs_name(peer, IDENTITY_INITIATOR));
	assert_true(identity_needs_name(peer, IDENTITY_RESPONDER));
	assert_false(identity_needs_name(&policy->peers[1], IDENTITY_RESPONDER));
	assert_int_equal(identity_principal(peer, name, out, sizeof(out)), ERR_OK);
	assert_string_equal(out, "kink/b.example.test@R");
	assert_true(identity_may_be(peer, IDENTITY_INITIATOR, name, "B$@R"));
	assert_true(identity_may_be(peer, IDENTITY_INITIATOR, name, "backup@R"));
	assert_true(identity_may_be(peer, IDENTITY_INITIATOR, NULL, "backup@R"));
	assert_true(identity_may_be(peer, IDENTITY_RESPONDER, name, "kink/alias@R"));
	assert_false(identity_may_be(peer, IDENTITY_INITIATOR, name, "kink/b.example.test@R"));
	assert_false(identity_may_be(peer, IDENTITY_RESPONDER, name, "B$@R"));
	assert_false(identity_may_be(peer, IDENTITY_INITIATOR, name, "b$@R"));
	assert_false(identity_may_be(peer, IDENTITY_INITIATOR, name, "B$@r"));
	assert_false(identity_may_be(peer, IDENTITY_INITIATOR, name, "C$@R"));
	assert_false(identity_may_be(peer, IDENTITY_INITIATOR, name, "B$@R2"));
	assert_false(identity_may_be(peer, IDENTITY_INITIATOR, name, "B$@"));
	assert_false(identity_may_be(peer, IDENTITY_INITIATOR, name, ""));
	assert_false(identity_may_be(peer, IDENTITY_INITIATOR, NULL, "B$@R"));
	policy_release(policy);
}

static void test_bad_templates(void **state)
{
	static const char *const bad[] = {"", "a", "a@", "@", "a@b@c", "a b@R", "{x}@R", "{fqdn@R",
	    "a@{fqdn}", "a@R.{HOST}", "a@R\\", "a\\@R", "a\t@R", "@R", "/@R", "kink/@R", "/a@R",
	    "kink//a@R"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct problem problem;

		if (identity_check_template(bad[i], &problem) == ERR_OK)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void test_principals(void **state)
{
	static const char *const good[] = {"a", "a@R", "kink/a.example.test@R", "A$@R", "a\\/b@R"};
	static const char *const bad[] = {
	    "", "@R", "kink/", "kink/@R", "/a@R", "a@", "a@b@c", "kink/{fqdn}@R", "a b@R"};
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (identity_check_principal(good[i], &problem) != ERR_OK)
			fail_msg("refused: %s: %s", good[i], problem.text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (identity_check_principal(bad[i], &problem) == ERR_OK)
			fail_msg("accepted: %s", bad[i]);
	}
}

static struct policy *proposals(const char *settings)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	    "peers = ( { name = \"m\"; address = \"10.0.0.0/8\"; principal = \"a@R\"; } );\n"
	    "policies = ( { name = \"r\"; remote = \"m\"; %s } );",
	    settings);
	return parse_good(text);
}

static void test_offer(void **state)
{
	static const uint32_t spi = 0xc0ffee;
	struct policy *policy =
	    proposals("esp = [ \"aes256gcm16\", \"aes128-sha1\" ]; lifetime = \"1 h\"; "
		      "lifetime_bytes = \"1 GiB\";");
	struct offer offer;

	(void)state;
	assert_int_equal(offer_make(&policy->rules[0], &spi, DH_NONE, &offer), ERR_OK);
	assert_int_equal(offer.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(offer.choices[i].proposal_number, 1);
		assert_int_equal(offer.choices[i].parts[0].transform_number, i + 1);
		assert_int_equal(offer.choices[i].parts[0].spi, 0xc0ffee);
		assert_int_equal(offer.choices[i].parts[0].mode, IPSEC_TRANSPORT);
		assert_int_equal(offer.choices[i].lifetime.seconds, 3600);
		assert_int_equal(offer.choices[i].lifetime.bytes, 1 << 30);
		assert_int_equal(offer.choices[i].group, DH_NONE);
	}
	assert_int_equal(offer.choices[0].parts[0].suite.encryption, ENCRYPTION_AES_GCM_16);
	assert_int_equal(offer.choices[1].parts[0].suite.integrity, INTEGRITY_HMAC_SHA1_96);
	policy_release(policy);
}

static void test_select(void **state)
{
	static const uint32_t spi = 7;
	struct policy *ours = proposals("esp = [ \"aes256gcm16\", \"aes128gcm16\" ];");
	struct policy *theirs = proposals(
	    "esp = [ \"null-sha1\", \"aes192gcm16\", \"aes128gcm16\", \"aes256gcm16\" ];");
	const struct policy_rule *rule = &ours->rules[0];
	struct offer offer;
	struct offer_choice choice;
	struct problem problem;

	(void)state;
	assert_int_equal(offer_make(&theirs->rules[0], &spi, DH_NONE, &offer), ERR_OK);
	/* The offerer's order decides (RFC 4430 3.2). */
	assert_int_equal(offer_select(rule, &offer, &choice, &problem), ERR_OK);
	assert_int_equal(choice.parts[0].transform_number, 3);
	assert_int_equal(choice.parts[0].suite.key_bits, 128);
	assert_int_equal(choice.parts[0].spi, 7);
	offer.choices[2].parts[0].mode = IPSEC_TUNNEL;
	assert_int_equal(offer_select(rule, &offer, &choice, &problem), ERR_OK);
	assert_int_equal(choice.parts[0].transform_number, 4);
	offer.choices[3].group = DH_CURVE25519;
	assert_int_equal(offer_select(rule, &offer, &choice, &problem), ERR_NOT_FOUND);
	assert_string_equal(problem.text,
	    "nothing offered is accepted: the peer offers null-sha1, aes192gcm16, aes128gcm16, "
	    "aes256gcm16 (transport mode, pfs none), policy \"r\" accepts aes256gcm16, aes128gcm16 "
	    "(transport mode, pfs off)");
	offer.count = 0;
	assert_int_equal(offer_select(rule, &offer, &choice, &problem), ERR_NOT_FOUND);
	policy_release(ours);
	policy_release(theirs);
}

static void test_select_lifetimes(void **state)
{
	static const uint32_t spi = 1;
	static const struct {
		const char *ours;
		struct lifetime offered;
		struct lifetime agreed;
	} cases[] = {
	    {"lifetime = 3600;", {0, 7200}, {0, 3600}},
	    {"lifetime = 3600;", {0, 1800}, {0, 1800}},
	    {"lifetime = 3600;", {0, 0}, {0, 3600}},
	    {"lifetime = \"2 d\";", {0, 0}, {0, 28800}}, /* RFC 2407 4.5 */
	    {"lifetime = \"2 d\";", {5000, 0}, {5000, 28800}},
	    {"lifetime_bytes = \"1 MiB\";", {0, 28800}, {1 << 20, 28800}},
	    {"lifetime_bytes = \"1 MiB\";", {1 << 21, 100}, {1 << 20, 100}},
	    {"lifetime_bytes = \"1 MiB\";", {1 << 10, 100}, {1 << 10, 100}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *policy = proposals(cases[i].ours);
		struct offer offer;
		struct offer_choice choice;

		assert_int_equal(offer_make(&policy->rules[0], &spi, DH_NONE, &offer), ERR_OK);
		offer.choices[0].lifetime = cases[i].offered;
		assert_int_equal(offer_select(&policy->rules[0], &offer, &choice, NULL), ERR_OK);
		assert_int_equal(choice.lifetime.seconds, cases[i].agreed.seconds);
		assert_int_equal(choice.lifetime.bytes, cases[i].agreed.bytes);
		policy_release(policy);
	}
}

static void expect_answer(const struct offer *offer, const struct offer_choice *answer,
    enum err expected, size_t expected_index)
{
	size_t index = 99;

	assert_int_equal(offer_find_answer(offer, answer, &index), expected);
	if (expected == ERR_OK)
		assert_int_equal(index, expected_index);
}

/* AH around ESP around IPComp; the outermost varies most. */
static void test_bundle(void **state)
{
	static const uint32_t spis[] = {0x1000, 0xe5b, 0xa4};
	static const enum ipsec_protocol expected[] = {IPSEC_IPCOMP, IPSEC_ESP, IPSEC_AH};
	struct policy *policy =
	    proposals("ipsec = \"esp+ah\"; compress = \"deflate\"; ah = [ \"sha256\", \"sha1\" ]; "
		      "esp = [ \"aes256gcm16\", \"aes128-sha256\" ];");
	struct policy *without = proposals("ipsec = \"esp+ah\"; ah = \"sha256\";");
	enum ipsec_protocol protocols[BUNDLE_MAX];
	struct offer offer;
	struct offer_choice choice;
	struct problem problem;
	size_t index;

	(void)state;
	assert_int_equal(policy_protocols(&policy->rules[0].proposal, protocols), 3);
	assert_memory_equal(protocols, expected, sizeof(expected));
	assert_int_equal(offer_make(&policy->rules[0], spis, DH_NONE, &offer), ERR_OK);
	assert_int_equal(offer.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(offer.choices[i].proposal_number, 1);
		assert_int_equal(offer.choices[i].part_count, 3);
		assert_int_equal(offer.choices[i].parts[0].transform_number, 1);
		assert_int_equal(offer.choices[i].parts[1].transform_number, i / 2 + 1);
		assert_int_equal(offer.choices[i].parts[2].transform_number, i % 2 + 1);
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(offer.choices[i].parts[j].spi, spis[j]);
	}
	assert_int_equal(offer.choices[1].parts[2].suite.integrity, INTEGRITY_HMAC_SHA1_96);
	choice = offer.choices[3];
	assert_int_equal(offer_find_answer(&offer, &choice, &index), ERR_OK);
	assert_int_equal(index, 3);
	choice.part_count = 2;
	assert_int_equal(offer_find_answer(&offer, &choice, &index), ERR_NOT_FOUND);
	/* All of the protocols, or none of the offer. */
	assert_int_equal(
	    offer_select(&without->rules[0], &offer, &choice, &problem), ERR_NOT_FOUND);
	assert_non_null(
	    strstr(problem.text, "the peer offers deflate and aes256gcm16 and ah-sha256, "));
	policy_release(policy);
	policy_release(without);
}

/* RFC 4304: an offer has each suite with them, without, or both, most wanted first. */
static void test_extended_sequence_numbers(void **state)
{
	static const uint32_t spis[] = {1, 2};
	static const struct {
		const char *settings;
		const char *first, *last;
		size_t count;
	} cases[] = {
	    {"esp = [ \"aes256gcm16\", \"aes128gcm16\" ];", "aes256gcm16", "aes128gcm16", 2},
	    {"esp = [ \"aes256gcm16\", \"aes128gcm16\" ]; esn = \"offer\";", "aes256gcm16-esn",
		"aes128gcm16", 4},
	    {"esp = [ \"aes256gcm16\", \"aes128gcm16\" ]; esn = \"require\";", "aes256gcm16-esn",
		"aes128gcm16-esn", 2},
	    /* Of a bundle either all protocols or none. */
	    {"esp = \"aes256gcm16\"; ipsec = \"esp+ah\"; esn = \"offer\";", "aes256gcm16-esn",
		"aes256gcm16", 2},
	};
	struct policy *never = proposals("");
	struct policy *always = proposals("esn = \"require\";");
	struct offer offer;
	struct offer_choice choice;
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *policy = proposals(cases[i].settings);
		char text[SUITE_TEXT_SIZE];

		assert_int_equal(offer_make(&policy->rules[0], spis, DH_NONE, &offer), ERR_OK);
		assert_int_equal(offer.count, cases[i].count);
		assert_string_equal(
		    suite_format(&offer.choices[0].parts[0].suite, text), cases[i].first);
		assert_string_equal(
		    suite_format(&offer.choices[offer.count - 1].parts[0].suite, text),
		    cases[i].last);
		for (size_t j = 0; j < offer.count && offer.choices[j].part_count == 2; j++)
			assert_int_equal(offer.choices[j].parts[0].suite.esn,
			    offer.choices[j].parts[1].suite.esn);
		policy_release(policy);
	}
	assert_int_equal(offer_make(&always->rules[0], spis, DH_NONE, &offer), ERR_OK);
	assert_int_equal(offer_select(&always->rules[0], &offer, &choice, &problem), ERR_OK);
	assert_int_equal(offer_select(&never->rules[0], &offer, &choice, &problem), ERR_NOT_FOUND);
	assert_non_null(strstr(problem.text, "the peer offers aes256gcm16-esn, "));
	assert_int_equal(offer_make(&never->rules[0], spis, DH_NONE, &offer), ERR_OK);
	assert_int_equal(offer_select(&always->rules[0], &offer, &choice, &problem), ERR_NOT_FOUND);
	policy_release(never);
	policy_release(always);
}

static void test_find_answer(void **state)
{
	static const uint32_t spi = 1;
	struct policy *policy = proposals("lifetime = \"1 h\"; lifetime_bytes = \"1 GiB\";");
	struct offer offer;
	struct offer_choice answer;

	(void)state;
	assert_int_equal(offer_make(&policy->rules[0], &spi, DH_NONE, &offer), ERR_OK);
	answer = offer.choices[0];
	answer.parts[0].spi = 99; /* the responder's own */
	expect_answer(&offer, &answer, ERR_OK, 0);
	answer.lifetime = (struct lifetime){.seconds = 3599, .bytes = 1 << 20};
	expect_answer(&offer, &answer, ERR_OK, 0);
	answer.lifetime.seconds = 3601;
	expect_answer(&offer, &answer, ERR_INVALID, 0);
	answer.lifetime.seconds = 0; /* 28800 */
	expect_answer(&offer, &answer, ERR_INVALID, 0);
	answer.lifetime = (struct lifetime){.seconds = 3600, .bytes = 0};
	expect_answer(&offer, &answer, ERR_INVALID, 0);
	answer.lifetime.bytes = (1 << 30) + 1;
	expect_answer(&offer, &answer, ERR_INVALID, 0);
	/* Not the optimistic one, but offered. */
	answer = offer.choices[2];
	expect_answer(&offer, &answer, ERR_OK, 2);
	answer = offer.choices[0];
	answer.parts[0].transform_number = 2;
	expect_answer(&offer, &answer, ERR_NOT_FOUND, 0);
	answer = offer.choices[0];
	answer.parts[0].suite.key_bits = 128;
	expect_answer(&offer, &answer, ERR_NOT_FOUND, 0);
	answer = offer.choices[0];
	answer.parts[0].mode = IPSEC_TUNNEL;
	expect_answer(&offer, &answer, ERR_NOT_FOUND, 0);
	answer = offer.choices[0];
	answer.group = DH_MODP_2048;
	expect_answer(&offer, &answer, ERR_NOT_FOUND, 0);
	policy_release(policy);
}

/* Who must have a key exchange, may have one, and may not. */
static void test_select_group(void **state)
{
	static const uint32_t spi = 7;
	static const struct {
		const char *settings;
		enum dh_group group;
		enum err expected;
	} cases[] = {
	    {"", DH_NONE, ERR_OK},
	    {"", DH_CURVE25519, ERR_NOT_FOUND},
	    {"pfs = \"offer\";", DH_NONE, ERR_OK},
	    {"pfs = \"offer\";", DH_ECP_256, ERR_OK},
	    {"pfs = \"offer\";", DH_MODP_4096, ERR_NOT_FOUND},
	    {"pfs = \"offer\"; pfs_groups = \"modp4096\";", DH_MODP_4096, ERR_OK},
	    {"pfs = \"require\";", DH_NONE, ERR_NOT_FOUND},
	    {"pfs = \"require\";", DH_CURVE25519, ERR_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *policy = proposals(cases[i].settings);
		struct offer offer;
		struct offer_choice choice;
		struct problem problem;

		assert_int_equal(
		    offer_make(&policy->rules[0], &spi, cases[i].group, &offer), ERR_OK);
		assert_int_equal(
		    offer_select(&policy->rules[0], &offer, &choice, &problem), cases[i].expected);
		if (cases[i].expected == ERR_OK)
			assert_int_equal(choice.group, cases[i].group);
		policy_release(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_peer_of),
	    cmocka_unit_test(test_static_name),
	    cmocka_unit_test(test_lookup),
	    cmocka_unit_test(test_lookup_selector),
	    cmocka_unit_test(test_rules_apart),
	    cmocka_unit_test(test_ssh_selector_is_bypassed),
	    cmocka_unit_test(test_rule_selectors),
	    cmocka_unit_test(test_bypass),
	    cmocka_unit_test(test_templates),
	    cmocka_unit_test(test_long_names),
	    cmocka_unit_test(test_identity_by_role),
	    cmocka_unit_test(test_bad_templates),
	    cmocka_unit_test(test_principals),
	    cmocka_unit_test(test_offer),
	    cmocka_unit_test(test_select),
	    cmocka_unit_test(test_select_lifetimes),
	    cmocka_unit_test(test_bundle),
	    cmocka_unit_test(test_extended_sequence_numbers),
	    cmocka_unit_test(test_find_answer),
	    cmocka_unit_test(test_select_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
