/* What all files of this room share: its state, where messages go, and one exchange's bookkeeping.
 */
#ifndef KX_IKEV1_IKEV1_INTERNAL_H
#define KX_IKEV1_IKEV1_INTERNAL_H

#include "base/limit.h"
#include "base/slots.h"
#include "base/table.h"
#include "kinkd/kx.h"
#include "kx/engine.h"
#include "kx/ikev1/keys.h"
#include "kx/ikev1/steps.h"
#include "policy/ike.h"
#include "wire/ikev1-grammar.h"
#include "wire/ikev1.h"

/* What a token of ours is for; bits 48 to 55 of it. */
enum ikev1_owner {
	IKEV1_OWNER_PHASE1 = 1, /* a handle of ikev1->sas */
	IKEV1_OWNER_QUICK       /* a handle of ikev1->quicks */
};

/* Messages of ours. */
#define IKEV1_MESSAGE_MAX 16384

struct ikev1_sa;
struct ikev1_peer;
struct ikev1_half_open;
struct ikev1_echo;

struct ikev1 {
	struct kx *kx;
	struct slots sas;    /* struct ikev1_sa */
	struct slots quicks; /* struct ikev1_quick */
	struct ikev1_sa *sas_by_cookies;
	struct ikev1_peer *peers;          /* by both addresses */
	struct ikev1_half_open *half_open; /* oldest first */
	struct ikev1_half_open *half_open_by_cookies;
	size_t half_open_count;
	size_t half_open_assemblies;  /* half-open ones that messages in fragments come for */
	struct ikev1_echo *echoes;    /* messages that are sent several times */
	size_t pending;               /* phases 1 of peers that have not proved anything yet */
	uint8_t secret[32];           /* responder's cookies are made with it */
	struct limit agreement_limit; /* key agreements that strangers cause */
	struct limit log_limit;       /* log lines that strangers cause */
	struct limit error_limit;     /* notifications in clear */
};

uint64_t ikev1_token(enum ikev1_owner owner, uint64_t handle);
uint64_t ikev1_now(const struct ikev1 *ikev1);
/* A line that a stranger caused, at a bounded rate. */
void ikev1_log_stranger(
    struct ikev1 *ikev1, const struct endpoint *remote, const char *what, const char *why);

/* Where messages of an SA go, and where they have to come from at first. */
struct ikev1_path {
	enum host_port port;
	struct endpoint local;
	struct endpoint remote;
};

/* exchange.c: one exchange's message ID, IV and retransmissions (RFC 2408 5.1, RFC 2409 5). */

#define IKEV1_MARK_SIZE 8

struct ikev1_exchange {
	struct ikev1 *ikev1;
	const struct ikev1_path *path; /* the SA's */
	uint32_t message_id;           /* 0: phase 1 */
	uint8_t iv[CBC_BLOCK_MAX];     /* of the next message */
	struct bytes sent;             /* our last message: kept for copies of what it answers */
	bool fragments;                /* the peer takes them */
	uint64_t mark;                 /* of the message it answers; 0: none yet */
	uint32_t tries;
	uint64_t interval_ms;
	struct timer timer;
	void (*silent)(void *context); /* nothing came, however often it was sent */
	void *context;
};

/* Sends the message and keeps it. `repeat`: until an answer comes, or for good: silent(). */
enum err ikev1_exchange_send(
    struct ikev1_exchange *exchange, struct bytes message, bool repeat) MUST_CHECK;
/* Sends once more what was sent last, if there is anything. */
void ikev1_exchange_again(struct ikev1_exchange *exchange);
/* By which a datagram's copies are known. */
uint64_t ikev1_mark(struct bytes datagram);
/* The next message is here, in a datagram with that mark: no more transmissions of ours. */
void ikev1_exchange_answered(struct ikev1_exchange *exchange, uint64_t mark);
/* What was sent last has done its service: it is sent no more, save to copies of what it answers.
 */
void ikev1_exchange_rest(struct ikev1_exchange *exchange);
/* Whether this is a copy of the message that was answered last. */
bool ikev1_exchange_is_copy(const struct ikev1_exchange *exchange, struct bytes datagram);
void ikev1_exchange_clear(struct ikev1_exchange *exchange);
/* How long a whole cycle of transmissions takes. */
uint64_t ikev1_cycle_ms(const struct ikev1 *ikev1);

/* message.c: messages under construction, and what is in those that came. */

struct ikev1_message_writer {
	uint8_t octets[IKEV1_MESSAGE_MAX];
	struct writer out;
	struct isakmp_writer chain;
	size_t hash_at; /* where the HASH's octets go; 0: there is none */
};

/* A message of an exchange; flags and length follow from how it is ended. */
void ikev1_message_begin(struct ikev1_message_writer *message, const struct ikev1_cookies *cookies,
    uint8_t exchange, uint32_t message_id);
/* HASH(1) to HASH(3) comes first, and is filled in by ikev1_message_seal(). */
void ikev1_message_put_hash(struct ikev1_message_writer *message, const struct ikev1_keys *keys);
/* In clear. */
enum err ikev1_message_end(struct ikev1_message_writer *message, struct bytes *out) MUST_CHECK;
/* HASH(1), or with a nonce HASH(2), of what was written since. */
enum err ikev1_message_hash(struct ikev1_message_writer *message, const struct ikev1_keys *keys,
    uint32_t message_id, struct bytes nonce) MUST_CHECK;
/* Encrypted; iv becomes that of the next message. */
enum err ikev1_message_seal(struct ikev1_message_writer *message, const struct ikev1_keys *keys,
    uint8_t iv[CBC_BLOCK_MAX], struct bytes *out) MUST_CHECK;

/* A message that came. */
struct ikev1_received {
	struct isakmp_header header;
	struct bytes octets; /* the payloads, decrypted: a copy */
	struct isakmp_chain chain;
};

/* A message in clear: the datagram's octets are copied. */
enum err ikev1_received_plain(struct ikev1_received *received, const struct isakmp_header *header,
    struct bytes body) MUST_CHECK;
/* ERR_AUTH when what comes of it is no chain; iv moves on only when it is one. */
enum err ikev1_received_open(struct ikev1_received *received, const struct isakmp_header *header,
    struct bytes body, const struct ikev1_keys *keys, uint8_t iv[CBC_BLOCK_MAX]) MUST_CHECK;
void ikev1_received_clear(struct ikev1_received *received);
/* Whether the HASH payload in front is HASH(1), or with a nonce HASH(2), of what follows it. */
bool ikev1_received_is_authentic(
    const struct ikev1_received *received, const struct ikev1_keys *keys, struct bytes nonce);
/* Checks the message's form; says in the log why it is none. */
bool ikev1_received_is_lawful(struct ikev1 *ikev1, const struct endpoint *remote,
    const struct ikev1_received *received, unsigned number, enum ikev1_family family);

#endif
