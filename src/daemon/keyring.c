/* Sets of credentials by the names of peer entries, and requests about them as jobs. */
#include "daemon/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/credentials.h"
#include "policy/ike.h"

struct keyring_set {
	const char *name;
	struct credentials *credentials;
};

struct keyring {
	struct keyring_set *sets;
	size_t count;
};

static bool has_files(const struct policy_ike *ike)
{
	return ike != NULL && (ike->certificate != NULL || ike->authority_count > 0 ||
				  ike->peer_certificates != NULL);
}

static enum err load(
    const struct policy_peer *peer, struct keyring_set *out, struct problem *problem)
{
	const struct policy_ike *ike = peer->ike;
	struct credentials_settings settings = {.certificate = ike->certificate,
	    .private_key = ike->private_key,
	    .authorities = ike->authorities,
	    .authority_count = ike->authority_count,
	    .crls = ike->crls,
	    .crl_count = ike->crl_count,
	    .crl_policy = ike->crl_policy,
	    .peer_certificates = ike->peer_certificates};
	struct problem cause;
	enum err error = credentials_load(&settings, &out->credentials, &cause);

	out->name = peer->name;
	return error == ERR_OK
	           ? ERR_OK
	           : problem_set(problem, error, "peer \"%s\": %s", peer->name, cause.text);
}

enum err keyring_open(const struct policy *policy, struct keyring **out, struct problem *problem)
{
	struct keyring *keyring = calloc(1, sizeof(*keyring));
	enum err error = ERR_OK;

	if (keyring != NULL)
		keyring->sets = calloc(policy->peer_count + 1, sizeof(*keyring->sets));
	if (keyring == NULL || keyring->sets == NULL)
		error = problem_set(problem, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < policy->peer_count && error == ERR_OK; i++) {
		if (!has_files(policy->peers[i].ike))
			continue;
		error = load(&policy->peers[i], &keyring->sets[keyring->count], problem);
		if (error == ERR_OK)
			keyring->count++;
	}
	if (error == ERR_OK)
		*out = keyring;
	else
		keyring_free(keyring);
	return error;
}

struct check {
	const char *peer;
	void (*report)(void *context, const struct problem *problem);
	void *context;
	enum err worst;
};

static void tell(void *context, const struct problem *problem)
{
	struct check *check = context;
	struct problem named;

	(void)problem_set(&named, problem->code, "peer \"%s\": %s", check->peer, problem->text);
	check->report(check->context, &named);
	/* One that may be missing is no fault yet. */
	if (problem->code != ERR_NOT_FOUND)
		check->worst = problem->code;
}

enum err keyring_check(const struct policy *policy, int64_t now,
    void (*report)(void *context, const struct problem *problem), void *context)
{
	struct check check = {.report = report, .context = context};

	for (size_t i = 0; i < policy->peer_count; i++) {
		struct keyring_set set;
		struct problem problem;

		if (!has_files(policy->peers[i].ike))
			continue;
		check.peer = policy->peers[i].name;
		if (load(&policy->peers[i], &set, &problem) != ERR_OK) {
			report(context, &problem);
			check.worst = problem.code;
			continue;
		}
		credentials_check(set.credentials, now, tell, &check);
		credentials_free(set.credentials);
	}
	return check.worst;
}

void keyring_free(struct keyring *keyring)
{
	if (keyring == NULL)
		return;
	for (size_t i = 0; i < keyring->count; i++)
		credentials_free(keyring->sets[i].credentials);
	free(keyring->sets);
	free(keyring);
}

/* A request with all that it points to, and in the end its completion. */
struct keyring_job {
	struct job job;
	credentials_done done;
	void *self;
	struct credentials *set;
	size_t size;
	struct credentials_request request;
	struct credentials_completion completion;
	struct credentials_values values;
	uint8_t octets[]; /* what the request points to */
};

static void work(struct job *job)
{
	struct keyring_job *ours = (struct keyring_job *)job;

	credentials_run(ours->set, &ours->request, &ours->values, &ours->completion);
}

static void done(struct job *job)
{
	struct keyring_job *ours = (struct keyring_job *)job;

	ours->done(ours->self, &ours->completion);
}

static void discard(struct job *job)
{
	secret_free(job, ((struct keyring_job *)job)->size);
}

/* Everything that a request points to, once. Returns how much it takes; without a place it only
 * counts. */
static size_t copy_octets(struct credentials_request *request, uint8_t *place)
{
	struct bytes *all[4 + CREDENTIALS_CERTIFICATES_MAX + CREDENTIALS_PARTS_MAX] = {
	    &request->hash, &request->signature, &request->identity.data};
	size_t count = 3;
	size_t used = 0;

	for (size_t i = 0; i < request->certificate_count; i++)
		all[count++] = &request->certificates[i];
	for (size_t i = 0; i < request->part_count; i++)
		all[count++] = &request->parts[i];
	for (size_t i = 0; i < count; i++) {
		if (place != NULL && all[i]->len > 0) {
			memcpy(place + used, all[i]->data, all[i]->len);
			all[i]->data = place + used;
		}
		used += all[i]->len;
	}
	return used;
}

static const struct keyring_set *find(const struct keyring *keyring, const char *name)
{
	for (size_t i = 0; i < keyring->count; i++) {
		if (strcmp(keyring->sets[i].name, name) == 0)
			return &keyring->sets[i];
	}
	return NULL;
}

enum err keyring_submit(struct keyring *keyring, struct jobs *jobs,
    const struct credentials_request *request, credentials_done completed, void *self)
{
	const struct keyring_set *set = find(keyring, request->set);
	struct credentials_request kept = *request;
	size_t size = sizeof(struct keyring_job) + copy_octets(&kept, NULL);
	struct keyring_job *ours;

	if (set == NULL)
		return ERR_NOT_FOUND;
	ours = secret_alloc(size);
	if (ours == NULL)
		return ERR_NO_MEMORY;
	ours->job = (struct job){.work = work, .done = done, .discard = discard};
	ours->done = completed;
	ours->self = self;
	ours->set = set->credentials;
	ours->size = size;
	ours->request = *request;
	(void)copy_octets(&ours->request, ours->octets);
	ours->request.set = set->name;
	return jobs_submit(jobs, &ours->job);
}
