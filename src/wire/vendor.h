/* The vendor IDs (RFC 2408 3.16) that IKEv1 peers announce extensions with. */
#ifndef WIRE_VENDOR_H
#define WIRE_VENDOR_H

#include "base/bytes.h"

enum vendor_id {
	VENDOR_UNKNOWN,
	VENDOR_NAT_TRAVERSAL,       /* RFC 3947 3.1 */
	VENDOR_DEAD_PEER_DETECTION, /* RFC 3706 5.1, version 1 */
	VENDOR_FRAGMENTATION,       /* takes fragments of main and aggressive mode */
	VENDOR_GSS,                 /* MD5 of "GSSAPI" */
	VENDOR_WINDOWS,             /* MS NT5 ISAKMPOAKLEY: knows GSS */
	VENDOR_GSS_DRAFT,           /* MD5 of the draft's title */
	VENDOR_GSS_DRAFT_NEWLINE,   /* the same with a newline behind it */
	VENDOR_XAUTH,
	VENDOR_CISCO_UNITY,
	VENDOR_STRONGSWAN,
	VENDOR_NAT_TRAVERSAL_DRAFT_02,
	VENDOR_NAT_TRAVERSAL_DRAFT_02_NEWLINE,
	VENDOR_NAT_TRAVERSAL_DRAFT_03,
	VENDOR_ID_COUNT
};

/* Of a Vendor ID payload's body. */
enum vendor_id vendor_id_of(struct bytes body);
/* Whether its sender may mean GSS-API by authentication method 65001. */
bool vendor_id_is_gss(enum vendor_id id);
/* The body to send; empty for VENDOR_UNKNOWN. */
struct bytes vendor_id_octets(enum vendor_id id);
/* For logs: a static string. */
const char *vendor_id_name(enum vendor_id id);

#endif
