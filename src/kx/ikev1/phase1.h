/* Phase 1 under way: main and aggressive mode (RFC 2409 5.1 to 5.4). */
#ifndef KX_IKEV1_PHASE1_H
#define KX_IKEV1_PHASE1_H

#include "kx/auth/auth.h"
#include "kx/ikev1/proposal.h"
#include "kx/ikev1/sa.h"
#include "kx/quick/keys.h"

#define IKEV1_NONCE_SIZE 32 /* of ours */

/* Secret. It goes when the SA is established. */
struct ikev1_phase1 {
	struct ikev1_sa *sa;
	const struct policy_ike *ike;
	uint8_t mode; /* enum isakmp_exchange */
	struct ikev1_steps steps;
	struct auth *auth; /* NULL until the way to authenticate is known */
	struct auth_inputs inputs;
	struct quick_key_exchange *key_exchange;
	uint8_t nonce[IKEV1_NONCE_SIZE];
	struct bytes sai_b; /* a copy */
	/* Responder: what was chosen, from sai_b; its views are. */
	struct ikev1_choice choice;
	struct ikev1_received received; /* the message that is worked on */
	unsigned number;                /* of it */
	/*
	 * Of an encrypted one nobody knows whose it is before it is judged: what it is to change,
	 * and where to wait for another if it proves nothing.
	 */
	struct ikev1_unproved {
		bool is;
		uint64_t mark;
		struct ikev1_path path;
		uint8_t iv[CBC_BLOCK_MAX];
		const struct ikev1_step *awaited;
	} unproved;
	struct problem doubt; /* why the last of those proved nothing */
	bool heard;           /* anything came from the peer */
	bool pending;         /* counts as such */
	bool initial_contact; /* the peer says that it knows no SAs with us */
	struct problem hint;  /* what somebody said: maybe why it fails */
	/* Of authentication by Kerberos; see gss.c. */
	struct bytes own_gss_name;         /* initiator: as it stands in our offer; a copy */
	struct bytes gss_names[2];         /* the initiator's and the responder's; copies */
	char claimed[KERBEROS_NAME_MAX];   /* what the peer's transform calls it; "" for none */
	char principal[KERBEROS_NAME_MAX]; /* initiator: the responder's */
	struct kx_principal_wait principal_wait;
	struct kx_authorisation authorisation;
	bool name_known;   /* what was asked of either is answered */
	bool name_awaited; /* a step waits for it */
};

/* phase1.c */

/* Begins one with the peer. */
void ikev1_phase1_initiate(struct ikev1_peer *peer);
/* A stranger's first message of aggressive mode. */
void ikev1_phase1_respond_aggressive(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body);
/* The third message of main mode, to an answer of ours: the address is its sender's. */
void ikev1_phase1_respond_main(struct ikev1 *ikev1, struct ikev1_half_open *half_open,
    const struct host_datagram *datagram, const struct isakmp_header *header, struct bytes body);
/* Its state goes; the SA stays. */
void ikev1_phase1_free(struct ikev1_sa *sa);
/* It ends in vain, and the SA with it. */
void ikev1_phase1_fail(
    struct ikev1_phase1 *phase1, enum kx_failure failure, const struct problem *problem);
void ikev1_phase1_agreed(struct ikev1_sa *sa, const struct agreement_completion *completion);
void ikev1_phase1_credentials_done(
    struct ikev1_sa *sa, const struct credentials_completion *completion);
void ikev1_phase1_kerberos_done(struct ikev1_sa *sa, const struct kerberos_completion *completion);

/* phase1-receive.c */

/* A message for phase 1 of this SA, which may be over. */
void ikev1_phase1_received(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body);
/* A notification without a proof. */
void ikev1_phase1_hint(struct ikev1_sa *sa, uint16_t notification);
/* One that comes from whom the keys were agreed with. */
void ikev1_phase1_refused(struct ikev1_sa *sa, uint16_t notification);
/*
 * The message that is worked on is the peer's: what comes next builds on it. Of no effect when that
 * is known already.
 */
void ikev1_phase1_take(struct ikev1_phase1 *phase1);
/* Later IVs come from phase 1's last block (RFC 2409 Appendix B): an encrypted message went by. */
void ikev1_phase1_keep_iv(struct ikev1_phase1 *phase1);
/* Authentication fails. A message that proves nothing is dropped, and another waited for. */
void ikev1_phase1_unauthenticated(struct ikev1_phase1 *phase1, const struct problem *problem);

/* phase1-steps.c: what main and aggressive mode consist of. */
extern const struct ikev1_step ikev1_main_initiator[];
extern const struct ikev1_step ikev1_main_responder[];
extern const struct ikev1_step ikev1_aggressive_initiator[];
extern const struct ikev1_step ikev1_aggressive_responder[];

/* nat.c: RFC 3947. */
/* NAT-D, as we see the ends. */
enum err ikev1_put_nat_d(struct ikev1_phase1 *phase1, struct isakmp_writer *chain) MUST_CHECK;
/* What the peer's say; where there is a NAT the initiator goes on through the other port. */
enum err ikev1_read_nat_d(struct ikev1_phase1 *phase1) MUST_CHECK;

/* gss.c: names of authentication by Kerberos, which other methods have none of. */
bool ikev1_may_use_gss(const struct policy_ike *ike);
/*
 * Who we are to that peer, as transforms have it: a copy. Empty when it is not to be used with the
 * peer, when nobody knows, and when out of memory.
 */
struct bytes ikev1_gss_name(const struct ikev1 *ikev1, const struct policy_peer *peer);
/* Those of the transform that was chosen, as it was offered and answered; either may be empty. */
void ikev1_take_gss_names(
    struct ikev1_phase1 *phase1, struct bytes initiators, struct bytes responders);
/* Initiator: whom to ask the KDC for. */
enum ikev1_outcome ikev1_find_principal(void *exchange);
/* Responder: whether the initiator may speak for its address. */
enum ikev1_outcome ikev1_authorise(void *exchange);
void ikev1_names_cancel(struct ikev1_phase1 *phase1);

/* half-open.c: answers to first messages of main mode, before the cookie has come back. */

struct ikev1_half_open {
	struct ikev1_cookies cookies;
	struct ikev1_path path;
	struct bytes sai_b;
	struct ikev1_choice choice; /* its views are into sai_b */
	struct bytes answer;
	struct bytes gss_name; /* ours, as it stands in the answer */
	bool knows_nat, knows_dpd, knows_fragments;
	struct ikev1_assembly *assembly;         /* of a third message in fragments; NULL: none */
	struct ikev1_half_open *next, *previous; /* oldest first */
	UT_hash_handle by_cookies;
};

/* A first message: answers it, and remembers so much that the third one can be understood. */
void ikev1_half_open_begin(struct ikev1 *ikev1, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body);
struct ikev1_half_open *ikev1_half_open_find(
    const struct ikev1 *ikev1, const struct ikev1_cookies *cookies);
void ikev1_half_open_free(struct ikev1 *ikev1, struct ikev1_half_open *half_open);
void ikev1_half_open_clear(struct ikev1 *ikev1);
/* A part of the third message, from where the first one came. True: it is whole, a copy. */
bool ikev1_half_open_assemble(
    struct ikev1 *ikev1, struct ikev1_half_open *half_open, struct bytes body, struct bytes *whole);

/* vendor.c */
/* What the peer knows, by its vendor IDs. */
struct ikev1_vendor {
	bool nat, dpd, fragments, gss;
};

struct ikev1_vendor ikev1_read_vendor(const struct isakmp_chain *chain);
/* Ours; `peer` limits them to what it knows as well, NULL does not. */
void ikev1_put_vendor(
    struct isakmp_writer *chain, const struct policy_ike *ike, const struct ikev1_vendor *peer);

#endif
