/*
 * The side of the Kerberos seam that computes: one worker per thread, each with its own libkrb5
 * context, keys and sessions.
 */
#ifndef KERBEROS_WORKER_H
#define KERBEROS_WORKER_H

#include "kerberos/realm.h"

struct kerberos_worker;

#define KERBEROS_WORKERS_MAX 255

/* index distinguishes the workers of one realm, from 0. */
enum err kerberos_worker_create(struct kerberos_realm *realm, uint32_t index,
    struct kerberos_worker **out, struct problem *problem) MUST_CHECK;
void kerberos_worker_destroy(struct kerberos_worker *worker);

/* Whether a fetcher must be asked before this request can be run. */
bool kerberos_worker_needs_ticket(
    struct kerberos_worker *worker, const struct kerberos_request *request);
/*
 * Carries out a request; never waits for the network. What the completion points to lives until
 * the next call.
 */
void kerberos_worker_run(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion);
/* Frees a session of this worker. */
void kerberos_worker_release(struct kerberos_worker *worker, uint64_t session);

#endif
