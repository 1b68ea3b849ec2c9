/* The table of commands. */
#include "control/commands.h"

#include <string.h>

const struct control_command_info control_commands[CONTROL_COMMAND_COUNT] = {
    [CONTROL_STATUS] = {.name = "status",
	.help = "the daemon, its realm, and each policy's connections",
	.list = "connections",
	.kind = "connection"},
    [CONTROL_SA] = {.name = "sa",
	.help = "the pairs of security associations in force",
	.list = "sas",
	.kind = "sa"},
    [CONTROL_IKE] = {.name = "ike",
	.help = "the ISAKMP SAs, under which IKEv1 negotiates",
	.list = "ike",
	.kind = "ike"},
    [CONTROL_POLICY] = {.name = "policy",
	.help = "the policies in their order, with those the daemon added",
	.list = "policies",
	.kind = "policy"},
    [CONTROL_PEERS] = {.name = "peers",
	.help = "the peers, their addresses and their principals",
	.list = "peers",
	.kind = "peer"},
    [CONTROL_INITIATE] = {.name = "initiate",
	.help = "negotiate SAs with a host now, and wait for the outcome",
	.arguments =
	    {
		{"remote", "ADDRESS", "the host; may be left out with --policy of a tunnel", true},
		{"policy", "NAME", "under this policy instead of the one that covers the host",
		    false},
		{"no-wait", NULL, "do not wait for the outcome", false},
	    }},
    [CONTROL_TERMINATE] = {.name = "terminate",
	.help = "delete SAs, here and at the peer",
	.arguments =
	    {
		{"remote", "ADDRESS", "all those with this host", true},
		{"spi", "SPI", "only the pair with this inbound SPI", false},
		{"all", NULL, "every pair of SAs", false},
	    }},
    [CONTROL_PROBE] = {.name = "probe",
	.help = "ask a peer whether it is there, and wait for its answer",
	.arguments =
	    {
		{"remote", "ADDRESS", "the peer", true},
	    }},
};

int control_command_of(const char *name)
{
	for (int i = 0; i < CONTROL_COMMAND_COUNT; i++) {
		if (strcmp(control_commands[i].name, name) == 0)
			return i;
	}
	return -1;
}

static const struct control_argument *argument_of(
    const struct control_command_info *info, const char *name)
{
	for (size_t i = 0; i < CONTROL_ARGUMENTS_MAX && info->arguments[i].name != NULL; i++) {
		if (strcmp(info->arguments[i].name, name) == 0)
			return &info->arguments[i];
	}
	return NULL;
}

enum err control_request_check(int command, const json_t *request, struct problem *problem)
{
	const struct control_command_info *info = &control_commands[command];
	const char *name;
	json_t *value;

	/* Only iterated over: jansson's macro wants it without const. */
	json_object_foreach((json_t *)request, name, value)
	{
		const struct control_argument *argument = argument_of(info, name);

		if (strcmp(name, "command") == 0)
			continue;
		if (argument == NULL)
			return problem_set(problem, ERR_INVALID, "%s takes no argument \"%.64s\"",
			    info->name, name);
		if (argument->placeholder == NULL ? !json_is_boolean(value)
						  : !json_is_string(value))
			return problem_set(problem, ERR_INVALID, "\"%s\" of %s is a %s", name,
			    info->name, argument->placeholder == NULL ? "boolean" : "string");
	}
	return ERR_OK;
}
