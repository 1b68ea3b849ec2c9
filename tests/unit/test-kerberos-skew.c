/*
 * Hosts whose clocks differ: the error that says so comes under the session key, the initiator goes
 * by it towards that peer only, and never without that proof. RFC 4430 3.5, 4.2.3; RFC 4120 3.2.3.
 */
#include "kerberos.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

static struct host a;
static struct host b;
static struct host c;
static int64_t wrong_s; /* how far ahead this process' clock is just now */

/* In place of the C library's: whose clock this is depends on who works. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_REALTIME)
		now->tv_sec += wrong_s;
	return (int)result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec time;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &time);
	now->tv_sec = time.tv_sec;
	now->tv_usec = (suseconds_t)(time.tv_nsec / 1000);
	return 0;
}

time_t time(time_t *out)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}

static int start(void **state)
{
	(void)state;
	realm_setup();
	realm_command("keytab", realm_file("c.keytab"), "kink/c.example.test", NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	realm_teardown();
	return 0;
}

static int start_hosts(void **state)
{
	(void)state;
	host_start(&a, "a.keytab", NULL, 300);
	host_start(&b, "b.keytab", NULL, 300);
	host_start(&c, "c.keytab", NULL, 300);
	next_second();
	return 0;
}

static int stop_hosts(void **state)
{
	(void)state;
	wrong_s = 0;
	host_stop(&a);
	host_stop(&b);
	host_stop(&c);
	return 0;
}

/* A message of a, whose clock is wrong, around its next AP-REQ; session 0: a new one. */
static uint64_t speak(int64_t wrong, uint64_t session, const char *server, struct message *out)
{
	struct kerberos_request request = {.operation = KERBEROS_REPEAT, .session = session};
	struct kerberos_completion completion;
	static uint8_t ap[2048];
	struct kerberos_lengths lengths;
	size_t ap_len;

	if (session == 0) {
		request.operation = KERBEROS_REQUEST;
		request.server = server;
		request.min_lifetime = 60;
	}
	wrong_s = wrong;
	host_run(&a, &request, &completion);
	if (completion.problem.code != ERR_OK)
		fail_msg("%s", completion.problem.text);
	session = session == 0 ? completion.session : session;
	ap_len = completion.ap.len;
	assert_true(ap_len <= sizeof(ap));
	memcpy(ap, completion.ap.data, ap_len);
	lengths = completion.lengths;
	message_make(&a, session, bytes_of(ap, ap_len), lengths, "x", out);
	wrong_s = 0;
	return session;
}

/* The answer of a host to what it does not accept: its KRB-ERROR, signed, as KINK would. */
static void refuse(
    struct host *host, const struct message *message, enum err code, struct message *out)
{
	struct kerberos_completion completion;
	struct kerberos_request request = {
	    .operation = KERBEROS_PROTECT, .checksum_usage = USAGE_CHECKSUM};
	uint8_t head[1024];

	assert_int_equal(message_accept(host, message, &completion), code);
	assert_int_not_equal(completion.session, KERBEROS_SESSION_NONE);
	assert_int_equal(completion.ap.len, 0);
	assert_int_equal(completion.plain.len, 0);
	*out =
	    (struct message){.session = completion.session, .ap_len = completion.reply_error.len};
	assert_in_range(out->ap_len, 1, 200);
	memcpy(out->ap, completion.reply_error.data, out->ap_len);
	memset(head, 0, sizeof(head));
	memcpy(head, out->ap, out->ap_len);
	request.session = completion.session;
	request.head = bytes_of(head, (out->ap_len + 3) & ~(size_t)3);
	host_run(host, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_OK);
	out->signed_len = completion.message.len;
	memcpy(out->signed_part, completion.message.data, out->signed_len);
	out->checksum_len = completion.checksum.len;
	memcpy(out->checksum, completion.checksum.data, out->checksum_len);
	kerberos_worker_release(host->worker, out->session);
}

/* What a makes of it. */
static enum kerberos_remedy hear(
    int64_t wrong, uint64_t session, const struct message *error, bool with_checksum)
{
	struct kerberos_request request = {.operation = KERBEROS_VERIFY,
	    .session = session,
	    .checksum_usage = USAGE_CHECKSUM,
	    .krb_error = bytes_of(error->ap, error->ap_len)};
	struct kerberos_completion completion;

	if (with_checksum) {
		request.signed_part = bytes_of(error->signed_part, error->signed_len);
		request.checksum = bytes_of(error->checksum, error->checksum_len);
	}
	wrong_s = wrong;
	host_run(&a, &request, &completion);
	wrong_s = 0;
	assert_int_equal(completion.problem.code, ERR_REFUSED);
	return completion.remedy;
}

static void accept(struct host *host, const struct message *message)
{
	struct kerberos_completion completion;

	if (message_accept(host, message, &completion) != ERR_OK)
		fail_msg("%s", completion.problem.text);
	kerberos_worker_release(host->worker, completion.session);
}

static void correct(int64_t wrong)
{
	struct message message;
	struct message error;
	struct message other;
	uint64_t session = speak(wrong, 0, PRINCIPAL_B, &message);
	uint64_t next;

	(void)speak(wrong, session, NULL, &other);
	refuse(&b, &message, ERR_SKEW, &error);
	/* RFC 4430 3.5: not protected, it MUST NOT be used. */
	assert_int_equal(hear(wrong, session, &error, false), KERBEROS_REMEDY_NONE);
	(void)speak(wrong, session, NULL, &message);
	refuse(&b, &message, ERR_SKEW, &error);
	assert_int_equal(hear(wrong, session, &error, true), KERBEROS_REMEDY_REPEAT);
	/* One that crossed it does not correct the clock twice. */
	refuse(&b, &other, ERR_SKEW, &error);
	assert_int_equal(hear(wrong, session, &error, true), KERBEROS_REMEDY_WAIT);
	(void)speak(wrong, session, NULL, &message);
	accept(&b, &message);
	/* The next transaction knows it already. */
	next = speak(wrong, 0, PRINCIPAL_B, &message);
	accept(&b, &message);
	/* Another peer's clock is another matter. */
	(void)speak(wrong, 0, "kink/c.example.test@EXAMPLE.TEST", &message);
	refuse(&c, &message, ERR_SKEW, &error);
	kerberos_worker_release(a.worker, session);
	kerberos_worker_release(a.worker, next);
}

static void ahead(void **state)
{
	(void)state;
	correct(5000);
}

static void behind(void **state)
{
	(void)state;
	correct(-5000);
}

/* Before the message is proven to be the client's nothing is said under the key. */
static void forged_message(void **state)
{
	struct message message;
	struct kerberos_completion completion;

	(void)state;
	(void)speak(5000, 0, PRINCIPAL_B, &message);
	message.checksum[0] ^= 1;
	assert_int_equal(message_accept(&b, &message, &completion), ERR_AUTH);
	assert_int_equal(completion.session, KERBEROS_SESSION_NONE);
	assert_int_equal(completion.reply_error.len, 0);
}

/* The clock was right when it was corrected, and is set right afterwards: corrected again. */
static void corrected_again(void **state)
{
	struct message message;
	struct message error;
	uint64_t session = speak(5000, 0, PRINCIPAL_B, &message);

	(void)state;
	refuse(&b, &message, ERR_SKEW, &error);
	assert_int_equal(hear(5000, session, &error, true), KERBEROS_REMEDY_REPEAT);
	(void)speak(0, session, NULL, &message);
	refuse(&b, &message, ERR_SKEW, &error);
	assert_int_equal(hear(0, session, &error, true), KERBEROS_REMEDY_REPEAT);
	(void)speak(0, session, NULL, &message);
	accept(&b, &message);
	kerberos_worker_release(a.worker, session);
}

/* A ticket that is over, or not begun, by clocks that agree. */
static void ticket_times(void **state)
{
	struct message message;
	struct message error;
	uint64_t session = speak(0, 0, PRINCIPAL_B, &message);
	uint64_t next;

	(void)state;
	(void)speak(40000, session, NULL, &message);
	wrong_s = 40000;
	refuse(&b, &message, ERR_EXPIRED, &error);
	assert_int_equal(hear(40000, session, &error, true), KERBEROS_REMEDY_TICKET);
	/* The session keeps its ticket to its end (RFC 4430 9), the next one has another. */
	next = speak(0, 0, PRINCIPAL_B, &message);
	accept(&b, &message);
	kerberos_worker_release(a.worker, session);
	kerberos_worker_release(a.worker, next);
}

static void ticket_not_begun(void **state)
{
	struct message message;
	struct message error;
	uint64_t session = speak(0, 0, PRINCIPAL_B, &message);

	(void)state;
	/* A responder that starts under this clock. */
	wrong_s = -5000;
	host_stop(&b);
	host_start(&b, "b.keytab", NULL, 300);
	next_second();
	(void)speak(-5000, session, NULL, &message);
	wrong_s = -5000;
	refuse(&b, &message, ERR_EXPIRED, &error);
	assert_int_equal(hear(-5000, session, &error, true), KERBEROS_REMEDY_TICKET);
	kerberos_worker_release(a.worker, session);
}

/* What b, whose clock is wrong, says of a token of a's. */
static enum err judge_gss(int64_t wrong, const char *text)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_GSS_REQUEST, .server = PRINCIPAL_B, .min_lifetime = 60};
	struct kerberos_completion completion;
	static uint8_t token[2048];
	uint64_t session;
	size_t len;

	host_run(&a, &request, &completion);
	if (completion.problem.code != ERR_OK)
		fail_msg("%s", completion.problem.text);
	session = completion.session;
	len = completion.ap.len;
	assert_in_range(len, 1, sizeof(token));
	memcpy(token, completion.ap.data, len);
	request =
	    (struct kerberos_request){.operation = KERBEROS_GSS_ACCEPT, .ap = bytes_of(token, len)};
	wrong_s = wrong;
	host_run(&b, &request, &completion);
	wrong_s = 0;
	kerberos_worker_release(a.worker, session);
	if (completion.problem.code == ERR_OK)
		kerberos_worker_release(b.worker, completion.session);
	else
		assert_true(completion.session == KERBEROS_SESSION_NONE);
	if (strstr(completion.problem.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", completion.problem.text, text);
	return completion.problem.code;
}

/*
 * With GSS-API inside of IKEv1 there is no error under the session key, by which the initiator
 * could go: the acceptor says to people whose clock is off, and by how much.
 */
static void gss_is_judged_by_clocks(void **state)
{
	(void)state;
	assert_int_equal(judge_gss(0, ""), ERR_OK);
	assert_int_equal(judge_gss(200, ""), ERR_OK);
	assert_int_equal(judge_gss(400, "s behind ours: see chronyc tracking"), ERR_SKEW);
	assert_int_equal(judge_gss(-400, "s ahead of ours: see chronyc tracking"), ERR_SKEW);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(ahead, start_hosts, stop_hosts),
	    cmocka_unit_test_setup_teardown(behind, start_hosts, stop_hosts),
	    cmocka_unit_test_setup_teardown(forged_message, start_hosts, stop_hosts),
	    cmocka_unit_test_setup_teardown(corrected_again, start_hosts, stop_hosts),
	    cmocka_unit_test_setup_teardown(ticket_times, start_hosts, stop_hosts),
	    cmocka_unit_test_setup_teardown(ticket_not_begun, start_hosts, stop_hosts),
	    cmocka_unit_test_setup_teardown(gss_is_judged_by_clocks, start_hosts, stop_hosts),
	};

	return cmocka_run_group_tests_name("kerberos skew", tests, start, stop);
}
