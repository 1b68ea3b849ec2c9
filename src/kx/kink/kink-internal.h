/* What the files of this room share: commands that we send and responses to those that we get. */
#ifndef KX_KINK_KINK_INTERNAL_H
#define KX_KINK_KINK_INTERNAL_H

#include "base/limit.h"
#include "base/table.h"
#include "kinkd/kx.h"
#include "kx/engine.h"
#include "kx/quick/quick.h"
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

/* The largest plaintext that we make: a CREATE with sixteen suites and a key exchange. */
#define KINK_PLAIN_MAX 2000
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
	struct kink_command
	    *gathering; /* DELETEs that still take on pairs, by the peer's address */
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

/* message.c */

uint32_t kink_affinity(const struct address *remote);
uint64_t kink_token(enum kink_step step, uint64_t handle);
/* A copy of octets on the heap; .data is NULL when out of memory and len is not 0. */
struct bytes kink_copy(struct bytes octets);

/*
 * The message that a Kerberos request is to build around an AP payload, in which `ap` stands, or,
 * when that is empty, the new AP-REQ will. Writes it to buffer, which must live until the request
 * is submitted. Nothing is encrypted when the plaintext is empty; sealed_len is its ciphertext's
 * length, 0 when that is not known yet.
 */
enum err kink_prepare(struct kink *kink, const struct address *remote,
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
/* The chain of the only KINK_ISAKMP payload; ERR_NOT_FOUND unless there is exactly one. */
enum err kink_get_isakmp(const struct kink_message *message, const struct kink_payloads *inner,
    struct isakmp_chain *out) MUST_CHECK;
/* A line that a stranger caused, at a bounded rate. */
void kink_log_stranger(
    struct kink *kink, const struct endpoint *remote, const char *what, const char *why);

/* command.c: one transaction as its initiator (RFC 4430 3 and 9). */

struct kink_command;

/* An authentic reply that follows the grammar. */
struct kink_reply {
	const struct kink_message *message;
	enum kink_form form;
	const struct kink_payloads *inner; /* NULL when nothing was encrypted */
	struct bytes plain;                /* what inner was decoded from */
	struct bytes keymat;               /* the first that `expected` asked for; may be empty */
};

/* What a kind of command adds. Each function may end the command with kink_command_end(). */
struct kink_command_kind {
	enum kink_type type;
	/* Keys to derive together with the first message, their seeds in `seeds`; optional. */
	void (*derivations)(
	    struct kink_command *command, struct kerberos_request *request, struct writer *seeds);
	/* The first message is about to go out; keymat is what was derived. Optional. */
	enum err (*starting)(
	    struct kink_command *command, const struct kerberos_completion *completion);
	/* Keys to derive while a reply is verified; optional. */
	void (*expected)(
	    struct kink_command *command, struct kerberos_request *request, struct writer *seeds);
	void (*replied)(struct kink_command *command, const struct kink_reply *reply);
	/* KINK_STEP_DERIVE is done; optional. */
	void (*derived)(struct kink_command *command, const struct kerberos_completion *completion);
	/*
	 * It failed before a good reply came. When this returns the command ends, or only serves to
	 * acknowledge the reply.
	 */
	void (*failed)(struct kink_command *command, const struct problem *problem);
};

/* keys.c */

/* What one direction of a pair needs at most: seeds without g^xy, and with it. */
#define KINK_SEEDS_MAX (BUNDLE_MAX * QUICK_SEED_MAX)

/*
 * A derivation for each part of the pair that has a key, in their order; returns how many. The
 * seeds are appended to `seeds`, which must live until the request is submitted.
 */
size_t kink_derivations(const struct sa_pair *pair, enum ipsec_direction direction,
    const struct quick_inputs *inputs, struct writer *seeds, struct kerberos_derivation *out);
/* What came of them, by part; returns how many were used, 0 when there are too few. */
size_t kink_spread_keys(const struct sa_pair *pair, const struct bytes *keymat, size_t count,
    struct bytes out[BUNDLE_MAX]);

/* Our half of a key agreement; secret. */
struct kink_key_exchange {
	enum dh_group group;
	uint8_t private_value[DH_PRIVATE_MAX];
	size_t private_len;
	uint8_t public_value[DH_PUBLIC_MAX];
	size_t public_len;
	uint8_t secret[DH_SECRET_MAX]; /* g^xy */
	size_t secret_len;             /* 0 until agreed */
};

/* Copies what a completion gives. ERR_INVALID when it is too long. */
enum err kink_key_exchange_keep(
    struct kink_key_exchange *exchange, const struct agreement_completion *completion) MUST_CHECK;
struct bytes kink_key_exchange_public(const struct kink_key_exchange *exchange); /* NULL: empty */
struct bytes kink_key_exchange_secret(const struct kink_key_exchange *exchange);

struct kink_command {
	struct kink *kink;
	const struct kink_command_kind *kind;
	uint64_t handle;
	uint32_t xid;
	struct address local;
	struct endpoint remote;
	uint64_t session;
	struct bytes plain; /* what its messages carry, the same in each transmission */
	bool sent;          /* at least one message went out */
	bool answered;      /* a good reply came: no more transmissions */
	bool acknowledge;   /* its reply wants an ACK */
	bool acknowledging; /* over, but for ACKs */
	uint64_t made;      /* the pair for which it acknowledges; 0: none */
	bool making_ack;
	uint8_t verifying;
	bool renewed;   /* it has begun anew with another ticket */
	bool corrected; /* it was repeated by the peer's clock */
	char *principal;
	uint32_t tries;
	uint64_t interval_ms;
	uint64_t began_ms;
	struct timer timer;
	struct problem hint; /* an unauthenticated error: why it may have failed */
	bool getting_tgt;    /* its messages are GETTGT yet */
	uint8_t tgts_fetched;
	struct bytes offered; /* what came in a KINK_TGT_REP in place of a reply */

	/* The kind's own. */
	struct kx_negotiation *negotiation; /* CREATE */
	struct sa_pair *pair;               /* CREATE until established */
	enum dh_group group;                /* CREATE: DH_NONE without a key exchange */
	struct kink_key_exchange *exchange; /* CREATE */
	bool both; /* CREATE: inbound keys are derived once more with the outbound ones */
	uint8_t nonce[QUICK_NONCE_SIZE]; /* CREATE */
	uint8_t peer_nonce[QUICK_NONCE_MAX];
	size_t peer_nonce_len;                   /* CREATE: 0 unless the peer added one */
	struct kx_probe *probe;                  /* STATUS; NULL when nobody waits for it */
	struct kink_deletion *deletion;          /* DELETE */
	bool gathering;                          /* DELETE: in kink->gathering */
	struct kx_principal_wait principal_wait; /* DELETE */
	UT_hash_handle by_xid;
	UT_hash_handle by_remote;
};

enum err kink_command_create(struct kink *kink, const struct kink_command_kind *kind,
    const struct address *local, const struct address *remote,
    struct kink_command **out) MUST_CHECK;
/* Takes plain, which was made by kink_copy(). May fail the command before it returns. */
void kink_command_start(struct kink_command *command, const char *principal, struct bytes plain);
void kink_command_fail(struct kink_command *command, const struct problem *problem);
/* Frees it, whatever it waits for. */
void kink_command_end(struct kink_command *command);
/* A good reply came: no more transmissions, and other replies count for nothing. */
void kink_command_answered(struct kink_command *command);
/* Asks for keys after a reply. */
enum err kink_command_derive(struct kink_command *command,
    const struct kerberos_derivation *derivations, size_t count) MUST_CHECK;
void kink_command_kerberos_done(struct kink *kink, enum kink_step step, uint64_t handle,
    const struct kerberos_completion *completion);
/* Transmits it once more, now. */
void kink_command_repeat(struct kink_command *command);
/* As a new transaction, beginning with its ticket. */
void kink_command_restart(struct kink_command *command);
/* The peer does not accept the ticket: a new transaction with a new one (RFC 4430 9). */
void kink_command_begin_anew(struct kink_command *command, const struct problem *problem);
/* A line about it in the log. */
void kink_command_warn(const struct kink_command *command, const char *what, const char *why);

/* reply.c */
/* A REPLY from the network. */
void kink_command_reply(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message);
void kink_verification_done(
    struct kink *kink, uint64_t handle, const struct kerberos_completion *completion);
void kink_verifications_clear(struct kink *kink);

/* acknowledge.c */
/*
 * Answers the reply with an ACK, and does so again for each of its copies that comes within a full
 * cycle of transmissions (RFC 4430 9). Then the command ends; its kind hears no more of it. pair is
 * what was made, or NULL.
 */
void kink_acknowledge(struct kink_command *command, const struct sa_pair *pair);
void kink_acknowledge_again(struct kink_command *command);
void kink_acknowledge_made(
    struct kink_command *command, const struct kerberos_completion *completion);

/* gettgt.c: user-to-user (RFC 4430 3.1). */

/* A peer's ticket-granting ticket; empty while it is to be fetched. */
struct kink_tgt {
	struct address remote;
	struct bytes octets;
	UT_hash_handle by_remote;
};

void kink_tgts_clear(struct kink *kink);
/* Whether the command's ticket is to be one; *tgt is the peer's, empty when it must be fetched. */
bool kink_is_user_to_user(const struct kink_command *command, struct bytes *tgt);
/* Somebody says that the peer wants it. False when policy does not, or it was tried already. */
bool kink_want_user_to_user(struct kink_command *command);
/* There is no ticket; true when it is worth asking once more. */
bool kink_gettgt_after_failure(
    struct kink_command *command, const struct kerberos_completion *completion);
void kink_gettgt_begin(struct kink_command *command);
enum err kink_gettgt_send(struct kink_command *command) MUST_CHECK;
void kink_gettgt_given_up(struct kink_command *command);
/* A REPLY while GETTGT is under way. */
void kink_gettgt_reply(struct kink_command *command, const struct kink_message *message);
/* A KINK_TGT_REP in place of a reply, and what the KDC makes of it (RFC 4430 3.7.1). */
void kink_tgt_offered(struct kink_command *command, const struct kink_message *message);
void kink_tgt_tried(struct kink_command *command, const struct kerberos_completion *completion);

/* create.c, create-reply.c, delete.c */
void kink_create_initiate(struct kink *kink, struct kx_negotiation *negotiation);
/* The same, but without a key exchange where policy leaves that open. */
void kink_create_without_exchange(struct kink *kink, struct kx_negotiation *negotiation);
/* What the command offers, as the peer sees it. */
enum err kink_create_offer(struct kink_command *command, struct offer *out) MUST_CHECK;
void kink_create_agreed(struct kink_command *command, enum kink_step step,
    const struct agreement_completion *completion);
size_t kink_create_derivations(struct kink_command *command, enum ipsec_direction direction,
    struct writer *seeds, struct kerberos_derivation *out);
void kink_create_replied(struct kink_command *command, const struct kink_reply *reply);
void kink_create_derived(
    struct kink_command *command, const struct kerberos_completion *completion);
/* g^xy is there. */
void kink_create_finish(struct kink_command *command);
/* Whether the key that came with the reply is that of this SPI. */
bool kink_create_was_expected(const struct kink_reply *reply, uint32_t spi);
void kink_create_abandon(struct kink *kink, struct kx_negotiation *negotiation);
void kink_create_reserved(struct kink_command *command, const struct problem *problem);
void kink_create_installed(struct kink_command *command, const struct problem *problem);
/* Tells the peer; `at_once` not even what is under way is received any more (RFC 4430 3.3). */
void kink_delete_pair(struct kink *kink, struct sa_pair *pair, bool at_once);
/* A pair that a DELETE is about is gone: with its last one the command ends. */
void kink_delete_gone(struct kink_command *command, const struct sa_pair *pair);
/* What a DELETE holds, when it ends. */
void kink_delete_clear(struct kink_command *command);

/* status.c */
void kink_status_probe(struct kink *kink, struct kx_probe *probe);
void kink_status_withdraw(struct kink *kink, struct kx_probe *probe);

/* response.c: one transaction as its responder. */

struct kink_response {
	struct kink *kink;
	uint64_t handle;
	struct kink_response_key {
		struct address remote;
		uint32_t xid;
	} key;
	bool listed;  /* in responses_by_key: authentic */
	bool waiting; /* counts as pending: the command, or its ACK, is not authenticated yet */
	bool answered;
	bool withdrawn; /* there is no answer any more */
	struct endpoint remote;
	struct address local;
	struct bytes datagram; /* the command; freed with the answer */
	uint8_t type;
	uint64_t digest; /* of the command: a retransmission has the same */
	uint64_t session;
	struct kerberos_lengths lengths;
	char *client;        /* the initiator's principal */
	struct bytes ap_rep; /* for the answer */
	struct bytes command_plain;
	int64_t authenticator_us;
	struct bytes plain;   /* of the answer; kept for retransmissions */
	struct bytes message; /* the answer, while the data plane installs its SAs */
	struct bytes checksum;
	struct sa_pair *pair;
	uint32_t epoch;                   /* the initiator's */
	struct offer_choice choice;       /* CREATE: what was selected */
	struct bytes nonce;               /* CREATE: Ni, a view into the command */
	struct bytes peer_value;          /* CREATE: KE, likewise; empty without a key exchange */
	bool keys_wanted;                 /* CREATE: both KEYMATs come with the answer */
	struct kink_handshake *handshake; /* CREATE: NULL for the two-way one */
	struct kx_name_wait name_wait;
	struct timer timer;
	struct kink_response *next, *previous; /* in retained */
	UT_hash_handle by_key;
};

/* A command from the network. */
void kink_response_begin(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message);
void kink_response_kerberos_done(struct kink *kink, enum kink_step step, uint64_t handle,
    const struct kerberos_completion *completion);
/* Sends the answer with these inner payloads, as kink_begin_plain() made them; may be empty. */
void kink_response_answer(struct kink_response *response, struct bytes plain);
void kink_response_end(struct kink_response *response);
/*
 * The SAs that it answered with are gone, or go now. If the initiator may know of them, late copies
 * of the command get no answer at all.
 */
void kink_response_withdraw(struct kink_response *response);
/* Remembers the initiator's principal and epoch beside its SAs (RFC 4430 3.7). */
enum err kink_response_know_peer(struct kink_response *response) MUST_CHECK;
/* The answer's message is there, but the SAs must be in before it goes out. */
void kink_response_installed(struct kink_response *response, const struct problem *problem);

/* The answer went out, or cannot: what is needed for it only is freed. */
void kink_response_shed(struct kink_response *response);
/*
 * Asks Kerberos about the AP-REQ of a command or an ACK, which counts as pending until
 * kink_response_not_pending().
 */
enum err kink_response_verify(struct kink_response *response, const struct kink_message *message,
    enum kink_step step) MUST_CHECK;
/* It does not count as waiting for its verification any more. */
void kink_response_not_pending(struct kink_response *response);
/* Nothing more is to be done but to answer copies of the command. */
void kink_response_answered(struct kink_response *response);
/* Builds the answer once more, around the AP-REP as it is now. */
void kink_response_protect(struct kink_response *response);

/*
 * handshake.c: the three-way handshake as its responder (RFC 4430 3.2). Secret.
 */
struct kink_handshake {
	uint8_t nonce[QUICK_NONCE_SIZE];   /* Nr */
	struct kink_key_exchange exchange; /* group DH_NONE without one */
	/* Of the SAs that wait for the ACK. */
	uint8_t keys_out[BUNDLE_MAX][SA_KEY_MAX];
	size_t key_lengths[BUNDLE_MAX];
	bool waiting; /* for the ACK */
	uint32_t ack_epoch;
	uint32_t tries;
	uint64_t interval_ms;
};

enum err kink_handshake_begin(struct kink_response *response) MUST_CHECK;
void kink_handshake_free(struct kink_handshake *handshake);
void kink_handshake_keep_keys(
    struct kink_handshake *handshake, const struct bytes *keys, size_t count);
/* The REPLY is protected: sends it, for the first time or again, and waits for the ACK. */
void kink_handshake_replied(
    struct kink_response *response, struct bytes message, struct bytes checksum);
/* For the ACK, or for the time of the next REPLY. */
void kink_handshake_wait(struct kink_response *response);
/* The initiator may hold its SAs already, so it is told to forget them (RFC 4430 3.3). */
void kink_handshake_give_up(struct kink_response *response);
/* An ACK from the network. */
void kink_handshake_ack(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message);
void kink_handshake_confirmed(
    struct kink_response *response, const struct kerberos_completion *completion);

/* refuse.c: commands that Kerberos does not accept. */
void kink_response_refuse(
    struct kink_response *response, const struct kerberos_completion *completion);
/* The error's checksum is there. */
void kink_response_refused(
    struct kink_response *response, const struct kerberos_completion *completion);

/* give-tgt.c: the other side of user-to-user. */
/* A GETTGT from the network. */
void kink_give_tgt(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message);
void kink_give_tgt_done(
    struct kink *kink, uint64_t handle, const struct kerberos_completion *completion);
/* Answers a command under a ticket that we lost with the present one, if policy allows. */
bool kink_give_tgt_instead(struct kink_response *response, struct bytes tgt);
void kink_questions_clear(struct kink *kink);

/* respond.c: what each command asks for. */
/* Answers with a KINK_ERROR, or with a Notification of an error. */
void kink_response_error(struct kink_response *response, enum kink_error error);
void kink_response_notify(
    struct kink_response *response, enum notify_type type, uint32_t spi, struct bytes data);
void kink_respond(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner);
void kink_respond_reserved(struct kink_response *response, const struct problem *problem);
void kink_respond_agreed(
    struct kink_response *response, const struct agreement_completion *completion);
/* The derivations of one direction; see kink_derivations(). */
size_t kink_respond_derivations(const struct kink_response *response,
    enum ipsec_direction direction, struct writer *seeds, struct kerberos_derivation *out);

#endif
