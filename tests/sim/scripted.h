/*
 * A host with the engine, and a peer that says what a test wants: for what RFC 4430 demands of each
 * side, also towards peers that break its rules.
 */
#ifndef SIM_SCRIPTED_H
#define SIM_SCRIPTED_H

#include "peer.h"

#define SCRIPTED_HEARD_MAX 64

struct scripted {
	struct sim sim; /* the first member */
	uint64_t counts[SIM_COUNT];
	struct peer peer;
	/* What the engine sent since scripted_forget(), and when. */
	struct peer_message heard[SCRIPTED_HEARD_MAX];
	uint64_t heard_ms[SCRIPTED_HEARD_MAX];
	size_t heard_count;
	/* Of the latest that was opened. */
	struct kink_message message;
	struct kink_payloads inner;
	struct isakmp_chain chain; /* its first KINK_ISAKMP; empty when it has none */
};

/* What a CREATE of the peer, or its answer to one, has in it. */
struct scripted_create {
	uint32_t spi;
	/* Transforms of the one proposal; 0 ends them. */
	uint16_t key_bits[4];  /* AES-GCM with keys of that length */
	uint64_t life_seconds; /* 0: not said */
	uint64_t life_kilobytes;
	uint16_t encapsulation;   /* 0: transport */
	uint8_t transform_number; /* of the first; 0: 1 */
	bool no_nonce;
	struct bytes nonce; /* empty: a fixed one */
	struct bytes key_exchange;
	uint16_t group;
	uint16_t notification; /* one of this type; 0: none */
	uint8_t other_payload; /* one of this type; 0: none */
	bool cbc;              /* AES-CBC with SHA-1 in place of AES-GCM */
	uint8_t version;       /* of Quick Mode; 0: 1.0 */
};

/* profile: what is special about the hosts; the rest is filled in. */
struct scripted *scripted_open(struct sim_profile profile);
/* Fails the test when the simulation's rules were broken. */
void scripted_close(struct scripted *self);
struct sim_host *scripted_engine(struct scripted *self);

void scripted_run(struct scripted *self, uint64_t ms);
void scripted_forget(struct scripted *self);
/* From now on the peer, which has two_addresses, speaks and is met at the other one. */
void scripted_move(struct scripted *self);
/* peer.said goes to the engine, which has time to answer. */
void scripted_deliver(struct scripted *self);
/* Opens number i of what was heard; false when it is not there or not authentic. */
bool scripted_open_heard(struct scripted *self, size_t i);
/* The type of a Notification in it; 0 when there is none. */
uint16_t scripted_notification(const struct scripted *self, struct isakmp_notification *out);

struct bytes scripted_put_create(const struct scripted_create *create, struct writer *out);
struct bytes scripted_put_delete(uint32_t spi, struct writer *out);
struct bytes scripted_put_notification(uint16_t type, struct bytes data, struct writer *out);
/* The SPI that is proposed or chosen in what was opened; 0 for none. */
uint32_t scripted_spi(const struct scripted *self, struct isakmp_sa *sa);

/* The engine's SA with this SPI; NULL when there is none. */
const struct dataplane_sa *scripted_sa(
    struct scripted *self, uint32_t spi, enum ipsec_direction direction);

#endif
