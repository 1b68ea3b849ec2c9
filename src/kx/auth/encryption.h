/*
 * Authentication with public-key encryption: what its two forms (RFC 2409 5.2, 5.3) share. Whoever
 * gets a message by this method must not learn from us whether what he sent decrypted: until the
 * proof is checked, octets that came out of a decryption are used and not judged.
 */
#ifndef KX_AUTH_ENCRYPTION_H
#define KX_AUTH_ENCRYPTION_H

#include "kx/auth/certificates.h"

struct encryption_state {
	bool described;
	struct auth_items own;       /* our certificate */
	struct auth_items recipient; /* the peer's, to whose key we encrypted */
	struct auth_items sealed;    /* what came of it, in the request's order */
	struct auth_items sent;      /* certificates that the peer sent */
	/* The peer's message, until its nonce is decrypted. */
	const struct isakmp_chain *chain;
};

enum err encryption_check_entry(const struct policy_peer *peer, struct problem *problem) MUST_CHECK;
/* SKEYID = prf(hash(Ni_b | Nr_b), CKY-I | CKY-R) */
enum err encryption_skeyid(struct auth *auth, uint8_t *out) MUST_CHECK;
/* First our own identity, then *parts encrypted; both by way of the host. */
enum auth_result encryption_prepare(struct auth *auth, struct problem *problem);
/* HASH(1): which certificate the key is of that we encrypted to. Initiator only. */
void encryption_put_hash(struct auth *auth, struct isakmp_writer *chain);
/* Whether HASH(1), when there is one, is of our certificate. */
enum err encryption_check_hash(const struct auth *auth, const struct isakmp_chain *chain,
    struct bytes certificate, struct problem *problem) MUST_CHECK;
/* The peer's HASH, its identity, and that this is whose key it used. */
enum auth_result encryption_check(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem);
/* Where the two forms differ in what the host's answers mean. */
struct encryption_form {
	bool seals_identity; /* with the nonce; else the nonce alone */
	/* The peer's message, decrypted. */
	enum err (*opened)(struct auth *auth, const struct credentials_completion *completion,
	    struct problem *problem);
};

/* An answer of the host, for whichever step waits for it. */
enum auth_result encryption_done(struct auth *auth, const struct credentials_completion *completion,
    const struct encryption_form *form, struct problem *problem);
void encryption_close(struct auth *auth);

#endif
