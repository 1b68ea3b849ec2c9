/* The thread that agrees on keys, its queue, and the way back to the loop. */
#include "daemon/agreements.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/secret.h"
#include "crypto/agreement.h"

/* Some seconds of work in the slowest group. */
#define QUEUE_MAX 256

/* A request with all that it points to, and in the end its completion. */
struct job {
	struct job *next;
	struct agreement_request request;
	struct agreement_completion completion;
	uint8_t private_value[DH_PRIVATE_MAX];
	uint8_t public_value[DH_PUBLIC_MAX];
	uint8_t peer_value[DH_PUBLIC_MAX];
	struct agreement_values values;
};

struct agreements {
	struct agreements_listener listener;
	uv_async_t async;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_t thread;
	bool running;
	bool closed;
	struct job *waiting;
	struct job *done;
	size_t count; /* of both lists, and the one under way */
};

static void job_free(struct job *job)
{
	secret_free(job, sizeof(*job));
}

static void jobs_free(struct job *list)
{
	struct job *job;
	struct job *next;

	LL_FOREACH_SAFE(list, job, next)
	job_free(job);
}

/* The next job; NULL when the thread is to end. */
static struct job *take(struct agreements *agreements)
{
	struct job *job = NULL;

	(void)pthread_mutex_lock(&agreements->lock);
	while (agreements->waiting == NULL && !agreements->closed)
		(void)pthread_cond_wait(&agreements->filled, &agreements->lock);
	if (!agreements->closed) {
		job = agreements->waiting;
		LL_DELETE(agreements->waiting, job);
	}
	(void)pthread_mutex_unlock(&agreements->lock);
	return job;
}

static void *work(void *argument)
{
	struct agreements *agreements = argument;
	struct job *job;

	while ((job = take(agreements)) != NULL) {
		agreement_run(&job->request, &job->values, &job->completion);
		(void)pthread_mutex_lock(&agreements->lock);
		LL_APPEND(agreements->done, job);
		(void)pthread_mutex_unlock(&agreements->lock);
		(void)uv_async_send(&agreements->async);
	}
	return NULL;
}

static void completed(uv_async_t *async)
{
	struct agreements *agreements = async->data;
	struct job *list;
	struct job *job;
	struct job *next;
	size_t count = 0;

	(void)pthread_mutex_lock(&agreements->lock);
	list = agreements->done;
	agreements->done = NULL;
	LL_COUNT(list, job, count);
	agreements->count -= count;
	(void)pthread_mutex_unlock(&agreements->lock);
	LL_FOREACH_SAFE(list, job, next)
	{
		agreements->listener.completed(agreements->listener.self, &job->completion);
		job_free(job);
	}
	agreements->listener.settled(agreements->listener.self);
}

enum err agreements_open(uv_loop_t *loop, const struct agreements_listener *listener,
    struct agreements **out, struct problem *problem)
{
	struct agreements *agreements = calloc(1, sizeof(*agreements));

	if (agreements == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	agreements->listener = *listener;
	(void)pthread_mutex_init(&agreements->lock, NULL);
	(void)pthread_cond_init(&agreements->filled, NULL);
	(void)uv_async_init(loop, &agreements->async, completed);
	agreements->async.data = agreements;
	agreements->running = pthread_create(&agreements->thread, NULL, work, agreements) == 0;
	*out = agreements;
	return agreements->running ? ERR_OK
	                           : problem_set(problem, ERR_SYSTEM, "a thread cannot be started");
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

static struct job *job_of(const struct agreement_request *request)
{
	struct job *job = secret_alloc(sizeof(*job));

	if (job == NULL)
		return NULL;
	job->request = *request;
	if (!keep(job->private_value, sizeof(job->private_value), &job->request.private_value) ||
	    !keep(job->public_value, sizeof(job->public_value), &job->request.public_value) ||
	    !keep(job->peer_value, sizeof(job->peer_value), &job->request.peer_value))
		job->request.peer_value.len = 0;
	return job;
}

enum err agreements_submit(struct agreements *agreements, const struct agreement_request *request)
{
	struct job *job = job_of(request);
	enum err error = ERR_LIMIT;

	if (job == NULL)
		return ERR_NO_MEMORY;
	(void)pthread_mutex_lock(&agreements->lock);
	if (agreements->count < QUEUE_MAX && !agreements->closed) {
		LL_APPEND(agreements->waiting, job);
		agreements->count++;
		error = ERR_OK;
	}
	(void)pthread_mutex_unlock(&agreements->lock);
	if (error == ERR_OK)
		(void)pthread_cond_signal(&agreements->filled);
	else
		job_free(job);
	return error;
}

void agreements_close(struct agreements *agreements)
{
	(void)pthread_mutex_lock(&agreements->lock);
	agreements->closed = true;
	(void)pthread_cond_signal(&agreements->filled);
	(void)pthread_mutex_unlock(&agreements->lock);
	if (agreements->running)
		(void)pthread_join(agreements->thread, NULL);
	uv_close((uv_handle_t *)&agreements->async, NULL);
}

void agreements_free(struct agreements *agreements)
{
	if (agreements == NULL)
		return;
	jobs_free(agreements->waiting);
	jobs_free(agreements->done);
	(void)pthread_mutex_destroy(&agreements->lock);
	(void)pthread_cond_destroy(&agreements->filled);
	free(agreements);
}
