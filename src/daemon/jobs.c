/* The thread for work with keys, its queue, and the way back to the loop. */
#include "daemon/jobs.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

/* Some seconds of work in the slowest group. */
#define QUEUE_MAX 256

struct jobs {
	struct jobs_listener listener;
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

/* The next job; NULL when the thread is to end. */
static struct job *take(struct jobs *jobs)
{
	struct job *job = NULL;

	(void)pthread_mutex_lock(&jobs->lock);
	while (jobs->waiting == NULL && !jobs->closed)
		(void)pthread_cond_wait(&jobs->filled, &jobs->lock);
	if (!jobs->closed) {
		job = jobs->waiting;
		LL_DELETE(jobs->waiting, job);
	}
	(void)pthread_mutex_unlock(&jobs->lock);
	return job;
}

static void *work(void *argument)
{
	struct jobs *jobs = argument;
	struct job *job;

	while ((job = take(jobs)) != NULL) {
		job->work(job);
		(void)pthread_mutex_lock(&jobs->lock);
		LL_APPEND(jobs->done, job);
		(void)pthread_mutex_unlock(&jobs->lock);
		(void)uv_async_send(&jobs->async);
	}
	return NULL;
}

static void completed(uv_async_t *async)
{
	struct jobs *jobs = async->data;
	struct job *list;
	struct job *job;
	struct job *next;
	size_t count = 0;

	(void)pthread_mutex_lock(&jobs->lock);
	list = jobs->done;
	jobs->done = NULL;
	LL_COUNT(list, job, count);
	jobs->count -= count;
	(void)pthread_mutex_unlock(&jobs->lock);
	LL_FOREACH_SAFE(list, job, next)
	{
		job->done(job);
		job->discard(job);
	}
	jobs->listener.settled(jobs->listener.self);
}

enum err jobs_open(uv_loop_t *loop, const struct jobs_listener *listener, struct jobs **out,
    struct problem *problem)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));

	if (jobs == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	jobs->listener = *listener;
	(void)pthread_mutex_init(&jobs->lock, NULL);
	(void)pthread_cond_init(&jobs->filled, NULL);
	(void)uv_async_init(loop, &jobs->async, completed);
	jobs->async.data = jobs;
	jobs->running = pthread_create(&jobs->thread, NULL, work, jobs) == 0;
	*out = jobs;
	return jobs->running ? ERR_OK
	                     : problem_set(problem, ERR_SYSTEM, "a thread cannot be started");
}

enum err jobs_submit(struct jobs *jobs, struct job *job)
{
	enum err error = ERR_LIMIT;

	(void)pthread_mutex_lock(&jobs->lock);
	if (jobs->count < QUEUE_MAX && !jobs->closed) {
		LL_APPEND(jobs->waiting, job);
		jobs->count++;
		error = ERR_OK;
	}
	(void)pthread_mutex_unlock(&jobs->lock);
	if (error == ERR_OK)
		(void)pthread_cond_signal(&jobs->filled);
	else
		job->discard(job);
	return error;
}

void jobs_close(struct jobs *jobs)
{
	(void)pthread_mutex_lock(&jobs->lock);
	jobs->closed = true;
	(void)pthread_cond_signal(&jobs->filled);
	(void)pthread_mutex_unlock(&jobs->lock);
	if (jobs->running)
		(void)pthread_join(jobs->thread, NULL);
	uv_close((uv_handle_t *)&jobs->async, NULL);
}

static void discard_all(struct job *list)
{
	struct job *job;
	struct job *next;

	LL_FOREACH_SAFE(list, job, next)
	job->discard(job);
}

void jobs_free(struct jobs *jobs)
{
	if (jobs == NULL)
		return;
	discard_all(jobs->waiting);
	discard_all(jobs->done);
	(void)pthread_mutex_destroy(&jobs->lock);
	(void)pthread_cond_destroy(&jobs->filled);
	free(jobs);
}
