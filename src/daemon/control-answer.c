/* The answers to the control socket's commands, and those that do something. */
#include <stdlib.h>

#include "daemon/answer-values.h"
#include "daemon/control-private.h"

void answer_line(struct client *client, const char *kind, json_t *line)
{
	if (line == NULL)
		return;
	(void)json_object_set_new(line, "kind", json_string(kind));
	(void)json_array_append_new(client->batch, line);
}

void answer_end(struct client *client, const char *error)
{
	json_t *line = json_pack("{s:b}", "ok", error == NULL);

	if (error != NULL)
		(void)json_object_set_new(line, "error", answer_text(error));
	answer_line(client, "end", line);
	client->finished = true;
}

/* A command that ends later, perhaps after its client has gone. */
struct outcome {
	struct control *control;
	uint64_t client;
};

static void ended(void *context, const struct problem *problem)
{
	struct outcome *outcome = context;
	struct client *client = client_by_handle(outcome->control, outcome->client);

	free(outcome);
	if (client == NULL)
		return;
	client->pending--;
	if (!client->finished)
		answer_end(client, problem->code == ERR_OK    ? NULL
				   : problem->text[0] != '\0' ? problem->text
							      : err_text(problem->code));
	client_continue(client);
}

static void forgotten(void *context, const struct problem *problem)
{
	(void)context;
	(void)problem;
}

/* The argument as an address; false when it is there but is none, and then the end line is made. */
static bool get_address(struct client *client, struct address *out, bool *given)
{
	const char *text = json_string_value(json_object_get(client->request, "remote"));

	*given = text != NULL;
	if (text == NULL || address_parse(text, out) == ERR_OK)
		return true;
	answer_end(client, "that is no IP address");
	return false;
}

/* The same for the question whether a peer is there. */
struct probe_outcome {
	struct outcome outcome;
	struct address remote;
};

static void probed(
    void *context, enum kx_probe_outcome result, uint64_t took_ms, const struct problem *problem)
{
	static const char *const names[] = {[KX_PROBE_ALIVE] = "alive",
	    [KX_PROBE_RESTARTED] = "restarted",
	    [KX_PROBE_SILENT] = "no answer",
	    [KX_PROBE_FAILED] = "not asked"};
	struct probe_outcome *outcome = context;
	struct client *client = client_by_handle(outcome->outcome.control, outcome->outcome.client);
	char remote[ADDRESS_TEXT_SIZE];

	if (client != NULL && !client->finished)
		answer_line(client, "probe",
		    json_pack("{s:s, s:s, s:I}", "remote", address_format(&outcome->remote, remote),
			"outcome", names[result], "milliseconds", (json_int_t)took_ms));
	/* The outcome is its first member, which is freed as such. */
	ended(&outcome->outcome, problem);
}

static void probe(struct client *client)
{
	struct probe_outcome *outcome;
	struct address remote;
	bool given;

	if (!get_address(client, &remote, &given))
		return;
	outcome = given ? calloc(1, sizeof(*outcome)) : NULL;
	if (outcome == NULL) {
		answer_end(client, given ? "out of memory" : "say which: an address");
		return;
	}
	outcome->outcome = (struct outcome){.control = client->control, .client = client->handle};
	outcome->remote = remote;
	client->pending++;
	kx_probe(client->control->daemon->kx, &remote, probed, outcome);
}

static void act(struct client *client)
{
	struct kx *kx = client->control->daemon->kx;
	const char *policy = json_string_value(json_object_get(client->request, "policy"));
	const char *spi_text = json_string_value(json_object_get(client->request, "spi"));
	bool all = json_is_true(json_object_get(client->request, "all"));
	bool no_wait = json_is_true(json_object_get(client->request, "no-wait"));
	char *spi_end = NULL;
	unsigned long spi = spi_text != NULL ? strtoul(spi_text, &spi_end, 0) : 0;
	struct address remote;
	struct outcome *outcome;
	bool given;

	if (!get_address(client, &remote, &given))
		return;
	if (spi_text != NULL && (spi == 0 || spi > UINT32_MAX || *spi_end != '\0')) {
		answer_end(client, "that is no SPI; see kinkctl sa");
		return;
	}
	if (client->command == CONTROL_TERMINATE && !given && spi_text == NULL && !all) {
		answer_end(client, "say which: an address, --spi or --all");
		return;
	}
	if (all && (given || spi_text != NULL)) {
		answer_end(client, "--all goes with neither an address nor --spi");
		return;
	}
	outcome = calloc(1, sizeof(*outcome));
	if (outcome == NULL) {
		answer_end(client, "out of memory");
		return;
	}
	*outcome = (struct outcome){.control = client->control, .client = client->handle};
	client->pending++;
	if (client->command == CONTROL_TERMINATE) {
		kx_terminate(kx, given ? &remote : NULL, (uint32_t)spi, ended, outcome);
	} else if (no_wait) {
		static const struct problem none = {.code = ERR_OK};

		kx_initiate(kx, policy, given ? &remote : NULL, forgotten, NULL);
		ended(outcome, &none);
	} else {
		kx_initiate(kx, policy, given ? &remote : NULL, ended, outcome);
	}
}

void answer_next(struct client *client)
{
	if (client->command == CONTROL_INITIATE || client->command == CONTROL_TERMINATE)
		act(client);
	else if (client->command == CONTROL_PROBE)
		probe(client);
	else
		answer_list(client);
}
