/* src/base: reader and writer, addresses, timers, handles, token bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/sid.h"
#include "base/slots.h"
#include "base/timers.h"

static void reader_stops_at_the_end(void **state)
{
	const uint8_t octets[] = {1, 2, 3, 4, 5, 6, 7};
	struct reader r = reader_of(bytes_of(octets, sizeof(octets)));

	(void)state;
	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_left(&r), 4);
	assert_int_equal(reader_u32(&r), 0x04050607);
	assert_true(reader_ok(&r));
	assert_int_equal(reader_u8(&r), 0);
	assert_false(reader_ok(&r));
	/* Failure sticks, even for what would fit. */
	assert_int_equal(reader_take(&r, 0).len, 0);
	assert_int_equal(reader_left(&r), 0);
}

static void reader_refuses_lengths_that_overflow(void **state)
{
	const uint8_t octets[] = {1, 2};
	struct reader r = reader_of(bytes_of(octets, sizeof(octets)));

	(void)state;
	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_take(&r, SIZE_MAX).len, 0);
	assert_false(reader_ok(&r));
}

static void writer_patches_only_what_was_written(void **state)
{
	uint8_t buffer[8];
	struct writer w = writer_of(buffer, sizeof(buffer));
	size_t offset;

	(void)state;
	writer_u8(&w, 0xaa);
	offset = writer_reserve(&w, 2);
	writer_u8(&w, 0xbb);
	writer_align(&w, 4);
	assert_int_equal(w.len, 4);
	writer_patch_u16(&w, offset, 0x1234);
	assert_true(writer_ok(&w));
	assert_memory_equal(buffer, "\xaa\x12\x34\xbb", 4);
	writer_patch_u32(&w, 1, 0);
	assert_false(writer_ok(&w));
}

static void writer_overrun_writes_nothing(void **state)
{
	uint8_t buffer[4] = {9, 9, 9, 9};
	struct writer w = writer_of(buffer, 3);

	(void)state;
	writer_u16(&w, 0x0102);
	writer_u16(&w, 0x0304);
	assert_false(writer_ok(&w));
	writer_u8(&w, 5);
	assert_int_equal(w.len, 2);
	assert_memory_equal(buffer, "\x01\x02\x09\x09", 4);
}

static void prefixes_parse_and_print(void **state)
{
	static const struct {
		const char *text;
		const char *printed; /* NULL: refused */
	} cases[] = {
	    {"10.0.0.0/8", "10.0.0.0/8"},
	    {"10.0.0.1", "10.0.0.1/32"},
	    {"0.0.0.0/0", "0.0.0.0/0"},
	    {"2001:db8::/32", "2001:db8::/32"},
	    {"2001:db8::1", "2001:db8::1/128"},
	    {"10.0.0.1/8", NULL},
	    {"10.0.0.0/33", NULL},
	    {"10.0.0.0/", NULL},
	    {"10.0.0.0/-1", NULL},
	    {"10.0.0.0/8x", NULL},
	    {"10.0.0", NULL},
	    {"", NULL},
	    {"example.test", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix prefix;
		char text[PREFIX_TEXT_SIZE];
		enum err error = prefix_parse(cases[i].text, &prefix);

		assert_int_equal(error == ERR_OK, cases[i].printed != NULL);
		if (cases[i].printed != NULL)
			assert_string_equal(prefix_format(&prefix, text), cases[i].printed);
	}
}

static struct address address(const char *text)
{
	struct address parsed;

	assert_int_equal(address_parse(text, &parsed), ERR_OK);
	return parsed;
}

static void ranges_become_prefixes_where_they_are(void **state)
{
	struct address_range range = {address("10.0.0.0"), address("10.0.0.255")};
	struct address_range crooked = {address("10.0.0.1"), address("10.0.0.4")};
	struct address inside = address("10.0.0.77");
	struct address outside = address("10.0.1.0");
	struct address other = address("::ffff:10.0.0.77");
	struct prefix prefix;
	char text[RANGE_TEXT_SIZE];

	(void)state;
	assert_int_equal(range_to_prefix(&range, &prefix), ERR_OK);
	assert_int_equal(prefix.bits, 24);
	assert_int_equal(range_to_prefix(&crooked, &prefix), ERR_INVALID);
	assert_string_equal(range_format(&crooked, text), "10.0.0.1-10.0.0.4");
	assert_true(range_contains(&range, &inside));
	assert_false(range_contains(&range, &outside));
	assert_false(range_contains(&range, &other));
	assert_true(range_contains_range(&range, &crooked));
	assert_false(range_contains_range(&crooked, &range));
}

static void socket_addresses_round_trip(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::5"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct endpoint endpoint = {.address = address(texts[i]), .port = 910};
		struct endpoint back;
		struct sockaddr_storage storage;

		(void)endpoint_to_sockaddr(&endpoint, &storage);
		assert_int_equal(
		    endpoint_from_sockaddr((struct sockaddr *)&storage, &back), ERR_OK);
		assert_true(endpoint_equal(&endpoint, &back));
	}
}

struct timed {
	struct timer timer;
	unsigned number;
};

struct firing {
	unsigned fired;
	uint64_t last_due;
};

static void note_firing(struct timer *timer, void *context)
{
	struct firing *firing = context;

	assert_true(timer->due_ms >= firing->last_due);
	assert_false(timer_is_set(timer));
	firing->last_due = timer->due_ms;
	firing->fired++;
}

/* Against the definition: after any mixture of set, move and cancel, all due ones fire in order. */
static void timers_fire_in_order(void **state)
{
	enum { COUNT = 500 };
	struct timed *timed = calloc(COUNT, sizeof(*timed));
	struct timers timers;
	struct firing firing = {0};
	unsigned random = 1;
	unsigned expected = 0;

	(void)state;
	timers_init(&timers);
	for (int i = 0; i < 20 * COUNT; i++) {
		struct timer *timer;

		random = random * 1103515245U + 12345U;
		timer = &timed[(random >> 8) % COUNT].timer;
		if (random >> 31)
			timers_cancel(&timers, timer);
		else
			assert_int_equal(
			    timers_set(&timers, timer, random % 1000, note_firing, &firing),
			    ERR_OK);
	}
	for (int i = 0; i < COUNT; i++)
		expected += timer_is_set(&timed[i].timer) && timed[i].timer.due_ms <= 600;
	timers_run(&timers, 600);
	assert_int_equal(firing.fired, expected);
	assert_true(timers_next(&timers) > 600);
	timers_clear(&timers);
	assert_int_equal(timers_next(&timers), TIMERS_NEVER);
	free(timed);
}

static void stale_handles_find_nothing(void **state)
{
	struct slots slots = {0};
	int items[3];
	uint64_t first;
	uint64_t second;
	uint64_t third;
	uint32_t cursor = 0;

	(void)state;
	assert_int_equal(slots_add(&slots, &items[0], &first), ERR_OK);
	assert_int_equal(slots_add(&slots, &items[1], &second), ERR_OK);
	assert_ptr_equal(slots_get(&slots, first), &items[0]);
	slots_remove(&slots, first);
	assert_null(slots_get(&slots, first));
	assert_int_equal(slots_add(&slots, &items[2], &third), ERR_OK);
	assert_int_not_equal(third, first);
	assert_null(slots_get(&slots, first));
	slots_remove(&slots, first);
	assert_ptr_equal(slots_get(&slots, third), &items[2]);
	assert_null(slots_get(&slots, 0));
	assert_true(first >> SLOTS_HANDLE_BITS == 0);
	assert_non_null(slots_next(&slots, &cursor));
	assert_non_null(slots_next(&slots, &cursor));
	assert_null(slots_next(&slots, &cursor));
	slots_clear(&slots);
}

static void limit_refills(void **state)
{
	struct limit limit;

	(void)state;
	limit_init(&limit, 2, 10, 1000);
	assert_true(limit_take(&limit, 1000));
	assert_true(limit_take(&limit, 1000));
	assert_false(limit_take(&limit, 1000));
	assert_false(limit_take(&limit, 1050));
	assert_int_equal(limit.suppressed, 2);
	assert_true(limit_take(&limit, 1100));
	assert_false(limit_take(&limit, 1100));
	/* However long it was quiet, no more than the burst. */
	assert_true(limit_take(&limit, UINT64_MAX / 2));
	assert_true(limit_take(&limit, UINT64_MAX / 2));
	assert_false(limit_take(&limit, UINT64_MAX / 2));
}

static void problems_are_cut_not_overrun(void **state)
{
	struct problem problem;
	char text[2 * sizeof(problem.text)];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(problem_set(&problem, ERR_AUTH, "%s", text), ERR_AUTH);
	assert_int_equal(strlen(problem.text), sizeof(problem.text) - 1);
	assert_int_equal(problem_set(NULL, ERR_LIMIT, "unused"), ERR_LIMIT);
	for (int code = 0; code <= ERR_COUNT; code++)
		assert_true(strlen(err_text((enum err)code)) > 0);
}

static void secrets_compare(void **state)
{
	(void)state;
	assert_true(secret_equal("abc", "abc", 3));
	assert_false(secret_equal("abc", "abd", 3));
	assert_false(secret_equal("xbc", "abc", 3));
	assert_true(secret_equal("a", "b", 0));
}

static void names_of_levels_and_areas(void **state)
{
	enum log_level level;
	enum log_area area;

	(void)state;
	for (int i = 0; i < LOG_AREA_COUNT; i++) {
		assert_int_equal(log_area_parse(log_area_name((enum log_area)i), &area), ERR_OK);
		assert_int_equal(area, i);
	}
	assert_int_equal(log_level_parse("notice", &level), ERR_OK);
	assert_int_equal(level, LOG_LEVEL_NOTICE);
	assert_int_equal(log_level_parse("loud", &level), ERR_NOT_FOUND);
}

static void sids_parse_and_print(void **state)
{
	static const char *const good[] = {"S-1-5-21-46980692-804024455-1465754741-1105",
	    "S-1-18-1", "S-1-0-0", "S-1-281474976710655-4294967295",
	    "S-1-1-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15"};
	static const char *const bad[] = {"", "S-1", "S-1-5", "S-2-5-32", "s-1-5-32", "S-1-5-",
	    "S-1-5-32-", "S-1-5-032", "S-1--5-32", "S-1-5-4294967296", "S-1-281474976710656-1",
	    "S-1-5-32 ", "S-1-1-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16", "S-1-5-+3",
	    "EXAMPLE\\group"};
	static const uint8_t octets[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0};
	char text[SID_TEXT_SIZE];
	struct sid sid;
	struct sid other;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(sid_parse(good[i], &sid), ERR_OK);
		assert_string_equal(sid_format(&sid, text), good[i]);
	}
	assert_int_equal(sid_in_domain(&sid, 1, &other), ERR_TOO_LONG);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sid_parse(bad[i], &sid), ERR_INVALID);
	assert_int_equal(sid_decode(bytes_of(octets, sizeof(octets)), &sid), ERR_OK);
	assert_string_equal(sid_format(&sid, text), "S-1-5-32-544");
	assert_int_equal(sid_decode(bytes_of(octets, sizeof(octets) - 1), &other), ERR_INVALID);
	assert_int_equal(sid_parse("S-1-5-32", &other), ERR_OK);
	assert_int_equal(sid_in_domain(&other, 544, &other), ERR_OK);
	assert_true(sid_equal(&sid, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reader_stops_at_the_end),
	    cmocka_unit_test(reader_refuses_lengths_that_overflow),
	    cmocka_unit_test(writer_patches_only_what_was_written),
	    cmocka_unit_test(writer_overrun_writes_nothing),
	    cmocka_unit_test(prefixes_parse_and_print),
	    cmocka_unit_test(ranges_become_prefixes_where_they_are),
	    cmocka_unit_test(socket_addresses_round_trip),
	    cmocka_unit_test(timers_fire_in_order),
	    cmocka_unit_test(stale_handles_find_nothing),
	    cmocka_unit_test(limit_refills),
	    cmocka_unit_test(problems_are_cut_not_overrun),
	    cmocka_unit_test(secrets_compare),
	    cmocka_unit_test(names_of_levels_and_areas),
	    cmocka_unit_test(sids_parse_and_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
