/* What the control socket's commands show: the daemon, connections, SAs, policies, peers as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "crypto/algorithms.h"
#include "daemon/answer-values.h"
#include "daemon/control-private.h"

/* Where the counters of an SA go when they come. */
struct counters_wait {
	struct control *control;
	uint64_t client;
	json_t *line; /* borrowed reference of ours */
	const char *bytes;
	const char *packets;
};

static void counted(void *context, const struct dataplane_completion *completion)
{
	struct counters_wait *wait = context;
	struct client *client = client_by_handle(wait->control, wait->client);

	if (completion->problem.code == ERR_OK) {
		(void)json_object_set_new(
		    wait->line, wait->bytes, json_integer((json_int_t)completion->counters.bytes));
		(void)json_object_set_new(wait->line, wait->packets,
		    json_integer((json_int_t)completion->counters.packets));
	}
	if (client != NULL) {
		client->pending--;
		client_continue(client);
	}
	json_decref(wait->line);
	free(wait);
}

static const char *protocol_name(enum ipsec_protocol protocol)
{
	return protocol == IPSEC_AH ? "ah" : protocol == IPSEC_IPCOMP ? "ipcomp" : "esp";
}

static void ask_counters(struct client *client, json_t *line, enum ipsec_direction direction,
    enum ipsec_protocol protocol, uint32_t spi, const struct address *destination)
{
	struct counters_wait *wait = spi != 0 ? calloc(1, sizeof(*wait)) : NULL;

	if (wait == NULL)
		return;
	*wait = (struct counters_wait){.control = client->control,
	    .client = client->handle,
	    .line = json_incref(line),
	    .bytes = direction == IPSEC_IN ? "bytes_in" : "bytes_out",
	    .packets = direction == IPSEC_IN ? "packets_in" : "packets_out"};
	client->pending++;
	if (query_sa(client->control->daemon, protocol, spi, destination, direction, counted,
		wait) != ERR_OK) {
		client->pending--;
		json_decref(line);
		free(wait);
	}
}

static json_t *daemon_line(const struct daemon *daemon)
{
	struct kerberos_status realm;
	json_t *counters = json_object();

	kerberos_realm_status(daemon->realm, &realm);
	for (int i = 0; i < KX_COUNTER_COUNT; i++)
		(void)json_object_set_new(counters, kx_counter_name((enum kx_counter)i),
		    json_integer((json_int_t)kx_counter_value(daemon->kx, (enum kx_counter)i)));
	return json_pack("{s:s, s:o, s:s, s:o, s:I, s:b, s:o, s:I, s:I, s:o, s:o, s:o}", "version",
	    PACKAGE_VERSION, "uptime", answer_seconds_since(daemon->started_ms), "dataplane",
	    daemon->dataplane_ops->name, "dataplane_why", answer_text(daemon->dataplane_why),
	    "sa_pairs", (json_int_t)kx_sa_count(daemon->kx), "kerberos",
	    (int)policy_needs_kerberos(daemon->policy), "principal",
	    answer_text_or_null(realm.principal), "ticket_end", (json_int_t)realm.ticket_end,
	    "kdc_answered", (json_int_t)realm.kdc_answered, "realm_problem",
	    realm.problem.code != ERR_OK ? answer_text(realm.problem.text) : json_null(),
	    "debug_keys", answer_text_or_null(daemon->policy->daemon.debug_keys), "counters",
	    counters);
}

/* Lists are made in batches; what was given already is passed over. */
struct listing {
	struct client *client;
	size_t passed;
	size_t given;
};

/* Whether there is room for one more. */
static bool take_room(struct listing *listing)
{
	if (listing->given == BATCH_MAX)
		return false;
	listing->given++;
	return true;
}

static bool in_turn(struct listing *listing, bool *stop)
{
	*stop = listing->given == BATCH_MAX;
	if (*stop || listing->passed++ < listing->client->position)
		return false;
	listing->given++;
	return true;
}

/* Where the peer is, when packets go in UDP. */
static json_t *outer_end(const struct endpoint *outer)
{
	char formatted[ENDPOINT_TEXT_SIZE];

	return outer->port != 0 ? answer_text(endpoint_format(outer, formatted)) : json_null();
}

/* Exchange methods that were left for others, and why. */
static json_t *methods_left(const struct kx_left_view *left, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(
		    array, json_pack("{s:s, s:s, s:o, s:o}", "method", left[i].method, "reason",
			       left[i].reason, "why", answer_text(left[i].why), "retry_in",
			       answer_seconds_until(left[i].until_ms)));
	return array;
}

static bool connection_line(void *context, const struct kx_connection_view *view)
{
	static const char *const states[] = {[KX_NEGOTIATING] = "negotiating",
	    [KX_ESTABLISHED] = "established",
	    [KX_REKEYING] = "rekeying",
	    [KX_FAILED] = "failed"};
	struct listing *listing = context;
	char local[ADDRESS_TEXT_SIZE];
	char remote[ADDRESS_TEXT_SIZE];
	json_t *line;

	if (!take_room(listing))
		return false;
	line =
	    json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
		"policy", answer_text(view->policy), "peer", answer_text(view->peer), "principal",
		answer_text_or_null(view->principal), "method", answer_text_or_null(view->method),
		"local", address_format(&view->local, local), "remote",
		address_format(&view->remote, remote), "state", states[view->state], "since",
		answer_seconds_since(view->since_ms), "next", answer_text_or_null(view->next),
		"next_in", answer_seconds_until(view->next_ms), "reason",
		answer_text_or_null(view->reason), "spi_in", answer_hex(view->sa_in), "spi_out",
		answer_hex(view->sa_out), "silent",
		view->heard_ms != 0 ? answer_seconds_since(view->heard_ms) : json_null(), "probing",
		view->probing);
	answer_line(listing->client, "connection", line);
	if (line != NULL) {
		(void)json_object_set_new(line, "outer", outer_end(&view->outer));
		(void)json_object_set_new(line, "left", methods_left(view->left, view->left_count));
		ask_counters(
		    listing->client, line, IPSEC_IN, view->sa_protocol, view->sa_in, &view->local);
		ask_counters(listing->client, line, IPSEC_OUT, view->sa_protocol, view->sa_out,
		    &view->remote);
	}
	return true;
}

static json_t *ports(struct port_range range)
{
	if (range.first == 0 && range.last == 65535)
		return json_null();
	return range.first == range.last ? json_sprintf("%u", range.first)
	                                 : json_sprintf("%u-%u", range.first, range.last);
}

static void set_selector(json_t *line, const struct selector *selector)
{
	char range[RANGE_TEXT_SIZE];

	(void)json_object_set_new(
	    line, "local_selector", json_string(range_format(&selector->local, range)));
	(void)json_object_set_new(
	    line, "remote_selector", json_string(range_format(&selector->remote, range)));
	(void)json_object_set_new(line, "protocol",
	    selector->protocol != 0 ? json_integer(selector->protocol) : json_null());
	(void)json_object_set_new(line, "local_ports", ports(selector->local_ports));
	(void)json_object_set_new(line, "remote_ports", ports(selector->remote_ports));
}

static bool sa_line(void *context, const struct kx_sa_view *view)
{
	struct listing *listing = context;
	char local[ADDRESS_TEXT_SIZE];
	char remote[ADDRESS_TEXT_SIZE];
	json_t *line;

	if (!take_room(listing))
		return false;
	line = json_pack(
	    "{s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "policy",
	    answer_text(view->policy), "principal", answer_text_or_null(view->principal), "method",
	    view->method, "state", view->state, "local", address_format(&view->local, local),
	    "remote", address_format(&view->remote, remote), "spi_in", answer_hex(view->spi_in),
	    "spi_out", answer_hex(view->spi_out), "mode",
	    view->mode == IPSEC_TUNNEL ? "tunnel" : "transport", "protocol",
	    protocol_name(view->protocol), "suite", answer_text_or_null(view->suites), "role",
	    view->initiator ? "initiator" : "responder", "age",
	    answer_seconds_since(view->created_ms), "rekey", answer_seconds_until(view->rekey_ms),
	    "expire", answer_seconds_until(view->expire_ms));
	answer_line(listing->client, "sa", line);
	if (line != NULL) {
		(void)json_object_set_new(line, "outer", outer_end(&view->outer));
		(void)json_object_set_new(line, "left", methods_left(view->left, view->left_count));
		set_selector(line, &view->selector);
		ask_counters(
		    listing->client, line, IPSEC_IN, view->protocol, view->spi_in, &view->local);
		ask_counters(
		    listing->client, line, IPSEC_OUT, view->protocol, view->spi_out, &view->remote);
	}
	return true;
}

static bool ike_line(void *context, const struct kx_ike_view *view)
{
	struct listing *listing = context;
	char local[ENDPOINT_TEXT_SIZE];
	char remote[ENDPOINT_TEXT_SIZE];

	if (!take_room(listing))
		return false;
	answer_line(listing->client, "ike",
	    json_pack("{s:o, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:b, s:I, s:o, s:o, "
		      "s:o}",
		"peer", answer_text(view->peer), "method", view->method, "identity",
		answer_text_or_null(view->identity), "local", endpoint_format(&view->local, local),
		"remote", endpoint_format(&view->remote, remote), "role",
		view->initiator ? "initiator" : "responder", "mode", view->mode, "state",
		view->state, "authentication", answer_text_or_null(view->authentication),
		"algorithms", answer_text_or_null(view->algorithms), "local_nat", view->local_nat,
		"remote_nat", view->remote_nat, "children", (json_int_t)view->children, "age",
		answer_seconds_since(view->since_ms), "rekey", answer_seconds_until(view->rekey_ms),
		"expire", answer_seconds_until(view->expire_ms)));
	return true;
}

static json_t *policy_line(const struct policy_rule *rule, const struct selector *selector)
{
	static const char *const actions[] = {[POLICY_REQUIRE] = "require",
	    [POLICY_REQUEST] = "request",
	    [POLICY_BYPASS] = "bypass",
	    [POLICY_DISCARD] = "discard"};
	char suite[SUITE_TEXT_SIZE];
	bool protects = rule->peer != NULL;
	json_t *suites = json_array();
	json_t *line;

	for (size_t i = 0; protects && i < rule->proposal.suite_count; i++)
		(void)json_array_append_new(
		    suites, json_string(suite_format(&rule->proposal.suites[i], suite)));
	line = json_pack("{s:o, s:s, s:o, s:o, s:b, s:o, s:o}", "name", answer_text(rule->name),
	    "protect", actions[rule->action], "peer",
	    answer_text_or_null(protects ? rule->peer->name : NULL), "mode",
	    answer_text_or_null(!protects                    ? NULL
				: rule->mode == IPSEC_TUNNEL ? "tunnel"
							     : "transport"),
	    "automatic", rule->automatic, "esp", suites, "lifetime",
	    protects ? json_integer(rule->proposal.lifetime.seconds) : json_null());
	if (line != NULL)
		set_selector(line, selector);
	return line;
}

static void list_policies(struct listing *listing, const struct policy *policy)
{
	bool stop = false;

	for (size_t i = 0; !stop && i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		size_t count = policy_rule_selectors(rule, NULL, 0);
		struct selector *selectors = calloc(count > 0 ? count : 1, sizeof(*selectors));

		if (selectors == NULL)
			return;
		(void)policy_rule_selectors(rule, selectors, count);
		for (size_t j = 0; !stop && j < count; j++) {
			if (in_turn(listing, &stop))
				answer_line(
				    listing->client, "policy", policy_line(rule, &selectors[j]));
		}
		free(selectors);
	}
}

static json_t *texts(const char *const *list, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array, answer_text(list[i]));
	return array;
}

static void list_peers(struct listing *listing, const struct policy *policy)
{
	bool stop = false;

	for (size_t i = 0; !stop && i < policy->peer_count; i++) {
		const struct policy_peer *peer = &policy->peers[i];
		json_t *addresses;
		json_t *groups;
		json_t *exchanges;
		char prefix[PREFIX_TEXT_SIZE];
		char sid[SID_TEXT_SIZE];

		if (!in_turn(listing, &stop))
			continue;
		addresses = json_array();
		for (size_t j = 0; j < peer->address_count; j++)
			(void)json_array_append_new(
			    addresses, json_string(prefix_format(&peer->addresses[j], prefix)));
		groups = json_array();
		for (size_t j = 0; j < peer->initiator_group_count; j++)
			(void)json_array_append_new(
			    groups, json_string(sid_format(&peer->initiator_groups[j], sid)));
		exchanges = json_array();
		for (size_t j = 0; j < peer->exchange_count; j++)
			(void)json_array_append_new(
			    exchanges, json_string(exchange_name(peer->exchanges[j])));
		answer_line(listing->client, "peer",
		    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name", answer_text(peer->name),
			"addresses", addresses, "responder_principals",
			texts(peer->responder_principals, peer->responder_principal_count),
			"initiator_principals",
			texts(peer->initiator_principals, peer->initiator_principal_count),
			"initiator_groups", groups, "exchange", exchanges));
	}
}

struct seen {
	const struct policy *policy;
	bool *rules; /* by index */
};

static bool mark_seen(void *context, const struct kx_connection_view *view)
{
	struct seen *seen = context;
	const struct policy_rule *rule = policy_rule_by_name(seen->policy, view->policy);

	if (rule != NULL)
		seen->rules[rule->id - 1] = true;
	return true;
}

/* What is configured is shown, whether there is traffic for it or not. */
static void list_idle(struct client *client)
{
	const struct policy *policy = client->control->daemon->policy;
	struct seen seen = {
	    .policy = policy, .rules = calloc(policy->rule_count + 1, sizeof(bool))};

	if (seen.rules == NULL)
		return;
	kx_each_connection(client->control->daemon->kx, mark_seen, &seen);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (rule->peer != NULL && !seen.rules[i])
			answer_line(client, "connection",
			    json_pack("{s:o, s:o, s:s}", "policy", answer_text(rule->name), "peer",
				answer_text(rule->peer->name), "state", "idle"));
	}
	free(seen.rules);
}

void answer_list(struct client *client)
{
	struct daemon *daemon = client->control->daemon;
	struct listing listing = {.client = client};

	if (client->command == CONTROL_STATUS && client->position == 0)
		answer_line(client, "daemon", daemon_line(daemon));
	switch (client->command) {
	case CONTROL_STATUS:
		kx_connections_from(daemon->kx, client->position, connection_line, &listing);
		break;
	case CONTROL_SA:
		kx_sas_from(daemon->kx, &client->cursor, sa_line, &listing);
		break;
	case CONTROL_IKE:
		kx_ike_from(daemon->kx, &client->cursor, ike_line, &listing);
		break;
	case CONTROL_POLICY:
		list_policies(&listing, daemon->policy);
		break;
	case CONTROL_PEERS:
		list_peers(&listing, daemon->policy);
		break;
	default:
		break;
	}
	client->position += listing.given;
	if (listing.given == BATCH_MAX)
		return;
	if (client->command == CONTROL_STATUS)
		list_idle(client);
	answer_end(client, NULL);
}
