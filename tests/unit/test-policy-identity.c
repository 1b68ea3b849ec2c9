/* Identities against names: what a template makes of a host's name, and who may be whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "policy/identity.h"
#include "policy.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_templates),
	    cmocka_unit_test(test_long_names),
	    cmocka_unit_test(test_identity_by_role),
	    cmocka_unit_test(test_bad_templates),
	    cmocka_unit_test(test_principals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
