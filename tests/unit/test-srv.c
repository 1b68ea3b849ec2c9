/* src/daemon/srv: SRV records in a DNS answer, written by hand from RFC 1035 4.1 and RFC 2782. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/srv.h"

static const uint8_t answer[] = {
    0x12, 0x34, 0x81, 0x80, /* identifier, flags */
    0, 1, 0, 3, 0, 0, 0, 0, /* one question, three answers */
    9, '_', 'k', 'e', 'r', 'b', 'e', 'r', 'o', 's', 4, '_', 'u', 'd', 'p', 2, 'e', 'x', 0, 0, 33, 0,
    1,                                  /* SRV IN */
    0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, /* the question's name, SRV IN, for a minute */
    0, 12, 0, 0, 0, 100, 0, 88,         /* length, priority, weight, port */
    3, 'k', 'd', 'c', 0xc0, 27,         /* kdc.ex */
    0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1,           /* an address among them */
    0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 7, 0, 0, 0, 0, 0, 88, 0, /* no such service */
};

struct found {
	char text[200];
	int count;
};

static void note(void *context, const char *host_and_port)
{
	struct found *found = context;

	(void)snprintf(found->text, sizeof(found->text), "%s", host_and_port);
	found->count++;
}

static void records_are_found(void **state)
{
	struct found found = {0};

	(void)state;
	assert_int_equal(srv_read(bytes_of(answer, sizeof(answer)), note, &found), ERR_OK);
	assert_int_equal(found.count, 1);
	assert_string_equal(found.text, "kdc.ex:88");
}

static void cut_answers_are_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(answer); len++) {
		struct found found = {0};

		assert_int_equal(srv_read(bytes_of(answer, len), note, &found), ERR_INVALID);
	}
}

/* A pointer that leads to itself must not hold us up. */
static void loops_end(void **state)
{
	uint8_t looped[sizeof(answer)];
	struct found found = {0};

	(void)state;
	memcpy(looped, answer, sizeof(answer));
	looped[58] = 57;
	assert_int_equal(looped[57], 0xc0);
	assert_int_equal(srv_read(bytes_of(looped, sizeof(looped)), note, &found), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_are_found),
	    cmocka_unit_test(cut_answers_are_refused),
	    cmocka_unit_test(loops_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
