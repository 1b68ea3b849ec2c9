/*
 * What is known about each algorithm: sizes and names. Sizes in octets unless named otherwise.
 */
#ifndef CRYPTO_ALGORITHMS_H
#define CRYPTO_ALGORITHMS_H

#include <stddef.h>

#include "base/error.h"
#include "kinkd/ipsec.h"

struct encryption_info {
	const char *name;       /* "aes-gcm-16" */
	uint16_t key_bits[4];   /* allowed sizes, ended by 0; empty when there is no key */
	bool key_bits_variable; /* the size is negotiated */
	uint8_t salt;           /* taken from KEYMAT after the key (RFC 4106 8.1, RFC 7634 2) */
	uint8_t iv;             /* sent in each packet */
	uint8_t block;          /* padding granularity; 1 for stream modes */
	uint8_t icv;            /* of an AEAD, else 0 */
	bool aead;
};

struct integrity_info {
	const char *name; /* "hmac-sha2-256-128" */
	uint8_t key;
	uint8_t icv;
};

/* Never NULL for a value of the enum. */
const struct encryption_info *encryption_info(enum encryption encryption);
const struct integrity_info *integrity_info(enum integrity integrity);

#define SUITE_TEXT_SIZE 40

/* Octets of KEYMAT that one SA of this suite takes. */
size_t suite_key_length(const struct suite *suite);
/* Whether the parts fit together: an AEAD with no integrity, a key size that exists, ... */
bool suite_is_valid(const struct suite *suite);
bool suite_equal(const struct suite *a, const struct suite *b);
/*
 * The short names that administrators know from other daemons: "aes256gcm16", "aes128gcm16",
 * "chacha20poly1305", "aes256-sha256", "aes128-sha1", "null-sha256"; "ah-sha256" for AH;
 * "deflate" for IPComp. With "-esn" behind it a suite has extended sequence numbers, which the
 * parser does not know: whether they are used is not the suite's affair there.
 */
enum err suite_parse(const char *name, struct suite *out) MUST_CHECK;
const char *suite_format(const struct suite *suite, char text[SUITE_TEXT_SIZE]);

/* "modp2048", "ecp256", "curve25519", ...; "none" for DH_NONE. NULL for an unknown number. */
const char *dh_group_name(enum dh_group group);
/* By that name or by number. */
enum err dh_group_parse(const char *name, enum dh_group *out) MUST_CHECK;

#endif
