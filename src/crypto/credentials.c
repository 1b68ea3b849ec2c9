/* The credentials seam's work: describe, sign, verify, encrypt, decrypt. */
#include "crypto/credentials.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/secret.h"
#include "crypto/credentials-files.h"
#include "crypto/rsa-encryption.h"
#include "crypto/signature.h"

/* Seconds between looks at the files. */
#define LOOK_INTERVAL 10

struct credentials {
	struct credentials_settings settings;
	struct credentials_material material;
	uint64_t fingerprint;
	int64_t looked;       /* POSIX time; 0: never */
	struct problem stale; /* why changed files are not in use; ERR_OK: they are */
};

enum err credentials_load(
    const struct credentials_settings *settings, struct credentials **out, struct problem *problem)
{
	struct credentials *credentials = secret_alloc(sizeof(*credentials));
	enum err error;

	if (credentials == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	credentials->settings = *settings;
	credentials->fingerprint = credentials_fingerprint(settings);
	error = credentials_material_read(settings, &credentials->material, problem);
	if (error == ERR_OK)
		*out = credentials;
	else
		credentials_free(credentials);
	return error;
}

void credentials_check(
    const struct credentials *credentials, int64_t now, credentials_report report, void *context)
{
	credentials_material_check(
	    &credentials->settings, &credentials->material, now, report, context);
}

void credentials_free(struct credentials *credentials)
{
	if (credentials == NULL)
		return;
	credentials_material_clear(&credentials->material);
	secret_free(credentials, sizeof(*credentials));
}

static void refresh(struct credentials *credentials, int64_t now)
{
	struct credentials_material fresh;
	uint64_t fingerprint;

	if (now >= credentials->looked && now - credentials->looked < LOOK_INTERVAL)
		return;
	credentials->looked = now;
	fingerprint = credentials_fingerprint(&credentials->settings);
	if (fingerprint == credentials->fingerprint)
		return;
	credentials->fingerprint = fingerprint;
	credentials->stale.code = ERR_OK;
	if (credentials_material_read(&credentials->settings, &fresh, &credentials->stale) !=
	    ERR_OK)
		return;
	credentials->stale.code = ERR_OK;
	credentials_material_clear(&credentials->material);
	credentials->material = fresh;
}

/* What one request works with. */
struct work {
	struct credentials *set;
	const struct credentials_material *material;
	const struct credentials_request *request;
	struct credentials_values *values;
	struct credentials_completion *done;
	STACK_OF(X509) * others; /* what the peer sent, as far as it can be read */
};

/* Copies octets to where they live as long as the completion. */
static enum err keep(struct work *work, struct bytes octets, struct bytes *out)
{
	uint8_t *place = work->values->octets + work->values->used;

	if (octets.len > sizeof(work->values->octets) - work->values->used)
		return problem_set(&work->done->problem, ERR_TOO_LONG,
		    "certificates and names take more than %zu octets",
		    sizeof(work->values->octets));
	if (octets.len > 0)
		memcpy(place, octets.data, octets.len);
	work->values->used += octets.len;
	*out = bytes_of(place, octets.len);
	return ERR_OK;
}

static enum err keep_certificate(struct work *work, X509 *certificate)
{
	struct credentials_completion *done = work->done;
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);
	enum err error = ERR_NO_MEMORY;

	if (len > 0)
		error = keep(
		    work, bytes_of(der, (size_t)len), &done->certificates[done->certificate_count]);
	if (error == ERR_OK)
		done->certificate_count++;
	OPENSSL_free(der);
	return error;
}

static enum err keep_chain(struct work *work)
{
	enum err error = ERR_OK;

	for (int i = 0; i < sk_X509_num(work->material->chain) && error == ERR_OK; i++)
		error = keep_certificate(work, sk_X509_value(work->material->chain, i));
	return error;
}

static enum err need_key(struct work *work)
{
	return work->material->key != NULL
	           ? ERR_OK
	           : problem_set(&work->done->problem, ERR_NOT_FOUND,
			 "peer \"%s\" has no certificate and key of ours in the file",
			 work->request->set);
}

static bool is_subject(const X509 *certificate, const struct ike_identity *identity)
{
	struct ike_identity subject = {IKE_IDENTITY_DN, certificate_subject(certificate)};

	return ike_identity_is(&subject, identity);
}

/* Written in a file, a distinguished name does not say how its strings are encoded. */
static struct ike_identity own_identity(const struct work *work, uint8_t data[IKE_IDENTITY_MAX])
{
	const X509 *certificate = sk_X509_value(work->material->chain, 0);

	return is_subject(certificate, &work->request->identity)
	           ? (struct ike_identity){IKE_IDENTITY_DN, certificate_subject(certificate)}
	           : certificate_identity(certificate, data);
}

static enum err describe(struct work *work)
{
	const STACK_OF(X509) *authorities = trust_authorities(work->material->trust);
	struct credentials_completion *done = work->done;
	uint8_t data[IKE_IDENTITY_MAX];
	enum err error = keep_chain(work);

	done->scheme = work->material->scheme;
	for (int i = 0; i < sk_X509_num(authorities) && error == ERR_OK &&
			done->authority_count < CREDENTIALS_AUTHORITIES_MAX;
	     i++)
		error = keep(work, certificate_subject(sk_X509_value(authorities, i)),
		    &done->authorities[done->authority_count++]);
	if (error == ERR_OK && sk_X509_num(work->material->chain) > 0) {
		done->identity = own_identity(work, data);
		error = keep(work, done->identity.data, &done->identity.data);
	}
	return error;
}

static enum err sign(struct work *work)
{
	uint8_t signature[CREDENTIALS_SIGNATURE_MAX];
	size_t len = 0;
	enum err error = need_key(work);

	if (error == ERR_OK)
		error = signature_make(work->material->key, work->request->scheme,
		    work->request->hash, signature, &len);
	if (error == ERR_UNSUPPORTED)
		return problem_set(&work->done->problem, error,
		    "our key for peer \"%s\" is for %s, not for %s", work->request->set,
		    signature_scheme_name(work->material->scheme),
		    signature_scheme_name(work->request->scheme));
	if (error == ERR_OK)
		error = keep(work, bytes_of(signature, len), &work->done->signature);
	return error == ERR_OK ? keep_chain(work) : error;
}

static void name_subject(struct work *work, const X509 *certificate)
{
	work->done->subject = certificate_name(certificate, work->values->subject);
}

static X509 *sent_for(const struct work *work, const struct ike_identity *identity)
{
	for (int i = 0; i < sk_X509_num(work->others); i++) {
		if (certificate_is_for(sk_X509_value(work->others, i), identity))
			return sk_X509_value(work->others, i);
	}
	return NULL;
}

static enum err no_certificate(struct work *work)
{
	char claimed[IKE_IDENTITY_TEXT_SIZE];
	char name[IKE_IDENTITY_TEXT_SIZE];
	const X509 *first = sk_X509_num(work->others) > 0 ? sk_X509_value(work->others, 0) : NULL;

	(void)ike_identity_format(&work->request->identity, claimed);
	if (first == NULL)
		return problem_set(&work->done->problem, ERR_NOT_FOUND,
		    "the peer claims to be %.100s and sent no certificate, nor has its entry one",
		    claimed);
	if (is_subject(first, &work->request->identity))
		return problem_set(&work->done->problem, ERR_AUTH,
		    "the peer claims to be %.120s, but its certificate has that name in other "
		    "octets (RFC 4945 3.1.5): let it take its identity from the certificate",
		    claimed);
	return problem_set(&work->done->problem, ERR_AUTH,
	    "the peer claims to be %.100s, but the certificate that it sent is for %.120s and does "
	    "not have that identity (RFC 4945 3.1)",
	    claimed, certificate_name(first, name));
}

static enum err check_trust(struct work *work, X509 *certificate, enum certificate_use use)
{
	struct problem *problem = &work->done->problem;
	enum err error = trust_check(
	    work->material->trust, certificate, work->others, use, work->request->now, problem);

	if (error != ERR_OK && work->set->stale.code != ERR_OK) {
		struct problem first = *problem;

		(void)problem_set(problem, error,
		    "%.150s. The files have changed and cannot be read: %s", first.text,
		    work->set->stale.text);
	}
	return error;
}

static enum err signed_with(const struct work *work, X509 *certificate)
{
	const struct credentials_request *request = work->request;

	return signature_check(
	    X509_get0_pubkey(certificate), request->scheme, request->hash, request->signature);
}

static enum err verify(struct work *work)
{
	const struct credentials_request *request = work->request;
	X509 *certificate = sent_for(work, &request->identity);
	enum err error;

	if (certificate == NULL)
		certificate = trust_peer(work->material->trust, &request->identity);
	if (certificate == NULL) {
		/* It is the peer, then, and claims to be somebody else. */
		work->done->matched = sk_X509_num(work->others) > 0 &&
		                      signed_with(work, sk_X509_value(work->others, 0)) == ERR_OK;
		return no_certificate(work);
	}
	name_subject(work, certificate);
	error = signed_with(work, certificate);
	if (error == ERR_UNSUPPORTED)
		return problem_set(&work->done->problem, error,
		    "the key of the certificate %.160s is not one for %s", work->done->subject,
		    signature_scheme_name(request->scheme));
	if (error != ERR_OK)
		return problem_set(&work->done->problem, error,
		    "the signature was not made with the key of the certificate %.160s",
		    work->done->subject);
	work->done->matched = true;
	return check_trust(work, certificate, CERTIFICATE_SIGNS);
}

/* Whom to encrypt to. What the entry names comes first: the peer cannot choose. */
static enum err choose_recipient(struct work *work, X509 **out)
{
	const struct trust *trust = work->material->trust;

	*out = trust_peer(trust, &work->request->identity);
	if (*out == NULL)
		*out = sent_for(work, &work->request->identity);
	work->done->matched = *out != NULL;
	if (*out == NULL)
		*out = trust_any_peer(trust);
	if (*out == NULL)
		return no_certificate(work);
	name_subject(work, *out);
	return check_trust(work, *out, CERTIFICATE_ENCRYPTS);
}

static enum err encrypt(struct work *work)
{
	const struct credentials_request *request = work->request;
	struct credentials_completion *done = work->done;
	uint8_t sealed[CREDENTIALS_RSA_BITS_MAX / 8];
	X509 *certificate;
	size_t len;
	enum err error = choose_recipient(work, &certificate);

	for (size_t i = 0; i < request->part_count && error == ERR_OK; i++) {
		error = rsa_encrypt(X509_get0_pubkey(certificate), request->parts[i], sealed, &len);
		if (error != ERR_OK)
			return problem_set(&done->problem, error,
			    "%zu octets cannot be encrypted with the key of the certificate "
			    "%.160s: "
			    "%s",
			    request->parts[i].len, done->subject, err_text(error));
		error = keep(work, bytes_of(sealed, len), &done->parts[i]);
		done->part_count++;
	}
	return error == ERR_OK ? keep_certificate(work, certificate) : error;
}

static enum err decrypt(struct work *work)
{
	const struct credentials_request *request = work->request;
	struct credentials_completion *done = work->done;
	uint8_t plain[CREDENTIALS_RSA_BITS_MAX / 8];
	enum err error = need_key(work);
	size_t room = error == ERR_OK ? rsa_encryption_room(work->material->key) : 0;

	if (error == ERR_OK && room == 0)
		return problem_set(&done->problem, ERR_UNSUPPORTED,
		    "our key for peer \"%s\" is no RSA key and cannot decrypt", request->set);
	for (size_t i = 0; i < request->part_count && error == ERR_OK; i++) {
		size_t max = request->part_max[i] < room ? request->part_max[i] : room;
		size_t len;

		error = rsa_decrypt(
		    work->material->key, request->parts[i], request->part_min[i], max, plain, &len);
		if (error == ERR_OK)
			error = keep(work, bytes_of(plain, len), &done->parts[i]);
		done->part_count++;
	}
	secret_wipe(plain, sizeof(plain));
	return error == ERR_OK ? keep_chain(work) : error;
}

static STACK_OF(X509) * read_sent(const struct credentials_request *request)
{
	STACK_OF(X509) *sent = sk_X509_new_null();

	for (size_t i = 0; i < request->certificate_count; i++) {
		X509 *certificate = certificate_of(request->certificates[i]);

		if (certificate != NULL && sk_X509_push(sent, certificate) <= 0)
			X509_free(certificate);
	}
	return sent;
}

void credentials_run(struct credentials *credentials, const struct credentials_request *request,
    struct credentials_values *values, struct credentials_completion *completion)
{
	static enum err (*const operations[])(struct work *) = {
	    [CREDENTIALS_DESCRIBE] = describe,
	    [CREDENTIALS_SIGN] = sign,
	    [CREDENTIALS_VERIFY] = verify,
	    [CREDENTIALS_ENCRYPT] = encrypt,
	    [CREDENTIALS_DECRYPT] = decrypt,
	};
	struct work work = {
	    .set = credentials, .request = request, .values = values, .done = completion};
	enum err error;

	values->used = 0;
	*completion = (struct credentials_completion){
	    .operation = request->operation, .token = request->token, .subject = ""};
	if (credentials == NULL) {
		(void)problem_set(&completion->problem, ERR_NOT_FOUND,
		    "peer \"%s\" has no certificates in the file", request->set);
		return;
	}
	refresh(credentials, request->now);
	work.material = &credentials->material;
	work.others = read_sent(request);
	error = operations[request->operation](&work);
	sk_X509_pop_free(work.others, X509_free);
	ERR_clear_error();
	if (error != ERR_OK && completion->problem.code == ERR_OK)
		(void)problem_set(&completion->problem, error, "%s", err_text(error));
}
