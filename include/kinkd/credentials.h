/*
 * The seam for work with keys and certificates: signatures, public-key encryption, and whether a
 * peer's certificate may be believed. It takes too long for the engine's own thread, and private
 * keys stay on the other side. The engine asks; the answer comes later as a completion with the
 * same token. Requests and completions are flat: whoever receives one copies what it keeps before
 * returning.
 *
 * Our key with its certificates, whom to trust and what is revoked make a set. There is one for
 * each peer entry that uses certificates, and it has that entry's name.
 */
#ifndef KINKD_CREDENTIALS_H
#define KINKD_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "kinkd/ike.h"

enum credentials_operation {
	/* What of the set is no secret. Gives certificates, authorities, identity, scheme. */
	CREDENTIALS_DESCRIBE,
	/* A signature of `hash` with our key. Gives signature, certificates. */
	CREDENTIALS_SIGN,
	/*
	 * Whether `signature` of `hash` was made with the key of whichever of `certificates` is for
	 * `identity` (RFC 4945 3.1), or else of the set's peer certificate for it; and whether that
	 * one leads to a trust anchor, is valid now, for this use, and not revoked. Gives subject.
	 */
	CREDENTIALS_VERIFY,
	/*
	 * Encrypts each of `parts` to the peer `identity`: to the set's peer certificate for it, or
	 * else to that of `certificates`, which must be good as with VERIFY. When neither has one,
	 * any of the set's serves: what comes of that cannot be read by who claimed to be the peer.
	 * Gives parts, certificates (that one), subject, matched. Without parts it only finds out.
	 */
	CREDENTIALS_ENCRYPT,
	/*
	 * Decrypts each of `parts` with our key. What does not decrypt, or to fewer or more octets
	 * than part_min and part_max, gives others, the same each time, that nobody can foresee:
	 * neither the completion nor the time it takes tells (implicit rejection). Gives parts,
	 * certificates.
	 */
	CREDENTIALS_DECRYPT
};

/* What a signature is made with. */
enum credentials_scheme {
	CREDENTIALS_NO_SCHEME, /* DESCRIBE: no key, or one that is good for nothing here */
	CREDENTIALS_RSA_BARE,  /* PKCS #1 block type 1 around the hash alone: RFC 2409 5.1 */
	CREDENTIALS_ECDSA_256, /* P-256, r and s of fixed length: RFC 4754 7 */
	CREDENTIALS_ECDSA_384,
	CREDENTIALS_ECDSA_521
};

/* How much to make of lists of revoked certificates. */
enum credentials_crl_policy {
	CREDENTIALS_CRL_OFF,        /* none is looked at */
	CREDENTIALS_CRL_IF_PRESENT, /* an issuer whose list is not there, or too old, has revoked
	                               nothing more */
	CREDENTIALS_CRL_REQUIRE     /* each issuer must have a list that is not too old */
};

#define CREDENTIALS_CERTIFICATES_MAX 8
#define CREDENTIALS_AUTHORITIES_MAX  16
#define CREDENTIALS_PARTS_MAX        2
#define CREDENTIALS_HASH_MAX         64
#define CREDENTIALS_RSA_BITS_MIN     2048
#define CREDENTIALS_RSA_BITS_MAX     8192
#define CREDENTIALS_SIGNATURE_MAX    (CREDENTIALS_RSA_BITS_MAX / 8)

/* All pointers are borrowed until submit returns. */
struct credentials_request {
	enum credentials_operation operation;
	uint64_t token;
	const char *set;                /* the peer entry's name */
	int64_t now;                    /* POSIX time */
	enum credentials_scheme scheme; /* SIGN, VERIFY */
	struct bytes hash;              /* SIGN, VERIFY: at most CREDENTIALS_HASH_MAX */
	struct bytes signature;         /* VERIFY: as it came */
	struct ike_identity identity;   /* VERIFY, ENCRYPT; DESCRIBE: ours, if the file says it */
	uint8_t certificate_count;
	struct bytes certificates[CREDENTIALS_CERTIFICATES_MAX]; /* DER, as they came */
	uint8_t part_count;
	struct bytes parts[CREDENTIALS_PARTS_MAX]; /* ENCRYPT: secret */
	uint16_t part_min[CREDENTIALS_PARTS_MAX];  /* DECRYPT; no more than fits the key counts */
	uint16_t part_max[CREDENTIALS_PARTS_MAX];
};

/* All pointers are borrowed until the completion handler returns. */
struct credentials_completion {
	enum credentials_operation operation;
	uint64_t token;
	/*
	 * ERR_OK; ERR_AUTH (the signature does not verify, or the certificate is not for this
	 * identity, not trusted or not for this use), ERR_EXPIRED (not valid yet or any more),
	 * ERR_DENIED (revoked), ERR_UNAVAILABLE (a list of revoked certificates is wanted and
	 * missing), ERR_NOT_FOUND (no such set, no key in it, no certificate of the peer),
	 * ERR_INVALID (it cannot be read), ERR_UNSUPPORTED (a key of another kind or size),
	 * ERR_TOO_LONG (ENCRYPT: more than fits the key), ERR_NO_MEMORY, ERR_SYSTEM. The text
	 * names the certificate and says why. Only for our own log: peers learn less.
	 */
	struct problem problem;
	enum credentials_scheme scheme; /* DESCRIBE: what our key is good for */
	struct bytes signature;
	uint8_t certificate_count;
	/* Our own first, then those that lead to the root, which is left out. */
	struct bytes certificates[CREDENTIALS_CERTIFICATES_MAX];
	uint8_t authority_count;
	struct bytes authorities[CREDENTIALS_AUTHORITIES_MAX]; /* trust anchors: DER of names */
	/* DESCRIBE: what our certificate says of us first. If the request has the name of its
	 * subject, that one, octet by octet as the certificate has it (RFC 4945 3.1.5). */
	struct ike_identity identity;
	const char *subject; /* of the peer's certificate */
	/* ENCRYPT: that certificate is for the identity; VERIFY: and the signature is of its key,
	 * whatever there is to say against it. */
	bool matched;
	uint8_t part_count;
	struct bytes parts[CREDENTIALS_PARTS_MAX]; /* DECRYPT: secret */
};

#endif
