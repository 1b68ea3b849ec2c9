/*
 * Flows under POLICY_REQUEST that were protected once are never clear again while the policy lives:
 * a file knows them beyond the end of this process, as the kernel's data plane has them in its
 * policies.
 */
#ifndef DATAPLANE_USERSPACE_PROMISES_H
#define DATAPLANE_USERSPACE_PROMISES_H

#include "base/log.h"
#include "dataplane/userspace/spd.h"

/* One more, which an SA has just been made for. Without a path, which may be NULL, nothing is
 * noted. */
void promises_note(const char *path, const struct selector *selector, struct log *log);
/* Those flows of an earlier run that this policy requests are protected as before. */
void promises_recall(const char *path, struct spd *spd, uint32_t policy_id);
/* All policies are in: the others are forgotten. */
void promises_tidy(const char *path, const struct spd *spd, struct log *log);
/* The policies are withdrawn. */
void promises_forget(const char *path);

#endif
