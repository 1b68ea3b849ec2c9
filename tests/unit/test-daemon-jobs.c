/* Work with keys on its thread: what is asked and answered, copies, limits and the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "crypto/dh.h"
#include "daemon/agreements.h"
#include "daemon/keyring.h"
#include "pki.h"
#include "policy/ike.h"

#define MANY 300

static struct {
	uv_loop_t loop;
	struct jobs *jobs;
	struct keyring *keyring;
	struct policy_ike ike;
	struct policy_peer peers[2];
	struct policy policy;
	unsigned answered, batches;
	enum err outcome;
	uint64_t token;
	size_t len;
	uint8_t octets[1024]; /* the signature or public value that came */
} bench;

static void settled(void *self)
{
	(void)self;
	bench.batches++;
}

static void open_bench(void)
{
	struct jobs_listener listener = {.settled = settled};
	struct problem problem;

	memset(&bench, 0, sizeof(bench));
	bench.ike.certificate = pki_path("b.pem");
	bench.ike.private_key = pki_path("b.key");
	bench.peers[0].name = "by kerberos";
	bench.peers[1].name = "by certificates";
	bench.peers[1].ike = &bench.ike;
	bench.policy.peers = bench.peers;
	bench.policy.peer_count = 2;
	assert_int_equal(uv_loop_init(&bench.loop), 0);
	assert_int_equal(jobs_open(&bench.loop, &listener, &bench.jobs, &problem), ERR_OK);
	assert_int_equal(keyring_open(&bench.policy, &bench.keyring, &problem), ERR_OK);
}

static void close_bench(void)
{
	jobs_close(bench.jobs);
	(void)uv_run(&bench.loop, UV_RUN_DEFAULT);
	jobs_free(bench.jobs);
	keyring_free(bench.keyring);
	assert_int_equal(uv_loop_close(&bench.loop), 0);
}

static void answered(void *self, const struct credentials_completion *completion)
{
	assert_ptr_equal(self, &bench);
	bench.answered++;
	bench.token = completion->token;
	bench.outcome = completion->problem.code;
	bench.len = completion->signature.len;
	if (bench.len > 0)
		memcpy(bench.octets, completion->signature.data, bench.len);
}

static void wait_for(unsigned count)
{
	while (bench.answered < count)
		(void)uv_run(&bench.loop, UV_RUN_ONCE);
}

/* Signs, and has the certificate's key tell of it: what was copied is what was asked about. */
static void requests_are_copied(void **state)
{
	uint8_t hash[32] = "hash of thirty-two octets: HASH";
	char name[] = "by certificates";
	struct credentials_request request = {.operation = CREDENTIALS_SIGN,
	    .token = 5,
	    .set = name,
	    .now = (int64_t)time(NULL),
	    .scheme = CREDENTIALS_ECDSA_256,
	    .hash = bytes_of(hash, sizeof(hash))};
	uint8_t signature[64];

	(void)state;
	open_bench();
	bench.ike.peer_certificates = pki_path("b.pem");
	keyring_free(bench.keyring);
	assert_int_equal(keyring_open(&bench.policy, &bench.keyring, NULL), ERR_OK);
	assert_int_equal(
	    keyring_submit(bench.keyring, bench.jobs, &request, answered, &bench), ERR_OK);
	memset(hash, 0, sizeof(hash));
	memset(name, 'x', sizeof(name) - 1);
	wait_for(1);
	assert_int_equal(bench.outcome, ERR_OK);
	assert_int_equal(bench.token, 5);
	assert_int_equal(bench.len, sizeof(signature));
	assert_true(bench.batches > 0);

	memcpy(signature, bench.octets, sizeof(signature));
	memcpy(hash, "hash of thirty-two octets: HASH", sizeof(hash));
	request.operation = CREDENTIALS_VERIFY;
	request.set = "by certificates";
	request.signature = bytes_of(signature, sizeof(signature));
	request.identity = (struct ike_identity){IKE_IDENTITY_FQDN, bytes_of("b.example.test", 14)};
	assert_int_equal(
	    keyring_submit(bench.keyring, bench.jobs, &request, answered, &bench), ERR_OK);
	memset(signature, 0, sizeof(signature));
	wait_for(2);
	assert_int_equal(bench.outcome, ERR_OK);
	close_bench();
}

static void sets_have_the_names_of_peers(void **state)
{
	struct credentials_request request = {
	    .operation = CREDENTIALS_DESCRIBE, .set = "by kerberos"};

	(void)state;
	open_bench();
	assert_int_equal(
	    keyring_submit(bench.keyring, bench.jobs, &request, answered, &bench), ERR_NOT_FOUND);
	close_bench();
}

static void bad_files_are_told_of(void **state)
{
	struct keyring *keyring = NULL;
	struct problem problem = {0};

	(void)state;
	open_bench();
	bench.ike.private_key = pki_path("a.key");
	assert_int_equal(keyring_open(&bench.policy, &keyring, &problem), ERR_INVALID);
	assert_non_null(strstr(problem.text, "peer \"by certificates\": the private key in"));
	close_bench();
}

static void agreed(void *self, const struct agreement_completion *completion)
{
	(void)self;
	bench.answered++;
	bench.outcome = completion->error;
	bench.len = completion->public_value.len;
}

static void agreements_are_made(void **state)
{
	struct agreement_request request = {
	    .operation = AGREEMENT_BEGIN, .token = 9, .group = DH_CURVE25519};

	(void)state;
	open_bench();
	assert_int_equal(agreements_submit(bench.jobs, &request, agreed, NULL), ERR_OK);
	wait_for(1);
	assert_int_equal(bench.outcome, ERR_OK);
	assert_int_equal(bench.len, dh_public_length(DH_CURVE25519));
	close_bench();
}

/* Nothing that was taken is lost, nothing beyond the limit is taken; the end may come any time. */
static void the_queue_has_a_limit(void **state)
{
	struct credentials_request request = {
	    .operation = CREDENTIALS_DESCRIBE, .set = "by certificates"};
	unsigned taken = 0;
	unsigned refused = 0;

	(void)state;
	open_bench();
	/* The loop does not run, so that answers wait as well. */
	for (unsigned i = 0; i < MANY; i++) {
		enum err error =
		    keyring_submit(bench.keyring, bench.jobs, &request, answered, &bench);

		if (error == ERR_OK)
			taken++;
		else
			refused += error == ERR_LIMIT;
	}
	assert_int_equal(taken, 256);
	assert_int_equal(taken + refused, MANY);
	wait_for(taken);
	assert_int_equal(bench.outcome, ERR_OK);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(
		    keyring_submit(bench.keyring, bench.jobs, &request, answered, &bench), ERR_OK);
	close_bench();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_are_copied),
	    cmocka_unit_test(sets_have_the_names_of_peers),
	    cmocka_unit_test(bad_files_are_told_of),
	    cmocka_unit_test(agreements_are_made),
	    cmocka_unit_test(the_queue_has_a_limit),
	};

	return cmocka_run_group_tests(tests, pki_make, pki_remove);
}
