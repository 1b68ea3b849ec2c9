/* Commands of ours: one transaction as its initiator, and what each kind of command adds. */
#ifndef KX_KINK_COMMAND_H
#define KX_KINK_COMMAND_H

#include "kx/kink/kink-internal.h"

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
	/*
	 * The first message is there; keymat is what was derived. It goes out when the kind calls
	 * kink_command_depart(). Optional: then it goes out at once.
	 */
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

/* A pair of SAs that a CREATE of ours asks for. Secret. */
struct kink_wish {
	struct kx_negotiation *negotiation; /* NULL when it is fulfilled, or failed */
	struct sa_pair *pair;               /* NULL likewise */
	uint64_t made;                      /* the pair's handle once it is established, else 0 */
	bool reserved;                      /* its SPIs are there */
	bool installing;                    /* its optimistic inbound SA is on its way in */
	enum dh_group group;                /* DH_NONE without a key exchange */
	struct quick_key_exchange *exchange;
	struct bytes peer_value; /* KE of the reply: a copy, kept until g^xy is there */
	uint8_t nonce[QUICK_NONCE_SIZE];
	uint8_t peer_nonce[QUICK_NONCE_MAX];
	size_t peer_nonce_len; /* 0 unless the peer added one */
	bool both;             /* inbound keys are derived once more with the outbound ones */
	uint8_t keys_asked;    /* of the derivation that is under way */
};

struct kink_command {
	struct kink *kink;
	const struct kink_command_kind *kind;
	uint64_t handle;
	uint32_t xid;
	struct address local;
	struct endpoint remote;
	uint64_t session;
	struct bytes plain;   /* what its messages carry, the same in each transmission */
	struct bytes message; /* the first of them, until it departs */
	struct bytes checksum;
	bool sent;          /* at least one message went out */
	bool answered;      /* a good reply came: no more transmissions */
	bool acknowledge;   /* its reply wants an ACK */
	bool acknowledging; /* over, but for ACKs */
	bool making_ack;
	uint8_t verifying;
	bool renewed;   /* it has begun anew with another ticket */
	bool corrected; /* it was repeated by the peer's clock */
	char *principal;
	uint32_t tries;
	uint64_t interval_ms;
	uint64_t began_ms;
	struct timer timer;
	enum kx_failure failure; /* when it fails: whether another method may do */
	struct problem hint;     /* an unauthenticated error: why it may have failed */
	bool doubted;            /* it was about the ticket, which may be replaced */
	bool getting_tgt;        /* its messages are GETTGT yet */
	uint8_t tgts_fetched;
	struct bytes offered; /* what came in a KINK_TGT_REP in place of a reply */

	/* The kind's own. */
	struct kink_wish *wishes; /* CREATE */
	uint8_t wish_count;
	uint8_t agreeing;                        /* CREATE: the wish whose key exchange goes on */
	struct kx_probe *probe;                  /* STATUS; NULL when nobody waits for it */
	struct kink_deletion *deletion;          /* DELETE */
	struct kx_principal_wait principal_wait; /* DELETE */
	struct kink_command **gathering;         /* where it takes on pairs; NULL: it does not */
	UT_hash_handle by_xid;
	UT_hash_handle by_remote;
};

enum err kink_command_create(struct kink *kink, const struct kink_command_kind *kind,
    const struct address *local, const struct address *remote,
    struct kink_command **out) MUST_CHECK;
/* It is found in the table by its peer's address, in place of the one before, and closed again. */
void kink_command_gather(struct kink_command *command, struct kink_command **table);
void kink_command_close(struct kink_command *command);
/* Takes plain, which was made by bytes_copy(). May fail the command before it returns. */
void kink_command_start(struct kink_command *command, const char *principal, struct bytes plain);
/* What its first message promises is there: it may go out. */
void kink_command_depart(struct kink_command *command);
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

/* nat.c: crossing NATs; src/kx/quick/nat.c says how. */
/* Asks for it, if the peer's entry says so. */
enum err kink_nat_ask(
    const struct kink *kink, const struct kink_wish *wish, struct isakmp_writer *chain) MUST_CHECK;
/* Reads what the reply says of it; NULL when that is good, else what is wrong. */
const char *kink_nat_read(const struct kink *kink, const struct kink_wish *wish,
    const struct isakmp_chain *chain, struct quick_nat *out) MUST_CHECK;
/* It is as the reply says. */
void kink_nat_agree(
    const struct kink_command *command, const struct kink_wish *wish, const struct quick_nat *nat);

/* acknowledge.c */
/*
 * Answers the reply with an ACK, and does so again for each of its copies that comes within a full
 * cycle of transmissions (RFC 4430 9). Then the command ends; its kind hears no more of it.
 */
void kink_acknowledge(struct kink_command *command);
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
/* What went wrong, and what to set where policy rules out what the peer wants. */
struct problem kink_user_to_user_advice(
    const struct kink_command *command, const struct kerberos_completion *completion);
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

/* wish.c */
void kink_create_initiate(struct kink *kink, struct kx_negotiation *negotiation);
/* The same in a command of its own, and with this key exchange, if any. */
void kink_create_alone(struct kink *kink, struct kx_negotiation *negotiation, enum dh_group group);
void kink_create_abandon(struct kink *kink, struct kx_negotiation *negotiation);
struct kink_wish *kink_wish_of(struct kink_command *command, const struct sa_pair *pair);
/* Forgets it, but for the keys that are asked for it. */
void kink_wish_clear(struct kink_wish *wish);
/* The wish is not fulfilled; what is there of its SAs goes. The command stays. */
void kink_wish_failed(
    struct kink_command *command, struct kink_wish *wish, const struct problem *problem);
/* The same, where the peer has said that it made nothing. */
void kink_wish_refused(
    struct kink_command *command, struct kink_wish *wish, const struct problem *problem);
void kink_wishes_failed(struct kink_command *command, const struct problem *problem);
/* Ends the command, but for its ACK, when nothing is left to wish for; tells whether it did. */
bool kink_create_settled(struct kink_command *command);
/* SPIs are still to come. */
bool kink_create_is_reserving(const struct kink_command *command);
/* One of its pairs cannot be, or is there no more. */
void kink_create_lost(
    struct kink_command *command, const struct sa_pair *pair, const struct problem *problem);
void kink_create_gone(
    struct kink_command *command, const struct sa_pair *pair, const struct problem *problem);
/* The message goes out as soon as all optimistic inbound SAs are in. */
void kink_create_depart(struct kink_command *command);
/* All wishes are to be tried once more when they fail. */
void kink_create_again(struct kink_command *command);
/* What a CREATE holds, when it ends. */
void kink_create_clear(struct kink_command *command);

/* create.c */
extern const struct kink_command_kind kink_create_kind;
/* What is offered for it, as the peer sees it. */
enum err kink_create_offer(const struct kink_wish *wish, struct offer *out) MUST_CHECK;
/* Its KINK_ISAKMP in the command. */
enum err kink_wish_put(const struct kink *kink, const struct kink_wish *wish,
    const struct offer *offer, struct kink_writer *message) MUST_CHECK;
/* The derivations of one direction; see kink_derivations(). */
size_t kink_create_derivations(struct kink_wish *wish, enum ipsec_direction direction,
    struct writer *seeds, struct kerberos_derivation *out);
void kink_create_reserved(
    struct kink_command *command, struct sa_pair *pair, const struct problem *problem);
/* A wish has its SPIs, or failed: when no other waits, one key exchange, then the message. */
void kink_create_go_on(struct kink_command *command);
void kink_create_agreed(struct kink_command *command, enum kink_step step,
    const struct agreement_completion *completion);

/* create-reply.c */
void kink_create_replied(struct kink_command *command, const struct kink_reply *reply);
void kink_create_derived(
    struct kink_command *command, const struct kerberos_completion *completion);
/* Goes on with the key exchanges, and then with the keys. */
void kink_create_finish(struct kink_command *command);
/* Keys that are derived with the reply's verification. */
void kink_create_expected(
    struct kink_command *command, struct kerberos_request *request, struct writer *seeds);
void kink_create_installed(
    struct kink_command *command, struct sa_pair *pair, const struct problem *problem);

/* delete.c */
/* Tells the peer; `at_once` not even what is under way is received any more (RFC 4430 3.3). */
void kink_delete_pair(struct kink *kink, struct sa_pair *pair, bool at_once);
/* A pair that a DELETE is about is gone: with its last one the command ends. */
void kink_delete_gone(struct kink_command *command, const struct sa_pair *pair);
/* What a DELETE holds, when it ends. */
void kink_delete_clear(struct kink_command *command);

/* status.c */
void kink_status_probe(struct kink *kink, struct kx_probe *probe);
void kink_status_withdraw(struct kink *kink, struct kx_probe *probe);

#endif
