/* The memory of which methods cannot be used with which hosts, and the choice that follows. */
#include "kx/choice.h"

#include <stdio.h>
#include <stdlib.h>

/* Each reason to move on: its name and its switch in the peer's entry. What is not here is final.
 */
static const struct {
	const char *name;
	enum policy_fallback bit;
} reasons[KX_FAILURE_COUNT] = {
    [KX_FAILURE_NO_REALM] = {"no-realm", POLICY_FALLBACK_NO_REALM},
    [KX_FAILURE_NO_PRINCIPAL] = {"no-principal", POLICY_FALLBACK_NO_PRINCIPAL},
    [KX_FAILURE_NO_KDC] = {"no-kdc", POLICY_FALLBACK_NO_KDC},
    [KX_FAILURE_SILENT] = {"silent", POLICY_FALLBACK_SILENT},
};

const char *kx_failure_name(enum kx_failure failure)
{
	return reasons[failure].name != NULL ? reasons[failure].name : "";
}

static struct kx_host_choice *find(const struct kx_choices *choices, const struct address *remote)
{
	struct kx_host_choice *host;

	HASH_FIND(by_remote, choices->by_remote, remote, sizeof(*remote), host);
	return host;
}

static void drop(struct kx_choices *choices, struct kx_host_choice *host)
{
	HASH_DELETE(by_remote, choices->by_remote, host);
	free(host);
}

void kx_choices_clear(struct kx_choices *choices)
{
	struct kx_host_choice *host;
	struct kx_host_choice *next;

	HASH_ITER (by_remote, choices->by_remote, host, next)
		drop(choices, host);
}

/* Until when something is remembered of the host. */
static uint64_t remembered_until(const struct kx_host_choice *host)
{
	uint64_t until = 0;

	for (int i = 0; i < EXCHANGE_COUNT; i++) {
		if (host->left[i].failure != KX_FAILURE_FINAL && host->left[i].until_ms > until)
			until = host->left[i].until_ms;
	}
	return until;
}

static void sweep(struct kx_choices *choices, uint64_t now_ms)
{
	struct kx_host_choice *host;
	struct kx_host_choice *next;

	HASH_ITER (by_remote, choices->by_remote, host, next) {
		if (remembered_until(host) <= now_ms)
			drop(choices, host);
	}
}

/* Made if it is not there; NULL at the limit or without memory. */
static struct kx_host_choice *get(
    struct kx_choices *choices, const struct address *remote, uint64_t now_ms)
{
	struct kx_host_choice *host = find(choices, remote);

	if (host != NULL)
		return host;
	if (HASH_CNT(by_remote, choices->by_remote) >= choices->limit)
		sweep(choices, now_ms);
	if (HASH_CNT(by_remote, choices->by_remote) >= choices->limit)
		return NULL;
	host = calloc(1, sizeof(*host));
	if (host == NULL)
		return NULL;
	host->remote = *remote;
	HASH_ADD(by_remote, choices->by_remote, remote, sizeof(host->remote), host);
	if (!table_holds(&host->by_remote)) {
		free(host);
		return NULL;
	}
	return host;
}

const struct kx_left *kx_choice_left(
    const struct kx_choices *choices, const struct address *remote, int exchange, uint64_t now_ms)
{
	const struct kx_host_choice *host = find(choices, remote);
	const struct kx_left *left = host != NULL ? &host->left[exchange] : NULL;

	return left != NULL && left->failure != KX_FAILURE_FINAL && left->until_ms > now_ms ? left
	                                                                                    : NULL;
}

/* The first from `index` on that is not passed over. */
static int from_index(const struct kx_choices *choices, const struct policy_rule *rule,
    const struct address *remote, size_t index, uint64_t now_ms)
{
	for (size_t i = index; i < rule->exchange_count; i++) {
		if (kx_choice_left(choices, remote, (int)rule->exchanges[i], now_ms) == NULL)
			return (int)rule->exchanges[i];
	}
	return KX_CHOICE_NONE;
}

/* Where the rule lists the method; its count when it does not. */
static size_t index_of(const struct policy_rule *rule, int exchange)
{
	size_t index = 0;

	while (index < rule->exchange_count && (int)rule->exchanges[index] != exchange)
		index++;
	return index;
}

int kx_choice_first(const struct kx_choices *choices, const struct policy_rule *rule,
    const struct address *remote, uint64_t now_ms)
{
	int exchange = from_index(choices, rule, remote, 0, now_ms);

	/* Another rule with more methods has left the only ones of this. */
	return exchange != KX_CHOICE_NONE ? exchange : (int)rule->exchanges[0];
}

int kx_choice_after(const struct kx_choices *choices, const struct policy_rule *rule,
    const struct address *remote, int exchange, uint64_t now_ms)
{
	return from_index(choices, rule, remote, index_of(rule, exchange) + 1, now_ms);
}

bool kx_choice_moves_on(const struct policy_peer *peer, enum kx_failure failure)
{
	return (peer->fallback & (unsigned)reasons[failure].bit) != 0;
}

void kx_choice_leave(struct kx_choices *choices, const struct policy_peer *peer,
    const struct address *remote, int exchange, enum kx_failure failure, const char *why,
    uint64_t now_ms)
{
	struct kx_host_choice *host = get(choices, remote, now_ms);
	struct kx_left *left;

	if (host == NULL)
		return;
	left = &host->left[exchange];
	left->failure = failure;
	left->until_ms = now_ms + peer->fallback_retry;
	(void)snprintf(left->why, sizeof(left->why), "%s", why);
}

void kx_choice_forget(struct kx_choices *choices, const struct address *remote, int exchange)
{
	struct kx_host_choice *host = find(choices, remote);

	if (host == NULL)
		return;
	if (exchange != EXCHANGE_COUNT)
		host->left[exchange] = (struct kx_left){.failure = KX_FAILURE_FINAL};
	if (exchange == EXCHANGE_COUNT || remembered_until(host) == 0)
		drop(choices, host);
}

uint64_t kx_choice_reconsider(const struct kx_choices *choices, const struct policy_rule *rule,
    const struct address *remote, int exchange)
{
	const struct kx_host_choice *host = find(choices, remote);
	size_t end = index_of(rule, exchange);
	uint64_t earliest = 0;

	for (size_t i = 0; host != NULL && i < end; i++) {
		const struct kx_left *left = &host->left[rule->exchanges[i]];

		if (left->failure != KX_FAILURE_FINAL &&
		    (earliest == 0 || left->until_ms < earliest))
			earliest = left->until_ms;
	}
	return earliest;
}
