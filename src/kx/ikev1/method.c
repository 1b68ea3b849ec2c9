/* IKEv1's place in the key-exchange layer: its state, and where each event goes. */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "kx/ikev1/dpd.h"
#include "kx/ikev1/fragment.h"
#include "kx/ikev1/ikev1.h"
#include "kx/ikev1/informational.h"
#include "kx/ikev1/phase1.h"
#include "kx/ikev1/phase2.h"

#define LINES_PER_SECOND  5
#define ERRORS_PER_SECOND 20

uint64_t ikev1_token(enum ikev1_owner owner, uint64_t handle)
{
	return KX_TOKEN_METHOD(EXCHANGE_IKEV1) | (uint64_t)owner << SLOTS_HANDLE_BITS | handle;
}

static enum ikev1_owner owner_of(uint64_t token)
{
	return (enum ikev1_owner)(token >> SLOTS_HANDLE_BITS & 0xff);
}

static uint64_t handle_of(uint64_t token)
{
	return token & ((1ULL << SLOTS_HANDLE_BITS) - 1);
}

uint64_t ikev1_now(const struct ikev1 *ikev1)
{
	const struct host *host = kx_host(ikev1->kx);

	return host->now_ms(host->self);
}

void ikev1_log_stranger(
    struct ikev1 *ikev1, const struct endpoint *remote, const char *what, const char *why)
{
	const struct host *host = kx_host(ikev1->kx);
	char text[ENDPOINT_TEXT_SIZE];

	if (limit_take(&ikev1->log_limit, host->now_ms(host->self)))
		log_event(host->log, LOG_LEVEL_WARNING, LOG_AREA_IKEV1,
		    LOG_FIELDS({"remote", endpoint_format(remote, text)}), "%s: %s", what, why);
}

static enum err ikev1_open(struct kx *kx, void **state)
{
	const struct host *host = kx_host(kx);
	struct ikev1 *ikev1 = calloc(1, sizeof(*ikev1));
	uint32_t agreements = kx_policy(kx)->daemon.max_agreements;
	uint64_t now;

	if (ikev1 == NULL)
		return ERR_NO_MEMORY;
	ikev1->kx = kx;
	now = host->now_ms(host->self);
	host->random(host->self, ikev1->secret, sizeof(ikev1->secret));
	limit_init(&ikev1->agreement_limit, agreements, agreements, now);
	limit_init(&ikev1->log_limit, 4 * LINES_PER_SECOND, LINES_PER_SECOND, now);
	limit_init(&ikev1->error_limit, ERRORS_PER_SECOND, ERRORS_PER_SECOND, now);
	*state = ikev1;
	return ERR_OK;
}

static void ikev1_close(void *state)
{
	struct ikev1 *ikev1 = state;
	struct ikev1_peer *peer;
	struct ikev1_peer *next;
	struct ikev1_quick *quick;
	struct ikev1_sa *sa;
	uint32_t cursor = 0;

	while ((quick = slots_next(&ikev1->quicks, &cursor)) != NULL)
		ikev1_quick_free(quick);
	HASH_ITER (by_key, ikev1->peers, peer, next) {
		ikev1_questions_clear(peer);
		ikev1_peer_drop(peer);
	}
	cursor = 0;
	while ((sa = slots_next(&ikev1->sas, &cursor)) != NULL)
		ikev1_sa_free(sa);
	ikev1_half_open_clear(ikev1);
	ikev1_echoes_clear(ikev1);
	slots_clear(&ikev1->quicks);
	slots_clear(&ikev1->sas);
	secret_wipe(ikev1->secret, sizeof(ikev1->secret));
	free(ikev1);
}

/* Peers would go on using what only they know of. */
static void quit(void *state)
{
	struct ikev1 *ikev1 = state;
	struct ikev1_sa *sa;
	uint32_t cursor = 0;

	while ((sa = slots_next(&ikev1->sas, &cursor)) != NULL) {
		ikev1_tell_deleted(sa);
		ikev1_sa_free(sa);
	}
}

static bool is_busy(void *state)
{
	return ((const struct ikev1 *)state)->echoes != NULL;
}

static void initiate(void *state, struct kx_negotiation *negotiation)
{
	ikev1_quick_initiate(state, negotiation);
}

static void abandon(void *state, struct kx_negotiation *negotiation)
{
	ikev1_quick_abandon(state, negotiation);
}

static void delete_pair(void *state, struct sa_pair *pair)
{
	struct ikev1 *ikev1 = state;

	ikev1_tell_pair_deleted(ikev1, pair);
	sad_retire(kx_sad(ikev1->kx), pair);
}

static void probe(void *state, struct kx_probe *kx_probe)
{
	ikev1_probe(state, kx_probe);
}

static void withdraw_probe(void *state, struct kx_probe *kx_probe)
{
	ikev1_withdraw_probe(state, kx_probe);
}

/* A message of an SA that is known. */
static void known(struct ikev1_sa *sa, const struct host_datagram *datagram,
    const struct isakmp_header *header, struct bytes body)
{
	struct ikev1 *ikev1 = sa->peer->ikev1;
	bool encrypted = (header->flags & ISAKMP_FLAG_ENCRYPTION) != 0;

	switch (header->exchange) {
	case ISAKMP_EXCHANGE_IDENTITY_PROTECTION:
	case ISAKMP_EXCHANGE_AGGRESSIVE:
		ikev1_phase1_received(sa, datagram, header, body);
		break;
	case ISAKMP_EXCHANGE_QUICK:
		if (sa->established) {
			ikev1_quick_received(sa, datagram, header, body);
		} else {
			/* Aggressive mode's last message has got lost: ask for it once more. */
			kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
			if (!sa->initiator && sa->phase1 != NULL && !sa->phase1->steps.busy)
				ikev1_exchange_again(&sa->exchange);
		}
		break;
	case ISAKMP_EXCHANGE_INFORMATIONAL:
		if (encrypted)
			ikev1_informed(sa, datagram, header, body);
		else
			ikev1_informed_plain(ikev1, datagram, header, body);
		break;
	case ISAKMP_EXCHANGE_NEW_GROUP:
		ikev1_new_group_received(sa, datagram, header, body);
		break;
	default:
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		break;
	}
}

static bool is_zero(const uint8_t cookie[IKEV1_COOKIE_SIZE])
{
	static const uint8_t zero[IKEV1_COOKIE_SIZE];

	return memcmp(cookie, zero, sizeof(zero)) == 0;
}

/* A message of no SA that is known: the beginning of one, or its answer. */
static void unknown(struct ikev1 *ikev1, const struct ikev1_cookies *cookies,
    const struct host_datagram *datagram, const struct isakmp_header *header, struct bytes body)
{
	struct ikev1_cookies first = *cookies;
	struct ikev1_half_open *half_open = ikev1_half_open_find(ikev1, cookies);
	struct ikev1_sa *sa;
	bool main_mode = header->exchange == ISAKMP_EXCHANGE_IDENTITY_PROTECTION;
	bool aggressive = header->exchange == ISAKMP_EXCHANGE_AGGRESSIVE;
	bool plain = (header->flags & ISAKMP_FLAG_ENCRYPTION) == 0;

	memset(first.responder, 0, sizeof(first.responder));
	sa = ikev1_sa_find(ikev1, &first);
	if (header->exchange == ISAKMP_EXCHANGE_INFORMATIONAL && plain)
		ikev1_informed_plain(ikev1, datagram, header, body);
	else if (half_open != NULL && main_mode && plain)
		ikev1_phase1_respond_main(ikev1, half_open, datagram, header, body);
	else if (is_zero(cookies->responder) && main_mode && plain)
		ikev1_half_open_begin(ikev1, datagram, header, body);
	else if (is_zero(cookies->responder) && aggressive && plain)
		ikev1_phase1_respond_aggressive(ikev1, datagram, header, body);
	else if (sa != NULL && (main_mode || aggressive) &&
		 endpoint_equal(&datagram->remote, &sa->path.remote))
		ikev1_phase1_received(sa, datagram, header, body);
	else
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
}

static void message_came(struct ikev1 *ikev1, const struct host_datagram *datagram, bool whole);

/* The SA that a part of a message is for: one with these cookies, or one that awaits the second. */
static struct ikev1_sa *find(const struct ikev1 *ikev1, const struct ikev1_cookies *cookies)
{
	struct ikev1_sa *sa = ikev1_sa_find(ikev1, cookies);
	struct ikev1_cookies first = *cookies;

	memset(first.responder, 0, sizeof(first.responder));
	return sa != NULL ? sa : ikev1_sa_find(ikev1, &first);
}

/* A part of a message, which is read when it is whole. */
static void part_came(struct ikev1 *ikev1, const struct ikev1_cookies *cookies,
    const struct host_datagram *datagram, struct bytes body)
{
	struct ikev1_sa *sa = find(ikev1, cookies);
	struct ikev1_half_open *half_open =
	    sa == NULL ? ikev1_half_open_find(ikev1, cookies) : NULL;
	const struct ikev1_path *path = sa != NULL          ? &sa->path
	                                : half_open != NULL ? &half_open->path
	                                                    : NULL;
	struct host_datagram message = *datagram;
	struct isakmp_chain chain;

	if (path == NULL || !address_equal(&datagram->remote.address, &path->remote.address)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_UNEXPECTED);
		return;
	}
	if (isakmp_chain_decode(ISAKMP_FRAGMENT, body, &chain) != ERR_OK || chain.count != 1) {
		kx_count(ikev1->kx, KX_DATAGRAMS_MALFORMED);
		return;
	}
	if (!(sa != NULL ? ikev1_assemble(&sa->assembly, chain.payloads[0].body, &message.data)
			 : ikev1_half_open_assemble(
			       ikev1, half_open, chain.payloads[0].body, &message.data)))
		return;
	message_came(ikev1, &message, true);
	bytes_drop(&message.data);
}

/* whole: it came in parts, and is none itself. */
static void message_came(struct ikev1 *ikev1, const struct host_datagram *datagram, bool whole)
{
	struct isakmp_header header;
	struct ikev1_cookies cookies;
	struct ikev1_sa *sa;
	struct bytes body;
	enum notify_type notify;

	if (isakmp_header_decode(datagram->data, &header, &body, &notify) != ERR_OK ||
	    is_zero(header.initiator_cookie) || (whole && header.next_payload == ISAKMP_FRAGMENT)) {
		kx_count(ikev1->kx, KX_DATAGRAMS_MALFORMED);
		return;
	}
	memcpy(cookies.initiator, header.initiator_cookie, IKEV1_COOKIE_SIZE);
	memcpy(cookies.responder, header.responder_cookie, IKEV1_COOKIE_SIZE);
	sa = is_zero(cookies.responder) ? NULL : ikev1_sa_find(ikev1, &cookies);
	if (header.next_payload == ISAKMP_FRAGMENT)
		part_came(ikev1, &cookies, datagram, body);
	else if (sa != NULL)
		known(sa, datagram, &header, body);
	else
		unknown(ikev1, &cookies, datagram, &header, body);
}

static void datagram_came(void *state, const struct host_datagram *datagram)
{
	message_came(state, datagram, false);
}

static void agreement_done(void *state, const struct agreement_completion *completion)
{
	struct ikev1 *ikev1 = state;
	uint64_t handle = handle_of(completion->token);
	struct ikev1_quick *quick;
	struct ikev1_sa *sa;

	if (owner_of(completion->token) == IKEV1_OWNER_QUICK) {
		quick = slots_get(&ikev1->quicks, handle);
		if (quick != NULL)
			ikev1_quick_agreed(quick, completion);
	} else {
		sa = slots_get(&ikev1->sas, handle);
		if (sa != NULL)
			ikev1_phase1_agreed(sa, completion);
	}
}

static void credentials_done(void *state, const struct credentials_completion *completion)
{
	struct ikev1 *ikev1 = state;
	struct ikev1_sa *sa = slots_get(&ikev1->sas, handle_of(completion->token));

	if (sa != NULL)
		ikev1_phase1_credentials_done(sa, completion);
}

static void kerberos_done(void *state, const struct kerberos_completion *completion)
{
	struct ikev1 *ikev1 = state;
	const struct host *host = kx_host(ikev1->kx);
	struct ikev1_sa *sa = slots_get(&ikev1->sas, handle_of(completion->token));

	if (sa != NULL && sa->phase1 != NULL)
		ikev1_phase1_kerberos_done(sa, completion);
	else if (completion->session != KERBEROS_SESSION_NONE)
		host->kerberos_release(host->self, completion->session, completion->affinity);
}

static void sa_reserved(void *state, struct sa_pair *pair, const struct problem *problem)
{
	ikev1_quick_reserved(state, pair, problem);
}

static void sa_installed(void *state, struct sa_pair *pair, const struct problem *problem)
{
	ikev1_quick_installed(state, pair, problem);
}

static void sa_gone(void *state, struct sa_pair *pair)
{
	ikev1_quick_gone(state, pair);
}

const struct kx_method ikev1_method = {
    .exchange = EXCHANGE_IKEV1,
    .open = ikev1_open,
    .close = ikev1_close,
    .busy = is_busy,
    .quit = quit,
    .initiate = initiate,
    .abandon = abandon,
    .delete_pair = delete_pair,
    .probe = probe,
    .withdraw_probe = withdraw_probe,
    .datagram = datagram_came,
    .kerberos_done = kerberos_done,
    .agreement_done = agreement_done,
    .credentials_done = credentials_done,
    .sa_reserved = sa_reserved,
    .sa_installed = sa_installed,
    .sa_gone = sa_gone,
    .list_ike = ikev1_list,
};
