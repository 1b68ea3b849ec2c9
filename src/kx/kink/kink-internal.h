/* What all files of this room share: its state, how messages are made, and keys. */
#ifndef KX_KINK_KINK_INTERNAL_H
#define KX_KINK_KINK_INTERNAL_H

#include "base/limit.h"
#include "base/table.h"
#include "kinkd/kx.h"
#include "kx/engine.h"
#include "kx/quick/keys.h"
#include "kx/quick/nat.h"
#include "kx/quick/request.h"
#include "sa/peer.h"
#include "wire/kink-grammar.h"
#include "wire/kink.h"

/* What the Kerberos side of a step was asked for; bits 48 to 55 of its token. */
enum kink_step {
	KINK_STEP_TICKET,  /* command: KERBEROS_REQUEST, with its first message */
	KINK_STEP_REPEAT,  /* command: KERBEROS_REPEAT, with the next one */
	KINK_STEP_VERIFY,  /* reply: KERBEROS_VERIFY */
	KINK_STEP_DERIVE,  /* command: keys after the reply */
	KINK_STEP_ACK,     /* command: KERBEROS_REPEAT, with an ACK */
	KINK_STEP_TRY_TGT, /* command: KERBEROS_REQUEST, to see whether a peer's ticket is good */
	KINK_STEP_TGT,     /* question: KERBEROS_TGT */
	KINK_STEP_BEGIN,   /* command: AGREEMENT_BEGIN */
	KINK_STEP_FINISH,  /* command: AGREEMENT_FINISH */
	KINK_STEP_ACCEPT,  /* response: KERBEROS_ACCEPT */
	KINK_STEP_AGREE,   /* response: AGREEMENT_ANSWER */
	KINK_STEP_ANSWER,  /* response: its message */
	KINK_STEP_REFUSE,  /* response: the Kerberos error in its place */
	KINK_STEP_CONFIRM  /* response: KERBEROS_ACCEPT of the ACK */
};

/* Pairs of SAs that one CREATE is about (RFC 4430 4.2.6, 6.3). */
#define KINK_SAS_MAX   4
/* The largest plaintext that we make: answers with key exchanges to as many. */
#define KINK_PLAIN_MAX 4000
/* A message up to its ciphertext, with an AP-REP in it. */
#define KINK_HEAD_MAX  2048

#define KINK_WITHDRAWN 64

struct kink {
	struct kx *kx;
	struct slots commands;      /* struct kink_command */
	struct slots verifications; /* struct kink_verification */
	struct slots responses;     /* struct kink_response */
	struct slots questions;     /* struct kink_question: GETTGT */
	struct kink_tgt *tgts;      /* peers that are met by user-to-user */
	struct kink_command *commands_by_xid;
	/* CREATEs and DELETEs that still take on pairs, by the peer's address. */
	struct kink_command *creating;
	struct kink_command *deleting;
	struct kink_response *responses_by_key;
	struct kink_response *retained; /* answered ones, oldest first */
	size_t retained_count;
	size_t pending; /* commands from the network that are not authenticated yet */
	uint32_t next_xid;
	/* SPIs that peers deleted and nobody knew: a ring. Their CREATEs may still be on the way.
	 */
	struct kink_withdrawn {
		struct address remote;
		uint32_t spi;
		uint64_t until_ms;
	} withdrawn[KINK_WITHDRAWN];
	size_t withdrawn_count;
	struct limit error_limit;  /* unauthenticated errors sent */
	struct limit signed_limit; /* Kerberos errors sent under a session key */
	struct limit tgt_limit;    /* tickets of ours given away */
	struct limit log_limit;    /* log lines that strangers cause */
};

/* method.c */

/* The peer does not want a larval pair any more: ends whatever negotiates it. */
void kink_withdraw(struct kink *kink, struct sa_pair *pair);

/* grant.c */

/* Whether the peer deleted an SA of this SPI before anybody here knew of it. */
bool kink_is_withdrawn(const struct kink *kink, const struct address *remote, uint32_t spi);

/* message.c */

uint64_t kink_token(enum kink_step step, uint64_t handle);

/*
 * The message that a Kerberos request is to build around an AP payload, in which `ap` stands, or,
 * when that is empty, the new AP-REQ will. Writes it to buffer, which must live until the request
 * is submitted. Nothing is encrypted when the plaintext is empty; sealed_len is its ciphertext's
 * length, 0 when that is not known yet.
 */
enum err kink_prepare(struct kink *kink, const struct address *remote, const char *principal,
    const struct kink_header *header, struct bytes ap, struct bytes plain, size_t sealed_len,
    struct writer *buffer, struct kerberos_request *request) MUST_CHECK;
/* Adds the checksum to the message and sends it. */
enum err kink_send(struct kink *kink, const struct address *local, const struct endpoint *remote,
    struct bytes message, struct bytes checksum) MUST_CHECK;
/* A lone, unauthenticated KINK_ERROR or KINK_KRB_ERROR (RFC 4430 6.3), at a bounded rate. */
void kink_send_error(struct kink *kink, const struct host_datagram *command, uint32_t xid,
    enum kink_error error, struct bytes krb_error);
/* For how long Kerberos may accept a copy of a message that was held back, in milliseconds. */
uint64_t kink_memory_ms(const struct kink *kink);
/* The longest that an initiator or responder goes on transmitting, in milliseconds. */
uint64_t kink_cycle_ms(const struct kink *kink);
/* Waiting takes this long after the try before it took `interval`. */
uint64_t kink_next_interval(const struct kink *kink, uint64_t interval);
/* KINK_ISAKMP payloads in a message, in clear and decrypted. */
size_t kink_count_isakmp(const struct kink_message *message, const struct kink_payloads *inner);
/* The chain of one of them, counted from 0; ERR_NOT_FOUND when there are not so many. */
enum err kink_get_isakmp(const struct kink_message *message, const struct kink_payloads *inner,
    size_t index, struct isakmp_chain *out) MUST_CHECK;
/* A line that a stranger caused, at a bounded rate. */
void kink_log_stranger(
    struct kink *kink, const struct endpoint *remote, const char *what, const char *why);
/* The notifications of an authentic message that nobody here knows: RFC 4430 5.5 wants that. */
void kink_log_notifications(struct kink *kink, const struct endpoint *remote,
    const struct kink_message *message, const struct kink_payloads *inner);

/* dialect.c */
/* Whether that peer speaks the dialect of racoon2: POLICY_DIALECT_RACOON2. */
bool kink_is_racoon2(const struct kink *kink, const struct address *remote);

/* keys.c */

/* What the seeds of all keys of one CREATE take at most. */
#define KINK_SEEDS_MAX (KERBEROS_DERIVATIONS_MAX * QUICK_SEED_MAX)

/*
 * A derivation for each part of the pair that has a key, in their order; returns how many. The
 * seeds are appended to `seeds`, which must live until the request is submitted.
 */
size_t kink_derivations(const struct sa_pair *pair, enum ipsec_direction direction,
    const struct quick_inputs *inputs, struct writer *seeds, struct kerberos_derivation *out);
/* What came of them, by part; returns how many were used, 0 when there are too few. */
size_t kink_spread_keys(const struct sa_pair *pair, const struct bytes *keymat, size_t count,
    struct bytes out[BUNDLE_MAX]);

#endif
