/*
 * Since when we have valid SAs with a peer: the epoch of our messages to it (RFC 4430 3.7, 4.2.1).
 * It is the start of the daemon, until SAs with that peer are given up. A peer is a principal,
 * which may be met at several addresses.
 */
#include <stdlib.h>
#include <string.h>

#include "kx/kx-internal.h"

struct kx_epoch {
	char *principal;
	uint32_t epoch;
	UT_hash_handle hh;
};

static struct kx_epoch *find(const struct kx *kx, const char *principal)
{
	struct kx_epoch *entry;

	HASH_FIND_STR(kx->epochs, principal, entry);
	return entry;
}

/* A clock of whole seconds, which may have been set back. */
static uint32_t later(uint32_t one, uint32_t other)
{
	return (int32_t)(one - other) > 0 ? one : other;
}

uint32_t kx_epoch(const struct kx *kx, const struct address *remote, const char *principal)
{
	const struct kx_watch *watch = kx_watch_find(kx, remote);
	const struct kx_epoch *entry = principal != NULL ? find(kx, principal) : NULL;
	uint32_t epoch = kx->epoch;

	if (watch != NULL && watch->epoch != 0)
		epoch = later(watch->epoch, epoch);
	return entry != NULL ? later(entry->epoch, epoch) : epoch;
}

/* Without memory or room it is a matter of the address alone. */
static struct kx_epoch *enter(struct kx *kx, const char *principal)
{
	struct kx_epoch *entry = find(kx, principal);

	if (entry != NULL || HASH_COUNT(kx->epochs) >= kx->policy->daemon.max_sas)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	entry->principal = strdup(principal);
	if (entry->principal != NULL)
		HASH_ADD_KEYPTR(hh, kx->epochs, entry->principal, strlen(principal), entry);
	if (entry->principal == NULL || !table_holds(&entry->hh)) {
		free(entry->principal);
		free(entry);
		return NULL;
	}
	return entry;
}

uint32_t kx_epoch_renew(struct kx *kx, const struct address *remote, const char *principal)
{
	uint32_t now = (uint32_t)kx->host.time(kx->host.self);
	uint32_t epoch = later(now, kx_epoch(kx, remote, principal) + 1);
	struct kx_epoch *entry = principal[0] != '\0' ? enter(kx, principal) : NULL;

	if (entry != NULL)
		entry->epoch = epoch;
	return epoch;
}

void kx_epoch_clear(struct kx *kx)
{
	struct kx_epoch *entry;
	struct kx_epoch *next;

	HASH_ITER (hh, kx->epochs, entry, next) {
		HASH_DEL(kx->epochs, entry);
		free(entry->principal);
		free(entry);
	}
}
