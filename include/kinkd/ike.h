/*
 * The words of IKE that policy, authentication and the exchange methods share. They are independent
 * of any wire format, save that types of identities have the numbers that IKEv1 and IKEv2 share.
 */
#ifndef KINKD_IKE_H
#define KINKD_IKE_H

#include <stdint.h>

#include "base/bytes.h"

/* How peers prove who they are in IKEv1. */
enum ike_authentication {
	IKE_AUTHENTICATION_PSK,           /* RFC 2409 5.4 */
	IKE_AUTHENTICATION_RSA_SIGNATURE, /* RFC 2409 5.1 */
	IKE_AUTHENTICATION_ECDSA_256,     /* RFC 4754: one for each curve with its hash */
	IKE_AUTHENTICATION_ECDSA_384,
	IKE_AUTHENTICATION_ECDSA_521,
	IKE_AUTHENTICATION_GSS,                /* Kerberos: draft-ietf-ipsec-isakmp-gss-auth */
	IKE_AUTHENTICATION_ENCRYPTION,         /* RSA public-key encryption: RFC 2409 5.2 */
	IKE_AUTHENTICATION_REVISED_ENCRYPTION, /* the same, revised: RFC 2409 5.3 */
	IKE_AUTHENTICATION_COUNT
};

/* Types of identities: RFC 2407 4.6.2.1, RFC 7296 3.5, as far as RFC 4945 3.1 lets them be used. */
enum ike_identity_type {
	IKE_IDENTITY_NONE = 0,
	IKE_IDENTITY_IPV4 = 1,      /* four octets */
	IKE_IDENTITY_FQDN = 2,      /* without a terminator or trailing dot */
	IKE_IDENTITY_USER_FQDN = 3, /* user@fqdn */
	IKE_IDENTITY_IPV6 = 5,      /* sixteen octets */
	IKE_IDENTITY_DN = 9,        /* DER of a Name */
	IKE_IDENTITY_KEY_ID = 11    /* octets that both ends know; for pre-shared keys */
};

/* Who somebody claims to be. The octets are borrowed, and of any content where the peer sent them.
 */
struct ike_identity {
	uint8_t type; /* enum ike_identity_type, or what else a peer sent */
	struct bytes data;
};

#endif
