/*
 * The replay cache: one open-addressed set per slice of authenticator time. A slice goes as a whole
 * once all its authenticators are beyond the skew, so nothing is ever searched for old entries.
 */
#include "kerberos/replay.h"

#include <pthread.h>
#include <stdlib.h>

#include "crypto/random.h"

#define SLICE_SECONDS  10
#define SECOND_US      1000000
#define SLICE_US       ((int64_t)SLICE_SECONDS * SECOND_US)
/* How far our clock may step back before what is forgotten could be accepted again. */
#define MARGIN_SECONDS 60

/* An empty place has time 0. */
struct entry {
	uint64_t mark;
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
	int64_t latest_us; /* the latest time that our clock has shown */
	int64_t window_us; /* how old or new an authenticator can be and still be accepted */
	int64_t oldest;    /* no slice before this one holds anything */
	uint64_t secret;   /* so that nobody chooses where entries go */
	size_t max;
	size_t count;
	uint64_t full;
	size_t slice_count;
	struct slice slices[];
};

enum err replay_create(uint32_t skew, int64_t start_us, size_t max, struct replay **out)
{
	/* Both sides of now and the margin; cut slices and a second of grace at the ends. */
	size_t slices = (2 * (size_t)skew + MARGIN_SECONDS) / SLICE_SECONDS + 4;
	struct replay *replay = calloc(1, sizeof(*replay) + slices * sizeof(struct slice));

	if (replay == NULL)
		return ERR_NO_MEMORY;
	if (pthread_mutex_init(&replay->lock, NULL) != 0) {
		free(replay);
		return ERR_SYSTEM;
	}
	random_octets(&replay->secret, sizeof(replay->secret));
	replay->start_us = start_us;
	replay->latest_us = start_us;
	replay->window_us = (int64_t)skew * SECOND_US;
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

/* The place of an entry, or the empty place where it would be. capacity is a power of two. */
static struct entry *place(
    const struct replay *replay, const struct slice *slice, const struct entry *wanted)
{
	uint64_t mixed = (wanted->mark ^ replay->secret) * 0x9fb21c651e98df25ULL;
	size_t index;

	mixed = (mixed ^ (mixed >> 32) ^ (uint64_t)wanted->time_us ^ replay->secret) *
	        0xd6e8feb86659fd93ULL;
	index = (size_t)(mixed ^ (mixed >> 32)) & (slice->capacity - 1);
	while (slice->entries[index].time_us != 0 &&
	       (slice->entries[index].time_us != wanted->time_us ||
		   slice->entries[index].mark != wanted->mark))
		index = (index + 1) & (slice->capacity - 1);
	return &slice->entries[index];
}

/* At most three quarters full. */
static enum err make_room(const struct replay *replay, struct slice *slice)
{
	struct slice larger = {.number = slice->number,
	    .count = slice->count,
	    .capacity = slice->capacity > 0 ? 2 * slice->capacity : 64};

	if (4 * (slice->count + 1) <= 3 * slice->capacity)
		return ERR_OK;
	larger.entries = calloc(larger.capacity, sizeof(*larger.entries));
	if (larger.entries == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < slice->capacity; i++) {
		if (slice->entries[i].time_us != 0)
			*place(replay, &larger, &slice->entries[i]) = slice->entries[i];
	}
	free(slice->entries);
	*slice = larger;
	return ERR_OK;
}

static void forget(struct replay *replay, struct slice *slice)
{
	replay->count -= slice->count;
	free(slice->entries);
	*slice = (struct slice){.number = slice->number};
}

/* Forgets all slices whose authenticators are too old to be accepted. */
static void expire(struct replay *replay, int64_t now_us)
{
	int64_t oldest =
	    (now_us - replay->window_us - (int64_t)MARGIN_SECONDS * SECOND_US) / SLICE_US;

	if (oldest <= replay->oldest)
		return;
	replay->oldest = oldest;
	for (size_t i = 0; i < replay->slice_count; i++) {
		if (replay->slices[i].number < oldest)
			forget(replay, &replay->slices[i]);
	}
}

/*
 * A clock that was stepped back has made us forget too much: as after a start, only what is newer
 * than the step is fresh. (It also frees a daemon that started under a clock far ahead.)
 */
static void watch_clock(struct replay *replay, int64_t now_us)
{
	if (now_us < replay->latest_us - (int64_t)MARGIN_SECONDS * SECOND_US) {
		replay->start_us = now_us;
		replay->oldest = 0;
		replay->latest_us = now_us;
	} else if (now_us > replay->latest_us) {
		replay->latest_us = now_us;
	}
}

static enum err insert(struct replay *replay, const struct entry *entry, int64_t now_us)
{
	int64_t number = entry->time_us / SLICE_US;
	struct slice *slice = &replay->slices[(size_t)number % replay->slice_count];
	struct entry *found;
	enum err error;

	watch_clock(replay, now_us);
	if (entry->time_us < replay->start_us)
		return now_us >= replay->start_us ? ERR_EXPIRED : ERR_REPLAY;
	expire(replay, now_us);
	if (slice->number != number) {
		/* Only after our clock was stepped back: what is newer still counts. */
		if (slice->count > 0)
			return ERR_LIMIT;
		slice->number = number;
	}
	error = make_room(replay, slice);
	if (error != ERR_OK)
		return error;
	found = place(replay, slice, entry);
	if (found->time_us != 0)
		return ERR_REPLAY;
	if (replay->count >= replay->max)
		return ERR_LIMIT;
	*found = *entry;
	slice->count++;
	replay->count++;
	return ERR_OK;
}

enum err replay_check(struct replay *replay, uint64_t mark, int64_t time_us, int64_t now_us)
{
	struct entry entry = {.mark = mark, .time_us = time_us};
	enum err error;

	/* Outside of the window nothing is remembered, so nothing can be accepted. */
	if (time_us <= 0 || time_us < now_us - replay->window_us - SECOND_US ||
	    time_us > now_us + replay->window_us + SECOND_US)
		return ERR_SKEW;
	(void)pthread_mutex_lock(&replay->lock);
	error = insert(replay, &entry, now_us);
	if (error == ERR_LIMIT)
		replay->full++;
	(void)pthread_mutex_unlock(&replay->lock);
	return error;
}

void replay_count(struct replay *replay, size_t *count, uint64_t *full)
{
	(void)pthread_mutex_lock(&replay->lock);
	*count = replay->count;
	*full = replay->full;
	(void)pthread_mutex_unlock(&replay->lock);
}
