/*
 * Security contexts of GSS-API's Kerberos mechanism: RFC 4121, for etypes that it is about. A
 * context has two tokens, AP-REQ and AP-REP, and then wraps messages.
 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "kerberos/gss-token.h"
#include "kerberos/private.h"

/* Key usages: RFC 4121 2. */
#define USAGE_ACCEPTOR_SEAL  22
#define USAGE_INITIATOR_SEAL 24

/* Our AP-REP has a subkey and a sequence number of ours. */
#define ACCEPTOR_FLAGS (KRB5_AUTH_CONTEXT_DO_SEQUENCE | KRB5_AUTH_CONTEXT_USE_SUBKEY)

struct gss_context {
	krb5_key key;
	bool acceptor;        /* we are */
	bool acceptor_subkey; /* the key is the acceptor's */
	uint64_t sequence;    /* of our next message */
};

void gss_context_free(struct kerberos_worker *worker, struct gss_context *gss)
{
	if (gss == NULL)
		return;
	krb5_k_free_key(worker->context, gss->key);
	free(gss);
}

/* Earlier etypes have formats of their own: RFC 1964, RFC 4757. */
static bool is_of_rfc4121(krb5_enctype etype)
{
	switch (etype) {
	case ENCTYPE_AES128_CTS_HMAC_SHA1_96:
	case ENCTYPE_AES256_CTS_HMAC_SHA1_96:
	case ENCTYPE_AES128_CTS_HMAC_SHA256_128:
	case ENCTYPE_AES256_CTS_HMAC_SHA384_192:
	case ENCTYPE_CAMELLIA128_CTS_CMAC:
	case ENCTYPE_CAMELLIA256_CTS_CMAC:
		return true;
	default:
		return false;
	}
}

/* Subkeys go before the ticket's key, the acceptor's first: RFC 4121 2. */
static enum err open_context(struct kerberos_worker *worker, struct session *session,
    krb5_auth_context context, bool acceptor, bool acceptor_subkey)
{
	struct gss_context *gss = calloc(1, sizeof(*gss));
	krb5_int32 sequence = 0;

	if (gss == NULL)
		return ERR_NO_MEMORY;
	gss->acceptor = acceptor;
	gss->acceptor_subkey = acceptor_subkey;
	if (krb5_auth_con_getrecvsubkey_k(worker->context, context, &gss->key) != 0 ||
	    krb5_auth_con_getlocalseqnumber(worker->context, context, &sequence) != 0) {
		gss_context_free(worker, gss);
		return ERR_SYSTEM;
	}
	if (gss->key == NULL) {
		gss->key = session->key.key;
		krb5_k_reference_key(worker->context, gss->key);
	}
	gss->sequence = (uint32_t)sequence;
	if (!is_of_rfc4121(krb5_k_key_enctype(worker->context, gss->key))) {
		gss_context_free(worker, gss);
		return ERR_UNSUPPORTED;
	}
	session->gss = gss;
	return ERR_OK;
}

static enum err context_problem(enum err error, const char *peer, struct problem *problem)
{
	return problem_set(problem, error, "no GSS-API context with %s can be made: %s", peer,
	    error == ERR_UNSUPPORTED ? "its key has an old encryption type; use aes"
				     : err_text(error));
}

/* Our token, around what is in completion->ap. */
static enum err frame(
    struct kerberos_worker *worker, enum gss_token_id id, struct kerberos_completion *completion)
{
	size_t capacity = completion->ap.len + GSS_FRAME_MAX;
	uint8_t *octets = worker_scratch(worker, capacity);
	struct writer token = writer_of(octets, octets != NULL ? capacity : 0);

	gss_put_token(&token, id, completion->ap);
	if (!writer_ok(&token))
		return problem_set(
		    &completion->problem, ERR_TOO_LONG, "a token of GSS-API is too long");
	completion->ap = writer_bytes(&token);
	return ERR_OK;
}

void worker_gss_request(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session *session;

	worker_request(worker, request, completion);
	if (completion->problem.code != ERR_OK)
		return;
	session = slots_get(&worker->sessions, completion->session);
	if (frame(worker, GSS_TOKEN_AP_REQ, completion) == ERR_OK) {
		session->unanswered = true;
		return;
	}
	worker_session_free(worker, session);
	completion->session = KERBEROS_SESSION_NONE;
}

/* What the initiator asks for stands in its authenticator's checksum: RFC 4121 4.1.1. */
static enum err check_flags(
    struct kerberos_worker *worker, krb5_auth_context context, struct problem *problem)
{
	krb5_authenticator *authenticator;
	const krb5_checksum *checksum;
	uint32_t flags = 0;
	const uint32_t wanted = GSS_FLAG_MUTUAL | GSS_FLAG_INTEGRITY;

	if (krb5_auth_con_getauthenticator(worker->context, context, &authenticator) != 0)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	checksum = authenticator->checksum;
	if (checksum != NULL && checksum->checksum_type == GSS_CHECKSUM_TYPE &&
	    checksum->length >= GSS_CHECKSUM_MIN)
		flags = checksum->contents[GSS_CHECKSUM_FLAGS_AT];
	krb5_free_authenticator(worker->context, authenticator);
	if ((flags & wanted) == wanted)
		return ERR_OK;
	return problem_set(problem, ERR_AUTH,
	    "the AP-REQ is none of GSS-API's that asks for mutual authentication and integrity");
}

/* The ticket and its authenticator are genuine. */
static void accept_context(struct kerberos_worker *worker, krb5_auth_context context,
    const krb5_ticket *ticket, krb5_flags options, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session_key key = {0};
	struct session *session;
	enum err error = worker_key(
	    worker, ticket->enc_part2->session, ticket->enc_part2->client, ticket->server, &key);

	if (error != ERR_OK) {
		(void)context_problem(error, completion->client, &completion->problem);
		return;
	}
	if (check_flags(worker, context, &completion->problem) != ERR_OK ||
	    worker_admit(worker, ticket, options, key.mark, completion) != 0 ||
	    krb5_auth_con_setflags(worker->context, context, ACCEPTOR_FLAGS) != 0) {
		krb5_k_free_key(worker->context, key.key);
		return;
	}
	worker_make_ap_rep(worker, context, completion);
	if (completion->problem.code != ERR_OK ||
	    frame(worker, GSS_TOKEN_AP_REP, completion) != ERR_OK) {
		krb5_k_free_key(worker->context, key.key);
		return;
	}
	completion->membership = worker_membership(worker, ticket, false, request);
	error = worker_session_add(worker, &key, &session);
	if (error != ERR_OK) {
		(void)context_problem(error, completion->client, &completion->problem);
		return;
	}
	error = open_context(worker, session, context, true, true);
	if (error == ERR_OK) {
		completion->session = session->handle;
		return;
	}
	(void)context_problem(error, completion->client, &completion->problem);
	worker_session_free(worker, session);
}

void worker_gss_accept(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	krb5_auth_context context = NULL;
	krb5_ticket *ticket = NULL;
	krb5_flags options = 0;
	struct bytes ap_req;
	uint16_t id;

	if (gss_take_token(request->ap, &id, &ap_req) != ERR_OK || id != GSS_TOKEN_AP_REQ) {
		(void)problem_set(&completion->problem, ERR_INVALID,
		    "a token is none of Kerberos with an AP-REQ (RFC 4121 4.1)");
		return;
	}
	if (worker_read_ap_req(worker, ap_req, &context, &options, &ticket, completion) == ERR_OK)
		accept_context(worker, context, ticket, options, request, completion);
	/* There is no place for a KRB-ERROR. */
	completion->reply_error = (struct bytes){0};
	krb5_free_ticket(worker->context, ticket);
	if (context != NULL)
		(void)krb5_auth_con_free(worker->context, context);
}

static enum err read_ap_rep(struct kerberos_worker *worker, struct session *session,
    struct bytes octets, struct problem *problem)
{
	krb5_auth_context context = session->authenticators[0].context;
	krb5_data data = kerberos_data(octets);
	krb5_ap_rep_enc_part *part = NULL;
	bool subkey;

	if (krb5_rd_rep(worker->context, context, &data, &part) != 0)
		return problem_set(problem, ERR_AUTH, "the token is not the answer of %s to ours",
		    session->ticket->name);
	subkey = part->subkey != NULL;
	krb5_free_ap_rep_enc_part(worker->context, part);
	return open_context(worker, session, context, false, subkey);
}

/* What a KRB-ERROR says, which nothing proves. */
static void read_error(
    struct kerberos_worker *worker, struct bytes octets, struct kerberos_completion *completion)
{
	krb5_data data = kerberos_data(octets);
	krb5_error *error = NULL;

	if (krb5_rd_error(worker->context, &data, &error) != 0) {
		(void)problem_set(&completion->problem, ERR_INVALID, "the KRB-ERROR is malformed");
		return;
	}
	completion->remote_error = (int32_t)error->error;
	kerberos_remote_problem(error, &completion->problem);
	krb5_free_error(worker->context, error);
}

void worker_gss_verify(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct session *session = worker_session(worker, request->session);
	struct bytes message;
	uint16_t id;
	enum err error;

	if (session == NULL || session->authenticator_count != 1 || session->gss != NULL) {
		(void)problem_set(&completion->problem, ERR_INVALID, "there is no such session");
		return;
	}
	if (gss_take_token(request->ap, &id, &message) != ERR_OK ||
	    (id != GSS_TOKEN_AP_REP && id != GSS_TOKEN_ERROR)) {
		(void)problem_set(&completion->problem, ERR_INVALID,
		    "a token is none of Kerberos with an AP-REP (RFC 4121 4.1)");
		return;
	}
	if (id == GSS_TOKEN_ERROR) {
		read_error(worker, message, completion);
		return;
	}
	error = read_ap_rep(worker, session, message, &completion->problem);
	if (error == ERR_OK)
		session->unanswered = false;
	else if (completion->problem.code == ERR_OK)
		(void)context_problem(error, session->ticket->name, &completion->problem);
}

static struct gss_context *context_of(struct kerberos_worker *worker,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	const struct session *session = worker_session(worker, request->session);

	if (session != NULL && session->gss != NULL)
		return session->gss;
	(void)problem_set(&completion->problem, ERR_INVALID, "there is no such context");
	return NULL;
}

/* header | encrypt(plain | header): RFC 4121 4.2.4, without filler or rotation. */
static enum err wrap(
    struct kerberos_worker *worker, struct gss_context *gss, struct bytes plain, struct bytes *out)
{
	struct gss_wrap header = {.sequence = gss->sequence,
	    .flags = (uint8_t)(GSS_WRAP_SEALED | (gss->acceptor ? GSS_WRAP_BY_ACCEPTOR : 0) |
			       (gss->acceptor_subkey ? GSS_WRAP_ACCEPTOR_SUBKEY : 0))};
	size_t inner_len = plain.len + GSS_WRAP_HEADER;
	uint8_t *inner_octets = worker_scratch(worker, inner_len);
	struct writer inner = writer_of(inner_octets, inner_octets != NULL ? inner_len : 0);
	struct writer token;
	krb5_data input;
	krb5_enc_data sealed = {.magic = KV5M_ENC_DATA};
	size_t sealed_len;
	uint8_t *octets;
	enum err error;

	writer_put(&inner, plain);
	gss_put_wrap(&inner, &header);
	if (!writer_ok(&inner) ||
	    krb5_c_encrypt_length(worker->context, krb5_k_key_enctype(worker->context, gss->key),
		inner_len, &sealed_len) != 0)
		return ERR_TOO_LONG;
	octets = worker_scratch(worker, GSS_WRAP_HEADER + sealed_len);
	if (octets == NULL)
		return ERR_TOO_LONG;
	token = writer_of(octets, GSS_WRAP_HEADER);
	gss_put_wrap(&token, &header);
	input = kerberos_data(writer_bytes(&inner));
	sealed.ciphertext = kerberos_data(bytes_of(octets + GSS_WRAP_HEADER, sealed_len));
	error = kerberos_err(krb5_k_encrypt(worker->context, gss->key,
	    gss->acceptor ? USAGE_ACCEPTOR_SEAL : USAGE_INITIATOR_SEAL, NULL, &input, &sealed));
	if (error != ERR_OK)
		return error;
	gss->sequence++;
	*out = bytes_of(octets, GSS_WRAP_HEADER + sealed.ciphertext.length);
	return ERR_OK;
}

void worker_gss_wrap(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct gss_context *gss = context_of(worker, request, completion);
	enum err error;

	if (gss == NULL)
		return;
	error = wrap(worker, gss, request->plain, &completion->message);
	if (error != ERR_OK)
		(void)problem_set(&completion->problem, error, "a message cannot be wrapped: %s",
		    err_text(error));
}

/* What was turned to the right by the header's count is turned back: RFC 4121 4.2.5. */
static void turn_back(struct bytes rotated, size_t count, uint8_t *out)
{
	size_t shift = rotated.len > 0 ? count % rotated.len : 0;

	memcpy(out, rotated.data + shift, rotated.len - shift);
	memcpy(out + rotated.len - shift, rotated.data, shift);
}

/* Decrypted: plain | filler | header as it was before the rotation. */
static enum err check_inner(struct bytes inner, const struct gss_wrap *header, struct bytes *plain)
{
	uint8_t octets[GSS_WRAP_HEADER];
	struct writer expected = writer_of(octets, sizeof(octets));
	struct gss_wrap unrotated = *header;
	size_t tail = (size_t)header->extra + GSS_WRAP_HEADER;

	unrotated.rotation = 0;
	gss_put_wrap(&expected, &unrotated);
	if (inner.len < tail ||
	    !bytes_equal(bytes_of(inner.data + inner.len - GSS_WRAP_HEADER, GSS_WRAP_HEADER),
		writer_bytes(&expected)))
		return ERR_AUTH;
	*plain = bytes_of(inner.data, inner.len - tail);
	return ERR_OK;
}

/*
 * The order of messages is not looked at: what is wrapped here says itself which exchange it is
 * part of.
 */
static enum err unwrap(struct kerberos_worker *worker, const struct gss_context *gss,
    struct bytes token, struct bytes *plain)
{
	struct reader from = reader_of(token);
	struct gss_wrap header;
	enum err error = gss_take_wrap(&from, &header);
	struct bytes rotated = reader_rest(&from);
	uint8_t expected = GSS_WRAP_SEALED;
	krb5_enc_data sealed = {
	    .magic = KV5M_ENC_DATA, .enctype = krb5_k_key_enctype(worker->context, gss->key)};
	krb5_data inner;
	uint8_t *octets;
	uint8_t *opened;

	if (error != ERR_OK || rotated.len == 0)
		return ERR_INVALID;
	if (!gss->acceptor)
		expected |= GSS_WRAP_BY_ACCEPTOR;
	if (gss->acceptor_subkey)
		expected |= GSS_WRAP_ACCEPTOR_SUBKEY;
	if (header.flags != expected)
		return ERR_AUTH;
	octets = worker_scratch(worker, rotated.len);
	opened = worker_scratch(worker, rotated.len);
	if (octets == NULL || opened == NULL)
		return ERR_TOO_LONG;
	turn_back(rotated, header.rotation, octets);
	sealed.ciphertext = kerberos_data(bytes_of(octets, rotated.len));
	inner = kerberos_data(bytes_of(opened, rotated.len));
	if (krb5_k_decrypt(worker->context, gss->key,
		gss->acceptor ? USAGE_INITIATOR_SEAL : USAGE_ACCEPTOR_SEAL, NULL, &sealed,
		&inner) != 0)
		return ERR_AUTH;
	return check_inner(bytes_of(inner.data, inner.length), &header, plain);
}

void worker_gss_unwrap(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	const struct gss_context *gss = context_of(worker, request, completion);
	enum err error;

	if (gss == NULL)
		return;
	error = unwrap(worker, gss, request->sealed, &completion->plain);
	if (error != ERR_OK)
		(void)problem_set(&completion->problem, error,
		    "what the peer wrapped is not made with the context's key: %s",
		    err_text(error));
}
