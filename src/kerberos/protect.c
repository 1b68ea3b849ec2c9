/* Messages under a session key: checksum, encryption, KEYMAT. RFC 4430 4, 4.2.7, 7, 8. */
#include <string.h>

#include "crypto/keymat.h"
#include "kerberos/private.h"

enum err worker_open(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	krb5_data signed_part = kerberos_data(request->signed_part);
	krb5_checksum checksum = {.magic = KV5M_CHECKSUM,
	    .length = (unsigned)request->checksum.len,
	    .contents = (krb5_octet *)(uintptr_t)request->checksum.data};
	krb5_enc_data sealed = {.magic = KV5M_ENC_DATA,
	    .enctype = ENCTYPE_UNKNOWN,
	    .ciphertext = kerberos_data(request->sealed)};
	krb5_data plain = {.magic = KV5M_DATA};
	krb5_boolean valid = 0;

	if (request->checksum.len != key->lengths.checksum)
		return ERR_AUTH;
	if (krb5_k_verify_checksum(worker->context, key->key,
		(krb5_keyusage)request->checksum_usage, &signed_part, &checksum, &valid) != 0 ||
	    !valid)
		return ERR_AUTH;
	if (request->sealed.len == 0)
		return ERR_OK;
	plain.length = (unsigned)request->sealed.len;
	plain.data = (char *)worker_scratch(worker, request->sealed.len);
	if (plain.data == NULL)
		return ERR_TOO_LONG;
	if (krb5_k_decrypt(worker->context, key->key, (krb5_keyusage)request->encryption_usage,
		NULL, &sealed, &plain) != 0)
		return ERR_AUTH;
	completion->plain = bytes_of(plain.data, plain.length);
	return ERR_OK;
}

struct prf_context {
	krb5_context context;
	const struct session_key *key;
};

/* The pseudo-random function of the session key's etype (RFC 4430 7, RFC 3961 3). */
static enum err kerberos_prf(void *self, const struct bytes *parts, size_t count, uint8_t *out)
{
	struct prf_context *prf = self;
	uint8_t buffer[1024];
	struct writer joined = writer_of(buffer, sizeof(buffer));
	krb5_data input;
	krb5_data output = {
	    .magic = KV5M_DATA, .length = (unsigned)prf->key->prf_length, .data = (char *)out};

	for (size_t i = 0; i < count; i++)
		writer_put(&joined, parts[i]);
	if (!writer_ok(&joined))
		return ERR_TOO_LONG;
	input = kerberos_data(writer_bytes(&joined));
	return kerberos_err(krb5_k_prf(prf->context, prf->key->key, &input, &output));
}

static enum err derive(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct prf_context prf = {.context = worker->context, .key = key};

	for (size_t i = 0; i < request->derivation_count; i++) {
		const struct kerberos_derivation *derivation = &request->derivations[i];
		uint8_t *out = worker_scratch(worker, derivation->length);
		enum err error = out == NULL
		                     ? ERR_TOO_LONG
		                     : crypto_keymat_expand(kerberos_prf, &prf, key->prf_length,
					   derivation->seed, out, derivation->length);

		if (error != ERR_OK)
			return error;
		completion->keymat[i] = bytes_of(out, derivation->length);
	}
	completion->keymat_count = request->derivation_count;
	return ERR_OK;
}

/* head | encrypt(plain) | zeros to a multiple of four, and its checksum. */
static enum err seal(struct kerberos_worker *worker, const struct session_key *key,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	size_t sealed_len =
	    request->plain.len > 0 ? request->plain.len + key->lengths.seal_overhead : 0;
	size_t total = (request->head.len + sealed_len + 3) & ~(size_t)3;
	uint8_t *buffer = worker_scratch(worker, total);
	struct writer message = writer_of(buffer, total);
	krb5_data plain = kerberos_data(request->plain);
	krb5_enc_data sealed = {.magic = KV5M_ENC_DATA};
	krb5_data signed_part;
	krb5_checksum checksum;
	enum err error = ERR_OK;

	if (buffer == NULL)
		return ERR_TOO_LONG;
	writer_put(&message, request->head);
	if (sealed_len > 0) {
		sealed.ciphertext.magic = KV5M_DATA;
		sealed.ciphertext.data = (char *)buffer + writer_reserve(&message, sealed_len);
		sealed.ciphertext.length = (unsigned)sealed_len;
		error = kerberos_err(krb5_k_encrypt(worker->context, key->key,
		    (krb5_keyusage)request->encryption_usage, NULL, &plain, &sealed));
	}
	writer_align(&message, 4);
	if (error != ERR_OK || !writer_ok(&message))
		return error != ERR_OK ? error : ERR_TOO_LONG;
	completion->message = writer_bytes(&message);
	signed_part = kerberos_data(completion->message);
	error = kerberos_err(krb5_k_make_checksum(worker->context, 0, key->key,
	    (krb5_keyusage)request->checksum_usage, &signed_part, &checksum));
	if (error != ERR_OK)
		return error;
	completion->checksum = worker_keep(worker, checksum.contents, checksum.length);
	krb5_free_checksum_contents(worker->context, &checksum);
	return completion->checksum.len > 0 ? ERR_OK : ERR_TOO_LONG;
}

void worker_protect(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session *session = worker_session(worker, request->session);
	enum err error = session != NULL ? ERR_OK : ERR_NOT_FOUND;

	if (error == ERR_OK)
		error = derive(worker, &session->key, request, completion);
	if (error == ERR_OK && request->head.len > 0)
		error = seal(worker, &session->key, request, completion);
	if (error != ERR_OK)
		(void)problem_set(
		    &completion->problem, error, "protecting a message: %s", err_text(error));
}
