/* Key agreement on the thread for work with keys. */
#ifndef DAEMON_AGREEMENTS_H
#define DAEMON_AGREEMENTS_H

#include "daemon/jobs.h"
#include "kinkd/agreement.h"

typedef void (*agreement_done)(void *self, const struct agreement_completion *completion);

/* done is called from the loop. ERR_LIMIT when too many wait. */
enum err agreements_submit(struct jobs *jobs, const struct agreement_request *request,
    agreement_done done, void *self) MUST_CHECK;

#endif
