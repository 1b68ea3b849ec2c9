/* The replay cache without a KDC: RFC 4120 3.2.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kerberos/replay.h"

#define SECOND INT64_C(1000000)
#define SKEW   300
#define START  (INT64_C(1700000000) * SECOND + 250000)

static struct replay *cache(size_t max)
{
	struct replay *replay;

	assert_int_equal(replay_create(SKEW, START, max, &replay), ERR_OK);
	return replay;
}

static void knows_what_it_saw(void **state)
{
	struct replay *replay = cache(100);
	int64_t now = START + SECOND;

	(void)state;
	assert_int_equal(replay_check(replay, 1, now, now), ERR_OK);
	assert_int_equal(replay_check(replay, 1, now, now), ERR_REPLAY);
	/* The same microsecond under another session key, another microsecond under the same. */
	assert_int_equal(replay_check(replay, 2, now, now), ERR_OK);
	assert_int_equal(replay_check(replay, 1, now + 1, now), ERR_OK);
	assert_int_equal(replay_check(replay, 1, now + 1, now), ERR_REPLAY);
	replay_destroy(replay);
}

static void nothing_from_before_the_start(void **state)
{
	struct replay *replay = cache(100);

	(void)state;
	/* To the microsecond: the second of the start has both. */
	assert_int_equal(replay_check(replay, 1, START - 1, START), ERR_EXPIRED);
	assert_int_equal(replay_check(replay, 1, START, START), ERR_OK);
	replay_destroy(replay);
}

static void window(void **state)
{
	struct replay *replay = cache(100);
	int64_t now = START + 1000 * SECOND;

	(void)state;
	assert_int_equal(replay_check(replay, 1, now - 300 * SECOND, now), ERR_OK);
	assert_int_equal(replay_check(replay, 1, now + 300 * SECOND, now), ERR_OK);
	assert_int_equal(replay_check(replay, 1, now - 302 * SECOND, now), ERR_SKEW);
	assert_int_equal(replay_check(replay, 1, now + 302 * SECOND, now), ERR_SKEW);
	assert_int_equal(replay_check(replay, 1, 0, now), ERR_SKEW);
	assert_int_equal(replay_check(replay, 1, INT64_MIN / 2, now), ERR_SKEW);
	assert_int_equal(replay_check(replay, 1, INT64_MAX / 2, now), ERR_SKEW);
	replay_destroy(replay);
}

/* An authenticator dated ahead is remembered until its own time is over, not ours of seeing it. */
static void remembers_as_long_as_it_could_be_accepted(void **state)
{
	struct replay *replay = cache(1000);
	int64_t ahead = START + 290 * SECOND;

	(void)state;
	assert_int_equal(replay_check(replay, 7, ahead, START), ERR_OK);
	for (int64_t at = 0; at <= 590; at++) {
		int64_t now = START + at * SECOND;

		assert_int_equal(replay_check(replay, 7, ahead, now), ERR_REPLAY);
		assert_int_equal(replay_check(replay, 8, now, now), ERR_OK);
	}
	assert_int_equal(replay_check(replay, 7, ahead, START + 592 * SECOND), ERR_SKEW);
	replay_destroy(replay);
}

static void refuses_when_full_and_recovers(void **state)
{
	struct replay *replay = cache(50);
	int64_t now = START;
	size_t count;
	uint64_t full;

	(void)state;
	for (int64_t i = 0; i < 50; i++)
		assert_int_equal(replay_check(replay, 1, now + i, now), ERR_OK);
	assert_int_equal(replay_check(replay, 1, now + 50, now), ERR_LIMIT);
	/* What it knows it still knows. */
	assert_int_equal(replay_check(replay, 1, now + 49, now), ERR_REPLAY);
	replay_count(replay, &count, &full);
	assert_int_equal(count, 50);
	assert_int_equal(full, 1);
	now += 400 * SECOND;
	assert_int_equal(replay_check(replay, 1, now, now), ERR_OK);
	replay_count(replay, &count, &full);
	assert_int_equal(count, 1);
	replay_destroy(replay);
}

static void grows(void **state)
{
	struct replay *replay = cache(200000);
	int64_t now = START + SECOND;

	(void)state;
	for (int64_t i = 0; i < 60000; i++)
		assert_int_equal(replay_check(replay, (uint64_t)i % 7, now + i * 331, now), ERR_OK);
	for (int64_t i = 0; i < 60000; i++)
		assert_int_equal(
		    replay_check(replay, (uint64_t)i % 7, now + i * 331, now), ERR_REPLAY);
	replay_destroy(replay);
}

/* A clock that steps back is a start: nothing older than the step is fresh. */
static void clock_steps_back(void **state)
{
	struct replay *replay = cache(100);
	int64_t now = START + 7200 * SECOND;

	(void)state;
	assert_int_equal(replay_check(replay, 1, now, now), ERR_OK);
	now -= 3600 * SECOND;
	assert_int_equal(replay_check(replay, 1, now - SECOND, now), ERR_EXPIRED);
	assert_int_equal(replay_check(replay, 1, now + SECOND, now), ERR_OK);
	assert_int_equal(replay_check(replay, 1, now + SECOND, now), ERR_REPLAY);
	/* A small step changes nothing. */
	now -= 10 * SECOND;
	assert_int_equal(replay_check(replay, 1, now + 20 * SECOND, now), ERR_OK);
	assert_int_equal(replay_check(replay, 1, now + 11 * SECOND, now), ERR_REPLAY);
	replay_destroy(replay);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_what_it_saw),
	    cmocka_unit_test(nothing_from_before_the_start),
	    cmocka_unit_test(window),
	    cmocka_unit_test(remembers_as_long_as_it_could_be_accepted),
	    cmocka_unit_test(refuses_when_full_and_recovers),
	    cmocka_unit_test(grows),
	    cmocka_unit_test(clock_steps_back),
	};

	return cmocka_run_group_tests_name("kerberos replay", tests, NULL, NULL);
}
