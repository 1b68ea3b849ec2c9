/*
 * The Internet checksum. Words are added in the machine's order, which only swaps the octets of the
 * folded result (RFC 1071 section 2 B); folding swaps them back.
 */
#include "dataplane/userspace/checksum.h"

#include <arpa/inet.h>
#include <string.h>

/* Octets per round of the loops, which the compiler turns into vector additions. */
#define ROUND 32

static checksum_sum add_round(checksum_sum sum, const uint32_t words[ROUND / 4])
{
	for (size_t i = 0; i < ROUND / 4; i++)
		sum += words[i];
	return sum;
}

static checksum_sum add_tail(checksum_sum sum, const uint8_t *data, size_t len)
{
	uint32_t words[ROUND / 4] = {0};

	if (len == 0)
		return sum;
	memcpy(words, data, len);
	return add_round(sum, words);
}

checksum_sum checksum_add(checksum_sum sum, const uint8_t *data, size_t len)
{
	size_t whole = len - len % ROUND;

	for (size_t at = 0; at < whole; at += ROUND) {
		uint32_t words[ROUND / 4];

		memcpy(words, data + at, ROUND);
		sum = add_round(sum, words);
	}
	return add_tail(sum, data + whole, len - whole);
}

checksum_sum checksum_copy(checksum_sum sum, uint8_t *to, const uint8_t *from, size_t len)
{
	size_t whole = len - len % ROUND;

	for (size_t at = 0; at < whole; at += ROUND) {
		uint32_t words[ROUND / 4];

		memcpy(words, from + at, ROUND);
		memcpy(to + at, words, ROUND);
		sum = add_round(sum, words);
	}
	if (len > whole)
		memcpy(to + whole, from + whole, len - whole);
	return add_tail(sum, from + whole, len - whole);
}

checksum_sum checksum_add_u16(checksum_sum sum, uint16_t value)
{
	return sum + htons(value);
}

checksum_sum checksum_pseudo(
    const struct address *source, const struct address *destination, uint8_t protocol)
{
	checksum_sum sum = checksum_add(0, source->octets, sizeof(source->octets));

	sum = checksum_add(sum, destination->octets, sizeof(destination->octets));
	return checksum_add_u16(sum, protocol);
}

uint16_t checksum_fold(checksum_sum sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ntohs((uint16_t)sum);
}
