/* Worker threads, their queues and the way back to the loop. */
#include "daemon/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "kerberos/worker.h"

#define QUEUE_MAX 16384
/* Completions go back after so many at the latest, so that the loop can work in parallel. */
#define BATCH     16
/* How long the end waits for a fetcher that may itself be waiting for the KDC. */
#define STUCK_S   1

/* A request with all that it points to in one piece of memory. */
struct job {
	struct job *next;
	size_t size;
	bool release; /* only request.session counts */
	bool fetched; /* the fetcher has been asked */
	struct thread *thread;
	struct kerberos_request request;
	uint8_t data[];
};

struct result {
	struct result *next;
	size_t size;
	struct kerberos_completion completion;
	uint8_t data[];
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct job *first;
	struct job **last;
	size_t count;
	bool closed;
	bool idle; /* the thread waits for `filled` */
};

struct thread {
	struct workers *workers;
	struct queue queue;
	struct kerberos_worker *worker; /* NULL for the fetcher */
	pthread_t thread;
	bool running;
	bool given; /* since workers_flush() */
};

struct workers {
	struct workers_listener listener;
	uv_async_t async;
	pthread_mutex_t lock;
	struct result *first;
	struct result **last;
	struct kerberos_fetcher *fetcher;
	struct thread fetching;
	bool fetch_own;
	uint32_t count;
	struct thread threads[];
};

static void queue_init(struct queue *queue)
{
	(void)pthread_mutex_init(&queue->lock, NULL);
	(void)pthread_cond_init(&queue->filled, NULL);
	queue->last = &queue->first;
}

/* Wakes nobody yet, so that many jobs cost one waking. */
static enum err queue_push(struct queue *queue, struct job *job, bool always)
{
	(void)pthread_mutex_lock(&queue->lock);
	if (queue->closed || (!always && queue->count >= QUEUE_MAX)) {
		(void)pthread_mutex_unlock(&queue->lock);
		return ERR_LIMIT;
	}
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
	queue->count++;
	(void)pthread_mutex_unlock(&queue->lock);
	return ERR_OK;
}

static void queue_wake(struct queue *queue)
{
	bool idle;

	(void)pthread_mutex_lock(&queue->lock);
	idle = queue->idle;
	queue->idle = false;
	(void)pthread_mutex_unlock(&queue->lock);
	if (idle)
		(void)pthread_cond_signal(&queue->filled);
}

/* All that waits; NULL once the queue is closed, whatever waits then. */
static struct job *queue_take(struct queue *queue)
{
	struct job *jobs = NULL;

	(void)pthread_mutex_lock(&queue->lock);
	while (queue->first == NULL && !queue->closed) {
		queue->idle = true;
		(void)pthread_cond_wait(&queue->filled, &queue->lock);
	}
	queue->idle = false;
	if (!queue->closed) {
		jobs = queue->first;
		queue->first = NULL;
		queue->last = &queue->first;
		queue->count = 0;
	}
	(void)pthread_mutex_unlock(&queue->lock);
	return jobs;
}

static bool queue_closed(struct queue *queue)
{
	bool closed;

	(void)pthread_mutex_lock(&queue->lock);
	closed = queue->closed;
	(void)pthread_mutex_unlock(&queue->lock);
	return closed;
}

static void job_free(struct job *job)
{
	secret_free(job, job->size);
}

static void jobs_free(struct job *jobs)
{
	while (jobs != NULL) {
		struct job *job = jobs;

		jobs = job->next;
		job_free(job);
	}
}

static void queue_clear(struct queue *queue)
{
	jobs_free(queue->first);
	(void)pthread_mutex_destroy(&queue->lock);
	(void)pthread_cond_destroy(&queue->filled);
}

/* Copies octets to where `at` points and moves it on. */
static struct bytes pack(uint8_t **at, struct bytes octets)
{
	struct bytes packed = bytes_of(*at, octets.len);

	if (octets.len == 0)
		return (struct bytes){0};
	memcpy(*at, octets.data, octets.len);
	*at += octets.len;
	return packed;
}

static const char *pack_text(uint8_t **at, const char *text)
{
	return text == NULL ? NULL : (const char *)pack(at, bytes_of(text, strlen(text) + 1)).data;
}

static size_t text_size(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

static struct job *job_of(const struct kerberos_request *request)
{
	struct bytes groups =
	    bytes_of(request->groups, request->group_count * sizeof(*request->groups));
	size_t size = sizeof(struct job) + text_size(request->server) + text_size(request->client) +
	              request->tgt.len + request->ap.len + request->krb_error.len +
	              request->signed_part.len + request->checksum.len + request->sealed.len +
	              request->head.len + request->plain.len + groups.len;
	struct job *job;
	uint8_t *at;

	for (size_t i = 0; i < request->derivation_count; i++)
		size += request->derivations[i].seed.len;
	job = malloc(size);
	if (job == NULL)
		return NULL;
	memset(job, 0, sizeof(*job));
	job->size = size;
	job->request = *request;
	at = job->data;
	job->request.server = pack_text(&at, request->server);
	job->request.client = pack_text(&at, request->client);
	job->request.tgt = pack(&at, request->tgt);
	job->request.ap = pack(&at, request->ap);
	job->request.krb_error = pack(&at, request->krb_error);
	job->request.signed_part = pack(&at, request->signed_part);
	job->request.checksum = pack(&at, request->checksum);
	job->request.sealed = pack(&at, request->sealed);
	job->request.head = pack(&at, request->head);
	job->request.plain = pack(&at, request->plain);
	/* A SID is nothing but octets, so it may lie anywhere. */
	job->request.groups = (const struct sid *)pack(&at, groups).data;
	for (size_t i = 0; i < request->derivation_count; i++)
		job->request.derivations[i].seed = pack(&at, request->derivations[i].seed);
	return job;
}

static struct result *result_of(const struct kerberos_completion *completion)
{
	size_t size = sizeof(struct result) + completion->ap.len + completion->plain.len +
	              completion->message.len + completion->checksum.len +
	              completion->reply_error.len + completion->tgt.len +
	              text_size(completion->client) + text_size(completion->server);
	struct result *result;
	uint8_t *at;

	for (size_t i = 0; i < completion->keymat_count; i++)
		size += completion->keymat[i].len;
	result = malloc(size);
	if (result == NULL)
		return NULL;
	result->next = NULL;
	result->size = size;
	result->completion = *completion;
	at = result->data;
	result->completion.ap = pack(&at, completion->ap);
	result->completion.plain = pack(&at, completion->plain);
	result->completion.message = pack(&at, completion->message);
	result->completion.checksum = pack(&at, completion->checksum);
	result->completion.reply_error = pack(&at, completion->reply_error);
	result->completion.tgt = pack(&at, completion->tgt);
	result->completion.client = pack_text(&at, completion->client);
	result->completion.server = pack_text(&at, completion->server);
	for (size_t i = 0; i < completion->keymat_count; i++)
		result->completion.keymat[i] = pack(&at, completion->keymat[i]);
	return result;
}

/* Hands a list of results to the loop. */
static void deliver(struct workers *workers, struct result **first, struct result ***last)
{
	if (*first == NULL)
		return;
	(void)pthread_mutex_lock(&workers->lock);
	*workers->last = *first;
	workers->last = *last;
	(void)pthread_mutex_unlock(&workers->lock);
	*first = NULL;
	*last = first;
	(void)uv_async_send(&workers->async);
}

/* Runs one job; NULL when there is nothing to report yet. */
static struct result *run(struct thread *thread, struct job *job)
{
	struct kerberos_completion completion;
	struct result *result = NULL;

	if (job->release) {
		kerberos_worker_release(thread->worker, job->request.session);
	} else if (!job->fetched && kerberos_worker_needs_ticket(thread->worker, &job->request) &&
		   queue_push(&thread->workers->fetching.queue, job, false) == ERR_OK) {
		queue_wake(&thread->workers->fetching.queue);
		return NULL;
	} else {
		kerberos_worker_run(thread->worker, &job->request, &completion);
		result = result_of(&completion);
		if (result == NULL && completion.session != KERBEROS_SESSION_NONE)
			kerberos_worker_release(thread->worker, completion.session);
	}
	job_free(job);
	return result;
}

static void *work(void *argument)
{
	struct thread *thread = argument;
	struct result *first = NULL;
	struct result **last = &first;
	struct job *jobs;

	while ((jobs = queue_take(&thread->queue)) != NULL) {
		for (size_t count = 1; jobs != NULL; count++) {
			struct job *job = jobs;
			struct result *result;

			jobs = job->next;
			result = run(thread, job);
			if (result != NULL) {
				*last = result;
				last = &result->next;
			}
			if (count % BATCH == 0) {
				deliver(thread->workers, &first, &last);
				if (queue_closed(&thread->queue)) {
					jobs_free(jobs);
					jobs = NULL;
				}
			}
		}
		deliver(thread->workers, &first, &last);
	}
	return NULL;
}

static void *fetch(void *argument)
{
	struct thread *thread = argument;
	struct job *jobs;

	if (thread->workers->fetch_own)
		kerberos_fetch_own(thread->workers->fetcher);
	while ((jobs = queue_take(&thread->queue)) != NULL) {
		while (jobs != NULL && !queue_closed(&thread->queue)) {
			struct job *job = jobs;
			struct queue *back;

			jobs = job->next;
			kerberos_fetch(thread->workers->fetcher, &job->request);
			job->fetched = true;
			back = &job->thread->queue;
			if (queue_push(back, job, true) != ERR_OK)
				job_free(job);
			queue_wake(back);
		}
		jobs_free(jobs);
	}
	return NULL;
}

static void completed(uv_async_t *async)
{
	struct workers *workers = async->data;
	struct result *results;

	(void)pthread_mutex_lock(&workers->lock);
	results = workers->first;
	workers->first = NULL;
	workers->last = &workers->first;
	(void)pthread_mutex_unlock(&workers->lock);
	while (results != NULL) {
		struct result *result = results;

		results = result->next;
		workers->listener.completed(workers->listener.self, &result->completion);
		secret_free(result, result->size);
	}
	workers->listener.settled(workers->listener.self);
}

static enum err thread_start(struct workers *workers, struct thread *thread,
    void *(*body)(void *argument), struct problem *problem)
{
	thread->workers = workers;
	if (pthread_create(&thread->thread, NULL, body, thread) != 0)
		return problem_set(problem, ERR_SYSTEM, "a thread cannot be started");
	thread->running = true;
	return ERR_OK;
}

enum err workers_open(uv_loop_t *loop, struct kerberos_realm *realm, uint32_t count, bool fetch_own,
    const struct workers_listener *listener, struct workers **out, struct problem *problem)
{
	struct workers *workers = calloc(1, sizeof(*workers) + count * sizeof(struct thread));
	enum err error;

	if (workers == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	workers->listener = *listener;
	workers->count = count;
	workers->fetch_own = fetch_own;
	workers->last = &workers->first;
	(void)pthread_mutex_init(&workers->lock, NULL);
	(void)uv_async_init(loop, &workers->async, completed);
	workers->async.data = workers;
	queue_init(&workers->fetching.queue);
	for (uint32_t i = 0; i < count; i++)
		queue_init(&workers->threads[i].queue);
	error = kerberos_fetcher_create(realm, &workers->fetcher, problem);
	if (error == ERR_OK)
		error = thread_start(workers, &workers->fetching, fetch, problem);
	for (uint32_t i = 0; error == ERR_OK && i < count; i++) {
		error = kerberos_worker_create(realm, i, &workers->threads[i].worker, problem);
		if (error == ERR_OK)
			error = thread_start(workers, &workers->threads[i], work, problem);
	}
	*out = workers;
	return error;
}

static struct thread *thread_for(struct workers *workers, uint32_t affinity)
{
	return &workers->threads[affinity % workers->count];
}

enum err workers_submit(struct workers *workers, const struct kerberos_request *request)
{
	struct thread *thread = thread_for(workers, request->affinity);
	struct job *job = job_of(request);
	enum err error;

	if (job == NULL)
		return ERR_NO_MEMORY;
	job->thread = thread;
	error = queue_push(&thread->queue, job, false);
	if (error == ERR_OK)
		thread->given = true;
	else
		job_free(job);
	return error;
}

void workers_flush(struct workers *workers)
{
	for (uint32_t i = 0; i < workers->count; i++) {
		if (workers->threads[i].given)
			queue_wake(&workers->threads[i].queue);
		workers->threads[i].given = false;
	}
}

void workers_release(struct workers *workers, uint64_t session, uint32_t affinity)
{
	struct kerberos_request request = {.session = session, .affinity = affinity};
	struct job *job = job_of(&request);

	/* Without memory the session stays until the worker ends: bounded, and harmless. */
	if (job == NULL)
		return;
	job->release = true;
	/* No reason to wake anybody. */
	if (queue_push(&thread_for(workers, affinity)->queue, job, true) != ERR_OK)
		job_free(job);
}

static void queue_close(struct queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	(void)pthread_cond_signal(&queue->filled);
	(void)pthread_mutex_unlock(&queue->lock);
}

bool workers_close(struct workers *workers)
{
	struct timespec until;

	queue_close(&workers->fetching.queue);
	for (uint32_t i = 0; i < workers->count; i++) {
		queue_close(&workers->threads[i].queue);
		if (workers->threads[i].running)
			(void)pthread_join(workers->threads[i].thread, NULL);
	}
	uv_close((uv_handle_t *)&workers->async, NULL);
	if (!workers->fetching.running)
		return true;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STUCK_S;
	return pthread_timedjoin_np(workers->fetching.thread, NULL, &until) == 0;
}

void workers_free(struct workers *workers)
{
	if (workers == NULL)
		return;
	queue_clear(&workers->fetching.queue);
	for (uint32_t i = 0; i < workers->count; i++) {
		queue_clear(&workers->threads[i].queue);
		kerberos_worker_destroy(workers->threads[i].worker);
	}
	kerberos_fetcher_destroy(workers->fetcher);
	while (workers->first != NULL) {
		struct result *result = workers->first;

		workers->first = result->next;
		secret_free(result, result->size);
	}
	(void)pthread_mutex_destroy(&workers->lock);
	free(workers);
}
