/*
 * What IKEv1 adds to ISAKMP's payloads (wire/isakmp.h): the attributes of phase 1 (RFC 2409
 * Appendix A), the text behind NAT-D (RFC 3947 3.2), fragments of messages, and the token of the
 * GSS-API authentication method (draft-ietf-ipsec-isakmp-gss-auth). The SA payload of phase 1 is
 * written and read as that of phase 2: one proposal of PROTO_ISAKMP without an SPI, transforms of
 * KEY_IKE.
 *
 * Decoding allocates nothing; results are views into the input. A writer's failure is sticky.
 */
#ifndef WIRE_IKEV1_H
#define WIRE_IKEV1_H

#include "base/address.h"
#include "wire/isakmp.h"

#define IKEV1_PORT     500  /* UDP: RFC 2408 2.5.1 */
#define IKEV1_NAT_PORT 4500 /* UDP: RFC 3947 4 */

/* RFC 2409 5: a nonce has between 8 and 256 octets. */
#define IKEV1_NONCE_MIN 8
#define IKEV1_NONCE_MAX 256

/* RFC 2409 5.6: numbers from here on are those of New Group Mode. */
#define IKEV1_GROUP_PRIVATE 32768

/*
 * The SA attributes of phase 1, and of a group in New Group Mode: RFC 2409 Appendix A. 0, or an
 * empty view, means not stated.
 */
struct ikev1_attributes {
	uint16_t encryption; /* enum ikev1_encryption */
	uint16_t hash;       /* enum ikev1_hash */
	uint16_t method;     /* enum ikev1_method */
	uint16_t group;      /* Oakley group number */
	uint16_t group_type; /* enum ikev1_group_type; this and the next six: of a private group */
	struct bytes group_prime; /* or irreducible polynomial */
	struct bytes group_generator_one;
	struct bytes group_generator_two;
	struct bytes group_curve_a;
	struct bytes group_curve_b;
	struct bytes group_order;
	uint16_t field_size; /* bits */
	uint64_t life_seconds;
	uint64_t life_kilobytes;
	uint16_t prf;
	uint16_t key_length;       /* bits */
	struct bytes gss_identity; /* UTF-16LE, without a terminator */
	/*
	 * The first attribute that is none of these or has an unlawful value; 0: none. A
	 * transform that has one must not be chosen.
	 */
	uint16_t unsupported;
};

/*
 * ERR_INVALID for attributes that conflict, a basic one in variable form, and a duration that does
 * not follow a life type.
 */
enum err ikev1_attributes_decode(struct bytes attributes, struct ikev1_attributes *out) MUST_CHECK;
void ikev1_attributes_put(struct writer *out, const struct ikev1_attributes *attributes);

/* What NAT-D is the hash of: CKY-I | CKY-R | IP | Port. */
#define IKEV1_NAT_D_TEXT_MAX (8 + 8 + 16 + 2)
void ikev1_put_nat_d_text(struct writer *out, const uint8_t initiator_cookie[8],
    const uint8_t responder_cookie[8], const struct address *address, uint16_t port);

/*
 * A part of a message, as deployed peers send it: alone in a datagram under a header of the
 * message's own cookies and exchange type whose message ID may be 0 and whose encryption flag is
 * clear. The parts in order are the whole message, header included. None carries a proof of its
 * own.
 */
struct ikev1_fragment {
	uint16_t id;    /* the same in all parts of one message */
	uint8_t number; /* from 1 */
	bool last;
	struct bytes data;
};

#define IKEV1_FRAGMENT_HEADER_SIZE 8 /* with the generic header */

/* ERR_INVALID for a number of 0 and for a part without data. */
enum err ikev1_fragment_decode(struct bytes body, struct ikev1_fragment *out) MUST_CHECK;
void ikev1_put_fragment(struct isakmp_writer *chain, const struct ikev1_fragment *fragment);

/*
 * The token of GSS_Init_sec_context() or GSS_Accept_sec_context(). Since draft 06 an octet stands
 * before it that says how the initiator's name is encoded; older peers send the token alone, which
 * then starts with the tag 0x60 of RFC 2743 3.1.
 */
struct ikev1_gss_token {
	bool bare;        /* without that octet */
	uint8_t encoding; /* when not bare */
	struct bytes token;
};

/* ERR_TRUNCATED for one without a token. */
enum err ikev1_gss_token_decode(struct bytes body, struct ikev1_gss_token *out) MUST_CHECK;
void ikev1_put_gss_token(struct isakmp_writer *chain, const struct ikev1_gss_token *token);

#endif
