/* Comparing selectors (RFC 4301 4.4.1.1). */
#ifndef POLICY_SELECTOR_H
#define POLICY_SELECTOR_H

#include "policy/policy.h"

/* Whether all traffic of inner is traffic of outer. */
bool selector_contains(const struct selector *outer, const struct selector *inner);
/* Whether some traffic belongs to both. */
bool selector_overlaps(const struct selector *a, const struct selector *b);

/*
 * Steps through a rule's selectors, one per pair of prefixes of one family; *position starts at 0.
 * False after the last.
 */
bool policy_rule_next_selector(
    const struct policy_rule *rule, size_t *position, struct selector *out);
/*
 * Whether a packet that the later rule's mark and interface fit always fits the earlier one's, so
 * that the order of both matters to it.
 */
bool policy_rule_precedes(const struct policy_rule *earlier, const struct policy_rule *later);
/* Whether one of the rule's selectors contains this one. */
bool policy_rule_contains(const struct policy_rule *rule, const struct selector *selector);

#endif
