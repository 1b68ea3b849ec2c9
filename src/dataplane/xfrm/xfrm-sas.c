/*
 * The SAD as a whole: what an earlier run left, what is removed at the end, larval SAs, and what
 * the kernel has given up without our hearing of it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "base/secret.h"
#include "crypto/algorithms.h"
#include "crypto/random.h"
#include "dataplane/sa_rules.h"
#include "dataplane/xfrm/private.h"

/* How long SAs of an earlier run serve, until there are others. */
#define GRACE_SECONDS   10
/* How long packets to a host that cannot be negotiated with are dropped without asking again. */
#define REFUSAL_SECONDS 1

struct walk {
	struct dataplane *dataplane;
	bool larval; /* these alone */
};

static const struct xfrm_usersa_info *own_info(const struct nlmsghdr *message)
{
	const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != XFRM_MSG_NEWSA ||
	    message->nlmsg_len < mnl_nlmsg_size(sizeof(*info)) || !message_is_own(info->reqid))
		return NULL;
	return info;
}

static void queue_delete(struct batch *batch, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination, const struct packet_mark *mark)
{
	struct nlmsghdr *message = batch_begin(batch, XFRM_MSG_DELSA);

	message_put_sa_name(message, spi, protocol, destination, mark);
	batch_end(batch, message, NULL, NULL, 0);
}

static uint32_t random_spi(enum ipsec_protocol protocol)
{
	uint32_t spi;

	do {
		random_octets(&spi, sizeof(spi));
		spi = sa_rules_spi_of(protocol, spi);
	} while (spi < SPI_FIRST);
	return spi;
}

static struct dataplane_sa sa_for(const struct wish *wish)
{
	return (struct dataplane_sa){.direction = IPSEC_OUT,
	    .spi = random_spi(wish->protocol),
	    .source = wish->source,
	    .destination = wish->destination,
	    .mode = wish->mode,
	    .policy_id = wish->flow.policy_id,
	    .suite = {.protocol = wish->protocol},
	    .selector = {.local = {wish->flow.local, wish->flow.local},
		.remote = {wish->flow.remote, wish->flow.remote},
		.local_ports = PORT_ANY,
		.remote_ports = PORT_ANY}};
}

/* XFRM deletes SAs by their SPI; a larval one has none until it is given one. */
static void queue_larval_delete(struct batch *batch, const struct wish *wish)
{
	struct dataplane_sa sa = sa_for(wish);
	struct nlmsghdr *message = batch_begin(batch, XFRM_MSG_ALLOCSPI);

	message_put_spi_wish(message, &sa, &wish->scope, sa.spi, sa.spi);
	batch_end(batch, message, NULL, NULL, 0);
	queue_delete(batch, sa.spi, wish->protocol, &wish->destination, &wish->scope.mark);
}

/* The kernel lets it live on for a while, whatever becomes of this process. */
static void queue_grace(struct batch *batch, const struct nlmsghdr *shown)
{
	size_t len = mnl_nlmsg_get_payload_len(shown);
	struct nlmsghdr *message = batch_begin(batch, XFRM_MSG_UPDSA);
	struct xfrm_usersa_info *info = mnl_nlmsg_put_extra_header(message, len);
	uint64_t now = (uint64_t)time(NULL);

	memcpy(info, mnl_nlmsg_get_payload(shown), len);
	info->lft.soft_add_expires_seconds = 0;
	info->lft.hard_add_expires_seconds =
	    (now > info->curlft.add_time ? now - info->curlft.add_time : 0) + GRACE_SECONDS;
	batch_end(batch, message, NULL, NULL, 0);
}

static void remove_one(void *context, const struct nlmsghdr *message)
{
	const struct walk *walk = context;
	const struct xfrm_usersa_info *info = own_info(message);
	struct batch *batch = walk->dataplane->batch;
	struct message_scope scope;
	struct address destination;

	if (info == NULL || (walk->larval && info->id.spi != 0))
		return;
	destination = message_address_of(&info->id.daddr, info->family);
	scope = message_scope_of(message, sizeof(*info));
	if (info->id.spi == 0) {
		struct wish wish = monitor_wish_of(message);

		queue_larval_delete(batch, &wish);
	} else {
		queue_delete(batch, ntohl(info->id.spi), (enum ipsec_protocol)info->id.proto,
		    &destination, &scope.mark);
	}
}

/*
 * An SA that carries packets does so until it has a successor, which is asked for at once, for the
 * peer may send by it, too. Others go: larval ones, and those that refuse.
 */
static void relieve(void *context, const struct nlmsghdr *message)
{
	const struct walk *walk = context;
	const struct xfrm_usersa_info *info = own_info(message);

	if (info == NULL)
		return;
	if (info->id.spi == 0 || info->lft.hard_add_expires_seconds == REFUSAL_SECONDS ||
	    message->nlmsg_len > BATCH_MESSAGE_MAX) {
		remove_one(context, message);
		return;
	}
	queue_grace(walk->dataplane->batch, message);
	if (message_direction_of_reqid(info->reqid) == IPSEC_OUT)
		monitor_wants_successor(walk->dataplane->monitor, info);
}

enum err sas_relieve(struct dataplane *dp, struct problem *problem)
{
	struct walk walk = {.dataplane = dp};
	enum err code = batch_dump(dp->batch, XFRM_MSG_GETSA, relieve, &walk, problem);

	batch_flush(dp->batch);
	return code;
}

enum err sas_remove(struct dataplane *dp, bool larval, struct problem *problem)
{
	struct walk walk = {.dataplane = dp, .larval = larval};
	enum err code = batch_dump(dp->batch, XFRM_MSG_GETSA, remove_one, &walk, problem);

	batch_flush(dp->batch);
	while (dp->states.by_name != NULL)
		states_forget(&dp->states, dp->states.by_name);
	return code;
}

/* Packets that wait find the SA that refuses them. Without it they would only be asked for again.
 */
static void refusal_done(void *context, uint64_t index, const struct batch_answer *answer)
{
	struct dataplane *dp = context;

	if (answer->error == 0)
		policies_renew(dp->policies, dp->batch, (uint32_t)index);
}

/*
 * An SA through which nothing can go, for its sequence numbers are used up (RFC 4303 3.3.3). It
 * takes the larval one's place: packets that wait for it are dropped, not those behind them in the
 * policy's queue that have an SA by now; and the kernel does not ask again for each packet.
 */
static void queue_refusal(struct dataplane *dp, const struct wish *wish)
{
	struct dataplane_sa sa = sa_for(wish);
	struct xfrm_replay_state used_up = {.oseq = UINT32_MAX};
	struct message_terms terms = {.scope = wish->scope};
	struct nlmsghdr *message = batch_begin(dp->batch, XFRM_MSG_NEWSA);

	if (wish->protocol == IPSEC_AH) {
		sa.suite.integrity = INTEGRITY_HMAC_SHA2_256_128;
	} else {
		sa.suite.encryption = ENCRYPTION_AES_GCM_16;
		sa.suite.key_bits = 128;
	}
	sa.key_len = (uint16_t)suite_key_length(&sa.suite);
	random_octets(sa.key, sa.key_len);
	sa.hard_seconds = REFUSAL_SECONDS;
	message_put_sa(message, &sa, &terms);
	mnl_attr_put(message, XFRMA_REPLAY_VAL, sizeof(used_up), &used_up);
	batch_end(dp->batch, message, refusal_done, dp, wish->index);
	secret_wipe(&sa, sizeof(sa));
}

void sas_drop_larval(struct dataplane *dp, const struct wish *wish)
{
	queue_larval_delete(dp->batch, wish);
}

void sas_refuse(struct dataplane *dp, const struct wish *wish)
{
	if (wish->protocol != IPSEC_IPCOMP)
		queue_refusal(dp, wish);
	/* Where the kernel would not have it. */
	queue_larval_delete(dp->batch, wish);
}

/* A flow that goes clear, with the larval SA that keeps the kernel from asking at each packet. */
struct resting {
	struct wish wish;
	uint64_t over_ms;
	struct resting *next, *prev;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sas_rest(struct dataplane *dp, const struct wish *wish)
{
	struct resting *resting = calloc(1, sizeof(*resting));

	if (resting == NULL) {
		sas_drop_larval(dp, wish);
		return;
	}
	resting->wish = *wish;
	resting->over_ms = now_ms() + REFUSAL_SECONDS * 1000;
	if (dp->resting == NULL)
		monitor_remind(dp->monitor, REFUSAL_SECONDS * 1000);
	DL_APPEND(dp->resting, resting);
}

void sas_end_rest(struct dataplane *dp)
{
	while (dp->resting != NULL) {
		struct resting *first = dp->resting;
		uint64_t now = now_ms();

		if (first->over_ms > now) {
			monitor_remind(dp->monitor, first->over_ms - now);
			return;
		}
		DL_DELETE(dp->resting, first);
		sas_drop_larval(dp, &first->wish);
		free(first);
	}
}

void sas_clear_rest(struct dataplane *dp)
{
	while (dp->resting != NULL) {
		struct resting *first = dp->resting;

		DL_DELETE(dp->resting, first);
		free(first);
	}
}

/* Reports what the kernel has, and marks SAs that are still there. */
static void look(void *context, const struct nlmsghdr *message)
{
	const struct walk *walk = context;
	const struct xfrm_usersa_info *info = own_info(message);
	struct dataplane *dp = walk->dataplane;
	struct dataplane_expiry expiry;
	struct address destination;
	struct state *state;

	if (info == NULL)
		return;
	destination = message_address_of(&info->id.daddr, info->family);
	if (info->id.spi == 0) {
		monitor_wanted(dp->monitor, message);
		return;
	}
	state = states_find(
	    &dp->states, ntohl(info->id.spi), (enum ipsec_protocol)info->id.proto, &destination);
	if (state == NULL)
		return;
	state->seen = true;
	expiry = (struct dataplane_expiry){.spi = state->name.spi,
	    .destination = destination,
	    .protocol = (enum ipsec_protocol)state->name.protocol,
	    .direction = state->direction};
	if (info->curlft.bytes >= info->lft.soft_byte_limit ||
	    info->curlft.packets >= info->lft.soft_packet_limit)
		dp->listener.expired(dp->listener.self, &expiry);
}

void sas_resynchronise(struct dataplane *dp)
{
	struct walk walk = {.dataplane = dp};
	struct problem problem = {.code = ERR_OK};
	struct state *state;
	struct state *next;

	HASH_ITER (hh, dp->states.by_name, state, next)
		state->seen = false;
	if (batch_dump(dp->batch, XFRM_MSG_GETSA, look, &walk, &problem) != ERR_OK) {
		log_event(dp->log, LOG_LEVEL_WARNING, LOG_AREA_DATAPLANE, LOG_NO_FIELDS, "%s",
		    problem.text);
		return;
	}
	HASH_ITER (hh, dp->states.by_name, state, next) {
		struct dataplane_expiry expiry = {.spi = state->name.spi,
		    .destination = state->name.destination,
		    .protocol = (enum ipsec_protocol)state->name.protocol,
		    .direction = state->direction,
		    .hard = true,
		    .lost = true};

		if (state->installed && !state->seen)
			dp->listener.expired(dp->listener.self, &expiry);
	}
}
