/*
 * What is wrong with certificates although their files can be read: dates, and chains that peers
 * cannot follow (RFC 5280 4.1.2.5, 6.1; RFC 4945 4.1).
 */
#include <stdio.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "crypto/credentials-files.h"

struct check {
	const struct credentials_settings *settings;
	time_t now;
	credentials_report report;
	void *context;
};

static void tell(const struct check *check, struct problem *problem)
{
	check->report(check->context, problem);
}

static void format_date(const ASN1_TIME *when, char text[32])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(when, &tm) != 1 ||
	    strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		(void)snprintf(text, 32, "a date that cannot be read");
}

static void check_dates(const struct check *check, const char *file, X509 *certificate)
{
	time_t now = check->now;
	bool early = X509_cmp_time(X509_get0_notBefore(certificate), &now) > 0;
	bool late = X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0;
	char name[IKE_IDENTITY_TEXT_SIZE];
	char date[32];
	struct problem problem;

	if (!early && !late)
		return;
	format_date(
	    early ? X509_get0_notBefore(certificate) : X509_get0_notAfter(certificate), date);
	(void)problem_set(&problem, ERR_EXPIRED, "%s: the certificate %.160s %s %s", file,
	    certificate_name(certificate, name), early ? "is valid only from" : "has expired on",
	    date);
	tell(check, &problem);
}

static bool issued(X509 *issuer, X509 *certificate)
{
	return X509_check_issued(issuer, certificate) == X509_V_OK;
}

static bool issued_by_any(const STACK_OF(X509) * issuers, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(issuers); i++) {
		if (issued(sk_X509_value(issuers, i), certificate))
			return true;
	}
	return false;
}

/* Each is to be issued by the one behind it, and the last by an authority that peers know. */
static void check_order(const struct check *check, const struct credentials_material *material)
{
	int last = sk_X509_num(material->chain) - 1;
	char name[IKE_IDENTITY_TEXT_SIZE];
	char next[IKE_IDENTITY_TEXT_SIZE];
	struct problem problem;
	X509 *certificate;

	for (int i = 0; i < last; i++) {
		certificate = sk_X509_value(material->chain, i);
		if (issued(sk_X509_value(material->chain, i + 1), certificate))
			continue;
		(void)problem_set(&problem, ERR_INVALID,
		    "%s: the certificate %.120s is not issued by the one behind it, %.120s; put "
		    "ours first, then each one's issuer",
		    check->settings->certificate, certificate_name(certificate, name),
		    certificate_name(sk_X509_value(material->chain, i + 1), next));
		tell(check, &problem);
	}
	if (last < 0 || sk_X509_num(trust_authorities(material->trust)) == 0)
		return;
	certificate = sk_X509_value(material->chain, last);
	if (issued(certificate, certificate) ||
	    issued_by_any(trust_authorities(material->trust), certificate))
		return;
	(void)problem_set(&problem, ERR_NOT_FOUND,
	    "%s: the issuer of the certificate %.160s is neither behind it nor in ca: if it is an "
	    "intermediate authority, the peer may need it there",
	    check->settings->certificate, certificate_name(certificate, name));
	tell(check, &problem);
}

void credentials_material_check(const struct credentials_settings *settings,
    const struct credentials_material *material, int64_t now, credentials_report report,
    void *context)
{
	const struct check check = {settings, (time_t)now, report, context};
	const STACK_OF(X509) *authorities = trust_authorities(material->trust);

	for (int i = 0; i < sk_X509_num(material->chain); i++)
		check_dates(&check, settings->certificate, sk_X509_value(material->chain, i));
	check_order(&check, material);
	for (int i = 0; i < sk_X509_num(authorities); i++)
		check_dates(&check, "ca", sk_X509_value(authorities, i));
	ERR_clear_error();
}
