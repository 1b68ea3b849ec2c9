/*
 * Threads for Kerberos: workers that compute, chosen by affinity so that one peer's requests stay
 * in order, and a fetcher that may wait for the KDC. Nobody shares memory with them: requests and
 * completions are copied.
 */
#ifndef DAEMON_WORKERS_H
#define DAEMON_WORKERS_H

#include <uv.h>

#include "kerberos/realm.h"

struct workers;

struct workers_listener {
	void *self;
	void (*completed)(void *self, const struct kerberos_completion *completion);
	void (*settled)(void *self); /* ends each batch */
};

/* With fetch_own our own ticket is got before anybody asks for one. */
enum err workers_open(uv_loop_t *loop, struct kerberos_realm *realm, uint32_t count, bool fetch_own,
    const struct workers_listener *listener, struct workers **out,
    struct problem *problem) MUST_CHECK;
/* ERR_LIMIT when too many wait. It is taken up at workers_flush() at the latest. */
enum err workers_submit(struct workers *workers, const struct kerberos_request *request) MUST_CHECK;
void workers_flush(struct workers *workers);
void workers_release(struct workers *workers, uint64_t session, uint32_t affinity);
/*
 * Ends the threads, dropping what they have not begun; the loop must run once more before
 * workers_free(). False when the fetcher does not come back from the KDC soon: then it still uses
 * what it was given, so nothing of it may be freed and the process must end with _exit().
 */
bool workers_close(struct workers *workers) MUST_CHECK;
void workers_free(struct workers *workers);

#endif
