/*
 * A peer without a key in a keytab: tickets under its ticket-granting ticket. RFC 4120 2.9.2, 3.7;
 * RFC 4430 3.1, 3.7.1, 4.2.4.
 */
#include "kerberos.h"

#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"

#define USER  "user@EXAMPLE.TEST"
#define OTHER "other@EXAMPLE.TEST"

/* a asks, b has a user's credential cache and no keytab. */
static struct host a;
static struct host b;

struct octets {
	size_t len;
	uint8_t data[4096];
};

static struct bytes view(const struct octets *octets)
{
	return bytes_of(octets->data, octets->len);
}

static void keep(struct octets *out, struct bytes from)
{
	assert_in_range(from.len, 1, sizeof(out->data));
	out->len = from.len;
	memcpy(out->data, from.data, from.len);
}

static void kinit(const char *cache, const char *principal)
{
	char command[1024];
	size_t len;

	(void)snprintf(command, sizeof(command), "KRB5_CONFIG=%s KRB5CCNAME=FILE:%s ",
	    realm_file("krb5.conf"), realm_file(cache));
	len = strlen(command);
	(void)snprintf(command + len, sizeof(command) - len,
	    "kinit -l 1h -k -t %s %s >/dev/null 2>&1", realm_file("user.keytab"), principal);
	assert_int_equal(system(command), 0);
}

static void start_user(struct host *host, const char *cache)
{
	char name[300];
	struct kerberos_settings settings = {
	    .keytab = realm_file("none.keytab"), .ccache = name, .clock_skew = 300};

	(void)snprintf(name, sizeof(name), "FILE:%s", realm_file(cache));
	host_start_with(host, &settings);
	kerberos_fetch_own(host->fetcher);
}

static int start(void **state)
{
	(void)state;
	realm_setup_chain();
	realm_command("keytab", realm_file("user.keytab"), USER, OTHER, NULL);
	kinit("cache", USER);
	kinit("other-cache", OTHER);
	host_start(&a, "a.keytab", NULL, 300);
	start_user(&b, "cache");
	next_second();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	host_stop(&a);
	host_stop(&b);
	realm_teardown();
	return 0;
}

static enum err get_tgt(struct host *host, const char *name, struct octets *out)
{
	struct kerberos_request request = {.operation = KERBEROS_TGT, .server = name};
	struct kerberos_completion completion;

	host_run(host, &request, &completion);
	if (completion.problem.code == ERR_OK)
		keep(out, completion.tgt);
	else
		assert_in_range(completion.reply_error.len, 1, 200);
	return completion.problem.code;
}

/* a's next command for a server whose ticket-granting ticket this is. */
static enum err speak(
    const char *server, const struct octets *tgt, struct message *out, struct problem *problem)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_REQUEST, .server = server, .min_lifetime = 60};
	struct kerberos_completion completion;
	struct octets ap;

	if (tgt != NULL)
		request.tgt = view(tgt);
	host_run(&a, &request, &completion);
	*problem = completion.problem;
	if (completion.problem.code != ERR_OK)
		return completion.problem.code;
	keep(&ap, completion.ap);
	message_make(&a, completion.session, view(&ap), completion.lengths, "x", out);
	return ERR_OK;
}

static void expect_accepted(struct host *host, const struct octets *tgt)
{
	struct kerberos_completion completion;
	struct message message;
	struct message reply;
	struct octets ap;
	struct problem problem;

	if (speak(USER, tgt, &message, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
	if (message_accept(host, &message, &completion) != ERR_OK)
		fail_msg("%s", completion.problem.text);
	assert_string_equal(completion.client, PRINCIPAL_A);
	assert_string_equal(completion.server, USER);
	keep(&ap, completion.ap);
	message_make(host, completion.session, view(&ap), completion.lengths, "y", &reply);
	assert_int_equal(message_verify(&a, message.session, &reply, &completion), ERR_OK);
	assert_memory_equal(message.keymat[0], reply.keymat[0], 36);
	assert_int_equal(message_accept(host, &message, &completion), ERR_REPLAY);
	kerberos_worker_release(host->worker, completion.session);
	kerberos_worker_release(host->worker, reply.session);
	kerberos_worker_release(a.worker, message.session);
}

static void user_to_user(void **state)
{
	struct octets tgt;

	(void)state;
	assert_int_equal(get_tgt(&b, USER, &tgt), ERR_OK);
	expect_accepted(&b, &tgt);
	expect_accepted(&b, &tgt);
}

/* RFC 4430 4.2.4: the name asked for must be ours. */
static void not_our_name(void **state)
{
	struct octets tgt;

	(void)state;
	assert_int_equal(get_tgt(&b, OTHER, &tgt), ERR_NOT_FOUND);
	assert_int_equal(get_tgt(&b, "user@MIDDLE.TEST", &tgt), ERR_NOT_FOUND);
	assert_int_equal(get_tgt(&b, "@@", &tgt), ERR_NOT_FOUND);
}

/* The ticket is asked for in the server's name: the KDC compares it with the second ticket. */
static void tgt_of_another(void **state)
{
	struct host other;
	struct octets tgt;
	struct message message;
	struct problem problem;

	(void)state;
	start_user(&other, "other-cache");
	assert_int_equal(get_tgt(&other, OTHER, &tgt), ERR_OK);
	assert_int_equal(speak(USER, &tgt, &message, &problem), ERR_AUTH);
	assert_text(problem, USER);
	assert_int_equal(speak("user@MIDDLE.TEST", &tgt, &message, &problem), ERR_AUTH);
	tgt.len -= 40;
	assert_int_equal(speak(USER, &tgt, &message, &problem), ERR_INVALID);
	host_stop(&other);
}

/* RFC 4430 4.2.4: never an inter-realm one; a service ticket is none either. */
static void not_a_tgt(void **state)
{
	static const char *const names[] = {"krbtgt/MIDDLE.TEST@EXAMPLE.TEST", PRINCIPAL_B};
	krb5_context context;
	krb5_creds *creds;
	krb5_creds wanted = {0};
	krb5_ccache cache;
	char path[300];
	struct octets tgt;
	struct message message;
	struct problem problem;

	(void)state;
	(void)snprintf(path, sizeof(path), "FILE:%s", realm_file("cache"));
	assert_int_equal(krb5_init_context(&context), 0);
	assert_int_equal(krb5_cc_resolve(context, path, &cache), 0);
	assert_int_equal(krb5_cc_get_principal(context, cache, &wanted.client), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(krb5_parse_name(context, names[i], &wanted.server), 0);
		assert_int_equal(
		    krb5_get_credentials(context, KRB5_GC_NO_STORE, cache, &wanted, &creds), 0);
		keep(&tgt, bytes_of(creds->ticket.data, creds->ticket.length));
		assert_int_equal(speak(USER, &tgt, &message, &problem), ERR_AUTH);
		krb5_free_creds(context, creds);
		krb5_free_principal(context, wanted.server);
	}
	krb5_free_principal(context, wanted.client);
	(void)krb5_cc_close(context, cache);
	krb5_free_context(context);
}

/* A KINK_TGT_REP is not signed: what was changed on its way must not spoil the genuine one. */
static void forged_tgt(void **state)
{
	struct host fresh;
	struct octets tgt;
	struct octets forged;
	struct message message;
	struct problem problem;

	(void)state;
	next_second();
	kinit("cache", USER);
	start_user(&fresh, "cache");
	next_second();
	assert_int_equal(get_tgt(&fresh, USER, &tgt), ERR_OK);
	forged = tgt;
	forged.data[forged.len - 100] ^= 1;
	assert_int_not_equal(speak(USER, &forged, &message, &problem), ERR_OK);
	expect_accepted(&fresh, &tgt);
	host_stop(&fresh);
}

/* RFC 4430 3.7.1: a renewed ticket leaves the old one's key; a new start does not. */
static void renewal_and_restart(void **state)
{
	struct host again;
	struct octets first;
	struct octets second;
	struct octets third;
	struct message message;
	struct problem problem;
	struct kerberos_completion completion;

	(void)state;
	assert_int_equal(get_tgt(&b, USER, &first), ERR_OK);
	next_second();
	kinit("cache", USER);
	kerberos_fetch_own(b.fetcher);
	assert_int_equal(get_tgt(&b, USER, &second), ERR_OK);
	assert_memory_not_equal(first.data, second.data, first.len);
	expect_accepted(&b, &first);
	expect_accepted(&b, &second);

	kinit("cache", USER);
	start_user(&again, "cache");
	next_second();
	assert_int_equal(speak(USER, &first, &message, &problem), ERR_OK);
	assert_int_equal(message_accept(&again, &message, &completion), ERR_AUTH);
	assert_int_equal(completion.session, KERBEROS_SESSION_NONE);
	keep(&third, completion.tgt);
	kerberos_worker_release(a.worker, message.session);
	expect_accepted(&again, &third);
	host_stop(&again);
}

/* RFC 4430 3.1: the triggers. */
static void triggers(void **state)
{
	struct message message;
	struct problem problem;
	struct kerberos_completion completion;
	struct kerberos_request request = {.operation = KERBEROS_VERIFY};
	struct octets krb_error;
	struct host fresh;

	(void)state;
	/* A usual ticket, to who has no keytab. */
	assert_int_equal(speak(USER, NULL, &message, &problem), ERR_OK);
	assert_int_not_equal(message_accept(&b, &message, &completion), ERR_OK);
	keep(&krb_error, completion.reply_error);
	request.session = message.session;
	request.krb_error = view(&krb_error);
	host_run(&a, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_REFUSED);
	assert_int_equal(completion.remote_error, 69);
	assert_int_equal(completion.remedy, KERBEROS_REMEDY_USER_TO_USER);
	kerberos_worker_release(a.worker, message.session);
	/* The KDC gives no usual ticket. */
	realm_command("kadmin", "modprinc", "-allow_svr", USER, NULL);
	host_start(&fresh, "a.keytab", NULL, 300);
	assert_int_not_equal(host_request(&fresh, USER, &completion), ERR_OK);
	assert_int_equal(completion.remedy, KERBEROS_REMEDY_USER_TO_USER);
	assert_text(completion.problem, "user-to-user");
	realm_command("kadmin", "modprinc", "+allow_svr", USER, NULL);
	host_stop(&fresh);
}

/* The option is what counts, and whatever stands in its place does no harm. */
static void broken_ap_req(void **state)
{
	struct octets tgt;
	struct message message;
	struct message bad;
	struct problem problem;
	struct kerberos_completion completion;
	unsigned accepted = 0;

	(void)state;
	assert_int_equal(get_tgt(&b, USER, &tgt), ERR_OK);
	assert_int_equal(speak(USER, &tgt, &message, &problem), ERR_OK);
	for (size_t len = 1; len < message.ap_len; len++) {
		bad = message;
		bad.ap_len = len;
		assert_int_not_equal(message_accept(&b, &bad, &completion), ERR_OK);
	}
	for (size_t i = 0; i < 60; i++) {
		bad = message;
		bad.ap[i] ^= 0x40;
		/* What is neither encrypted nor read may change, but nothing is taken twice. */
		accepted += message_accept(&b, &bad, &completion) == ERR_OK;
		kerberos_worker_release(b.worker, completion.session);
	}
	assert_in_range(accepted, 0, 1);
	kerberos_worker_release(a.worker, message.session);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(user_to_user),
	    cmocka_unit_test(not_our_name),
	    cmocka_unit_test(tgt_of_another),
	    cmocka_unit_test(not_a_tgt),
	    cmocka_unit_test(forged_tgt),
	    cmocka_unit_test(renewal_and_restart),
	    cmocka_unit_test(triggers),
	    cmocka_unit_test(broken_ap_req),
	};

	return cmocka_run_group_tests_name("kerberos user-to-user", tests, start, stop);
}
