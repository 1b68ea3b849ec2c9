/*
 * DELETE as its initiator: RFC 4430 3.3. The outbound SA goes first; the inbound one when the peer
 * has confirmed, after the grace time. A peer that does not answer cannot keep it.
 */
#include "kx/kink/kink-internal.h"

static void delete_replied(struct kink_command *command, const struct kink_reply *reply)
{
	struct sa_pair *pair = command->pair;

	/*
	 * A Delete payload and INVALID-SPI both say that the peer no longer has the pair (RFC 4430
	 * 3.3), and with any other error there is nothing to wait for either.
	 */
	(void)reply;
	command->pair = NULL;
	pair->owner = 0;
	sad_retire(kx_sad(command->kink->kx), pair);
	kink_command_end(command);
}

static void delete_failed(struct kink_command *command, const struct problem *problem)
{
	const struct host *host = kx_host(command->kink->kx);
	struct sa_pair *pair = command->pair;
	char remote[ENDPOINT_TEXT_SIZE];

	if (pair == NULL)
		return;
	command->pair = NULL;
	pair->owner = 0;
	log_event(host->log, LOG_LEVEL_INFO, LOG_AREA_KINK,
	    LOG_FIELDS({"remote", endpoint_format(&command->remote, remote)}),
	    "the peer has not confirmed the deletion of its SAs: %s", problem->text);
	sad_remove(kx_sad(command->kink->kx), pair);
}

static const struct kink_command_kind delete_kind = {
    .type = KINK_DELETE,
    .replied = delete_replied,
    .failed = delete_failed,
};

static struct bytes payloads(const struct sa_pair *pair)
{
	uint8_t buffer[64];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct isakmp_writer chain = kink_isakmp_begin(&message);

	quick_put_delete(&chain, pair->suite.protocol, &pair->spi_in, 1);
	kink_isakmp_end(&message);
	return writer_ok(&out) ? kink_copy(writer_bytes(&out)) : (struct bytes){0};
}

static void principal_known(
    struct kx_principal_wait *wait, const char *principal, const struct problem *problem)
{
	struct kink_command *command =
	    (struct kink_command *)((char *)wait - offsetof(struct kink_command, principal_wait));

	if (principal == NULL)
		kink_command_fail(command, problem);
	else
		kink_command_start(command, principal, command->plain);
}

void kink_delete_pair(struct kink *kink, struct sa_pair *pair, bool at_once)
{
	const struct policy_rule *rule = policy_rule_by_id(kx_policy(kink->kx), pair->policy_id);
	struct kink_command *command;

	sad_close_outbound(kx_sad(kink->kx), pair);
	if (rule == NULL || kink_command_create(kink, &delete_kind, &pair->local, &pair->remote,
				&command) != ERR_OK) {
		sad_remove(kx_sad(kink->kx), pair);
		return;
	}
	command->pair = pair;
	command->plain = payloads(pair);
	if (at_once)
		sad_close_inbound(kx_sad(kink->kx), pair);
	pair->owner = kink_token(KINK_STEP_TICKET, command->handle);
	command->principal_wait.done = principal_known;
	kx_principal_wait(kink->kx, rule->peer, &pair->remote, &command->principal_wait);
}
