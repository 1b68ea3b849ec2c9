/*
 * STATUS as its initiator: RFC 4430 3.4. It says nothing; the answer proves that the peer is there
 * and carries its epoch (3.7), which is compared before the answer comes here.
 */
#include "kx/kink/command.h"

static void status_replied(struct kink_command *command, const struct kink_reply *reply)
{
	static const struct problem none = {.code = ERR_OK};

	/* Whatever it says, the peer has said it. */
	(void)reply;
	command->probe->work = 0;
	kx_probe_done(command->kink->kx, command->probe, &none);
	kink_command_end(command);
}

static void status_failed(struct kink_command *command, const struct problem *problem)
{
	struct kx_probe *probe = command->probe;

	if (probe == NULL)
		return;
	probe->work = 0;
	probe->messages = command->tries;
	kx_probe_done(command->kink->kx, probe, problem);
}

static const struct kink_command_kind status_kind = {
    .type = KINK_STATUS,
    .replied = status_replied,
    .failed = status_failed,
};

static void principal_known(
    struct kx_principal_wait *wait, const char *principal, const struct problem *problem)
{
	struct kink_command *command =
	    (struct kink_command *)((char *)wait - offsetof(struct kink_command, principal_wait));

	if (principal == NULL)
		kink_command_fail(command, problem);
	else
		kink_command_start(command, principal, (struct bytes){0});
}

void kink_status_probe(struct kink *kink, struct kx_probe *probe)
{
	struct kink_command *command;
	struct problem problem;
	enum err error =
	    kink_command_create(kink, &status_kind, &probe->local, &probe->remote, &command);

	probe->work = 0;
	if (error != ERR_OK) {
		(void)problem_set(&problem, error, "no STATUS can be sent: %s", err_text(error));
		kx_probe_done(kink->kx, probe, &problem);
		return;
	}
	command->probe = probe;
	probe->work = command->handle;
	command->principal_wait.done = principal_known;
	kx_principal_wait(kink->kx, probe->peer, &probe->remote, &command->principal_wait);
}

void kink_status_withdraw(struct kink *kink, struct kx_probe *probe)
{
	struct kink_command *command = slots_get(&kink->commands, probe->work);

	probe->work = 0;
	if (command == NULL)
		return;
	probe->messages = command->tries;
	kink_command_end(command);
}
