/*
 * KERB_VALIDATION_INFO (MS-PAC 2.5) in NDR: little-endian, aligned, and what pointers point to
 * follows in the order of the pointers (C706 14, MS-RPCE 2.2.6).
 */
#include "kerberos/pac.h"

#include <string.h>

#define HEADERS_SIZE      16
#define TIMES_SIZE        48
#define SESSION_KEY_SIZE  16
#define STRINGS_FIRST     6
#define STRINGS_SECOND    2
#define MEMBERSHIP_SIZE   8
#define ENABLED           0x00000004U /* SE_GROUP_ENABLED: MS-PAC 2.2.1 */
#define USE_FOR_DENY_ONLY 0x00000010U

static uint32_t swap32(uint32_t value)
{
	return value >> 24 | (value >> 8 & 0xff00) | (value & 0xff00) << 8 | value << 24;
}

static void align(struct reader *r, size_t boundary)
{
	(void)reader_take(r, (boundary - r->pos % boundary) % boundary);
}

static uint16_t read_u16(struct reader *r)
{
	uint16_t value;

	align(r, 2);
	value = reader_u16(r);
	return (uint16_t)(value >> 8 | value << 8);
}

static uint32_t read_u32(struct reader *r)
{
	align(r, 4);
	return swap32(reader_u32(r));
}

/* Whether there is something to follow. */
static bool read_pointer(struct reader *r)
{
	return read_u32(r) != 0;
}

/* RPC_UNICODE_STRING. */
static bool read_string(struct reader *r)
{
	(void)read_u16(r);
	(void)read_u16(r);
	return read_pointer(r);
}

static void skip_text(struct reader *r, bool there)
{
	uint32_t length;

	if (!there)
		return;
	(void)read_u32(r);
	(void)read_u32(r);
	length = read_u32(r);
	(void)reader_take(r, 2 * (size_t)length);
}

static void read_sid(struct reader *r, bool there, struct sid *out)
{
	uint32_t count;

	memset(out, 0, sizeof(*out));
	if (!there)
		return;
	count = read_u32(r);
	if (count > SID_PARTS_MAX ||
	    sid_decode(reader_take(r, 8 + 4 * (size_t)count), out) != ERR_OK)
		reader_fail(r);
}

/* An array of GROUP_MEMBERSHIP or KERB_SID_AND_ATTRIBUTES: both have eight octets. */
static struct bytes read_array(struct reader *r, bool there, uint32_t count)
{
	if (!there || read_u32(r) != count) {
		if (there || count > 0)
			reader_fail(r);
		return (struct bytes){0};
	}
	return reader_take(r, (size_t)count * MEMBERSHIP_SIZE);
}

struct search {
	const struct sid *wanted;
	size_t count;
	bool found;
};

static void look(struct search *search, const struct sid *sid)
{
	for (size_t i = 0; i < search->count; i++)
		search->found = search->found || sid_equal(sid, &search->wanted[i]);
}

static bool counts(uint32_t attributes)
{
	return (attributes & ENABLED) != 0 && (attributes & USE_FOR_DENY_ONLY) == 0;
}

static void look_in_domain(struct search *search, const struct sid *domain, uint32_t relative)
{
	struct sid sid;

	if (domain->len > 0 && sid_in_domain(domain, relative, &sid) == ERR_OK)
		look(search, &sid);
}

static void look_at_memberships(
    struct search *search, const struct sid *domain, struct bytes memberships)
{
	struct reader r = reader_of(memberships);

	while (reader_left(&r) > 0) {
		uint32_t relative = read_u32(&r);

		if (counts(read_u32(&r)))
			look_in_domain(search, domain, relative);
	}
}

static void read_extra_sids(struct reader *r, struct search *search, struct bytes extra)
{
	struct reader entries = reader_of(extra);
	struct sid sid;

	while (reader_left(&entries) > 0) {
		bool there = read_pointer(&entries);
		bool good = counts(read_u32(&entries));

		read_sid(r, there, &sid);
		if (there && good && reader_ok(r))
			look(search, &sid);
	}
}

enum err pac_find_member(struct bytes logon_info, const struct sid *wanted, size_t wanted_count)
{
	struct search search = {.wanted = wanted, .count = wanted_count};
	struct reader r = reader_of(logon_info);
	bool texts[STRINGS_FIRST + STRINGS_SECOND];
	bool has_groups, has_domain, has_extra, has_resource_domain, has_resource_groups;
	uint32_t user, primary, group_count, extra_count, resource_count;
	struct bytes groups, extra;
	struct sid domain, resource_domain;

	/* Version 1, little-endian; the rest of the headers has nothing that matters. */
	if (reader_u8(&r) != 1 || reader_u8(&r) != 0x10)
		return ERR_INVALID;
	(void)reader_take(&r, HEADERS_SIZE - 2);
	if (!read_pointer(&r))
		return ERR_INVALID;
	(void)reader_take(&r, TIMES_SIZE);
	for (size_t i = 0; i < STRINGS_FIRST; i++)
		texts[i] = read_string(&r);
	(void)read_u32(&r); /* LogonCount, BadPasswordCount */
	user = read_u32(&r);
	primary = read_u32(&r);
	group_count = read_u32(&r);
	has_groups = read_pointer(&r);
	(void)read_u32(&r); /* UserFlags */
	(void)reader_take(&r, SESSION_KEY_SIZE);
	for (size_t i = 0; i < STRINGS_SECOND; i++)
		texts[STRINGS_FIRST + i] = read_string(&r);
	has_domain = read_pointer(&r);
	/* Reserved1, UserAccountControl, SubAuthStatus, two times, FailedILogonCount, Reserved3 */
	(void)reader_take(&r, 8 + 4 + 4 + 16 + 4 + 4);
	extra_count = read_u32(&r);
	has_extra = read_pointer(&r);
	has_resource_domain = read_pointer(&r);
	resource_count = read_u32(&r);
	has_resource_groups = read_pointer(&r);

	for (size_t i = 0; i < STRINGS_FIRST; i++)
		skip_text(&r, texts[i]);
	groups = read_array(&r, has_groups, group_count);
	for (size_t i = 0; i < STRINGS_SECOND; i++)
		skip_text(&r, texts[STRINGS_FIRST + i]);
	read_sid(&r, has_domain, &domain);
	look_in_domain(&search, &domain, user);
	look_in_domain(&search, &domain, primary);
	look_at_memberships(&search, &domain, groups);
	extra = read_array(&r, has_extra, extra_count);
	read_extra_sids(&r, &search, extra);
	read_sid(&r, has_resource_domain, &resource_domain);
	look_at_memberships(
	    &search, &resource_domain, read_array(&r, has_resource_groups, resource_count));
	if (!reader_ok(&r))
		return ERR_INVALID;
	return search.found ? ERR_OK : ERR_NOT_FOUND;
}
