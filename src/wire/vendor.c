/* Vendor IDs and what they mean. */
#include "wire/vendor.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/*
 * The extension's flags behind its 16 octets: that parts of main and aggressive mode's messages are
 * taken. Peers may leave the flags out altogether.
 */
#define FRAGMENTATION_FLAG 0x80

struct vendor {
	const char *name;
	uint8_t size;    /* of what is sent */
	uint8_t compare; /* octets that identify it; what follows is a version. 0: all */
	bool gss;
	uint8_t octets[20];
};

static const struct vendor vendors[VENDOR_ID_COUNT] = {
    [VENDOR_UNKNOWN] = {.name = "unknown"},
    [VENDOR_NAT_TRAVERSAL] = {.name = "NAT traversal (RFC 3947)",
	.size = 16,
	.octets = {0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e,
	    0x95, 0x45, 0x2f}},
    [VENDOR_DEAD_PEER_DETECTION] = {.name = "dead peer detection (RFC 3706)",
	.size = 16,
	.compare = 15,
	.octets = {0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77,
	    0x57, 0x01, 0x00}},
    [VENDOR_FRAGMENTATION] = {.name = "fragmentation",
	.size = 20,
	.compare = 16,
	.octets = {0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7, 0xde, 0x7f, 0x00,
	    0xd6, 0xc2, 0xd3, FRAGMENTATION_FLAG, 0x00, 0x00, 0x00}},
    [VENDOR_GSS] = {.name = "GSS-API",
	.size = 16,
	.gss = true,
	.octets = {0x62, 0x1b, 0x04, 0xbb, 0x09, 0x88, 0x2a, 0xc1, 0xe1, 0x59, 0x35, 0xfe, 0xfa,
	    0x24, 0xae, 0xee}},
    [VENDOR_WINDOWS] = {.name = "MS NT5 ISAKMPOAKLEY",
	.size = 16,
	.compare = 16,
	.gss = true,
	.octets = {0x1e, 0x2b, 0x51, 0x69, 0x05, 0x99, 0x1c, 0x7d, 0x7c, 0x96, 0xfc, 0xbf, 0xb5,
	    0x87, 0xe4, 0x61}},
    [VENDOR_GSS_DRAFT] = {.name = "GSS-API (draft)",
	.size = 16,
	.gss = true,
	.octets = {0xad, 0x2c, 0x0d, 0xd0, 0xb9, 0xc3, 0x20, 0x83, 0xcc, 0xba, 0x25, 0xb8, 0x86,
	    0x1e, 0xc4, 0x55}},
    [VENDOR_GSS_DRAFT_NEWLINE] = {.name = "GSS-API (draft, with a newline)",
	.size = 16,
	.gss = true,
	.octets = {0xb4, 0x6d, 0x89, 0x14, 0xf3, 0xaa, 0xa3, 0xf2, 0xfe, 0xde, 0xb7, 0xc7, 0xdb,
	    0x29, 0x43, 0xca}},
    [VENDOR_XAUTH] = {.name = "XAUTH",
	.size = 8,
	.octets = {0x09, 0x00, 0x26, 0x89, 0xdf, 0xd6, 0xb7, 0x12}},
    [VENDOR_CISCO_UNITY] = {.name = "Cisco Unity",
	.size = 16,
	.compare = 14,
	.octets = {0x12, 0xf5, 0xf2, 0x8c, 0x45, 0x71, 0x68, 0xa9, 0x70, 0x2d, 0x9f, 0xe2, 0x74,
	    0xcc, 0x01, 0x00}},
    [VENDOR_STRONGSWAN] = {.name = "strongSwan",
	.size = 16,
	.octets = {0x88, 0x2f, 0xe5, 0x6d, 0x6f, 0xd2, 0x0d, 0xbc, 0x22, 0x51, 0x61, 0x3b, 0x2e,
	    0xbe, 0x5b, 0xeb}},
    [VENDOR_NAT_TRAVERSAL_DRAFT_02] = {.name = "draft-ietf-ipsec-nat-t-ike-02",
	.size = 16,
	.octets = {0xcd, 0x60, 0x46, 0x43, 0x35, 0xdf, 0x21, 0xf8, 0x7c, 0xfd, 0xb2, 0xfc, 0x68,
	    0xb6, 0xa4, 0x48}},
    [VENDOR_NAT_TRAVERSAL_DRAFT_02_NEWLINE] =
	{.name = "draft-ietf-ipsec-nat-t-ike-02 with a newline",
	    .size = 16,
	    .octets = {0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81, 0xb5, 0xec,
		0x42, 0x7b, 0x1f}},
    [VENDOR_NAT_TRAVERSAL_DRAFT_03] = {.name = "draft-ietf-ipsec-nat-t-ike-03",
	.size = 16,
	.octets = {0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d, 0x92, 0x15,
	    0x52, 0x9d, 0x56}},
};

static bool matches(const struct vendor *vendor, struct bytes body)
{
	if (vendor->compare == 0)
		return bytes_equal(body, bytes_of(vendor->octets, vendor->size));
	return body.len >= vendor->compare && bytes_equal(bytes_of(body.data, vendor->compare),
						  bytes_of(vendor->octets, vendor->compare));
}

enum vendor_id vendor_id_of(struct bytes body)
{
	for (size_t id = VENDOR_UNKNOWN + 1; id < COUNT_OF(vendors); id++) {
		if (!matches(&vendors[id], body))
			continue;
		if (id == VENDOR_FRAGMENTATION && body.len > vendors[id].compare &&
		    (body.data[vendors[id].compare] & FRAGMENTATION_FLAG) == 0)
			return VENDOR_UNKNOWN;
		return (enum vendor_id)id;
	}
	return VENDOR_UNKNOWN;
}

bool vendor_id_is_gss(enum vendor_id id)
{
	return vendors[id].gss;
}

struct bytes vendor_id_octets(enum vendor_id id)
{
	return bytes_of(vendors[id].octets, vendors[id].size);
}

const char *vendor_id_name(enum vendor_id id)
{
	return vendors[id].name;
}
