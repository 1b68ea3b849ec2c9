/* The packet filter, by libnftables: nft(8), libnftables(3). */
#include "dataplane/userspace/filter.h"

#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/userspace/reverse_path.h"

struct filter {
	struct nft_ctx *nft;
	char table[64];
	char device[32];
	uint32_t mark;
	uint16_t udp_port;
	struct reverse_path reverse_path;
};

/* Text that grows; after a failed allocation it stays NULL. */
struct script {
	char *text;
	size_t len;
	FILE *stream;
};

static enum err script_open(struct script *script)
{
	*script = (struct script){0};
	script->stream = open_memstream(&script->text, &script->len);
	return script->stream != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* Ends the script and has the kernel take it whole or not at all. */
static enum err script_run(struct script *script, struct filter *filter, struct problem *problem)
{
	bool written = fclose(script->stream) == 0;
	enum err code = ERR_OK;

	if (!written)
		code = problem_set(problem, ERR_NO_MEMORY, "out of memory for the packet filter");
	else if (nft_run_cmd_from_buffer(filter->nft, script->text) != 0)
		code = problem_set(problem, ERR_SYSTEM,
		    "the kernel refused the packet filter that keeps clear packets out (nftables "
		    "table %s): %.120s",
		    filter->table, nft_ctx_get_error_buffer(filter->nft));
	free(script->text);
	return code;
}

/*
 * The strict reverse path check, where the kernel's own had to be made loose. Under our mark a
 * lookup goes past our routes.
 */
static void write_reverse_path(FILE *s, const struct filter *filter)
{
	const struct reverse_path *reverse_path = &filter->reverse_path;
	const char *t = filter->table;

	if (reverse_path->count == 0)
		return;
	(void)fprintf(s,
	    "add chain %s strict\n"
	    "add rule %s strict meta mark set %u\n"
	    "add rule %s strict fib saddr . mark . iif oif missing counter drop\n"
	    "add rule %s strict meta mark set 0\n"
	    "add chain %s route { type filter hook prerouting priority raw; }\n",
	    t, t, filter->mark, t, t, t);
	for (size_t i = 0; i < reverse_path->count; i++)
		(void)fprintf(s,
		    "add rule %s route iifname \"%s\" meta nfproto ipv4 meta mark 0 jump strict\n",
		    t, reverse_path->interfaces[i].name);
}

/*
 * IPsec itself, which is protected or goes to nobody. nft takes IPv6's AH for an extension header,
 * so it is looked for in the header before it. IPv6 comes by here in fragments: of UDP those
 * without ports are worth nothing without the one that has them.
 */
static void write_ipsec(FILE *s, const struct filter *filter, const char *hook)
{
	static const char *const headers[] = {"ip6", "hbh", "dst", "rt", "frag"};
	const char *t = filter->table;

	(void)fprintf(s, "add rule %s %s meta l4proto { esp, ah } accept\n", t, hook);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		(void)fprintf(s, "add rule %s %s %s nexthdr ah accept\n", t, hook, headers[i]);
	if (filter->udp_port != 0 && strcmp(hook, "input") == 0)
		(void)fprintf(s, "add rule %s %s udp dport %u accept\n", t, hook, filter->udp_port);
}

static void write_spd(FILE *s, const struct filter *filter, const struct spd *spd);

enum err filter_begin(struct filter *filter, const struct spd *spd, struct problem *problem)
{
	struct script script;
	const char *t = filter->table;

	if (script_open(&script) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for the packet filter");
	/* Adding first makes the deletion of what may not be there succeed. */
	(void)fprintf(script.stream,
	    "add table %s\n"
	    "delete table %s\n"
	    "add table %s\n"
	    "add chain %s spd\n",
	    t, t, t, t);
	for (int i = 0; i < 2; i++) {
		const char *hook = i == 0 ? "input" : "forward";

		(void)fprintf(script.stream,
		    "add chain %s %s { type filter hook %s priority filter - 10; }\n", t, hook,
		    hook);
		write_ipsec(script.stream, filter, hook);
		(void)fprintf(script.stream,
		    "add rule %s %s iifname { \"lo\", \"%s\" } accept\n"
		    "add rule %s %s icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, "
		    "nd-router-solicit, nd-router-advert } ip6 hoplimit 255 accept\n"
		    "add rule %s %s jump spd\n",
		    t, hook, filter->device, t, hook, t, hook);
	}
	write_reverse_path(script.stream, filter);
	write_spd(script.stream, filter, spd);
	return script_run(&script, filter, problem);
}

/* Whether an earlier run left a table. */
static bool is_there(struct filter *filter)
{
	char command[sizeof(filter->table) + 16];

	(void)snprintf(command, sizeof(command), "list table %s\n", filter->table);
	return nft_run_cmd_from_buffer(filter->nft, command) == 0;
}

enum err filter_open(const char *device, uint32_t mark, uint16_t udp_port, struct log *log,
    struct filter **out, bool *found, struct problem *problem)
{
	struct filter *filter = calloc(1, sizeof(*filter));

	*out = NULL;
	if (filter == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for the packet filter");
	(void)snprintf(filter->table, sizeof(filter->table), "inet kinkd_%s", device);
	(void)snprintf(filter->device, sizeof(filter->device), "%s", device);
	filter->mark = mark;
	filter->udp_port = udp_port;
	filter->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (filter->nft == NULL || nft_ctx_buffer_error(filter->nft) != 0 ||
	    nft_ctx_buffer_output(filter->nft) != 0) {
		filter_close(filter, true);
		return problem_set(problem, ERR_SYSTEM, "cannot set up libnftables");
	}
	reverse_path_open(&filter->reverse_path, device, log);
	*found = is_there(filter);
	*out = filter;
	return ERR_OK;
}

void filter_close(struct filter *filter, bool keep)
{
	struct script script;

	if (filter == NULL)
		return;
	if (!keep && script_open(&script) == ERR_OK) {
		(void)fprintf(
		    script.stream, "add table %s\ndelete table %s\n", filter->table, filter->table);
		if (script_run(&script, filter, NULL) == ERR_OK)
			reverse_path_close(&filter->reverse_path);
	}
	nft_ctx_free(filter->nft);
	free(filter);
}

static bool is_any(const struct address_range *range)
{
	struct prefix prefix;

	return range_to_prefix(range, &prefix) == ERR_OK && prefix.bits == 0;
}

static void write_range(FILE *s, const char *field, const struct address_range *range)
{
	char first[ADDRESS_TEXT_SIZE];
	char last[ADDRESS_TEXT_SIZE];
	const char *family = range->first.family == 4 ? "ip" : "ip6";

	if (is_any(range))
		return;
	(void)fprintf(s, " %s %s %s", family, field, address_format(&range->first, first));
	if (!range_is_host(range))
		(void)fprintf(s, "-%s", address_format(&range->last, last));
}

static void write_ports(FILE *s, const char *field, const struct port_range *ports)
{
	if (ports->first == 0 && ports->last == UINT16_MAX)
		return;
	(void)fprintf(s, " th %s %u", field, ports->first);
	if (ports->first != ports->last)
		(void)fprintf(s, "-%u", ports->last);
}

/* Inbound the remote side is the source. */
static void write_rule(
    FILE *s, const struct filter *filter, const struct selector *selector, bool passes)
{
	(void)fprintf(s, "add rule %s spd meta nfproto %s", filter->table,
	    selector->remote.first.family == 4 ? "ipv4" : "ipv6");
	write_range(s, "saddr", &selector->remote);
	write_range(s, "daddr", &selector->local);
	if (selector->protocol != 0)
		(void)fprintf(s, " meta l4proto %u", selector->protocol);
	write_ports(s, "sport", &selector->remote_ports);
	write_ports(s, "dport", &selector->local_ports);
	(void)fprintf(s, passes ? " accept\n" : " counter drop\n");
}

static void write_spd(FILE *s, const struct filter *filter, const struct spd *spd)
{
	for (size_t i = 0; i < spd->count; i++) {
		const struct dataplane_policy *policy = &spd->policies[i];
		bool passes = policy->action == POLICY_BYPASS || policy->action == POLICY_REQUEST;

		for (size_t j = 0; policy->action == POLICY_REQUEST && j < spd->flow_count; j++) {
			if (spd->flows[j].priority == policy->priority)
				write_rule(s, filter, &spd->flows[j].selector, false);
		}
		write_rule(s, filter, &policy->selector, passes);
	}
}

enum err filter_apply(struct filter *filter, const struct spd *spd, struct problem *problem)
{
	struct script script;

	if (script_open(&script) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for the packet filter");
	(void)fprintf(script.stream, "flush chain %s spd\n", filter->table);
	write_spd(script.stream, filter, spd);
	return script_run(&script, filter, problem);
}
