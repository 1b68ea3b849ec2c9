/* Requests for key agreement as jobs. */
#include "daemon/agreements.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/agreement.h"

/* A request with all that it points to, and in the end its completion. */
struct agreement_job {
	struct job job;
	agreement_done done;
	void *self;
	struct agreement_request request;
	struct agreement_completion completion;
	uint8_t private_value[DH_PRIVATE_MAX];
	uint8_t public_value[DH_PUBLIC_MAX];
	uint8_t peer_value[DH_PUBLIC_MAX];
	struct agreement_values values;
};

static void work(struct job *job)
{
	struct agreement_job *agreement = (struct agreement_job *)job;

	agreement_run(&agreement->request, &agreement->values, &agreement->completion);
}

static void done(struct job *job)
{
	struct agreement_job *agreement = (struct agreement_job *)job;

	agreement->done(agreement->self, &agreement->completion);
}

static void discard(struct job *job)
{
	secret_free(job, sizeof(struct agreement_job));
}

/* False when a value is too long to be kept, and so to be any good. */
static bool keep(uint8_t *place, size_t size, struct bytes *value)
{
	if (value->len > size)
		return false;
	if (value->len > 0)
		memcpy(place, value->data, value->len);
	value->data = place;
	return true;
}

enum err agreements_submit(struct jobs *jobs, const struct agreement_request *request,
    agreement_done completed, void *self)
{
	struct agreement_job *agreement = secret_alloc(sizeof(*agreement));
	struct agreement_request *kept;

	if (agreement == NULL)
		return ERR_NO_MEMORY;
	agreement->job = (struct job){.work = work, .done = done, .discard = discard};
	agreement->done = completed;
	agreement->self = self;
	agreement->request = *request;
	kept = &agreement->request;
	if (!keep(
		agreement->private_value, sizeof(agreement->private_value), &kept->private_value) ||
	    !keep(agreement->public_value, sizeof(agreement->public_value), &kept->public_value) ||
	    !keep(agreement->peer_value, sizeof(agreement->peer_value), &kept->peer_value))
		kept->peer_value.len = 0;
	return jobs_submit(jobs, &agreement->job);
}
