/*
 * What goes wrong between a host, its keytab, its KDC and its peer: each trouble is named, with the
 * next step, and mends itself once its cause is gone.
 */
#include "kerberos.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

/* How long failures are remembered at most, keytab and KDC together. */
#define FORGET_US 4200000

static int start(void **state)
{
	(void)state;
	realm_setup();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	realm_teardown();
	return 0;
}

/* How often a line of the KDC's log holds both words. */
static unsigned kdc_said(const char *what, const char *who)
{
	FILE *log = fopen(realm_file("kdc.log"), "r");
	char line[2048];
	unsigned count = 0;

	assert_non_null(log);
	while (fgets(line, sizeof(line), log) != NULL)
		count += strstr(line, what) != NULL && strstr(line, who) != NULL;
	(void)fclose(log);
	return count;
}

static void keytab_is_missing(void **state)
{
	struct host host;
	struct kerberos_completion completion;
	struct kerberos_status status;
	struct message message = {.ap_len = 1, .ap = {0x6e}, .checksum_len = 12};

	(void)state;
	host_start(&host, "later.keytab", NULL, 300);
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_UNAVAILABLE);
	assert_text(completion.problem, realm_file("later.keytab"));
	assert_text(completion.problem, "ktadd");
	assert_int_equal(message_accept(&host, &message, &completion), ERR_UNAVAILABLE);
	assert_text(completion.problem, realm_file("later.keytab"));
	kerberos_realm_status(host.realm, &status);
	assert_int_equal(status.problem.code, ERR_UNAVAILABLE);
	assert_string_equal(status.principal, "");

	/* Once it comes it is found. */
	realm_command("keytab", realm_file("later.keytab"), "host/later.example.test",
	    "kink/later.example.test", NULL);
	(void)usleep(FORGET_US);
	if (host_request(&host, PRINCIPAL_B, &completion) != ERR_OK)
		fail_msg("%s", completion.problem.text);
	kerberos_realm_status(host.realm, &status);
	assert_int_equal(status.problem.code, ERR_OK);
	assert_string_equal(status.principal, "kink/later.example.test@EXAMPLE.TEST");
	assert_true(status.ticket_end > time(NULL) && status.kdc_answered >= time(NULL) - 5);
	host_stop(&host);
}

static void keytab_is_rubbish(void **state)
{
	FILE *file = fopen(realm_file("rubbish.keytab"), "w");
	struct host host;
	struct kerberos_completion completion;

	(void)state;
	assert_non_null(file);
	(void)fputs("this is no keytab", file);
	(void)fclose(file);
	host_start(&host, "rubbish.keytab", NULL, 300);
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_UNAVAILABLE);
	assert_text(completion.problem, realm_file("rubbish.keytab"));
	assert_text(completion.problem, "no keytab");
	host_stop(&host);
}

static void keytab_lacks_the_principal(void **state)
{
	struct host host;
	struct kerberos_completion completion;

	(void)state;
	host_start(&host, "a.keytab", "kink/other.example.test@EXAMPLE.TEST", 300);
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_NOT_FOUND);
	assert_text(completion.problem, "kink/other.example.test@EXAMPLE.TEST");
	assert_text(completion.problem, realm_file("a.keytab"));
	assert_text(completion.problem, "klist -k");
	host_stop(&host);
}

/* The KDC has forgotten us, or never knew. */
static void kdc_lacks_the_principal(void **state)
{
	struct host host;
	struct kerberos_completion completion;

	(void)state;
	realm_command("keytab", realm_file("gone.keytab"), "kink/gone.example.test", NULL);
	realm_command("kadmin", "delprinc", "-force", "kink/gone.example.test", NULL);
	host_start(&host, "gone.keytab", NULL, 300);
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_NOT_FOUND);
	assert_text(completion.problem, "kink/gone.example.test@EXAMPLE.TEST");
	assert_text(completion.problem, "realm.principal");
	host_stop(&host);
}

/* The key changed at the KDC, and ours is the old one. */
static void kdc_has_another_key(void **state)
{
	struct host host;
	struct kerberos_completion completion;

	(void)state;
	realm_command("keytab", realm_file("stale.keytab"), "kink/stale.example.test", NULL);
	realm_command("kadmin", "cpw", "-randkey", "kink/stale.example.test", NULL);
	host_start(&host, "stale.keytab", NULL, 300);
	assert_int_not_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_OK);
	assert_text(completion.problem, "kink/stale.example.test@EXAMPLE.TEST");
	assert_text(completion.problem, realm_file("stale.keytab"));
	assert_text(completion.problem, "different keys");
	host_stop(&host);
}

static void principal_is_locked(void **state)
{
	struct host host;
	struct kerberos_completion completion;

	(void)state;
	realm_command("keytab", realm_file("locked.keytab"), "kink/locked.example.test", NULL);
	realm_command("kadmin", "modprinc", "-allow_tix", "kink/locked.example.test", NULL);
	host_start(&host, "locked.keytab", NULL, 300);
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_UNAVAILABLE);
	assert_text(completion.problem, "locked or expired");
	host_stop(&host);
	realm_command("kadmin", "modprinc", "+allow_tix", "-expire", "yesterday",
	    "kink/locked.example.test", NULL);
	host_start(&host, "locked.keytab", NULL, 300);
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_EXPIRED);
	assert_text(completion.problem, "kink/locked.example.test@EXAMPLE.TEST");
	host_stop(&host);
}

/* Asked once; the burst behind it is answered from memory. */
static void service_is_unknown(void **state)
{
	struct host host;
	struct kerberos_completion completion;

	(void)state;
	host_start(&host, "a.keytab", NULL, 300);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(
		    host_request(&host, "kink/nobody.example.test@EXAMPLE.TEST", &completion),
		    ERR_NOT_FOUND);
		assert_text(completion.problem, "kink/nobody.example.test@EXAMPLE.TEST");
		assert_text(completion.problem, "responder_principal");
	}
	/* libkrb5 asks for a referral first, then without. */
	assert_in_range(kdc_said("LOOKING_UP_SERVER", "kink/nobody.example.test"), 1, 2);
	/* In a realm to which no way leads nobody can create it. */
	assert_int_equal(
	    host_request(&host, "kink/b.example.test@ELSEWHERE.TEST", &completion), ERR_NOT_FOUND);
	assert_text(completion.problem, "krbtgt/ELSEWHERE.TEST@EXAMPLE.TEST not found");
	assert_text(completion.problem, "correct the realm");
	assert_null(strstr(completion.problem.text, "addprinc"));
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_OK);
	assert_int_equal(host_request(&host, "a b@@c", &completion), ERR_INVALID);
	host_stop(&host);
}

static void kdc_is_down(void **state)
{
	struct host host;
	struct host fresh;
	struct host b;
	struct message message;
	struct kerberos_completion completion;
	struct kerberos_status status;

	(void)state;
	host_start(&host, "a.keytab", NULL, 300);
	host_start(&fresh, "a.keytab", NULL, 300);
	host_start(&b, "b.keytab", NULL, 300);
	next_second();
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_OK);
	realm_command("stop", NULL);

	/* With a ticket all goes on, and answering needs no KDC. */
	message_command(&host, "x", &message);
	assert_int_equal(message_accept(&b, &message, &completion), ERR_OK);

	assert_int_equal(
	    host_request(&host, "host/c.example.test@EXAMPLE.TEST", &completion), ERR_UNREACHABLE);
	assert_text(completion.problem, "host/c.example.test@EXAMPLE.TEST");
	assert_int_equal(host_request(&fresh, PRINCIPAL_B, &completion), ERR_UNREACHABLE);
	assert_text(completion.problem, "KDC");
	assert_text(completion.problem, "EXAMPLE.TEST");
	assert_text(completion.problem, "krb5.conf");
	kerberos_realm_status(fresh.realm, &status);
	assert_int_equal(status.problem.code, ERR_UNREACHABLE);
	assert_int_equal(status.kdc_answered, 0);

	realm_command("start", NULL);
	(void)usleep(FORGET_US);
	assert_int_equal(host_request(&fresh, PRINCIPAL_B, &completion), ERR_OK);
	kerberos_realm_status(fresh.realm, &status);
	assert_int_equal(status.problem.code, ERR_OK);
	host_stop(&host);
	host_stop(&fresh);
	host_stop(&b);
}

/* What b answered, as KINK_KRB_ERROR without a checksum. */
static enum err hear_error(struct host *host, uint64_t session, struct bytes krb_error,
    struct kerberos_completion *completion)
{
	struct kerberos_request request = {.operation = KERBEROS_VERIFY,
	    .session = session,
	    .encryption_usage = USAGE_ENCRYPTION,
	    .checksum_usage = USAGE_CHECKSUM,
	    .krb_error = krb_error};

	host_run(host, &request, completion);
	return completion->problem.code;
}

/* The peer's keytab is older than its key: told to both, and over when the keytab is new. */
static void peer_has_another_key(void **state)
{
	struct host a;
	struct host b;
	struct message message;
	struct kerberos_completion completion;
	uint8_t error[512];
	size_t error_len;

	(void)state;
	realm_command("keytab", realm_file("moving.keytab"), PRINCIPAL_B, NULL);
	host_start(&a, "a.keytab", NULL, 300);
	host_start(&b, "moving.keytab", NULL, 300);
	realm_command("kadmin", "cpw", "-randkey", PRINCIPAL_B, NULL);
	message_command(&a, "x", &message);
	assert_int_not_equal(message_accept(&b, &message, &completion), ERR_OK);
	assert_text(completion.problem, realm_file("moving.keytab"));
	error_len = completion.reply_error.len;
	assert_true(error_len > 0 && error_len < sizeof(error));
	memcpy(error, completion.reply_error.data, error_len);

	assert_int_equal(
	    hear_error(&a, message.session, bytes_of(error, error_len), &completion), ERR_REFUSED);
	assert_true(completion.remote_error == 44 || completion.remote_error == 41);
	assert_text(completion.problem, "keytab");
	assert_int_equal(completion.plain.len, 0);

	realm_command("keytab", realm_file("moving.keytab"), PRINCIPAL_B, NULL);
	(void)usleep(1100000);
	/* The ticket was given up; the keytab is read anew. */
	message_command(&a, "y", &message);
	if (message_accept(&b, &message, &completion) != ERR_OK)
		fail_msg("%s", completion.problem.text);
	host_stop(&a);
	host_stop(&b);
	realm_command("keytab", realm_file("b.keytab"), PRINCIPAL_B, NULL);
}

/* Errors that anyone can make cost the KDC little: tickets are given up at a bounded rate. */
static void forged_errors(void **state)
{
	struct host a;
	struct host b;
	struct kerberos_completion completion;
	struct message message = {.ap_len = 1, .ap = {0x6e}, .checksum_len = 12};
	uint8_t error[512];
	size_t error_len;
	unsigned before;

	(void)state;
	host_start(&a, "a.keytab", NULL, 300);
	host_start(&b, "nothing.keytab", NULL, 300);
	assert_int_equal(message_accept(&b, &message, &completion), ERR_UNAVAILABLE);
	error_len = completion.reply_error.len;
	assert_true(error_len > 0 && error_len < sizeof(error));
	memcpy(error, completion.reply_error.data, error_len);
	assert_int_equal(host_request(&a, PRINCIPAL_B, &completion), ERR_OK);
	before = kdc_said("TGS_REQ", PRINCIPAL_B);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(host_request(&a, PRINCIPAL_B, &completion), ERR_OK);
		assert_int_equal(
		    hear_error(&a, completion.session, bytes_of(error, error_len), &completion),
		    ERR_REFUSED);
		assert_int_equal(completion.remote_error, 45); /* KRB_AP_ERR_NOKEY */
	}
	assert_in_range(kdc_said("TGS_REQ", PRINCIPAL_B) - before, 1, 6);
	/* Malformed ones. */
	for (size_t len = 1; len < error_len; len++) {
		assert_int_equal(host_request(&a, PRINCIPAL_B, &completion), ERR_OK);
		assert_int_equal(
		    hear_error(&a, completion.session, bytes_of(error, len), &completion),
		    ERR_INVALID);
	}
	/* One that claims a checksum must have a good one. */
	{
		struct kerberos_request request = {.operation = KERBEROS_VERIFY,
		    .checksum_usage = USAGE_CHECKSUM,
		    .krb_error = bytes_of(error, error_len),
		    .signed_part = bytes_of(error, error_len),
		    .checksum = bytes_of(error, 12)};

		assert_int_equal(host_request(&a, PRINCIPAL_B, &completion), ERR_OK);
		request.session = completion.session;
		host_run(&a, &request, &completion);
		assert_int_equal(completion.problem.code, ERR_AUTH);
		assert_int_equal(completion.remote_error, 0);
	}
	host_stop(&a);
	host_stop(&b);
}

/* RFC 4430 9: a ticket must outlive the transaction. */
static void short_tickets(void **state)
{
	struct host a;
	struct kerberos_completion completion;
	struct kerberos_request request = {.operation = KERBEROS_REQUEST,
	    .server = "kink/short.example.test@EXAMPLE.TEST",
	    .min_lifetime = 20};
	unsigned asked;

	(void)state;
	realm_command("keytab", realm_file("short.keytab"), "kink/short.example.test", NULL);
	realm_command(
	    "kadmin", "modprinc", "-maxlife", "1 minute", "kink/short.example.test", NULL);
	host_start(&a, "a.keytab", NULL, 300);
	host_run(&a, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_OK);
	assert_in_range(completion.ticket_end, time(NULL) + 50, time(NULL) + 61);
	asked = kdc_said("TGS_REQ", "kink/short.example.test");
	/* Long enough: not asked again. Too short: asked again, but not in a loop. */
	host_run(&a, &request, &completion);
	assert_int_equal(kdc_said("TGS_REQ", "kink/short.example.test"), asked);
	(void)usleep(5100000);
	request.min_lifetime = 300;
	for (size_t i = 0; i < 5; i++) {
		host_run(&a, &request, &completion);
		assert_int_equal(completion.problem.code, ERR_OK);
	}
	assert_int_equal(kdc_said("TGS_REQ", "kink/short.example.test"), asked + 1);
	host_stop(&a);
}

/* In Active Directory only the machine's account can start. */
static void whom_to_start_as(void **state)
{
	struct host host;
	struct kerberos_completion completion;
	struct kerberos_status status;
	struct kerberos_request request = {.operation = KERBEROS_REQUEST,
	    .server = PRINCIPAL_B,
	    .client = "host/m.example.test@EXAMPLE.TEST",
	    .min_lifetime = 60};
	struct message message;
	struct host b;
	uint8_t ap[4096];
	size_t ap_len;

	(void)state;
	realm_command("keytab", realm_file("m.keytab"), "cifs/m.example.test",
	    "host/m.example.test", "kink/m.example.test", "M$", NULL);
	host_start(&host, "m.keytab", NULL, 300);
	assert_int_equal(host_request(&host, PRINCIPAL_B, &completion), ERR_OK);
	kerberos_realm_status(host.realm, &status);
	assert_string_equal(status.principal, "M$@EXAMPLE.TEST");
	/* A request may name another one. */
	host_run(&host, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_OK);
	ap_len = completion.ap.len;
	memcpy(ap, completion.ap.data, ap_len);
	message_make(
	    &host, completion.session, bytes_of(ap, ap_len), completion.lengths, "x", &message);
	host_start(&b, "b.keytab", NULL, 300);
	/* Made before b started; but its ticket is read, and it names the client. */
	assert_int_equal(message_accept(&b, &message, &completion), ERR_REPLAY);
	assert_text(completion.problem, request.client);
	host_stop(&b);
	host_stop(&host);
}

static void count_name(void *context, const char *name)
{
	unsigned *count = context;

	assert_true(strncmp(name, "127.0.0.1:", 10) == 0);
	*count += 1;
}

static void kdc_names(void **state)
{
	struct host host;
	unsigned count = 0;

	(void)state;
	host_start(&host, "a.keytab", NULL, 300);
	kerberos_kdc_names(host.realm, count_name, &count);
	assert_int_equal(count, 1);
	host_stop(&host);
}

struct thread {
	pthread_t thread;
	struct kerberos_realm *realm;
	uint32_t index;
	unsigned good;
};

static void *run_requests(void *context)
{
	struct thread *thread = context;
	struct host host = {.realm = thread->realm};
	struct kerberos_completion completion;
	struct problem problem;

	if (kerberos_worker_create(thread->realm, thread->index, &host.worker, &problem) !=
		ERR_OK ||
	    kerberos_fetcher_create(thread->realm, &host.fetcher, &problem) != ERR_OK)
		return NULL;
	for (size_t i = 0; i < 50; i++) {
		if (host_request(&host, "kink/busy.example.test@EXAMPLE.TEST", &completion) ==
		    ERR_OK)
			thread->good += completion.session >> 48 == thread->index;
		kerberos_worker_release(host.worker, completion.session);
	}
	kerberos_fetcher_destroy(host.fetcher);
	kerberos_worker_destroy(host.worker);
	return NULL;
}

/* Many threads want the same ticket: the KDC hears one. */
static void threads(void **state)
{
	struct host host;
	struct thread all[6];

	(void)state;
	realm_command("keytab", realm_file("busy.keytab"), "kink/busy.example.test",
	    "host/starter.example.test", NULL);
	host_start(&host, "busy.keytab", "host/starter.example.test", 300);
	for (uint32_t i = 0; i < 6; i++) {
		all[i] = (struct thread){.realm = host.realm, .index = i};
		assert_int_equal(pthread_create(&all[i].thread, NULL, run_requests, &all[i]), 0);
	}
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(pthread_join(all[i].thread, NULL), 0);
		assert_int_equal(all[i].good, 50);
	}
	assert_int_equal(kdc_said("AS_REQ", "host/starter.example.test"), 1);
	assert_int_equal(kdc_said("TGS_REQ", "kink/busy.example.test"), 1);
	host_stop(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keytab_is_missing),
	    cmocka_unit_test(keytab_is_rubbish),
	    cmocka_unit_test(keytab_lacks_the_principal),
	    cmocka_unit_test(kdc_lacks_the_principal),
	    cmocka_unit_test(kdc_has_another_key),
	    cmocka_unit_test(principal_is_locked),
	    cmocka_unit_test(service_is_unknown),
	    cmocka_unit_test(kdc_is_down),
	    cmocka_unit_test(peer_has_another_key),
	    cmocka_unit_test(forged_errors),
	    cmocka_unit_test(short_tickets),
	    cmocka_unit_test(whom_to_start_as),
	    cmocka_unit_test(kdc_names),
	    cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests_name("kerberos trouble", tests, start, stop);
}
