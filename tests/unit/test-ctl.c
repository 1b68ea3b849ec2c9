/* kinkctl's command line, and what it shows to people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

static void test_some_terminals_obey_c1_controls(void **state)
{
	char text[] = "\xc2\x9b"
		      "2J\xc2\xa0";

	(void)state;
	assert_string_equal(format_plain(text), "??2J\xc2\xa0");
}

/* --- what is printed ---------------------------------------------------------------------- */

static char *printed;
static size_t printed_size;
static FILE *real_stdout;

static void print_begin(void)
{
	free(printed);
	real_stdout = stdout;
	stdout = open_memstream(&printed, &printed_size);
	assert_non_null(stdout);
}

static const char *print_end(void)
{
	(void)fclose(stdout);
	stdout = real_stdout;
	return printed;
}

static const char *const headings[] = {"A", "LONG", "LAST"};

static void test_columns_are_as_wide_as_their_widest_cell(void **state)
{
	struct table *table = table_new(headings, 3);

	(void)state;
	table_add(table, "wider", 0);
	table_add(table, NULL, 0);
	table_add(table, "as long as it likes", 0);
	table_add(table, "\xc3\xa9", 0); /* one column, two octets */
	table_add(table, "x\033", 31);
	table_add(table, "z", 0);
	print_begin();
	table_print(table, false);
	assert_string_equal(print_end(), "A      LONG  LAST\n"
					 "wider  -     as long as it likes\n"
					 "\xc3\xa9      x?    z\n");
}

static void test_colours_take_no_width(void **state)
{
	struct table *table = table_new(headings, 3);

	(void)state;
	table_add(table, "red", 31);
	table_add(table, "b", 0);
	table_add(table, "c", 0);
	print_begin();
	table_print(table, true);
	assert_string_equal(print_end(),
	    "\033[1mA\033[0m    \033[1mLONG\033[0m  \033[1mLAST\033[0m\n"
	    "\033[31mred\033[0m  b     c\n");
}

/* Lines are given with ' for the " of JSON. */
static const char *shown(int command, const char *lines)
{
	char *json = strdup(lines);
	json_t *array;

	assert_non_null(json);
	for (char *c = json; *c != '\0'; c++) {
		if (*c == '\'')
			*c = '"';
	}
	array = json_loads(json, 0, NULL);
	free(json);
	assert_non_null(array);
	print_begin();
	show(command, array);
	json_decref(array);
	return print_end();
}

static void test_status(void **state)
{
	(void)state;
	assert_string_equal(
	    shown(CONTROL_STATUS,
		"[{'kind': 'daemon', 'version': '1', 'uptime': 60, 'dataplane': 'record',"
		" 'dataplane_why': 'as configured', 'principal': 'A$@TEST', 'ticket_end': 0,"
		" 'kdc_answered': 0, 'realm_problem': 'the KDC\\nis away'},"
		"{'kind': 'connection', 'policy': 'p', 'peer': 'm', 'state': 'idle'},"
		"{'kind': 'connection', 'policy': 'p', 'peer': 'm', 'remote': '192.0.2.2',"
		" 'principal': 'B$@TEST', 'method': 'kink', 'state': 'established', 'since': 61,"
		" 'bytes_in': 1024, 'bytes_out': 0, 'next': 'rekey', 'next_in': 7200},"
		"{'kind': 'connection', 'policy': 'p', 'peer': 'm', 'remote': '192.0.2.3',"
		" 'principal': null, 'method': null, 'state': 'failed', 'since': 5,"
		" 'next': 'retry', 'next_in': 9, 'reason': 'no answer'}]"),
	    "kinkd 1  up 1 min  data plane: record (as configured)\n"
	    "realm TEST as A$@TEST\n"
	    "realm: the KDC?is away\n"
	    "\n"
	    "POLICY  PEER               BY    STATE        SINCE  IN       OUT  NEXT\n"
	    "p       m                  -     idle         -      -        -    -\n"
	    "p       192.0.2.2 B$@TEST  kink  established  1 min  1.0 KiB  0 B  rekey in 2 h\n"
	    "p       192.0.2.3          -     failed       5 s    -        -    "
	    "retry in 9 s: no answer\n");
}

static void test_selectors(void **state)
{
	(void)state;
	assert_string_equal(
	    shown(CONTROL_POLICY,
		"[{'kind': 'policy', 'name': 'a', 'protect': 'bypass', 'automatic': true,"
		" 'local_selector': '::/0', 'remote_selector': '::/0', 'protocol': 17,"
		" 'remote_ports': '53', 'esp': []},"
		"{'kind': 'policy', 'name': 'b', 'protect': 'require', 'peer': 'm',"
		" 'automatic': false, 'mode': 'tunnel', 'local_selector': '10.0.0.0/8',"
		" 'remote_selector': '10.1.0.0/16', 'protocol': 47, 'esp': ['x', 'y']}]"),
	    "POLICY  PROTECT  PEER  MODE    LOCAL       REMOTE                   ESP   BY\n"
	    "a       bypass   -     -       ::/0        ::/0 port 53 udp         -     kinkd\n"
	    "b       require  m     tunnel  10.0.0.0/8  10.1.0.0/16 protocol 47  x, y  file\n");
}

/* --- the command line --------------------------------------------------------------------- */

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
	assert_true(parse("-s/tmp/u", "--json", "peers", NULL));
	assert_string_equal(arguments.socket, "/tmp/u");
	assert_true(arguments.json);
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
	assert_true(parse("terminate", "--all", "--", "2001:db8::2", NULL));
	assert_true(json_is_true(json_object_get(arguments.request, "all")));
	assert_string_equal(requested("remote"), "2001:db8::2");
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
	assert_false(parse("status", "--json=x", NULL));
	assert_int_equal(status, CTL_USAGE);
	assert_false(parse("initiate", "10.0.0.2", "--policy", "\xff", NULL));
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
	free(printed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_controls_do_not_reach_the_terminal),
	    cmocka_unit_test(test_some_terminals_obey_c1_controls),
	    cmocka_unit_test(test_columns_are_as_wide_as_their_widest_cell),
	    cmocka_unit_test(test_colours_take_no_width),
	    cmocka_unit_test(test_status),
	    cmocka_unit_test(test_selectors),
	    cmocka_unit_test(test_command),
	    cmocka_unit_test(test_arguments_of_a_command),
	    cmocka_unit_test(test_wrong_usage),
	    cmocka_unit_test(test_help_and_version_end_well),
	    cmocka_unit_test(test_every_command_is_known),
	};

	(void)setenv("NO_COLOR", "1", 1);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
