/* Addresses, endpoints, prefixes and ranges. */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t address_size(const struct address *address)
{
	switch (address->family) {
	case 4:
		return 4;
	case 6:
		return 16;
	default:
		return 0;
	}
}

int address_compare(const struct address *a, const struct address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->octets, b->octets, sizeof(a->octets));
}

bool address_equal(const struct address *a, const struct address *b)
{
	return address_compare(a, b) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && address_equal(&a->address, &b->address);
}

enum err address_from_octets(const uint8_t *octets, size_t len, struct address *out)
{
	if (len != 4 && len != 16)
		return ERR_INVALID;
	*out = (struct address){.family = len == 4 ? 4 : 6};
	memcpy(out->octets, octets, len);
	return ERR_OK;
}

enum err address_parse(const char *text, struct address *out)
{
	*out = (struct address){.family = 4};
	if (inet_pton(AF_INET, text, out->octets) == 1)
		return ERR_OK;
	*out = (struct address){.family = 6};
	if (inet_pton(AF_INET6, text, out->octets) == 1)
		return ERR_OK;
	*out = (struct address){0};
	return ERR_INVALID;
}

/* Clears (or, with set, sets) the bits after the first `bits`. */
static struct address fill_host_bits(const struct address *address, unsigned bits, bool set)
{
	struct address filled = *address;
	size_t size = address_size(address);

	for (size_t i = 0; i < size; i++) {
		unsigned kept = bits >= 8 * (i + 1) ? 8
		                : bits > 8 * i      ? bits - (unsigned)(8 * i)
		                                    : 0;
		uint8_t host_mask = (uint8_t)(0xffU >> kept);

		if (set)
			filled.octets[i] |= host_mask;
		else
			filled.octets[i] &= (uint8_t)~host_mask;
	}
	return filled;
}

enum err prefix_parse(const char *text, struct prefix *out)
{
	char copy[PREFIX_TEXT_SIZE];
	char *slash;
	struct address address;
	struct address network;
	unsigned long bits;

	if (strlen(text) >= sizeof(copy))
		return ERR_INVALID;
	memcpy(copy, text, strlen(text) + 1);
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (address_parse(copy, &address) != ERR_OK)
		return ERR_INVALID;
	bits = 8 * address_size(&address);
	if (slash != NULL) {
		char *end;
		unsigned long given;

		if (slash[1] < '0' || slash[1] > '9')
			return ERR_INVALID;
		given = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || given > bits)
			return ERR_INVALID;
		bits = given;
	}
	network = fill_host_bits(&address, (unsigned)bits, false);
	if (!address_equal(&network, &address))
		return ERR_INVALID;
	*out = (struct prefix){.address = address, .bits = (uint8_t)bits};
	return ERR_OK;
}

enum err endpoint_from_sockaddr(const struct sockaddr *sa, struct endpoint *out)
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		*out = (struct endpoint){.address = {.family = 4}, .port = ntohs(in.sin_port)};
		memcpy(out->address.octets, &in.sin_addr, 4);
		return ERR_OK;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		*out = (struct endpoint){.port = ntohs(in6.sin6_port)};
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			out->address.family = 4;
			memcpy(out->address.octets, in6.sin6_addr.s6_addr + 12, 4);
		} else {
			out->address.family = 6;
			memcpy(out->address.octets, &in6.sin6_addr, 16);
		}
		return ERR_OK;
	}
	*out = (struct endpoint){0};
	return ERR_UNSUPPORTED;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (endpoint->address.family == 4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};

		memcpy(&in.sin_addr, endpoint->address.octets, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};

	memcpy(&in6.sin6_addr, endpoint->address.octets, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
	const uint8_t *wanted = prefix->address.octets;
	size_t whole = prefix->bits / 8;
	unsigned rest = prefix->bits % 8;

	if (address->family != prefix->address.family ||
	    memcmp(address->octets, wanted, whole) != 0)
		return false;
	return rest == 0 || (address->octets[whole] ^ wanted[whole]) >> (8 - rest) == 0;
}

struct prefix prefix_of_host(const struct address *address)
{
	return (struct prefix){.address = *address, .bits = (uint8_t)(8 * address_size(address))};
}

struct prefix prefix_around(const struct address *address, unsigned bits)
{
	return (struct prefix){
	    .address = fill_host_bits(address, bits, false), .bits = (uint8_t)bits};
}

struct prefix prefix_any(uint8_t family)
{
	return (struct prefix){.address = {.family = family}};
}

struct address_range range_of_prefix(const struct prefix *prefix)
{
	return (struct address_range){
	    .first = prefix->address, .last = fill_host_bits(&prefix->address, prefix->bits, true)};
}

bool range_contains(const struct address_range *range, const struct address *address)
{
	return address->family == range->first.family &&
	       address_compare(&range->first, address) <= 0 &&
	       address_compare(address, &range->last) <= 0;
}

bool range_contains_range(const struct address_range *outer, const struct address_range *inner)
{
	return range_contains(outer, &inner->first) && range_contains(outer, &inner->last);
}

bool range_is_host(const struct address_range *range)
{
	return address_equal(&range->first, &range->last);
}

bool range_equal(const struct address_range *a, const struct address_range *b)
{
	return address_equal(&a->first, &b->first) && address_equal(&a->last, &b->last);
}

enum err range_to_prefix(const struct address_range *range, struct prefix *out)
{
	unsigned width = (unsigned)(8 * address_size(&range->first));

	for (unsigned bits = 0; bits <= width; bits++) {
		struct prefix candidate = {
		    .address = fill_host_bits(&range->first, bits, false), .bits = (uint8_t)bits};
		struct address_range covered = range_of_prefix(&candidate);

		if (range_equal(&covered, range)) {
			*out = candidate;
			return ERR_OK;
		}
	}
	return ERR_INVALID;
}

const char *address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	if (!address_is_set(address))
		(void)snprintf(text, ADDRESS_TEXT_SIZE, "none");
	else
		(void)inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->octets, text,
		    ADDRESS_TEXT_SIZE);
	return text;
}

const char *endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_SIZE])
{
	char address[ADDRESS_TEXT_SIZE];

	(void)snprintf(text, ENDPOINT_TEXT_SIZE,
	    endpoint->address.family == 6 ? "[%s]:%u" : "%s:%u",
	    address_format(&endpoint->address, address), endpoint->port);
	return text;
}

const char *prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_SIZE])
{
	char address[ADDRESS_TEXT_SIZE];

	(void)snprintf(text, PREFIX_TEXT_SIZE, "%s/%u", address_format(&prefix->address, address),
	    prefix->bits);
	return text;
}

const char *range_format(const struct address_range *range, char text[RANGE_TEXT_SIZE])
{
	struct prefix prefix;
	char first[ADDRESS_TEXT_SIZE];
	char last[ADDRESS_TEXT_SIZE];

	if (range_to_prefix(range, &prefix) == ERR_OK)
		return prefix_format(&prefix, text);
	(void)snprintf(text, RANGE_TEXT_SIZE, "%s-%s", address_format(&range->first, first),
	    address_format(&range->last, last));
	return text;
}
