/* SAs: RFC 4301 4.4.2 by XFRM_MSG_ALLOCSPI, NEWSA, UPDSA, DELSA and GETSA. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/algorithms.h"
#include "crypto/random.h"
#include "dataplane/sa_rules.h"
#include "dataplane/xfrm/private.h"

/* What to do about an error that the administrator can do something about. */
static const char *hint_of(int error)
{
	switch (error) {
	case EPROTONOSUPPORT:
		return "; the kernel lacks the protocol: load its module (esp4, esp6, ah4, ah6, "
		       "ipcomp, ipcomp6), or set daemon.dataplane to \"userspace\"";
	case ENOSYS:
	case ENOENT:
		return "; the kernel lacks the algorithm: load its module, or choose another suite";
	case EPERM:
		return "; the daemon needs CAP_NET_ADMIN";
	default:
		return "";
	}
}

#define OFFLOAD_HINT                                                                               \
	"; the policy's offload may be more than the card can do: see ethtool -k for "             \
	"esp-hw-offload, or remove it"

static enum err code_of(int error)
{
	switch (error) {
	case ESRCH:
		return ERR_NOT_FOUND;
	case EEXIST:
		return ERR_EXISTS;
	case ENOMEM:
	case ENOBUFS:
		return ERR_NO_MEMORY;
	case EPERM:
		return ERR_DENIED;
	case EPROTONOSUPPORT:
	case ENOSYS:
	case ENOENT:
		return ERR_UNSUPPORTED;
	default:
		return ERR_SYSTEM;
	}
}

/* "SA 0000abcd (aes256gcm16 from 10.0.0.1 to 10.0.0.2, policy "realm")": what the kernel said. */
static void explain(struct work *work, const struct batch_answer *answer)
{
	const struct dataplane_sa *sa = &work->sa;
	char suite[SUITE_TEXT_SIZE];
	char source[ADDRESS_TEXT_SIZE];
	char destination[ADDRESS_TEXT_SIZE];
	char policy[POLICIES_NAME_SIZE];
	bool offloads = policies_terms(work->dataplane->policies, sa->policy_id).device != 0;

	(void)problem_set(&work->completion.problem, code_of(answer->error),
	    "SA %08x (%s from %s to %s, %s): the kernel says %s%s%s%s%s", sa->spi,
	    suite_format(&sa->suite, suite), address_format(&sa->source, source),
	    address_format(&sa->destination, destination),
	    policies_name(work->dataplane->policies, sa->policy_id, policy),
	    strerror(answer->error), answer->text[0] != '\0' ? ": " : "", answer->text,
	    hint_of(answer->error), offloads ? OFFLOAD_HINT : "");
}

static const struct xfrm_usersa_info *info_of(const struct nlmsghdr *reply)
{
	if (reply == NULL || reply->nlmsg_len < mnl_nlmsg_size(sizeof(struct xfrm_usersa_info)))
		return NULL;
	return mnl_nlmsg_get_payload(reply);
}

static void reserved(void *context, uint64_t argument, const struct batch_answer *answer)
{
	struct work *work = context;
	const struct xfrm_usersa_info *info = info_of(answer->reply);
	struct dataplane_sa *sa = &work->sa;

	(void)argument;
	if (info != NULL) {
		sa->spi = ntohl(info->id.spi);
		work->completion.spi = sa->spi;
		if (states_find(&work->dataplane->states, sa->spi, sa->suite.protocol,
			&sa->destination) == NULL &&
		    states_add(&work->dataplane->states, sa->spi, sa->suite.protocol,
			&sa->destination) == NULL)
			(void)problem_set(
			    &work->completion.problem, ERR_NO_MEMORY, "out of memory for an SA");
	} else if (answer->error != 0) {
		explain(work, answer);
	} else {
		(void)problem_set(&work->completion.problem, ERR_SYSTEM, "the kernel gave no SPI");
	}
	work_release(work);
}

/* All SPIs but those below 256 (RFC 4303 2.1); CPIs up to 61439 (RFC 3173 3.3). */
void sa_reserve(struct work *work)
{
	uint32_t last = work->sa.suite.protocol == IPSEC_IPCOMP ? CPI_LAST : UINT32_MAX;
	struct message_terms terms = policies_terms(work->dataplane->policies, work->sa.policy_id);
	struct nlmsghdr *message = batch_begin(work->dataplane->batch, XFRM_MSG_ALLOCSPI);

	work_hold(work);
	work->sa.direction = IPSEC_IN;
	terms.scope.mark = (struct packet_mark){0};
	message_put_spi_wish(message, &work->sa, &terms.scope, SPI_FIRST, last);
	batch_end(work->dataplane->batch, message, reserved, work, 0);
}

/* Packets that wait in the policy's queue go at once, not when the kernel looks next. */
static void fulfilled(void *context, const struct wish *wish)
{
	struct dataplane *dp = context;

	policies_renew(dp->policies, dp->batch, wish->index);
}

static void queue_add(struct work *work, uint16_t type);

static void added(void *context, uint64_t type, const struct batch_answer *answer)
{
	struct work *work = context;
	struct dataplane *dp = work->dataplane;
	const struct dataplane_sa *sa = &work->sa;
	struct state *state =
	    states_find(&dp->states, sa->spi, sa->suite.protocol, &sa->destination);

	if (answer->error == ESRCH && type == XFRM_MSG_UPDSA) {
		/* The reservation was too old for the kernel. */
		queue_add(work, XFRM_MSG_NEWSA);
	} else if (answer->error != 0) {
		explain(work, answer);
		if (state != NULL && type == XFRM_MSG_NEWSA)
			states_forget(&dp->states, state);
	} else if (sa->direction == IPSEC_OUT &&
		   (sa->bundle == 0 || sa->bundle_index + 1 == sa->bundle_size)) {
		encapsulation_add(dp->encapsulation, sa);
		policies_require(dp->policies, dp->batch, sa->policy_id, &sa->selector);
		wishes_take_fulfilled(
		    dp->wishes, sa->policy_id, &sa->source, &sa->destination, fulfilled, dp);
	}
	work_release(work);
}

static void queue_add(struct work *work, uint16_t type)
{
	struct message_terms terms = policies_terms(work->dataplane->policies, work->sa.policy_id);
	struct nlmsghdr *message = batch_begin(work->dataplane->batch, type);

	work_hold(work);
	message_put_sa(message, &work->sa, &terms);
	batch_end(work->dataplane->batch, message, added, work, type);
}

void sa_add(struct work *work)
{
	const struct dataplane_sa *sa = &work->sa;
	struct problem *problem = &work->completion.problem;
	struct states *states = &work->dataplane->states;
	struct state *state = states_find(states, sa->spi, sa->suite.protocol, &sa->destination);
	bool reserved = state != NULL && !state->installed;

	work->completion.spi = sa->spi;
	if (sa_rules_check(sa, problem) != ERR_OK || message_check_sa(sa, problem) != ERR_OK)
		return;
	if (state != NULL && !reserved) {
		(void)problem_set(problem, ERR_EXISTS, "SA %08x is installed already", sa->spi);
		return;
	}
	if (state == NULL)
		state = states_add(states, sa->spi, sa->suite.protocol, &sa->destination);
	if (state == NULL) {
		(void)problem_set(problem, ERR_NO_MEMORY, "out of memory for an SA");
		return;
	}
	state->installed = true;
	state->direction = sa->direction;
	if (sa->direction == IPSEC_OUT)
		state->mark = policies_terms(work->dataplane->policies, sa->policy_id).scope.mark;
	queue_add(work, reserved ? XFRM_MSG_UPDSA : XFRM_MSG_NEWSA);
}

static void deleted(void *context, uint64_t argument, const struct batch_answer *answer)
{
	struct work *work = context;

	(void)argument;
	if (answer->error != 0)
		explain(work, answer);
	work_release(work);
}

void sa_delete(struct work *work)
{
	struct dataplane *dp = work->dataplane;
	const struct dataplane_sa *sa = &work->sa;
	struct state *state =
	    states_find(&dp->states, sa->spi, sa->suite.protocol, &sa->destination);
	struct packet_mark mark;
	struct nlmsghdr *message;

	work->completion.spi = sa->spi;
	if (state == NULL) {
		(void)problem_set(&work->completion.problem, ERR_NOT_FOUND, "no SA %08x", sa->spi);
		return;
	}
	if (state->direction == IPSEC_OUT)
		encapsulation_remove(dp->encapsulation, sa->spi);
	mark = state->mark;
	states_forget(&dp->states, state);
	message = batch_begin(dp->batch, XFRM_MSG_DELSA);
	work_hold(work);
	message_put_sa_name(message, sa->spi, sa->suite.protocol, &sa->destination, &mark);
	batch_end(dp->batch, message, deleted, work, 0);
}

static void queried(void *context, uint64_t argument, const struct batch_answer *answer)
{
	struct work *work = context;
	const struct xfrm_usersa_info *info = info_of(answer->reply);

	(void)argument;
	if (info != NULL)
		work->completion.counters =
		    (struct dataplane_counters){.packets = info->curlft.packets,
			.bytes = info->curlft.bytes,
			.replayed = (uint64_t)info->stats.replay + info->stats.replay_window,
			.integrity_failed = info->stats.integrity_failed};
	else
		explain(work, answer);
	work_release(work);
}

void sa_query(struct work *work)
{
	struct dataplane *dp = work->dataplane;
	const struct dataplane_sa *sa = &work->sa;
	const struct state *state =
	    states_find(&dp->states, sa->spi, sa->suite.protocol, &sa->destination);
	struct nlmsghdr *message;

	work->completion.spi = sa->spi;
	if (state == NULL) {
		(void)problem_set(&work->completion.problem, ERR_NOT_FOUND, "no SA %08x", sa->spi);
		return;
	}
	message = batch_begin(dp->batch, XFRM_MSG_GETSA);
	work_hold(work);
	message_put_sa_name(message, sa->spi, sa->suite.protocol, &sa->destination, &state->mark);
	batch_end(dp->batch, message, queried, work, 0);
}

static int find_encapsulation(const struct nlattr *attribute, void *context)
{
	struct xfrm_encap_tmpl **found = context;

	if (mnl_attr_get_type(attribute) == XFRMA_ENCAP &&
	    mnl_attr_get_payload_len(attribute) >= sizeof(**found))
		*found = mnl_attr_get_payload(attribute);
	return MNL_CB_OK;
}

/* Of an SA as the kernel shows it, the port at which the other end is; false when it has none. */
static bool set_remote_port(struct nlmsghdr *message, uint16_t port)
{
	const struct xfrm_usersa_info *info = info_of(message);
	struct xfrm_encap_tmpl *encapsulation = NULL;

	(void)mnl_attr_parse(message, sizeof(*info), find_encapsulation, &encapsulation);
	if (encapsulation == NULL)
		return false;
	if (message_direction_of_reqid(info->reqid) == IPSEC_OUT)
		encapsulation->encap_dport = htons(port);
	else
		encapsulation->encap_sport = htons(port);
	return true;
}

static void explain_move(struct work *work, const struct batch_answer *answer)
{
	char remote[ENDPOINT_TEXT_SIZE];

	(void)problem_set(&work->completion.problem, code_of(answer->error),
	    "SA %08x cannot move to %s: the kernel says %s%s%s", work->move.spi,
	    endpoint_format(&work->move.remote, remote), strerror(answer->error),
	    answer->text[0] != '\0' ? ": " : "", answer->text);
}

static void moved(void *context, uint64_t argument, const struct batch_answer *answer)
{
	struct work *work = context;

	(void)argument;
	if (answer->error != 0)
		explain_move(work, answer);
	work_release(work);
}

/* XFRM changes the ports of an SA that it is told again with the same keys. */
static void found_to_move(void *context, uint64_t argument, const struct batch_answer *answer)
{
	struct work *work = context;
	const struct nlmsghdr *reply = answer->reply;
	struct nlmsghdr *message;

	(void)argument;
	if (info_of(reply) == NULL || reply->nlmsg_len > BATCH_MESSAGE_MAX) {
		explain_move(work, answer);
		work_release(work);
		return;
	}
	message = batch_begin(work->dataplane->batch, XFRM_MSG_UPDSA);
	(void)mnl_nlmsg_put_extra_header(message, mnl_nlmsg_get_payload_len(reply));
	memcpy(mnl_nlmsg_get_payload(message), mnl_nlmsg_get_payload(reply),
	    mnl_nlmsg_get_payload_len(reply));
	if (set_remote_port(message, work->move.remote.port)) {
		work_hold(work);
		batch_end(work->dataplane->batch, message, moved, work, 0);
	} else {
		secret_wipe(message, message->nlmsg_len);
		(void)problem_set(&work->completion.problem, ERR_UNSUPPORTED,
		    "SA %08x cannot move: it is not encapsulated in UDP", work->move.spi);
	}
	work_release(work);
}

void sa_move(struct work *work)
{
	struct dataplane *dp = work->dataplane;
	const struct dataplane_move *move = &work->move;
	const struct state *state =
	    states_find(&dp->states, move->spi, move->protocol, &move->destination);
	struct nlmsghdr *message;

	work->completion.spi = move->spi;
	if (state == NULL) {
		(void)problem_set(
		    &work->completion.problem, ERR_NOT_FOUND, "no SA %08x", move->spi);
		return;
	}
	encapsulation_move(dp->encapsulation, move->spi, &move->remote);
	message = batch_begin(dp->batch, XFRM_MSG_GETSA);
	work_hold(work);
	message_put_sa_name(message, move->spi, move->protocol, &move->destination, &state->mark);
	batch_end(dp->batch, message, found_to_move, work, 0);
}

struct trial {
	struct problem *problem;
	enum err code;
};

static void tried(void *context, uint64_t argument, const struct batch_answer *answer)
{
	struct trial *trial = context;

	(void)argument;
	if (answer->error != 0)
		trial->code = problem_set(trial->problem, code_of(answer->error),
		    "the kernel refuses a trial SA: %s%s%s", strerror(answer->error),
		    answer->text[0] != '\0' ? ": " : "", answer->text);
}

enum err sa_try(struct batch *batch, enum ipsec_protocol protocol, struct problem *problem)
{
	static const struct address loopback = {.family = 4, .octets = {127, 0, 0, 1}};
	struct dataplane_sa sa = {.direction = IPSEC_OUT,
	    .spi = CPI_LAST,
	    .source = loopback,
	    .destination = loopback,
	    .suite = {.protocol = protocol},
	    .selector = {.local = {loopback, loopback},
		.remote = {loopback, loopback},
		.local_ports = PORT_ANY,
		.remote_ports = PORT_ANY},
	    .policy_id = MESSAGE_POLICY_ID_MAX};
	struct trial trial = {.problem = problem};
	static const struct message_terms plain;
	struct nlmsghdr *message;

	if (protocol == IPSEC_ESP) {
		sa.suite.encryption = ENCRYPTION_AES_GCM_16;
		sa.suite.key_bits = 128;
	} else if (protocol == IPSEC_AH) {
		sa.suite.integrity = INTEGRITY_HMAC_SHA2_256_128;
	}
	sa.key_len = (uint16_t)suite_key_length(&sa.suite);
	random_octets(sa.key, sa.key_len);
	message = batch_begin(batch, XFRM_MSG_NEWSA);
	message_put_sa(message, &sa, &plain);
	batch_end(batch, message, tried, &trial, 0);
	message = batch_begin(batch, XFRM_MSG_DELSA);
	message_put_sa_name(message, sa.spi, protocol, &loopback, &plain.scope.mark);
	batch_end(batch, message, NULL, NULL, 0);
	batch_flush(batch);
	secret_wipe(&sa, sizeof(sa));
	return trial.code;
}
