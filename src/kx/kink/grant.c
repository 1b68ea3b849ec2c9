/*
 * One KINK_ISAKMP of a CREATE, as its responder: whether policy grants what it asks for, and the
 * answer to it. RFC 4430 3.2, 5.5, 6.3.
 */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "kx/kink/response.h"

void kink_grant_drop(struct kink_response *response, struct kink_grant *grant)
{
	struct sa_pair *pair = grant->pair;

	grant->pair = NULL;
	if (pair == NULL)
		return;
	pair->owner = 0;
	sad_remove(kx_sad(response->kink->kx), pair);
}

void kink_grant_refuse(struct kink_response *response, struct kink_grant *grant,
    enum notify_type type, const char *why)
{
	kx_count(response->kink->kx, KX_RESPONSES_REFUSED);
	kink_log_stranger(response->kink, &response->remote, "refused to make an SA", why);
	grant->refusal = type;
	kink_grant_drop(response, grant);
}

struct kink_grant *kink_grant_of(const struct kink_response *response, const struct sa_pair *pair)
{
	for (size_t i = 0; i < response->grant_count; i++) {
		if (response->grants[i].pair == pair)
			return &response->grants[i];
	}
	return NULL;
}

struct kink_grant *kink_grant_first(const struct kink_response *response)
{
	for (size_t i = 0; i < response->grant_count; i++) {
		if (response->grants[i].pair != NULL)
			return &response->grants[i];
	}
	return NULL;
}

void kink_grants_free(struct kink_response *response)
{
	for (size_t i = 0; i < response->grant_count; i++) {
		kink_grant_drop(response, &response->grants[i]);
		quick_key_exchange_free(response->grants[i].exchange);
	}
	secret_free(response->grants, response->grant_count * sizeof(*response->grants));
	response->grants = NULL;
	response->grant_count = 0;
}

void kink_remember_withdrawn(struct kink_response *response, uint32_t spi)
{
	struct kink *kink = response->kink;
	const struct host *host = kx_host(kink->kx);

	kink->withdrawn[kink->withdrawn_count++ % KINK_WITHDRAWN] =
	    (struct kink_withdrawn){.remote = response->key.remote,
		.spi = spi,
		.until_ms = host->now_ms(host->self) + kink_memory_ms(kink)};
}

bool kink_is_withdrawn(const struct kink *kink, const struct address *remote, uint32_t spi)
{
	const struct host *host = kx_host(kink->kx);

	for (size_t i = 0; i < KINK_WITHDRAWN; i++) {
		const struct kink_withdrawn *withdrawn = &kink->withdrawn[i];

		if (withdrawn->spi == spi && address_equal(&withdrawn->remote, remote) &&
		    host->now_ms(host->self) < withdrawn->until_ms)
			return true;
	}
	return false;
}

static bool is_same_choice(const struct offer_choice *a, const struct offer_choice *b)
{
	bool same = a->proposal_number == b->proposal_number && a->part_count == b->part_count;

	for (size_t i = 0; same && i < a->part_count; i++)
		same = a->parts[i].transform_number == b->parts[i].transform_number;
	return same;
}

static const struct policy_rule *refuse(
    struct kink_response *response, struct kink_grant *grant, const struct quick_refusal *refusal)
{
	grant->refused_payload = refusal->payload_type;
	kink_grant_refuse(response, grant, refusal->type, refusal->why);
	return NULL;
}

/*
 * The rule under which the peer may have this SA, and the choice that the rule accepts; NULL when
 * the grant is refused.
 */
static const struct policy_rule *judge(struct kink_response *response, struct kink_grant *grant,
    const struct isakmp_chain *chain, struct selector *selector)
{
	const struct policy *policy = kx_policy(response->kink->kx);
	const struct policy_rule *rule;
	struct quick_request request;
	struct quick_refusal refusal;
	const char *wrong;

	if (quick_read_request(
		chain, &response->local, &response->key.remote, &request, &refusal) != ERR_OK)
		return refuse(response, grant, &refusal);
	grant->initiator_nonce = request.nonce;
	grant->peer_value = request.peer_value;
	wrong = kink_dialect_selector(response, grant, chain, request.mode, &request.selector);
	if (wrong == NULL)
		wrong = kink_nat_detect(response, grant, chain, request.mode, &request.selector);
	if (wrong != NULL) {
		kink_grant_refuse(response, grant, NOTIFY_PAYLOAD_MALFORMED, wrong);
		return NULL;
	}
	*selector = request.selector;
	rule = quick_judge_request(policy, EXCHANGE_KINK, &response->local, &response->key.remote,
	    kink_nat_is_between(grant) ? QUICK_PATH_NAT : QUICK_PATH_PLAIN, &request,
	    &grant->choice, &refusal);
	if (rule == NULL)
		return refuse(response, grant, &refusal);
	/* RFC 4430 3.2: when to switch to, or begin with, the three-way handshake. */
	grant->two_way = request.first_known && request.peer_value.len == 0 &&
	                 !kink_nat_is_between(grant) &&
	                 rule->proposal.nonces == POLICY_NONCES_INITIATOR &&
	                 is_same_choice(&grant->choice, &request.first);
	wrong = kink_dialect_forbids(response, grant, &request.first);
	if (wrong != NULL) {
		kink_grant_refuse(response, grant, NOTIFY_NO_PROPOSAL_CHOSEN, wrong);
		return NULL;
	}
	return rule;
}

/* Whether the peer's SPIs can be had. */
static bool spis_are_good(struct kink_response *response, struct kink_grant *grant)
{
	const struct sad *sad = kx_sad(response->kink->kx);

	for (size_t i = 0; i < grant->choice.part_count; i++) {
		const struct offer_part *part = &grant->choice.parts[i];
		const char *why = NULL;

		/* RFC 4430 3.2: the responder MUST reject an SPI that exists. */
		if (sad_has_spi_out(sad, &response->key.remote, part->suite.protocol, part->spi))
			why = "its SPI is in use";
		else if (kink_is_withdrawn(response->kink, &response->key.remote, part->spi))
			why = "it was deleted before it came";
		if (why != NULL) {
			grant->refused_spi = part->spi;
			kink_grant_refuse(response, grant, NOTIFY_INVALID_SPI, why);
			return false;
		}
	}
	return true;
}

/* The pair that was chosen, with the peer's SPIs. */
static enum err add_pair(
    struct kink_response *response, struct kink_grant *grant, const struct sa_pair *model)
{
	const struct offer_choice *choice = &grant->choice;
	struct sad *sad = kx_sad(response->kink->kx);
	enum ipsec_protocol protocols[BUNDLE_MAX];
	struct suite suites[BUNDLE_MAX];
	enum err error;

	offer_suites(choice, suites);
	for (size_t i = 0; i < choice->part_count; i++)
		protocols[i] = suites[i].protocol;
	error = sad_add(sad, model, protocols, choice->part_count, &grant->pair);
	if (error != ERR_OK)
		return error;
	sad_agree(grant->pair, suites, &choice->lifetime);
	kink_nat_encapsulate(response, grant);
	for (size_t i = 0; error == ERR_OK && i < choice->part_count; i++)
		error = sad_set_spi_out(sad, &grant->pair->parts[i], choice->parts[i].spi);
	return error;
}

enum err kink_grant_begin(
    struct kink_response *response, struct kink_grant *grant, const struct isakmp_chain *chain)
{
	struct sa_pair model = {.local = response->local,
	    .remote = response->key.remote,
	    .exchange = EXCHANGE_KINK,
	    .owner = kink_token(KINK_STEP_ACCEPT, response->handle)};
	const struct policy_rule *rule = judge(response, grant, chain, &model.selector);

	if (rule == NULL || !spis_are_good(response, grant))
		return ERR_OK;
	model.mode = rule->mode;
	model.policy_id = rule->id;
	model.packet_limit = rule->proposal.packet_limit;
	return add_pair(response, grant, &model);
}

enum err kink_grant_put(const struct kink_response *response, const struct kink_grant *grant,
    struct kink_writer *message)
{
	const struct sa_pair *pair = grant->pair;
	struct offer answer = {.count = 1, .choices = {grant->choice}};
	struct isakmp_writer chain = kink_isakmp_begin(message);
	enum err error = ERR_OK;

	if (pair == NULL) {
		quick_put_notification(&chain, grant->refusal, IPSEC_ESP, grant->refused_spi,
		    bytes_of(&grant->refused_payload, grant->refused_payload != 0));
		kink_isakmp_end(message);
		return ERR_OK;
	}
	for (size_t i = 0; i < pair->part_count; i++)
		answer.choices[0].parts[i].spi = pair->parts[i].spi_in;
	error = quick_put_offer(&chain, &answer);
	if (response->handshake != NULL)
		isakmp_put(&chain, ISAKMP_NONCE, bytes_of(grant->nonce, sizeof(grant->nonce)));
	if (grant->exchange != NULL)
		isakmp_put(&chain, ISAKMP_KE, quick_key_exchange_public(grant->exchange));
	if (!grant->nameless)
		quick_put_identities(&chain, &grant->asked, &pair->local, &pair->remote, false);
	if (error == ERR_OK)
		error = kink_nat_answer(response, grant, &chain);
	kink_isakmp_end(message);
	return error;
}
