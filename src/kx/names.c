/*
 * Which name an address has: the file's static answers, then the host's resolver, whose answers
 * are kept for a short time. Asked only for peers that traffic or a valid ticket speaks for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "kx/kx-internal.h"
#include "policy/identity.h"

/* Long enough to spare the resolver a burst, short enough to follow a changed address. */
#define NAME_KEPT_MS    60000
#define FAILURE_KEPT_MS 5000
#define NAMES_MAX       16384

struct kx_name {
	struct kx_names *names;
	struct address address;
	char *name; /* NULL when there is none */
	struct problem problem;
	bool pending;
	uint64_t handle;
	struct kx_name_wait *waits;
	struct timer expiry;
	UT_hash_handle by_address;
};

void kx_names_init(struct kx *kx)
{
	kx->names = (struct kx_names){.kx = kx};
}

static void forget(struct kx_name *entry)
{
	struct kx_names *names = entry->names;

	timers_cancel(&names->kx->timers, &entry->expiry);
	HASH_DELETE(by_address, names->by_address, entry);
	slots_remove(&names->pending, entry->handle);
	names->count--;
	free(entry->name);
	free(entry);
}

static void expired(struct timer *timer, void *context)
{
	(void)timer;
	forget(context);
}

void kx_names_clear(struct kx *kx)
{
	struct kx_name *entry;
	struct kx_name *next;

	HASH_ITER (by_address, kx->names.by_address, entry, next)
		forget(entry);
	slots_clear(&kx->names.pending);
}

void kx_name_cancel(struct kx_name_wait *wait)
{
	if (wait->entry == NULL)
		return;
	DL_DELETE2(wait->entry->waits, wait, previous, next);
	wait->entry = NULL;
}

/* Tells all who wait. A waiter may ask again, or cancel others, while it is told. */
static void answer(struct kx_name *entry)
{
	while (entry->waits != NULL) {
		struct kx_name_wait *wait = entry->waits;

		kx_name_cancel(wait);
		wait->done(wait, entry->name, &entry->problem);
	}
}

static void settle(struct kx_name *entry)
{
	struct kx *kx = entry->names->kx;
	uint64_t kept = entry->name != NULL ? NAME_KEPT_MS : FAILURE_KEPT_MS;
	bool timed;

	entry->pending = false;
	slots_remove(&entry->names->pending, entry->handle);
	timed = timers_set(&kx->timers, &entry->expiry, kx->host.now_ms(kx->host.self) + kept,
		    expired, entry) == ERR_OK;
	answer(entry);
	if (!timed)
		forget(entry);
}

static enum err entry_create(
    struct kx_names *names, const struct address *address, struct kx_name **out)
{
	struct kx_name *entry;
	enum err error;

	if (names->count >= NAMES_MAX)
		return ERR_LIMIT;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return ERR_NO_MEMORY;
	entry->names = names;
	entry->address = *address;
	entry->pending = true;
	error = slots_add(&names->pending, entry, &entry->handle);
	if (error != ERR_OK) {
		free(entry);
		return error;
	}
	HASH_ADD(by_address, names->by_address, address, sizeof(entry->address), entry);
	if (!table_holds(&entry->by_address)) {
		slots_remove(&names->pending, entry->handle);
		free(entry);
		return ERR_NO_MEMORY;
	}
	names->count++;
	*out = entry;
	return ERR_OK;
}

static void refuse(struct kx_name_wait *wait, enum err code, const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];
	struct problem problem;

	(void)problem_set(&problem, code, "cannot look up the name of %s: %s",
	    address_format(address, text), err_text(code));
	wait->done(wait, NULL, &problem);
}

void kx_name_wait(struct kx *kx, const struct address *address, struct kx_name_wait *wait)
{
	static const struct problem none = {.code = ERR_OK};
	const char *name = policy_static_name(kx->policy, address);
	struct kx_name *entry;
	enum err error;

	wait->entry = NULL;
	if (name != NULL) {
		wait->done(wait, name, &none);
		return;
	}
	HASH_FIND(by_address, kx->names.by_address, address, sizeof(*address), entry);
	if (entry != NULL && !entry->pending) {
		wait->done(wait, entry->name, &entry->problem);
		return;
	}
	if (entry == NULL) {
		error = entry_create(&kx->names, address, &entry);
		if (error == ERR_OK) {
			error = kx->host.resolve(kx->host.self, address, entry->handle);
			if (error != ERR_OK)
				forget(entry);
		}
		if (error != ERR_OK) {
			refuse(wait, error, address);
			return;
		}
	}
	DL_APPEND2(entry->waits, wait, previous, next);
	wait->entry = entry;
}

void kx_name_done(struct kx *kx, const struct host_name_completion *completion)
{
	struct kx_name *entry = slots_get(&kx->names.pending, completion->token);

	if (entry == NULL)
		return;
	entry->problem = completion->problem;
	if (completion->problem.code == ERR_OK) {
		entry->name = strdup(completion->name);
		if (entry->name == NULL)
			(void)problem_set(&entry->problem, ERR_NO_MEMORY, "out of memory");
	}
	settle(entry);
}

static void name_known(
    struct kx_name_wait *name_wait, const char *name, const struct problem *problem)
{
	struct kx_principal_wait *wait =
	    (struct kx_principal_wait *)((char *)name_wait -
					 offsetof(struct kx_principal_wait, name));
	char principal[KERBEROS_NAME_MAX];
	char address[ADDRESS_TEXT_SIZE];
	struct problem why = *problem;
	enum err error = problem->code;

	if (error == ERR_OK && wait->claimed != NULL &&
	    identity_may_be(wait->peer, IDENTITY_RESPONDER, name, wait->claimed)) {
		(void)snprintf(principal, sizeof(principal), "%s", wait->claimed);
	} else if (error == ERR_OK) {
		error = identity_principal(wait->peer, name, principal, sizeof(principal));
		if (error != ERR_OK)
			(void)problem_set(&why, error,
			    "peer %s: no principal can be made for %s with the name \"%s\"",
			    wait->peer->name, address_format(&wait->address, address),
			    name != NULL ? name : "");
	}
	wait->done(wait, error == ERR_OK ? principal : NULL, &why);
}

void kx_principal_wait(struct kx *kx, const struct policy_peer *peer, const struct address *address,
    struct kx_principal_wait *wait)
{
	static const struct problem none = {.code = ERR_OK};

	wait->peer = peer;
	wait->address = *address;
	wait->name.done = name_known;
	wait->name.entry = NULL;
	if (identity_needs_name(peer, IDENTITY_RESPONDER))
		kx_name_wait(kx, address, &wait->name);
	else
		name_known(&wait->name, NULL, &none);
}

void kx_principal_cancel(struct kx_principal_wait *wait)
{
	kx_name_cancel(&wait->name);
}
