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
};

int control_command_of(const char *name)
{
	for (int i = 0; i < CONTROL_COMMAND_COUNT; i++) {
		if (strcmp(control_commands[i].name, name) == 0)
			return i;
	}
	return -1;
}
