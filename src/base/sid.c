/* Security identifiers, their octets and their text: MS-DTYP 2.4.2.1, 2.4.2.2. */
#include "base/sid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REVISION      1
#define HEAD_SIZE     8
#define AUTHORITY_MAX 0xffffffffffffULL

static void add_part(struct sid *sid, uint32_t part)
{
	for (int shift = 0; shift < 32; shift += 8)
		sid->octets[sid->len++] = (uint8_t)(part >> shift);
	sid->octets[1]++;
}

/* "-" and a decimal number without needless zeros. */
static bool read_part(const char **text, uint64_t maximum, uint64_t *out)
{
	const char *at = *text;
	uint64_t value = 0;

	if (*at++ != '-' || *at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9'))
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		value = 10 * value + (uint64_t)(*at - '0');
		if (value > maximum)
			return false;
	}
	*text = at;
	*out = value;
	return true;
}

enum err sid_parse(const char *text, struct sid *out)
{
	uint64_t value;

	memset(out, 0, sizeof(*out));
	if (strncmp(text, "S-1", 3) != 0)
		return ERR_INVALID;
	text += 3;
	if (!read_part(&text, AUTHORITY_MAX, &value))
		return ERR_INVALID;
	out->octets[0] = REVISION;
	for (int i = 0; i < 6; i++)
		out->octets[2 + i] = (uint8_t)(value >> (40 - 8 * i));
	out->len = HEAD_SIZE;
	while (*text != '\0') {
		if (out->octets[1] == SID_PARTS_MAX || !read_part(&text, UINT32_MAX, &value))
			return ERR_INVALID;
		add_part(out, (uint32_t)value);
	}
	return out->octets[1] > 0 ? ERR_OK : ERR_INVALID;
}

enum err sid_decode(struct bytes octets, struct sid *out)
{
	memset(out, 0, sizeof(*out));
	if (octets.len < HEAD_SIZE || octets.len > SID_SIZE_MAX || octets.data[0] != REVISION ||
	    octets.len != HEAD_SIZE + 4 * (size_t)octets.data[1])
		return ERR_INVALID;
	memcpy(out->octets, octets.data, octets.len);
	out->len = (uint8_t)octets.len;
	return ERR_OK;
}

const char *sid_format(const struct sid *sid, char text[SID_TEXT_SIZE])
{
	uint64_t authority = 0;
	size_t used;

	for (int i = 2; i < HEAD_SIZE; i++)
		authority = authority << 8 | sid->octets[i];
	used = (size_t)snprintf(text, SID_TEXT_SIZE, "S-1-%" PRIu64, authority);
	for (const uint8_t *at = &sid->octets[HEAD_SIZE]; at < &sid->octets[sid->len]; at += 4)
		used += (size_t)snprintf(&text[used], SID_TEXT_SIZE - used, "-%" PRIu32,
		    at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
	return text;
}

bool sid_equal(const struct sid *a, const struct sid *b)
{
	return bytes_equal(bytes_of(a->octets, a->len), bytes_of(b->octets, b->len));
}

enum err sid_in_domain(const struct sid *domain, uint32_t relative, struct sid *out)
{
	if (domain->octets[1] >= SID_PARTS_MAX)
		return ERR_TOO_LONG;
	*out = *domain;
	add_part(out, relative);
	return ERR_OK;
}
