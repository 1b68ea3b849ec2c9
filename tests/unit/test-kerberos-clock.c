/*
 * Authenticators' times when libkrb5's clock leaps between two of its looks, as it does at the end
 * of each second: none is dated ahead, and no two are dated alike (RFC 4120 5.5.1).
 */
#include "kerberos.h"

#include <sys/time.h>
#include <time.h>

static struct host a;
static struct host b;
static int looks_until_leap; /* counts down; 0: it has leapt */
static int leap_s;           /* 0: the clock does not leap */

/* In place of the C library's, for libkrb5 alone: the Kerberos room has its own way to the clock.
 */
int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec real;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &real);
	now->tv_sec = real.tv_sec;
	now->tv_usec = (suseconds_t)(real.tv_nsec / 1000);
	if (leap_s != 0 && (looks_until_leap == 0 || --looks_until_leap == 0))
		now->tv_sec += leap_s;
	return 0;
}

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

static int64_t wall_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void test_leap(void **state)
{
	static struct message message;
	struct kerberos_completion completion;
	int64_t before;

	(void)state;
	/* With the ticket in the cache the only looks are those for an authenticator. */
	assert_int_equal(host_request(&a, PRINCIPAL_B, &completion), ERR_OK);
	for (int looks = 1; looks <= 8; looks++) {
		before = wall_us();
		looks_until_leap = looks;
		leap_s = 20;
		message_command(&a, "x", &message);
		leap_s = 0;
		assert_int_equal(message_accept(&b, &message, &completion), ERR_OK);
		assert_in_range(completion.authenticator_us, before, wall_us());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_leap),
	};

	return cmocka_run_group_tests_name("Kerberos clock", tests, start, stop);
}
