/* What the stand-in's files share: its state, its messages, its two sides. */
#ifndef SIM_STANDIN_PRIVATE_H
#define SIM_STANDIN_PRIVATE_H

#include "realm.h"
#include "standin-octets.h"

#define CHECKSUM_SIZE      12
#define CONFOUNDER_SIZE    16
#define SEAL_OVERHEAD      (CONFOUNDER_SIZE + CHECKSUM_SIZE)
#define LITERAL_PRF_SIZE   20
#define PRF_SIZE           16
#define AP_REQ_SIZE        652
#define AP_REP_SIZE        100
#define ERROR_SIZE         84
#define AUTHENTICATORS_MAX 16
#define TICKETS_MAX        16
#define SCRATCH_SIZE       16384
#define US                 1000000

/* RFC 4120 7.5.9 */
#define AP_ERR_BAD_INTEGRITY   31
#define AP_ERR_TKT_EXPIRED     32
#define AP_ERR_REPEAT          34
#define AP_ERR_NOT_US          35
#define AP_ERR_SKEW            37
#define AP_ERR_BAD_KEY_VERSION 44
#define AP_ERR_USER_TO_USER    69

struct session {
	uint64_t handle;
	uint8_t key[KEY_SIZE];
	bool initiator;
	bool complete;   /* GSS-API: it can wrap */
	bool unanswered; /* GSS-API: no token has come for ours */
	struct ticket ticket;
	struct authenticator {
		int64_t time_us;
		int64_t clock_us; /* the difference that is in it */
	} authenticators[AUTHENTICATORS_MAX];
	size_t authenticator_count;
	struct session *next;
};

struct seen {
	uint64_t client;
	int64_t time_us;
};

struct standin {
	struct sim_realm_settings settings;
	int64_t start_us;
	int64_t latest_us;
	int64_t last_us;
	uint64_t last_session;
	struct session *sessions;
	struct server {
		struct ticket ticket;
		bool known;       /* there is a ticket */
		int64_t clock_us; /* its clock minus ours */
	} servers[TICKETS_MAX];
	size_t server_count;
	struct ticket own, previous; /* ticket-granting; end 0: none */
	struct seen *seen;
	size_t seen_count;
	size_t seen_capacity;
	uint8_t scratch[SCRATCH_SIZE];
	size_t scratch_used;
};

/* standin-messages.c */
/* Octets that live until the next request. */
uint8_t *scratch(struct standin *self, size_t len);
void set_lengths(struct kerberos_completion *completion);
/* Checks the request's checksum and decrypts what is sealed. */
enum err open_message(struct standin *self, const uint8_t *key,
    const struct kerberos_request *request, struct kerberos_completion *completion) MUST_CHECK;
/* Derives the request's keys, where the completion's plain has what is to be put in. */
void derive_from_plain(struct standin *self, struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion);
void protect(struct standin *self, struct session *session, const struct kerberos_request *request,
    struct bytes ap, struct kerberos_completion *completion);

/* standin-gss.c: contexts of GSS-API, whose tokens are AP-REQ and AP-REP behind an octet. */
void standin_gss_frame(struct standin *self, struct kerberos_completion *completion);
/* What is in a token; empty for what is none. */
struct bytes standin_gss_message(struct bytes token);
void standin_gss_accept(struct standin *self, const struct kerberos_request *request,
    struct kerberos_completion *completion);
void standin_gss_verify(
    struct session *session, bool answers, struct kerberos_completion *completion);
void standin_gss_wrap(struct standin *self, const struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion);
void standin_gss_unwrap(struct standin *self, const struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion);

/* standin.c */
struct session *session_add(struct standin *self, const struct ticket *ticket);

/* standin-accept.c */
/* The session of an AP-REQ, with its AP-REP; `message` tells whether one is around it. */
void standin_accept_ap_req(struct standin *self, const struct kerberos_request *request,
    bool message, struct kerberos_completion *completion);
void standin_accept(struct standin *self, const struct kerberos_request *request,
    struct kerberos_completion *completion);
/* Our own ticket, renewed if the KDC is there. */
void standin_renew_own(struct standin *self);
/* ACCEPT of such an AP-REQ. */
bool standin_is_user_to_user(const struct kerberos_request *request);
bool standin_own_is_due(const struct standin *self);
void standin_tgt(struct standin *self, const struct kerberos_request *request,
    struct kerberos_completion *completion);

#endif
