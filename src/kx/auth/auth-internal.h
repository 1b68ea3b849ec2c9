/* What the methods of authentication share: one of them in use, and the table of all. */
#ifndef KX_AUTH_AUTH_INTERNAL_H
#define KX_AUTH_AUTH_INTERNAL_H

#include "crypto/dh.h"
#include "crypto/identity.h"
#include "crypto/keymat.h"
#include "kx/auth/auth.h"
#include "policy/ike.h"
#include "wire/ikev1-grammar.h"
#include "wire/ikev1.h"

/* ID payload's body: type, protocol, port (RFC 2408 3.8), data. */
#define AUTH_ID_HEADER 4
#define AUTH_ID_MAX    (AUTH_ID_HEADER + IKE_IDENTITY_MAX)

enum auth_step {
	AUTH_STEP_NONE,
	AUTH_STEP_BEGIN,
	AUTH_STEP_PREPARE,
	AUTH_STEP_READ,
	AUTH_STEP_PROVE,
	AUTH_STEP_CHECK
};

/*
 * One method. A function that is NULL does what methods do as a rule; the others call
 * auth_plain_*() for as much of that as they want.
 */
struct auth_method {
	const char *name; /* for people */
	uint16_t attribute;
	enum ikev1_family family;
	bool identity_first; /* the identity goes with KE and nonce in either mode */
	bool fixed_hash;     /* HASH_I and HASH_R are made with the hash below, not the prf's */
	enum prf_hash proof_hash;
	enum credentials_scheme scheme; /* of signatures */
	size_t state_size;              /* of auth->state, secret; 0: none */
	/* ERR_NOT_FOUND, with a problem, when a peer's entry lacks what the method needs. */
	enum err (*check_entry)(const struct policy_peer *peer, struct problem *problem);
	enum err (*skeyid)(struct auth *auth, uint8_t *out);
	enum auth_result (*begin)(struct auth *auth, struct problem *problem);
	enum auth_result (*prepare)(struct auth *auth, struct problem *problem);
	void (*put_exchange)(struct auth *auth, struct isakmp_writer *chain);
	enum auth_result (*read)(
	    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem);
	enum auth_result (*prove)(struct auth *auth, struct problem *problem);
	void (*put_proof)(struct auth *auth, struct isakmp_writer *chain);
	/* The proof alone: whether the identity is expected is judged afterwards. */
	enum auth_result (*check)(
	    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem);
	enum auth_result (*credentials_done)(struct auth *auth,
	    const struct credentials_completion *completion, struct problem *problem);
	enum auth_result (*kerberos_done)(struct auth *auth,
	    const struct kerberos_completion *completion, struct problem *problem);
	/* Releases what the state holds. */
	void (*close)(struct auth *auth);
};

struct auth {
	const struct auth_inputs *in;
	const struct auth_method *method;
	const struct policy_ike *ike;
	enum auth_step step; /* under way */
	bool proved;         /* the check found a proof, whoever's it is */
	/* Bodies of ID payloads; empty until known. */
	uint8_t own_id[AUTH_ID_MAX];
	size_t own_id_len;
	uint8_t peer_id[AUTH_ID_MAX];
	size_t peer_id_len;
	uint8_t peer_public[DH_PUBLIC_MAX];
	size_t peer_public_len;
	uint8_t peer_nonce[IKEV1_NONCE_MAX];
	size_t peer_nonce_len;
	uint8_t skeyid[CRYPTO_PRF_MAX];
	uint8_t proof[CRYPTO_PRF_MAX]; /* our HASH_I or HASH_R */
	size_t proof_len;
	char peer_text[2 * IKE_IDENTITY_TEXT_SIZE];
	/* Of GSS-API, once the peer's token is verified; else "". */
	char principal[KERBEROS_NAME_MAX];
	enum kerberos_membership membership;
	void *state;
};

extern const struct auth_method auth_psk;
extern const struct auth_method auth_rsa_signature;
extern const struct auth_method auth_ecdsa_256;
extern const struct auth_method auth_ecdsa_384;
extern const struct auth_method auth_ecdsa_521;
extern const struct auth_method auth_encryption;
extern const struct auth_method auth_revised_encryption;
extern const struct auth_method auth_gss;

/* methods.c */
const struct auth_method *auth_method_of(enum ike_authentication authentication);

/* identity.c */

/*
 * Makes our ID out of what the file says, or of what our certificate says (NULL: there is none), or
 * of our address. Of a name that both say, the certificate's octets count.
 */
enum err auth_make_own_id(
    struct auth *auth, const struct ike_identity *certified, struct problem *problem) MUST_CHECK;
void auth_put_id(const struct auth *auth, struct isakmp_writer *chain);
/* Keeps octets that are to be the body of the peer's ID payload, unjudged; ERR_TOO_LONG. */
enum err auth_keep_id(struct auth *auth, struct bytes body) MUST_CHECK;
/* Keeps the body of the peer's ID payload, if it may stand in phase 1 (RFC 2407 4.6.2). */
enum err auth_take_id(struct auth *auth, struct bytes body, struct problem *problem) MUST_CHECK;
/* The same for the chain's one ID payload. */
enum err auth_find_id(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem) MUST_CHECK;
struct bytes auth_own_id(const struct auth *auth);
struct bytes auth_peer_id(const struct auth *auth);
/* Whether the peer's entry expects this identity; ERR_AUTH with a problem. */
enum err auth_expect_peer(const struct auth *auth, struct problem *problem) MUST_CHECK;
/* Sets the text for people; detail, a certificate's subject say, may be NULL. */
void auth_name_peer(struct auth *auth, const char *detail);

/* plain.c */

/* Our nonce or the peer's, as the inputs have them. */
struct bytes auth_own_nonce(const struct auth *auth);
struct bytes auth_own_public(const struct auth *auth);
/* Whether the identity goes with KE and nonce. */
bool auth_identity_is_first(const struct auth *auth);
void auth_plain_put_exchange(struct auth *auth, struct isakmp_writer *chain);
enum err auth_plain_read(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem) MUST_CHECK;
/* Keeps KE and nonce as they are, wherever they came from; ERR_INVALID for sizes out of bounds. */
enum err auth_take_exchange(struct auth *auth, struct bytes public_value, struct bytes nonce,
    struct problem *problem) MUST_CHECK;

/* hash.c */

enum auth_side { AUTH_OURS, AUTH_PEERS };

/* prf(key, parts) with the negotiated hash. */
enum err auth_prf(const struct auth *auth, struct bytes key, const struct bytes *parts,
    size_t count, uint8_t *out) MUST_CHECK;
/* prf(Ni_b | Nr_b, g^xy): of signatures and GSS-API (RFC 2409 5). */
enum err auth_skeyid_of_nonces(struct auth *auth, uint8_t *out) MUST_CHECK;
/* HASH_I or HASH_R, with `extra` behind the identity; writes at most CRYPTO_PRF_MAX octets. */
enum err auth_hash(const struct auth *auth, enum auth_side side, const struct bytes *extra,
    size_t extra_count, uint8_t *out, size_t *len) MUST_CHECK;
/* Our HASH as the proof itself, and the peer's judged: of all methods but signatures and GSS. */
enum auth_result auth_hash_prove(struct auth *auth, struct problem *problem);
void auth_hash_put_proof(struct auth *auth, struct isakmp_writer *chain);
/* hint says what a wrong one means. */
enum auth_result auth_hash_check(
    struct auth *auth, const struct isakmp_chain *chain, const char *hint, struct problem *problem);

enum auth_result auth_result_of(enum err error);

#endif
