/* What one certificate says, over OpenSSL. */
#include "crypto/certificate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

X509 *certificate_of(struct bytes der)
{
	const unsigned char *at = der.data;
	X509 *certificate =
	    der.len > 0 && der.len <= UINT16_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;

	if (certificate != NULL && at != der.data + der.len) {
		X509_free(certificate);
		certificate = NULL;
	}
	ERR_clear_error();
	return certificate;
}

struct bytes certificate_subject(const X509 *certificate)
{
	const unsigned char *der = NULL;
	size_t len = 0;

	(void)X509_NAME_get0_der(X509_get_subject_name(certificate), &der, &len);
	return bytes_of(der, len);
}

/* An identity that one of the other names is, as views into it; type 0 for another kind. */
static struct ike_identity identity_of(const GENERAL_NAME *name)
{
	struct ike_identity identity = {0};
	const ASN1_STRING *value = NULL;

	switch (name->type) {
	case GEN_DNS:
		identity.type = IKE_IDENTITY_FQDN;
		value = name->d.dNSName;
		break;
	case GEN_EMAIL:
		identity.type = IKE_IDENTITY_USER_FQDN;
		value = name->d.rfc822Name;
		break;
	case GEN_IPADD:
		value = name->d.iPAddress;
		identity.type = ASN1_STRING_length(value) == 4    ? IKE_IDENTITY_IPV4
		                : ASN1_STRING_length(value) == 16 ? IKE_IDENTITY_IPV6
		                                                  : IKE_IDENTITY_NONE;
		break;
	default:
		return identity;
	}
	identity.data = bytes_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	return identity;
}

static bool has_subject(const X509 *certificate)
{
	return X509_NAME_entry_count(X509_get_subject_name(certificate)) > 0;
}

struct ike_identity certificate_identity(const X509 *certificate, uint8_t data[IKE_IDENTITY_MAX])
{
	static const uint8_t order[] = {
	    IKE_IDENTITY_FQDN, IKE_IDENTITY_USER_FQDN, IKE_IDENTITY_IPV4, IKE_IDENTITY_IPV6};
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	struct ike_identity found = {0};

	for (size_t i = 0; i < sizeof(order) && found.type == 0; i++) {
		for (int j = 0; j < sk_GENERAL_NAME_num(names) && found.type == 0; j++) {
			struct ike_identity each = identity_of(sk_GENERAL_NAME_value(names, j));

			if (each.type == order[i] && each.data.len > 0)
				found = each;
		}
	}
	if (found.type == 0 && has_subject(certificate))
		found = (struct ike_identity){IKE_IDENTITY_DN, certificate_subject(certificate)};
	if (found.data.len > IKE_IDENTITY_MAX)
		found = (struct ike_identity){0};
	if (found.data.len > 0)
		memcpy(data, found.data.data, found.data.len);
	found.data.data = data;
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

const char *certificate_name(const X509 *certificate, char text[IKE_IDENTITY_TEXT_SIZE])
{
	uint8_t data[IKE_IDENTITY_MAX];
	struct ike_identity identity = {IKE_IDENTITY_DN, certificate_subject(certificate)};

	if (!has_subject(certificate))
		identity = certificate_identity(certificate, data);
	if (identity.type == IKE_IDENTITY_NONE)
		(void)snprintf(text, IKE_IDENTITY_TEXT_SIZE, "without any name");
	else
		(void)ike_identity_format(&identity, text);
	return text;
}

/* Exactly, and never by pattern: a certificate for "*.example.test" is for no host (3.1.2). */
static bool is_same(const struct ike_identity *a, const struct ike_identity *b)
{
	if (a->type != b->type || a->data.len != b->data.len)
		return false;
	return a->type == IKE_IDENTITY_FQDN || a->type == IKE_IDENTITY_USER_FQDN
	           ? strncasecmp((const char *)a->data.data, (const char *)b->data.data,
			 a->data.len) == 0 &&
	                 memchr(a->data.data, '\0', a->data.len) == NULL
	           : bytes_equal(a->data, b->data);
}

bool certificate_is_for(const X509 *certificate, const struct ike_identity *identity)
{
	GENERAL_NAMES *names;
	bool found = false;

	if (identity->data.len == 0)
		return false;
	if (identity->type == IKE_IDENTITY_DN)
		return has_subject(certificate) &&
		       bytes_equal(certificate_subject(certificate), identity->data);
	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		struct ike_identity each = identity_of(sk_GENERAL_NAME_value(names, i));

		found = each.type != IKE_IDENTITY_NONE && is_same(&each, identity);
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

/* RFC 4945 5.1.3.12: without the extension everything is allowed. */
static bool is_for_ike(const X509 *certificate)
{
	int critical;
	EXTENDED_KEY_USAGE *uses =
	    X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
	bool good = uses == NULL && critical == -1;

	for (int i = 0; i < sk_ASN1_OBJECT_num(uses) && !good; i++) {
		int use = OBJ_obj2nid(sk_ASN1_OBJECT_value(uses, i));

		good = use == NID_ipsec_IKE || use == NID_anyExtendedKeyUsage;
	}
	EXTENDED_KEY_USAGE_free(uses);
	ERR_clear_error();
	return good;
}

enum err certificate_check_use(X509 *certificate, enum certificate_use use, struct problem *problem)
{
	uint32_t wanted = use == CERTIFICATE_SIGNS ? KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION
	                                           : KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT;
	char name[IKE_IDENTITY_TEXT_SIZE];

	/* Without the extension all bits are set. */
	if ((X509_get_key_usage(certificate) & wanted) == 0)
		return problem_set(problem, ERR_AUTH,
		    "the certificate %s is not for %s: its KeyUsage has neither %s (RFC 4945 "
		    "5.1.3.2)",
		    certificate_name(certificate, name),
		    use == CERTIFICATE_SIGNS ? "signatures" : "encryption",
		    use == CERTIFICATE_SIGNS ? "digitalSignature nor nonRepudiation"
					     : "keyEncipherment nor dataEncipherment");
	if (!is_for_ike(certificate))
		return problem_set(problem, ERR_AUTH,
		    "the certificate %s is not for IKE: its ExtendedKeyUsage has neither "
		    "id-kp-ipsecIKE nor anyExtendedKeyUsage (RFC 4945 5.1.3.12)",
		    certificate_name(certificate, name));
	return ERR_OK;
}
