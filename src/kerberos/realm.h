/*
 * What all Kerberos workers share: our keys, our credentials, the tickets that they brought, the
 * replay cache and what is known of the KDC. Thread-safe.
 */
#ifndef KERBEROS_REALM_H
#define KERBEROS_REALM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "kinkd/kerberos.h"

struct kerberos_settings {
	const char *keytab; /* path; NULL: libkrb5's default */
	/*
	 * A credential cache (FILE:, DIR:, KEYRING:, KCM:, MEMORY:) whose principal and tickets we
	 * start with, kept by others; NULL: we start with the keytab.
	 */
	const char *ccache;
	/*
	 * Whom we start as; NULL: the keytab's first NAME$@REALM (in Active Directory no other can
	 * start), else kink/..., else host/..., else its first.
	 */
	const char *principal;
	uint32_t clock_skew; /* seconds */
	/*
	 * For debugging: gets each session key when a worker meets it, from that worker's thread.
	 * NULL: keys stay where they are.
	 */
	void (*disclose)(
	    void *context, const char *client, const char *server, int32_t etype, struct bytes key);
	void *disclose_context;
};

/* For status; a copy. Times are POSIX times, 0 for never. */
struct kerberos_status {
	char principal[KERBEROS_NAME_MAX]; /* "" while the keytab cannot be read */
	int64_t ticket_end;                /* of our ticket-granting ticket */
	int64_t kdc_answered;
	struct problem problem; /* why there are no credentials; code ERR_OK if there are */
	size_t replays;         /* authenticators in the replay cache */
	uint64_t replays_full;  /* authenticators refused because the cache was full */
};

struct kerberos_realm;

/*
 * Does not fail for a missing keytab or an absent KDC: that may change, and status tells. Strings
 * of settings are copied.
 */
enum err kerberos_realm_create(const struct kerberos_settings *settings, struct log *log,
    struct kerberos_realm **out, struct problem *problem) MUST_CHECK;
/* After all its workers and fetchers are gone. */
void kerberos_realm_destroy(struct kerberos_realm *realm);
void kerberos_realm_status(struct kerberos_realm *realm, struct kerberos_status *out);

/* Our realms: libkrb5's default one, and that of the configured principal if it is another. */
void kerberos_realm_names(
    struct kerberos_realm *realm, void (*callback)(void *context, const char *name), void *context);
/*
 * The KDCs of our realm that libkrb5's configuration lists, and its password and administration
 * servers, each as "host:port" (an IPv6 address in brackets). None when they are left to DNS.
 */
void kerberos_kdc_names(
    struct kerberos_realm *realm, void (*callback)(void *context, const char *name), void *context);
/* Those of our realms for which it lists no KDC, so that libkrb5 asks DNS. */
void kerberos_realms_in_dns(
    struct kerberos_realm *realm, void (*callback)(void *context, const char *name), void *context);

/*
 * A fetcher gets tickets from the KDC, which may block for many seconds; so it belongs on a thread
 * of its own. What it got, or why not, is found by the workers afterwards.
 */
struct kerberos_fetcher;

enum err kerberos_fetcher_create(struct kerberos_realm *realm, struct kerberos_fetcher **out,
    struct problem *problem) MUST_CHECK;
void kerberos_fetcher_destroy(struct kerberos_fetcher *fetcher);
/*
 * Our own ticket, before anybody needs it: so that what is wrong shows at the start, in the log and
 * in the status.
 */
void kerberos_fetch_own(struct kerberos_fetcher *fetcher);
/* For a request of which kerberos_worker_needs_ticket() is true. */
void kerberos_fetch(struct kerberos_fetcher *fetcher, const struct kerberos_request *request);

#endif
