/* The debugging key file. Each line leaves in one write, so that threads need no lock. */
#include "daemon/debug-keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "crypto/algorithms.h"

#define LINE_MAX_SIZE 2048

struct debug_keys {
	int descriptor;
};

struct line {
	char text[LINE_MAX_SIZE];
	size_t len;
};

/* As Wireshark 4.0 and later call them; what it cannot decrypt has no name. */
static const char *const encryption_names[ENCRYPTION_COUNT] = {
    [ENCRYPTION_NULL] = "NULL",
    [ENCRYPTION_AES_CBC] = "AES-CBC [RFC3602]",
    [ENCRYPTION_AES_GCM_16] = "AES-GCM with 16 octet ICV [RFC4106]",
};

static const char *const integrity_names[INTEGRITY_COUNT] = {
    [INTEGRITY_NONE] = "NULL",
    [INTEGRITY_HMAC_SHA1_96] = "HMAC-SHA-1-96 [RFC2404]",
    [INTEGRITY_HMAC_SHA2_256_128] = "HMAC-SHA-256-128 [RFC4868]",
    [INTEGRITY_HMAC_SHA2_384_192] = "HMAC-SHA-384-192 [RFC4868]",
    [INTEGRITY_HMAC_SHA2_512_256] = "HMAC-SHA-512-256 [RFC4868]",
};

enum err debug_keys_open(const char *path, struct debug_keys **out, struct problem *problem)
{
	struct debug_keys *keys = calloc(1, sizeof(*keys));
	struct stat status;

	if (keys == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	*out = keys;
	/* Without blocking: it may be a FIFO. */
	keys->descriptor = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	    S_IRUSR | S_IWUSR);
	if (keys->descriptor < 0 || fstat(keys->descriptor, &status) != 0)
		return problem_set(problem, ERR_SYSTEM,
		    "daemon.debug_keys: %s cannot be opened: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_nlink != 1 ||
	    (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return problem_set(problem, ERR_REFUSED,
		    "daemon.debug_keys: %s is not a plain file that only its owner, who runs "
		    "kinkd, "
		    "can read: remove it, or name another",
		    path);
	return ERR_OK;
}

void debug_keys_close(struct debug_keys *keys)
{
	if (keys == NULL)
		return;
	if (keys->descriptor >= 0)
		(void)close(keys->descriptor);
	free(keys);
}

static void __attribute__((format(printf, 2, 3))) add(struct line *line, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(line->text + line->len, sizeof(line->text) - line->len, format, arguments);
	va_end(arguments);
	line->len += len > 0 ? (size_t)len : 0;
	if (line->len >= sizeof(line->text))
		line->len = sizeof(line->text) - 1;
}

static void add_hex(struct line *line, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add(line, "%02x", octets[i]);
}

/* Peers choose names: nothing in them may begin a line of its own. */
static void add_name(struct line *line, const char *name)
{
	for (; *name != '\0'; name++)
		add(line, "%c", (unsigned char)*name > ' ' && *name != 0x7f ? *name : '?');
}

/* What a full disk takes away is only missed in Wireshark. */
static void put(const struct debug_keys *keys, struct line *line)
{
	add(line, "\n");
	(void)!write(keys->descriptor, line->text, line->len);
	secret_wipe(line, sizeof(*line));
}

void debug_keys_sa(struct debug_keys *keys, const struct dataplane_sa *sa)
{
	struct line line = {.len = 0};
	char source[ADDRESS_TEXT_SIZE];
	char destination[ADDRESS_TEXT_SIZE];
	char suite[SUITE_TEXT_SIZE];
	const char *encryption = encryption_names[sa->suite.encryption];
	size_t integrity_len = integrity_info(sa->suite.integrity)->key;
	size_t cipher_len;

	if (sa->key_len < integrity_len || sa->key_len > sizeof(sa->key))
		return;
	cipher_len = sa->key_len - integrity_len;
	(void)address_format(&sa->source, source);
	(void)address_format(&sa->destination, destination);
	if (sa->suite.protocol != IPSEC_ESP || encryption == NULL) {
		add(&line, "# no SA that Wireshark decrypts: %s %s %s 0x%08" PRIx32 " ",
		    suite_format(&sa->suite, suite), source, destination, sa->spi);
		add_hex(&line, sa->key, sa->key_len);
		put(keys, &line);
		return;
	}
	add(&line, "\"IPv%d\",\"%s\",\"%s\",\"0x%08" PRIx32 "\",\"%s\",\"%s", sa->source.family,
	    source, destination, sa->spi, encryption, cipher_len > 0 ? "0x" : "");
	add_hex(&line, sa->key, cipher_len);
	add(&line, "\",\"%s\",\"%s", integrity_names[sa->suite.integrity],
	    integrity_len > 0 ? "0x" : "");
	add_hex(&line, sa->key + cipher_len, integrity_len);
	add(&line, "\"");
	put(keys, &line);
}

void debug_keys_session(
    void *self, const char *client, const char *server, int32_t etype, struct bytes key)
{
	const struct debug_keys *keys = self;
	struct line line = {.len = 0};

	add(&line, "# kink-key %" PRId32 " ", etype);
	add_hex(&line, key.data, key.len);
	add(&line, " ");
	add_name(&line, client);
	add(&line, " ");
	add_name(&line, server);
	put(keys, &line);
}
