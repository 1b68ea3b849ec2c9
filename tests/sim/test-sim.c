/*
 * Runs the simulation over many seeds, in two processes, and says what happened in them.
 *
 *	test-sim [--first N] [--seeds COUNT]
 *	test-sim --seed N [--verbose]
 *
 * SIM_SEEDS in the environment stands for --seeds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "realm.h"
#include "sim.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define SLOW_BUILD 1
#endif
#endif
#ifdef SLOW_BUILD
#define SEEDS_DEFAULT 1000
#else
#define SEEDS_DEFAULT 10000
#endif

#define PROCESSES    2
#define REPEATED     10 /* of a range, run twice: the same seed must give the same */
#define FAILURES_MAX 10 /* then a process gives up */

struct result {
	uint64_t counts[SIM_COUNT];
	uint64_t failures;
};

static const char *const count_names[SIM_ENGINE] = {
    [SIM_RUNS] = "runs",
    [SIM_STRICT_RUNS] = "runs without excuse",
    [SIM_SENT] = "datagrams sent",
    [SIM_DROPPED] = "dropped",
    [SIM_DUPLICATED] = "duplicated",
    [SIM_REORDERED] = "reordered",
    [SIM_CORRUPTED] = "corrupted",
    [SIM_REPLAYED] = "replayed",
    [SIM_INJECTED] = "forged",
    [SIM_ACQUIRES] = "acquires",
    [SIM_FLOWS_FAILED] = "flows given up",
    [SIM_INITIATES] = "initiate commands",
    [SIM_TERMINATES] = "terminate commands",
    [SIM_PROBES_ALIVE] = "probes: alive",
    [SIM_PROBES_RESTARTED] = "probes: restarted",
    [SIM_PROBES_SILENT] = "probes: no answer",
    [SIM_PROBES_FAILED] = "probes: not asked",
    [SIM_PACKETS] = "packets",
    [SIM_PACKETS_LOST] = "packets for a lost SA",
    [SIM_UNREACHABLES] = "ICMP errors",
    [SIM_EXPIRIES] = "expiries",
    [SIM_CRASHES] = "crashes",
    [SIM_SHUTDOWNS] = "shutdowns",
    [SIM_SKEWS] = "clock changes",
    [SIM_KDC_OUTAGES] = "KDC outages",
    [SIM_CLOCKS_CORRECTED] = "peers' clocks taken over",
    [SIM_TICKETS_REJECTED] = "tickets that peers reject",
    [SIM_USER_TO_USER] = "user-to-user sessions",
    [SIM_TGTS_GIVEN] = "own tickets given",
    [SIM_TGTS_REPLACED] = "own tickets lost",
    [SIM_KERBEROS_LIMITED] = "Kerberos too busy",
    [SIM_KERBEROS_REFUSED] = "Kerberos errors",
    [SIM_PLANE_FAILURES] = "data plane failures",
    [SIM_SAS_COMPARED] = "SAs compared",
    [SIM_UNCONFIRMED] = "deletions unconfirmed",
    [SIM_CONNECTED] = "SAs that waited for CONNECTED",
};

static const char *count_name(size_t count)
{
	return count < SIM_ENGINE ? count_names[count]
	                          : kx_counter_name((enum kx_counter)(count - SIM_ENGINE));
}

static uint64_t run_seed(uint64_t seed, bool verbose, struct result *result)
{
	struct sim *sim = sim_alloc(sizeof(*sim));
	uint64_t digest;

	sim->verbose = verbose;
	if (!sim_run(sim, &sim_standin, seed, result->counts)) {
		result->failures++;
		printf("seed %llu: %s; replay with: test-sim --seed %llu --verbose\n",
		    (unsigned long long)seed, sim->failure, (unsigned long long)seed);
		(void)fflush(stdout);
	}
	digest = sim->digest;
	free(sim);
	return digest;
}

static void run_range(uint64_t first, uint64_t count, struct result *result)
{
	for (uint64_t i = 0; i < count && result->failures < FAILURES_MAX; i++) {
		uint64_t digest = run_seed(first + i, false, result);
		struct result again = {0};

		if (i < REPEATED && run_seed(first + i, false, &again) != digest) {
			result->failures++;
			printf(
			    "seed %llu: two runs of it differ\n", (unsigned long long)(first + i));
		}
	}
}

/* Each process has every PROCESSES-th part of the range and writes what came of it to a pipe. */
static bool run_all(uint64_t first, uint64_t count, struct result *total)
{
	int pipes[PROCESSES][2];
	pid_t children[PROCESSES];
	bool whole = true;

	(void)fflush(stdout);
	for (uint64_t i = 0; i < PROCESSES; i++) {
		if (pipe(pipes[i]) != 0 || (children[i] = fork()) < 0) {
			perror("test-sim");
			return false;
		}
		if (children[i] == 0) {
			uint64_t from = count * i / PROCESSES;
			struct result result = {0};
			ssize_t written;

			run_range(first + from, count * (i + 1) / PROCESSES - from, &result);
			written = write(pipes[i][1], &result, sizeof(result));
			/* By exit(), so that leaks are looked for. */
			exit(written == (ssize_t)sizeof(result) ? 0 : 1);
		}
		(void)close(pipes[i][1]);
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		struct result result;
		int status;

		if (read(pipes[i][0], &result, sizeof(result)) == (ssize_t)sizeof(result)) {
			for (size_t j = 0; j < SIM_COUNT; j++)
				total->counts[j] += result.counts[j];
			total->failures += result.failures;
		} else {
			whole = false;
		}
		if (waitpid(children[i], &status, 0) != children[i] || status != 0)
			whole = false;
		(void)close(pipes[i][0]);
	}
	if (!whole)
		printf("a process of the simulation ended before its time\n");
	return whole;
}

/* Every sort of trouble, and of success, must have occurred: else the runs prove nothing. */
static bool is_telling(const struct result *result)
{
	bool telling = true;

	for (size_t i = 0; i < SIM_COUNT; i++) {
		if (result->counts[i] == 0) {
			printf("nothing was seen of: %s\n", count_name(i));
			telling = false;
		}
	}
	return telling;
}

static void print_counts(const struct result *result)
{
	for (size_t i = 0; i < SIM_COUNT; i++)
		printf("%24s %llu\n", count_name(i), (unsigned long long)result->counts[i]);
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text != NULL ? text : "", &end, 10);

	if (text == NULL || *text == '\0' || *end != '\0') {
		(void)fprintf(
		    stderr, "test-sim: a number is needed, not \"%s\"\n", text != NULL ? text : "");
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	const char *seeds = getenv("SIM_SEEDS");
	uint64_t count = seeds != NULL ? number(seeds) : SEEDS_DEFAULT;
	uint64_t first = 1;
	uint64_t one = 0;
	bool verbose = false;
	struct result result = {0};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0) {
			verbose = true;
		} else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
			count = number(argv[++i]);
		} else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc) {
			first = number(argv[++i]);
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
			one = number(argv[++i]);
		} else {
			(void)fprintf(stderr,
			    "usage: test-sim [--first N] [--seeds COUNT] | --seed N "
			    "[--verbose]\n");
			return 2;
		}
	}
	if (one != 0) {
		(void)run_seed(one, verbose, &result);
		print_counts(&result);
		return result.failures > 0;
	}
	if (!run_all(first, count, &result))
		result.failures++;
	print_counts(&result);
	/* Few seeds may lack something. */
	if (count >= 1000 && !is_telling(&result))
		result.failures++;
	printf("simulation: %llu seeds from %llu, %llu transactions, %llu retransmissions, %llu "
	       "rekeys, %llu failures\n",
	    (unsigned long long)result.counts[SIM_RUNS], (unsigned long long)first,
	    (unsigned long long)result.counts[SIM_ENGINE + KX_NEGOTIATIONS_STARTED],
	    (unsigned long long)result.counts[SIM_ENGINE + KX_RETRANSMISSIONS],
	    (unsigned long long)result.counts[SIM_ENGINE + KX_REKEYS],
	    (unsigned long long)result.failures);
	return result.failures > 0;
}
