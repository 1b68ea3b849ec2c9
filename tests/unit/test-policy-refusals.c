/* The configuration file: what it refuses, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policy/config.h"
#include "policy/schema.h"

#define PEER(extra)                                                                                \
	"peers = ( { name = \"m\"; address = \"10.0.0.0/8\"; principal = "                         \
	"\"kink/{fqdn}@R\"; " extra " } );\n"
#define RULE(extra)   PEER("") "policies = ( { name = \"r\"; " extra " } );\n"
#define MEMBER(extra) RULE("remote = \"m\"; " extra)

static const struct {
	const char *text;
	const char *expected; /* the whole of the first message */
} bad_files[] = {
    {"", "k.conf: policies: missing; it must be set to a list of groups: ( { ... }, { ... } )"},
    {"realm: {\n  keytba = \"x\"; };",
	"k.conf:2: realm.keytba: unknown setting; did you mean \"keytab\"?"},
    {"realm: { wombat = 1; };",
	"k.conf:1: realm.wombat: unknown setting; allowed here: keytab, ccache, principal, kdc, "
	"clock_skew"},
    {"realm: { clock_skew = \"8 parsecs\"; };",
	"k.conf:1: realm.clock_skew: found \"8 parsecs\"; allowed: a duration from 1 s to 1 h, "
	"such as \"5 min\""},
    {"realm: { clock_skew = true; };",
	"k.conf:1: realm.clock_skew: found the boolean true; allowed: a duration from 1 s to 1 h, "
	"such as \"5 min\""},
    {"realm = 5;", "k.conf:1: realm: found 5; allowed: a group of settings: { ... }"},
    {"realm: { kdc = \"10.0.0.1:0\"; };",
	"k.conf:1: realm.kdc: found \"10.0.0.1:0\"; allowed: an address, or one with a port, such "
	"as \"10.0.0.1:88\" or \"[2001:db8::1]:88\""},
    {"hosts = ( { address = \"10.0.0.1\"; } );",
	"k.conf:1: host 1 of hosts: name: missing; it must be set to a host's full name, such as "
	"\"b.example.test\""},
    {"hosts = ( { address = \"10.0.0.1\"; name = \"a@b\"; } );",
	"k.conf:1: host \"a@b\": name: found \"a@b\"; allowed: a host's full name, such as "
	"\"b.example.test\""},
    {"peers = { name = \"x\"; };",
	"k.conf:1: peers: found a group; allowed: a list of groups: ( { ... }, { ... } )"},
    {"policies = ( 7 );",
	"k.conf:1: policy 1 of policies: found 7; allowed: a group of settings: { ... }"},
    {"policies = (\n\n{ name = \"10.0.0.1\"; } );",
	"k.conf:3: policy \"10.0.0.1\": name: found \"10.0.0.1\"; allowed: a name of up to 63 "
	"letters, digits and \".\", \"_\", \"-\", that is no address"},
    {"peers = ( { name = \"m\"; address = [ \"10.0.0.1/8\" ]; principal = \"a@R\"; } );",
	"k.conf:1: peer \"m\": address: found \"10.0.0.1/8\"; allowed: an address or a prefix, "
	"such as \"10.0.0.0/8\"; the address has bits set beyond the prefix: did you mean "
	"\"10.0.0.0/8\"?"},
    {"peers = ( { name = \"m\"; address = [ ]; principal = \"a@R\"; } );",
	"k.conf:1: peer \"m\": address: found an empty list; allowed: at least one value (or leave "
	"it out)"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"kink/{fqdn}\"; } );",
	"k.conf:1: peer \"m\": principal: found \"kink/{fqdn}\"; allowed: a principal, such as "
	"\"kink/{fqdn}@EXAMPLE.TEST\"; the realm is missing: end it in @REALM"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"a@R\"; "
     "initiator_group = \"staff\"; } );",
	"k.conf:1: peer \"m\": initiator_group: found \"staff\"; allowed: a security identifier, "
	"such as \"S-1-5-21-1-2-3-1105\""},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"a@R\"; "
     "dialect = \"racoon2\"; user_to_user = \"allow\"; } );\n"
     "policies = ();",
	"k.conf:1: peer \"m\": user_to_user: allowed: \"off\"; dialect \"racoon2\" has no such "
	"tickets"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"a@R\"; "
     "dialect = \"racoon2\"; nat = \"auto\"; } );\n"
     "policies = ();",
	"k.conf:1: peer \"m\": nat: allowed: \"off\"; dialect \"racoon2\" crosses none"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"a@R\"; "
     "dialect = \"racoon2\";  } );\n"
     "policies = ( { name = \"p\"; remote = \"m\"; esp = \"aes256-sha1\"; } ); daemon: { kink_port "
     "= 911; };",
	"k.conf:2: daemon.kink_port: allowed: 910, because peer \"m\" speaks dialect \"racoon2\", "
	"which sends to no other port"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"a@R\"; "
     "dialect = \"racoon2\";  } );\n"
     "policies = ( { name = \"p\"; remote = \"m\"; } );",
	"k.conf:2: policy \"p\": esp: allowed: one suite of AES-CBC with SHA-1, such as "
	"\"aes256-sha1\"; the peer's dialect, \"racoon2\", knows no other"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"a@R\"; "
     "dialect = \"racoon2\";  } );\n"
     "policies = ( { name = \"p\"; remote = \"m\"; esp = \"aes256-sha1\"; pfs = \"offer\"; } );",
	"k.conf:2: policy \"p\": pfs: allowed: \"off\"; the peer's dialect, \"racoon2\", knows no "
	"other"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"a@R\"; "
     "dialect = \"racoon2\";  } );\n"
     "policies = ( { name = \"p\"; remote = \"m\"; esp = \"aes256-sha1\"; nonces = \"both\"; } );",
	"k.conf:2: policy \"p\": nonces: allowed: \"initiator\"; the peer's dialect, \"racoon2\", "
	"knows no other"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"a@R\"; "
     "dialect = \"racoon2\";  } );\n"
     "policies = ( { name = \"p\"; remote = \"m\"; esp = \"aes256-sha1\"; lifetime_bytes = \"1 "
     "GiB\"; } );",
	"k.conf:2: policy \"p\": lifetime_bytes: must be unset; the peer's dialect, \"racoon2\", "
	"knows no such limit"},
    {"realm: { ccache = \"KEYRNG:persistent:0\"; }; policies = ();",
	"k.conf:1: realm.ccache: found \"KEYRNG:persistent:0\"; allowed: a credential cache of the "
	"kind FILE, DIR, KEYRING, KCM or MEMORY, such as \"FILE:/tmp/krb5cc_1000\""},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; principal = \"kink/{name}@R\"; } );",
	"k.conf:1: peer \"m\": principal: found \"kink/{name}@R\"; allowed: a principal, such as "
	"\"kink/{fqdn}@EXAMPLE.TEST\"; the placeholders are {fqdn}, {host} and {HOST}"},
    {"peers = ( { name = \"m\"; address = \"10.0.0.1\"; } ); policies = ();",
	"k.conf:1: peer \"m\": principal: missing; set it to the names that these hosts have in "
	"Kerberos, such as \"kink/{fqdn}@EXAMPLE.TEST\" (or set responder_principal)"},
    {PEER("exchange = [ \"ike\" ];"),
	"k.conf:1: peer \"m\": exchange: found \"ike\"; allowed: \"kink\", \"ikev1\""},
    {PEER("exchange = [ \"kink\", \"kink\" ];") " policies = ();",
	"k.conf:1: peer \"m\": exchange: \"kink\" is listed twice"},
    {MEMBER("protect = \"prefer\";"), "k.conf:2: policy \"r\": protect: found \"prefer\"; allowed: "
				      "\"require\", \"request\", \"bypass\", "
				      "\"discard\""},
    {MEMBER("pfs = \"curve25519\";"),
	"k.conf:2: policy \"r\": pfs: found \"curve25519\"; allowed: \"off\", \"offer\", "
	"\"require\""},
    {MEMBER("pfs = \"require\"; pfs_groups = [ \"modp1024\" ];"),
	"k.conf:2: policy \"r\": pfs_groups: found \"modp1024\"; allowed: \"curve25519\", "
	"\"ecp256\", \"ecp384\", \"ecp521\", \"modp2048\", \"modp3072\", \"modp4096\""},
    {MEMBER("nonces = \"none\";"),
	"k.conf:2: policy \"r\": nonces: found \"none\"; allowed: \"initiator\", \"both\""},
    {MEMBER("esp = \"ah-sha256\";"),
	"k.conf:2: policy \"r\": esp: found \"ah-sha256\"; allowed: a suite listed in "
	"kinkd.conf(5), such as \"aes256gcm16\"; only suites for ESP are supported"},
    {MEMBER("esp = [ \"aes256-gcm\" ];"),
	"k.conf:2: policy \"r\": esp: found \"aes256-gcm\"; allowed: a suite listed in "
	"kinkd.conf(5), such as \"aes256gcm16\"; did you mean \"aes256gcm16\"?"},
    {MEMBER("esp = [ \"aes256gcm16\", \"aes256gcm16\" ];"),
	"k.conf:2: policy \"r\": esp: \"aes256gcm16\" is listed twice"},
    {MEMBER("local_port = 80;"),
	"k.conf:2: policy \"r\": local_port: ports need protocol = \"tcp\", \"udp\" or \"sctp\""},
    {MEMBER("protocol = \"tcp\"; remote_port = \"90-80\";"),
	"k.conf:2: policy \"r\": remote_port: found \"90-80\"; allowed: a port from 1 to 65535, a "
	"range such as \"1000-2000\", or \"any\""},
    {MEMBER("protocol = \"tpc\";"),
	"k.conf:2: policy \"r\": protocol: found \"tpc\"; allowed: \"any\", \"icmp\", \"tcp\", "
	"\"udp\", \"icmpv6\", \"sctp\", or a number from 0 to 255"},
    {MEMBER("protect = \"bypass\"; lifetime = 60;"),
	"k.conf:2: policy \"r\": lifetime: has no effect with protect = \"bypass\"; remove it"},
    {MEMBER("esn = \"offer\";") " daemon: { dataplane = \"userspace\"; };",
	"k.conf:2: policy \"r\": esn: needs the kernel's data plane, but daemon.dataplane is "
	"\"userspace\"; remove one of the two"},
    {MEMBER("mark = \"16/0\";"),
	"k.conf:2: policy \"r\": mark: found \"16/0\"; allowed: a mark such as \"0x10\", or with a "
	"mask, \"0x10/0xff\", that holds all bits of it"},
    {MEMBER("mark = \"0x110/0xff\";"),
	"k.conf:2: policy \"r\": mark: found \"0x110/0xff\"; allowed: a mark such as \"0x10\", or "
	"with a mask, \"0x10/0xff\", that holds all bits of it"},
    {MEMBER("mark = \"ten\";"),
	"k.conf:2: policy \"r\": mark: found \"ten\"; allowed: a mark such as \"0x10\", or with a "
	"mask, \"0x10/0xff\", that holds all bits of it"},
    {MEMBER("if_id = 0;"), "k.conf:2: policy \"r\": if_id: found 0; allowed: a whole number from 1 "
			   "to 4294967295"},
    {MEMBER("offload = \"crypto\";"),
	"k.conf:2: policy \"r\": offload_device: missing; offload needs the name of the card's "
	"interface"},
    {MEMBER("offload_device = \"eth0\";"),
	"k.conf:2: policy \"r\": offload_device: has no effect without offload; set that to "
	"\"crypto\" or \"packet\""},
    {MEMBER("if_id = 7;") " daemon: { dataplane = \"userspace\"; };",
	"k.conf:2: policy \"r\": if_id: needs the kernel's data plane, but daemon.dataplane is "
	"\"userspace\"; remove one of the two"},
    {MEMBER("mode = \"tunnel\";"),
	"k.conf:2: policy \"r\": gateway: missing; tunnel mode needs the address of the tunnel's "
	"far end, or a peer that has one address"},
    {MEMBER("mode = \"tunnel\"; gateway = \"m\";"),
	"k.conf:2: policy \"r\": gateway: found \"m\", a peer with more than one address; allowed: "
	"the address of the one that is the gateway"},
    {MEMBER("mode = \"tunnel\"; gateway = \"192.0.2.1\";"),
	"k.conf:2: policy \"r\": gateway: 192.0.2.1 is no address of peer \"m\"; add it to the "
	"peer's address"},
    {MEMBER("gateway = \"10.0.0.1\";"),
	"k.conf:2: policy \"r\": gateway: found \"10.0.0.1\" in transport mode, which has none; "
	"set mode = \"tunnel\" or remove it"},
    {MEMBER("local = \"2001:db8::1\";"),
	"k.conf:2: policy \"r\": local: has no address of the same family as the remote ones"},
    {RULE("remote = \"10.1.0.0/16\";"),
	"k.conf:2: policy \"r\": peer: missing; set it to the name of the entry of peers that "
	"protects this traffic"},
    {RULE("remote = \"11.0.0.0/8\"; peer = \"m\";"),
	"k.conf:2: policy \"r\": remote: 11.0.0.0/8 is not within the addresses of peer \"m\", as "
	"transport mode needs; add it to the peer's address, or use a tunnel"},
    {RULE("remote = \"10.0.0.1/8\"; peer = \"m\";"),
	"k.conf:2: policy \"r\": remote: found \"10.0.0.1/8\"; allowed: the name of one peer, or "
	"prefixes such as \"10.0.0.0/8\"; the address has bits set beyond the prefix: did you mean "
	"\"10.0.0.0/8\"?"},
    {RULE("remote = \"mm\";"),
	"k.conf:2: policy \"r\": remote: found \"mm\", but no peer has this name; did you mean "
	"\"m\"?"},
    {RULE("remote = \"strangers\";"),
	"k.conf:2: policy \"r\": remote: found \"strangers\"; allowed: an address, or the name of "
	"an entry of peers"},
    {MEMBER("peer = \"strangers\";"),
	"k.conf:2: policy \"r\": peer: found \"strangers\"; allowed: the name of an entry of "
	"peers"},
    {RULE("remote = \"m\"; }, { name = \"r\"; remote = \"m\";"),
	"k.conf:2: policy \"r\": name: another policy has this name already"},
    {RULE("remote = \"m\"; }, { name = \"s\"; remote = \"m\"; protocol = \"tcp\";"),
	"k.conf:2: policy \"s\": can never match, because policy \"r\" before it takes all its "
	"traffic; move it before that one, or remove it"},
    {PEER("}, { name = \"m\"; address = \"11.0.0.1\"; principal = \"a@R\";") "policies = ();",
	"k.conf:1: peer \"m\": name: another peer has this name already"},
    {PEER("}, { name = \"n\"; address = \"10.0.0.0/8\"; principal = \"a@R\";") "policies = ();",
	"k.conf:1: peer \"n\": address: 10.0.0.0/8 belongs to peer \"m\" already; an address has "
	"one owner"},
    {PEER("}, { name = \"n\"; address = \"10.9.0.0/16\"; principal = \"a@R\";") "policies = ( { "
										"name = \"r\"; "
										"remote = \"m\"; } "
										");",
	"k.conf:2: policy \"r\": remote: reaches into 10.9.0.0/16, which belongs to peer \"n\" "
	"rather than \"m\"; put a policy for that peer before it"},
    {"hosts = ( { address = \"10.0.0.1\"; name = \"a\"; }, { address = \"10.0.0.1\"; name = "
     "\"b\"; } ); policies = ();",
	"k.conf:1: host \"b\": address: this address has a name already: \"a\""},
    {"policies = (); daemon: { control: { mode = 660; }; };",
	"k.conf:1: daemon.control.mode: found 660; allowed: permissions in octal and in quotes, "
	"from \"0000\" to \"0777\""},
    {"policies = (); daemon: { control: { socket = \"kinkd.ctl\"; }; };",
	"k.conf:1: daemon.control.socket: found \"kinkd.ctl\"; allowed: an absolute path"},
    {"policies = (); daemon: { retransmit: { limit = \"100 ms\"; }; };",
	"k.conf:1: daemon.retransmit.limit: is below retransmit.first; allowed: 500 ms or more"},
    {"policies = (); daemon: { retry: { first = \"2 min\"; }; };",
	"k.conf:1: daemon.retry.limit: is below retry.first; allowed: 2 min or more"},
    {"policies = (); daemon: { log: { kink = \"verbose\"; }; };",
	"k.conf:1: daemon.log.kink: found \"verbose\"; allowed: \"error\", \"warning\", "
	"\"notice\", \"info\", \"debug\""},
    {"realm: {\n keytab = \"x\"\n principal = \"y\";",
	"k.conf:3: syntax error; look for a missing quote, bracket or semicolon at the end of the "
	"line before"},
};

static void test_bad_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		struct policy *policy = NULL;
		struct problem problem = {0};
		enum err err =
		    config_parse_string("k.conf", bad_files[i].text, NULL, NULL, &policy, &problem);

		if (err != ERR_INVALID || strcmp(problem.text, bad_files[i].expected) != 0)
			fail_msg("%s\n  gave: %s\n  want: %s", bad_files[i].text, problem.text,
			    bad_files[i].expected);
		assert_null(policy);
	}
}

static void count_problem(void *context, const struct problem *problem)
{
	size_t *count = context;

	assert_int_equal(problem->code, ERR_INVALID);
	(*count)++;
}

static void test_many_problems(void **state)
{
	struct policy *policy = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(config_parse_string("k.conf", "a=1; b=1; realm: { c=1; };", count_problem,
			     &count, &policy, NULL),
	    ERR_INVALID);
	assert_int_equal(count, 4); /* and policies is missing */
	count = 0;
	assert_int_equal(
	    config_parse_string("k.conf", "a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;",
		count_problem, &count, &policy, NULL),
	    ERR_INVALID);
	assert_int_equal(count, CONFIG_PROBLEMS_MAX);
}

/* A file whose only fault is `setting` in this section, on line 3. */
static void write_file(char *text, size_t size, const char *path,
    const struct schema_setting *setting, const char *value)
{
	static const char *const elements[][4] = {
	    {"hosts", "address = \"10.0.0.1\";", "name = \"a\";", ""},
	    {"peers", "name = \"m\";", "address = \"10.0.0.0/8\";", "principal = \"a@R\";"},
	    {"policies", "name = \"r\";", "remote = \"m\";", ""},
	};
	FILE *out = fmemopen(text, size, "w");

	assert_non_null(out);
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
		bool here = strcmp(path, elements[i][0]) == 0;

		if (!here && i == 0)
			continue;
		(void)fprintf(out, "%s = ( { ", elements[i][0]);
		for (size_t j = 1; j < 4; j++) {
			size_t length = strlen(setting->name);

			if (!here || strncmp(elements[i][j], setting->name, length) != 0 ||
			    elements[i][j][length] != ' ')
				(void)fprintf(out, "%s ", elements[i][j]);
		}
		if (here)
			(void)fprintf(out, "\n#here\n%s = %s;\n#there\n", setting->name, value);
		(void)fputs("} );", out);
	}
	if (strncmp(path, "daemon.", 7) == 0)
		(void)fprintf(
		    out, "daemon: { %s: {\n#here\n%s = %s;\n}; };", path + 7, setting->name, value);
	else if (strcmp(path, "daemon") == 0 || strcmp(path, "realm") == 0)
		(void)fprintf(out, "%s: {\n#here\n%s = %s;\n};", path, setting->name, value);
	(void)fclose(out);
}

static void check_refused(const char *path, const struct schema_setting *setting, const char *value)
{
	char text[1024];
	char place[64];
	struct policy *policy = NULL;
	struct problem problem = {0};

	write_file(text, sizeof(text), path, setting, value);
	(void)snprintf(place, sizeof(place), "%s: ", setting->name);
	if (config_parse_string("k.conf", text, NULL, NULL, &policy, &problem) != ERR_INVALID)
		fail_msg("accepted: %s", text);
	if (strncmp(problem.text, "k.conf:3: ", 10) != 0 || strstr(problem.text, place) == NULL ||
	    strstr(problem.text, "found ") == NULL || strstr(problem.text, "allowed: ") == NULL)
		fail_msg("%s = %s: %s", setting->name, value, problem.text);
}

static void check_section(const struct schema_section *section, const char *path, size_t *count)
{
	for (const struct schema_setting *setting = section->settings; setting->name != NULL;
	     setting++) {
		char value[300];

		if (setting->section != NULL) {
			(void)snprintf(value, sizeof(value), "%s%s%s", path,
			    *path != '\0' ? "." : "", setting->name);
			check_section(setting->section, value, count);
			continue;
		}
		(*count)++;
		assert_non_null(setting->doc);
		check_refused(path, setting, "true");
		check_refused(path, setting, "1.5");
		check_refused(path, setting, "\"\"");
		check_refused(path, setting, "-1");
		switch (setting->type) {
		case SCHEMA_INTEGER:
			(void)snprintf(value, sizeof(value), "%" PRIu64 "L", setting->maximum + 1);
			check_refused(path, setting, value);
			if (setting->minimum == 0)
				break;
			(void)snprintf(value, sizeof(value), "%" PRIu64, setting->minimum - 1);
			check_refused(path, setting, value);
			break;
		case SCHEMA_SECONDS:
		case SCHEMA_MILLISECONDS:
			(void)snprintf(value, sizeof(value), "\"%" PRIu64 " %s\"",
			    setting->maximum + 1, setting->type == SCHEMA_SECONDS ? "s" : "ms");
			check_refused(path, setting, value);
			check_refused(path, setting, "\"1\"");
			check_refused(path, setting, "\"99999999999999999999 d\"");
			if (setting->minimum > 1)
				check_refused(path, setting, "\"1 ms\"");
			break;
		case SCHEMA_SIZE:
			check_refused(path, setting, "1");
			check_refused(path, setting, "\"3 TiB\"");
			check_refused(path, setting, "\"10 GB\"");
			break;
		case SCHEMA_TEXT:
			if (setting->maximum < 280) {
				(void)snprintf(
				    value, sizeof(value), "\"%0*d\"", (int)setting->maximum + 1, 0);
				check_refused(path, setting, value);
			}
			break;
		default:
			check_refused(path, setting, "\"no such thing\"");
			break;
		}
	}
}

static void test_every_setting_has_bounds(void **state)
{
	size_t count = 0;

	(void)state;
	check_section(&schema_root, "", &count);
	assert_true(count > 50);
}

static void test_unreadable_files(void **state)
{
	struct policy *policy = NULL;
	struct problem problem;

	(void)state;
	assert_int_equal(config_load("/nonexistent/k.conf", &policy, &problem), ERR_NOT_FOUND);
	assert_string_equal(problem.text,
	    "/nonexistent/k.conf: no such file; see kinkd.conf(5) for what goes into it");
	assert_int_equal(config_load("/", &policy, &problem), ERR_SYSTEM);
	assert_string_equal(problem.text, "/: cannot be read: Is a directory");
	assert_int_equal(config_load("/dev/null", &policy, &problem), ERR_INVALID);
	assert_int_equal(config_load("/dev/zero", &policy, &problem), ERR_INVALID);
	assert_null(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_files),
	    cmocka_unit_test(test_many_problems),
	    cmocka_unit_test(test_every_setting_has_bounds),
	    cmocka_unit_test(test_unreadable_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
