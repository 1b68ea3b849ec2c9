/* What the tests of the policy room share. */
#ifndef UNIT_POLICY_H
#define UNIT_POLICY_H

#include "policy/config.h"

/* What kinkd.conf makes of a text, which must be good; the caller releases it. */
static inline struct policy *parse_good(const char *text)
{
	struct policy *policy = NULL;
	struct problem problem;

	if (config_parse_string("kinkd.conf", text, NULL, NULL, &policy, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
	return policy;
}

#endif
