/* An engine by itself, with one peer, whose host notes what it is asked for. */
#ifndef KINKD_TESTS_UNIT_ENGINE_H
#define KINKD_TESTS_UNIT_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include <kinkd/host.h>
#include "base/log.h"

struct ikev1_cookies;
struct ikev1_quick;
struct ikev1_sa;
struct ikev1_step;
struct kx;
struct policy;

struct world {
	struct host host;
	struct log log;
	struct policy *policy;
	struct kx *kx;
	uint64_t now_ms;
	uint64_t random;
	size_t agreements;
	size_t sent;
	uint8_t octets[2048]; /* the last datagram sent */
	size_t length;
	struct ikev1_sa *sa; /* world_setup() makes it */
};

/* With a configuration file of this text. world_close() frees it. */
struct world *world_open(const char *file);
void world_close(struct world *world);
/* One that speaks IKEv1 and has an ISAKMP SA with 192.0.2.7, whose keys the test has, too. */
int world_setup(void **state);
int world_teardown(void **state);
/* Another ISAKMP SA of these cookies, with that host. */
struct ikev1_sa *world_add_sa(
    struct world *world, const char *remote, const struct ikev1_cookies *cookies);
/* A Quick Mode under world->sa that has come to these steps. */
struct ikev1_quick *world_add_quick(
    struct world *world, uint32_t message_id, const struct ikev1_step *steps);
/* A datagram comes from the other end of world->sa. `sent` is counted anew. */
void world_deliver(struct world *world, struct bytes octets);

#endif
