/* Commands of others: one transaction as its responder, and what each command asks for. */
#ifndef KX_KINK_RESPONSE_H
#define KX_KINK_RESPONSE_H

#include "kx/kink/kink-internal.h"

/* response.c: one transaction as its responder, up to the command. */

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
	char *client;                        /* the initiator's principal */
	enum kerberos_membership membership; /* its, in the peer's groups */
	struct bytes ap_rep;                 /* for the answer */
	struct bytes command_plain;
	int64_t authenticator_us;
	struct bytes plain;   /* of the answer; kept for retransmissions */
	struct bytes message; /* the answer, while the data plane installs its SAs */
	struct bytes checksum;
	uint32_t epoch;            /* the initiator's */
	struct kink_grant *grants; /* CREATE, until it is answered: one for each KINK_ISAKMP */
	uint8_t grant_count;
	uint8_t agreeing;                 /* CREATE: the grant whose key exchange goes on */
	bool keys_wanted;                 /* CREATE: all keys come with the answer */
	struct kink_handshake *handshake; /* CREATE: NULL for the two-way one */
	struct kx_authorisation authorisation;
	struct timer timer;
	struct kink_response *next, *previous; /* in retained */
	UT_hash_handle by_key;
};

/* A command from the network. */
void kink_response_begin(
    struct kink *kink, const struct host_datagram *datagram, const struct kink_message *message);
void kink_response_kerberos_done(struct kink *kink, enum kink_step step, uint64_t handle,
    const struct kerberos_completion *completion);
void kink_response_end(struct kink_response *response);
/*
 * The SAs that it answered with are gone, or go now. If the initiator may know of them, late copies
 * of the command get no answer at all.
 */
void kink_response_withdraw(struct kink_response *response);
/* Remembers the initiator's principal and epoch beside its SAs (RFC 4430 3.7). */
enum err kink_response_know_peer(struct kink_response *response) MUST_CHECK;
/*
 * Asks Kerberos about the AP-REQ of a command or an ACK, which counts as pending until
 * kink_response_not_pending().
 */
enum err kink_response_verify(struct kink_response *response, const struct kink_message *message,
    enum kink_step step) MUST_CHECK;
/* It does not count as waiting for its verification any more. */
void kink_response_not_pending(struct kink_response *response);
/* The answer went out, or cannot: what is needed for it only is freed. */
void kink_response_shed(struct kink_response *response);

/* answer.c: the same from the answer on. */

/* Sends the answer with these inner payloads, as kink_begin_plain() made them; may be empty. */
void kink_response_answer(struct kink_response *response, struct bytes plain);
/* Builds the answer once more, around the AP-REP as it is now. */
void kink_response_protect(struct kink_response *response);
/* Its message is there, or cannot be made. */
void kink_response_made(
    struct kink_response *response, const struct kerberos_completion *completion);
/* Goes on as far as the data plane has its SAs. */
void kink_response_go_on(struct kink_response *response);
/* The answer's message is there, but the SAs must be in before it goes out. */
void kink_response_installed(
    struct kink_response *response, struct sa_pair *pair, const struct problem *problem);
/* Nothing more is to be done but to answer copies of the command. */
void kink_response_answered(struct kink_response *response);

/* authorise.c */
/* Goes on with kink_response_authorised(), or refuses. */
void kink_authorise(struct kink_response *response);
/* The principal may speak for the address: now the command itself. */
void kink_response_authorised(struct kink_response *response);

/* handshake.c: the three-way handshake as its responder (RFC 4430 3.2). */

struct kink_handshake {
	bool waiting; /* for the ACK */
	uint32_t ack_epoch;
	uint32_t tries;
	uint64_t interval_ms;
};

enum err kink_handshake_begin(struct kink_response *response) MUST_CHECK;
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

struct kink_grant;

/* dialect.c */
/* The traffic of a tunnel that a CREATE leaves unsaid. NULL, or what is wrong. */
const char *kink_dialect_selector(struct kink_response *response, struct kink_grant *grant,
    const struct isakmp_chain *chain, enum ipsec_mode mode, struct selector *selector) MUST_CHECK;
/* Why the peer would not understand what was chosen; NULL if it does. first: what it offered. */
const char *kink_dialect_forbids(const struct kink_response *response,
    const struct kink_grant *grant, const struct offer_choice *first) MUST_CHECK;

/* nat.c: crossing NATs; src/kx/quick/nat.c says how. */
/*
 * Looks for a NAT. In transport mode the selector gets the addresses by which the hosts know each
 * other here. NULL, or what is wrong.
 */
const char *kink_nat_detect(struct kink_response *response, struct kink_grant *grant,
    const struct isakmp_chain *chain, enum ipsec_mode mode, struct selector *selector) MUST_CHECK;
bool kink_nat_is_between(const struct kink_grant *grant);
enum err kink_nat_answer(const struct kink_response *response, const struct kink_grant *grant,
    struct isakmp_writer *chain) MUST_CHECK;
/* The grant's pair is encapsulated, if a NAT is between. */
void kink_nat_encapsulate(const struct kink_response *response, const struct kink_grant *grant);
/* The principal of another host that has SAs from the same address, behind a NAT; or NULL. */
const char *kink_nat_neighbour(const struct kink_response *response);

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

/* grant.c, respond-create.c: CREATE as its responder. */

/* What one KINK_ISAKMP of a CREATE asks for, and what comes of it. Secret. */
struct kink_grant {
	struct sa_pair *pair;       /* NULL when it is refused, or gone */
	enum notify_type refusal;   /* 0: none */
	uint32_t refused_spi;       /* 0: none */
	uint8_t refused_payload;    /* 0: none */
	struct offer_choice choice; /* what was selected */
	struct quick_nat nat;
	struct selector asked;        /* as the peer named it */
	bool nameless;                /* it did not name it */
	bool two_way;                 /* it can be had in two messages */
	bool reserved;                /* its SPIs are there */
	bool installed;               /* what was asked for last is in */
	struct bytes initiator_nonce; /* Ni, a view into the command */
	struct bytes peer_value;      /* KE, likewise; empty without a key exchange */
	struct quick_key_exchange *exchange;
	/* Of the three-way handshake. */
	uint8_t nonce[QUICK_NONCE_SIZE];          /* Nr */
	uint8_t keys_out[BUNDLE_MAX][SA_KEY_MAX]; /* until the ACK comes */
	size_t key_lengths[BUNDLE_MAX];
	uint8_t keys_asked; /* of the derivation that is under way */
};

/* Judges it by policy and adds its pair, or notes the refusal. Other failures are the response's.
 */
enum err kink_grant_begin(struct kink_response *response, struct kink_grant *grant,
    const struct isakmp_chain *chain) MUST_CHECK;
/* Refuses it, saying why in the log. Its pair goes. */
void kink_grant_refuse(struct kink_response *response, struct kink_grant *grant,
    enum notify_type type, const char *why);
/* Nobody is to do with its pair what it was made for. */
void kink_grant_drop(struct kink_response *response, struct kink_grant *grant);
/* Its KINK_ISAKMP in the answer. */
enum err kink_grant_put(const struct kink_response *response, const struct kink_grant *grant,
    struct kink_writer *message) MUST_CHECK;
struct kink_grant *kink_grant_of(const struct kink_response *response, const struct sa_pair *pair);
/* The first that still has a pair; NULL when none has. */
struct kink_grant *kink_grant_first(const struct kink_response *response);
void kink_grants_free(struct kink_response *response);
/* A DELETE may overtake the CREATE that it ends; what comes then is not wanted any more. */
void kink_remember_withdrawn(struct kink_response *response, uint32_t spi);

void kink_respond_create(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner);
void kink_respond_reserved(
    struct kink_response *response, struct sa_pair *pair, const struct problem *problem);
void kink_respond_agreed(
    struct kink_response *response, const struct agreement_completion *completion);
/* Asks for the keys of all grants, in both directions, together with the answer's protection. */
void kink_respond_derivations(
    struct kink_response *response, struct kerberos_request *request, struct writer *seeds);
/* They are there: installs what the answer is to tell of. */
enum err kink_respond_install(
    struct kink_response *response, const struct kerberos_completion *completion) MUST_CHECK;
/* Nobody negotiates the pair any more, which is on its way out or gone. */
void kink_respond_lost(struct kink_response *response, struct sa_pair *pair);

#endif
