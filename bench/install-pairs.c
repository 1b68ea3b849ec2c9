/*
 * What it costs to have a data plane install pairs of SAs, each with its policy, and remove them:
 *
 *     install-pairs COUNT BATCH
 *
 * COUNT pairs stand before anything is measured; then so many more are installed and removed as
 * take a while, BATCH requests at a time, and the time for each pair is printed in microseconds: of
 * installing, then of removing, in the shortest of the rounds. It is the CPU's, the kernel's part
 * included, where nothing else runs: netlink answers at once. (CPU clocks of User Mode Linux count
 * in hundredths of a second.) Removes all that it made.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/algorithms.h"
#include "kinkd/dataplane.h"

/* Measured in rounds of so many pairs, each a batch or several. */
#define ROUND  100
#define ROUNDS 20

/* The kernel looks at each SA's limits one second after it came, which is not to be measured. */
#define SETTLE_SECONDS 3

struct bench {
	struct dataplane *dataplane;
	unsigned long batch;
	unsigned long queued;
	unsigned long failures;
	char problem[sizeof(((struct problem *)NULL)->text)];
};

static void on_completed(void *self, const struct dataplane_completion *completion)
{
	struct bench *bench = self;

	if (completion->problem.code == ERR_OK)
		return;
	bench->failures++;
	(void)snprintf(bench->problem, sizeof(bench->problem), "%s", completion->problem.text);
}

static void on_acquire(void *self, const struct dataplane_flow *flow)
{
	(void)self;
	(void)flow;
}

static void on_expired(void *self, const struct dataplane_expiry *expiry)
{
	(void)self;
	(void)expiry;
}

static void on_failed(void *self, const struct problem *problem)
{
	(void)self;
	fprintf(stderr, "install-pairs: %s\n", problem->text);
	exit(1);
}

static struct address peer_of(unsigned long number)
{
	return (struct address){.family = 4,
	    .octets = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static struct selector selector_of(const struct address *here, const struct address *peer)
{
	return (struct selector){.local = {*here, *here},
	    .remote = {*peer, *peer},
	    .local_ports = PORT_ANY,
	    .remote_ports = PORT_ANY};
}

static void ask(struct bench *bench, const struct dataplane_request *request)
{
	dataplane_xfrm.submit(bench->dataplane, request);
	if (++bench->queued % bench->batch == 0)
		dataplane_xfrm.flush(bench->dataplane);
}

/* The three requests that one pair takes, to install or to remove it. */
static void change_pair(struct bench *bench, unsigned long number, bool install)
{
	const struct address here = {.family = 4, .octets = {192, 0, 2, 1}};
	const struct address peer = peer_of(number);
	struct dataplane_request policy = {
	    .operation = install ? DATAPLANE_ADD_POLICY : DATAPLANE_DELETE_POLICY,
	    .policy = {.id = (uint32_t)number,
		.priority = (uint32_t)number,
		.action = POLICY_REQUIRE,
		.selector = selector_of(&here, &peer)}};
	struct dataplane_request sa = {
	    .operation = install ? DATAPLANE_ADD_SA : DATAPLANE_DELETE_SA,
	    .sa = {.suite = {.protocol = IPSEC_ESP,
		       .encryption = ENCRYPTION_AES_GCM_16,
		       .key_bits = 256},
		.mode = IPSEC_TRANSPORT,
		.policy_id = (uint32_t)number,
		.selector = policy.policy.selector,
		.replay_window = 1024,
		.hard_seconds = 28800}};

	sa.sa.key_len = (uint16_t)suite_key_length(&sa.sa.suite);
	memset(sa.sa.key, (int)number, sa.sa.key_len);
	if (install)
		ask(bench, &policy);
	for (unsigned direction = IPSEC_IN; direction <= IPSEC_OUT; direction++) {
		sa.sa.direction = (enum ipsec_direction)direction;
		sa.sa.source = direction == IPSEC_OUT ? here : peer;
		sa.sa.destination = direction == IPSEC_OUT ? peer : here;
		sa.sa.spi = (uint32_t)(0x10000 + 2 * number + direction);
		ask(bench, &sa);
	}
	if (!install)
		ask(bench, &policy);
}

static void change_pairs(
    struct bench *bench, unsigned long first, unsigned long count, bool install)
{
	for (unsigned long number = first; number < first + count; number++)
		change_pair(bench, number, install);
	dataplane_xfrm.flush(bench->dataplane);
}

static double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return 1e6 * (double)now.tv_sec + (double)now.tv_nsec / 1e3;
}

static double shorter(double one, double other)
{
	return one < other ? one : other;
}

int main(int argc, char **argv)
{
	struct bench bench = {.batch = argc > 2 ? strtoul(argv[2], NULL, 10) : 0};
	unsigned long held = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	const struct dataplane_listener listener = {.self = &bench,
	    .completed = on_completed,
	    .acquire = on_acquire,
	    .expired = on_expired,
	    .failed = on_failed};
	const struct dataplane_settings settings = {.encapsulation_sockets = {-1, -1}};
	struct problem problem;
	double install = INFINITY;
	double removal = INFINITY;

	if (bench.batch == 0)
		return 2;
	if (dataplane_xfrm.open(&settings, &listener, NULL, &bench.dataplane, &problem) != ERR_OK) {
		fprintf(stderr, "install-pairs: %s\n", problem.text);
		return 1;
	}
	change_pairs(&bench, 1, held, true);
	(void)sleep(SETTLE_SECONDS);
	for (int round = 0; round < ROUNDS && bench.failures == 0; round++) {
		double before = now_us();
		double between;

		change_pairs(&bench, held + 1, ROUND, true);
		between = now_us();
		change_pairs(&bench, held + 1, ROUND, false);
		install = shorter(install, between - before);
		removal = shorter(removal, now_us() - between);
	}
	dataplane_xfrm.close(bench.dataplane);
	if (bench.failures > 0) {
		fprintf(stderr, "install-pairs: %lu requests failed: %s\n", bench.failures,
		    bench.problem);
		return 1;
	}
	printf("%.1f %.1f\n", install / ROUND, removal / ROUND);
	return 0;
}
