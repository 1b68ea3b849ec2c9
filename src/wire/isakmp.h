/*
 * ISAKMP payloads (RFC 2408 3) with the details of the IPsec DOI (RFC 2407 4.4 to 4.6), shared by
 * KINK and IKEv1. KINK carries only the payload chain; the header is for IKEv1.
 *
 * Decoding allocates nothing: results are views into the input and live as long as it does.
 * A decoder returns ERR_TRUNCATED when a structure ends early, ERR_INVALID when it breaks a rule,
 * ERR_LIMIT when it has more parts than the fixed bounds here. Encoding goes through a writer; its
 * failure is sticky, so ask writer_ok() once at the end.
 */
#ifndef WIRE_ISAKMP_H
#define WIRE_ISAKMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "wire/names.h"

#define ISAKMP_HEADER_SIZE    28
#define ISAKMP_PAYLOADS_MAX   32
#define ISAKMP_PROPOSALS_MAX  32
#define ISAKMP_TRANSFORMS_MAX 64 /* in all proposals of one SA payload */

/* The header: RFC 2408 3.1. */

#define ISAKMP_FLAG_ENCRYPTION          0x01
#define ISAKMP_FLAG_COMMIT              0x02
#define ISAKMP_FLAG_AUTHENTICATION_ONLY 0x04

struct isakmp_header {
	uint8_t initiator_cookie[8];
	uint8_t responder_cookie[8];
	uint8_t next_payload;
	uint8_t major; /* 1 when decoded; not used by the encoder, as length is not */
	uint8_t minor;
	uint8_t exchange;
	uint8_t flags;
	uint32_t message_id;
	uint32_t length;
};

/*
 * *body is what follows the header. On failure *notify is the notify type that RFC 2408 5.1 and 5.2
 * name for it, and the header's fields are set if the input was long enough to hold one.
 */
enum err isakmp_header_decode(struct bytes datagram, struct isakmp_header *out, struct bytes *body,
    enum notify_type *notify) MUST_CHECK;

/* The payload chain: RFC 2408 3.2. */

struct isakmp_payload {
	uint8_t type;       /* enum isakmp_payload_type, or any other number */
	struct bytes body;  /* without the generic header */
	struct bytes whole; /* with it */
};

struct isakmp_chain {
	struct isakmp_payload payloads[ISAKMP_PAYLOADS_MAX];
	size_t count;
	struct bytes trailing; /* what follows the last payload: padding */
};

/* first is the type of the first payload. Types are not judged here. */
enum err isakmp_chain_decode(
    uint8_t first, struct bytes input, struct isakmp_chain *out) MUST_CHECK;
/* The payload of that type after `after` (NULL: from the start); NULL when there is none. */
const struct isakmp_payload *isakmp_chain_find(
    const struct isakmp_chain *chain, uint8_t type, const struct isakmp_payload *after);
size_t isakmp_chain_count(const struct isakmp_chain *chain, uint8_t type);

/* A chain under construction. */
struct isakmp_writer {
	struct writer *out;
	size_t announce; /* offset of the octet that names the next payload's type */
	size_t open;     /* offset of the payload that is being written */
};

/* Nothing names the type of the first payload: Proposal in SA, Transform in Proposal. */
#define ISAKMP_UNANNOUNCED SIZE_MAX

/* announce: offset of the octet that is to name the first payload's type. */
struct isakmp_writer isakmp_writer_at(struct writer *out, size_t announce);
/* Starts a message; next_payload and length are filled in by what follows. */
struct isakmp_writer isakmp_begin(struct writer *out, const struct isakmp_header *header);
/* Sets the header's length; the message starts at offset 0. */
void isakmp_end(struct writer *out);

/* A payload whose body the caller writes to chain->out between the two. */
void isakmp_open(struct isakmp_writer *chain, uint8_t type);
void isakmp_close(struct isakmp_writer *chain);
/* A payload whose body is just data: KE, HASH, SIG, NONCE, VENDOR ID. */
void isakmp_put(struct isakmp_writer *chain, uint8_t type, struct bytes body);

/* Data attributes: RFC 2408 3.3. */

struct isakmp_attribute {
	uint16_t type;      /* without the format bit */
	bool basic;         /* type and value (AF = 1) */
	struct bytes value; /* 2 octets when basic */
};

/* Reads one attribute; the reader fails when it is cut. */
struct isakmp_attribute isakmp_attribute_read(struct reader *r);
/* The value as a number; ERR_INVALID when it is empty or needs more than 64 bits. */
enum err isakmp_attribute_number(
    const struct isakmp_attribute *attribute, uint64_t *out) MUST_CHECK;
void isakmp_put_basic(struct writer *out, uint16_t type, uint16_t value);
void isakmp_put_variable(struct writer *out, uint16_t type, struct bytes value);

/*
 * The SA attributes of phase 2: RFC 2407 4.5, RFC 4304. 0 means not stated, which is no lawful
 * value of any of them.
 */
struct ipsec_attributes {
	uint64_t life_seconds;
	uint64_t life_kilobytes;
	uint16_t group;          /* Oakley group number */
	uint16_t encapsulation;  /* enum ipsec_encapsulation */
	uint16_t authentication; /* enum ipsec_authentication */
	uint16_t key_length;     /* bits */
	uint16_t key_rounds;
	uint16_t esn; /* enum ipsec_esn */
	/*
	 * The first attribute that is none of these or has an unlawful value; 0: none. A
	 * transform that has one must not be chosen (RFC 2407 4.5.3).
	 */
	uint16_t unsupported;
};

/*
 * ERR_INVALID for attributes that conflict, a basic one in variable form, and a duration that does
 * not follow a life type.
 */
enum err ipsec_attributes_decode(struct bytes attributes, struct ipsec_attributes *out) MUST_CHECK;
void ipsec_attributes_put(struct writer *out, const struct ipsec_attributes *attributes);

/* SA, Proposal and Transform: RFC 2408 3.4 to 3.6, RFC 2407 4.6.1. */

struct isakmp_transform {
	uint8_t number;
	uint8_t id;              /* its meaning depends on the proposal's protocol */
	struct bytes attributes; /* for ipsec_attributes_decode() in phase 2 */
};

struct isakmp_proposal {
	uint8_t number; /* proposals with one number belong together */
	uint8_t protocol;
	struct bytes spi;
	const struct isakmp_transform *transforms; /* inside the same struct isakmp_sa */
	size_t transform_count;
};

/* Holds pointers into itself: do not copy. */
struct isakmp_sa {
	uint32_t doi;
	uint32_t situation;
	struct isakmp_proposal proposals[ISAKMP_PROPOSALS_MAX];
	size_t proposal_count;
	struct isakmp_transform transforms[ISAKMP_TRANSFORMS_MAX];
	size_t transform_count;
};

/*
 * From an SA payload's body. ERR_UNSUPPORTED for a DOI other than IPsec or a situation other than
 * SIT_IDENTITY_ONLY (the fields tell which); the proposals are then not read.
 */
enum err isakmp_sa_decode(struct bytes body, struct isakmp_sa *out) MUST_CHECK;

/* An SA payload under construction; each part closes the one before it. */
struct isakmp_sa_writer {
	struct isakmp_writer *chain;
	struct isakmp_writer proposals;
	struct isakmp_writer transforms;
	bool in_proposal;
	size_t transform_count; /* of the open proposal */
};

struct isakmp_sa_writer isakmp_sa_begin(
    struct isakmp_writer *chain, uint32_t doi, uint32_t situation);
void isakmp_sa_proposal(
    struct isakmp_sa_writer *sa, uint8_t number, uint8_t protocol, struct bytes spi);
/* The caller then writes the transform's attributes to chain->out. */
void isakmp_sa_transform(struct isakmp_sa_writer *sa, uint8_t number, uint8_t id);
void isakmp_sa_end(struct isakmp_sa_writer *sa);

/* An IPsec SPI in four octets; ERR_INVALID for other sizes and the reserved values 0 to 255. */
enum err isakmp_spi_decode(struct bytes spi, uint32_t *out) MUST_CHECK;
void isakmp_spi_encode(uint32_t spi, uint8_t out[4]);

/* Identification: RFC 2408 3.8, RFC 2407 4.6.2. */

struct isakmp_id {
	uint8_t type;      /* enum isakmp_id_type */
	uint8_t protocol;  /* IP protocol, 0: any */
	uint16_t port;     /* 0: any */
	struct bytes data; /* size checked for the address types */
};

enum err isakmp_id_decode(struct bytes body, struct isakmp_id *out) MUST_CHECK;
void isakmp_put_id(struct isakmp_writer *chain, const struct isakmp_id *id);
/*
 * The addresses that an ID of one of the six address types names. ERR_UNSUPPORTED for other types
 * and for masks that are no prefix; ERR_INVALID for a range whose ends are swapped.
 */
enum err isakmp_id_range(const struct isakmp_id *id, struct address_range *out) MUST_CHECK;
/* An ID payload of the narrowest type that says it: address, subnet or range. */
void isakmp_put_id_range(struct isakmp_writer *chain, const struct address_range *range,
    uint8_t protocol, uint16_t port);

/*
 * NAT-OA: RFC 3947 5.2. ERR_INVALID for an ID type other than a single address and for reserved
 * octets that are set. NAT-D (3.2) is nothing but its hash.
 */
enum err isakmp_nat_oa_decode(struct bytes body, struct address *out) MUST_CHECK;
void isakmp_put_nat_oa(struct isakmp_writer *chain, const struct address *address);

/* Certificate and certificate request: RFC 2408 3.9, 3.10. */

struct isakmp_certificate {
	uint8_t encoding;  /* enum isakmp_certificate_encoding */
	struct bytes data; /* of a request: the authority, may be empty */
};

enum err isakmp_certificate_decode(struct bytes body, struct isakmp_certificate *out) MUST_CHECK;
/* type is ISAKMP_CERT or ISAKMP_CERTREQ. */
void isakmp_put_certificate(
    struct isakmp_writer *chain, uint8_t type, const struct isakmp_certificate *certificate);

/* Notification: RFC 2408 3.14, RFC 2407 4.6.3. */

struct isakmp_notification {
	uint32_t doi;
	uint8_t protocol;
	uint16_t type; /* enum notify_type */
	struct bytes spi;
	struct bytes data;
};

enum err isakmp_notification_decode(struct bytes body, struct isakmp_notification *out) MUST_CHECK;
void isakmp_put_notification(
    struct isakmp_writer *chain, const struct isakmp_notification *notification);

/* Delete: RFC 2408 3.15. */

struct isakmp_delete {
	uint32_t doi;
	uint8_t protocol;
	uint8_t spi_size;
	uint16_t spi_count;
	struct bytes spis;
};

enum err isakmp_delete_decode(struct bytes body, struct isakmp_delete *out) MUST_CHECK;
void isakmp_put_delete(struct isakmp_writer *chain, const struct isakmp_delete *delete);
/* The SPI at index, which must be below spi_count. */
struct bytes isakmp_delete_spi(const struct isakmp_delete *delete, size_t index);

#endif
