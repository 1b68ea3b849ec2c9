/*
 * Against a peer made of plain libkrb5 calls: subkeys, clocks, options, etypes, and KEYMAT computed
 * a second time. RFC 4430 3.5, 4, 4.2.1, 7; RFC 3961 3.
 */
#include "kerberos.h"

#include <time.h>

#include "base/bytes.h"

static struct host b;

/* A peer that holds a ticket for b. */
static krb5_context context;
static krb5_creds own;
static krb5_creds *ticket;

static void take_ticket(void)
{
	krb5_principal client;
	krb5_keytab keytab;
	krb5_ccache ccache;
	krb5_creds wanted = {0};

	assert_int_equal(krb5_init_context(&context), 0);
	assert_int_equal(krb5_parse_name(context, PRINCIPAL_A, &client), 0);
	assert_int_equal(krb5_kt_resolve(context, realm_file("a.keytab"), &keytab), 0);
	assert_int_equal(
	    krb5_get_init_creds_keytab(context, &own, client, keytab, 0, NULL, NULL), 0);
	assert_int_equal(krb5_cc_new_unique(context, "MEMORY", NULL, &ccache), 0);
	assert_int_equal(krb5_cc_initialize(context, ccache, client), 0);
	assert_int_equal(krb5_cc_store_cred(context, ccache, &own), 0);
	wanted.client = client;
	assert_int_equal(krb5_parse_name(context, PRINCIPAL_B, &wanted.server), 0);
	assert_int_equal(krb5_get_credentials(context, 0, ccache, &wanted, &ticket), 0);
	krb5_free_principal(context, wanted.server);
	krb5_free_principal(context, client);
	assert_int_equal(krb5_kt_close(context, keytab), 0);
	assert_int_equal(krb5_cc_destroy(context, ccache), 0);
}

static void drop_ticket(void)
{
	krb5_free_creds(context, ticket);
	krb5_free_cred_contents(context, &own);
	krb5_free_context(context);
}

static int start(void **state)
{
	(void)state;
	realm_setup();
	host_start(&b, "b.keytab", NULL, 300);
	next_second();
	take_ticket();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	drop_ticket();
	host_stop(&b);
	realm_teardown();
	return 0;
}

/* A message with an AP-REQ of these options, and no encrypted part. */
static void make(krb5_flags options, struct message *out)
{
	krb5_auth_context auth = NULL;
	krb5_data ap;
	krb5_data signed_part;
	krb5_checksum checksum;

	assert_int_equal(krb5_auth_con_init(context, &auth), 0);
	assert_int_equal(krb5_mk_req_extended(context, &auth, options, NULL, ticket, &ap), 0);
	*out = (struct message){.ap_len = ap.length, .signed_len = ap.length};
	memcpy(out->ap, ap.data, ap.length);
	memcpy(out->signed_part, ap.data, ap.length);
	signed_part =
	    (krb5_data){.length = (unsigned)out->signed_len, .data = (char *)out->signed_part};
	assert_int_equal(krb5_c_make_checksum(context, 0, &ticket->keyblock, USAGE_CHECKSUM,
			     &signed_part, &checksum),
	    0);
	out->checksum_len = checksum.length;
	memcpy(out->checksum, checksum.contents, checksum.length);
	krb5_free_checksum_contents(context, &checksum);
	krb5_free_data_contents(context, &ap);
	assert_int_equal(krb5_auth_con_free(context, auth), 0);
}

/* RFC 2409 5.5 with the PRF of RFC 3961, straight from its words. */
static void expect_keymat(struct bytes seed, struct bytes actual)
{
	uint8_t input_octets[128];
	uint8_t key[160];
	size_t block;
	size_t done = 0;

	assert_int_equal(krb5_c_prf_length(context, ticket->keyblock.enctype, &block), 0);
	while (done < actual.len) {
		size_t previous = done > 0 ? block : 0;
		krb5_data input = {
		    .length = (unsigned)(previous + seed.len), .data = (char *)input_octets};
		krb5_data output = {.length = (unsigned)block, .data = (char *)key + done};

		memcpy(input_octets, key + done - previous, previous);
		memcpy(input_octets + previous, seed.data, seed.len);
		assert_int_equal(krb5_c_prf(context, &ticket->keyblock, &input, &output), 0);
		done += block;
	}
	assert_memory_equal(actual.data, key, actual.len);
}

static void check_keymat(uint64_t session)
{
	static const uint8_t seed[] = "\3\336\255\276\357a nonce of some length";
	struct kerberos_request request = {.operation = KERBEROS_PROTECT,
	    .session = session,
	    .derivation_count = KERBEROS_DERIVATIONS_MAX};
	static const uint16_t lengths[] = {1, 16, 36, 64};
	struct kerberos_completion completion;

	for (size_t i = 0; i < KERBEROS_DERIVATIONS_MAX; i++)
		request.derivations[i] =
		    (struct kerberos_derivation){bytes_of(seed, sizeof(seed)), lengths[i % 4]};
	host_run(&b, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_OK);
	assert_int_equal(completion.message.len, 0);
	assert_int_equal(completion.keymat_count, KERBEROS_DERIVATIONS_MAX);
	for (size_t i = 0; i < KERBEROS_DERIVATIONS_MAX; i++) {
		assert_int_equal(completion.keymat[i].len, lengths[i % 4]);
		expect_keymat(bytes_of(seed, sizeof(seed)), completion.keymat[i]);
	}
	request.derivation_count++;
	host_run(&b, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_INVALID);
}

static void accept_good(const struct message *message)
{
	struct kerberos_completion completion;

	if (message_accept(&b, message, &completion) != ERR_OK)
		fail_msg("%s", completion.problem.text);
	assert_string_equal(completion.client, PRINCIPAL_A);
	check_keymat(completion.session);
	kerberos_worker_release(b.worker, completion.session);
}

static void plain_peer(void **state)
{
	struct message message;

	(void)state;
	make(AP_OPTS_MUTUAL_REQUIRED, &message);
	accept_good(&message);
}

/* RFC 4430 7: subkeys are ignored if received; all is done with the ticket's session key. */
static void subkey_is_ignored(void **state)
{
	struct message message;

	(void)state;
	make(AP_OPTS_MUTUAL_REQUIRED | AP_OPTS_USE_SUBKEY, &message);
	accept_good(&message);
}

static void mutual_authentication_is_required(void **state)
{
	struct message message;
	struct kerberos_completion completion;

	(void)state;
	make(0, &message);
	assert_int_equal(message_accept(&b, &message, &completion), ERR_AUTH);
	assert_text(completion.problem, "mutual");
	assert_text(completion.problem, PRINCIPAL_A);
	assert_true(completion.reply_error.len > 0);
}

/* Every etype that a KDC gives out today: 17, 18 (RFC 3962), 19, 20 (RFC 8009). */
static void etypes(void **state)
{
	static const char *const names[] = {
	    "aes128-cts-hmac-sha1-96", "aes128-sha2", "aes256-sha2", "camellia256-cts-cmac"};
	static const krb5_enctype numbers[] = {17, 19, 20, 26};
	struct message message;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		realm_command("kadmin", "setstr", PRINCIPAL_B, "session_enctypes", names[i], NULL);
		drop_ticket();
		take_ticket();
		assert_int_equal(ticket->keyblock.enctype, numbers[i]);
		make(AP_OPTS_MUTUAL_REQUIRED, &message);
		accept_good(&message);
	}
	realm_command("kadmin", "delstr", PRINCIPAL_B, "session_enctypes", NULL);
	drop_ticket();
	take_ticket();
}

/* A message of a peer whose clock is off by this much. */
static void make_at(int32_t offset, struct message *out)
{
	krb5_context right = context;

	assert_int_equal(krb5_init_context(&context), 0);
	assert_int_equal(krb5_set_real_time(context, (krb5_timestamp)(time(NULL) + offset), -1), 0);
	/* The peer's library looks at the ticket's times as well. */
	ticket->times.starttime -= 5000;
	make(AP_OPTS_MUTUAL_REQUIRED, out);
	ticket->times.starttime += 5000;
	krb5_free_context(context);
	context = right;
}

static void check_skew_error(struct bytes octets, int32_t offset)
{
	krb5_data data = {.length = (unsigned)octets.len, .data = (char *)(uintptr_t)octets.data};
	krb5_error *error;

	assert_true(octets.len > 0 && octets.len < 200);
	assert_int_equal(krb5_rd_error(context, &data, &error), 0);
	assert_int_equal(error->error, 37); /* KRB_AP_ERR_SKEW */
	/* Both times: RFC 4430 3.5. */
	assert_in_range((uint32_t)(error->stime - (krb5_timestamp)time(NULL) + 3), 0, 6);
	assert_in_range((uint32_t)(error->ctime - error->stime - offset + 3), 0, 6);
	krb5_free_error(context, error);
}

static void clock_skew(void **state)
{
	struct message message;
	struct kerberos_completion completion;
	struct host other;

	(void)state;
	make_at(-1000, &message);
	assert_int_equal(message_accept(&b, &message, &completion), ERR_SKEW);
	assert_text(completion.problem, PRINCIPAL_A);
	assert_text(completion.problem, "s behind ours");
	check_skew_error(completion.reply_error, -1000);
	make_at(1000, &message);
	assert_int_equal(message_accept(&b, &message, &completion), ERR_SKEW);
	assert_text(completion.problem, "s ahead of ours");
	check_skew_error(completion.reply_error, 1000);
	make_at(250, &message);
	assert_int_equal(message_accept(&b, &message, &completion), ERR_OK);
	kerberos_worker_release(b.worker, completion.session);

	/* The configured limit counts, whatever krb5.conf says. */
	host_start(&other, "b.keytab", NULL, 2000);
	make_at(1000, &message);
	assert_int_equal(message_accept(&other, &message, &completion), ERR_OK);
	assert_int_equal(message_accept(&other, &message, &completion), ERR_REPLAY);
	host_stop(&other);
	host_start(&other, "b.keytab", NULL, 5);
	make_at(60, &message);
	assert_int_equal(message_accept(&other, &message, &completion), ERR_SKEW);
	next_second();
	make_at(0, &message);
	assert_int_equal(message_accept(&other, &message, &completion), ERR_OK);
	host_stop(&other);
}

/* What was made before the daemon started may have been seen by the one before. */
static void before_the_start(void **state)
{
	struct message message;
	struct kerberos_completion completion;
	struct host restarted;

	(void)state;
	make(AP_OPTS_MUTUAL_REQUIRED, &message);
	accept_good(&message);
	host_start(&restarted, "b.keytab", NULL, 300);
	assert_int_equal(message_accept(&restarted, &message, &completion), ERR_REPLAY);
	assert_text(completion.problem, "before this daemon started");
	next_second();
	make(AP_OPTS_MUTUAL_REQUIRED, &message);
	assert_int_equal(message_accept(&restarted, &message, &completion), ERR_OK);
	host_stop(&restarted);
}

/* The cleartext name in a ticket is no part of what tells authenticators apart. */
static void another_name_is_no_way_around(void **state)
{
	struct message message;
	struct message renamed;
	struct kerberos_completion completion;

	(void)state;
	make(AP_OPTS_MUTUAL_REQUIRED, &message);
	accept_good(&message);
	renamed = message;
	for (size_t i = 0; i + 4 < renamed.ap_len; i++) {
		if (memcmp(renamed.ap + i, "kink", 4) == 0)
			memcpy(renamed.ap + i, "host", 4);
	}
	assert_memory_not_equal(renamed.ap, message.ap, message.ap_len);
	assert_int_equal(message_accept(&b, &renamed, &completion), ERR_REPLAY);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_peer),
	    cmocka_unit_test(subkey_is_ignored),
	    cmocka_unit_test(mutual_authentication_is_required),
	    cmocka_unit_test(etypes),
	    cmocka_unit_test(clock_skew),
	    cmocka_unit_test(before_the_start),
	    cmocka_unit_test(another_name_is_no_way_around),
	};

	return cmocka_run_group_tests_name("kerberos peer", tests, start, stop);
}
