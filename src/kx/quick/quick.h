/*
 * Quick Mode's rules on SA, nonce and identity payloads and its KEYMAT (RFC 2409 5.5, RFC 2407 4.5
 * and 4.6), shared by KINK and IKEv1: from the model to ISAKMP payloads and back.
 */
#ifndef KX_QUICK_QUICK_H
#define KX_QUICK_QUICK_H

#include "base/bytes.h"
#include "crypto/dh.h"
#include "policy/proposal.h"
#include "wire/isakmp.h"

/* RFC 2409 5: a nonce has between 8 and 256 octets. */
#define QUICK_NONCE_MIN  8
#define QUICK_NONCE_MAX  256
#define QUICK_NONCE_SIZE 32 /* of ours */

/* [g^xy |] protocol | SPI | Ni_b | Nr_b. */
#define QUICK_SEED_MAX        (DH_SECRET_MAX + 5 + 2 * QUICK_NONCE_MAX)
/* Where protocol and SPI stand in a seed without g^xy. */
#define QUICK_SEED_SPI_OFFSET 1

/* The IPsec DOI's protocol numbers (RFC 2407 4.4.1); ERR_UNSUPPORTED for others than these. */
uint8_t quick_protocol_number(enum ipsec_protocol protocol);
enum err quick_protocol_decode(uint8_t number, enum ipsec_protocol *out) MUST_CHECK;
/* An SPI, or IPComp's CPI, as it stands in payloads; returns its octets. */
size_t quick_spi_encode(enum ipsec_protocol protocol, uint32_t spi, uint8_t out[4]);
enum err quick_spi_decode(enum ipsec_protocol protocol, struct bytes spi, uint32_t *out) MUST_CHECK;

/* Leaves out the choices that phase 2 of ISAKMP has no numbers for. */
void quick_narrow_offer(struct offer *offer);

/*
 * An SA payload with every choice of the offer that phase 2 of ISAKMP has numbers for, in its
 * order. ERR_UNSUPPORTED when none is left.
 */
enum err quick_put_offer(struct isakmp_writer *chain, const struct offer *offer) MUST_CHECK;

/*
 * The chain's one SA payload as an offer. Choices that are well-formed but not known here are left
 * out; *first_known tells whether the optimistic one, the first transform of the first proposal
 * (RFC 4430 3.2), is among those kept. On failure *notify is what to tell the peer.
 */
enum err quick_get_offer(const struct isakmp_chain *chain, struct offer *out, bool *first_known,
    enum notify_type *notify) MUST_CHECK;

/* The chain's nonce; an empty view when it has none. ERR_INVALID for one of a forbidden size. */
enum err quick_get_nonce(const struct isakmp_chain *chain, struct bytes *out) MUST_CHECK;

/* The chain's KE payload; an empty view when it has none. ERR_INVALID when it is empty. */
enum err quick_get_key_exchange(const struct isakmp_chain *chain, struct bytes *out) MUST_CHECK;

/*
 * IDci and IDcr for a selector of ours, as the initiator or the responder of the exchange. Nothing
 * is written when the selector is all traffic between these two hosts, which their absence means.
 */
void quick_put_identities(struct isakmp_writer *chain, const struct selector *selector,
    const struct address *local, const struct address *remote, bool initiator);
/*
 * The selector, seen from this host, that the peer's IDci and IDcr name. ERR_UNSUPPORTED for ID
 * types other than RFC 4430 5.3's; ERR_INVALID when they are malformed or contradict each other.
 */
enum err quick_get_identities(const struct isakmp_chain *chain, const struct address *local,
    const struct address *remote, bool initiator, struct selector *out) MUST_CHECK;

/* What all keys of one Quick Mode come from, but for the SA itself (RFC 2409 5.5, RFC 4430 7). */
struct quick_inputs {
	struct bytes secret; /* g^xy; empty without a key exchange */
	struct bytes ni;
	struct bytes nr; /* may be empty */
};

/* What KEYMAT of the SA with this SPI is derived from. */
void quick_put_seed(struct writer *out, enum ipsec_protocol protocol, uint32_t spi,
    const struct quick_inputs *inputs);

/* A Delete payload for one SPI, and a Notification payload for the IPsec DOI. */
void quick_put_delete(
    struct isakmp_writer *chain, enum ipsec_protocol protocol, const uint32_t *spis, size_t count);
void quick_put_notification(struct isakmp_writer *chain, enum notify_type type,
    enum ipsec_protocol protocol, uint32_t spi, struct bytes data);

/* The first notification of an error type (RFC 4430 5.5); 0 when there is none. */
uint16_t quick_find_error(const struct isakmp_chain *chain);
/* Whether that error says that the responder knows no key exchange (RFC 4430 3.2). */
bool quick_refuses_key_exchange(const struct isakmp_chain *chain);

#endif
