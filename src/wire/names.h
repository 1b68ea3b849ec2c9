/*
 * The numbers of KINK (RFC 4430) and of ISAKMP with the IPsec DOI (RFC 2407, 2408, 2409), and their
 * names for logs and kinkctl. Each name function returns a static string, "unknown" for a number
 * that has no name.
 */
#ifndef WIRE_NAMES_H
#define WIRE_NAMES_H

#include <stdint.h>

/* KINK message types: RFC 4430 4. */
enum kink_type {
	KINK_CREATE = 1,
	KINK_DELETE = 2,
	KINK_REPLY = 3,
	KINK_GETTGT = 4,
	KINK_ACK = 5,
	KINK_STATUS = 6
};

/* KINK payload types: RFC 4430 4.2. */
enum kink_payload_type {
	KINK_DONE = 0,
	KINK_AP_REQ = 1,
	KINK_AP_REP = 2,
	KINK_KRB_ERROR = 3,
	KINK_TGT_REQ = 4,
	KINK_TGT_REP = 5,
	KINK_ISAKMP = 6,
	KINK_ENCRYPT = 7,
	KINK_ERROR = 8
};

/* Codes of the KINK_ERROR payload: RFC 4430 4.2.8. */
enum kink_error {
	KINK_OK = 0,
	KINK_PROTOERR = 1,
	KINK_INVDOI = 2,
	KINK_INVMAJ = 3,
	KINK_INTERR = 5,
	KINK_BADQMVERS = 6,
	KINK_U2UDENIED = 7
};

/* ISAKMP payload types: RFC 2408 3.1, RFC 3947 3.2 and 5.2. */
enum isakmp_payload_type {
	ISAKMP_NONE = 0,
	ISAKMP_SA = 1,
	ISAKMP_PROPOSAL = 2,
	ISAKMP_TRANSFORM = 3,
	ISAKMP_KE = 4,
	ISAKMP_ID = 5,
	ISAKMP_CERT = 6,
	ISAKMP_CERTREQ = 7,
	ISAKMP_HASH = 8,
	ISAKMP_SIG = 9,
	ISAKMP_NONCE = 10,
	ISAKMP_NOTIFICATION = 11,
	ISAKMP_DELETE = 12,
	ISAKMP_VENDOR_ID = 13,
	ISAKMP_NAT_D = 20,
	ISAKMP_NAT_OA = 21,
	/* Private use, with a vendor ID of wire/vendor.h. */
	ISAKMP_GSS = 129,
	ISAKMP_FRAGMENT = 132
};

/* Exchange types: RFC 2408 3.1, RFC 2409 Appendix A. */
enum isakmp_exchange {
	ISAKMP_EXCHANGE_BASE = 1,
	ISAKMP_EXCHANGE_IDENTITY_PROTECTION = 2, /* main mode */
	ISAKMP_EXCHANGE_AUTHENTICATION_ONLY = 3,
	ISAKMP_EXCHANGE_AGGRESSIVE = 4,
	ISAKMP_EXCHANGE_INFORMATIONAL = 5,
	ISAKMP_EXCHANGE_QUICK = 32,
	ISAKMP_EXCHANGE_NEW_GROUP = 33
};

/* Notify message types: RFC 2408 3.14.1, RFC 2407 4.6.3, RFC 3706 5.3. */
enum notify_type {
	NOTIFY_INVALID_PAYLOAD_TYPE = 1,
	NOTIFY_DOI_NOT_SUPPORTED = 2,
	NOTIFY_SITUATION_NOT_SUPPORTED = 3,
	NOTIFY_INVALID_COOKIE = 4,
	NOTIFY_INVALID_MAJOR_VERSION = 5,
	NOTIFY_INVALID_MINOR_VERSION = 6,
	NOTIFY_INVALID_EXCHANGE_TYPE = 7,
	NOTIFY_INVALID_FLAGS = 8,
	NOTIFY_INVALID_MESSAGE_ID = 9,
	NOTIFY_INVALID_PROTOCOL_ID = 10,
	NOTIFY_INVALID_SPI = 11,
	NOTIFY_INVALID_TRANSFORM_ID = 12,
	NOTIFY_ATTRIBUTES_NOT_SUPPORTED = 13,
	NOTIFY_NO_PROPOSAL_CHOSEN = 14,
	NOTIFY_BAD_PROPOSAL_SYNTAX = 15,
	NOTIFY_PAYLOAD_MALFORMED = 16,
	NOTIFY_INVALID_KEY_INFORMATION = 17,
	NOTIFY_INVALID_ID_INFORMATION = 18,
	NOTIFY_INVALID_CERT_ENCODING = 19,
	NOTIFY_INVALID_CERTIFICATE = 20,
	NOTIFY_CERT_TYPE_UNSUPPORTED = 21,
	NOTIFY_INVALID_CERT_AUTHORITY = 22,
	NOTIFY_INVALID_HASH_INFORMATION = 23,
	NOTIFY_AUTHENTICATION_FAILED = 24,
	NOTIFY_INVALID_SIGNATURE = 25,
	NOTIFY_ADDRESS_NOTIFICATION = 26,
	NOTIFY_SA_LIFETIME = 27,
	NOTIFY_CERTIFICATE_UNAVAILABLE = 28,
	NOTIFY_UNSUPPORTED_EXCHANGE_TYPE = 29,
	NOTIFY_UNEQUAL_PAYLOAD_LENGTHS = 30,
	NOTIFY_ERROR_LAST = 16383, /* types up to here are errors: RFC 4430 5.5 */
	NOTIFY_CONNECTED = 16384,
	NOTIFY_RESPONDER_LIFETIME = 24576,
	NOTIFY_REPLAY_STATUS = 24577,
	NOTIFY_INITIAL_CONTACT = 24578,
	NOTIFY_R_U_THERE = 36136,
	NOTIFY_R_U_THERE_ACK = 36137,
	/* Private use: counts only with kinkd's identifier in its data; see quick/nat.c. */
	NOTIFY_KINKD_NAT_TRAVERSAL = 39470
};

/* RFC 2407 4.4.1 and 4.2. */
#define IPSEC_DOI         1
#define SIT_IDENTITY_ONLY 1

/* Protocol identifiers: RFC 2407 4.4.1. */
enum isakmp_protocol {
	PROTO_ISAKMP = 1,
	PROTO_IPSEC_AH = 2,
	PROTO_IPSEC_ESP = 3,
	PROTO_IPCOMP = 4
};

/* ISAKMP transform identifiers: RFC 2407 4.4.2. */
enum isakmp_transform_id { KEY_IKE = 1 };

/* AH transform identifiers: RFC 2407 4.4.3, IANA isakmp-registry. */
enum ah_transform {
	AH_MD5 = 2,
	AH_SHA = 3,
	AH_DES = 4,
	AH_SHA2_256 = 5,
	AH_SHA2_384 = 6,
	AH_SHA2_512 = 7,
	AH_RIPEMD = 8,
	AH_AES_XCBC_MAC = 9,
	AH_RSA = 10,
	AH_AES_128_GMAC = 11,
	AH_AES_192_GMAC = 12,
	AH_AES_256_GMAC = 13
};

/* ESP transform identifiers: RFC 2407 4.4.4, IANA isakmp-registry. */
enum esp_transform {
	ESP_DES_IV64 = 1,
	ESP_DES = 2,
	ESP_3DES = 3,
	ESP_RC5 = 4,
	ESP_IDEA = 5,
	ESP_CAST = 6,
	ESP_BLOWFISH = 7,
	ESP_3IDEA = 8,
	ESP_DES_IV32 = 9,
	ESP_RC4 = 10,
	ESP_NULL = 11,
	ESP_AES_CBC = 12,
	ESP_AES_CTR = 13,
	ESP_AES_CCM_8 = 14,
	ESP_AES_CCM_12 = 15,
	ESP_AES_CCM_16 = 16,
	ESP_AES_GCM_8 = 18,
	ESP_AES_GCM_12 = 19,
	ESP_AES_GCM_16 = 20,
	ESP_SEED_CBC = 21,
	ESP_CAMELLIA = 22,
	ESP_NULL_AUTH_AES_GMAC = 23
};

/* IPCOMP transform identifiers: RFC 2407 4.4.5, RFC 3051. */
enum ipcomp_transform { IPCOMP_OUI = 1, IPCOMP_DEFLATE = 2, IPCOMP_LZS = 3, IPCOMP_LZJH = 4 };

/* Classes of SA attributes: RFC 2407 4.5, RFC 3168 9.2.1, RFC 4304. */
enum ipsec_attribute {
	IPSEC_SA_LIFE_TYPE = 1,
	IPSEC_SA_LIFE_DURATION = 2,
	IPSEC_GROUP_DESCRIPTION = 3,
	IPSEC_ENCAPSULATION_MODE = 4,
	IPSEC_AUTHENTICATION_ALGORITHM = 5,
	IPSEC_KEY_LENGTH = 6,
	IPSEC_KEY_ROUNDS = 7,
	IPSEC_COMPRESS_DICTIONARY_SIZE = 8,
	IPSEC_COMPRESS_PRIVATE_ALGORITHM = 9,
	IPSEC_ECN_TUNNEL = 10,
	IPSEC_EXTENDED_SEQUENCE_NUMBER = 11
};

/*
 * Classes of SA attributes of phase 1: RFC 2409 Appendix A. The one for private use comes from
 * draft-ietf-ipsec-isakmp-gss-auth.
 */
enum ikev1_attribute {
	IKEV1_ENCRYPTION_ALGORITHM = 1,
	IKEV1_HASH_ALGORITHM = 2,
	IKEV1_AUTHENTICATION_METHOD = 3,
	IKEV1_GROUP_DESCRIPTION = 4,
	IKEV1_GROUP_TYPE = 5,
	IKEV1_GROUP_PRIME = 6,
	IKEV1_GROUP_GENERATOR_ONE = 7,
	IKEV1_GROUP_GENERATOR_TWO = 8,
	IKEV1_GROUP_CURVE_A = 9,
	IKEV1_GROUP_CURVE_B = 10,
	IKEV1_LIFE_TYPE = 11,
	IKEV1_LIFE_DURATION = 12,
	IKEV1_PRF = 13,
	IKEV1_KEY_LENGTH = 14,
	IKEV1_FIELD_SIZE = 15,
	IKEV1_GROUP_ORDER = 16,
	IKEV1_GSS_IDENTITY_NAME = 16384
};

/* Encryption algorithms of phase 1: RFC 2409 Appendix A, IANA ipsec-registry. */
enum ikev1_encryption {
	IKEV1_ENCRYPTION_DES_CBC = 1,
	IKEV1_ENCRYPTION_IDEA_CBC = 2,
	IKEV1_ENCRYPTION_BLOWFISH_CBC = 3,
	IKEV1_ENCRYPTION_RC5_CBC = 4,
	IKEV1_ENCRYPTION_3DES_CBC = 5,
	IKEV1_ENCRYPTION_CAST_CBC = 6,
	IKEV1_ENCRYPTION_AES_CBC = 7,
	IKEV1_ENCRYPTION_CAMELLIA_CBC = 8
};

/* Hash algorithms: RFC 2409 Appendix A, IANA ipsec-registry. */
enum ikev1_hash {
	IKEV1_HASH_MD5 = 1,
	IKEV1_HASH_SHA = 2,
	IKEV1_HASH_TIGER = 3,
	IKEV1_HASH_SHA2_256 = 4,
	IKEV1_HASH_SHA2_384 = 5,
	IKEV1_HASH_SHA2_512 = 6
};

/*
 * Authentication methods: RFC 2409 Appendix A, RFC 4754 4. 65001 is GSS-API's only from a peer with
 * one of its vendor IDs; XAUTH uses the same numbers.
 */
enum ikev1_method {
	IKEV1_METHOD_PRE_SHARED_KEY = 1,
	IKEV1_METHOD_DSS_SIGNATURE = 2,
	IKEV1_METHOD_RSA_SIGNATURE = 3,
	IKEV1_METHOD_RSA_ENCRYPTION = 4,
	IKEV1_METHOD_REVISED_RSA_ENCRYPTION = 5,
	IKEV1_METHOD_ECDSA_256 = 9,
	IKEV1_METHOD_ECDSA_384 = 10,
	IKEV1_METHOD_ECDSA_521 = 11,
	IKEV1_METHOD_GSS = 65001
};

/* Group types: RFC 2409 Appendix A. */
enum ikev1_group_type {
	IKEV1_GROUP_TYPE_MODP = 1,
	IKEV1_GROUP_TYPE_ECP = 2,
	IKEV1_GROUP_TYPE_EC2N = 3
};

/* Values of IPSEC_EXTENDED_SEQUENCE_NUMBER: RFC 4304 section 2. */
enum ipsec_esn { ESN_64_BITS = 1 };

/* SA life types: RFC 2407 4.5; the same in phase 1. */
enum ipsec_life_type { LIFE_SECONDS = 1, LIFE_KILOBYTES = 2 };

/* Encapsulation modes: RFC 2407 4.5, RFC 3947 5.1. */
enum ipsec_encapsulation {
	ENCAPSULATION_TUNNEL = 1,
	ENCAPSULATION_TRANSPORT = 2,
	ENCAPSULATION_UDP_TUNNEL = 3,
	ENCAPSULATION_UDP_TRANSPORT = 4
};

/* Authentication algorithms: RFC 2407 4.5, RFC 4868 4, IANA isakmp-registry. */
enum ipsec_authentication {
	AUTH_HMAC_MD5 = 1,
	AUTH_HMAC_SHA = 2,
	AUTH_DES_MAC = 3,
	AUTH_KPDK = 4,
	AUTH_HMAC_SHA2_256 = 5,
	AUTH_HMAC_SHA2_384 = 6,
	AUTH_HMAC_SHA2_512 = 7,
	AUTH_HMAC_RIPEMD = 8,
	AUTH_AES_XCBC_MAC = 9,
	AUTH_SIG_RSA = 10,
	AUTH_AES_128_GMAC = 11,
	AUTH_AES_192_GMAC = 12,
	AUTH_AES_256_GMAC = 13
};

/* Identification types: RFC 2407 4.6.2.1. */
enum isakmp_id_type {
	ID_IPV4_ADDR = 1,
	ID_FQDN = 2,
	ID_USER_FQDN = 3,
	ID_IPV4_ADDR_SUBNET = 4,
	ID_IPV6_ADDR = 5,
	ID_IPV6_ADDR_SUBNET = 6,
	ID_IPV4_ADDR_RANGE = 7,
	ID_IPV6_ADDR_RANGE = 8,
	ID_DER_ASN1_DN = 9,
	ID_DER_ASN1_GN = 10,
	ID_KEY_ID = 11
};

/* Certificate encodings: RFC 2408 3.9. */
enum isakmp_certificate_encoding {
	CERTIFICATE_PKCS7 = 1,
	CERTIFICATE_PGP = 2,
	CERTIFICATE_DNS_KEY = 3,
	CERTIFICATE_X509_SIGNATURE = 4,
	CERTIFICATE_X509_KEY_EXCHANGE = 5,
	CERTIFICATE_KERBEROS = 6,
	CERTIFICATE_CRL = 7,
	CERTIFICATE_ARL = 8,
	CERTIFICATE_SPKI = 9,
	CERTIFICATE_X509_ATTRIBUTE = 10
};

const char *kink_type_name(uint8_t type);                        /* "CREATE" */
const char *kink_payload_name(uint8_t type);                     /* "KINK_AP_REQ" */
const char *kink_error_name(uint32_t error);                     /* "KINK_PROTOERR" */
const char *isakmp_payload_name(uint8_t type);                   /* "SA" */
const char *isakmp_exchange_name(uint8_t exchange);              /* "identity protection" */
const char *notify_name(uint16_t type);                          /* "NO-PROPOSAL-CHOSEN" */
const char *isakmp_protocol_name(uint8_t protocol);              /* "PROTO_IPSEC_ESP" */
const char *isakmp_transform_name(uint8_t protocol, uint8_t id); /* "ESP_AES-GCM_16" */
const char *ipsec_attribute_name(uint16_t attribute);            /* "SA Life Type" */
const char *ikev1_attribute_name(uint16_t attribute);            /* "Hash Algorithm" */
const char *ikev1_encryption_name(uint16_t algorithm);           /* "AES-CBC" */
const char *ikev1_hash_name(uint16_t algorithm);                 /* "SHA2-256" */
const char *ikev1_method_name(uint16_t method);                  /* "pre-shared key" */
const char *ipsec_life_type_name(uint16_t type);                 /* "seconds" */
const char *ipsec_encapsulation_name(uint16_t mode);             /* "Tunnel" */
const char *ipsec_authentication_name(uint16_t algorithm);       /* "HMAC-SHA2-256" */
const char *isakmp_id_type_name(uint8_t type);                   /* "ID_IPV4_ADDR" */
const char *isakmp_certificate_name(uint8_t encoding); /* "X.509 Certificate - Signature" */

#endif
