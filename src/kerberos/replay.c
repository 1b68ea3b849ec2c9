/*
 * The replay cache: one open-addressed set per slice of authenticator time. A slice goes as a whole
 * once all its authenticators are beyond the skew, so nothing is ever searched for old entries.
 */
#include "kerberos/replay.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define SLICE_SECONDS 60
#define US            1000000

/* What RFC 4120 3.2.3 tells apart: names (as a hash) and time. An empty place has time 0. */
struct entry {
	uint64_t names;
	int64_t time_us;
};

struct slice {
	int64_t number; /* authenticator time divided by the slice's length */
	struct entry *entries;
	size_t capacity;
	size_t count;
};

struct replay {
	pthread_mutex_t lock;
	int64_t start_us;
	int64_t window_us; /* how old or new an authenticator can be and still be accepted */
	size_t max;
	size_t count;
	size_t slice_count;
	struct slice slices[];
};

enum err replay_create(uint32_t skew, int64_t start_us, size_t max, struct replay **out)
{
	/* Both sides of now, and one slice more at each end for the margin. */
	size_t slices = 2 * ((size_t)skew / SLICE_SECONDS + 1) + 3;
	struct replay *replay = calloc(1, sizeof(*replay) + slices * sizeof(struct slice));

	if (replay == NULL)
		return ERR_NO_MEMORY;
	if (pthread_mutex_init(&replay->lock, NULL) != 0) {
		free(replay);
		return ERR_SYSTEM;
	}
	replay->start_us = start_us;
	replay->window_us = (int64_t)skew * US;
	replay->max = max;
	replay->slice_count = slices;
	*out = replay;
	return ERR_OK;
}

void replay_destroy(struct replay *replay)
{
	if (replay == NULL)
		return;
	for (size_t i = 0; i < replay->slice_count; i++)
		free(replay->slices[i].entries);
	(void)pthread_mutex_destroy(&replay->lock);
	free(replay);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211ULL;
	return (hash ^ 0xff) * 1099511628211ULL;
}

/* The place of an entry, or the empty place where it would be. capacity is a power of two. */
static struct entry *place(struct entry *entries, size_t capacity, const struct entry *wanted)
{
	uint64_t mixed = (wanted->names ^ (uint64_t)wanted->time_us) * 0x9e3779b97f4a7c15ULL;
	size_t index = (size_t)(mixed >> 20) & (capacity - 1);

	while (entries[index].time_us != 0 &&
	       (entries[index].time_us != wanted->time_us || entries[index].names != wanted->names))
		index = (index + 1) & (capacity - 1);
	return &entries[index];
}

static enum err make_room(struct slice *slice)
{
	size_t capacity = slice->capacity > 0 ? 2 * slice->capacity : 64;
	struct entry *entries;

	if (2 * slice->count < slice->capacity)
		return ERR_OK;
	entries = calloc(capacity, sizeof(*entries));
	if (entries == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < slice->capacity; i++) {
		if (slice->entries[i].time_us != 0)
			*place(entries, capacity, &slice->entries[i]) = slice->entries[i];
	}
	free(slice->entries);
	slice->entries = entries;
	slice->capacity = capacity;
	return ERR_OK;
}

/* The slice of this number; it may take the place of one that is too old to matter. */
static struct slice *slice_of(struct replay *replay, int64_t number)
{
	struct slice *slice = &replay->slices[(size_t)number % replay->slice_count];

	if (slice->number != number) {
		replay->count -= slice->count;
		free(slice->entries);
		*slice = (struct slice){.number = number};
	}
	return slice;
}

static enum err insert(struct replay *replay, const struct entry *entry)
{
	struct slice *slice = slice_of(replay, entry->time_us / (SLICE_SECONDS * (int64_t)US));
	struct entry *found;
	enum err error = make_room(slice);

	if (error != ERR_OK)
		return error;
	found = place(slice->entries, slice->capacity, entry);
	if (found->time_us != 0)
		return ERR_REPLAY;
	if (replay->count >= replay->max)
		return ERR_LIMIT;
	*found = *entry;
	slice->count++;
	replay->count++;
	return ERR_OK;
}

enum err replay_check(
    struct replay *replay, const char *client, const char *server, int64_t time_us, int64_t now_us)
{
	struct entry entry = {
	    .names = hash_text(hash_text(14695981039346656037ULL, client), server),
	    .time_us = time_us};
	enum err error;

	/* Outside of the window nothing is remembered, so nothing can be accepted. */
	if (time_us < replay->start_us || time_us <= 0)
		return ERR_REPLAY;
	if (time_us < now_us - replay->window_us - US || time_us > now_us + replay->window_us + US)
		return ERR_SKEW;
	(void)pthread_mutex_lock(&replay->lock);
	error = insert(replay, &entry);
	(void)pthread_mutex_unlock(&replay->lock);
	return error;
}
