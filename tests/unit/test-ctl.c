/* kinkctl's command line and its numbers for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctl.h"

static void test_durations(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {{-5, "0 s"}, {0, "0 s"}, {59, "59 s"}, {60, "1 min"}, {3599, "59 min"},
	    {3600, "1 h"}, {3659, "1 h"}, {11520, "3 h 12 min"}, {35999, "9 h 59 min"},
	    {36000, "10 h"}, {172799, "47 h"}, {172800, "2 d"}, {INT64_MAX, "106751991167300 d"}};
	char text[FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(format_duration(cases[i].seconds, text), cases[i].text);
}

static void test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 KiB"}, {1536, "1.5 KiB"},
	    {102400, "100 KiB"}, {1048575, "1.0 MiB"}, {1288490188, "1.2 GiB"},
	    {UINT64_MAX, "16.0 EiB"}};
	char text[FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(format_bytes(cases[i].bytes, text), cases[i].text);
}

static void test_controls_do_not_reach_the_terminal(void **state)
{
	char text[] = "a\033[2Jb\nc\x7f\xc3\xa9";

	(void)state;
	assert_string_equal(format_plain(text), "a?[2Jb?c?\xc3\xa9");
}

static struct arguments arguments;
static int status;

static bool parse(const char *first, ...)
{
	char *words[12] = {(char *)"kinkctl"};
	int count = 1;
	va_list rest;

	va_start(rest, first);
	for (const char *word = first; word != NULL; word = va_arg(rest, const char *))
		words[count++] = (char *)word;
	va_end(rest);
	json_decref(arguments.request);
	status = -1;
	return arguments_parse(count, words, &arguments, &status);
}

static const char *requested(const char *name)
{
	return json_string_value(json_object_get(arguments.request, name));
}

static void test_command(void **state)
{
	(void)state;
	assert_true(parse("status", NULL));
	assert_int_equal(arguments.command, CONTROL_STATUS);
	assert_string_equal(requested("command"), "status");
	assert_false(arguments.json);
	assert_string_equal(arguments.socket, RUNSTATEDIR "/kinkd/kinkd.ctl");
	assert_true(parse("-s", "/tmp/s", "sa", "--json", NULL));
	assert_string_equal(arguments.socket, "/tmp/s");
	assert_int_equal(arguments.command, CONTROL_SA);
	assert_true(arguments.json);
	assert_true(parse("--socket=/tmp/t", "peers", NULL));
	assert_string_equal(arguments.socket, "/tmp/t");
}

static void test_arguments_of_a_command(void **state)
{
	(void)state;
	assert_true(parse("initiate", "10.0.0.2", "--policy", "realm", "--no-wait", NULL));
	assert_string_equal(requested("remote"), "10.0.0.2");
	assert_string_equal(requested("policy"), "realm");
	assert_true(json_is_true(json_object_get(arguments.request, "no-wait")));
	assert_true(parse("terminate", "--spi=0x100", NULL));
	assert_string_equal(requested("spi"), "0x100");
	assert_null(json_object_get(arguments.request, "all"));
}

static void test_wrong_usage(void **state)
{
	(void)state;
	assert_false(parse(NULL));
	assert_int_equal(status, CTL_USAGE);
	assert_false(parse("no-such", NULL));
	assert_int_equal(status, CTL_USAGE);
	assert_false(parse("--no-such", NULL));
	assert_int_equal(status, CTL_USAGE);
	assert_false(parse("status", "10.0.0.2", NULL));
	assert_int_equal(status, CTL_USAGE);
	assert_false(parse("status", "--all", NULL));
	assert_int_equal(status, CTL_USAGE);
	assert_false(parse("initiate", "10.0.0.2", "10.0.0.3", NULL));
	assert_int_equal(status, CTL_USAGE);
	assert_false(parse("terminate", "--spi", NULL));
	assert_int_equal(status, CTL_USAGE);
	assert_false(parse("-s", NULL));
	assert_int_equal(status, CTL_USAGE);
}

static void test_help_and_version_end_well(void **state)
{
	(void)state;
	assert_false(parse("--help", NULL));
	assert_int_equal(status, CTL_OK);
	assert_false(parse("initiate", "--help", NULL));
	assert_int_equal(status, CTL_OK);
	assert_false(parse("--version", NULL));
	assert_int_equal(status, CTL_OK);
}

/* What stands in the table can be asked for on the command line. */
static void test_every_command_is_known(void **state)
{
	(void)state;
	for (int i = 0; i < CONTROL_COMMAND_COUNT; i++) {
		assert_true(parse(control_commands[i].name, NULL));
		assert_int_equal(arguments.command, i);
	}
}

static int teardown(void **state)
{
	(void)state;
	json_decref(arguments.request);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_controls_do_not_reach_the_terminal),
	    cmocka_unit_test(test_command),
	    cmocka_unit_test(test_arguments_of_a_command),
	    cmocka_unit_test(test_wrong_usage),
	    cmocka_unit_test(test_help_and_version_end_well),
	    cmocka_unit_test(test_every_command_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
