/*
 * KINK across NATs: RFC 3947's detection in a CREATE and its REPLY, where both ends' files say
 * nat = "auto". How it stands in the messages says src/kx/quick/nat.c; replies go to where their
 * command came from anyhow, so that KINK itself needs nothing more.
 *
 * The responder decides: with a NAT in between its REPLY says so and asks for an ACK, since the
 * initiator's optimistic inbound SA takes no encapsulated packets. Which port a NAT gives to the
 * initiator's encapsulated packets nobody knows before the first of them comes: until then the
 * responder assumes what the last SA with that host ended with, or that the port is kept.
 */
#include <string.h>
#include <utlist.h>

#include "kx/kink/command.h"
#include "kx/kink/response.h"
#include "sa/sad.h"

static struct endpoint kink_end(const struct kink *kink, const struct address *address)
{
	return (struct endpoint){*address, kx_policy(kink->kx)->daemon.kink_port};
}

/* The command goes to where kinkd listens. */
static struct quick_ends ends_of_wish(const struct kink *kink, const struct kink_wish *wish)
{
	return (struct quick_ends){.local = kink_end(kink, &wish->pair->local),
	    .remote = kink_end(kink, &wish->pair->remote),
	    .nonce = bytes_of(wish->nonce, sizeof(wish->nonce))};
}

static struct quick_ends ends_of_grant(
    const struct kink_response *response, const struct kink_grant *grant)
{
	return (struct quick_ends){.local = kink_end(response->kink, &response->local),
	    .remote = response->remote,
	    .nonce = grant->initiator_nonce};
}

/* One line in the log for each SA: its outer address is not what one would expect. */
static void say(struct kink *kink, const struct endpoint *remote, const struct quick_nat *nat)
{
	const struct host *host = kx_host(kink->kx);
	char text[ENDPOINT_TEXT_SIZE];
	char outside[ADDRESS_TEXT_SIZE] = "";

	if (nat->local && address_is_set(&nat->outside))
		(void)address_format(&nat->outside, outside);
	log_event(host->log, LOG_LEVEL_INFO, LOG_AREA_KINK,
	    LOG_FIELDS({"remote", endpoint_format(remote, text)}, {"known_as", outside}),
	    "%s behind a NAT: SAs are encapsulated in UDP",
	    nat->local && nat->remote ? "both ends are"
	    : nat->local              ? "this host is"
				      : "the peer is");
}

enum err kink_nat_ask(
    const struct kink *kink, const struct kink_wish *wish, struct isakmp_writer *chain)
{
	struct quick_ends ends = ends_of_wish(kink, wish);

	if (wish->negotiation->peer->nat == POLICY_NAT_OFF)
		return ERR_OK;
	return quick_put_nat_notification(chain, &ends);
}

const char *kink_nat_read(const struct kink *kink, const struct kink_wish *wish,
    const struct isakmp_chain *chain, struct quick_nat *out)
{
	struct quick_ends ends = ends_of_wish(kink, wish);
	const struct sa_pair *pair = wish->pair;

	if (quick_get_nat_answer(chain, &ends, pair->mode, out) != ERR_OK)
		return "what the peer says of NATs is not valid";
	if (out->agreed && wish->negotiation->peer->nat == POLICY_NAT_OFF)
		return "the peer wants UDP encapsulation, which was not offered";
	if (out->agreed && pair->parts[pair->part_count - 1].suite.protocol != IPSEC_ESP)
		return "the peer wants UDP encapsulation of AH, which there is not";
	return NULL;
}

void kink_nat_agree(
    const struct kink_command *command, const struct kink_wish *wish, const struct quick_nat *nat)
{
	if (!nat->agreed)
		return;
	sad_encapsulate(wish->pair, IPSEC_ENCAPSULATION_PORT, nat->local);
	say(command->kink, &command->remote, nat);
}

const char *kink_nat_detect(struct kink_response *response, struct kink_grant *grant,
    const struct isakmp_chain *chain, enum ipsec_mode mode, struct selector *selector)
{
	const struct policy_peer *peer =
	    policy_peer_of(kx_policy(response->kink->kx), &response->key.remote);
	struct quick_ends ends = ends_of_grant(response, grant);

	grant->asked = *selector;
	grant->nat = (struct quick_nat){0};
	if (peer == NULL || peer->nat == POLICY_NAT_OFF)
		return NULL;
	if (quick_get_nat_notification(chain, &ends, &grant->nat) != ERR_OK)
		return "what it says of NATs is not valid";
	if (mode == IPSEC_TUNNEL)
		return NULL;
	quick_translate(selector, &response->local, &response->key.remote, &grant->nat);
	return NULL;
}

bool kink_nat_is_between(const struct kink_grant *grant)
{
	return grant->nat.local || grant->nat.remote;
}

enum err kink_nat_answer(const struct kink_response *response, const struct kink_grant *grant,
    struct isakmp_writer *chain)
{
	struct quick_ends ends = ends_of_grant(response, grant);

	return quick_put_nat_answer(chain, &ends, grant->pair->mode, &grant->nat);
}

/* Where packets of the pair will come from, as far as can be known. */
static uint16_t likely_port(const struct sa_pair *pair)
{
	const struct sa_pair *other;
	const struct sa_pair *newest = NULL;

	DL_FOREACH2(pair->peer->pairs, other, peer_next)
	{
		if (other != pair && other->encapsulation.remote_port != 0)
			newest = other;
	}
	return newest != NULL ? newest->encapsulation.remote_port : IPSEC_ENCAPSULATION_PORT;
}

void kink_nat_encapsulate(const struct kink_response *response, const struct kink_grant *grant)
{
	if (!kink_nat_is_between(grant))
		return;
	sad_encapsulate(grant->pair, likely_port(grant->pair), grant->nat.local);
	say(response->kink, &response->remote, &grant->nat);
}

const char *kink_nat_neighbour(const struct kink_response *response)
{
	const struct sa_peer *peer =
	    sad_find_peer(kx_sad(response->kink->kx), &response->key.remote);
	const struct sa_pair *pair;

	if (peer == NULL || peer->principal == NULL ||
	    strcmp(peer->principal, response->client) == 0)
		return NULL;
	DL_FOREACH2(peer->pairs, pair, peer_next)
	{
		if (pair->state == SA_ESTABLISHED && pair->encapsulation.remote_port != 0 &&
		    !pair->encapsulation.behind_nat)
			return peer->principal;
	}
	return NULL;
}
