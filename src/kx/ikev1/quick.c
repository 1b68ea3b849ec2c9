/*
 * Quick Mode's frame: who begins it, which message belongs to it, and how it ends. What its two
 * sides do stands in quick-initiator.c and quick-responder.c.
 */
#include <string.h>
#include <utlist.h>

#include "base/secret.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase2.h"
#include "kx/ikev1/proposal.h"

void ikev1_quick_free(struct ikev1_quick *quick)
{
	struct ikev1_peer *peer = quick->peer;
	struct ikev1 *ikev1 = peer->ikev1;

	timers_cancel(kx_timers(ikev1->kx), &quick->timer);
	ikev1_exchange_clear(&quick->exchange);
	ikev1_received_clear(&quick->received);
	quick_key_exchange_free(quick->key_exchange);
	bytes_drop(&quick->peer_nonce);
	bytes_drop(&quick->peer_value);
	bytes_drop(&quick->identities[0]);
	bytes_drop(&quick->identities[1]);
	DL_DELETE2(peer->quicks, quick, previous, next);
	slots_remove(&ikev1->quicks, quick->handle);
	secret_free(quick, sizeof(*quick));
	ikev1_peer_drop(peer);
}

void ikev1_quick_fail(
    struct ikev1_quick *quick, enum kx_failure failure, const struct problem *problem)
{
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	struct kx_negotiation *negotiation = quick->negotiation;
	struct sa_pair *pair = quick->pair;

	if (!quick->initiator) {
		kx_count(ikev1->kx, KX_RESPONSES_REFUSED);
		ikev1_log_stranger(ikev1, &(struct endpoint){quick->peer->key.remote, IKEV1_PORT},
		    "refused to make an SA", problem->text);
	}
	if (pair != NULL) {
		pair->owner = 0;
		if (quick->sent)
			ikev1_tell_pair_deleted(ikev1, pair);
		sad_remove(kx_sad(ikev1->kx), pair);
	}
	ikev1_quick_free(quick);
	if (negotiation != NULL)
		kx_negotiation_failed(ikev1->kx, negotiation, failure, problem);
}

/* As far as we can know, the peer now sends through what was made. */
static void over(struct timer *timer, void *context)
{
	struct ikev1_quick *quick = context;
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	struct sa_pair *pair = sad_by_handle(kx_sad(ikev1->kx), quick->made);
	bool initiator = quick->initiator;

	(void)timer;
	ikev1_quick_free(quick);
	if (pair != NULL && initiator)
		kx_pair_confirmed(ikev1->kx, pair);
}

void ikev1_quick_done(struct ikev1_quick *quick)
{
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	uint64_t due = ikev1_now(ikev1) + ikev1_cycle_ms(ikev1);

	quick->over = true;
	quick->made = quick->pair->handle;
	quick->pair = NULL;
	if (timers_set(kx_timers(ikev1->kx), &quick->timer, due, over, quick) != ERR_OK)
		over(&quick->timer, quick);
}

static void silent(void *context)
{
	struct ikev1_quick *quick = context;
	struct ikev1_sa *sa = quick->sa;
	uint32_t tries = quick->exchange.tries;
	bool initiator = quick->initiator;
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	struct problem problem;
	char remote[ENDPOINT_TEXT_SIZE];

	if (ikev1_quick_awaits_connected(quick)) {
		ikev1_quick_unconnected(quick);
		return;
	}
	(void)problem_set(&problem, ERR_TIMEOUT,
	    "%s did not answer %u messages of Quick Mode under an ISAKMP SA that it has, or had",
	    endpoint_format(&sa->path.remote, remote), tries);
	/* It does not know the SA any more, maybe: then another helps. */
	if (initiator && sa->heard_ms + ikev1_cycle_ms(ikev1) <= ikev1_now(ikev1)) {
		if (quick->negotiation != NULL)
			quick->negotiation->again = true;
		quick->sa = NULL;
		ikev1_sa_free(sa);
	}
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
}

static struct ikev1_quick *quick_new(
    struct ikev1_peer *peer, bool initiator, const struct ikev1_step *steps)
{
	struct ikev1 *ikev1 = peer->ikev1;
	const struct host *host = kx_host(ikev1->kx);
	struct ikev1_quick *quick = secret_alloc(sizeof(*quick));

	if (quick == NULL)
		return NULL;
	quick->peer = peer;
	quick->initiator = initiator;
	quick->steps.next = steps;
	quick->exchange.ikev1 = ikev1;
	quick->exchange.silent = silent;
	quick->exchange.context = quick;
	host->random(host->self, quick->nonce, sizeof(quick->nonce));
	if (slots_add(&ikev1->quicks, quick, &quick->handle) != ERR_OK) {
		secret_free(quick, sizeof(*quick));
		return NULL;
	}
	DL_APPEND2(peer->quicks, quick, previous, next);
	return quick;
}

void ikev1_quick_initiate(struct ikev1 *ikev1, struct kx_negotiation *negotiation)
{
	struct ikev1_peer *peer =
	    ikev1_peer_get(ikev1, negotiation->peer, &negotiation->local, &negotiation->remote);
	struct ikev1_quick *quick =
	    peer != NULL ? quick_new(peer, true, ikev1_quick_initiator) : NULL;
	struct problem problem;

	negotiation->work = 0;
	if (quick == NULL) {
		(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory");
		if (peer != NULL)
			ikev1_peer_drop(peer);
		kx_negotiation_failed(ikev1->kx, negotiation, KX_FAILURE_FINAL, &problem);
		return;
	}
	quick->negotiation = negotiation;
	negotiation->work = quick->handle;
	ikev1_steps_run(&quick->steps, quick);
}

void ikev1_quick_abandon(struct ikev1 *ikev1, struct kx_negotiation *negotiation)
{
	static const struct problem withdrawn = {.code = ERR_DENIED};
	struct ikev1_quick *quick = slots_get(&ikev1->quicks, negotiation->work);

	if (quick == NULL || quick->negotiation != negotiation)
		return;
	quick->negotiation = NULL;
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &withdrawn);
}

struct ikev1_quick *ikev1_quick_find(const struct ikev1_sa *sa, uint32_t message_id)
{
	struct ikev1_quick *quick;

	DL_FOREACH2(sa->peer->quicks, quick, next)
	{
		if (quick->sa == sa && quick->exchange.message_id == message_id)
			return quick;
	}
	return NULL;
}

/* HASH(3) is the only thing in the third message. */
static bool is_confirmation(const struct ikev1_quick *quick, const struct ikev1_received *received)
{
	const struct ikev1_keys *keys = quick->sa->keys;
	const struct isakmp_payload *first = &received->chain.payloads[0];
	uint8_t expected[CRYPTO_PRF_MAX];
	size_t length = prf_length(keys->hash);

	return received->chain.count > 0 && first->type == ISAKMP_HASH &&
	       first->body.len == length &&
	       ikev1_hash_nonces(keys, quick->exchange.message_id, quick->peer_nonce,
		   bytes_of(quick->nonce, sizeof(quick->nonce)), expected) == ERR_OK &&
	       secret_equal(first->body.data, expected, length);
}

static bool is_authentic(
    const struct ikev1_quick *quick, const struct ikev1_received *received, unsigned number)
{
	return number == 3 ? is_confirmation(quick, received)
	                   : ikev1_received_is_authentic(received, quick->sa->keys,
				 bytes_of(quick->nonce, sizeof(quick->nonce)));
}

/* A message of an exchange that is under way. */
static void go_on(struct ikev1_quick *quick, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1 *ikev1 = ikev1_quick_method(quick);
	unsigned number = quick->over ? 0 : ikev1_steps_awaited(&quick->steps);
	struct ikev1_received received = {0};
	uint8_t iv[CBC_BLOCK_MAX];

	if (ikev1_exchange_is_copy(&quick->exchange, datagram->data)) {
		if (!quick->steps.busy || quick->over)
			ikev1_exchange_again(&quick->exchange);
		return;
	}
	if (number == 0) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	if (number == IKEV1_MESSAGE_CONNECTED) {
		ikev1_quick_connected(quick, datagram, header, body);
		return;
	}
	memcpy(iv, quick->exchange.iv, sizeof(iv));
	if (ikev1_received_open(&received, header, body, quick->sa->keys, iv) != ERR_OK ||
	    !is_authentic(quick, &received, number)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNAUTHENTIC);
		ikev1_received_clear(&received);
		return;
	}
	if (!ikev1_received_is_lawful(ikev1, &datagram->remote, &received, number,
		ikev1_family_of(quick->sa->suite.authentication))) {
		ikev1_received_clear(&received);
		return;
	}
	memcpy(quick->exchange.iv, iv, sizeof(iv));
	ikev1_sa_heard(quick->sa, datagram);
	ikev1_received_clear(&quick->received);
	quick->received = received;
	quick->commit = quick->commit || (header->flags & ISAKMP_FLAG_COMMIT) != 0;
	/* Who has yet to say CONNECTED is made to say so again by what goes on being sent. */
	if (number != 3 || !quick->commit)
		ikev1_exchange_answered(&quick->exchange, ikev1_mark(datagram->data));
	ikev1_steps_received(&quick->steps, quick);
}

/* The first message of one that the peer begins. */
static void begin(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	struct ikev1_received received = {0};
	struct ikev1_quick *quick = NULL;
	uint8_t iv[CBC_BLOCK_MAX];

	if (ikev1_sa_took_message_id(sa, header->message_id)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_REPLAYED);
		return;
	}
	if (!ikev1_sa_open(sa, header, body, &received, iv))
		return;
	if (ikev1_received_is_lawful(ikev1, &datagram->remote, &received, 1,
		ikev1_family_of(sa->suite.authentication)) &&
	    ikev1_sa_take_message_id(sa, header->message_id) == ERR_OK &&
	    !kx_is_stopping(ikev1->kx)) {
		ikev1_sa_heard(sa, datagram);
		quick = quick_new(sa->peer, false, ikev1_quick_responder);
	}
	if (quick == NULL) {
		ikev1_received_clear(&received);
		return;
	}
	quick->sa = sa;
	quick->received = received;
	quick->exchange.path = &sa->path;
	quick->exchange.message_id = header->message_id;
	quick->commit = (header->flags & ISAKMP_FLAG_COMMIT) != 0;
	memcpy(quick->exchange.iv, iv, sizeof(iv));
	ikev1_exchange_answered(&quick->exchange, ikev1_mark(datagram->data));
	ikev1_steps_run(&quick->steps, quick);
}

void ikev1_quick_received(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1_quick *quick = ikev1_quick_find(sa, header->message_id);

	if (header->message_id == 0 || (header->flags & ISAKMP_FLAG_ENCRYPTION) == 0)
		kx_count(sa->peer->ikev1->kx, KX_DATAGRAMS_MALFORMED);
	else if (quick != NULL)
		go_on(quick, datagram, header, body);
	else
		begin(sa, datagram, header, body);
}

void ikev1_quick_agreed(struct ikev1_quick *quick, const struct agreement_completion *completion)
{
	enum err error = completion->error;
	struct problem problem;

	if (quick->over)
		return;
	if (error == ERR_OK)
		error = quick_key_exchange_keep(quick->key_exchange, completion);
	if (error == ERR_OK) {
		ikev1_steps_go_on(&quick->steps, quick);
		return;
	}
	(void)problem_set(&problem, error, "the key exchange fails: %s",
	    error == ERR_INVALID ? "the peer's value is not valid" : err_text(error));
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
}

/* Who makes this pair. */
static struct ikev1_quick *owner_of(const struct ikev1 *ikev1, const struct sa_pair *pair)
{
	struct ikev1_quick *quick =
	    slots_get(&ikev1->quicks, pair->owner & ((1ULL << SLOTS_HANDLE_BITS) - 1));

	return quick != NULL && quick->pair == pair ? quick : NULL;
}

/* The data plane has done what a step asked for, or has not. */
static void answered(
    struct ikev1 *ikev1, struct sa_pair *pair, const struct problem *problem, const char *what)
{
	struct ikev1_quick *quick = owner_of(ikev1, pair);
	struct problem why;

	if (quick == NULL)
		return;
	if (problem->code == ERR_OK) {
		ikev1_steps_go_on(&quick->steps, quick);
		return;
	}
	(void)problem_set(&why, problem->code, "%s: %s", what, problem->text);
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &why);
}

void ikev1_quick_reserved(struct ikev1 *ikev1, struct sa_pair *pair, const struct problem *problem)
{
	answered(ikev1, pair, problem, "the data plane gave no SPI");
}

void ikev1_quick_installed(struct ikev1 *ikev1, struct sa_pair *pair, const struct problem *problem)
{
	answered(ikev1, pair, problem, "the data plane refused the SA");
}

static void lose_pair(struct ikev1_quick *quick, enum err code, const char *why)
{
	struct problem problem;

	(void)problem_set(&problem, code, "%s", why);
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
}

void ikev1_quick_gone(struct ikev1 *ikev1, struct sa_pair *pair)
{
	struct ikev1_quick *quick = owner_of(ikev1, pair);

	if (quick == NULL)
		return;
	if (quick->sent)
		ikev1_tell_pair_deleted(ikev1, pair);
	quick->pair = NULL;
	lose_pair(quick, ERR_EXPIRED, "the SA was removed meanwhile");
}

void ikev1_quick_withdrawn(struct ikev1 *ikev1, struct sa_pair *pair)
{
	struct ikev1_quick *quick = owner_of(ikev1, pair);

	if (quick == NULL)
		return;
	quick->sent = false;
	lose_pair(quick, ERR_REFUSED, "the peer deleted the SA at once");
}

/* Whom a notification is about: the one with that SPI, or else the only one there is. */
static struct ikev1_quick *find_refused(
    const struct ikev1_sa *sa, const struct isakmp_notification *notification)
{
	struct ikev1_quick *found = NULL;
	struct ikev1_quick *quick;
	size_t count = 0;
	uint32_t spi;

	DL_FOREACH2(sa->peer->quicks, quick, next)
	{
		if (quick->sa != sa || !quick->initiator || quick->over || quick->pair == NULL)
			continue;
		if (isakmp_spi_decode(notification->spi, &spi) == ERR_OK &&
		    sa_primary(quick->pair)->spi_in == spi)
			return quick;
		found = quick;
		count++;
	}
	return count == 1 ? found : NULL;
}

void ikev1_quick_refused(struct ikev1_sa *sa, const struct isakmp_notification *notification)
{
	struct ikev1_quick *quick = find_refused(sa, notification);
	struct problem problem;

	if (quick == NULL || ikev1_steps_awaited(&quick->steps) != 2)
		return;
	quick->sent = false;
	if (ikev1_quick_do_without_exchange(quick))
		return;
	(void)problem_set(&problem, ERR_REFUSED, "the peer refuses: %s; its log says why",
	    notify_name(notification->type));
	ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
}

void ikev1_quicks_go_on(struct ikev1_peer *peer)
{
	struct ikev1_quick *quick;
	struct ikev1_quick *next;

	/* One that fails ends alone: the SA keeps the peer. */
	for (quick = peer->quicks; quick != NULL; quick = next) {
		next = quick->next;
		if (quick->waiting && ikev1_peer_sa(peer) != NULL) {
			quick->waiting = false;
			ikev1_steps_go_on(&quick->steps, quick);
		}
	}
}

void ikev1_quicks_fail(
    struct ikev1_peer *peer, enum kx_failure failure, bool again, const struct problem *problem)
{
	struct ikev1 *ikev1 = peer->ikev1;
	struct address local = peer->key.local;
	struct address remote = peer->key.remote;
	struct ikev1_quick *quick = peer->quicks;

	/* What a failure brings about may be anything, so each time from the start. */
	while (quick != NULL) {
		if (!quick->waiting) {
			quick = quick->next;
			continue;
		}
		quick->waiting = false;
		if (again && quick->negotiation != NULL)
			quick->negotiation->again = true;
		ikev1_quick_fail(quick, failure, problem);
		peer = ikev1_peer_find(ikev1, &local, &remote);
		quick = peer != NULL ? peer->quicks : NULL;
	}
}

/* Any that is under it. */
static struct ikev1_quick *first_under(const struct ikev1_sa *sa)
{
	struct ikev1_quick *quick = sa->peer->quicks;

	while (quick != NULL && quick->sa != sa)
		quick = quick->next;
	return quick;
}

void ikev1_quicks_lose(struct ikev1_sa *sa)
{
	struct ikev1_quick *quick;

	/* What a failure brings about may be anything, so each time from the start. */
	while ((quick = first_under(sa)) != NULL) {
		struct problem problem;

		if (quick->over) {
			over(&quick->timer, quick);
			continue;
		}
		(void)problem_set(
		    &problem, ERR_EXPIRED, "the ISAKMP SA ended while Quick Mode was under way");
		if (quick->negotiation != NULL)
			quick->negotiation->again = true;
		ikev1_quick_fail(quick, KX_FAILURE_FINAL, &problem);
	}
}
