/*
 * The third message of a handshake, by the initiator: an ACK for each copy of a reply that asks for
 * one, for as long as there may be copies. RFC 4430 3.2, 6.2, 9.
 */
#include "kx/kink/command.h"
#include "sa/sad.h"

/* While one is in the making, further copies of the reply get no other. */
static void make_ack(struct kink_command *command)
{
	const struct host *host = kx_host(command->kink->kx);
	struct kink_header header = {.type = KINK_ACK, .doi = IPSEC_DOI, .xid = command->xid};
	struct kerberos_request request = {.operation = KERBEROS_REPEAT,
	    .token = kink_token(KINK_STEP_ACK, command->handle),
	    .session = command->session,
	    .affinity = kx_affinity(&command->remote.address)};
	uint8_t buffer[KINK_HEAD_MAX];
	struct writer head = writer_of(buffer, sizeof(buffer));
	struct bytes none = {0};
	enum err error = kink_prepare(command->kink, &command->remote.address, command->principal,
	    &header, none, none, 0, &head, &request);

	if (error == ERR_OK)
		error = host->kerberos(host->self, &request);
	/* The next copy of the reply gives another chance. */
	if (error != ERR_OK)
		kx_count(command->kink->kx, KX_DATAGRAMS_SHED);
	command->making_ack = error == ERR_OK;
}

/* As far as we can know, the peer sends through what was made: it has not said otherwise. */
static void over(struct timer *timer, void *context)
{
	struct kink_command *command = context;
	struct kink *kink = command->kink;
	uint64_t made[KINK_SAS_MAX] = {0};

	(void)timer;
	for (size_t i = 0; i < command->wish_count; i++)
		made[i] = command->wishes[i].made;
	kink_command_end(command);
	for (size_t i = 0; i < KINK_SAS_MAX; i++) {
		struct sa_pair *pair = sad_by_handle(kx_sad(kink->kx), made[i]);

		if (pair != NULL)
			kx_pair_confirmed(kink->kx, pair);
	}
}

void kink_acknowledge(struct kink_command *command)
{
	const struct host *host = kx_host(command->kink->kx);
	/* A peer that gets no ACK gives up after a cycle, and takes its time to tell. */
	uint64_t due = host->now_ms(host->self) + kink_cycle_ms(command->kink) +
	               kx_policy(command->kink->kx)->daemon.retransmit_limit;

	command->answered = true;
	command->acknowledging = true;
	make_ack(command);
	if (timers_set(kx_timers(command->kink->kx), &command->timer, due, over, command) != ERR_OK)
		over(&command->timer, command);
}

void kink_acknowledge_again(struct kink_command *command)
{
	if (!command->making_ack)
		make_ack(command);
}

void kink_acknowledge_made(
    struct kink_command *command, const struct kerberos_completion *completion)
{
	command->making_ack = false;
	if (completion->problem.code != ERR_OK ||
	    kink_send(command->kink, &command->local, &command->remote, completion->message,
		completion->checksum) != ERR_OK)
		kx_count(command->kink->kx, KX_DATAGRAMS_SHED);
}
