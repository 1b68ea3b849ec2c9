/*
 * A peer of the engine without one of its own: it has a principal, tickets and keys, and sends
 * under them whatever it is given. Over the simulation's stand-in for Kerberos.
 */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "sim.h"
#include "wire/kink.h"

#define PEER_DATAGRAM_MAX 4096

struct peer_message {
	uint8_t octets[PEER_DATAGRAM_MAX];
	size_t len;
};

struct peer {
	struct sim_host *host; /* whose address and principal it has; no engine runs there */
	const struct sim_host *engine;
	void *realm;
	struct sim_random random;
	uint32_t epoch;
	uint64_t commanding; /* its session as initiator */
	uint64_t answering;  /* and as responder, to `heard` */
	uint16_t overhead;   /* of its encryption */
	uint8_t ap_rep[256];
	size_t ap_rep_len;
	struct peer_message heard; /* the engine's last message */
	struct peer_message said;  /* our last */
	struct peer_message plain; /* what was encrypted in `heard` */
	uint32_t engine_epoch;     /* of its last message */
	bool literal_prf;          /* its keys come of the literal PRF */
};

enum peer_flags {
	PEER_ACKREQ = 1,
	PEER_CLEAR = 2,      /* the octets are payloads in clear, the first being their type */
	PEER_NO_AP = 4,      /* no AP-REQ or AP-REP goes with them */
	PEER_SAME = 8,       /* another message of the session before: sent again, or the ACK */
	PEER_RESTARTED = 16, /* from now on the epoch is another */
	PEER_HEARD_XID = 32  /* the transaction is that of the engine's last message */
};

void peer_open(struct peer *peer, struct sim_host *host, const struct sim_host *engine);
void peer_close(struct peer *peer);
/*
 * Makes peer->said a message of that type around octets, which are the plaintext of its
 * KINK_ENCRYPT payload; false when that cannot be.
 */
bool peer_command(
    struct peer *peer, uint8_t type, unsigned flags, uint32_t xid, struct bytes octets) MUST_CHECK;
/* The same as an answer to peer->heard. */
bool peer_reply(struct peer *peer, uint8_t type, unsigned flags, struct bytes octets) MUST_CHECK;
/*
 * Opens peer->heard: a command, which can then be answered, or the answer to our last one, whose
 * checksum and AP-REP must be good. inner is empty when nothing is encrypted.
 */
bool peer_understand(
    struct peer *peer, struct kink_message *message, struct kink_payloads *inner) MUST_CHECK;
/* KEYMAT as the session's key gives it. */
bool peer_keymat(
    struct peer *peer, uint64_t session, struct bytes seed, uint8_t *out, uint16_t len) MUST_CHECK;
/* Without any key. */
bool peer_say(struct peer *peer, struct bytes octets) MUST_CHECK;

#endif
