/* src/daemon/debug-keys: what it writes, and which files it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/algorithms.h"
#include "daemon/debug-keys.h"

static char folder[] = "/tmp/kinkd-debug-keys.XXXXXX";
static char path[sizeof(folder) + 8];
static char other[sizeof(folder) + 8];

static int setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/keys", folder);
	(void)snprintf(other, sizeof(other), "%s/other", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

static enum err try_open(void)
{
	struct debug_keys *keys = NULL;
	struct problem problem = {.code = ERR_OK};
	enum err error = debug_keys_open(path, &keys, &problem);

	debug_keys_close(keys);
	if (error != ERR_OK)
		assert_non_null(strstr(problem.text, path));
	return error;
}

static void make(const char *name, mode_t mode)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fputs("# before\n", file) < 0, 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(name, mode), 0);
}

static void only_a_private_file_is_taken(void **state)
{
	struct stat status;

	(void)state;
	make(other, 0600);
	assert_int_equal(symlink(other, path), 0);
	assert_int_not_equal(try_open(), ERR_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(link(other, path), 0);
	assert_int_equal(try_open(), ERR_REFUSED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_not_equal(try_open(), ERR_OK);
	assert_int_equal(unlink(path), 0);
	make(path, 0640);
	assert_int_equal(try_open(), ERR_REFUSED);
	assert_int_equal(unlink(path), 0);
	(void)umask(0);
	assert_int_equal(try_open(), ERR_OK);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(other), 0);
}

static struct dataplane_sa sa_of(const char *suite, const char *source, const char *destination)
{
	struct dataplane_sa sa = {.direction = IPSEC_OUT, .spi = 0x1a2b};

	assert_int_equal(suite_parse(suite, &sa.suite), ERR_OK);
	assert_int_equal(address_parse(source, &sa.source), ERR_OK);
	assert_int_equal(address_parse(destination, &sa.destination), ERR_OK);
	sa.key_len = (uint16_t)suite_key_length(&sa.suite);
	for (uint16_t i = 0; i < sa.key_len; i++)
		sa.key[i] = (uint8_t)i;
	return sa;
}

static void lines_are_wiresharks(void **state)
{
	static const char expected[] =
	    "# before\n"
	    "\"IPv4\",\"10.0.0.1\",\"10.0.0.2\",\"0x00001a2b\",\"AES-GCM with 16 octet ICV "
	    "[RFC4106]\",\"0x000102030405060708090a0b0c0d0e0f10111213\",\"NULL\",\"\"\n"
	    "\"IPv6\",\"2001:db8::1\",\"2001:db8::2\",\"0x00001a2b\",\"AES-CBC [RFC3602]\","
	    "\"0x000102030405060708090a0b0c0d0e0f\",\"HMAC-SHA-1-96 [RFC2404]\","
	    "\"0x101112131415161718191a1b1c1d1e1f20212223\"\n"
	    "\"IPv4\",\"10.0.0.1\",\"10.0.0.2\",\"0x00001a2b\",\"NULL\",\"\","
	    "\"HMAC-SHA-1-96 [RFC2404]\",\"0x000102030405060708090a0b0c0d0e0f10111213\"\n"
	    "# no SA that Wireshark decrypts: ah-sha1 10.0.0.1 10.0.0.2 0x00001a2b "
	    "000102030405060708090a0b0c0d0e0f10111213\n"
	    "# kink-key 18 0001 a?b@R kink/c@R\n";
	char found[2048] = {0};
	struct debug_keys *keys = NULL;
	struct problem problem;
	struct dataplane_sa sa;
	FILE *file;

	(void)state;
	make(path, 0600);
	assert_int_equal(debug_keys_open(path, &keys, &problem), ERR_OK);
	sa = sa_of("aes128gcm16", "10.0.0.1", "10.0.0.2");
	debug_keys_sa(keys, &sa);
	sa = sa_of("aes128-sha1", "2001:db8::1", "2001:db8::2");
	debug_keys_sa(keys, &sa);
	sa = sa_of("null-sha1", "10.0.0.1", "10.0.0.2");
	debug_keys_sa(keys, &sa);
	sa = sa_of("ah-sha1", "10.0.0.1", "10.0.0.2");
	debug_keys_sa(keys, &sa);
	debug_keys_session(keys, "a\nb@R", "kink/c@R", 18, bytes_of((const uint8_t[]){0, 1}, 2));
	debug_keys_close(keys);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_not_equal(fread(found, 1, sizeof(found) - 1, file), 0);
	(void)fclose(file);
	assert_string_equal(found, expected);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_a_private_file_is_taken),
	    cmocka_unit_test(lines_are_wiresharks),
	};

	return cmocka_run_group_tests_name("debug-keys", tests, setup, teardown);
}
