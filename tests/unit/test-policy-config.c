/* The configuration file: what it makes, how kinkd -t tells it, and its manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/identity.h"
#include "policy.h"

static const char *const member_file =
    "realm: { keytab = \"/etc/krb5.keytab\"; };\n"
    "peers = ( { name = \"members\"; address = [ \"10.0.0.0/8\", \"2001:db8::/32\" ];\n"
    "            principal = [ \"kink/{fqdn}@EXAMPLE.TEST\", \"{HOST}$@EXAMPLE.TEST\" ]; } );\n"
    "policies = ( { name = \"realm\"; remote = \"members\"; protect = \"require\"; } );\n";

static void test_realm_member(void **state)
{
	struct policy *policy = parse_good(member_file);
	const struct policy_rule *rule = &policy->rules[0];
	const struct policy_daemon *daemon = &policy->daemon;

	(void)state;
	assert_string_equal(policy->realm.keytab, "/etc/krb5.keytab");
	assert_null(policy->realm.principal);
	assert_int_equal(policy->realm.clock_skew, 300);
	assert_int_equal(policy->peer_count, 1);
	assert_int_equal(policy->peers[0].address_count, 2);
	assert_int_equal(policy->peers[0].nat, POLICY_NAT_OFF);
	assert_false(policy_crosses_nat(policy));
	assert_int_equal(policy->peers[0].exchange_count, 1);
	assert_int_equal(policy->peers[0].exchanges[0], EXCHANGE_KINK);
	assert_int_equal(policy->peers[0].responder_principal_count, 2);
	assert_int_equal(policy->peers[0].initiator_principal_count, 2);
	assert_int_equal(policy->rule_count, 1);
	assert_string_equal(rule->name, "realm");
	assert_int_equal(rule->id, 1);
	assert_int_equal(rule->action, POLICY_REQUIRE);
	assert_ptr_equal(rule->peer, &policy->peers[0]);
	assert_int_equal(rule->mode, IPSEC_TRANSPORT);
	assert_int_equal(rule->protocol, 0);
	assert_int_equal(rule->local_ports.first, 0);
	assert_int_equal(rule->local_ports.last, 65535);
	assert_int_equal(rule->local_count, 0);
	assert_int_equal(rule->remote_count, 2);
	assert_int_equal(rule->proposal.suite_count, 3);
	assert_int_equal(rule->proposal.suites[0].encryption, ENCRYPTION_AES_GCM_16);
	assert_int_equal(rule->proposal.suites[0].key_bits, 256);
	assert_int_equal(rule->proposal.suites[2].integrity, INTEGRITY_HMAC_SHA2_256_128);
	assert_int_equal(rule->proposal.lifetime.seconds, 28800);
	assert_int_equal(rule->proposal.lifetime.bytes, 0);
	assert_int_equal(rule->proposal.pfs, POLICY_PFS_OFF);
	assert_int_equal(rule->proposal.groups[0], DH_CURVE25519);
	assert_int_equal(rule->proposal.nonces, POLICY_NONCES_INITIATOR);
	assert_string_equal(daemon->control_socket, RUNSTATEDIR "/kinkd/kinkd.ctl");
	assert_null(daemon->control_group);
	assert_int_equal(daemon->control_mode, 0660);
	assert_string_equal(daemon->dataplane, "auto");
	assert_string_equal(daemon->device, "kinkd0");
	assert_int_equal(daemon->mark, 0x4b1d);
	assert_int_equal(daemon->replay_window, 1024);
	assert_int_equal(daemon->kink_port, 910);
	assert_int_equal(daemon->retransmit_first, 500);
	assert_int_equal(daemon->retransmit_limit, 8000);
	assert_int_equal(daemon->retransmit_tries, 7);
	assert_int_equal(daemon->retry_first, 1000);
	assert_int_equal(daemon->retry_limit, 60000);
	assert_int_equal(daemon->delete_grace, 2000);
	assert_int_equal(daemon->max_sas, 100000);
	assert_int_equal(daemon->workers, 2);
	for (size_t i = 0; i < LOG_AREA_COUNT; i++)
		assert_int_equal(daemon->log_levels[i], LOG_LEVEL_INFO);
	policy_release(policy);
}

static void test_everything_set(void **state)
{
	struct policy *policy = parse_good(
	    "realm: { principal = \"A$@EXAMPLE.TEST\"; ccache = \"KCM:0\"; clock_skew = 90;\n"
	    "  kdc = [ \"10.0.0.1:89\", \"10.0.0.2\", \"[2001:db8::1]:88\", \"2001:db8::2\" ]; };\n"
	    "hosts = ( { address = \"10.0.0.9\"; name = \"C.Example.Test.\"; },\n"
	    "          { address = \"10.0.0.2\"; name = \"b.example.test\"; } );\n"
	    "peers = ( { name = \"m\"; address = \"10.0.0.0/8\";\n"
	    "  principal = \"host/{fqdn}@EXAMPLE.TEST\"; exchange = [ \"kink\" ];\n"
	    "  initiator_principal = [ \"{HOST}$@EXAMPLE.TEST\", \"B$@EXAMPLE.TEST\" ];\n"
	    "  initiator_group = \"S-1-5-32-544\";\n"
	    "  local_principal = \"kink/a.example.test@EXAMPLE.TEST\"; user_to_user = \"allow\"; "
	    "},\n"
	    "  { name = \"gate\"; address = \"192.0.2.1\"; principal = \"kink/g@R\"; } );\n"
	    "policies = (\n"
	    "  { name = \"ntp\"; protect = \"bypass\"; protocol = \"udp\"; remote_port = 123; },\n"
	    "  { name = \"no\"; protect = \"discard\"; remote = [ \"10.1.0.0/16\", \"10.2.0.1\" ]; "
	    "},\n"
	    "  { name = \"web\"; remote = \"m\"; local = \"10.0.0.1\"; protocol = \"tcp\";\n"
	    "    local_port = \"1000-2000\"; esp = \"null-sha256\"; lifetime = \"1 h 30 min\";\n"
	    "    lifetime_bytes = \"10 GiB\"; pfs = \"require\"; pfs_groups = [ \"ecp384\", "
	    "\"modp3072\" ];\n"
	    "    nonces = \"both\"; },\n"
	    "  { name = \"gre\"; peer = \"m\"; protocol = 47; },\n"
	    "  { name = \"branch\"; mode = \"tunnel\"; gateway = \"gate\"; remote = "
	    "\"172.16.0.0/12\";\n"
	    "    local = [ \"192.168.0.0/24\", \"2001:db8::/32\" ]; } );\n"
	    "daemon: { control: { socket = \"/tmp/k\"; group = \"adm\"; mode = \"0600\"; };\n"
	    "  log: { kink = \"debug\"; level = \"warning\"; }; mark = 0xffffffff;\n"
	    "  limits: { sas = 5; }; retransmit: { first = 2; tries = 3; }; };\n");
	const struct policy_rule *web = policy_rule_by_name(policy, "web");
	const struct policy_rule *branch = policy_rule_by_name(policy, "branch");
	struct selector selectors[4];
	char text[RANGE_TEXT_SIZE];
	char sid[SID_TEXT_SIZE];

	(void)state;
	assert_int_equal(policy->realm.clock_skew, 90);
	assert_int_equal(web->proposal.pfs, POLICY_PFS_REQUIRE);
	assert_int_equal(web->proposal.group_count, 2);
	assert_int_equal(web->proposal.groups[1], DH_MODP_3072);
	assert_int_equal(web->proposal.nonces, POLICY_NONCES_BOTH);
	assert_int_equal(policy->realm.kdc_count, 4);
	assert_int_equal(policy->realm.kdcs[0].port, 89);
	assert_int_equal(policy->realm.kdcs[1].port, 88);
	assert_string_equal(endpoint_format(&policy->realm.kdcs[2], text), "[2001:db8::1]:88");
	assert_string_equal(endpoint_format(&policy->realm.kdcs[3], text), "[2001:db8::2]:88");
	assert_string_equal(policy->hosts[1].name, "c.example.test");
	assert_string_equal(policy->peers[0].responder_principals[0], "host/{fqdn}@EXAMPLE.TEST");
	assert_string_equal(policy->realm.ccache, "KCM:0");
	assert_int_equal(policy->peers[0].user_to_user, POLICY_USER_TO_USER_ALLOW);
	assert_int_equal(policy->peers[1].user_to_user, POLICY_USER_TO_USER_OFF);
	assert_string_equal(policy->peers[0].local_principal, "kink/a.example.test@EXAMPLE.TEST");
	assert_int_equal(policy->peers[0].initiator_principal_count, 2);
	assert_string_equal(policy->peers[0].initiator_principals[1], "B$@EXAMPLE.TEST");
	assert_int_equal(policy->peers[0].initiator_group_count, 1);
	assert_string_equal(sid_format(&policy->peers[0].initiator_groups[0], sid), "S-1-5-32-544");
	assert_null(policy->rules[0].peer);
	assert_int_equal(policy->rules[0].remote_count, 2);
	assert_int_equal(policy->rules[0].remote_ports.first, 123);
	assert_int_equal(policy->rules[1].remotes[1].bits, 32);
	assert_int_equal(web->protocol, 6);
	assert_int_equal(web->local_ports.last, 2000);
	assert_int_equal(web->proposal.suites[0].encryption, ENCRYPTION_NULL);
	assert_int_equal(web->proposal.lifetime.seconds, 5400);
	assert_true(web->proposal.lifetime.bytes == 10ULL << 30);
	assert_int_equal(policy_rule_by_name(policy, "gre")->protocol, 47);
	assert_int_equal(branch->mode, IPSEC_TUNNEL);
	assert_string_equal(address_format(&branch->gateway, text), "192.0.2.1");
	assert_string_equal(branch->peer->name, "gate");
	assert_int_equal(policy_rule_selectors(branch, selectors, 4), 1);
	assert_string_equal(range_format(&selectors[0].local, text), "192.168.0.0/24");
	assert_string_equal(range_format(&selectors[0].remote, text), "172.16.0.0/12");
	assert_int_equal(policy->daemon.mark, 0xffffffff);
	assert_int_equal(policy->daemon.log_levels[LOG_AREA_KINK], LOG_LEVEL_DEBUG);
	assert_int_equal(policy->daemon.log_levels[LOG_AREA_SA], LOG_LEVEL_WARNING);
	assert_int_equal(policy->daemon.max_sas, 5);
	assert_int_equal(policy->daemon.retransmit_first, 2000);
	policy_release(policy);
}

static void test_shipped_file(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[4096];
	struct policy *policy = NULL;
	struct problem problem;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/etc/kinkd.conf", top != NULL ? top : "..");
	if (config_load(path, &policy, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
	assert_int_equal(policy->rule_count, 2);
	policy_release(policy);
}

static void test_description(void **state)
{
	struct policy *policy =
	    parse_good("peers = ( { name = \"m\"; address = \"10.0.0.0/8\"; principal = "
		       "\"kink/{fqdn}@R\"; } );\n"
		       "policies = ( { name = \"r\"; remote = \"m\"; lifetime_bytes = \"3 GiB\";\n"
		       "  esp = [ \"chacha20poly1305\", \"aes128-sha1\" ]; } );");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	config_describe(policy, out);
	(void)fclose(out);
	assert_non_null(strstr(text,
	    "Policy 1 \"r\": all traffic between any here and 10.0.0.0/8 there: protected or not "
	    "at all\n"
	    "  with      peer \"m\", in transport mode\n"
	    "  ESP       chacha20poly1305, aes128-sha1 (weak)\n"
	    "  lifetime  8 h or 3 GiB\n"
	    "  PFS       off\n"));
	assert_non_null(strstr(text, "\ndaemon.retransmit.first = \"500 ms\"\n"));
	assert_non_null(strstr(text, "\ndaemon.control.mode = \"0660\"\n"));
	assert_non_null(strstr(text, "\ndaemon.mark = 19229\n"));
	assert_non_null(strstr(text, "\ndaemon.log.kink = \"info\"\n"));
	assert_null(strstr(text, "daemon.control.group"));
	free(text);
	policy_release(policy);
}

/* kinkd.conf(5) holds exactly what the schema says. */
static void test_manual(void **state)
{
	static const char begin[] = ".\\\" Settings: written by the schema.\n";
	static const char end[] = ".\\\" End of settings.\n";
	const char *top = getenv("top_srcdir");
	char path[4096];
	char *page = NULL;
	char *wanted = NULL;
	size_t page_size = 0;
	size_t wanted_size = 0;
	FILE *out = open_memstream(&wanted, &wanted_size);
	FILE *in;
	const char *from;
	const char *to;

	(void)state;
	config_write_manual(out);
	(void)fclose(out);
	(void)snprintf(path, sizeof(path), "%s/doc/kinkd.conf.5", top != NULL ? top : "..");
	in = fopen(path, "r");
	assert_non_null(in);
	assert_true(getdelim(&page, &page_size, '\0', in) > 0);
	(void)fclose(in);
	from = strstr(page, begin);
	assert_non_null(from);
	from += sizeof(begin) - 1;
	to = strstr(from, end);
	assert_non_null(to);
	if ((size_t)(to - from) != wanted_size || memcmp(from, wanted, wanted_size) != 0) {
		out = fopen("kinkd.conf.5.new", "w");
		assert_non_null(out);
		(void)fprintf(out, "%.*s%s%s", (int)(from - page), page, wanted, to);
		(void)fclose(out);
		fail_msg("doc/kinkd.conf.5 differs from the schema; kinkd.conf.5.new has it right");
	}
	free(page);
	free(wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_realm_member),
	    cmocka_unit_test(test_everything_set),
	    cmocka_unit_test(test_shipped_file),
	    cmocka_unit_test(test_description),
	    cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
