/*
 * The SAD (RFC 4301 4.4.2): the pairs of SAs in force, their states, lifetimes and deletion. It
 * knows nothing of how keys were agreed. It gives orders to the data plane through the host and
 * tells its listener what became of them.
 *
 * KINK knows no half-open SAs (RFC 4430 3.3), so the unit is a pair: one SA in each direction with
 * one peer, made by one negotiation.
 */
#ifndef SA_SAD_H
#define SA_SAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slots.h"
#include "base/table.h"
#include "base/timers.h"
#include "crypto/algorithms.h"
#include "kinkd/host.h"
#include "kinkd/ipsec.h"

enum sa_state {
	SA_LARVAL,      /* being negotiated; the inbound SA may be in already */
	SA_ESTABLISHED, /* both directions carry traffic */
	/* Not to be used outbound any more, though it may be until there is another; the inbound SA
	   lives through the grace time. */
	SA_DELETING
};

struct sa_peer;

/* What one protocol does for a pair; several are a bundle (RFC 4301 4.1, RFC 2401 4.3). */
struct sa_part {
	struct sa_pair *pair;
	struct suite suite;
	uint32_t spi_in;  /* 0 until reserved */
	uint32_t spi_out; /* 0 until known */

	/* The SAD's own. */
	struct sa_key {
		struct address destination;
		uint32_t spi;
		enum ipsec_protocol protocol;
	} key_in, key_out;
	UT_hash_handle by_spi_in;
	UT_hash_handle by_spi_out;
};

/* Read by others; written by the SAD alone, but for what sad_add() was given. */
struct sa_pair {
	uint64_t handle;
	enum sa_state state;
	struct address local;
	struct address remote;
	enum ipsec_mode mode;
	struct selector selector;
	struct lifetime lifetime; /* hard limits */
	/* A hard limit of this host alone, which the peer is not told; 0: none. */
	uint64_t packet_limit;
	uint32_t policy_id;
	uint8_t exchange; /* which method made it: enum exchange */
	bool initiator;   /* we made it, so we rekey it (RFC 4430 3.6) */
	/* The initiator wanted it to live longer. It was told (RFC 2407 4.6.3.1), which not every
	   one heeds: if it makes no successor in time, we do. */
	bool lifetime_lowered;
	/* UDP encapsulation, where a NAT is between (RFC 3948). */
	struct sa_encapsulation {
		uint16_t remote_port; /* the peer's, as it was last seen; 0: no encapsulation */
		bool behind_nat;      /* this host is */
	} encapsulation;
	uint64_t created_ms;
	uint64_t rekey_ms;  /* 0: not ours to rekey */
	uint64_t expire_ms; /* 0: never */
	struct sa_peer *peer;
	struct sa_pair *peer_next, *peer_previous; /* the peer's list */

	/* For the room above, which looks whether its peer is alive: packets at the last look, and
	   whether any had left since the one before. */
	uint64_t seen_in, seen_out;
	bool busy;

	/* For whoever negotiates it; 0 when nobody does any more. */
	uint64_t owner;
	/* For the room above, which finds the pairs of one connection by it. */
	void *connection;
	struct sa_pair *connection_next, *connection_previous;

	/* The SAD's own. */
	uint8_t reserving; /* parts whose SPI is asked for */
	bool doomed;       /* to go as soon as its SPIs are known */
	bool retired;      /* only the grace time keeps it */
	bool lost;         /* by the peer, to whom its SPI may be another SA's */
	bool installed_in;
	bool installed_out;
	uint8_t installing;
	enum err trouble_code; /* the first, while a reservation or installation goes on */
	struct problem *trouble;
	struct timer timer;
	uint32_t bundle; /* the data plane's; 0 for a single part */

	uint8_t part_count;
	struct sa_part parts[]; /* innermost first */
};

/* The part that people know the pair by: the innermost that is more than compression. */
static inline const struct sa_part *sa_primary(const struct sa_pair *pair)
{
	return &pair->parts[pair->parts[0].suite.protocol == IPSEC_IPCOMP && pair->part_count > 1];
}

/* Its suites for people, "deflate, aes256gcm16, ah-sha256"; empty while nothing is agreed. */
#define SA_SUITES_TEXT_SIZE (BUNDLE_MAX * SUITE_TEXT_SIZE)
const char *sa_suites_format(const struct sa_pair *pair, char text[SA_SUITES_TEXT_SIZE]);

/* Events; each may call back into the SAD. */
struct sad_listener {
	void *self;
	/* The inbound SPIs are there, or could not be had: then the pair is still to be removed. */
	void (*reserved)(void *self, struct sa_pair *pair, const struct problem *problem);
	/* All that sad_install() asked for so far is in, or something failed. */
	void (*installed)(void *self, struct sa_pair *pair, const struct problem *problem);
	/* A soft limit: time to make a successor. Comes once per pair. */
	void (*rekey)(void *self, struct sa_pair *pair);
	/* Only the grace time keeps it from now on. */
	void (*retired)(void *self, struct sa_pair *pair);
	/* Its memory goes when this returns. */
	void (*removed)(void *self, struct sa_pair *pair);
};

struct sad_settings {
	uint32_t max_pairs;
	uint32_t replay_window;
	uint32_t delete_grace_ms;
	uint32_t retransmit_cycle_ms; /* T-retrans of RFC 4430 3.6 */
};

struct sad;

enum err sad_create(const struct host *host, struct timers *timers,
    const struct sad_settings *settings, const struct sad_listener *listener,
    struct sad **out) MUST_CHECK;
/* Forgets all pairs without a word to the data plane or the listener. */
void sad_destroy(struct sad *sad);

/*
 * A larval pair with what `model` says of addresses, mode, policy, exchange and role, and a part
 * for each of the protocols, innermost first; ERR_LIMIT when the SAD is full. Its inbound SPIs are
 * asked for at once.
 */
enum err sad_add(struct sad *sad, const struct sa_pair *model, const enum ipsec_protocol *protocols,
    size_t count, struct sa_pair **out) MUST_CHECK;

/* What was agreed, a suite for each part; before sad_install(). */
void sad_agree(struct sa_pair *pair, const struct suite *suites, const struct lifetime *lifetime);
/* The same: packets of the pair, whose outermost part is ESP, go in UDP. */
void sad_encapsulate(struct sa_pair *pair, uint16_t remote_port, bool behind_nat);
/* Whether a pair with this host has the SPI, other than one that the peer has lost. */
bool sad_has_spi_out(const struct sad *sad, const struct address *remote,
    enum ipsec_protocol protocol, uint32_t spi);
/*
 * The peer's inbound SPI of a part; ERR_EXISTS when a pair with this peer has it already. One that
 * the peer has lost is removed.
 */
enum err sad_set_spi_out(struct sad *sad, struct sa_part *part, uint32_t spi) MUST_CHECK;
/*
 * Installs one direction, with a key for each part; they are copied and wiped by the data plane.
 * Inbound SAs that are in already are replaced (RFC 4430 3.2).
 */
void sad_install(struct sad *sad, struct sa_pair *pair, enum ipsec_direction direction,
    const struct bytes *keys);
/* Both directions are in: lifetimes start. Nobody owns the pair any more. */
void sad_establish(struct sad *sad, struct sa_pair *pair);

/* The outbound SA goes now, the inbound one stays (RFC 4430 3.3, the DELETE's initiator). */
void sad_close_outbound(struct sad *sad, struct sa_pair *pair);
/* The inbound SAs go now, and their SPIs with them. */
void sad_close_inbound(struct sad *sad, struct sa_pair *pair);
/* Outbound now, inbound after the grace time. */
void sad_retire(struct sad *sad, struct sa_pair *pair);
/*
 * The peer has lost it. Both after the grace time; outbound before, by sad_close_outbound(), once
 * it has a successor.
 */
void sad_lapse(struct sad *sad, struct sa_pair *pair);
/* Both directions now. */
void sad_remove(struct sad *sad, struct sa_pair *pair);

/* Asks the data plane for the counters of one direction; its completion has this token. */
void sad_query(
    struct sad *sad, const struct sa_pair *pair, enum ipsec_direction direction, uint64_t token);

struct sa_pair *sad_by_handle(const struct sad *sad, uint64_t handle);
struct sa_pair *sad_by_spi_in(
    const struct sad *sad, const struct address *local, enum ipsec_protocol protocol, uint32_t spi);
struct sa_pair *sad_by_spi_out(const struct sad *sad, const struct address *remote,
    enum ipsec_protocol protocol, uint32_t spi);
/* Walks all pairs: start with *cursor = 0. Removing the pair just given is safe. */
struct sa_pair *sad_next(const struct sad *sad, uint32_t *cursor);
size_t sad_count(const struct sad *sad);
/* Pairs that are not just waiting for their grace time to end. */
size_t sad_active_count(const struct sad *sad);

/* Events for the SAD. */
void sad_dataplane_done(struct sad *sad, const struct dataplane_completion *completion);
void sad_expired(struct sad *sad, const struct dataplane_expiry *expiry);
/* The pair that it is about; NULL when there is none. */
struct sa_pair *sad_of_expiry(const struct sad *sad, const struct dataplane_expiry *expiry);
/*
 * The pair that follows its peer to another port, NULL when none does: it must be encapsulated, the
 * address the peer's still, and this host not behind a NAT itself (RFC 3947 7).
 */
struct sa_pair *sad_moved(struct sad *sad, const struct dataplane_move *move);

/* Bits that a data-plane token carries beside the SAD's own; see TOKEN_OWNER in kx/kx.h. */
#define SAD_TOKEN_OWNER 1

#endif
