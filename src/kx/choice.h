/*
 * Which exchange method to try with a host: what a rule lists, in its order, without what cannot be
 * used with that host at the moment. That is remembered for a time, and only for reasons that the
 * peer's entry names; doc/fallback.md says what they can be trusted for.
 */
#ifndef KX_CHOICE_H
#define KX_CHOICE_H

#include "base/table.h"
#include "kinkd/kx.h"
#include "policy/policy.h"

/* A method that was left for another. */
struct kx_left {
	enum kx_failure failure; /* KX_FAILURE_FINAL: it was not left */
	uint64_t until_ms;       /* from then on it is tried again */
	char why[160];
};

struct kx_host_choice {
	struct address remote;
	struct kx_left left[EXCHANGE_COUNT];
	UT_hash_handle by_remote;
};

struct kx_choices {
	struct kx_host_choice *by_remote;
	size_t limit; /* hosts to remember something of */
};

#define KX_CHOICE_NONE (-1)

void kx_choices_clear(struct kx_choices *choices);

/* The method to begin with, enum exchange. */
int kx_choice_first(const struct kx_choices *choices, const struct policy_rule *rule,
    const struct address *remote, uint64_t now_ms);
/* The one to try after this one; KX_CHOICE_NONE when it was the last. */
int kx_choice_after(const struct kx_choices *choices, const struct policy_rule *rule,
    const struct address *remote, int exchange, uint64_t now_ms);
/* Whether the peer's entry lets this failure lead to the next method. */
bool kx_choice_moves_on(const struct policy_peer *peer, enum kx_failure failure);
/* The method is passed over for a time. Without memory, or at the limit, that is not remembered. */
void kx_choice_leave(struct kx_choices *choices, const struct policy_peer *peer,
    const struct address *remote, int exchange, enum kx_failure failure, const char *why,
    uint64_t now_ms);
/* The method works with that host; or nothing is known of any (EXCHANGE_COUNT). */
void kx_choice_forget(struct kx_choices *choices, const struct address *remote, int exchange);
/* What is remembered of a method; NULL when nothing is, or its time is over. */
const struct kx_left *kx_choice_left(
    const struct kx_choices *choices, const struct address *remote, int exchange, uint64_t now_ms);
/* When a method that the rule prefers to this one is worth another try; 0: there is none. */
uint64_t kx_choice_reconsider(const struct kx_choices *choices, const struct policy_rule *rule,
    const struct address *remote, int exchange);

/* "no-kdc", as the file has it; "" for KX_FAILURE_FINAL. */
const char *kx_failure_name(enum kx_failure failure);

#endif
