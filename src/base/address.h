/* IPv4 and IPv6 addresses, endpoints, prefixes and ranges, and their texts. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

/* Octets that are not used (an IPv4 address has four) are zero, so that memcmp compares. */
struct address {
	uint8_t family; /* 4, 6, or 0 for none */
	uint8_t octets[16];
};

struct endpoint {
	struct address address;
	uint16_t port; /* host order; 0 means none */
};

struct prefix {
	struct address address; /* host bits are zero */
	uint8_t bits;
};

/* Both ends belong to the range and share a family. */
struct address_range {
	struct address first;
	struct address last;
};

/* Enough for any text that these functions write, with its terminator. */
#define ADDRESS_TEXT_SIZE  46
#define ENDPOINT_TEXT_SIZE 56
#define PREFIX_TEXT_SIZE   52
#define RANGE_TEXT_SIZE    96

static inline bool address_is_set(const struct address *address)
{
	return address->family != 0;
}

/* 4 or 16; 0 for none. */
size_t address_size(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);
/* Order by family, then value; for sorting and range checks. */
int address_compare(const struct address *a, const struct address *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* From 4 or 16 octets in network order. */
enum err address_from_octets(const uint8_t *octets, size_t len, struct address *out) MUST_CHECK;
enum err address_parse(const char *text, struct address *out) MUST_CHECK;
/* "10.0.0.0/8"; without a slash the prefix is one host. Set host bits are an error. */
enum err prefix_parse(const char *text, struct prefix *out) MUST_CHECK;
/* An IPv4-mapped IPv6 socket address becomes IPv4. */
enum err endpoint_from_sockaddr(const struct sockaddr *sa, struct endpoint *out) MUST_CHECK;
/* Returns the length used of *out. */
socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *out);

bool prefix_contains(const struct prefix *prefix, const struct address *address);
struct prefix prefix_of_host(const struct address *address);
/* The prefix of that length (at most the address's own) that contains an address. */
struct prefix prefix_around(const struct address *address, unsigned bits);
/* All addresses of a family (4 or 6). */
struct prefix prefix_any(uint8_t family);
struct address_range range_of_prefix(const struct prefix *prefix);
bool range_contains(const struct address_range *range, const struct address *address);
/* Whether every address of inner is in outer. */
bool range_contains_range(const struct address_range *outer, const struct address_range *inner);
bool range_is_host(const struct address_range *range);
bool range_equal(const struct address_range *a, const struct address_range *b);
/* The prefix that is exactly this range, or ERR_INVALID when there is none. */
enum err range_to_prefix(const struct address_range *range, struct prefix *out) MUST_CHECK;

/* Each writes into text and returns it. */
const char *address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);
const char *endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_SIZE]);
const char *prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_SIZE]);
/* As a prefix where it is one, else "first-last". */
const char *range_format(const struct address_range *range, char text[RANGE_TEXT_SIZE]);

#endif
