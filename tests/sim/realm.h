/*
 * What does the work behind the Kerberos seam of one host: the stand-in, or libkrb5. Requests are
 * carried out one at a time; when, and what goes wrong on the way, is kerberos.c's business.
 */
#ifndef SIM_REALM_H
#define SIM_REALM_H

#include "kinkd/kerberos.h"
#include "random.h"

#define SIM_CLOCK_SKEW 300 /* seconds that clocks may differ */

struct sim_realm_settings {
	uint64_t secret;        /* of the realm; one for all its hosts */
	const char *starts_as;  /* our principal as initiator */
	const char *answers_as; /* and as responder; both are in the keytab */
	bool keyless;           /* no keytab: only user-to-user tickets can be accepted */
	uint32_t ticket_life;   /* seconds */
	struct sim_random *random;
	void *context;
	int64_t (*time_us)(void *context);  /* our clock, POSIX microseconds */
	bool (*kdc_away)(void *context);    /* whether no KDC answers */
	bool (*ticket_over)(void *context); /* whether a peer's ticket ends just now */
	/* Of the key that the KDC has for it; 0: it knows no such principal. */
	uint32_t (*key_version)(void *context, const char *principal);
	uint32_t (*oldest_key)(void *context); /* version of the oldest key in our keytab */
};

struct sim_realm {
	const char *name;
	/* settings are copied, the strings in them are not. */
	void *(*open)(const struct sim_realm_settings *settings);
	void (*close)(void *self);
	/* Whether the KDC must be asked. */
	bool (*is_slow)(void *self, const struct kerberos_request *request);
	/* What the completion points to lives until the next call. */
	void (*run)(void *self, const struct kerberos_request *request,
	    struct kerberos_completion *completion);
	void (*release)(void *self, uint64_t session);
};

extern const struct sim_realm sim_standin;
extern const struct sim_realm sim_libkrb5;

#endif
