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
	KINK_STEP_TICKET, /* command: KERBEROS_REQUEST, with its first message */
	KINK_STEP_REPEAT, /* command: KERBEROS_REPEAT, with the next one */
	KINK_STEP_VERIFY, /* reply: KERBEROS_VERIFY */
	KINK_STEP_DERIVE, /* command: keys after the reply */
	KINK_STEP_ACCEPT, /* response: KERBEROS_ACCEPT */
	KINK_STEP_ANSWER, /* response: its message */
	KINK_STEP_REFUSE  /* response: the Kerberos error in its place */
};

/* The largest plaintext that we make: a CREATE with sixteen suites. */
#define KINK_PLAIN_MAX 1400
/* A message up to its ciphertext, with an AP-REP in it. */
#define KINK_HEAD_MAX  2048

#define KINK_WITHDRAWN 64

struct kink {
	struct kx *kx;
	struct slots commands;      /* struct kink_command */
	struct slots verifications; /* struct kink_verification */
	struct slots responses;     /* struct kink_response */
	struct kink_command *commands_by_xid;
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
enum err kink_prepare(struct kink *kink, const struct kink_header *header, struct bytes ap,
    struct bytes plain, size_t sealed_len, struct writer *buffer,
    struct kerberos_request *request) MUST_CHECK;
/* Adds the checksum to the message and sends it. */
enum err kink_send(struct kink *kink, const struct address *local, const struct endpoint *remote,
    struct bytes message, struct bytes checksum) MUST_CHECK;
/* A lone, unauthenticated KINK_ERROR or KINK_KRB_ERROR (RFC 4430 6.3), at a bounded rate. */
void kink_send_error(struct kink *kink, const struct host_datagram *command, uint32_t xid,
    enum kink_error error, struct bytes krb_error);
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
	/* Keys to derive together with the first message; optional. */
	void (*derivations)(struct kink_command *command, struct kerberos_request *request);
	/* The first message is about to go out; keymat is what was derived. Optional. */
	enum err (*starting)(
	    struct kink_command *command, const struct kerberos_completion *completion);
	/* Keys to derive while a reply is verified; optional. */
	void (*expected)(struct kink_command *command, struct kerberos_request *request);
	void (*replied)(struct kink_command *command, const struct kink_reply *reply);
	/* KINK_STEP_DERIVE is done; optional. */
	void (*derived)(struct kink_command *command, const struct kerberos_completion *completion);
	/* It failed before a good reply came; the command ends when this returns. */
	void (*failed)(struct kink_command *command, const struct problem *problem);
};

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
	uint8_t verifying;
	bool renewed;   /* it has begun anew with another ticket */
	bool corrected; /* it was repeated by the peer's clock */
	char *principal;
	uint32_t tries;
	uint64_t interval_ms;
	uint64_t began_ms;
	struct timer timer;
	struct problem hint; /* an unauthenticated error: why it may have failed */

	/* The kind's own. */
	struct kx_negotiation *negotiation; /* CREATE */
	struct sa_pair *pair;               /* CREATE until established; DELETE */
	struct offer_choice optimistic;     /* CREATE: what was offered first */
	uint8_t nonce[QUICK_NONCE_SIZE];    /* CREATE */
	uint8_t seed[QUICK_SEED_MAX];
	struct kx_principal_wait principal_wait; /* DELETE */
	UT_hash_handle by_xid;
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
enum err kink_command_derive(
    struct kink_command *command, const struct kerberos_derivation *derivation) MUST_CHECK;
void kink_command_kerberos_done(struct kink *kink, enum kink_step step, uint64_t handle,
    const struct kerberos_completion *completion);
/* A REPLY from the network. */
void kink_command_reply(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message);
void kink_verifications_clear(struct kink *kink);

/* create.c, delete.c */
void kink_create_initiate(struct kink *kink, struct kx_negotiation *negotiation);
void kink_create_abandon(struct kink *kink, struct kx_negotiation *negotiation);
void kink_create_reserved(struct kink_command *command, const struct problem *problem);
void kink_create_installed(struct kink_command *command, const struct problem *problem);
void kink_delete_pair(struct kink *kink, struct sa_pair *pair);

/* response.c: one transaction as its responder. */

struct kink_response {
	struct kink *kink;
	uint64_t handle;
	struct kink_response_key {
		struct address remote;
		uint32_t xid;
	} key;
	bool listed;  /* in responses_by_key: authentic */
	bool waiting; /* counts as pending: not authenticated yet */
	bool answered;
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
	uint32_t epoch;             /* the initiator's */
	struct offer_choice choice; /* CREATE: what was selected */
	struct bytes nonce;         /* CREATE: Ni, a view into the command */
	bool keys_wanted;           /* CREATE: both KEYMATs come with the answer */
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
/* Remembers the initiator's principal and epoch beside its SAs (RFC 4430 3.7). */
enum err kink_response_know_peer(struct kink_response *response) MUST_CHECK;
/* The answer's message is there, but the SAs must be in before it goes out. */
void kink_response_installed(struct kink_response *response, const struct problem *problem);

/* refuse.c: commands that Kerberos does not accept. */
void kink_response_refuse(
    struct kink_response *response, const struct kerberos_completion *completion);
/* The error's checksum is there. */
void kink_response_refused(
    struct kink_response *response, const struct kerberos_completion *completion);

/* respond.c: what each command asks for. */
/* Answers with a KINK_ERROR, or with a Notification of an error. */
void kink_response_error(struct kink_response *response, enum kink_error error);
void kink_response_notify(
    struct kink_response *response, enum notify_type type, uint32_t spi, struct bytes data);
void kink_respond(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner);
void kink_respond_reserved(struct kink_response *response, const struct problem *problem);

#endif
