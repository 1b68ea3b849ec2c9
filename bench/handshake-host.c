/*
 * One end of the handshake benchmark: the daemon's own parts, without the command line. The
 * initiator makes one pair of SAs with each of many addresses of the responder and prints what it
 * cost; the responder prints its CPU time and memory at each line that it reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "daemon/daemon.h"
#include "daemon/output.h"
#include "policy/config.h"

#define X25519_ROUNDS 2000

struct run {
	struct daemon daemon;
	struct address next; /* the peer's address for the next transaction */
	uint64_t *started;   /* by transaction, in nanoseconds */
	uint32_t *latencies; /* in microseconds */
	size_t count;
	size_t begun;
	size_t ended;
	size_t failures;
	size_t concurrency;
	struct problem reason;
};

struct transaction {
	struct run *run;
	size_t index;
};

static double cpu_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static long resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long total = 0;
	long resident = 0;

	if (file != NULL && fscanf(file, "%ld %ld", &total, &resident) != 2)
		resident = 0;
	if (file != NULL)
		(void)fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

/* CPU time of one key generation and one derivation: what one side of a key agreement costs. */
static double x25519_us(void)
{
	EVP_PKEY *peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	double before = cpu_us();

	for (int i = 0; i < X25519_ROUNDS; i++) {
		EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
		uint8_t secret[32];
		size_t len = sizeof(secret);

		if (EVP_PKEY_derive_init(context) != 1 ||
		    EVP_PKEY_derive_set_peer(context, peer) != 1 ||
		    EVP_PKEY_derive(context, secret, &len) != 1)
			abort();
		EVP_PKEY_CTX_free(context);
		EVP_PKEY_free(own);
	}
	EVP_PKEY_free(peer);
	return (cpu_us() - before) / X25519_ROUNDS;
}

static void next_address(struct address *address)
{
	for (size_t i = address_size(address); i-- > 0 && ++address->octets[i] == 0;)
		continue;
}

static void begin(struct run *run);

static void ended(void *context, const struct problem *problem)
{
	struct transaction *transaction = context;
	struct run *run = transaction->run;
	uint64_t elapsed = uv_hrtime() - run->started[transaction->index];

	run->latencies[transaction->index] = (uint32_t)(elapsed / 1000);
	free(transaction);
	if (problem->code != ERR_OK) {
		run->failures++;
		run->reason = *problem;
	}
	if (++run->ended == run->count)
		uv_stop(&run->daemon.loop);
}

static void begin(struct run *run)
{
	struct transaction *transaction = malloc(sizeof(*transaction));
	struct address remote = run->next;

	if (transaction == NULL)
		abort();
	*transaction = (struct transaction){.run = run, .index = run->begun++};
	next_address(&run->next);
	run->started[transaction->index] = uv_hrtime();
	kx_initiate(run->daemon.kx, "bench", &remote, ended, transaction);
}

/* Keeps as many under way as were asked for. */
static void refill(uv_prepare_t *prepare)
{
	struct run *run = prepare->data;

	while (run->begun < run->count && run->begun - run->ended < run->concurrency)
		begin(run);
	host_settle(&run->daemon);
}

static int by_value(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* One line: what `count` transactions cost this side. */
static void measure(struct run *run, size_t count)
{
	double cpu;
	uint64_t began;
	double seconds;
	uv_prepare_t prepare;

	run->count = count;
	run->begun = run->ended = run->failures = 0;
	run->started = calloc(count, sizeof(*run->started));
	run->latencies = calloc(count, sizeof(*run->latencies));
	if (run->started == NULL || run->latencies == NULL)
		abort();
	(void)uv_prepare_init(&run->daemon.loop, &prepare);
	prepare.data = run;
	cpu = cpu_us();
	began = uv_hrtime();
	(void)uv_prepare_start(&prepare, refill);
	refill(&prepare);
	(void)uv_run(&run->daemon.loop, UV_RUN_DEFAULT);
	seconds = (double)(uv_hrtime() - began) / 1e9;
	cpu = cpu_us() - cpu;
	uv_close((uv_handle_t *)&prepare, NULL);
	(void)uv_run(&run->daemon.loop, UV_RUN_NOWAIT);
	qsort(run->latencies, count, sizeof(*run->latencies), by_value);
	(void)printf("%zu %zu %.6f %u %u %.3f %ld\n", count, run->failures, seconds,
	    run->latencies[count / 2], run->latencies[count * 99 / 100], cpu / (double)count,
	    resident_bytes());
	(void)fflush(stdout);
	if (run->failures > 0)
		(void)fprintf(stderr, "handshake-host: %s\n", run->reason.text);
	free(run->started);
	free(run->latencies);
}

/* Lines on standard input: "COUNT CONCURRENCY" to measure, "x25519" for that, "usage". */
static bool obey(struct run *run, const char *line)
{
	size_t count;
	size_t concurrency;

	if (sscanf(line, "%zu %zu", &count, &concurrency) == 2 && count > 0 && concurrency > 0) {
		run->concurrency = concurrency;
		measure(run, count);
	} else if (strncmp(line, "x25519", 6) == 0) {
		(void)printf("%.3f\n", x25519_us());
	} else if (strncmp(line, "usage", 5) == 0) {
		(void)printf(
		    "%.0f %ld %zu\n", cpu_us(), resident_bytes(), kx_sa_count(run->daemon.kx));
	} else {
		return false;
	}
	(void)fflush(stdout);
	return true;
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct run *run = poll->data;
	char line[80];

	(void)status;
	(void)events;
	if (fgets(line, sizeof(line), stdin) == NULL || !obey(run, line))
		uv_stop(&run->daemon.loop);
}

int main(int count, char **arguments)
{
	static struct run run;
	struct problem problem = {.code = ERR_OK};
	uv_poll_t poll;
	char line[80];
	bool initiator = count == 3;

	if (count < 2 || count > 3 ||
	    config_load(arguments[1], &run.daemon.policy, &problem) != ERR_OK ||
	    (initiator && address_parse(arguments[2], &run.next) != ERR_OK)) {
		(void)fprintf(
		    stderr, "usage: handshake-host CONFIG [FIRST-PEER]\n%s\n", problem.text);
		return 2;
	}
	log_init(&run.daemon.log, output_stderr, NULL, LOG_LEVEL_WARNING);
	run.daemon.config_path = arguments[1];
	if (daemon_open(&run.daemon, &problem) != ERR_OK) {
		(void)fprintf(stderr, "handshake-host: %s\n", problem.text);
		return 1;
	}
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	(void)puts("ready");
	(void)fflush(stdout);
	if (initiator) {
		while (fgets(line, sizeof(line), stdin) != NULL && obey(&run, line))
			continue;
	} else {
		(void)uv_poll_init(&run.daemon.loop, &poll, STDIN_FILENO);
		poll.data = &run;
		(void)uv_poll_start(&poll, UV_READABLE, readable);
		(void)uv_run(&run.daemon.loop, UV_RUN_DEFAULT);
	}
	/* SAs by the hundred thousand are not worth taking apart one by one at the end. */
	_exit(0);
}
