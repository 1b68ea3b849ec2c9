/* kinkd's command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/options.h"

static struct options options;
static int status;

/* Words after the program's name, ended by NULL. What it prints is not looked at. */
static bool parse(const char *first, ...)
{
	char *words[8] = {(char *)"kinkd"};
	int count = 1;
	va_list rest;

	va_start(rest, first);
	for (const char *word = first; word != NULL; word = va_arg(rest, const char *))
		words[count++] = (char *)word;
	va_end(rest);
	optind = 0;
	status = -1;
	return options_parse(count, words, &options, &status);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_true(parse(NULL));
	assert_string_equal(options.config_path, SYSCONFDIR "/kinkd/kinkd.conf");
	assert_false(options.test);
	assert_false(options.debug);
}

static void test_short_and_long(void **state)
{
	(void)state;
	assert_true(parse("-c", "/tmp/x", "-t", "-d", NULL));
	assert_string_equal(options.config_path, "/tmp/x");
	assert_true(options.test);
	assert_true(options.debug);
	assert_true(parse("--config=/tmp/y", "--test", "--debug", NULL));
	assert_string_equal(options.config_path, "/tmp/y");
	assert_true(options.test);
	assert_true(options.debug);
}

static void test_help_and_version_end_well(void **state)
{
	(void)state;
	assert_false(parse("--help", NULL));
	assert_int_equal(status, DAEMON_OK);
	assert_false(parse("--version", NULL));
	assert_int_equal(status, DAEMON_OK);
}

static void test_wrong_usage(void **state)
{
	(void)state;
	assert_false(parse("--no-such", NULL));
	assert_int_equal(status, DAEMON_USAGE);
	assert_false(parse("-c", NULL));
	assert_int_equal(status, DAEMON_USAGE);
	assert_false(parse("start", NULL));
	assert_int_equal(status, DAEMON_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_short_and_long),
	    cmocka_unit_test(test_help_and_version_end_well),
	    cmocka_unit_test(test_wrong_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
