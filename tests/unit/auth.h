/*
 * Two ends of a phase 1 that do nothing but authenticate: what main and aggressive mode would do
 * around it, without encryption, retransmission or a real key agreement.
 */
#ifndef UNIT_AUTH_H
#define UNIT_AUTH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/credentials.h"
#include "kx/auth/auth.h"
#include "policy/ike.h"

#define MESSAGE_MAX 16384

struct message {
	unsigned number; /* in its mode, from 1 */
	uint8_t octets[MESSAGE_MAX];
	size_t len;
};

struct end {
	struct auth_inputs in;
	struct policy_peer peer;
	struct policy_ike ike;
	struct host host;
	struct auth *auth;
	uint8_t identity[1024]; /* data of ike.local_identity */
	struct ike_identity expected[2];
	uint8_t expected_data[2][1024];
	uint8_t public_value[64];
	uint8_t nonce[32];
	uint8_t skeyid[64];
	/* The host's side. */
	struct credentials *set;
	const char *paths[2];
	bool asked;
	bool of_kerberos; /* what was asked; the answer is in kerberos */
	struct kerberos_completion kerberos;
	unsigned asked_count[CREDENTIALS_DECRYPT + 1];
	struct credentials_values values;
	struct credentials_completion done;
	struct problem problem; /* why this end failed */
};

struct phase1 {
	struct end initiator;
	struct end responder;
	bool aggressive;
	/* May change a message on its way; NULL: nobody does. */
	void (*tamper)(struct phase1 *phase1, struct message *message);
	struct message last;
};

/* Both ends at IPv4 addresses, SHA-256, AES-128, identities their addresses. */
void phase1_init(struct phase1 *phase1, enum ike_authentication authentication, bool aggressive);
void end_set_identity(struct end *end, const char *text);
void end_expect(struct end *end, const char *text);
/* Loads end->set as end->ike says. */
void end_load(struct end *end);
/*
 * One end's steps: true when it is content. What it sends is its public_value and nonce; what it
 * reads is then in its inputs.
 */
bool end_open(struct end *end);
bool end_prepare(struct end *end);
bool end_read(struct end *end, const struct isakmp_chain *chain);
/* What a step came to, once all is done that it asked for. */
bool end_done(struct end *end, enum auth_result result);
/* Runs it; true when both ends are content. At the first failure it stops. */
bool phase1_run(struct phase1 *phase1);
void phase1_close(struct phase1 *phase1);

/* A payload of a message in clear: its body, to be changed in place; NULL when there is none. */
uint8_t *message_payload(struct message *message, uint8_t type, size_t *len);

#endif
