/*
 * What the engine needs from outside. The daemon provides it with sockets, clocks and worker
 * threads; the simulation with a fake clock and a lossy network. A host never calls into the engine
 * from within one of these functions: completions come later, from its loop.
 */
#ifndef KINKD_HOST_H
#define KINKD_HOST_H

#include <stdint.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/log.h"
#include "kinkd/agreement.h"
#include "kinkd/credentials.h"
#include "kinkd/dataplane.h"
#include "kinkd/kerberos.h"

/* UDP port of ISAKMP (RFC 2408 2.5.1). */
#define IKE_PORT 500

/* Which of the host's sockets a datagram goes through or came in by. */
enum host_port {
	HOST_PORT_KINK, /* UDP 910 */
	HOST_PORT_IKE,  /* UDP 500 */
	/* UDP 4500, which ESP shares. Data are without the non-ESP marker of RFC 3948 2.2: the host
	   takes it off and puts it on. Sent without data it is a keepalive (RFC 3948 2.3). */
	HOST_PORT_IKE_NAT,
	HOST_PORT_COUNT
};

struct host_datagram {
	enum host_port port;
	struct endpoint local; /* the address that was, or is to be, used on this side */
	struct endpoint remote;
	struct bytes data;
};

/* The name of an address, confirmed in both directions by the system's resolver. */
struct host_name_completion {
	uint64_t token;
	struct problem problem; /* ERR_NOT_FOUND when no name, or none that leads back */
	const char *name;       /* lower-case FQDN without a trailing dot; borrowed */
};

struct host {
	void *self;
	struct log *log;
	/* Monotonic milliseconds. */
	uint64_t (*now_ms)(void *self);
	/* POSIX time in seconds, as the wall clock says. */
	int64_t (*time)(void *self);
	/* Cryptographically strong random octets; cannot fail. */
	void (*random)(void *self, void *out, size_t len);
	/* Best effort, as UDP is: a failure is counted and logged by the host. */
	void (*send)(void *self, const struct host_datagram *datagram);
	/* The engine wants kx_run_timers() at due_ms; replaces the wish before it. */
	void (*wake_at)(void *self, uint64_t due_ms);
	/* ERR_LIMIT when too many requests wait: the caller drops the work. */
	enum err (*kerberos)(void *self, const struct kerberos_request *request);
	/* Who we are in Kerberos, unless a peer's entry says otherwise; false while nobody knows.
	 */
	bool (*principal)(void *self, char out[KERBEROS_NAME_MAX]);
	/* Frees a session; there is no completion. */
	void (*kerberos_release)(void *self, uint64_t session, uint32_t affinity);
	/* ERR_LIMIT when too many requests wait. */
	enum err (*agree)(void *self, const struct agreement_request *request);
	/* ERR_LIMIT when too many requests wait. */
	enum err (*credentials)(void *self, const struct credentials_request *request);
	void (*dataplane)(void *self, const struct dataplane_request *request);
	/* Which name has this address; the answer is a host_name_completion. */
	enum err (*resolve)(void *self, const struct address *address, uint64_t token);
	/* The engine cannot keep what it promised, say to protect some traffic: the host must end.
	 */
	void (*failed)(void *self, const struct problem *problem);
	/* The local address that packets to remote leave from; ERR_NOT_FOUND without a route. */
	enum err (*source_address)(void *self, const struct address *remote, struct address *out);
};

#endif
