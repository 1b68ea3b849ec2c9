/* What the tests of the Kerberos room share: a real realm in a folder, and hosts that live in it.
 */
#ifndef UNIT_KERBEROS_H
#define UNIT_KERBEROS_H

#include <krb5.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kerberos/realm.h"
#include "kerberos/worker.h"

#define PRINCIPAL_A "kink/a.example.test@EXAMPLE.TEST"
#define PRINCIPAL_B "kink/b.example.test@EXAMPLE.TEST"

#define USAGE_ENCRYPTION 39
#define USAGE_CHECKSUM   40

/* One side: its realm, one worker and one fetcher. */
struct host {
	struct kerberos_realm *realm;
	struct kerberos_worker *worker;
	struct kerberos_fetcher *fetcher;
};

/*
 * Creates the realm and starts its KDC, with keytabs for PRINCIPAL_A and PRINCIPAL_B in the files
 * a.keytab and b.keytab. Ends the program with 77 when there is no KDC on this machine.
 */
void realm_setup(void);
/* Likewise, with MIDDLE.TEST, which EXAMPLE.TEST trusts, and FAR.TEST, which MIDDLE.TEST trusts. */
void realm_setup_chain(void);
void realm_teardown(void);
/* A file in the realm's folder; valid until the second call from now. */
const char *realm_file(const char *name);
/* tests/realm.sh COMMAND FOLDER [ARGUMENT...], ended by NULL; must succeed. */
void realm_command(const char *command, ...) __attribute__((sentinel));

/* A host with this keytab (a name for realm_file()); principal may be NULL. */
void host_start(struct host *host, const char *keytab, const char *principal, uint32_t skew);
void host_start_with(struct host *host, const struct kerberos_settings *settings);
void host_stop(struct host *host);

/*
 * Until the clock's next second. libkrb5 takes the microseconds of an authenticator from its first
 * look at the clock in each second and counts on from there, so what this process makes after a
 * host has started can be dated a little before that.
 */
void next_second(void);

/* Runs a request, asking the KDC first where that is needed. */
void host_run(struct host *host, const struct kerberos_request *request,
    struct kerberos_completion *completion);
/* A REQUEST for this server; returns its code. */
enum err host_request(
    struct host *host, const char *server, struct kerberos_completion *completion);

/* A message in memory of its own. */
struct message {
	uint64_t session; /* the sender's */
	size_t ap_len, signed_len, checksum_len;
	size_t sealed_start, sealed_len; /* within signed_part */
	uint8_t ap[4096], signed_part[8192], checksum[64];
	size_t keymat_len;
	uint8_t keymat[2][64];
};

/* The message that a sender protects, as KINK would: an AP, a head and something sealed. */
void message_make(struct host *host, uint64_t session, struct bytes ap,
    struct kerberos_lengths lengths, const char *plain, struct message *out);
/* CREATE: a ticket for b, and the command around it. */
void message_command(struct host *host, const char *plain, struct message *out);
enum err message_accept(
    struct host *host, const struct message *message, struct kerberos_completion *completion);
enum err message_verify(struct host *host, uint64_t session, const struct message *message,
    struct kerberos_completion *completion);

/* The text of a problem holds this. */
#define assert_text(problem, part)                                                                 \
	do {                                                                                       \
		if (strstr((problem).text, (part)) == NULL)                                        \
			fail_msg("\"%s\" does not say \"%s\"", (problem).text, (part));            \
	} while (0)

#endif
