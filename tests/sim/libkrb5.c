/*
 * The Kerberos room itself behind the simulated seam: real tickets of a real KDC. SIM_REALM in the
 * environment names the folder with the realm's keytabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kerberos/realm.h"
#include "kerberos/worker.h"
#include "realm.h"

struct libkrb5 {
	struct kerberos_realm *realm;
	struct kerberos_worker *worker;
	struct kerberos_fetcher *fetcher;
};

/* "kink/a.example.test@EXAMPLE.TEST" has its keys in a.keytab. */
static void keytab_of(const char *principal, char *out, size_t size)
{
	const char *folder = getenv("SIM_REALM");
	const char *host = strchr(principal, '/');

	if (folder == NULL || host == NULL)
		abort();
	host++;
	(void)snprintf(out, size, "%s/%.*s.keytab", folder, (int)strcspn(host, "."), host);
}

static void *libkrb5_open(const struct sim_realm_settings *from)
{
	struct libkrb5 *self = calloc(1, sizeof(*self));
	char keytab[256];
	struct kerberos_settings settings = {
	    .keytab = keytab, .principal = from->starts_as, .clock_skew = SIM_CLOCK_SKEW};
	struct problem problem = {.code = ERR_OK};

	if (self == NULL)
		abort();
	keytab_of(from->answers_as, keytab, sizeof(keytab));
	if (kerberos_realm_create(&settings, NULL, &self->realm, &problem) != ERR_OK ||
	    kerberos_worker_create(self->realm, 0, &self->worker, &problem) != ERR_OK ||
	    kerberos_fetcher_create(self->realm, &self->fetcher, &problem) != ERR_OK) {
		(void)fprintf(stderr, "%s\n", problem.text);
		abort();
	}
	return self;
}

static void libkrb5_close(void *context)
{
	struct libkrb5 *self = context;

	kerberos_fetcher_destroy(self->fetcher);
	kerberos_worker_destroy(self->worker);
	kerberos_realm_destroy(self->realm);
	free(self);
}

static bool libkrb5_is_slow(void *context, const struct kerberos_request *request)
{
	struct libkrb5 *self = context;

	return kerberos_worker_needs_ticket(self->worker, request);
}

static void libkrb5_run(
    void *context, const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct libkrb5 *self = context;

	if (kerberos_worker_needs_ticket(self->worker, request))
		kerberos_fetch(self->fetcher, request);
	kerberos_worker_run(self->worker, request, completion);
}

static void libkrb5_release(void *context, uint64_t session)
{
	struct libkrb5 *self = context;

	kerberos_worker_release(self->worker, session);
}

const struct sim_realm sim_libkrb5 = {
    .name = "libkrb5",
    .open = libkrb5_open,
    .close = libkrb5_close,
    .is_slow = libkrb5_is_slow,
    .run = libkrb5_run,
    .release = libkrb5_release,
};
