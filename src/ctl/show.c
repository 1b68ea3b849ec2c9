/* Answers for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum { RED = 31, GREEN = 32, YELLOW = 33 };

static bool colours(void)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0');
}

static const char *text_of(const json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

static bool is_kind(const json_t *line, const char *kind)
{
	const char *found = text_of(line, "kind");

	return found != NULL && strcmp(found, kind) == 0;
}

static void add_bytes(struct table *table, const json_t *line, const char *name)
{
	const json_t *value = json_object_get(line, name);
	char text[FORMAT_SIZE];

	table_add(table,
	    json_is_integer(value) ? format_bytes((uint64_t)json_integer_value(value), text) : NULL,
	    0);
}

static void add_duration(struct table *table, const json_t *line, const char *name)
{
	const json_t *value = json_object_get(line, name);
	char text[FORMAT_SIZE];

	table_add(table,
	    json_is_integer(value) ? format_duration(json_integer_value(value), text) : NULL, 0);
}

/* "tcp"; a number where few know the name. */
static const char *protocol_name(json_int_t protocol, char text[FORMAT_SIZE])
{
	switch (protocol) {
	case 1:
		return "icmp";
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 58:
		return "ipv6-icmp";
	default:
		(void)snprintf(text, FORMAT_SIZE, "protocol %d", (int)protocol);
		return text;
	}
}

/* "10.0.0.0/24 port 80", and at the remote side the protocol where it is not any. */
static const char *selector(const json_t *line, const char *side, char *text, size_t size)
{
	char name[32];
	char number[FORMAT_SIZE];
	const char *addresses;
	const char *ports;
	json_int_t protocol = json_integer_value(json_object_get(line, "protocol"));

	(void)snprintf(name, sizeof(name), "%s_selector", side);
	addresses = text_of(line, name);
	(void)snprintf(name, sizeof(name), "%s_ports", side);
	ports = text_of(line, name);
	(void)snprintf(text, size, "%s%s%s", addresses != NULL ? addresses : "?",
	    ports != NULL ? " port " : "", ports != NULL ? ports : "");
	if (protocol != 0 && strcmp(side, "remote") == 0)
		(void)snprintf(text + strlen(text), size - strlen(text), " %s",
		    protocol_name(protocol, number));
	return text;
}

static void show_daemon(const json_t *line)
{
	char uptime[FORMAT_SIZE];
	char ticket[FORMAT_SIZE];
	char answered[FORMAT_SIZE];
	const char *principal = text_of(line, "principal");
	const char *problem = text_of(line, "realm_problem");
	const char *keys = text_of(line, "debug_keys");
	const char *realm;
	json_int_t end = json_integer_value(json_object_get(line, "ticket_end"));
	json_int_t kdc = json_integer_value(json_object_get(line, "kdc_answered"));
	json_int_t now = (json_int_t)time(NULL);

	(void)printf("kinkd %s  up %s  data plane: %s (%s)\n", text_of(line, "version"),
	    format_duration(json_integer_value(json_object_get(line, "uptime")), uptime),
	    text_of(line, "dataplane"), text_of(line, "dataplane_why"));
	realm = principal != NULL ? strrchr(principal, '@') : NULL;
	if (realm != NULL)
		(void)printf("realm %s as %s", realm + 1, principal);
	else
		(void)printf("realm: %s", json_is_false(json_object_get(line, "kerberos"))
					      ? "no peer needs one"
					      : "no principal yet");
	if (end > now)
		(void)printf(", ticket valid %s", format_duration(end - now, ticket));
	if (kdc != 0)
		(void)printf(", KDC answered %s ago", format_duration(now - kdc, answered));
	(void)putchar('\n');
	if (keys != NULL) {
		char text[512];

		(void)snprintf(text, sizeof(text), "%s", keys);
		(void)printf(
		    "WARNING: keys are written to %s (daemon.debug_keys)\n", format_plain(text));
	}
	if (problem != NULL) {
		char text[512];

		(void)snprintf(text, sizeof(text), "%s", problem);
		(void)printf("realm: %s\n", format_plain(text));
	}
}

static int state_colour(const char *state)
{
	if (state == NULL || strcmp(state, "idle") == 0)
		return 0;
	if (strcmp(state, "established") == 0 || strcmp(state, "rekeying") == 0)
		return GREEN;
	return strcmp(state, "failed") == 0 ? RED : YELLOW;
}

/* Exchange methods that were left for the one in use: "kink left (no-kdc), again in 9 min". */
static void add_left(const json_t *line, char *out, size_t size)
{
	const json_t *left;
	size_t index;

	json_array_foreach(json_object_get(line, "left"), index, left)
	{
		size_t used = strlen(out);
		const char *method = text_of(left, "method");
		const char *reason = text_of(left, "reason");
		char duration[FORMAT_SIZE];

		(void)snprintf(out + used, size - used, "%s%s left (%s), again in %s",
		    used > 0 ? "; " : "", method != NULL ? method : "?",
		    reason != NULL ? reason : "?",
		    format_duration(
			json_integer_value(json_object_get(left, "retry_in")), duration));
	}
}

/* What comes next by itself, and what went wrong before. */
static void add_next(struct table *table, const json_t *line)
{
	const json_t *seconds = json_object_get(line, "next_in");
	const char *state = text_of(line, "state");
	const char *next = text_of(line, "next");
	const char *reason = text_of(line, "reason");
	bool failed = state != NULL && strcmp(state, "failed") == 0;
	bool probing = json_is_true(json_object_get(line, "probing"));
	char duration[FORMAT_SIZE];
	char text[512] = "";

	if (probing)
		(void)snprintf(text, sizeof(text), "asked whether it is there, silent for %s",
		    format_duration(json_integer_value(json_object_get(line, "silent")), duration));
	else if (next != NULL && json_is_integer(seconds))
		(void)snprintf(text, sizeof(text), "%s in %s", next,
		    format_duration(json_integer_value(seconds), duration));
	else if (failed)
		(void)snprintf(text, sizeof(text), "retry when traffic asks");
	if (reason != NULL)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
		    text[0] != '\0' ? ": " : "", reason);
	add_left(line, text, sizeof(text));
	table_add(table, text[0] != '\0' ? text : NULL, failed ? RED : 0);
}

/* Where the peer is: behind a NAT, with the port that stands for it. */
static const char *remote_of(const json_t *line)
{
	const char *outer = text_of(line, "outer");

	return outer != NULL ? outer : text_of(line, "remote");
}

static void show_status(const json_t *lines)
{
	static const char *const headings[] = {
	    "POLICY", "PEER", "BY", "STATE", "SINCE", "IN", "OUT", "NEXT"};
	struct table *table = table_new(headings, sizeof(headings) / sizeof(headings[0]));
	const json_t *line;
	size_t index;

	json_array_foreach(lines, index, line)
	{
		const char *principal = text_of(line, "principal");
		const char *remote = remote_of(line);
		char peer[320];

		if (is_kind(line, "daemon"))
			show_daemon(line);
		if (!is_kind(line, "connection"))
			continue;
		(void)snprintf(peer, sizeof(peer), "%s%s%s",
		    remote != NULL ? remote : text_of(line, "peer"), principal != NULL ? " " : "",
		    principal != NULL ? principal : "");
		table_add(table, text_of(line, "policy"), 0);
		table_add(table, peer, 0);
		table_add(table, text_of(line, "method"), 0);
		table_add(table, text_of(line, "state"), state_colour(text_of(line, "state")));
		add_duration(table, line, "since");
		add_bytes(table, line, "bytes_in");
		add_bytes(table, line, "bytes_out");
		add_next(table, line);
	}
	(void)putchar('\n');
	table_print(table, colours());
}

static void show_sas(const json_t *lines)
{
	static const char *const headings[] = {"POLICY", "REMOTE", "PRINCIPAL", "BY", "STATE",
	    "SPI IN", "SPI OUT", "MODE", "ESP", "ROLE", "AGE", "REKEY", "EXPIRES", "IN", "OUT",
	    "SELECTORS"};
	struct table *table = table_new(headings, sizeof(headings) / sizeof(headings[0]));
	const json_t *line;
	size_t index;

	json_array_foreach(lines, index, line)
	{
		static const char *const texts[] = {"policy", "remote", "principal", "method",
		    "state", "spi_in", "spi_out", "mode", "suite", "role"};
		char local[128];
		char remote[128];
		char both[300];

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			table_add(table,
			    strcmp(texts[i], "remote") == 0 ? remote_of(line)
							    : text_of(line, texts[i]),
			    strcmp(texts[i], "state") == 0 ? state_colour(text_of(line, "state"))
							   : 0);
		add_duration(table, line, "age");
		add_duration(table, line, "rekey");
		add_duration(table, line, "expire");
		add_bytes(table, line, "bytes_in");
		add_bytes(table, line, "bytes_out");
		(void)snprintf(both, sizeof(both), "%s - %s",
		    selector(line, "local", local, sizeof(local)),
		    selector(line, "remote", remote, sizeof(remote)));
		table_add(table, both, 0);
	}
	table_print(table, colours());
}

static void show_ike(const json_t *lines)
{
	static const char *const headings[] = {"PEER", "REMOTE", "IDENTITY", "BY", "MODE", "ROLE",
	    "STATE", "AUTHENTICATION", "ALGORITHMS", "AGE", "REKEY", "EXPIRES", "CHILDREN"};
	struct table *table = table_new(headings, sizeof(headings) / sizeof(headings[0]));
	const json_t *line;
	size_t index;

	json_array_foreach(lines, index, line)
	{
		static const char *const texts[] = {"peer", "remote", "identity", "method", "mode",
		    "role", "state", "authentication", "algorithms"};
		char children[24];

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			table_add(table, text_of(line, texts[i]),
			    strcmp(texts[i], "state") == 0 ? state_colour(text_of(line, "state"))
							   : 0);
		add_duration(table, line, "age");
		add_duration(table, line, "rekey");
		add_duration(table, line, "expire");
		(void)snprintf(children, sizeof(children), "%lld",
		    (long long)json_integer_value(json_object_get(line, "children")));
		table_add(table, children, 0);
	}
	table_print(table, colours());
}

static const char *joined(const json_t *array, char *text, size_t size)
{
	const json_t *item;
	size_t index;
	size_t used = 0;

	text[0] = '\0';
	json_array_foreach(array, index, item)
	{
		int written = snprintf(text + used, size - used, "%s%s", index > 0 ? ", " : "",
		    json_string_value(item));

		if (written < 0 || (size_t)written >= size - used)
			break;
		used += (size_t)written;
	}
	return text[0] != '\0' ? text : NULL;
}

static void show_policies(const json_t *lines)
{
	static const char *const headings[] = {
	    "POLICY", "PROTECT", "PEER", "MODE", "LOCAL", "REMOTE", "ESP", "BY"};
	struct table *table = table_new(headings, sizeof(headings) / sizeof(headings[0]));
	const json_t *line;
	size_t index;

	json_array_foreach(lines, index, line)
	{
		char text[512];

		table_add(table, text_of(line, "name"), 0);
		table_add(table, text_of(line, "protect"), 0);
		table_add(table, text_of(line, "peer"), 0);
		table_add(table, text_of(line, "mode"), 0);
		table_add(table, selector(line, "local", text, sizeof(text)), 0);
		table_add(table, selector(line, "remote", text, sizeof(text)), 0);
		table_add(table, joined(json_object_get(line, "esp"), text, sizeof(text)), 0);
		table_add(
		    table, json_is_true(json_object_get(line, "automatic")) ? "kinkd" : "file", 0);
	}
	table_print(table, colours());
}

static void show_peers(const json_t *lines)
{
	static const char *const headings[] = {
	    "PEER", "ADDRESSES", "ANSWERS AS", "STARTS AS", "EXCHANGE"};
	static const char *const lists[] = {
	    "addresses", "responder_principals", "initiator_principals", "exchange"};
	struct table *table = table_new(headings, sizeof(headings) / sizeof(headings[0]));
	const json_t *line;
	size_t index;

	json_array_foreach(lines, index, line)
	{
		char text[1024];

		table_add(table, text_of(line, "name"), 0);
		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
			table_add(
			    table, joined(json_object_get(line, lists[i]), text, sizeof(text)), 0);
	}
	table_print(table, colours());
}

static void show_probe(const json_t *lines)
{
	const json_t *line = json_array_get(lines, 0);
	const char *remote = text_of(line, "remote");
	const char *outcome = text_of(line, "outcome");
	bool restarted = outcome != NULL && strcmp(outcome, "restarted") == 0;

	(void)printf("%s is alive%s (%lld ms)\n", remote != NULL ? remote : "it",
	    restarted ? ", but has lost the SAs that it had with us" : "",
	    (long long)json_integer_value(json_object_get(line, "milliseconds")));
}

void show(int command, const json_t *lines)
{
	switch (command) {
	case CONTROL_STATUS:
		show_status(lines);
		break;
	case CONTROL_SA:
		show_sas(lines);
		break;
	case CONTROL_IKE:
		show_ike(lines);
		break;
	case CONTROL_POLICY:
		show_policies(lines);
		break;
	case CONTROL_PEERS:
		show_peers(lines);
		break;
	case CONTROL_PROBE:
		show_probe(lines);
		break;
	default:
		break;
	}
}
