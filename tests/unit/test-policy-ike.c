/* What the file can say of IKE's peers: what it makes, what it refuses, what it warns of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/identity.h"
#include "policy/config.h"
#include "policy/ike.h"

static char folder[] = "/tmp/test-policy-ike-XXXXXX";

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int make_files(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	write_file("good", "a secret of two words\r\n", 0600);
	write_file("bare", "no end of line", 0400);
	write_file("open", "not a secret\n", 0640);
	write_file("empty", "\n", 0600);
	write_file("lines", "one\ntwo\n", 0600);
	return 0;
}

static int remove_files(void **state)
{
	static const char *const names[] = {"good", "bare", "open", "empty", "lines"};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

/* One peer with these settings and one policy with those; in either %s is the folder of files. */
static enum err parse(
    const char *peer, const char *rule, struct policy **out, char *why, size_t size)
{
	char text[2048];
	char peer_text[1024];
	struct problem problem = {.code = ERR_OK};
	const char *mark = strstr(peer, "%s");
	enum err code;

	(void)snprintf(peer_text, sizeof(peer_text), "%.*s%s%s",
	    mark != NULL ? (int)(mark - peer) : (int)strlen(peer), peer, mark != NULL ? folder : "",
	    mark != NULL ? mark + 2 : "");
	(void)snprintf(text, sizeof(text),
	    "peers = ( { name = \"p\"; address = \"192.0.2.7\"; %s } );\n"
	    "policies = ( { name = \"r\"; remote = \"p\"; %s } );\n",
	    peer_text, rule);
	code = config_parse_string("k.conf", text, NULL, NULL, out, &problem);
	(void)snprintf(why, size, "%s", problem.text);
	return code;
}

static struct policy *parse_good(const char *peer, const char *rule)
{
	struct policy *policy = NULL;
	char why[400];

	if (parse(peer, rule, &policy, why, sizeof(why)) != ERR_OK)
		fail_msg("%s", why);
	return policy;
}

static void defaults_are_strong(void **state)
{
	struct policy *policy = parse_good("exchange = \"ikev1\"; psk_file = \"%s/good\";", "");
	const struct policy_peer *peer = &policy->peers[0];
	const struct policy_ike *ike = peer->ike;
	static const enum dh_group groups[] = {DH_CURVE25519, DH_ECP_256, DH_ECP_384, DH_MODP_2048};

	(void)state;
	assert_int_equal(peer->exchange_count, 1);
	assert_true(policy_peer_allows(peer, EXCHANGE_IKEV1));
	assert_false(policy_peer_allows(peer, EXCHANGE_KINK));
	assert_true(policy_rule_allows(&policy->rules[0], EXCHANGE_IKEV1));
	assert_true(policy_uses(policy, EXCHANGE_IKEV1));
	assert_false(policy_uses(policy, EXCHANGE_KINK));
	assert_int_equal(peer->responder_principal_count, 0);
	assert_non_null(ike);
	assert_int_equal(ike->psk.len, 21);
	assert_memory_equal(ike->psk.data, "a secret of two words", 21);
	assert_int_equal(ike->authentication_count, 1);
	assert_int_equal(ike->authentications[0], IKE_AUTHENTICATION_PSK);
	assert_int_equal(ike->mode, POLICY_IKE_MAIN);
	assert_true(ike->nat);
	assert_true(policy_crosses_nat(policy));
	assert_true(ike->fragmentation);
	assert_int_equal(ike->lifetime, 28800);
	assert_int_equal(ike->local_identity.type, IKE_IDENTITY_NONE);
	assert_int_equal(ike->remote_identity_count, 0);
	assert_false(ike->any_remote_identity);
	assert_int_equal(ike->proposal_count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(ike->proposals[i].encryption, ENCRYPTION_AES_CBC);
		assert_int_equal(ike->proposals[i].key_bits, 256);
		assert_int_equal(ike->proposals[i].group, groups[i]);
		assert_false(policy_ike_proposal_is_weak(&ike->proposals[i]));
	}
	policy_release(policy);
}

static void everything_can_be_said(void **state)
{
	struct policy *policy = parse_good(
	    "principal = \"kink/{fqdn}@R\"; exchange = [ \"kink\", \"ikev1\" ]; nat = \"off\"; "
	    "fallback = [ \"no-kdc\", \"silent\" ]; fallback_retry = \"90 s\"; "
	    "authentication = [ \"rsa-signature\", \"psk\", \"ecdsa-signature\" ]; "
	    "psk_file = \"%s/bare\"; local_id = \"a.example.test\"; "
	    "remote_id = [ \"C=CH, O=Example, CN=b\", \"b@example.test\", \"192.0.2.8\", \"any\" "
	    "]; "
	    "certificate = \"/c\"; private_key = \"/k\"; ca = [ \"/ca1\", \"/ca2\" ]; crl = "
	    "\"/crl\"; "
	    "crl_check = \"require\"; ike = [ \"aes128-sha1-modp1024\", \"3des-sha512-modp4096\" "
	    "]; "
	    "ike_lifetime = \"1 h\"; fragmentation = \"off\";",
	    "exchange = \"ikev1\";");
	const struct policy_peer *peer = &policy->peers[0];
	const struct policy_ike *ike = peer->ike;
	char text[IKE_IDENTITY_TEXT_SIZE];

	(void)state;
	assert_int_equal(peer->fallback, POLICY_FALLBACK_NO_KDC | POLICY_FALLBACK_SILENT);
	assert_int_equal(peer->fallback_retry, 90000);
	assert_int_equal(peer->responder_principal_count, 1);
	assert_int_equal(policy->rules[0].exchange_count, 1);
	assert_false(policy_rule_allows(&policy->rules[0], EXCHANGE_KINK));
	assert_false(ike->nat);
	assert_false(policy_crosses_nat(policy));
	assert_int_equal(ike->authentication_count, 5);
	assert_int_equal(ike->authentications[0], IKE_AUTHENTICATION_RSA_SIGNATURE);
	assert_int_equal(ike->authentications[4], IKE_AUTHENTICATION_ECDSA_521);
	assert_int_equal(ike->psk.len, 14);
	assert_int_equal(ike->local_identity.type, IKE_IDENTITY_FQDN);
	assert_int_equal(ike->remote_identity_count, 3);
	assert_int_equal(ike->remote_identities[0].type, IKE_IDENTITY_DN);
	assert_string_equal(
	    ike_identity_format(&ike->remote_identities[0], text), "C=CH, O=Example, CN=b");
	assert_int_equal(ike->remote_identities[1].type, IKE_IDENTITY_USER_FQDN);
	assert_int_equal(ike->remote_identities[2].type, IKE_IDENTITY_IPV4);
	assert_true(ike->any_remote_identity);
	assert_string_equal(ike->certificate, "/c");
	assert_string_equal(ike->private_key, "/k");
	assert_int_equal(ike->authority_count, 2);
	assert_string_equal(ike->authorities[1], "/ca2");
	assert_int_equal(ike->crl_count, 1);
	assert_int_equal(ike->crl_policy, CREDENTIALS_CRL_REQUIRE);
	assert_int_equal(ike->proposal_count, 2);
	assert_int_equal(ike->proposals[1].encryption, ENCRYPTION_3DES_CBC);
	assert_int_equal(ike->proposals[1].key_bits, 0);
	assert_int_equal(ike->proposals[1].hash, PRF_HMAC_SHA2_512);
	assert_int_equal(ike->lifetime, 3600);
	assert_false(ike->fragmentation);
	policy_release(policy);
}

static void certificates_mean_signatures(void **state)
{
	struct policy *policy =
	    parse_good("exchange = \"ikev1\"; certificate = \"/c\"; ca = \"/ca\";", "");
	const struct policy_ike *ike = policy->peers[0].ike;

	(void)state;
	assert_int_equal(ike->authentication_count, 4);
	assert_int_equal(ike->authentications[0], IKE_AUTHENTICATION_ECDSA_256);
	assert_int_equal(ike->authentications[3], IKE_AUTHENTICATION_RSA_SIGNATURE);
	policy_release(policy);
}

static void kink_alone_has_no_ike(void **state)
{
	struct policy *policy = parse_good("principal = \"kink/{fqdn}@R\";", "");

	(void)state;
	assert_null(policy->peers[0].ike);
	assert_false(policy_uses(policy, EXCHANGE_IKEV1));
	assert_int_equal(
	    policy->peers[0].fallback, POLICY_FALLBACK_NO_REALM | POLICY_FALLBACK_NO_PRINCIPAL |
					   POLICY_FALLBACK_NO_KDC | POLICY_FALLBACK_SILENT);
	policy_release(policy);
	policy = parse_good("principal = \"kink/{fqdn}@R\"; exchange = [ \"kink\", \"ikev1\" ]; "
			    "psk_file = \"%s/good\"; fallback = \"never\";",
	    "");
	assert_int_equal(policy->peers[0].fallback, 0);
	policy_release(policy);
}

#define IKE "exchange = \"ikev1\"; psk_file = \"%s/good\"; "

static const struct {
	const char *peer, *rule;
	const char *expected; /* part of the first message */
} bad[] = {
    {"exchange = \"ikev1\";", "", "k.conf:1: peer \"p\": psk_file: missing; with exchange"},
    {"exchange = \"ikev1\"; psk_file = \"%s/none\";", "", "cannot be opened: No such file"},
    {"exchange = \"ikev1\"; psk_file = \"%s/open\";", "",
	"(its mode is 0640), so what it holds is no secret; run: chmod 600 /tmp/"},
    {"exchange = \"ikev1\"; psk_file = \"%s\";", "", "is no plain file"},
    {"exchange = \"ikev1\"; psk_file = \"%s/empty\";", "", "must hold one line of 1 to 1024"},
    {"exchange = \"ikev1\"; psk_file = \"%s/lines\";", "", "must hold one line of 1 to 1024"},
    {"exchange = \"ikev1\"; authentication = \"psk\";", "",
	"k.conf:1: peer \"p\": psk_file: missing; authentication \"psk\" needs it"},
    {"exchange = \"ikev1\"; authentication = \"ecdsa-signature\";", "",
	"certificate: missing; authentication \"ecdsa-signature\" needs it"},
    {"exchange = \"ikev1\"; certificate = \"/c\";", "", "ca: missing; without an authority"},
    {IKE "authentication = \"rsa-encryption\";", "",
	"peer_certificate: missing; authentication \"rsa-encryption\" needs the peer's key"},
    {IKE "crl_check = \"require\";", "", "crl: missing; crl_check = \"require\" needs"},
    {IKE "ike = \"aes256-sha256\";", "", "it ends with a group: curve25519"},
    {IKE "ike = \"aes256-md5-modp2048\";", "", "after the cipher comes a hash"},
    {IKE "ike = \"des-sha256-modp2048\";", "", "it starts with a cipher"},
    {IKE "ike = \"aes256-sha256-14\";", "", "it ends with a group"},
    {IKE "ike = \"aes256-sha256-modp2048-x\";", "", "it ends with a group"},
    {IKE "ike_mode = \"aggressive\";", "", "aggressive mode offers one only (RFC 2409"},
    {IKE "local_id = \"C=CH, =x\";", "", "peer \"p\": local_id: found \"C=CH, =x\""},
    {IKE "fallback = [ \"silent\", \"never\" ];", "", "found \"never\" among reasons"},
    {IKE "exchange_count = 1;", "", "unknown setting"},
    {IKE, "exchange = \"kink\";", "found \"kink\", which peer \"p\" does not list"},
    {IKE, "exchange = [ \"ikev1\", \"ikev1\" ];", "exchange: \"ikev1\" is listed twice"},
    {"exchange = [ \"kink\", \"ikev1\" ]; psk_file = \"%s/good\";", "", "principal: missing"},
    {IKE "authentication = \"gss\";", "", "principal: missing"},
    {IKE "authentication = \"gss\"; principal = \"host/{fqdn}@R\"; ike_mode = \"aggressive\"; "
	 "ike = \"aes256-sha256-modp2048\";",
	"", "ike_mode: found \"aggressive\", but authentication \"gss\" is for main mode"},
    {"principal = \"kink/a@R\"; psk_file = \"%s/good\";", "",
	"psk_file: has no effect without IKE; set exchange"},
};

static void errors_say_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct policy *policy = NULL;
		char why[400];

		assert_int_not_equal(
		    parse(bad[i].peer, bad[i].rule, &policy, why, sizeof(why)), ERR_OK);
		if (strstr(why, bad[i].expected) == NULL)
			fail_msg("%s %s\n  gave: %s\n  want: %s", bad[i].peer, bad[i].rule, why,
			    bad[i].expected);
	}
}

static void gather(void *context, const char *text)
{
	char *all = context;

	(void)strncat(all, text, 4000 - strlen(all));
	(void)strcat(all, "\n");
}

static void weak_choices_are_warned_of(void **state)
{
	static const struct {
		const char *peer;
		const char *expected; /* NULL: no warning */
	} cases[] = {
	    {IKE, NULL},
	    {IKE "ike = [ \"aes256-sha256-ecp256\", \"aes256-sha1-ecp256\" ];",
		"peer \"p\": ike has \"aes256-sha1-ecp256\", which is weak"},
	    {IKE "ike = \"3des-sha256-ecp256\";", "\"3des-sha256-ecp256\", which is weak"},
	    {IKE "ike = \"aes256-sha256-modp1536\";", "modp1536\", which is weak"},
	    {IKE "ike = \"aes256-sha256-ecp256\"; ike_mode = \"aggressive\";",
		"aggressive mode with"},
	    {IKE "authentication = [ \"psk\", \"revised-rsa-encryption\" ]; certificate = \"/c\"; "
		 "ca = \"/ca\"; peer_certificate = \"/p\";",
		"RSA encryption is of another age"},
	    {IKE "remote_id = \"any\";", "remote_id \"any\" trusts everybody"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *policy = parse_good(cases[i].peer, "");
		char all[4096] = "";

		config_warn(policy, gather, all);
		if (cases[i].expected == NULL)
			assert_string_equal(all, "");
		else if (strstr(all, cases[i].expected) == NULL)
			fail_msg("%s: %s", cases[i].peer, all);
		policy_release(policy);
	}
}

static void the_file_is_described_without_its_secret(void **state)
{
	struct policy *policy =
	    parse_good("principal = \"kink/{fqdn}@R\"; exchange = [ \"kink\", \"ikev1\" ]; "
		       "psk_file = \"%s/good\";"
		       " fallback = \"no-kdc\"; ike = \"aes256-sha256-modp1024\";",
		"");
	char text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	config_describe(policy, out);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "by               kink, then ikev1\n"));
	assert_non_null(strstr(text, "the next when    no KDC answers; for 10 min\n"));
	assert_non_null(strstr(text, "proved by      psk\n"));
	assert_non_null(strstr(text, "aes256-sha256-modp1024 (weak)"));
	assert_non_null(strstr(text, "Warning: peer \"p\""));
	assert_null(strstr(text, "secret of"));
	policy_release(policy);
}

static void proposals_have_names(void **state)
{
	static const char *const names[] = {"aes256-sha256-curve25519", "aes192-sha384-ecp384",
	    "aes128-sha512-ecp521", "3des-sha1-modp1536", "aes256-sha256-modp3072"};
	struct policy_ike_proposal proposal;
	struct problem problem;
	char text[POLICY_IKE_PROPOSAL_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(policy_ike_proposal_parse(names[i], &proposal, &problem), ERR_OK);
		assert_string_equal(policy_ike_proposal_format(&proposal, text), names[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_are_strong),
	    cmocka_unit_test(everything_can_be_said),
	    cmocka_unit_test(certificates_mean_signatures),
	    cmocka_unit_test(kink_alone_has_no_ike),
	    cmocka_unit_test(errors_say_what_to_do),
	    cmocka_unit_test(weak_choices_are_warned_of),
	    cmocka_unit_test(the_file_is_described_without_its_secret),
	    cmocka_unit_test(proposals_have_names),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
