/* Keys, MACs, tickets and proofs of the stand-in. */
#include "standin-octets.h"

#include <string.h>

#include "random.h"

void mac(const uint8_t *key, uint32_t usage, struct bytes data, uint8_t *out, size_t len)
{
	uint8_t full[KEY_SIZE + sizeof(usage)];
	uint64_t hash[2];

	memcpy(full, key, KEY_SIZE);
	memcpy(&full[KEY_SIZE], &usage, sizeof(usage));
	sim_hash(full, sizeof(full), data.data, data.len, hash);
	memcpy(out, hash, len);
}

void principal_key(uint64_t secret, const char *principal, uint8_t out[KEY_SIZE])
{
	uint64_t hash[4];

	sim_hash(&secret, sizeof(secret), principal, strlen(principal), hash);
	sim_hash(hash, 2 * sizeof(hash[0]), "key", 3, &hash[2]);
	memcpy(out, hash, KEY_SIZE);
}

void session_key(uint64_t secret, const struct ticket *ticket, uint8_t out[KEY_SIZE])
{
	uint64_t hash[4];

	sim_hash(&secret, sizeof(secret), ticket, sizeof(*ticket), hash);
	sim_hash(hash, 2 * sizeof(hash[0]), "session", 7, &hash[2]);
	memcpy(out, hash, KEY_SIZE);
}

static void ticket_key(uint64_t secret, const struct ticket *ticket, uint8_t out[KEY_SIZE])
{
	principal_key(secret + ticket->tgt, ticket->server, out);
}

void put_ticket(struct writer *out, uint64_t secret, const struct ticket *ticket)
{
	size_t start = out->len;
	uint8_t key[KEY_SIZE];
	uint8_t tag[MAC_SIZE];

	writer_u8(out, TAG_TICKET);
	writer_put(out, bytes_of(ticket, sizeof(*ticket)));
	writer_zeros(out, start + TICKET_SIZE - MAC_SIZE - out->len);
	ticket_key(secret, ticket, key);
	mac(key, 2, bytes_of(&out->data[start], out->len - start), tag, sizeof(tag));
	writer_put(out, bytes_of(tag, sizeof(tag)));
}

void read_ticket(struct bytes octets, struct ticket *ticket)
{
	memcpy(ticket, &octets.data[1], sizeof(*ticket));
	ticket->client[NAME_SIZE - 1] = '\0';
	ticket->server[NAME_SIZE - 1] = '\0';
}

bool ticket_is_sealed(struct bytes octets, uint64_t secret, const struct ticket *ticket)
{
	uint8_t key[KEY_SIZE];
	uint8_t tag[MAC_SIZE];

	ticket_key(secret, ticket, key);
	mac(key, 2, bytes_of(octets.data, TICKET_SIZE - MAC_SIZE), tag, sizeof(tag));
	return memcmp(tag, &octets.data[TICKET_SIZE - MAC_SIZE], sizeof(tag)) == 0;
}

void put_proof(struct writer *out, uint8_t tag, const uint8_t *key, int64_t time_us, size_t size)
{
	size_t start = out->len;
	uint8_t proof[MAC_SIZE];

	writer_u8(out, tag);
	writer_u64(out, (uint64_t)time_us);
	writer_zeros(out, start + size - MAC_SIZE - out->len);
	mac(key, tag, bytes_of(&out->data[start], out->len - start), proof, sizeof(proof));
	writer_put(out, bytes_of(proof, sizeof(proof)));
}

bool get_proof(struct bytes octets, uint8_t tag, const uint8_t *key, int64_t *time_us)
{
	struct reader reader = reader_of(octets);
	uint8_t proof[MAC_SIZE];

	if (octets.len < MAC_SIZE || reader_u8(&reader) != tag)
		return false;
	*time_us = (int64_t)reader_u64(&reader);
	mac(key, tag, bytes_of(octets.data, octets.len - MAC_SIZE), proof, sizeof(proof));
	return reader_ok(&reader) &&
	       memcmp(&octets.data[octets.len - MAC_SIZE], proof, sizeof(proof)) == 0;
}
