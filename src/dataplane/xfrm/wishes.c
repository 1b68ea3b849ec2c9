/* Wishes of the kernel for SAs. */
#include "dataplane/xfrm/wishes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "dataplane/selector.h"

/* The kernel knows no limit to its larval SAs; beyond this they end by their own time. */
#define WISHES_MAX 65536

struct entry {
	struct wish_key {
		uint32_t policy_id;
		uint32_t protocol;
		struct address source;
		struct address destination;
	} key;
	struct wish wish;
	struct entry *next; /* when it is taken out */
	UT_hash_handle hh;
};

struct wishes {
	pthread_mutex_t lock;
	struct entry *entries;
};

struct wishes *wishes_new(void)
{
	struct wishes *wishes = calloc(1, sizeof(*wishes));

	if (wishes != NULL)
		(void)pthread_mutex_init(&wishes->lock, NULL);
	return wishes;
}

static void erase(struct wishes *wishes, struct entry *entry)
{
	HASH_DEL(wishes->entries, entry);
	free(entry);
}

void wishes_free(struct wishes *wishes)
{
	if (wishes == NULL)
		return;
	while (wishes->entries != NULL)
		erase(wishes, wishes->entries);
	(void)pthread_mutex_destroy(&wishes->lock);
	free(wishes);
}

/* Field by field, so that padding is zero and keys compare as octets. */
static struct entry *find(struct wishes *wishes, uint32_t policy_id, enum ipsec_protocol protocol,
    const struct address *source, const struct address *destination, struct wish_key *key)
{
	struct entry *entry;

	memset(key, 0, sizeof(*key));
	key->policy_id = policy_id;
	key->protocol = (uint32_t)protocol;
	key->source = *source;
	key->destination = *destination;
	HASH_FIND(hh, wishes->entries, key, sizeof(*key), entry);
	return entry;
}

void wishes_add(struct wishes *wishes, const struct wish *wish)
{
	struct wish_key key;
	struct entry *entry;

	(void)pthread_mutex_lock(&wishes->lock);
	entry = find(
	    wishes, wish->flow.policy_id, wish->protocol, &wish->source, &wish->destination, &key);
	if (entry == NULL && HASH_COUNT(wishes->entries) < WISHES_MAX) {
		entry = calloc(1, sizeof(*entry));
		if (entry != NULL) {
			entry->key = key;
			HASH_ADD(hh, wishes->entries, key, sizeof(entry->key), entry);
			if (!table_holds(&entry->hh)) {
				free(entry);
				entry = NULL;
			}
		}
	}
	if (entry != NULL)
		entry->wish = *wish;
	(void)pthread_mutex_unlock(&wishes->lock);
}

void wishes_drop(struct wishes *wishes, uint32_t policy_id, enum ipsec_protocol protocol,
    const struct address *source, const struct address *destination)
{
	struct wish_key key;
	struct entry *entry;

	(void)pthread_mutex_lock(&wishes->lock);
	entry = find(wishes, policy_id, protocol, source, destination, &key);
	if (entry != NULL)
		erase(wishes, entry);
	(void)pthread_mutex_unlock(&wishes->lock);
}

/* In a bundle the kernel asks for the first SA that it lacks, whichever that is. */
static struct entry *take_between(struct wishes *wishes, uint32_t policy_id,
    const struct address *source, const struct address *destination)
{
	static const enum ipsec_protocol protocols[] = {IPSEC_ESP, IPSEC_AH, IPSEC_IPCOMP};
	struct entry *taken = NULL;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		struct wish_key key;
		struct entry *entry =
		    find(wishes, policy_id, protocols[i], source, destination, &key);

		if (entry != NULL) {
			HASH_DEL(wishes->entries, entry);
			entry->next = taken;
			taken = entry;
		}
	}
	return taken;
}

static struct entry *take_matching(
    struct wishes *wishes, uint32_t policy_id, const struct selector *selector)
{
	struct entry *taken = NULL;
	struct entry *entry;
	struct entry *next;

	HASH_ITER (hh, wishes->entries, entry, next) {
		if (entry->wish.flow.policy_id == policy_id &&
		    (selector == NULL || selector_matches(selector, &entry->wish.flow))) {
			HASH_DEL(wishes->entries, entry);
			entry->next = taken;
			taken = entry;
		}
	}
	return taken;
}

/* Without the lock: who is called may come back. */
static void visit(struct entry *taken, wishes_visitor visitor, void *context)
{
	while (taken != NULL) {
		struct entry *entry = taken;

		taken = entry->next;
		visitor(context, &entry->wish);
		free(entry);
	}
}

void wishes_take_fulfilled(struct wishes *wishes, uint32_t policy_id, const struct address *source,
    const struct address *destination, wishes_visitor visitor, void *context)
{
	struct entry *taken;

	(void)pthread_mutex_lock(&wishes->lock);
	taken = take_between(wishes, policy_id, source, destination);
	(void)pthread_mutex_unlock(&wishes->lock);
	visit(taken, visitor, context);
}

void wishes_take_matching(struct wishes *wishes, uint32_t policy_id, enum ipsec_mode mode,
    const struct selector *selector, wishes_visitor visitor, void *context)
{
	bool hosts = selector != NULL && mode == IPSEC_TRANSPORT &&
	             range_is_host(&selector->local) && range_is_host(&selector->remote);
	struct entry *taken;

	(void)pthread_mutex_lock(&wishes->lock);
	taken =
	    hosts ? take_between(wishes, policy_id, &selector->local.first, &selector->remote.first)
		  : take_matching(wishes, policy_id, selector);
	(void)pthread_mutex_unlock(&wishes->lock);
	visit(taken, visitor, context);
}
