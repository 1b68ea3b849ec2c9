/* SPD and PAD look-ups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
