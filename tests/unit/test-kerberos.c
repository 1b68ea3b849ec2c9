/*
 * Two hosts of a real realm: AP-REQ, AP-REP, checksum, encryption, KEYMAT and what must be refused.
 * RFC 4430 4, 7 to 9; RFC 4120 3.2.
 */
#include "kerberos.h"

#include "base/bytes.h"

static struct host a;
static struct host b;

static int start(void **state)
{
	(void)state;
	realm_setup();
	host_start(&a, "a.keytab", NULL, 300);
	host_start(&b, "b.keytab", NULL, 300);
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

static void assert_plain(struct bytes plain, const char *expected)
{
	assert_int_equal(plain.len, strlen(expected));
	assert_memory_equal(plain.data, expected, plain.len);
}

/* The responder's whole work on a command; the reply goes to out. */
static void answer(const struct message *command, const char *plain, struct message *out)
{
	struct kerberos_completion accepted;
	uint8_t ap[1024];
	size_t ap_len;

	if (message_accept(&b, command, &accepted) != ERR_OK)
		fail_msg("%s", accepted.problem.text);
	ap_len = accepted.ap.len;
	assert_true(ap_len > 0 && ap_len <= sizeof(ap));
	memcpy(ap, accepted.ap.data, ap_len);
	message_make(&b, accepted.session, bytes_of(ap, ap_len), accepted.lengths, plain, out);
	kerberos_worker_release(b.worker, accepted.session);
}

static void round_trip(void **state)
{
	struct message command;
	struct message reply;
	struct kerberos_completion completion;

	(void)state;
	message_command(&a, "a proposal", &command);
	assert_int_equal(message_accept(&b, &command, &completion), ERR_OK);
	assert_plain(completion.plain, "a proposal");
	assert_string_equal(completion.client, PRINCIPAL_A);
	assert_string_equal(completion.server, PRINCIPAL_B);
	assert_true(completion.ticket_end > 0);
	assert_true(completion.authenticator_us > INT64_C(1500000000000000));
	assert_int_equal(completion.reply_error.len, 0);
	kerberos_worker_release(b.worker, completion.session);
	kerberos_worker_release(a.worker, command.session);

	message_command(&a, "another", &command);
	answer(&command, "the choice", &reply);
	/* Both ends hold the same keys, one for each seed. */
	assert_int_equal(command.keymat_len, 36);
	assert_memory_equal(command.keymat, reply.keymat, sizeof(command.keymat));
	assert_memory_not_equal(command.keymat[0], command.keymat[1], 36);
	assert_int_equal(message_verify(&a, command.session, &reply, &completion), ERR_OK);
	assert_plain(completion.plain, "the choice");
	kerberos_worker_release(a.worker, command.session);
}

/* RFC 4430 9: a reply to either of two authenticators is good, one to nobody's is not. */
static void retransmission(void **state)
{
	struct message commands[2];
	struct message replies[2];
	struct message foreign;
	struct message foreign_reply;
	struct kerberos_request repeat = {.operation = KERBEROS_REPEAT};
	struct kerberos_completion completion;
	uint8_t ap[4096];
	size_t ap_len;

	(void)state;
	message_command(&a, "first", &commands[0]);
	repeat.session = commands[0].session;
	host_run(&a, &repeat, &completion);
	assert_int_equal(completion.problem.code, ERR_OK);
	ap_len = completion.ap.len;
	memcpy(ap, completion.ap.data, ap_len);
	assert_false(
	    bytes_equal(bytes_of(ap, ap_len), bytes_of(commands[0].ap, commands[0].ap_len)));
	message_make(
	    &a, repeat.session, bytes_of(ap, ap_len), completion.lengths, "first", &commands[1]);
	/* The same ticket, so the same keys. */
	assert_memory_equal(commands[0].keymat, commands[1].keymat, sizeof(commands[0].keymat));
	answer(&commands[0], "one", &replies[0]);
	answer(&commands[1], "two", &replies[1]);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
		    message_verify(&a, repeat.session, &replies[i], &completion), ERR_OK);
		assert_plain(completion.plain, i == 0 ? "one" : "two");
	}
	message_command(&a, "another transaction", &foreign);
	answer(&foreign, "three", &foreign_reply);
	assert_int_equal(message_verify(&a, repeat.session, &foreign_reply, &completion), ERR_AUTH);
	assert_int_equal(completion.plain.len, 0);
	kerberos_worker_release(a.worker, repeat.session);
	kerberos_worker_release(a.worker, foreign.session);
}

/* The oldest of very many authenticators is given up; the list stays bounded. */
static void many_retransmissions(void **state)
{
	struct message first;
	struct message reply;
	struct kerberos_request repeat = {.operation = KERBEROS_REPEAT};
	struct kerberos_completion completion;

	(void)state;
	message_command(&a, "first", &first);
	answer(&first, "late", &reply);
	repeat.session = first.session;
	for (size_t i = 0; i < 15; i++) {
		host_run(&a, &repeat, &completion);
		assert_int_equal(completion.problem.code, ERR_OK);
	}
	assert_int_equal(message_verify(&a, first.session, &reply, &completion), ERR_OK);
	host_run(&a, &repeat, &completion);
	assert_int_equal(message_verify(&a, first.session, &reply, &completion), ERR_AUTH);
	kerberos_worker_release(a.worker, first.session);
}

static uint32_t error_number(struct bytes octets)
{
	krb5_context context;
	krb5_data data = {.length = (unsigned)octets.len, .data = (char *)(uintptr_t)octets.data};
	krb5_error *error;
	uint32_t number;

	assert_int_equal(krb5_init_context(&context), 0);
	assert_int_equal(krb5_rd_error(context, &data, &error), 0);
	number = error->error;
	krb5_free_error(context, error);
	krb5_free_context(context);
	return number;
}

static void replay(void **state)
{
	struct message command;
	struct kerberos_completion completion;

	(void)state;
	message_command(&a, "once", &command);
	kerberos_worker_release(a.worker, command.session);
	assert_int_equal(message_accept(&b, &command, &completion), ERR_OK);
	kerberos_worker_release(b.worker, completion.session);
	assert_int_equal(message_accept(&b, &command, &completion), ERR_REPLAY);
	/* The session serves to sign the error (RFC 4430 4.2.3). */
	assert_int_not_equal(completion.session, KERBEROS_SESSION_NONE);
	assert_int_equal(completion.ap.len, 0);
	assert_int_equal(completion.plain.len, 0);
	assert_int_equal(error_number(completion.reply_error), 34); /* KRB_AP_ERR_REPEAT */
	kerberos_worker_release(b.worker, completion.session);
	assert_text(completion.problem, PRINCIPAL_A);
}

/* Each octet that is changed on the way is noticed, and the genuine message is still good. */
static void tampering(void **state)
{
	struct message command;
	struct message bad;
	struct kerberos_completion completion;

	(void)state;
	message_command(&a, "all of it counts", &command);
	kerberos_worker_release(a.worker, command.session);
	for (size_t i = 0; i < command.signed_len; i += 7) {
		bad = command;
		bad.signed_part[i] ^= 0x20;
		assert_int_equal(message_accept(&b, &bad, &completion), ERR_AUTH);
		assert_int_equal(completion.session, KERBEROS_SESSION_NONE);
		assert_int_equal(completion.plain.len, 0);
	}
	for (size_t i = 0; i < command.checksum_len; i++) {
		bad = command;
		bad.checksum[i] ^= 1;
		assert_int_equal(message_accept(&b, &bad, &completion), ERR_AUTH);
	}
	for (size_t len = 0; len < command.checksum_len; len++) {
		bad = command;
		bad.checksum_len = len;
		assert_int_equal(message_accept(&b, &bad, &completion), ERR_AUTH);
	}
	for (size_t i = 0; i < command.ap_len; i++) {
		bad = command;
		bad.ap[i] ^= 4;
		/* Some bits of an AP-REQ mean nothing; but then its checksum covers it in KINK. */
		bad.signed_part[4 + i] ^= 4;
		assert_int_not_equal(message_accept(&b, &bad, &completion), ERR_OK);
	}
	assert_int_equal(message_accept(&b, &command, &completion), ERR_OK);
	assert_plain(completion.plain, "all of it counts");
	kerberos_worker_release(b.worker, completion.session);
}

static void garbage(void **state)
{
	struct message command;
	struct message bad;
	struct kerberos_completion completion;

	(void)state;
	message_command(&a, "x", &command);
	kerberos_worker_release(a.worker, command.session);
	for (size_t len = 0; len < command.ap_len; len += 3) {
		bad = command;
		bad.ap_len = len;
		assert_int_equal(message_accept(&b, &bad, &completion), ERR_INVALID);
		/* Nothing goes back to who sends no AP-REQ. */
		assert_int_equal(completion.reply_error.len, 0);
	}
	bad = command;
	memset(bad.ap + 4, 0xff, bad.ap_len - 4);
	assert_int_equal(message_accept(&b, &bad, &completion), ERR_INVALID);
	assert_int_equal(completion.reply_error.len, 0);
}

static void tampered_reply(void **state)
{
	struct message command;
	struct message reply;
	struct message bad;
	struct kerberos_completion completion;

	(void)state;
	message_command(&a, "x", &command);
	answer(&command, "the reply", &reply);
	for (size_t i = 0; i < reply.signed_len; i++) {
		bad = reply;
		bad.signed_part[i] ^= 0x10;
		assert_int_equal(message_verify(&a, command.session, &bad, &completion), ERR_AUTH);
		assert_int_equal(completion.plain.len, 0);
	}
	/* An AP-REP's ciphertext is its end; the tags and numbers before it the checksum covers. */
	for (size_t i = reply.ap_len - 60; i < reply.ap_len; i++) {
		bad = reply;
		bad.ap[i] ^= 0x10;
		assert_int_equal(message_verify(&a, command.session, &bad, &completion), ERR_AUTH);
	}
	/* Our own command sent back is no reply. */
	assert_int_equal(message_verify(&a, command.session, &command, &completion), ERR_AUTH);
	assert_int_equal(message_verify(&a, command.session, &reply, &completion), ERR_OK);
	/* A message without an AP-REP, such as a lone KINK_ERROR, is verified by its checksum. */
	bad = reply;
	bad.ap_len = 0;
	bad.sealed_len = 0;
	assert_int_equal(message_verify(&a, command.session, &bad, &completion), ERR_OK);
	bad.checksum[0] ^= 1;
	assert_int_equal(message_verify(&a, command.session, &bad, &completion), ERR_AUTH);
	kerberos_worker_release(a.worker, command.session);
}

static void sessions_end(void **state)
{
	struct message command;
	struct message reply;
	struct kerberos_request request = {.operation = KERBEROS_REPEAT};
	struct kerberos_completion completion;

	(void)state;
	message_command(&a, "x", &command);
	answer(&command, "y", &reply);
	kerberos_worker_release(a.worker, command.session);
	assert_int_equal(message_verify(&a, command.session, &reply, &completion), ERR_INVALID);
	request.session = command.session;
	host_run(&a, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_INVALID);
	request.operation = KERBEROS_PROTECT;
	host_run(&a, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_INVALID);
	/* Released twice, or never given: nothing happens. */
	kerberos_worker_release(a.worker, command.session);
	kerberos_worker_release(a.worker, KERBEROS_SESSION_NONE);
	kerberos_worker_release(a.worker, UINT64_MAX);
}

/* A message in the clear has a checksum all the same; without plain it is the head alone. */
static void unsealed(void **state)
{
	struct message command;
	struct message reply;
	struct kerberos_completion completion;

	(void)state;
	message_command(&a, "", &command);
	assert_int_equal(command.sealed_len, 0);
	answer(&command, "", &reply);
	assert_int_equal(message_verify(&a, command.session, &reply, &completion), ERR_OK);
	assert_int_equal(completion.plain.len, 0);
	kerberos_worker_release(a.worker, command.session);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(retransmission),
	    cmocka_unit_test(many_retransmissions),
	    cmocka_unit_test(replay),
	    cmocka_unit_test(tampering),
	    cmocka_unit_test(garbage),
	    cmocka_unit_test(tampered_reply),
	    cmocka_unit_test(sessions_end),
	    cmocka_unit_test(unsealed),
	};

	return cmocka_run_group_tests_name("kerberos", tests, start, stop);
}
