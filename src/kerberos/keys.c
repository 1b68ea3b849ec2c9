/*
 * Session keys by content: a ticket serves many transactions, and so do the keys that libkrb5
 * derives from its session key and keeps inside a krb5_key (RFC 3961 5.1).
 */
#include <string.h>

#include "base/secret.h"
#include "kerberos/private.h"

#define KEYS_MAX    8192
#define CONTENT_MAX 64

struct known_key {
	uint64_t tag; /* a keyed hash of the content, so that no lookup tells anything about it */
	struct session_key key;
	uint32_t enctype;
	uint8_t content[CONTENT_MAX];
	UT_hash_handle by_tag;
};

static uint64_t tag_of(uint64_t secret, uint32_t enctype, const uint8_t content[CONTENT_MAX])
{
	uint64_t tag = secret ^ enctype;

	for (size_t i = 0; i < CONTENT_MAX; i += sizeof(tag)) {
		uint64_t word;

		memcpy(&word, content + i, sizeof(word));
		tag = (tag ^ word) * 0x9fb21c651e98df25ULL;
		tag = (tag ^ (tag >> 29) ^ secret) * 0xd6e8feb86659fd93ULL;
		tag ^= tag >> 32;
	}
	return tag;
}

/* Eight octets of the PRF over a text that no KEYMAT seed begins with (RFC 2409 5.5: a protocol).
 */
static krb5_error_code measure_mark(krb5_context context, struct session_key *key)
{
	static char text[] = "kinkd session";
	krb5_data input = {.magic = KV5M_DATA, .length = sizeof(text) - 1, .data = text};
	uint8_t block[CONTENT_MAX] = {0};
	krb5_data output = {
	    .magic = KV5M_DATA, .length = (unsigned)key->prf_length, .data = (char *)block};
	krb5_error_code code;

	if (key->prf_length < sizeof(key->mark) || key->prf_length > sizeof(block))
		return KRB5_PROG_ETYPE_NOSUPP;
	code = krb5_k_prf(context, key->key, &input, &output);
	if (code == 0)
		memcpy(&key->mark, block, sizeof(key->mark));
	return code;
}

/*
 * What messages under a key look like. Etypes whose encryption pads have no fixed lengths and are
 * refused; so are those whose required checksum is not keyed (RFC 4430 4).
 */
static krb5_error_code measure(krb5_context context, struct session_key *key)
{
	krb5_enctype etype = krb5_k_key_enctype(context, key->key);
	krb5_data nothing = {.magic = KV5M_DATA, .data = (char[]){0}};
	unsigned header;
	unsigned trailer;
	unsigned padding;
	krb5_checksum checksum;
	krb5_error_code code;

	code = krb5_c_crypto_length(context, etype, KRB5_CRYPTO_TYPE_HEADER, &header);
	if (code == 0)
		code = krb5_c_crypto_length(context, etype, KRB5_CRYPTO_TYPE_TRAILER, &trailer);
	if (code == 0)
		code = krb5_c_crypto_length(context, etype, KRB5_CRYPTO_TYPE_PADDING, &padding);
	if (code == 0 && padding != 0)
		code = KRB5_PROG_ETYPE_NOSUPP;
	if (code == 0)
		code = krb5_c_prf_length(context, etype, &key->prf_length);
	if (code == 0)
		code = measure_mark(context, key);
	/* Type 0 stands for the etype's required mechanism; the result names it. */
	if (code == 0)
		code = krb5_k_make_checksum(context, 0, key->key, 0, &nothing, &checksum);
	if (code != 0)
		return code;
	key->header = (uint16_t)header;
	key->lengths.seal_overhead = (uint16_t)(header + trailer);
	key->lengths.checksum = (uint16_t)checksum.length;
	key->checksum_type = checksum.checksum_type;
	krb5_free_checksum_contents(context, &checksum);
	return krb5_c_is_keyed_cksum(key->checksum_type) ? 0 : KRB5_PROG_SUMTYPE_NOSUPP;
}

static void known_key_free(struct kerberos_worker *worker, struct known_key *known)
{
	krb5_k_free_key(worker->context, known->key.key);
	secret_free(known, sizeof(*known));
}

static void known_key_remove(struct kerberos_worker *worker, struct known_key *known)
{
	HASH_DELETE(by_tag, worker->keys, known);
	known_key_free(worker, known);
}

void worker_keys_clear(struct kerberos_worker *worker)
{
	struct known_key *known;
	struct known_key *next;

	HASH_ITER (by_tag, worker->keys, known, next)
		known_key_remove(worker, known);
}

static enum err known_key_add(
    struct kerberos_worker *worker, const krb5_keyblock *keyblock, struct known_key *known)
{
	krb5_error_code code = krb5_k_create_key(worker->context, keyblock, &known->key.key);

	if (code == 0)
		code = measure(worker->context, &known->key);
	if (code != 0)
		return kerberos_err(code);
	if (HASH_CNT(by_tag, worker->keys) >= KEYS_MAX)
		known_key_remove(worker, worker->keys); /* the oldest */
	HASH_ADD(by_tag, worker->keys, tag, sizeof(known->tag), known);
	return table_holds(&known->by_tag) ? ERR_OK : ERR_NO_MEMORY;
}

static void disclose(struct kerberos_worker *worker, const krb5_keyblock *keyblock,
    krb5_const_principal client, krb5_const_principal server)
{
	char *client_name = NULL;
	char *server_name = NULL;

	if (krb5_unparse_name(worker->context, client, &client_name) == 0 &&
	    krb5_unparse_name(worker->context, server, &server_name) == 0)
		worker->realm->disclose(worker->realm->disclose_context, client_name, server_name,
		    keyblock->enctype, bytes_of(keyblock->contents, keyblock->length));
	krb5_free_unparsed_name(worker->context, client_name);
	krb5_free_unparsed_name(worker->context, server_name);
}

enum err worker_key(struct kerberos_worker *worker, const krb5_keyblock *keyblock,
    krb5_const_principal client, krb5_const_principal server, struct session_key *out)
{
	uint8_t content[CONTENT_MAX] = {0};
	uint32_t enctype = (uint32_t)keyblock->enctype;
	struct known_key *known;
	uint64_t tag;
	enum err error = ERR_OK;

	if (keyblock->length > sizeof(content))
		return ERR_UNSUPPORTED;
	memcpy(content, keyblock->contents, keyblock->length);
	tag = tag_of(worker->key_secret, enctype, content);
	HASH_FIND(by_tag, worker->keys, &tag, sizeof(tag), known);
	if (known != NULL && (known->enctype != enctype ||
				 !secret_equal(known->content, content, sizeof(content)))) {
		known_key_remove(worker, known);
		known = NULL;
	}
	if (known == NULL) {
		known = secret_alloc(sizeof(*known));
		if (known == NULL) {
			error = ERR_NO_MEMORY;
			goto out;
		}
		known->tag = tag;
		known->enctype = enctype;
		memcpy(known->content, content, sizeof(content));
		error = known_key_add(worker, keyblock, known);
		if (error != ERR_OK) {
			known_key_free(worker, known);
			goto out;
		}
		if (worker->realm->disclose != NULL)
			disclose(worker, keyblock, client, server);
	}
	krb5_k_reference_key(worker->context, known->key.key);
	*out = known->key;
out:
	secret_wipe(content, sizeof(content));
	return error;
}
