/*
 * The words of IPsec that every seam shares: protocols, modes, algorithms, selectors, lifetimes.
 * Algorithms are named here independently of any wire format; each format keeps its own table
 * from these names to its numbers.
 */
#ifndef KINKD_IPSEC_H
#define KINKD_IPSEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

/* IP protocol numbers of the IPsec protocols. */
enum ipsec_protocol { IPSEC_ESP = 50, IPSEC_AH = 51, IPSEC_IPCOMP = 108 };

/* UDP port of ESP through NATs (RFC 3948 2.1). */
#define IPSEC_ENCAPSULATION_PORT 4500

enum ipsec_mode { IPSEC_TRANSPORT, IPSEC_TUNNEL };

/* Seen from this host. */
enum ipsec_direction { IPSEC_IN, IPSEC_OUT };

enum encryption {
	ENCRYPTION_NONE, /* AH and IPComp have none */
	ENCRYPTION_NULL, /* RFC 2410 */
	ENCRYPTION_AES_CBC,
	ENCRYPTION_AES_GCM_16, /* RFC 4106, 16-octet ICV */
	ENCRYPTION_CHACHA20_POLY1305,
	ENCRYPTION_3DES_CBC, /* of ISAKMP's own messages only */
	ENCRYPTION_COUNT
};

enum integrity {
	INTEGRITY_NONE, /* an AEAD brings its own */
	INTEGRITY_HMAC_SHA1_96,
	INTEGRITY_HMAC_SHA2_256_128,
	INTEGRITY_HMAC_SHA2_384_192,
	INTEGRITY_HMAC_SHA2_512_256,
	INTEGRITY_COUNT
};

/* Diffie-Hellman groups by their IANA number, which all of IKEv1, IKEv2 and KINK share. */
enum dh_group {
	DH_NONE = 0,
	DH_MODP_1024 = 2, /* weak, as is the next: for old peers of IKE */
	DH_MODP_1536 = 5,
	DH_MODP_2048 = 14,
	DH_MODP_3072 = 15,
	DH_MODP_4096 = 16,
	DH_ECP_256 = 19,
	DH_ECP_384 = 20,
	DH_ECP_521 = 21,
	DH_CURVE25519 = 31
};

/* What one SA does to a packet. */
struct suite {
	enum ipsec_protocol protocol;
	enum encryption encryption;
	uint16_t key_bits; /* of the cipher; 0 where the algorithm fixes it */
	enum integrity integrity;
	bool esn; /* sequence numbers of 64 bits (RFC 4303 2.2.1) */
};

/* 0 means no such limit. */
struct lifetime {
	uint64_t bytes;
	uint32_t seconds;
};

struct port_range {
	uint16_t first;
	uint16_t last;
};

#define PORT_ANY ((struct port_range){0, 65535})

/* RFC 4301 4.4.1.1, seen from this host. */
struct selector {
	struct address_range local;
	struct address_range remote;
	struct port_range local_ports;
	struct port_range remote_ports;
	uint8_t protocol; /* IP protocol number; 0 means any */
};

/*
 * Which packets, by the mark that a firewall or an application gave them: those of which the bits
 * under the mask are the value. A mask of 0: all.
 */
struct packet_mark {
	uint32_t value;
	uint32_t mask;
};

/* What a network card does for SAs. */
enum offload {
	OFFLOAD_OFF,
	OFFLOAD_CRYPTO, /* encryption and integrity */
	OFFLOAD_PACKET  /* all of IPsec, policies too */
};

/* The most key material that one SA of any suite needs: AES-256 and HMAC-SHA2-512. */
#define SA_KEY_MAX 96

#endif
