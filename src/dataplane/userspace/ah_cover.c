/* What AH covers of IP headers: RFC 4302 3.3.3.1.1 and A1 (IPv4), 3.3.3.1.2 and A2 (IPv6). */
#include "dataplane/userspace/ah_cover.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/userspace/packet.h"

#define OPTION_END    0
#define OPTION_NOP    1
#define OPTION_LSRR   131
#define OPTION_SSRR   137
#define SOURCE_ROUTE  3 /* octets of those two before the addresses; the third is a pointer */
#define IPV4_TO       16
#define IPV6_TO       24
#define IPV6_PAD1     0
#define IPV6_MUTABLE  0x20 /* in an option's type */
#define ROUTING_FIXED 8    /* octets of a routing header before its addresses */

static bool is_immutable_option(uint8_t type)
{
	switch (type) {
	case 130: /* security */
	case 133: /* extended security */
	case 134: /* commercial security */
	case 148: /* router alert */
	case 149: /* sender directed multi-destination delivery */
		return true;
	default:
		return false;
	}
}

/* The last address of a route not yet travelled is where the packet will arrive. */
static void arrive_ipv4(uint8_t *out, const uint8_t *option, size_t len)
{
	if (len >= SOURCE_ROUTE + 4 && option[2] <= len)
		memcpy(out + IPV4_TO, option + len - 4, 4);
}

static enum err cover_options(uint8_t *out, size_t header_len, bool sent)
{
	size_t at = IPV4_HEADER;

	while (at < header_len && out[at] != OPTION_END) {
		uint8_t type = out[at];
		size_t len;

		if (type == OPTION_NOP) {
			at++;
			continue;
		}
		len = at + 1 < header_len ? out[at + 1] : 0;
		if (len < 2 || len > header_len - at)
			return ERR_INVALID;
		if (sent && (type == OPTION_LSRR || type == OPTION_SSRR))
			arrive_ipv4(out, out + at, len);
		if (!is_immutable_option(type))
			memset(out + at, 0, len);
		at += len;
	}
	return ERR_OK;
}

static enum err cover_ipv4(uint8_t *out, size_t header_len, bool sent)
{
	out[1] = 0;             /* DSCP and ECN */
	memset(out + 6, 0, 3);  /* flags, fragment offset, time to live */
	memset(out + 10, 0, 2); /* checksum */
	return cover_options(out, header_len, sent);
}

static enum err cover_ipv6_options(uint8_t *extension, size_t len)
{
	size_t at = 2;

	while (at < len) {
		size_t data;

		if (extension[at] == IPV6_PAD1) {
			at++;
			continue;
		}
		if (at + 2 > len)
			return ERR_INVALID;
		data = extension[at + 1];
		if (data > len - at - 2)
			return ERR_INVALID;
		if ((extension[at] & IPV6_MUTABLE) != 0)
			memset(extension + at + 2, 0, data);
		at += 2 + data;
	}
	return ERR_OK;
}

/*
 * Types 0 and 2 swap the destination with the next address at each stop. What other types will look
 * like on arrival nobody has said.
 */
static enum err arrive_ipv6(uint8_t *out, uint8_t *routing, size_t len)
{
	uint8_t last[16];
	uint8_t *addresses = routing + ROUTING_FIXED;
	size_t left = routing[3];

	if (left == 0)
		return ERR_OK;
	if (routing[2] != 0 && routing[2] != 2)
		return ERR_UNSUPPORTED;
	/* A route begun elsewhere is not ours to foresee. */
	if ((len - ROUTING_FIXED) / 16 != left || (len - ROUTING_FIXED) % 16 != 0)
		return ERR_INVALID;
	memcpy(last, addresses + 16 * (left - 1), 16);
	memmove(addresses + 16, addresses, 16 * (left - 1));
	memcpy(addresses, out + IPV6_TO, 16);
	memcpy(out + IPV6_TO, last, 16);
	routing[3] = 0;
	return ERR_OK;
}

static enum err cover_ipv6(uint8_t *out, size_t header_len, bool sent)
{
	uint8_t next = out[6];
	size_t at = IPV6_HEADER;
	enum err code = ERR_OK;

	out[0] &= 0xf0;
	memset(out + 1, 0, 3); /* the rest of the traffic class, flow label */
	out[7] = 0;            /* hop limit */
	while (at < header_len && code == ERR_OK) {
		uint8_t *extension = out + at;
		size_t len;

		if (header_len - at < 8)
			return ERR_INVALID;
		len = 8 * ((size_t)extension[1] + 1);
		if (len > header_len - at)
			return ERR_INVALID;
		if (next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS)
			code = cover_ipv6_options(extension, len);
		else if (next == IPPROTO_ROUTING && sent)
			code = arrive_ipv6(out, extension, len);
		else if (next != IPPROTO_ROUTING)
			return ERR_INVALID;
		next = extension[0];
		at += len;
	}
	return code;
}

enum err ah_cover(struct bytes header, bool sent, uint8_t *out)
{
	memcpy(out, header.data, header.len);
	if (out[0] >> 4 == 4)
		return cover_ipv4(out, header.len, sent);
	return cover_ipv6(out, header.len, sent);
}
