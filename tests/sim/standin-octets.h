/* What the stand-in's tickets and proofs look like: opaque octets with MACs, of realistic sizes. */
#ifndef SIM_STANDIN_OCTETS_H
#define SIM_STANDIN_OCTETS_H

#include "base/bytes.h"

#define KEY_SIZE    32
#define MAC_SIZE    16
#define NAME_SIZE   96
#define TICKET_SIZE 520

enum { TAG_TICKET = 0x61, TAG_AP_REQ = 0x6e, TAG_AP_REP = 0x6f, TAG_ERROR = 0x7e };

struct ticket {
	char client[NAME_SIZE];
	char server[NAME_SIZE];
	int64_t end;
	uint64_t serial;
	uint64_t key_version; /* of the server's key */
	uint64_t tgt; /* user-to-user: the serial of the ticket whose session key it is under */
};

#define KRBTGT "krbtgt/EXAMPLE.TEST@EXAMPLE.TEST"

void mac(const uint8_t *key, uint32_t usage, struct bytes data, uint8_t *out, size_t len);
/* The long-term key of a principal, known to the KDC and in that host's keytab. */
void principal_key(uint64_t secret, const char *principal, uint8_t out[KEY_SIZE]);
void session_key(uint64_t secret, const struct ticket *ticket, uint8_t out[KEY_SIZE]);

/* TICKET_SIZE octets under the server's key, or that of its own ticket. */
void put_ticket(struct writer *out, uint64_t secret, const struct ticket *ticket);
/* What octets say, and whether it is sealed with that key. */
void read_ticket(struct bytes octets, struct ticket *ticket);
bool ticket_is_sealed(struct bytes octets, uint64_t secret, const struct ticket *ticket);
/* What shows that someone has a key: tag | time | zeros | MAC, size octets in all. */
void put_proof(struct writer *out, uint8_t tag, const uint8_t *key, int64_t time_us, size_t size);
bool get_proof(struct bytes octets, uint8_t tag, const uint8_t *key, int64_t *time_us);

#endif
