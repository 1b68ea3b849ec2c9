/*
 * Selectors across a NAT; and what KINK lacks to cross one: RFC 3947's detection and original
 * addresses, inside a CREATE and its REPLY, between two peers that know this extension of kinkd.
 * See nat.c.
 */
#ifndef KX_QUICK_NAT_H
#define KX_QUICK_NAT_H

#include "base/address.h"
#include "base/bytes.h"
#include "kinkd/ipsec.h"
#include "wire/isakmp.h"

/* The ends of an exchange as one of them sees them, and what makes its hashes unlike all others. */
struct quick_ends {
	struct endpoint local;
	struct endpoint remote;
	struct bytes nonce; /* Ni */
};

/* Where the NATs are, as far as one end can tell. */
struct quick_nat {
	bool known;             /* the peer knows the extension */
	bool local;             /* between this host and the public network */
	bool remote;            /* between that and the peer */
	bool agreed;            /* initiator: the peer has decided for encapsulation */
	struct address outside; /* initiator, transport mode: our address as the peer sees it */
};

/*
 * In transport mode identities are the hosts' own addresses, which count for nothing on the other
 * side of a NAT: a selector gets the addresses by which the hosts know each other here.
 */
void quick_translate(struct selector *selector, const struct address *local,
    const struct address *remote, const struct quick_nat *nat);

/* The notification of a CREATE: that we know the extension, and how we see the ends. */
enum err quick_put_nat_notification(
    struct isakmp_writer *chain, const struct quick_ends *ends) MUST_CHECK;
/* ERR_INVALID when the peer's notification is malformed. Without one nothing is known. */
enum err quick_get_nat_notification(const struct isakmp_chain *chain, const struct quick_ends *ends,
    struct quick_nat *out) MUST_CHECK;

/* What a REPLY says: that we know it too and, with a NAT in between, NAT-D and NAT-OA. */
enum err quick_put_nat_answer(struct isakmp_writer *chain, const struct quick_ends *ends,
    enum ipsec_mode mode, const struct quick_nat *nat) MUST_CHECK;
/* ERR_INVALID when it is malformed, or comes without the notification. */
enum err quick_get_nat_answer(const struct isakmp_chain *chain, const struct quick_ends *ends,
    enum ipsec_mode mode, struct quick_nat *out) MUST_CHECK;

#endif
