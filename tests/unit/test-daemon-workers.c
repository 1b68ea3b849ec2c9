/*
 * The worker threads with workers of the test's own in place of libkrb5: what comes back, in which
 * order, what is refused, and how they end.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/workers.h"
#include "kerberos/worker.h"

#define WORKERS   3
#define QUEUE_MAX 16384

struct kerberos_worker {
	uint32_t index;
	uint8_t plain[64];
};

struct kerberos_fetcher {
	int unused;
};

/* What the stand-ins below share with the tests. */
static struct stage {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed; /* workers wait */
	bool fetcher_closed;
	bool ticket;
	size_t run;
	size_t fetched;
	size_t released;
	uint32_t released_on;
} stage = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void stage_set(bool *flag, bool value)
{
	(void)pthread_mutex_lock(&stage.lock);
	*flag = value;
	(void)pthread_cond_broadcast(&stage.changed);
	(void)pthread_mutex_unlock(&stage.lock);
}

static size_t stage_get(const size_t *number)
{
	size_t value;

	(void)pthread_mutex_lock(&stage.lock);
	value = *number;
	(void)pthread_mutex_unlock(&stage.lock);
	return value;
}

/* To be called with the lock held. */
static void stage_wait_while(const bool *flag)
{
	while (*flag)
		(void)pthread_cond_wait(&stage.changed, &stage.lock);
}

enum err kerberos_worker_create(struct kerberos_realm *realm, uint32_t index,
    struct kerberos_worker **out, struct problem *problem)
{
	(void)realm;
	(void)problem;
	*out = calloc(1, sizeof(**out));
	assert_non_null(*out);
	(*out)->index = index;
	return ERR_OK;
}

void kerberos_worker_destroy(struct kerberos_worker *worker)
{
	free(worker);
}

bool kerberos_worker_needs_ticket(
    struct kerberos_worker *worker, const struct kerberos_request *request)
{
	bool there;

	(void)worker;
	(void)pthread_mutex_lock(&stage.lock);
	there = stage.ticket;
	(void)pthread_mutex_unlock(&stage.lock);
	return request->operation == KERBEROS_REQUEST && !there;
}

/* Gives back what it was given, so that copies can be compared with originals. */
void kerberos_worker_run(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	(void)pthread_mutex_lock(&stage.lock);
	stage.run++;
	stage_wait_while(&stage.closed);
	(void)pthread_mutex_unlock(&stage.lock);
	*completion = (struct kerberos_completion){.operation = request->operation,
	    .token = request->token,
	    .affinity = request->affinity,
	    .session = worker->index + 1,
	    .client = request->client,
	    .server = request->server,
	    .ap = request->ap,
	    .message = request->plain,
	    .checksum = request->checksum,
	    .reply_error = request->krb_error,
	    .keymat_count = request->derivation_count};
	for (size_t i = 0; i < request->derivation_count; i++)
		completion->keymat[i] = request->derivations[i].seed;
	assert_true(request->sealed.len <= sizeof(worker->plain));
	memcpy(worker->plain, request->sealed.data != NULL ? request->sealed.data : worker->plain,
	    request->sealed.len);
	completion->plain = bytes_of(worker->plain, request->sealed.len);
}

void kerberos_worker_release(struct kerberos_worker *worker, uint64_t session)
{
	(void)pthread_mutex_lock(&stage.lock);
	stage.released += session;
	stage.released_on = worker->index;
	(void)pthread_mutex_unlock(&stage.lock);
}

enum err kerberos_fetcher_create(
    struct kerberos_realm *realm, struct kerberos_fetcher **out, struct problem *problem)
{
	(void)realm;
	(void)problem;
	*out = calloc(1, sizeof(**out));
	assert_non_null(*out);
	return ERR_OK;
}

void kerberos_fetcher_destroy(struct kerberos_fetcher *fetcher)
{
	free(fetcher);
}

void kerberos_fetch_own(struct kerberos_fetcher *fetcher)
{
	(void)fetcher;
}

void kerberos_fetch(struct kerberos_fetcher *fetcher, const struct kerberos_request *request)
{
	(void)fetcher;
	(void)request;
	(void)pthread_mutex_lock(&stage.lock);
	stage.fetched++;
	stage_wait_while(&stage.fetcher_closed);
	(void)pthread_mutex_unlock(&stage.lock);
}

/* --- the loop's side ---------------------------------------------------------------------- */

struct bench {
	uv_loop_t loop;
	struct workers *workers;
	size_t completed;
	size_t settled;
	uint64_t last[WORKERS]; /* token, by affinity */
	const struct kerberos_request *expected;
};

static void check_octets(struct bytes expected, struct bytes found)
{
	assert_int_equal(expected.len, found.len);
	assert_true(expected.len == 0 || expected.data != found.data);
	assert_true(bytes_equal(expected, found));
}

static void check_copy(
    const struct kerberos_request *request, const struct kerberos_completion *completion)
{
	assert_int_equal(request->operation, completion->operation);
	assert_string_equal(request->client, completion->client);
	assert_string_equal(request->server, completion->server);
	check_octets(request->ap, completion->ap);
	check_octets(request->plain, completion->message);
	check_octets(request->sealed, completion->plain);
	check_octets(request->checksum, completion->checksum);
	check_octets(request->krb_error, completion->reply_error);
	assert_int_equal(request->derivation_count, completion->keymat_count);
	for (size_t i = 0; i < request->derivation_count; i++)
		check_octets(request->derivations[i].seed, completion->keymat[i]);
}

static void completed(void *self, const struct kerberos_completion *completion)
{
	struct bench *bench = self;

	bench->completed++;
	assert_true(completion->affinity < WORKERS);
	assert_int_equal(completion->affinity + 1, completion->session);
	assert_true(completion->token > bench->last[completion->affinity]);
	bench->last[completion->affinity] = completion->token;
	if (bench->expected != NULL)
		check_copy(bench->expected, completion);
}

static void settled(void *self)
{
	struct bench *bench = self;

	bench->settled++;
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct workers_listener listener = {
	    .self = bench, .completed = completed, .settled = settled};
	struct problem problem;

	assert_non_null(bench);
	stage.closed = stage.fetcher_closed = false;
	stage.ticket = true;
	stage.run = stage.fetched = stage.released = 0;
	assert_int_equal(uv_loop_init(&bench->loop), 0);
	assert_int_equal(
	    workers_open(&bench->loop, NULL, WORKERS, true, &listener, &bench->workers, &problem),
	    ERR_OK);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	stage_set(&stage.closed, false);
	stage_set(&stage.fetcher_closed, false);
	if (bench->workers != NULL)
		assert_true(workers_close(bench->workers));
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	workers_free(bench->workers);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
	free(bench);
	return 0;
}

static void run_until(struct bench *bench, size_t count)
{
	while (bench->completed < count)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
}

static enum err submit(struct bench *bench, uint64_t token, uint32_t affinity)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_PROTECT, .token = token, .affinity = affinity};
	enum err error = workers_submit(bench->workers, &request);

	workers_flush(bench->workers);
	return error;
}

/* --- tests -------------------------------------------------------------------------------- */

static void test_everything_is_copied(void **state)
{
	struct bench *bench = *state;
	struct kerberos_request request = {.operation = KERBEROS_ACCEPT,
	    .token = 1,
	    .server = "kink/b.example.test",
	    .client = "kink/a.example.test",
	    .ap = bytes_of("ap", 2),
	    .krb_error = bytes_of("error", 5),
	    .checksum = bytes_of("checksum", 8),
	    .sealed = bytes_of("sealed", 6),
	    .plain = bytes_of("plain", 5),
	    .derivation_count = 2,
	    .derivations = {
		{.seed = {(const uint8_t *)"in", 2}}, {.seed = {(const uint8_t *)"out", 3}}}};

	bench->expected = &request;
	assert_int_equal(workers_submit(bench->workers, &request), ERR_OK);
	workers_flush(bench->workers);
	run_until(bench, 1);
	assert_true(bench->settled >= 1);
}

/* completed() holds the order within each affinity, and that each has its own worker. */
static void test_order_within_affinity(void **state)
{
	struct bench *bench = *state;

	for (uint64_t token = 1; token <= 3000; token++)
		assert_int_equal(submit(bench, token, (uint32_t)(token % WORKERS)), ERR_OK);
	run_until(bench, 3000);
	assert_int_equal(stage_get(&stage.run), 3000);
}

static void test_queue_is_bounded(void **state)
{
	struct bench *bench = *state;
	uint64_t taken = 1;

	stage_set(&stage.closed, true);
	assert_int_equal(submit(bench, 1, 0), ERR_OK);
	while (stage_get(&stage.run) == 0)
		continue;
	while (submit(bench, taken + 1, 0) == ERR_OK)
		taken++;
	assert_int_equal(taken, QUEUE_MAX + 1);
	/* Another one is not affected. */
	assert_int_equal(submit(bench, 1, 1), ERR_OK);
	stage_set(&stage.closed, false);
	run_until(bench, taken + 1);
	assert_int_equal(submit(bench, taken + 1, 0), ERR_OK);
	run_until(bench, taken + 2);
}

static void test_release_goes_to_its_worker(void **state)
{
	struct bench *bench = *state;

	/* It wakes nobody by itself, but comes before what is asked for next. */
	workers_release(bench->workers, 42, 2);
	assert_int_equal(submit(bench, 1, 2), ERR_OK);
	run_until(bench, 1);
	assert_int_equal(stage_get(&stage.released), 42);
	assert_int_equal(stage.released_on, 2);
	assert_int_equal(bench->completed, 1);
}

/* A KDC that does not answer holds up those that need a ticket, and nobody else. */
static void test_fetching_delays_nobody_else(void **state)
{
	struct bench *bench = *state;
	struct kerberos_request request = {.operation = KERBEROS_REQUEST, .token = 10};

	stage_set(&stage.ticket, false);
	stage_set(&stage.fetcher_closed, true);
	assert_int_equal(workers_submit(bench->workers, &request), ERR_OK);
	workers_flush(bench->workers);
	assert_int_equal(submit(bench, 1, 0), ERR_OK);
	run_until(bench, 1);
	assert_int_equal(bench->last[0], 1);
	stage_set(&stage.fetcher_closed, false);
	run_until(bench, 2);
	assert_int_equal(bench->last[0], 10);
	assert_int_equal(stage_get(&stage.fetched), 1);
}

/* Lets the worker go on once the queue takes nothing more, which is when the end has begun. */
static void *open_at_the_end(void *argument)
{
	struct bench *bench = argument;

	while (submit(bench, QUEUE_MAX, 0) == ERR_OK)
		uv_sleep(1);
	stage_set(&stage.closed, false);
	return NULL;
}

static void test_end_drops_what_waits(void **state)
{
	struct bench *bench = *state;
	pthread_t helper;

	stage_set(&stage.closed, true);
	for (uint64_t token = 1; token <= 1000; token++)
		assert_int_equal(submit(bench, token, 0), ERR_OK);
	while (stage_get(&stage.run) == 0)
		continue;
	assert_int_equal(pthread_create(&helper, NULL, open_at_the_end, bench), 0);
	assert_true(workers_close(bench->workers));
	assert_int_equal(pthread_join(helper, NULL), 0);
	assert_in_range(stage_get(&stage.run), 1, 100);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	workers_free(bench->workers);
	bench->workers = NULL;
}

static void test_end_does_not_wait_for_the_kdc(void **state)
{
	static struct workers *volatile abandoned; /* still in the fetcher's hands */
	struct bench *bench = *state;
	struct kerberos_request request = {.operation = KERBEROS_REQUEST, .token = 1};

	stage_set(&stage.ticket, false);
	stage_set(&stage.fetcher_closed, true);
	assert_int_equal(workers_submit(bench->workers, &request), ERR_OK);
	workers_flush(bench->workers);
	while (stage_get(&stage.fetched) == 0)
		continue;
	assert_false(workers_close(bench->workers));
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	assert_int_equal(bench->completed, 0);
	abandoned = bench->workers;
	assert_non_null(abandoned);
	bench->workers = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_everything_is_copied, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_order_within_affinity, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_queue_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_release_goes_to_its_worker, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fetching_delays_nobody_else, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_end_drops_what_waits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_end_does_not_wait_for_the_kdc, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
