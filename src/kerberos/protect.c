/* Messages under a session key: checksum, encryption, KEYMAT. RFC 4430 4, 4.2.7, 7, 8. */
#include <errno.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/keymat.h"
#include "kerberos/layout.h"
#include "kerberos/literal-prf.h"
#include "kerberos/private.h"

/* Room for a PRF block, g^xy of the largest group and two nonces. */
#define PRF_INPUT_MAX 2048

/* Of libkrb5's failures, what a peer's octets can cause is a failed check. */
static enum err check_result(krb5_error_code code)
{
	return code == 0 ? ERR_OK : code == ENOMEM ? ERR_NO_MEMORY : ERR_AUTH;
}

static krb5_crypto_iov iov_of(krb5_cryptotype type, void *data, size_t len)
{
	return (krb5_crypto_iov){
	    .flags = type, .data = {.magic = KV5M_DATA, .length = (unsigned)len, .data = data}};
}

/* The parts of a ciphertext, for work in place. */
static void split_sealed(
    const struct session_key *key, uint8_t *sealed, size_t plain_len, krb5_crypto_iov parts[3])
{
	size_t trailer = (size_t)key->lengths.seal_overhead - key->header;

	parts[0] = iov_of(KRB5_CRYPTO_TYPE_HEADER, sealed, key->header);
	parts[1] = iov_of(KRB5_CRYPTO_TYPE_DATA, sealed + key->header, plain_len);
	parts[2] = iov_of(KRB5_CRYPTO_TYPE_TRAILER, sealed + key->header + plain_len, trailer);
}

enum err worker_open(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	krb5_data signed_part = kerberos_data(request->signed_part);
	krb5_checksum checksum = {.magic = KV5M_CHECKSUM,
	    .checksum_type = key->checksum_type,
	    .length = (unsigned)request->checksum.len,
	    .contents = (krb5_octet *)(uintptr_t)request->checksum.data};
	krb5_crypto_iov parts[3];
	krb5_boolean valid = 0;
	size_t plain_len;
	uint8_t *buffer;
	enum err error;

	if (request->checksum.len != key->lengths.checksum)
		return ERR_AUTH;
	error = check_result(krb5_k_verify_checksum(worker->context, key->key,
	    (krb5_keyusage)request->checksum_usage, &signed_part, &checksum, &valid));
	if (error != ERR_OK || !valid)
		return error != ERR_OK ? error : ERR_AUTH;
	if (request->sealed.len == 0)
		return ERR_OK;
	if (request->sealed.len < key->lengths.seal_overhead)
		return ERR_AUTH;
	plain_len = request->sealed.len - key->lengths.seal_overhead;
	buffer = worker_scratch(worker, request->sealed.len);
	if (buffer == NULL)
		return ERR_TOO_LONG;
	memcpy(buffer, request->sealed.data, request->sealed.len);
	split_sealed(key, buffer, plain_len, parts);
	error = check_result(krb5_k_decrypt_iov(
	    worker->context, key->key, (krb5_keyusage)request->encryption_usage, NULL, parts, 3));
	if (error == ERR_OK)
		completion->plain = bytes_of(parts[1].data.data, plain_len);
	return error;
}

struct prf_context {
	krb5_context context;
	const struct session_key *key;
};

/* The pseudo-random function of the session key's etype (RFC 4430 7, RFC 3961 3). */
static enum err kerberos_prf(void *self, const struct bytes *parts, size_t count, uint8_t *out)
{
	struct prf_context *prf = self;
	uint8_t buffer[PRF_INPUT_MAX];
	struct writer joined = writer_of(buffer, sizeof(buffer));
	krb5_data input;
	krb5_data output = {
	    .magic = KV5M_DATA, .length = (unsigned)prf->key->prf_length, .data = (char *)out};
	enum err error = ERR_TOO_LONG;

	for (size_t i = 0; i < count; i++)
		writer_put(&joined, parts[i]);
	if (writer_ok(&joined)) {
		input = kerberos_data(writer_bytes(&joined));
		error = kerberos_err(krb5_k_prf(prf->context, prf->key->key, &input, &output));
	}
	secret_wipe(buffer, joined.len);
	return error;
}

static enum err literal_kerberos_prf(
    void *self, const struct bytes *parts, size_t count, uint8_t *out)
{
	struct prf_context *prf = self;
	uint8_t buffer[PRF_INPUT_MAX];
	struct writer joined = writer_of(buffer, sizeof(buffer));
	krb5_keyblock *key = NULL;
	enum err error;

	for (size_t i = 0; i < count; i++)
		writer_put(&joined, parts[i]);
	error = writer_ok(&joined)
	            ? kerberos_err(krb5_k_key_keyblock(prf->context, prf->key->key, &key))
	            : ERR_TOO_LONG;
	if (error == ERR_OK)
		error =
		    literal_prf(bytes_of(key->contents, key->length), writer_bytes(&joined), out);
	krb5_free_keyblock(prf->context, key);
	secret_wipe(buffer, joined.len);
	return error;
}

/* Those whose PRF can be read in two ways. */
static bool is_ambiguous(krb5_enctype etype)
{
	return etype == ENCTYPE_AES128_CTS_HMAC_SHA1_96 || etype == ENCTYPE_AES256_CTS_HMAC_SHA1_96;
}

static enum err derive(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct prf_context prf = {.context = worker->context, .key = key};
	bool literal =
	    request->literal_prf && is_ambiguous(krb5_k_key_enctype(worker->context, key->key));

	if (request->derivation_count > KERBEROS_DERIVATIONS_MAX)
		return ERR_INVALID;
	for (size_t i = 0; i < request->derivation_count; i++) {
		const struct kerberos_derivation *derivation = &request->derivations[i];
		uint8_t *out = worker_scratch(worker, derivation->length);
		enum err error =
		    out == NULL
			? ERR_TOO_LONG
			: crypto_keymat_expand(literal ? literal_kerberos_prf : kerberos_prf, &prf,
			      literal ? LITERAL_PRF_SIZE : key->prf_length, derivation->seed, out,
			      derivation->length);

		if (error != ERR_OK)
			return error;
		completion->keymat[i] = bytes_of(out, derivation->length);
	}
	completion->keymat_count = request->derivation_count;
	return ERR_OK;
}

void worker_derive_from_plain(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct kerberos_request filled = *request;
	enum err error =
	    request->derivation_count <= KERBEROS_DERIVATIONS_MAX ? ERR_OK : ERR_INVALID;

	for (size_t i = 0; error == ERR_OK && i < request->derivation_count; i++) {
		size_t len = request->derivations[i].seed.len;
		struct writer seed = writer_of(worker_scratch(worker, len), len);

		if (seed.data == NULL ||
		    kerberos_seed(request, i, completion->plain, &seed) != ERR_OK)
			return;
		filled.derivations[i].seed = writer_bytes(&seed);
	}
	if (error == ERR_OK)
		error = derive(worker, key, &filled, completion);
	if (error != ERR_OK)
		(void)problem_set(
		    &completion->problem, error, "deriving keys: %s", err_text(error));
}

/* The message and its checksum. */
static enum err seal(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct bytes ap, struct kerberos_completion *completion)
{
	size_t sealed_len =
	    request->plain.len > 0 ? request->plain.len + key->lengths.seal_overhead : 0;
	size_t total = kerberos_message_length(request, ap, sealed_len);
	uint8_t *buffer = request->ap_offset <= request->head.len
	                      ? worker_scratch(worker, total + key->lengths.checksum)
	                      : NULL;
	struct writer message = writer_of(buffer, total);
	krb5_crypto_iov parts[3];
	size_t sealed_at;
	enum err error;

	if (buffer == NULL)
		return ERR_TOO_LONG;
	error = kerberos_lay_out(request, ap, sealed_len, &message, &sealed_at);
	if (error == ERR_OK && sealed_len > 0) {
		split_sealed(key, buffer + sealed_at, request->plain.len, parts);
		memcpy(parts[1].data.data, request->plain.data, request->plain.len);
		error = kerberos_err(krb5_k_encrypt_iov(worker->context, key->key,
		    (krb5_keyusage)request->encryption_usage, NULL, parts, 3));
	}
	if (error != ERR_OK)
		return error;
	parts[0] = iov_of(KRB5_CRYPTO_TYPE_DATA, buffer, total);
	parts[1] = iov_of(KRB5_CRYPTO_TYPE_CHECKSUM, buffer + total, key->lengths.checksum);
	error = kerberos_err(krb5_k_make_checksum_iov(worker->context, key->checksum_type, key->key,
	    (krb5_keyusage)request->checksum_usage, parts, 2));
	completion->message = writer_bytes(&message);
	completion->checksum = bytes_of(buffer + total, key->lengths.checksum);
	return error;
}

void worker_build(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct bytes ap, struct kerberos_completion *completion)
{
	enum err error = derive(worker, key, request, completion);

	if (error == ERR_OK && request->head.len > 0)
		error = seal(worker, key, request, ap, completion);
	if (error != ERR_OK)
		(void)problem_set(
		    &completion->problem, error, "protecting a message: %s", err_text(error));
}

void worker_protect(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session *session = worker_session(worker, request->session);
	struct kerberos_request plain_request = *request;

	if (session == NULL) {
		(void)problem_set(&completion->problem, ERR_INVALID, "there is no such session");
		return;
	}
	/* There is no AP-REQ to put in. */
	plain_request.ap_offset = 0;
	worker_build(worker, &session->key, &plain_request, (struct bytes){0}, completion);
}
