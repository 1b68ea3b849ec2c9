/*
 * The Kerberos seam. The engine asks; the answer comes later as a completion with the same token.
 * Requests and completions are flat: whoever receives one copies what it keeps before returning,
 * so both sides may sit in different threads or processes.
 *
 * Messages are opaque here. The engine says which octets to check, decrypt, encrypt or sign and
 * under which key usage; where they stand in a message is its own business.
 *
 * A session is one use of one ticket, for one transaction: the ticket's session key (never a
 * subkey: RFC 4430 section 7) and, on the initiator, the authenticators still outstanding (RFC 4430
 * section 9). The engine releases each session that a completion gave it.
 */
#ifndef KINKD_KERBEROS_H
#define KINKD_KERBEROS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/sid.h"

enum kerberos_operation {
	/*
	 * Initiator: a service ticket for `server` (cached, or from the KDC) and a first AP-REQ
	 * that asks for mutual authentication. Gives session, ap, lengths, ticket_end; with head
	 * also what PROTECT gives. With `tgt`, the responder's, a user-to-user ticket.
	 */
	KERBEROS_REQUEST,
	/* Initiator: another AP-REQ of the same session, with a fresh authenticator. Gives ap. */
	KERBEROS_REPEAT,
	/*
	 * Responder: verify `ap` (an AP-REQ), refuse replays, verify `checksum` over `signed_part`,
	 * decrypt `sealed` if there is any, make the AP-REP. Gives session, ap, plain, client,
	 * server, lengths, ticket_end; on failure reply_error where a KRB-ERROR should go back,
	 * and with it a session when ticket and checksum are good: for PROTECT around the error. A
	 * user-to-user ticket under an earlier ticket of ours fails with tgt, the present one
	 * (RFC 4430 3.7.1).
	 */
	KERBEROS_ACCEPT,
	/*
	 * Initiator: verify `checksum` over `signed_part`; with `ap`, that it is the AP-REP to one
	 * of the session's authenticators; decrypt `sealed`. With `krb_error` instead of `ap`, read
	 * it. Gives plain, or remote_error with its text in problem and what helps in remedy.
	 * KEYMAT for `derivations` comes with plain; see plain_offset.
	 */
	KERBEROS_VERIFY,
	/*
	 * Either side: derive KEYMAT for each of `derivations`; and, when `head` is not empty,
	 * build head | encrypt(plain) | zeros to a multiple of four, and its checksum. Without
	 * plain the message is head alone. Gives keymat, message, checksum.
	 */
	KERBEROS_PROTECT,
	/*
	 * Responder: our ticket-granting ticket as `server`, if that is who `client` names of ours
	 * (RFC 4430 4.2.4). Gives tgt; on failure reply_error where a KRB-ERROR should go back.
	 */
	KERBEROS_TGT,
	/*
	 * The same tickets in the security contexts of GSS-API's mechanism (RFC 4121, RFC 2743),
	 * with mutual authentication, integrity and confidentiality. Tokens stand in `ap`, and
	 * there are two: the initiator's, for which a ticket is got as for REQUEST, and the
	 * responder's.
	 */
	KERBEROS_GSS_REQUEST, /* initiator; gives session, ap, ticket_end */
	/* Responder; gives session, ap, client, server, membership, ticket_end. */
	KERBEROS_GSS_ACCEPT,
	/* Initiator: `ap` is the responder's token. The session can wrap from now on. */
	KERBEROS_GSS_VERIFY,
	/* Either side: `plain` in a token of its own, encrypted. Gives message. */
	KERBEROS_GSS_WRAP,
	/* Either side: opens the other's, which is in `sealed`. Gives plain. */
	KERBEROS_GSS_UNWRAP
};

/* What to do about a KRB-ERROR. Of one that is not proven to be the peer's only the last two. */
enum kerberos_remedy {
	KERBEROS_REMEDY_NONE, /* it is final; or it is not proven, and nothing was done about it */
	KERBEROS_REMEDY_WAIT, /* it is about one transmission and says nothing about the next */
	KERBEROS_REMEDY_REPEAT, /* the clock kept for this peer is corrected: REPEAT at once */
	KERBEROS_REMEDY_TICKET, /* the ticket is given up: a new transaction gets a new one */
	/* RFC 4430 3.1: the peer, maybe, or the KDC (REQUEST) wants user-to-user. */
	KERBEROS_REMEDY_USER_TO_USER
};

/* KEYMAT of `length` octets from `seed`: K1 = prf(key, seed), Kn = prf(key, Kn-1 | seed). */
struct kerberos_derivation {
	struct bytes seed;
	uint16_t length;
};

#define KERBEROS_DERIVATIONS_MAX 16
#define KERBEROS_NAME_MAX        256 /* a principal's text with its terminator */
#define KERBEROS_SESSION_NONE    0

/* All pointers are borrowed until submit returns. */
struct kerberos_request {
	enum kerberos_operation operation;
	uint64_t token;
	uint64_t session; /* REPEAT, VERIFY, PROTECT */
	/*
	 * Requests of one affinity (a hash of the peer's address) run in order on one worker; a
	 * session stays with the affinity that made it.
	 */
	uint32_t affinity;
	const char *server;        /* (GSS_)REQUEST, TGT: the responder's principal */
	const char *client;        /* the same: our principal; NULL for the configured one */
	struct bytes tgt;          /* REQUEST: DER as in KINK_TGT_REP; empty for a usual ticket */
	uint32_t min_lifetime;     /* REQUEST: seconds that the ticket must still be valid */
	uint32_t encryption_usage; /* ACCEPT, VERIFY, PROTECT: RFC 3961 key usage numbers */
	uint32_t checksum_usage;
	struct bytes ap;
	struct bytes krb_error;
	bool proven; /* VERIFY: krb_error stood inside of a reply that was verified before */
	struct bytes signed_part;
	struct bytes checksum;
	struct bytes sealed;
	struct bytes head;
	struct bytes plain;
	/*
	 * REQUEST and REPEAT with head: a message is built as by PROTECT, but with the new AP-REQ,
	 * and zeros to a multiple of four behind it, put in at ap_offset. Then two-octet numbers in
	 * head get what the caller could not know: at length_offset the message's length; to those
	 * at ap_length_offset and sealed_length_offset the lengths of AP-REQ and ciphertext are
	 * added. Offsets are those in head.
	 */
	uint16_t ap_offset;
	uint16_t length_offset;
	uint16_t ap_length_offset;
	uint16_t sealed_length_offset;
	/*
	 * VERIFY with derivations: before KEYMAT is derived, the four octets of each seed at
	 * seed_offset are replaced by those at plain_offset of what was decrypted, so that a number
	 * of the peer's choice can be part of it. No KEYMAT comes when there are no such octets.
	 */
	uint16_t plain_offset;
	uint16_t seed_offset;
	bool literal_prf; /* the PRF of etypes 17 and 18 gives 20 octets, as RFC 3962's text has it
	                   */
	uint8_t derivation_count;
	struct kerberos_derivation derivations[KERBEROS_DERIVATIONS_MAX];
	/* (GSS_)ACCEPT: whether the client is one of these, or in one of these groups. */
	const struct sid *groups;
	size_t group_count;
};

/* What a ticket's PAC says of the groups that were asked about. */
enum kerberos_membership {
	KERBEROS_MEMBERSHIP_UNKNOWN, /* there is none that tells, or nobody asked */
	KERBEROS_MEMBERSHIP_FORGED,  /* the KDC has not signed it */
	KERBEROS_MEMBERSHIP_NONE,
	KERBEROS_MEMBERSHIP_MEMBER
};

/* What the session key's etype adds; the engine lays out messages with it. */
struct kerberos_lengths {
	uint16_t seal_overhead; /* ciphertext minus plaintext */
	uint16_t checksum;
};

/* All pointers are borrowed until the completion handler returns. */
struct kerberos_completion {
	enum kerberos_operation operation;
	uint64_t token;    /* the request's */
	uint32_t affinity; /* the request's */
	/*
	 * ERR_OK; ERR_UNREACHABLE (no KDC), ERR_UNAVAILABLE (a KDC or keytab that gives none yet:
	 * retry both), ERR_NOT_FOUND (the KDC or
	 * keytab knows no such principal), ERR_AUTH, ERR_REPLAY, ERR_EXPIRED, ERR_SKEW, ERR_REFUSED
	 * (VERIFY: a KRB-ERROR arrived), ERR_UNSUPPORTED (an encryption type), ERR_INVALID,
	 * ERR_LIMIT, ERR_NO_MEMORY, ERR_SYSTEM. The text names the principal and the next step.
	 */
	struct problem problem;
	uint64_t session;
	struct kerberos_lengths lengths;
	int64_t ticket_end; /* POSIX time */
	struct bytes ap;
	struct bytes plain;
	struct bytes message;
	struct bytes checksum;
	struct bytes tgt;         /* TGT; ACCEPT failed: ours, DER (RFC 4430 4.2.5) */
	struct bytes reply_error; /* ACCEPT failed: the KRB-ERROR to send, may be empty */
	int32_t remote_error;     /* VERIFY: error code of the KRB-ERROR (RFC 4120 7.5.9) */
	enum kerberos_remedy remedy;
	/* ACCEPT: the authenticator's time in microseconds; tells which of two messages is newer.
	 */
	int64_t authenticator_us;
	const char *client;                  /* (GSS_)ACCEPT: who the peer is */
	const char *server;                  /* (GSS_)ACCEPT: as whom it addressed us */
	enum kerberos_membership membership; /* (GSS_)ACCEPT */
	uint8_t keymat_count;
	struct bytes keymat[KERBEROS_DERIVATIONS_MAX]; /* secret */
};

#endif
