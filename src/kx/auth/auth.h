/*
 * How IKE peers authenticate in IKEv1's phase 1 (RFC 2409 5.1 to 5.4, RFC 4754,
 * draft-ietf-ipsec-isakmp-gss-auth), whatever the method: main and aggressive mode know the steps
 * below, the methods know what each step means to them.
 *
 * Steps of one phase 1, at both ends; "put" writes payloads to the message under construction:
 *
 *                         initiator                          responder
 *     auth_begin()        before message 1                   before its SA is answered
 *     auth_prepare()      before KE and nonce are sent       likewise, after auth_read()
 *     auth_put_exchange() that message: main 3, aggressive 1 main 4, aggressive 2
 *     auth_read()         main 4, aggressive 2               main 3, aggressive 1
 *     auth_skeyid()       once both nonces and g^xy are known
 *     auth_prove()        after that; aggressive: and after auth_check()
 *     auth_put_proof()    main 5, aggressive 3               main 6, aggressive 2
 *     auth_check()        main 6, aggressive 2               main 5, aggressive 3
 *
 * A step that returns AUTH_PENDING has asked the host, and one of the auth_*_done() functions goes
 * on with it; only one is under way at a time. After AUTH_FAILED nothing but auth_free() makes
 * sense, save for a check that found no proof: another message may have one. Its problem is for our
 * log alone: the peer may learn no more than that authentication failed, and nothing at all about
 * public-key encryption before its proof is checked.
 */
#ifndef KX_AUTH_AUTH_H
#define KX_AUTH_AUTH_H

#include "crypto/cbc.h"
#include "crypto/prf.h"
#include "kinkd/host.h"
#include "kinkd/ike.h"
#include "policy/policy.h"
#include "wire/ikev1-grammar.h"

struct auth;

/*
 * What phase 1 knows, in RFC 2409's terms. It belongs to the caller, who fills it in as it comes
 * and keeps it as long as the struct auth lives.
 */
struct auth_inputs {
	const struct host *host;
	uint64_t token; /* of what is asked of the host for this phase 1 */
	const struct policy_peer *peer;
	bool initiator; /* we are */
	bool aggressive;
	struct address local;
	struct address remote;
	/* What was chosen; of aggressive mode's initiator, what is offered. */
	enum ike_authentication authentication;
	enum prf_hash hash; /* and its HMAC is the prf */
	enum encryption encryption;
	uint16_t key_bits;
	enum dh_group group;
	struct bytes cookie_i; /* CKY-I; to be set before the first step */
	struct bytes cookie_r; /* CKY-R; from auth_read() on */
	struct bytes sai_b;    /* the body of the initiator's SA payload */
	struct bytes public_i; /* g^xi, g^xr, Ni_b, Nr_b: ours before auth_put_exchange(), */
	struct bytes public_r; /* the peer's out of auth_read() */
	struct bytes nonce_i;
	struct bytes nonce_r;
	struct bytes secret; /* g^xy; from auth_skeyid() on */
	/* Of GSS-API alone. */
	uint32_t affinity;     /* of what is asked of Kerberos */
	const char *principal; /* initiator: the responder's, from auth_prepare() on */
	/* Attribute 16384 of the transform as it was offered and answered; empty unless both are.
	 */
	struct bytes gss_name_i;
	struct bytes gss_name_r;
};

enum auth_result { AUTH_DONE, AUTH_PENDING, AUTH_FAILED };

/* A method's number in attribute 3 of phase 1 (RFC 2409 Appendix A). */
uint16_t auth_attribute(enum ike_authentication authentication);
/* The form of its messages. */
enum ikev1_family auth_family(enum ike_authentication authentication);
/* False for a number that is not known. 65001 is GSS-API's only for who sent its vendor ID. */
bool auth_of_attribute(uint16_t attribute, bool gss, enum ike_authentication *out);

/* ERR_NOT_FOUND, with a problem, when this peer's entry lacks what the method needs. */
enum err auth_new(
    const struct auth_inputs *inputs, struct auth **out, struct problem *problem) MUST_CHECK;
/* Answers to what is still asked of the host are then to be dropped by the caller. */
void auth_free(struct auth *auth);

enum auth_result auth_begin(struct auth *auth, struct problem *problem);
enum auth_result auth_prepare(struct auth *auth, struct problem *problem);
/*
 * KE and nonce, the identity where the mode has it here, and what the method adds: hash of the
 * peer's certificate, certificates or requests for them, GSS-API tokens. All but the SA payload, in
 * the method's order, encrypted where it says so.
 */
void auth_put_exchange(struct auth *auth, struct isakmp_writer *chain);
/* The peer's message of that kind. The chain must live until the step is done. */
enum auth_result auth_read(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem);
/* What was in it; borrowed from auth until it is freed. Not judged, save for their presence. */
struct bytes auth_peer_public(const struct auth *auth);
struct bytes auth_peer_nonce(const struct auth *auth);

/* Writes prf_length(inputs->hash) octets, secret. */
enum err auth_skeyid(struct auth *auth, uint8_t *out) MUST_CHECK;

enum auth_result auth_prove(struct auth *auth, struct problem *problem);
/* Identity where the mode has it here, certificates, and HASH or SIG. */
void auth_put_proof(struct auth *auth, struct isakmp_writer *chain);
/*
 * Judges the peer's message of that kind: that it proves to be whom it claims, and that this peer
 * entry expects that very identity. The chain must live until the step is done.
 */
enum auth_result auth_check(
    struct auth *auth, const struct isakmp_chain *chain, struct problem *problem);

/* Go on with a pending step; the completion is the one with inputs->token. */
enum auth_result auth_credentials_done(
    struct auth *auth, const struct credentials_completion *completion, struct problem *problem);
enum auth_result auth_kerberos_done(
    struct auth *auth, const struct kerberos_completion *completion, struct problem *problem);

/*
 * Whether what auth_check() judged last comes from whom the keys were agreed with. If it does not,
 * the message may be anybody's who sees and alters those of the peer.
 */
bool auth_peer_proved(const struct auth *auth);

/* Who the peer is: authenticated once auth_check() is done, before that claimed or none. */
struct ike_identity auth_peer_identity(const struct auth *auth);
/*
 * Who started, by its ticket, once auth_read() is done: its principal and whether it is in one of
 * the entry's groups. NULL for other methods and of a peer that we started with. auth_check() does
 * not judge whether it may speak for its address.
 */
const char *auth_peer_principal(const struct auth *auth, enum kerberos_membership *membership);
/*
 * The same as text for people, with the certificate's subject or the principal where there is one;
 * never NULL.
 */
const char *auth_peer_text(const struct auth *auth);

#endif
