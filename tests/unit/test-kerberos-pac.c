/* Groups in a PAC: MS-PAC 2.5, on what a domain controller (Samba 4.17) gave for an account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kerberos/pac.h"

#define DOMAIN "S-1-5-21-46980692-804024455-1465754741"

/* Where things stand in it. */
#define RESOURCE_DOMAIN  224
#define RESOURCE_COUNT   228
#define RESOURCE_GROUPS  232
#define FIRST_ATTRIBUTES 328

/* HOSTA$, relative identifier 1103, in groups 515, 1105 and 1106. */
static const char logon_info_hex[] =
    "01100800ccccccccb00100000000000000000200dc9b7dcfbc7bdd01ffffffff"
    "ffffff7fffffffffffffff7faa6b97ccbc7bdd01aa2b01f7857cdd01ffffffff"
    "ffffff7f0c000c00040002000000000008000200000000000c00020000000000"
    "1000020000000000140002000000000018000200010000004f04000003020000"
    "030000001c000200200000000000000000000000000000000000000004000600"
    "200002000e001000240002002800020000000000000000008000000000000000"
    "000000000000000000000000000000000000000000000000010000002c000200"
    "00000000000000000000000006000000000000000600000068006f0073007400"
    "6100240000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "0300000003020000070000005104000007000000520400000700000003000000"
    "0000000002000000440043000800000000000000070000004500580041004d00"
    "50004c00450000000400000001040000000000051500000054decc028770ec2f"
    "75a45d5701000000300002000700000001000000010100000000001201000000";

static struct bytes logon_info(uint8_t octets[1024])
{
	size_t len = strlen(logon_info_hex) / 2;

	for (size_t i = 0; i < len; i++) {
		char pair[3] = {logon_info_hex[2 * i], logon_info_hex[2 * i + 1], '\0'};

		octets[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return bytes_of(octets, len);
}

static enum err find(struct bytes info, const char *text)
{
	struct sid wanted[2];

	assert_int_equal(sid_parse("S-1-5-32-544", &wanted[0]), ERR_OK);
	assert_int_equal(sid_parse(text, &wanted[1]), ERR_OK);
	return pac_find_member(info, wanted, 2);
}

static void members_are_found(void **state)
{
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	assert_int_equal(find(info, DOMAIN "-1103"), ERR_OK); /* itself */
	assert_int_equal(find(info, DOMAIN "-515"), ERR_OK);  /* its primary group */
	assert_int_equal(find(info, DOMAIN "-1105"), ERR_OK);
	assert_int_equal(find(info, DOMAIN "-1106"), ERR_OK);
	assert_int_equal(find(info, "S-1-18-1"), ERR_OK); /* an extra one */
}

static void others_are_not(void **state)
{
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	assert_int_equal(find(info, DOMAIN "-512"), ERR_NOT_FOUND);
	assert_int_equal(find(info, "S-1-5-21-46980692-804024455-1465754742-1105"), ERR_NOT_FOUND);
	assert_int_equal(find(info, DOMAIN), ERR_NOT_FOUND);
	assert_int_equal(pac_find_member(info, NULL, 0), ERR_NOT_FOUND);
}

static void memberships_that_are_off_do_not_count(void **state)
{
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	assert_int_equal(octets[FIRST_ATTRIBUTES + 8], 7);
	octets[FIRST_ATTRIBUTES + 8] = 3; /* not SE_GROUP_ENABLED */
	assert_int_equal(find(info, DOMAIN "-1105"), ERR_NOT_FOUND);
	octets[FIRST_ATTRIBUTES + 8] = 0x17; /* for denials only */
	assert_int_equal(find(info, DOMAIN "-1105"), ERR_NOT_FOUND);
	assert_int_equal(find(info, DOMAIN "-1106"), ERR_OK);
}

/* Groups of the service's own domain, which stand apart. */
static void resource_groups_are_found(void **state)
{
	static const uint8_t more[] = {4, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0,
	    2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0xb0, 4, 0, 0, 7, 0, 0, 0x20};
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	octets[RESOURCE_DOMAIN] = octets[RESOURCE_COUNT] = octets[RESOURCE_GROUPS] = 1;
	assert_int_equal(find(info, "S-1-5-21-1-2-3-1200"), ERR_INVALID);
	memcpy(&octets[info.len], more, sizeof(more));
	info.len += sizeof(more);
	assert_int_equal(find(info, "S-1-5-21-1-2-3-1200"), ERR_OK);
	assert_int_equal(find(info, DOMAIN "-1200"), ERR_NOT_FOUND);
}

static void cut_and_broken_ones_are_refused(void **state)
{
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	for (size_t len = 0; len < info.len; len++) {
		/* Exactly as long, so that reading past the end is noticed. */
		uint8_t *copy = malloc(len > 0 ? len : 1);

		assert_non_null(copy);
		memcpy(copy, octets, len);
		assert_int_equal(find(bytes_of(copy, len), DOMAIN "-1103"), ERR_INVALID);
		free(copy);
	}
	for (size_t i = 0; i < info.len; i++) {
		enum err error;

		octets[i] ^= 0xff;
		error = find(info, DOMAIN "-1103");
		assert_true(error == ERR_OK || error == ERR_INVALID || error == ERR_NOT_FOUND);
		octets[i] ^= 0xff;
	}
	octets[1] = 0; /* big-endian */
	assert_int_equal(find(info, DOMAIN "-1103"), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_are_found),
	    cmocka_unit_test(others_are_not),
	    cmocka_unit_test(memberships_that_are_off_do_not_count),
	    cmocka_unit_test(resource_groups_are_found),
	    cmocka_unit_test(cut_and_broken_ones_are_refused),
	};

	return cmocka_run_group_tests_name("groups in a PAC", tests, NULL, NULL);
}
