/* The PRF as RFC 3961 and RFC 3962 write it: their vectors, and libkrb5's own PRF next to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <krb5.h>
#include <openssl/evp.h>

#include "kerberos/literal-prf.h"

/* RFC 3961 A.1. */
static void folds_are_those_of_the_rfc(void **state)
{
	static const struct {
		const char *input;
		size_t bits;
		uint8_t folded[24];
	} vectors[] = {
	    {"012345", 64, {0xbe, 0x07, 0x26, 0x31, 0x27, 0x6b, 0x19, 0x55}},
	    {"password", 56, {0x78, 0xa0, 0x7b, 0x6c, 0xaf, 0x85, 0xfa}},
	    {"Rough Consensus, and Running Code", 64,
		{0xbb, 0x6e, 0xd3, 0x08, 0x70, 0xb7, 0xf0, 0xe0}},
	    {"Q", 168,
		{0x51, 0x8a, 0x54, 0xa2, 0x15, 0xa8, 0x45, 0x2a, 0x51, 0x8a, 0x54, 0xa2, 0x15, 0xa8,
		    0x45, 0x2a, 0x51, 0x8a, 0x54, 0xa2, 0x15}},
	    {"kerberos", 128,
		{0x6b, 0x65, 0x72, 0x62, 0x65, 0x72, 0x6f, 0x73, 0x7b, 0x9b, 0x5b, 0x2b, 0x93, 0x13,
		    0x2b, 0x93}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t out[24];

		literal_prf_fold(
		    bytes_of(vectors[i].input, strlen(vectors[i].input)), out, vectors[i].bits / 8);
		assert_memory_equal(out, vectors[i].folded, vectors[i].bits / 8);
	}
}

/* RFC 3962 appendix B. */
static void ciphertext_is_stolen_as_in_the_rfc(void **state)
{
	static const char key[] = "chicken teriyaki";
	static const char text[] = "I would like the General Gau's C";
	static const uint8_t short_one[] = {0xc6, 0x35, 0x35, 0x68, 0xf2, 0xbf, 0x8c, 0xb4, 0xd8,
	    0xa5, 0x80, 0x36, 0x2d, 0xa7, 0xff, 0x7f, 0x97};
	static const uint8_t whole[] = {0x39, 0x31, 0x25, 0x23, 0xa7, 0x86, 0x62, 0xd5, 0xbe, 0x7f,
	    0xcb, 0xcc, 0x98, 0xeb, 0xf5, 0xa8, 0x97, 0x68, 0x72, 0x68, 0xd6, 0xec, 0xcc, 0xc0,
	    0xc0, 0x7b, 0x25, 0xe2, 0x5e, 0xcf, 0xe5, 0x84};
	uint8_t out[32];

	(void)state;
	assert_int_equal(literal_prf_encrypt(bytes_of(key, 16), bytes_of(text, 17), out), ERR_OK);
	assert_memory_equal(out, short_one, sizeof(short_one));
	assert_int_equal(literal_prf_encrypt(bytes_of(key, 16), bytes_of(text, 32), out), ERR_OK);
	assert_memory_equal(out, whole, sizeof(whole));
	assert_int_equal(
	    literal_prf_encrypt(bytes_of(key, 16), bytes_of(text, 16), out), ERR_INVALID);
}

static void one_block(struct bytes key, const uint8_t in[16], uint8_t out[16])
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int len;

	assert_int_equal(
	    EVP_EncryptInit_ex(context, key.len == 16 ? EVP_aes_128_ecb() : EVP_aes_256_ecb(), NULL,
		key.data, NULL),
	    1);
	assert_int_equal(EVP_EncryptUpdate(context, out, &len, in, 16), 1);
	EVP_CIPHER_CTX_free(context);
}

/* libkrb5's is one block, of the hash cut to that, under the same derived key. */
static void the_key_is_libkrb5s(void **state)
{
	static const krb5_enctype etypes[] = {
	    ENCTYPE_AES128_CTS_HMAC_SHA1_96, ENCTYPE_AES256_CTS_HMAC_SHA1_96};
	static char text[] = "what is hashed";
	krb5_context context;

	(void)state;
	assert_int_equal(krb5_init_context(&context), 0);
	for (size_t i = 0; i < 2; i++) {
		krb5_keyblock key;
		krb5_data input = {.length = sizeof(text), .data = text};
		uint8_t theirs[16], derived[LITERAL_KEY_MAX], hash[20], ours[16];
		uint8_t literal[LITERAL_PRF_SIZE];
		krb5_data output = {.length = sizeof(theirs), .data = (char *)theirs};

		assert_int_equal(krb5_c_make_random_key(context, etypes[i], &key), 0);
		assert_int_equal(krb5_c_prf(context, &key, &input, &output), 0);
		assert_int_equal(
		    literal_prf_key(bytes_of(key.contents, key.length), derived), ERR_OK);
		assert_int_equal(EVP_Digest(text, sizeof(text), hash, NULL, EVP_sha1(), NULL), 1);
		one_block(bytes_of(derived, key.length), hash, ours);
		assert_memory_equal(ours, theirs, sizeof(theirs));
		/* The stolen octets are those of that block; the rest depends on the whole hash. */
		assert_int_equal(literal_prf(bytes_of(key.contents, key.length),
				     bytes_of(text, sizeof(text)), literal),
		    ERR_OK);
		assert_memory_equal(&literal[16], theirs, 4);
		krb5_free_keyblock_contents(context, &key);
	}
	krb5_free_context(context);
}

static void other_keys_are_refused(void **state)
{
	static const uint8_t key[24] = {1};
	uint8_t out[LITERAL_PRF_SIZE];

	(void)state;
	assert_int_equal(
	    literal_prf(bytes_of(key, sizeof(key)), bytes_of("x", 1), out), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(folds_are_those_of_the_rfc),
	    cmocka_unit_test(ciphertext_is_stolen_as_in_the_rfc),
	    cmocka_unit_test(the_key_is_libkrb5s),
	    cmocka_unit_test(other_keys_are_refused),
	};

	return cmocka_run_group_tests_name("literal PRF", tests, NULL, NULL);
}
