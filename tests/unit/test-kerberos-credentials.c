/*
 * Where our credentials come from: a credential cache that others keep, several principals, a
 * keytab that is written anew, and peers in other realms. RFC 4120 1.2, 3.3; RFC 4430 9.
 */
#include "kerberos.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

#define USER      "user@EXAMPLE.TEST"
#define OTHER     "other@EXAMPLE.TEST"
/* How long failures are remembered at most. */
#define FORGET_US 3200000

static char cache_name[256];

/* kinit for a principal of user.keytab, with a lifetime such as "1h". */
static void kinit(const char *principal, const char *lifetime)
{
	char command[1024];

	(void)snprintf(command, sizeof(command),
	    "KRB5_CONFIG=%s KRB5CCNAME=%s kinit -l %s -k -t %s %s >/dev/null 2>&1",
	    realm_file("krb5.conf"), cache_name, lifetime, realm_file("user.keytab"), principal);
	/* realm_file() keeps two names at a time: they are copied before the next. */
	assert_int_equal(system(command), 0);
}

static int start(void **state)
{
	(void)state;
	realm_setup_chain();
	realm_command("keytab", realm_file("user.keytab"), USER, OTHER, NULL);
	(void)snprintf(cache_name, sizeof(cache_name), "FILE:%s", realm_file("cache"));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	realm_teardown();
	return 0;
}

/* A host with a credential cache and perhaps a keytab. */
static void cache_host(struct host *host, const char *cache, const char *keytab)
{
	struct kerberos_settings settings = {
	    .keytab = realm_file(keytab), .ccache = cache, .clock_skew = 300};

	host_start_with(host, &settings);
}

static void expect_principal(struct host *host, const char *name)
{
	struct kerberos_status status;

	kerberos_realm_status(host->realm, &status);
	assert_string_equal(status.principal, name);
	assert_int_equal(status.problem.code, ERR_OK);
	assert_true(status.ticket_end > time(NULL));
}

/* b accepts what the host sends, and sees this client. */
static void expect_client(
    struct host *host, struct host *b, const char *as, const char *server, const char *client)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_REQUEST, .server = server, .client = as, .min_lifetime = 60};
	struct kerberos_completion completion;
	struct message message;
	uint8_t ap[4096];
	size_t ap_len;

	host_run(host, &request, &completion);
	if (completion.problem.code != ERR_OK)
		fail_msg("%s", completion.problem.text);
	ap_len = completion.ap.len;
	memcpy(ap, completion.ap.data, ap_len);
	message_make(
	    host, completion.session, bytes_of(ap, ap_len), completion.lengths, "x", &message);
	kerberos_worker_release(host->worker, message.session);
	if (message_accept(b, &message, &completion) != ERR_OK)
		fail_msg("%s", completion.problem.text);
	assert_string_equal(completion.client, client);
	kerberos_worker_release(b->worker, completion.session);
}

static void credential_cache(void **state)
{
	struct host host;
	struct host b;
	struct kerberos_completion completion;

	(void)state;
	(void)unlink(realm_file("cache"));
	host_start(&b, "b.keytab", NULL, 300);
	next_second();
	/* Neither cache nor keytab. */
	cache_host(&host, cache_name, "none.keytab");
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_UNAVAILABLE);
	assert_text(completion.problem, cache_name);
	assert_text(completion.problem, "kinit");
	/* It comes, and is found. */
	kinit(USER, "1h");
	(void)usleep(FORGET_US);
	expect_client(&host, &b, NULL, PRINCIPAL_B, USER);
	expect_principal(&host, USER);
	/* Another user's: what was the first one's is not used any more. */
	kinit(OTHER, "1h");
	assert_int_equal(host_request(&host, PRINCIPAL_A, &completion), ERR_OK);
	expect_client(&host, &b, NULL, PRINCIPAL_B, OTHER);
	expect_principal(&host, OTHER);
	host_stop(&host);
	host_stop(&b);
}

static void ended_ticket(void **state)
{
	struct host host;
	struct kerberos_completion completion;

	(void)state;
	kinit(USER, "2s");
	(void)usleep(3000000);
	cache_host(&host, cache_name, "none.keytab");
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_UNAVAILABLE);
	assert_text(completion.problem, "it has ended");
	assert_text(completion.problem, "kinit");
	host_stop(&host);
}

/* One host, two names: the cache's user and the keytab's service. */
static void several_principals(void **state)
{
	struct host host;
	struct host b;

	(void)state;
	kinit(USER, "1h");
	host_start(&b, "b.keytab", NULL, 300);
	next_second();
	cache_host(&host, cache_name, "a.keytab");
	expect_client(&host, &b, NULL, PRINCIPAL_B, USER);
	expect_client(&host, &b, PRINCIPAL_A, PRINCIPAL_B, PRINCIPAL_A);
	expect_client(&host, &b, USER, PRINCIPAL_B, USER);
	host_stop(&host);
	host_stop(&b);
}

/* A cache that holds several: DIR has one for each principal. */
static void cache_collection(void **state)
{
	struct host host;
	struct host b;

	(void)state;
	(void)snprintf(cache_name, sizeof(cache_name), "DIR:%s", realm_file("caches"));
	kinit(USER, "1h");
	kinit(OTHER, "1h");
	host_start(&b, "b.keytab", NULL, 300);
	next_second();
	cache_host(&host, cache_name, "none.keytab");
	expect_client(&host, &b, USER, PRINCIPAL_B, USER);
	expect_client(&host, &b, OTHER, PRINCIPAL_B, OTHER);
	host_stop(&host);
	host_stop(&b);
	(void)snprintf(cache_name, sizeof(cache_name), "FILE:%s", realm_file("cache"));
}

/* The acceptor's key changes: tickets under either are good, and a running daemon sees the file. */
static void rekeyed_acceptor(void **state)
{
	static const char *const server = "kink/r.example.test@EXAMPLE.TEST";
	struct host old;
	struct host late;
	struct host r;

	(void)state;
	realm_command("keytab", realm_file("r.keytab"), "kink/r.example.test", NULL);
	host_start(&r, "r.keytab", NULL, 300);
	host_start(&old, "a.keytab", NULL, 300);
	host_start(&late, "a.keytab", NULL, 300);
	next_second();
	expect_client(&old, &r, NULL, server, PRINCIPAL_A);
	/* A new key, written behind the old one. */
	realm_command("kadmin", "ktadd", "-k", realm_file("r.keytab"), server, NULL);
	(void)usleep(1100000);
	expect_client(&old, &r, NULL, server, PRINCIPAL_A);
	expect_client(&late, &r, NULL, server, PRINCIPAL_A);
	host_stop(&old);
	host_stop(&late);
	host_stop(&r);
}

/* The old key is gone from the keytab: the ticket under it is given up for a new one. */
static void rekeyed_without_the_old_key(void **state)
{
	static const char *const server = "kink/s.example.test@EXAMPLE.TEST";
	struct host a;
	struct host s;
	struct kerberos_completion completion;
	struct kerberos_request request = {.operation = KERBEROS_VERIFY};
	struct message message;
	uint8_t ap[4096];
	uint8_t krb_error[512];

	(void)state;
	realm_command("keytab", realm_file("s.keytab"), "kink/s.example.test", NULL);
	host_start(&a, "a.keytab", NULL, 300);
	assert_int_equal(host_request(&a, server, &completion), ERR_OK);
	request.session = completion.session;
	memcpy(ap, completion.ap.data, completion.ap.len);
	message_make(&a, completion.session, bytes_of(ap, completion.ap.len), completion.lengths,
	    "x", &message);
	(void)unlink(realm_file("s.keytab"));
	realm_command("kadmin", "ktadd", "-k", realm_file("s.keytab"), server, NULL);
	host_start(&s, "s.keytab", NULL, 300);
	assert_int_not_equal(message_accept(&s, &message, &completion), ERR_OK);
	/* There is no key to sign this with. */
	assert_int_equal(completion.session, KERBEROS_SESSION_NONE);
	assert_in_range(completion.reply_error.len, 1, sizeof(krb_error));
	memcpy(krb_error, completion.reply_error.data, completion.reply_error.len);
	request.krb_error = bytes_of(krb_error, completion.reply_error.len);
	host_run(&a, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_REFUSED);
	assert_int_equal(completion.remedy, KERBEROS_REMEDY_TICKET);
	kerberos_worker_release(a.worker, request.session);
	next_second();
	expect_client(&a, &s, NULL, server, PRINCIPAL_A);
	host_stop(&a);
	host_stop(&s);
}

/* A peer in a realm that ours trusts, and one behind it: each KDC names the next one. */
static void cross_realm(void **state)
{
	static const char *const servers[] = {
	    "kink/m.middle.test@MIDDLE.TEST", "kink/f.far.test@FAR.TEST"};
	static const char *const keytabs[] = {"middle.keytab", "far.keytab"};
	struct host a;
	struct host peers[2];
	struct kerberos_completion completion;

	(void)state;
	host_start(&a, "a.keytab", NULL, 300);
	for (size_t i = 0; i < 2; i++) {
		realm_command("keytab", realm_file(keytabs[i]), servers[i], NULL);
		host_start(&peers[i], keytabs[i], NULL, 300);
	}
	next_second();
	for (size_t i = 0; i < 2; i++) {
		expect_client(&a, &peers[i], NULL, servers[i], PRINCIPAL_A);
		/* The way back. */
		expect_client(&peers[i], &a, NULL, PRINCIPAL_A, servers[i]);
	}
	expect_client(&peers[0], &peers[1], NULL, servers[1], servers[0]);
	assert_int_equal(
	    host_request(&a, "kink/nobody.far.test@FAR.TEST", &completion), ERR_NOT_FOUND);
	/* No KDC any more: what was fetched serves on. */
	realm_command("stop", NULL);
	expect_client(&a, &peers[1], NULL, servers[1], PRINCIPAL_A);
	realm_command("start", NULL);
	assert_int_equal(
	    host_request(&a, "kink/x.away.test@AWAY.TEST", &completion), ERR_NOT_FOUND);
	assert_text(completion.problem, "AWAY.TEST");
	for (size_t i = 0; i < 2; i++)
		host_stop(&peers[i]);
	host_stop(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(credential_cache),
	    cmocka_unit_test(ended_ticket),
	    cmocka_unit_test(several_principals),
	    cmocka_unit_test(cache_collection),
	    cmocka_unit_test(rekeyed_acceptor),
	    cmocka_unit_test(rekeyed_without_the_old_key),
	    cmocka_unit_test(cross_realm),
	};

	return cmocka_run_group_tests_name("kerberos credentials", tests, start, stop);
}
