/* Security identifiers of Windows domains: MS-DTYP 2.4.2. */
#ifndef BASE_SID_H
#define BASE_SID_H

#include "base/bytes.h"
#include "base/error.h"

#define SID_PARTS_MAX 15 /* sub-authorities */
#define SID_SIZE_MAX  (8 + 4 * SID_PARTS_MAX)
/* "S-1-", an identifier authority, and that many numbers of up to ten digits. */
#define SID_TEXT_SIZE (4 + 15 + SID_PARTS_MAX * 11 + 1)

/* As it is sent: revision, count of parts, authority (6, big-endian), parts (little-endian). */
struct sid {
	uint8_t octets[SID_SIZE_MAX];
	uint8_t len;
};

/* "S-1-5-21-..."; ERR_INVALID for anything else. */
enum err sid_parse(const char *text, struct sid *out) MUST_CHECK;
/* From just its octets; ERR_INVALID for what is none. */
enum err sid_decode(struct bytes octets, struct sid *out) MUST_CHECK;
const char *sid_format(const struct sid *sid, char text[SID_TEXT_SIZE]);
bool sid_equal(const struct sid *a, const struct sid *b);
/* That of an account or group of a domain; ERR_TOO_LONG when there is no room for it. */
enum err sid_in_domain(const struct sid *domain, uint32_t relative, struct sid *out) MUST_CHECK;

#endif
