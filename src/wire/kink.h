/*
 * The KINK message: RFC 4430 4.
 *
 * Receiving:  kink_decode(), kink_signed_part() for the checksum's verification, and, after
 * decryption of a KINK_ENCRYPT payload's body, kink_decode_plain(). Then kink_grammar_check() of
 * wire/kink-grammar.h before anything is made of it.
 *
 * Sending, in clear:  kink_begin(), kink_put_...(), kink_close(); the message is then what is to be
 * signed, and kink_finish() adds the checksum. Encrypted:  the payloads to hide go to a second
 * writer with kink_begin_plain(), kink_put_...(); the outer message ends with kink_close_sealed();
 * outer octets, ciphertext and zeros to a multiple of four are what is to be signed.
 *
 * Decoding allocates nothing; results are views into the input. A writer's failure is sticky.
 */
#ifndef WIRE_KINK_H
#define WIRE_KINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/isakmp.h"
#include "wire/names.h"

#define KINK_PORT                 910 /* UDP: RFC 4430 9 */
#define KINK_HEADER_SIZE          16
#define KINK_VERSION              1
#define KINK_PAYLOADS_MAX         16 /* in one chain, outer or inner */
/*
 * Where things stand in a message that begins with an AP payload, while that is still empty.
 */
#define KINK_LENGTH_OFFSET        2
#define KINK_AP_LENGTH_OFFSET     18
#define KINK_AP_OFFSET            24
#define KINK_SEALED_LENGTH_OFFSET 26
#define KINK_USAGE_ENCRYPTION     39 /* RFC 4430 8 */
#define KINK_USAGE_CHECKSUM       40

struct kink_header {
	uint8_t type; /* enum kink_type, or any other number */
	uint32_t doi;
	uint32_t xid;
	bool ackreq;
};

struct kink_payload {
	uint8_t type;      /* enum kink_payload_type, or any other number */
	struct bytes body; /* without the generic header; of KINK_ENCRYPT: the ciphertext */
};

struct kink_payloads {
	struct kink_payload payloads[KINK_PAYLOADS_MAX];
	size_t count;
};

struct kink_message {
	struct kink_header header;
	struct kink_payloads outer;
	struct bytes octets;   /* the message without its checksum, as received */
	struct bytes checksum; /* empty: the message is unauthenticated */
};

/*
 * What follows the message in the datagram is ignored. On failure *error is what a KINK_ERROR
 * payload should tell the sender: KINK_INVMAJ, KINK_INVDOI or KINK_PROTOERR; out->header is set
 * unless the failure is ERR_TRUNCATED, when the datagram holds no header to answer to.
 */
enum err kink_decode(
    struct bytes datagram, struct kink_message *out, enum kink_error *error) MUST_CHECK;
/* The plaintext of a KINK_ENCRYPT payload; padding after its last payload is ignored. */
enum err kink_decode_plain(struct bytes plain, struct kink_payloads *out) MUST_CHECK;
/*
 * The octets over which the checksum was made: a copy of the message in scratch with Length and
 * CksumLen as they were then (RFC 4430 4). ERR_TOO_LONG when scratch is too small.
 */
enum err kink_signed_part(
    const struct kink_message *message, struct writer *scratch, struct bytes *out) MUST_CHECK;

/* The first payload of that type, or NULL. */
const struct kink_payload *kink_find(const struct kink_payloads *payloads, uint8_t type);
size_t kink_count(const struct kink_payloads *payloads, uint8_t type);

/* KINK_AP_REQ and KINK_AP_REP: RFC 4430 4.2.1, 4.2.2. */
struct kink_ap {
	uint32_t epoch;
	struct bytes ap;
};

enum err kink_ap_decode(struct bytes body, struct kink_ap *out) MUST_CHECK;
/* KINK_ISAKMP: RFC 4430 4.2.6. On failure *error is KINK_BADQMVERS or KINK_PROTOERR. */
enum err kink_isakmp_decode(
    struct bytes body, struct isakmp_chain *out, enum kink_error *error) MUST_CHECK;
/* KINK_ERROR: RFC 4430 4.2.8. */
enum err kink_error_decode(struct bytes body, uint32_t *out) MUST_CHECK;
/* The bodies of KINK_KRB_ERROR, KINK_TGT_REQ and KINK_TGT_REP are what they carry. */

/* A message, or the plaintext of a KINK_ENCRYPT payload, under construction. */
struct kink_writer {
	struct writer *out;
	size_t announce; /* offset of the octet that names the next payload's type */
	size_t open;     /* offset of the payload that is being written */
};

/* out must be empty. */
struct kink_writer kink_begin(struct writer *out, const struct kink_header *header);
struct kink_writer kink_begin_plain(struct writer *out);

/* type is KINK_AP_REQ or KINK_AP_REP. */
void kink_put_ap(struct kink_writer *message, uint8_t type, const struct kink_ap *ap);
/* KINK_KRB_ERROR, KINK_TGT_REQ, KINK_TGT_REP. */
void kink_put(struct kink_writer *message, uint8_t type, struct bytes body);
void kink_put_error(struct kink_writer *message, uint32_t error);
/* The ISAKMP payloads are written between the two, through what the first returns. */
struct isakmp_writer kink_isakmp_begin(struct kink_writer *message);
void kink_isakmp_end(struct kink_writer *message);

/* Pads the message and sets its length. */
void kink_close(struct kink_writer *message);
/*
 * Ends the message with the header of a KINK_ENCRYPT payload; its ciphertext of the given length
 * and the padding behind that are still to be appended and are counted in already.
 */
void kink_close_sealed(struct kink_writer *message, size_t ciphertext_len);
/* Appends the checksum to a whole message and sets Length and CksumLen. */
void kink_finish(struct writer *message, struct bytes checksum);

#endif
