/* Trust anchors, lists of revoked certificates, and the judgement over a chain. */
#include "crypto/trust.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* 112 bits of security in each key and signature of a chain: no SHA-1, no RSA below 2048. */
#define AUTH_LEVEL 2
#define DEPTH_MAX  CREDENTIALS_CERTIFICATES_MAX

struct trust {
	X509_STORE *store;
	STACK_OF(X509) * authorities;
	STACK_OF(X509) * peers;
	enum credentials_crl_policy crl_policy;
};

static enum err read_all(
    const char *const *paths, size_t count, STACK_OF(X509) * out, struct problem *problem)
{
	enum err error = ERR_OK;

	for (size_t i = 0; i < count && error == ERR_OK; i++)
		error = certificate_read(paths[i], out, problem);
	return error;
}

static enum err read_crls(
    const struct trust_sources *sources, X509_STORE *store, struct problem *problem)
{
	STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
	enum err error = crls != NULL ? ERR_OK : ERR_NO_MEMORY;

	for (size_t i = 0; i < sources->crl_count && error == ERR_OK; i++)
		error = certificate_read_crls(sources->crls[i], crls, problem);
	for (int i = 0; i < sk_X509_CRL_num(crls) && error == ERR_OK; i++)
		error = X509_STORE_add_crl(store, sk_X509_CRL_value(crls, i)) == 1 ? ERR_OK
		                                                                   : ERR_NO_MEMORY;
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	return error;
}

enum err trust_load(
    const struct trust_sources *sources, struct trust **out, struct problem *problem)
{
	struct trust *trust = calloc(1, sizeof(*trust));
	enum err error = ERR_NO_MEMORY;

	(void)problem_set(problem, ERR_NO_MEMORY, "out of memory");
	if (trust == NULL)
		return ERR_NO_MEMORY;
	trust->crl_policy = sources->crl_policy;
	trust->store = X509_STORE_new();
	trust->authorities = sk_X509_new_null();
	trust->peers = sk_X509_new_null();
	if (trust->store != NULL && trust->authorities != NULL && trust->peers != NULL)
		error = read_all(
		    sources->authorities, sources->authority_count, trust->authorities, problem);
	if (error == ERR_OK)
		error = read_all(sources->peers, sources->peer_count, trust->peers, problem);
	for (int i = 0; i < sk_X509_num(trust->authorities) && error == ERR_OK; i++) {
		if (X509_STORE_add_cert(trust->store, sk_X509_value(trust->authorities, i)) != 1)
			error = ERR_NO_MEMORY;
	}
	if (error == ERR_OK)
		error = read_crls(sources, trust->store, problem);
	ERR_clear_error();
	if (error == ERR_OK)
		*out = trust;
	else
		trust_free(trust);
	return error;
}

void trust_free(struct trust *trust)
{
	if (trust == NULL)
		return;
	X509_STORE_free(trust->store);
	sk_X509_pop_free(trust->authorities, X509_free);
	sk_X509_pop_free(trust->peers, X509_free);
	free(trust);
}

const STACK_OF(X509) * trust_authorities(const struct trust *trust)
{
	return trust->authorities;
}

X509 *trust_peer(const struct trust *trust, const struct ike_identity *identity)
{
	for (int i = 0; i < sk_X509_num(trust->peers); i++) {
		if (certificate_is_for(sk_X509_value(trust->peers, i), identity))
			return sk_X509_value(trust->peers, i);
	}
	return NULL;
}

X509 *trust_any_peer(const struct trust *trust)
{
	return sk_X509_num(trust->peers) > 0 ? sk_X509_value(trust->peers, 0) : NULL;
}

static bool is_about_missing_crl(int error)
{
	return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
	       error == X509_V_ERR_CRL_NOT_YET_VALID;
}

/* OpenSSL asks about each fault that it finds: whether to go on in spite of it. */
static int judge(int good, X509_STORE_CTX *context)
{
	const struct trust *trust = X509_STORE_CTX_get_app_data(context);
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;

	if (good || !is_about_missing_crl(X509_STORE_CTX_get_error(context)))
		return good;
	/* What is trusted by itself is revoked by taking it out of the file. */
	return trust->crl_policy == CREDENTIALS_CRL_IF_PRESENT ||
	       X509_STORE_CTX_get_error_depth(context) == last;
}

static enum err code_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return ERR_EXPIRED;
	case X509_V_ERR_CERT_REVOKED:
		return ERR_DENIED;
	case X509_V_ERR_OUT_OF_MEM:
		return ERR_NO_MEMORY;
	default:
		return is_about_missing_crl(error) ? ERR_UNAVAILABLE : ERR_AUTH;
	}
}

/* What to do about it, where that is not plain. */
static const char *remedy_of(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return "; no authority of this peer's entry leads to it";
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return "; its issuer's is not among the files of this peer's entry";
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return "; at least RSA of 2048 bits and SHA-256 are wanted";
	default:
		return "";
	}
}

static enum err explain(X509_STORE_CTX *context, X509 *certificate, struct problem *problem)
{
	int error = X509_STORE_CTX_get_error(context);
	X509 *culprit = X509_STORE_CTX_get_current_cert(context);
	char name[IKE_IDENTITY_TEXT_SIZE];

	return problem_set(problem, code_of(error), "the certificate %s cannot be trusted: %s%s",
	    certificate_name(culprit != NULL ? culprit : certificate, name),
	    X509_verify_cert_error_string(error), remedy_of(error));
}

static bool is_listed(const STACK_OF(X509) * list, const X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(list); i++) {
		if (X509_cmp(sk_X509_value(list, i), certificate) == 0)
			return true;
	}
	return false;
}

/* A certificate that is named for itself: nobody else vouches for it, nor for others by it. */
static enum err check_alone(const X509 *certificate, int64_t now, struct problem *problem)
{
	time_t when = (time_t)now;
	char name[IKE_IDENTITY_TEXT_SIZE];

	if (X509_cmp_time(X509_get0_notBefore(certificate), &when) < 0 &&
	    X509_cmp_time(X509_get0_notAfter(certificate), &when) > 0)
		return ERR_OK;
	return problem_set(problem, ERR_EXPIRED,
	    "the certificate %s is not valid at this time, by its own dates",
	    certificate_name(certificate, name));
}

static enum err check_chain(const struct trust *trust, X509 *certificate, STACK_OF(X509) * others,
    int64_t now, struct problem *problem)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *rules;
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
	enum err error;

	if (trust->crl_policy != CREDENTIALS_CRL_OFF)
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	if (context == NULL ||
	    X509_STORE_CTX_init(context, trust->store, certificate, others) != 1) {
		X509_STORE_CTX_free(context);
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	}
	rules = X509_STORE_CTX_get0_param(context);
	(void)X509_VERIFY_PARAM_set_flags(rules, flags);
	X509_VERIFY_PARAM_set_time(rules, (time_t)now);
	X509_VERIFY_PARAM_set_depth(rules, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(rules, AUTH_LEVEL);
	X509_STORE_CTX_set_verify_cb(context, judge);
	(void)X509_STORE_CTX_set_app_data(context, (void *)(uintptr_t)trust);
	error = X509_verify_cert(context) == 1 ? ERR_OK : explain(context, certificate, problem);
	X509_STORE_CTX_free(context);
	return error;
}

enum err trust_check(const struct trust *trust, X509 *certificate, STACK_OF(X509) * others,
    enum certificate_use use, int64_t now, struct problem *problem)
{
	enum err error =
	    sk_X509_num(trust->authorities) == 0 && is_listed(trust->peers, certificate)
		? check_alone(certificate, now, problem)
		: check_chain(trust, certificate, others, now, problem);

	ERR_clear_error();
	return error == ERR_OK ? certificate_check_use(certificate, use, problem) : error;
}
