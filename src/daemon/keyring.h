/*
 * The sets of credentials of all peer entries that use certificates, and their work on the thread
 * for work with keys.
 */
#ifndef DAEMON_KEYRING_H
#define DAEMON_KEYRING_H

#include "daemon/jobs.h"
#include "kinkd/credentials.h"
#include "policy/policy.h"

struct keyring;

typedef void (*credentials_done)(void *self, const struct credentials_completion *completion);

/* Reads every file that policy names for certificates; policy must live as long. */
enum err keyring_open(
    const struct policy *policy, struct keyring **out, struct problem *problem) MUST_CHECK;
/*
 * Tells all that is wrong with those files at this time, POSIX time, each with its peer. Fails when
 * something keeps the daemon from starting, or us from being believed.
 */
enum err keyring_check(const struct policy *policy, int64_t now,
    void (*report)(void *context, const struct problem *problem), void *context) MUST_CHECK;
/* No job may be left. */
void keyring_free(struct keyring *keyring);
/* done is called from the loop. ERR_NOT_FOUND: no such set; ERR_LIMIT when too many wait. */
enum err keyring_submit(struct keyring *keyring, struct jobs *jobs,
    const struct credentials_request *request, credentials_done done, void *self) MUST_CHECK;

#endif
