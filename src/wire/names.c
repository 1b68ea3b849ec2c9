/* Numbers to names. */
#include "wire/names.h"

#include <stddef.h>

struct name {
	uint16_t number;
	const char *name;
};

static const char *find(const struct name *names, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i].number == number)
			return names[i].name;
	}
	return "unknown";
}

#define FIND(table, number) find(table, sizeof(table) / sizeof((table)[0]), number)

static const struct name kink_types[] = {
    {KINK_CREATE, "CREATE"},
    {KINK_DELETE, "DELETE"},
    {KINK_REPLY, "REPLY"},
    {KINK_GETTGT, "GETTGT"},
    {KINK_ACK, "ACK"},
    {KINK_STATUS, "STATUS"},
};

const char *kink_type_name(uint8_t type)
{
	return FIND(kink_types, type);
}

static const struct name kink_payloads[] = {
    {KINK_DONE, "KINK_DONE"},
    {KINK_AP_REQ, "KINK_AP_REQ"},
    {KINK_AP_REP, "KINK_AP_REP"},
    {KINK_KRB_ERROR, "KINK_KRB_ERROR"},
    {KINK_TGT_REQ, "KINK_TGT_REQ"},
    {KINK_TGT_REP, "KINK_TGT_REP"},
    {KINK_ISAKMP, "KINK_ISAKMP"},
    {KINK_ENCRYPT, "KINK_ENCRYPT"},
    {KINK_ERROR, "KINK_ERROR"},
};

const char *kink_payload_name(uint8_t type)
{
	return FIND(kink_payloads, type);
}

static const struct name kink_errors[] = {
    {KINK_OK, "KINK_OK"},
    {KINK_PROTOERR, "KINK_PROTOERR"},
    {KINK_INVDOI, "KINK_INVDOI"},
    {KINK_INVMAJ, "KINK_INVMAJ"},
    {KINK_INTERR, "KINK_INTERR"},
    {KINK_BADQMVERS, "KINK_BADQMVERS"},
    {KINK_U2UDENIED, "KINK_U2UDENIED"},
};

const char *kink_error_name(uint32_t error)
{
	return FIND(kink_errors, error);
}

static const struct name isakmp_payloads[] = {
    {ISAKMP_NONE, "NONE"},
    {ISAKMP_SA, "SA"},
    {ISAKMP_PROPOSAL, "P"},
    {ISAKMP_TRANSFORM, "T"},
    {ISAKMP_KE, "KE"},
    {ISAKMP_ID, "ID"},
    {ISAKMP_CERT, "CERT"},
    {ISAKMP_CERTREQ, "CR"},
    {ISAKMP_HASH, "HASH"},
    {ISAKMP_SIG, "SIG"},
    {ISAKMP_NONCE, "NONCE"},
    {ISAKMP_NOTIFICATION, "N"},
    {ISAKMP_DELETE, "D"},
    {ISAKMP_VENDOR_ID, "VID"},
    {ISAKMP_NAT_D, "NAT-D"},
    {ISAKMP_NAT_OA, "NAT-OA"},
    {ISAKMP_GSS, "GSS"},
    {ISAKMP_FRAGMENT, "FRAGMENT"},
};

const char *isakmp_payload_name(uint8_t type)
{
	return FIND(isakmp_payloads, type);
}

static const struct name exchanges[] = {
    {ISAKMP_EXCHANGE_BASE, "base"},
    {ISAKMP_EXCHANGE_IDENTITY_PROTECTION, "identity protection"},
    {ISAKMP_EXCHANGE_AUTHENTICATION_ONLY, "authentication only"},
    {ISAKMP_EXCHANGE_AGGRESSIVE, "aggressive"},
    {ISAKMP_EXCHANGE_INFORMATIONAL, "informational"},
    {ISAKMP_EXCHANGE_QUICK, "quick mode"},
    {ISAKMP_EXCHANGE_NEW_GROUP, "new group mode"},
};

const char *isakmp_exchange_name(uint8_t exchange)
{
	return FIND(exchanges, exchange);
}

static const struct name notify_types[] = {
    {NOTIFY_INVALID_PAYLOAD_TYPE, "INVALID-PAYLOAD-TYPE"},
    {NOTIFY_DOI_NOT_SUPPORTED, "DOI-NOT-SUPPORTED"},
    {NOTIFY_SITUATION_NOT_SUPPORTED, "SITUATION-NOT-SUPPORTED"},
    {NOTIFY_INVALID_COOKIE, "INVALID-COOKIE"},
    {NOTIFY_INVALID_MAJOR_VERSION, "INVALID-MAJOR-VERSION"},
    {NOTIFY_INVALID_MINOR_VERSION, "INVALID-MINOR-VERSION"},
    {NOTIFY_INVALID_EXCHANGE_TYPE, "INVALID-EXCHANGE-TYPE"},
    {NOTIFY_INVALID_FLAGS, "INVALID-FLAGS"},
    {NOTIFY_INVALID_MESSAGE_ID, "INVALID-MESSAGE-ID"},
    {NOTIFY_INVALID_PROTOCOL_ID, "INVALID-PROTOCOL-ID"},
    {NOTIFY_INVALID_SPI, "INVALID-SPI"},
    {NOTIFY_INVALID_TRANSFORM_ID, "INVALID-TRANSFORM-ID"},
    {NOTIFY_ATTRIBUTES_NOT_SUPPORTED, "ATTRIBUTES-NOT-SUPPORTED"},
    {NOTIFY_NO_PROPOSAL_CHOSEN, "NO-PROPOSAL-CHOSEN"},
    {NOTIFY_BAD_PROPOSAL_SYNTAX, "BAD-PROPOSAL-SYNTAX"},
    {NOTIFY_PAYLOAD_MALFORMED, "PAYLOAD-MALFORMED"},
    {NOTIFY_INVALID_KEY_INFORMATION, "INVALID-KEY-INFORMATION"},
    {NOTIFY_INVALID_ID_INFORMATION, "INVALID-ID-INFORMATION"},
    {NOTIFY_INVALID_CERT_ENCODING, "INVALID-CERT-ENCODING"},
    {NOTIFY_INVALID_CERTIFICATE, "INVALID-CERTIFICATE"},
    {NOTIFY_CERT_TYPE_UNSUPPORTED, "CERT-TYPE-UNSUPPORTED"},
    {NOTIFY_INVALID_CERT_AUTHORITY, "INVALID-CERT-AUTHORITY"},
    {NOTIFY_INVALID_HASH_INFORMATION, "INVALID-HASH-INFORMATION"},
    {NOTIFY_AUTHENTICATION_FAILED, "AUTHENTICATION-FAILED"},
    {NOTIFY_INVALID_SIGNATURE, "INVALID-SIGNATURE"},
    {NOTIFY_ADDRESS_NOTIFICATION, "ADDRESS-NOTIFICATION"},
    {NOTIFY_SA_LIFETIME, "NOTIFY-SA-LIFETIME"},
    {NOTIFY_CERTIFICATE_UNAVAILABLE, "CERTIFICATE-UNAVAILABLE"},
    {NOTIFY_UNSUPPORTED_EXCHANGE_TYPE, "UNSUPPORTED-EXCHANGE-TYPE"},
    {NOTIFY_UNEQUAL_PAYLOAD_LENGTHS, "UNEQUAL-PAYLOAD-LENGTHS"},
    {NOTIFY_CONNECTED, "CONNECTED"},
    {NOTIFY_RESPONDER_LIFETIME, "RESPONDER-LIFETIME"},
    {NOTIFY_REPLAY_STATUS, "REPLAY-STATUS"},
    {NOTIFY_INITIAL_CONTACT, "INITIAL-CONTACT"},
    {NOTIFY_R_U_THERE, "R-U-THERE"},
    {NOTIFY_R_U_THERE_ACK, "R-U-THERE-ACK"},
    {NOTIFY_KINKD_NAT_TRAVERSAL, "kinkd's NAT traversal"},
};

const char *notify_name(uint16_t type)
{
	return FIND(notify_types, type);
}

static const struct name protocols[] = {
    {PROTO_ISAKMP, "PROTO_ISAKMP"},
    {PROTO_IPSEC_AH, "PROTO_IPSEC_AH"},
    {PROTO_IPSEC_ESP, "PROTO_IPSEC_ESP"},
    {PROTO_IPCOMP, "PROTO_IPCOMP"},
};

const char *isakmp_protocol_name(uint8_t protocol)
{
	return FIND(protocols, protocol);
}

static const struct name isakmp_transforms[] = {
    {KEY_IKE, "KEY_IKE"},
};

static const struct name ah_transforms[] = {
    {AH_MD5, "AH_MD5"},
    {AH_SHA, "AH_SHA"},
    {AH_DES, "AH_DES"},
    {AH_SHA2_256, "AH_SHA2-256"},
    {AH_SHA2_384, "AH_SHA2-384"},
    {AH_SHA2_512, "AH_SHA2-512"},
    {AH_RIPEMD, "AH_RIPEMD"},
    {AH_AES_XCBC_MAC, "AH_AES-XCBC-MAC"},
    {AH_RSA, "AH_RSA"},
    {AH_AES_128_GMAC, "AH_AES-128-GMAC"},
    {AH_AES_192_GMAC, "AH_AES-192-GMAC"},
    {AH_AES_256_GMAC, "AH_AES-256-GMAC"},
};

static const struct name esp_transforms[] = {
    {ESP_DES_IV64, "ESP_DES_IV64"},
    {ESP_DES, "ESP_DES"},
    {ESP_3DES, "ESP_3DES"},
    {ESP_RC5, "ESP_RC5"},
    {ESP_IDEA, "ESP_IDEA"},
    {ESP_CAST, "ESP_CAST"},
    {ESP_BLOWFISH, "ESP_BLOWFISH"},
    {ESP_3IDEA, "ESP_3IDEA"},
    {ESP_DES_IV32, "ESP_DES_IV32"},
    {ESP_RC4, "ESP_RC4"},
    {ESP_NULL, "ESP_NULL"},
    {ESP_AES_CBC, "ESP_AES-CBC"},
    {ESP_AES_CTR, "ESP_AES-CTR"},
    {ESP_AES_CCM_8, "ESP_AES-CCM_8"},
    {ESP_AES_CCM_12, "ESP_AES-CCM_12"},
    {ESP_AES_CCM_16, "ESP_AES-CCM_16"},
    {ESP_AES_GCM_8, "ESP_AES-GCM_8"},
    {ESP_AES_GCM_12, "ESP_AES-GCM_12"},
    {ESP_AES_GCM_16, "ESP_AES-GCM_16"},
    {ESP_SEED_CBC, "ESP_SEED_CBC"},
    {ESP_CAMELLIA, "ESP_CAMELLIA"},
    {ESP_NULL_AUTH_AES_GMAC, "ESP_NULL_AUTH_AES-GMAC"},
};

static const struct name ipcomp_transforms[] = {
    {IPCOMP_OUI, "IPCOMP_OUI"},
    {IPCOMP_DEFLATE, "IPCOMP_DEFLATE"},
    {IPCOMP_LZS, "IPCOMP_LZS"},
    {IPCOMP_LZJH, "IPCOMP_LZJH"},
};

const char *isakmp_transform_name(uint8_t protocol, uint8_t id)
{
	switch (protocol) {
	case PROTO_ISAKMP:
		return FIND(isakmp_transforms, id);
	case PROTO_IPSEC_AH:
		return FIND(ah_transforms, id);
	case PROTO_IPSEC_ESP:
		return FIND(esp_transforms, id);
	case PROTO_IPCOMP:
		return FIND(ipcomp_transforms, id);
	default:
		return "unknown";
	}
}

static const struct name attributes[] = {
    {IPSEC_SA_LIFE_TYPE, "SA Life Type"},
    {IPSEC_SA_LIFE_DURATION, "SA Life Duration"},
    {IPSEC_GROUP_DESCRIPTION, "Group Description"},
    {IPSEC_ENCAPSULATION_MODE, "Encapsulation Mode"},
    {IPSEC_AUTHENTICATION_ALGORITHM, "Authentication Algorithm"},
    {IPSEC_KEY_LENGTH, "Key Length"},
    {IPSEC_KEY_ROUNDS, "Key Rounds"},
    {IPSEC_COMPRESS_DICTIONARY_SIZE, "Compress Dictionary Size"},
    {IPSEC_COMPRESS_PRIVATE_ALGORITHM, "Compress Private Algorithm"},
    {IPSEC_ECN_TUNNEL, "ECN Tunnel"},
    {IPSEC_EXTENDED_SEQUENCE_NUMBER, "Extended (64-bit) Sequence Number"},
};

const char *ipsec_attribute_name(uint16_t attribute)
{
	return FIND(attributes, attribute);
}

static const struct name ikev1_attributes[] = {
    {IKEV1_ENCRYPTION_ALGORITHM, "Encryption Algorithm"},
    {IKEV1_HASH_ALGORITHM, "Hash Algorithm"},
    {IKEV1_AUTHENTICATION_METHOD, "Authentication Method"},
    {IKEV1_GROUP_DESCRIPTION, "Group Description"},
    {IKEV1_GROUP_TYPE, "Group Type"},
    {IKEV1_GROUP_PRIME, "Group Prime/Irreducible Polynomial"},
    {IKEV1_GROUP_GENERATOR_ONE, "Group Generator One"},
    {IKEV1_GROUP_GENERATOR_TWO, "Group Generator Two"},
    {IKEV1_GROUP_CURVE_A, "Group Curve A"},
    {IKEV1_GROUP_CURVE_B, "Group Curve B"},
    {IKEV1_LIFE_TYPE, "Life Type"},
    {IKEV1_LIFE_DURATION, "Life Duration"},
    {IKEV1_PRF, "PRF"},
    {IKEV1_KEY_LENGTH, "Key Length"},
    {IKEV1_FIELD_SIZE, "Field Size"},
    {IKEV1_GROUP_ORDER, "Group Order"},
    {IKEV1_GSS_IDENTITY_NAME, "GSS Identity Name"},
};

const char *ikev1_attribute_name(uint16_t attribute)
{
	return FIND(ikev1_attributes, attribute);
}

static const struct name ikev1_encryptions[] = {
    {IKEV1_ENCRYPTION_DES_CBC, "DES-CBC"},
    {IKEV1_ENCRYPTION_IDEA_CBC, "IDEA-CBC"},
    {IKEV1_ENCRYPTION_BLOWFISH_CBC, "Blowfish-CBC"},
    {IKEV1_ENCRYPTION_RC5_CBC, "RC5-R16-B64-CBC"},
    {IKEV1_ENCRYPTION_3DES_CBC, "3DES-CBC"},
    {IKEV1_ENCRYPTION_CAST_CBC, "CAST-CBC"},
    {IKEV1_ENCRYPTION_AES_CBC, "AES-CBC"},
    {IKEV1_ENCRYPTION_CAMELLIA_CBC, "CAMELLIA-CBC"},
};

const char *ikev1_encryption_name(uint16_t algorithm)
{
	return FIND(ikev1_encryptions, algorithm);
}

static const struct name ikev1_hashes[] = {
    {IKEV1_HASH_MD5, "MD5"},
    {IKEV1_HASH_SHA, "SHA"},
    {IKEV1_HASH_TIGER, "Tiger"},
    {IKEV1_HASH_SHA2_256, "SHA2-256"},
    {IKEV1_HASH_SHA2_384, "SHA2-384"},
    {IKEV1_HASH_SHA2_512, "SHA2-512"},
};

const char *ikev1_hash_name(uint16_t algorithm)
{
	return FIND(ikev1_hashes, algorithm);
}

static const struct name ikev1_methods[] = {
    {IKEV1_METHOD_PRE_SHARED_KEY, "pre-shared key"},
    {IKEV1_METHOD_DSS_SIGNATURE, "DSS signatures"},
    {IKEV1_METHOD_RSA_SIGNATURE, "RSA signatures"},
    {IKEV1_METHOD_RSA_ENCRYPTION, "encryption with RSA"},
    {IKEV1_METHOD_REVISED_RSA_ENCRYPTION, "revised encryption with RSA"},
    {IKEV1_METHOD_ECDSA_256, "ECDSA-256"},
    {IKEV1_METHOD_ECDSA_384, "ECDSA-384"},
    {IKEV1_METHOD_ECDSA_521, "ECDSA-521"},
    {IKEV1_METHOD_GSS, "GSS-API or XAUTH"},
};

const char *ikev1_method_name(uint16_t method)
{
	return FIND(ikev1_methods, method);
}

static const struct name life_types[] = {
    {LIFE_SECONDS, "seconds"},
    {LIFE_KILOBYTES, "kilobytes"},
};

const char *ipsec_life_type_name(uint16_t type)
{
	return FIND(life_types, type);
}

static const struct name encapsulations[] = {
    {ENCAPSULATION_TUNNEL, "Tunnel"},
    {ENCAPSULATION_TRANSPORT, "Transport"},
    {ENCAPSULATION_UDP_TUNNEL, "UDP-Encapsulated-Tunnel"},
    {ENCAPSULATION_UDP_TRANSPORT, "UDP-Encapsulated-Transport"},
};

const char *ipsec_encapsulation_name(uint16_t mode)
{
	return FIND(encapsulations, mode);
}

static const struct name authentications[] = {
    {AUTH_HMAC_MD5, "HMAC-MD5"},
    {AUTH_HMAC_SHA, "HMAC-SHA"},
    {AUTH_DES_MAC, "DES-MAC"},
    {AUTH_KPDK, "KPDK"},
    {AUTH_HMAC_SHA2_256, "HMAC-SHA2-256"},
    {AUTH_HMAC_SHA2_384, "HMAC-SHA2-384"},
    {AUTH_HMAC_SHA2_512, "HMAC-SHA2-512"},
    {AUTH_HMAC_RIPEMD, "HMAC-RIPEMD"},
    {AUTH_AES_XCBC_MAC, "AES-XCBC-MAC"},
    {AUTH_SIG_RSA, "SIG-RSA"},
    {AUTH_AES_128_GMAC, "AES-128-GMAC"},
    {AUTH_AES_192_GMAC, "AES-192-GMAC"},
    {AUTH_AES_256_GMAC, "AES-256-GMAC"},
};

const char *ipsec_authentication_name(uint16_t algorithm)
{
	return FIND(authentications, algorithm);
}

static const struct name id_types[] = {
    {ID_IPV4_ADDR, "ID_IPV4_ADDR"},
    {ID_FQDN, "ID_FQDN"},
    {ID_USER_FQDN, "ID_USER_FQDN"},
    {ID_IPV4_ADDR_SUBNET, "ID_IPV4_ADDR_SUBNET"},
    {ID_IPV6_ADDR, "ID_IPV6_ADDR"},
    {ID_IPV6_ADDR_SUBNET, "ID_IPV6_ADDR_SUBNET"},
    {ID_IPV4_ADDR_RANGE, "ID_IPV4_ADDR_RANGE"},
    {ID_IPV6_ADDR_RANGE, "ID_IPV6_ADDR_RANGE"},
    {ID_DER_ASN1_DN, "ID_DER_ASN1_DN"},
    {ID_DER_ASN1_GN, "ID_DER_ASN1_GN"},
    {ID_KEY_ID, "ID_KEY_ID"},
};

const char *isakmp_id_type_name(uint8_t type)
{
	return FIND(id_types, type);
}

static const struct name certificates[] = {
    {CERTIFICATE_PKCS7, "PKCS #7 wrapped X.509 certificate"},
    {CERTIFICATE_PGP, "PGP Certificate"},
    {CERTIFICATE_DNS_KEY, "DNS Signed Key"},
    {CERTIFICATE_X509_SIGNATURE, "X.509 Certificate - Signature"},
    {CERTIFICATE_X509_KEY_EXCHANGE, "X.509 Certificate - Key Exchange"},
    {CERTIFICATE_KERBEROS, "Kerberos Tokens"},
    {CERTIFICATE_CRL, "Certificate Revocation List (CRL)"},
    {CERTIFICATE_ARL, "Authority Revocation List (ARL)"},
    {CERTIFICATE_SPKI, "SPKI Certificate"},
    {CERTIFICATE_X509_ATTRIBUTE, "X.509 Certificate - Attribute"},
};

const char *isakmp_certificate_name(uint8_t encoding)
{
	return FIND(certificates, encoding);
}
