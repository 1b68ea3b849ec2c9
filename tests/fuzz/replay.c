/*
 * Runs a fuzz target without libFuzzer: over each file of a corpus, over each truncation and each
 * change of one octet of it, and over many random mutations. The runs are the same every time.
 *
 * Usage: replay-TARGET [-n MUTATIONS] [FILE or FOLDER]...
 * Without files it takes the target's corpus in the source tree.
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX 65536
/* Targets that take longer get less. */
#ifndef MUTATIONS
#define MUTATIONS 10000
#endif
#ifndef CHANGES
#define CHANGES 9 /* of each octet */
#endif

struct run {
	uint64_t random;
	unsigned long mutations; /* for each file */
	unsigned long inputs;    /* run so far */
	unsigned long files;
};

/* xorshift64*: a fixed sequence. */
static uint32_t next_random(struct run *run)
{
	run->random ^= run->random >> 12;
	run->random ^= run->random << 25;
	run->random ^= run->random >> 27;
	return (uint32_t)(run->random * 0x2545f4914f6cdd1d >> 32);
}

/* In memory of exactly that size, so that a sanitizer sees any read beyond it. */
static void run_input(struct run *run, const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	run->inputs++;
}

static void run_truncations(struct run *run, const uint8_t *data, size_t size)
{
	for (size_t len = 0; len <= size; len++)
		run_input(run, data, len);
}

static void run_single_changes(struct run *run, uint8_t *data, size_t size)
{
	static const uint8_t masks[9] = {0xff, 0x01, 0x80, 0x02, 0x40, 0x04, 0x20, 0x08, 0x10};

	for (size_t i = 0; i < size; i++) {
		uint8_t octet = data[i];

		for (size_t m = 0; m < CHANGES; m++) {
			data[i] = octet ^ masks[m];
			run_input(run, data, size);
		}
		data[i] = 0;
		run_input(run, data, size);
		data[i] = octet;
	}
}

/* One to eight of: an octet changed, octets cut out, octets copied elsewhere. */
static void run_mutation(struct run *run, const uint8_t *data, size_t size)
{
	static uint8_t mutant[INPUT_MAX];
	uint32_t changes = 1 + next_random(run) % 8;
	size_t len = size;

	memcpy(mutant, data, size);
	for (uint32_t i = 0; i < changes && len > 0; i++) {
		size_t from = next_random(run) % len, to = next_random(run) % len;
		size_t count = next_random(run) % (len - (from > to ? from : to)) % 64;

		switch (next_random(run) % 4) {
		case 0:
			memmove(mutant + from, mutant + from + count, len - from - count);
			len -= count;
			break;
		case 1:
			memmove(mutant + to, mutant + from, count);
			break;
		default:
			mutant[from] = (uint8_t)next_random(run);
			break;
		}
	}
	run_input(run, mutant, len);
}

static int run_file(struct run *run, const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (file == NULL) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	run->files++;
	run_truncations(run, data, size);
	run_single_changes(run, data, size);
	for (unsigned long i = 0; i < run->mutations; i++)
		run_mutation(run, data, size);
	return 0;
}

/* Sorted by name: the random sequence depends on the order. */
static int run_folder(struct run *run, const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	int result = 0;

	if (count < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && result == 0)
			result = run_file(run, name);
		free(entries[i]);
	}
	free(entries);
	return result;
}

static int run_path(struct run *run, const char *path)
{
	struct stat status;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return run_folder(run, path);
	return run_file(run, path);
}

int main(int argc, char **argv)
{
	struct run run = {.random = 0x9e3779b97f4a7c15, .mutations = MUTATIONS};
	int first = 1;

	if (argc > 2 && strcmp(argv[1], "-n") == 0) {
		run.mutations = strtoul(argv[2], NULL, 10);
		first = 3;
	}
	if (first == argc) {
		const char *source = getenv("top_srcdir");
		char corpus[4096];

		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s",
		    source == NULL ? "." : source, CORPUS);
		if (run_path(&run, corpus) != 0)
			return 1;
	}
	for (int i = first; i < argc; i++) {
		if (run_path(&run, argv[i]) != 0)
			return 1;
	}
	printf("%lu inputs from %lu files\n", run.inputs, run.files);
	return run.files > 0 ? 0 : 1;
}
