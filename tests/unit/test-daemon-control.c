/*
 * The control socket of a whole daemon with the record data plane and no KDC: what it answers to
 * good and bad lines, and what a client can do to it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/control-private.h"
#include "daemon/output.h"
#include "policy/config.h"

#define LONG_LIST 3000 /* policies, so that a listing does not fit into a socket's buffers */

static char folder[] = "/tmp/kinkd-test-control.XXXXXX";
static char socket_path[sizeof(folder) + 16];
static struct daemon daemon_;

static int connect_client(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(client >= 0);
	memcpy(address.sun_path, socket_path, sizeof(socket_path));
	assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof(address)), 0);
	return client;
}

static void pump(void)
{
	(void)uv_run(&daemon_.loop, UV_RUN_NOWAIT);
}

static void say(int client, const char *text)
{
	assert_int_equal(send(client, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* The next octet; '\0' at the end of the stream. */
static char hear(int client)
{
	char octet;
	ssize_t got;

	while ((got = recv(client, &octet, 1, 0)) < 0 && errno == EAGAIN)
		pump();
	return got == 1 ? octet : '\0';
}

/* The next line as JSON; NULL at the end of the stream. */
static json_t *hear_line(int client)
{
	static char line[65536];
	size_t len = 0;
	json_t *object;

	do {
		assert_true(len < sizeof(line));
		line[len] = hear(client);
		if (line[len] == '\0')
			return NULL;
	} while (line[len++] != '\n');
	object = json_loadb(line, len, 0, NULL);
	assert_non_null(object);
	return object;
}

/* Reads up to the end line; returns how many there were before it. */
static size_t hear_answer(int client, bool *good, char *error, size_t size)
{
	size_t count = 0;

	for (;; count++) {
		json_t *line = hear_line(client);
		const char *text;

		assert_non_null(line);
		if (strcmp(json_string_value(json_object_get(line, "kind")), "end") != 0) {
			json_decref(line);
			continue;
		}
		*good = json_is_true(json_object_get(line, "ok"));
		text = json_string_value(json_object_get(line, "error"));
		(void)snprintf(error, size, "%s", text != NULL ? text : "");
		json_decref(line);
		return count;
	}
}

static size_t ask(const char *request, bool *good, char *error, size_t size)
{
	int client = connect_client();
	size_t count;

	say(client, request);
	count = hear_answer(client, good, error, size);
	(void)close(client);
	return count;
}

static void check_refused(const char *request, const char *why)
{
	char error[320];
	bool good;

	(void)ask(request, &good, error, sizeof(error));
	assert_false(good);
	assert_non_null(strstr(error, why));
}

static void check_listed(const char *command, size_t at_least)
{
	char request[64];
	char error[320];
	bool good;

	(void)snprintf(request, sizeof(request), "{\"command\": \"%s\"}\n", command);
	assert_in_range(ask(request, &good, error, sizeof(error)), at_least, SIZE_MAX);
	assert_true(good);
}

static int setup(void **state)
{
	char path[sizeof(folder) + 16];
	struct problem problem = {.code = ERR_OK};
	FILE *file;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(socket_path, sizeof(socket_path), "%s/ctl", folder);
	(void)snprintf(path, sizeof(path), "%s/conf", folder);
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fprintf(file,
	    "realm: { keytab = \"%s/none\"; principal = \"kink/a.test@TEST\"; };\n"
	    "daemon: { dataplane = \"record\"; kink_port = %d;\n"
	    "  control: { socket = \"%s\"; }; };\n"
	    "hosts = ( { address = \"192.0.2.2\"; name = \"b.test\"; } );\n"
	    "peers = ( { name = \"p\"; address = \"192.0.2.0/24\";\n"
	    "  principal = \"kink/{fqdn}@TEST\"; } );\n"
	    "policies = (\n",
	    folder, 10000 + getpid() % 50000, socket_path); /* a port of this run's own */
	for (int i = 0; i < LONG_LIST; i++)
		(void)fprintf(file,
		    "  { name = \"p%d\"; remote = \"10.%d.%d.0/24\"; protect = \"bypass\"; },\n", i,
		    i / 256, i % 256);
	(void)fprintf(file, "  { name = \"realm\"; remote = \"p\"; protect = \"require\"; } );\n");
	assert_int_equal(fclose(file), 0);
	if (config_load(path, &daemon_.policy, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
	daemon_.config_path = path;
	log_init(&daemon_.log, output_stderr, NULL, LOG_LEVEL_ERROR);
	if (daemon_open(&daemon_, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
	(void)unlink(path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	daemon_close(&daemon_);
	assert_int_equal(access(socket_path, F_OK), -1);
	return rmdir(folder);
}

/* Stands for the engine's, which has no SAs without a KDC: as many as a test wishes. */
static size_t sas;

void __wrap_kx_sas_from(const struct kx *kx, uint32_t *cursor,
    bool (*callback)(void *context, const struct kx_sa_view *view), void *context);

void __wrap_kx_sas_from(const struct kx *kx, uint32_t *cursor,
    bool (*callback)(void *context, const struct kx_sa_view *view), void *context)
{
	struct kx_sa_view view = {.policy = "realm",
	    .principal = "",
	    .method = "kink",
	    .state = "established",
	    .local = {.family = 4},
	    .remote = {.family = 4}};

	(void)kx;
	view.selector.local.first.family = view.selector.local.last.family = 4;
	view.selector.remote = view.selector.local;
	for (; *cursor < sas; ++*cursor) {
		view.spi_in = view.spi_out = 256 + *cursor;
		if (!callback(context, &view))
			return;
	}
}

/* --- tests -------------------------------------------------------------------------------- */

static void test_lists(void **state)
{
	(void)state;
	check_listed("status", 2); /* the daemon, and what is idle */
	check_listed("peers", 1);
	check_listed("sa", 0);
	check_listed("ike", 0);
	check_listed("policy", LONG_LIST + 1);
}

static void test_bad_requests(void **state)
{
	(void)state;
	check_refused("\n", "no JSON object");
	check_refused("{\"command\": \n", "no JSON object");
	check_refused("{\"command\": \"status\", \"command\": \"sa\"}\n", "no JSON object");
	check_refused("\xff\xfe\n", "no JSON object");
	check_refused("[]\n", "no such command");
	check_refused("{}\n", "no such command");
	check_refused("{\"command\": 5}\n", "no such command");
	check_refused("{\"command\": \"no-such\"}\n", "no such command");
	check_refused("{\"command\": \"terminate\"}\n", "say which");
	check_refused("{\"command\": \"terminate\", \"remote\": \"x\"}\n", "no IP address");
	check_refused("{\"command\": \"terminate\", \"spi\": \"0\"}\n", "no SPI");
	check_refused("{\"command\": \"terminate\", \"spi\": \"12x\"}\n", "no SPI");
	check_refused("{\"command\": \"terminate\", \"spi\": \"0x1ffffffff\"}\n", "no SPI");
	check_refused("{\"command\": \"initiate\", \"remote\": \"203.0.113.9\"}\n", "203.0.113.9");
	check_refused("{\"command\": \"terminate\", \"all\": true, \"remote\": \"192.0.2.2\"}\n",
	    "--all goes with neither");
}

/* An argument that is not understood must not be passed over: it may narrow a terminate. */
static void test_wrong_arguments(void **state)
{
	(void)state;
	check_refused("{\"command\": \"terminate\", \"all\": true, \"peer\": \"b\"}\n",
	    "terminate takes no argument \"peer\"");
	check_refused("{\"command\": \"sa\", \"all\": true}\n", "sa takes no argument \"all\"");
	check_refused("{\"command\": \"terminate\", \"all\": true, \"remote\": 5}\n",
	    "\"remote\" of terminate is a string");
	check_refused("{\"command\": \"terminate\", \"spi\": 256}\n", "is a string");
	check_refused("{\"command\": \"terminate\", \"all\": \"yes\"}\n", "is a boolean");
	check_refused("{\"command\": \"initiate\", \"policy\": null}\n", "is a string");
}

/* What peers write into a KRB-ERROR or a name need not be UTF-8, as JSON is. */
static void test_texts_that_are_not_utf8(void **state)
{
	struct client client = {.batch = json_array()};

	(void)state;
	answer_end(&client, "b\xff\xc3\xa9 says no");
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(client.batch, 0), "error")),
	    "b??? says no");
	json_decref(client.batch);
	client.batch = json_array();
	answer_end(&client, "\xc3\xa9");
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(client.batch, 0), "error")),
	    "\xc3\xa9");
	json_decref(client.batch);
}

/* Deep nesting is refused by jansson's own limit, not by our stack. */
static void test_nesting(void **state)
{
	char request[CONTROL_LINE_MAX];

	(void)state;
	memset(request, '[', sizeof(request));
	memcpy(request + sizeof(request) - 2, "\n", 2);
	check_refused(request, "no JSON object");
}

static void test_several_requests_in_one_piece(void **state)
{
	int client = connect_client();
	char error[320];
	bool good;

	(void)state;
	say(client, "{\"command\": \"peers\"}\nrubbish\n{\"command\": \"peers\"}\n");
	(void)hear_answer(client, &good, error, sizeof(error));
	assert_true(good);
	(void)hear_answer(client, &good, error, sizeof(error));
	assert_false(good);
	(void)hear_answer(client, &good, error, sizeof(error));
	assert_true(good);
	(void)close(client);
}

static void test_a_line_octet_by_octet(void **state)
{
	static const char request[] = "{\"command\": \"peers\"}\n";
	int client = connect_client();
	char error[320];
	bool good;

	(void)state;
	for (const char *c = request; *c != '\0'; c++) {
		assert_int_equal(send(client, c, 1, MSG_NOSIGNAL), 1);
		pump();
	}
	assert_in_range(hear_answer(client, &good, error, sizeof(error)), 1, 1);
	(void)close(client);
}

static void test_an_endless_line_is_cut_off(void **state)
{
	char piece[CONTROL_LINE_MAX + 1];
	int client = connect_client();

	(void)state;
	memset(piece, 'x', sizeof(piece));
	piece[sizeof(piece) - 1] = '\0';
	say(client, piece);
	assert_null(hear_line(client));
	(void)close(client);
}

/* As of a shell's pipe into socat. */
static void test_the_answer_comes_after_the_end_of_input(void **state)
{
	int client = connect_client();
	char error[320];
	bool good;

	(void)state;
	say(client, "{\"command\": \"policy\"}\n");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_in_range(hear_answer(client, &good, error, sizeof(error)), LONG_LIST + 1, SIZE_MAX);
	assert_true(good);
	assert_null(hear_line(client));
	(void)close(client);
}

/* What ends at once is answered in its turn as well. */
static void test_the_end_of_input_after_what_does_not_wait(void **state)
{
	int client = connect_client();
	char error[320];
	bool good;

	(void)state;
	say(client, "{\"command\": \"terminate\", \"all\": true}\n"
		    "{\"command\": \"initiate\", \"remote\": \"192.0.2.2\", \"no-wait\": true}\n"
		    "{\"command\": \"peers\"}\n");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_in_range(hear_answer(client, &good, error, sizeof(error)), i / 2, i / 2);
		assert_true(good);
	}
	assert_null(hear_line(client));
	(void)close(client);
}

/* The counters of each batch come at once, and then the next batch has to follow by itself. */
static void test_a_long_list_of_sas(void **state)
{
	(void)state;
	sas = 10 * BATCH_MAX + 1;
	check_listed("sa", sas);
	sas = 0;
}

static struct client *the_client(void)
{
	uint32_t cursor = 0;

	return slots_next(&daemon_.control->clients, &cursor);
}

/* Its listing is made only as far as it reads, and others are served meanwhile. */
static void test_a_client_that_does_not_read(void **state)
{
	int slow = connect_client();
	struct client *client;
	size_t position;
	char error[320];
	bool good;

	(void)state;
	say(slow, "{\"command\": \"policy\"}\n");
	for (int i = 0; i < 1000; i++)
		pump();
	client = the_client();
	assert_non_null(client);
	position = client->position;
	assert_in_range(position, BATCH_MAX, LONG_LIST - 1);
	assert_in_range(client->pipe.write_queue_size, 1, (size_t)BATCH_MAX * 1024);
	for (int i = 0; i < 1000; i++)
		pump();
	assert_int_equal(client->position, position);
	check_listed("peers", 1);
	assert_in_range(hear_answer(slow, &good, error, sizeof(error)), LONG_LIST + 1, SIZE_MAX);
	assert_true(good);
	(void)close(slow);
}

static void test_a_client_that_goes_away(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		int client = connect_client();

		say(client, "{\"command\": \"policy\"}\n{\"command\": \"status\"}\n");
		for (int j = 0; j < i; j++)
			pump();
		(void)close(client);
	}
	for (int i = 0; i < 1000 && the_client() != NULL; i++)
		pump();
	assert_null(the_client());
}

static void test_too_many_clients(void **state)
{
	int clients[CLIENTS_MAX];
	char error[320];
	bool good;
	int late;

	(void)state;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		clients[i] = connect_client();
	while (daemon_.control->clients.count < CLIENTS_MAX)
		pump();
	late = connect_client();
	(void)hear_answer(late, &good, error, sizeof(error));
	assert_false(good);
	assert_non_null(strstr(error, "too many clients"));
	assert_null(hear_line(late));
	(void)close(late);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		(void)close(clients[i]);
	while (the_client() != NULL)
		pump();
	check_listed("peers", 1);
}

/* Without a keytab it fails, with words that name it; the daemon goes on. */
static void test_initiate_without_keytab(void **state)
{
	(void)state;
	check_refused("{\"command\": \"initiate\", \"remote\": \"192.0.2.2\"}\n", "/none");
	check_listed("status", 2);
}

/* Whoever does not wait for the outcome is forgotten when it comes. */
static void test_gone_before_the_outcome(void **state)
{
	int client = connect_client();

	(void)state;
	say(client, "{\"command\": \"initiate\", \"remote\": \"192.0.2.2\"}\n");
	(void)close(client);
	while (the_client() == NULL)
		pump();
	while (the_client() != NULL)
		(void)uv_run(&daemon_.loop, UV_RUN_ONCE);
	check_listed("peers", 1);
}

static void test_a_second_daemon(void **state)
{
	struct daemon second = {.policy = daemon_.policy};
	struct problem problem = {.code = ERR_OK};

	(void)state;
	assert_int_equal(control_open(&second, &problem), ERR_EXISTS);
	assert_non_null(strstr(problem.text, socket_path));
	check_listed("peers", 1);
}

/* A socket that nobody serves makes way; any other file is not ours to remove. */
static void test_what_is_in_the_sockets_place(void **state)
{
	struct policy policy = {.daemon = {.control_mode = 0600}};
	struct daemon second = {.policy = &policy};
	struct problem problem = {.code = ERR_OK};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FILE *file;

	(void)state;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/second", folder);
	policy.daemon.control_socket = address.sun_path;
	file = fopen(address.sun_path, "we");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(control_open(&second, &problem), ERR_EXISTS);
	assert_non_null(strstr(problem.text, "no socket"));
	assert_int_equal(unlink(address.sun_path), 0);

	assert_int_equal(bind(stale, (const struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(stale);
	assert_int_equal(uv_loop_init(&second.loop), 0);
	assert_int_equal(control_open(&second, &problem), ERR_OK);
	control_close(second.control);
	(void)uv_run(&second.loop, UV_RUN_DEFAULT);
	control_free(second.control);
	assert_int_equal(uv_loop_close(&second.loop), 0);
	assert_int_equal(access(address.sun_path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_bad_requests),
	    cmocka_unit_test(test_wrong_arguments),
	    cmocka_unit_test(test_texts_that_are_not_utf8),
	    cmocka_unit_test(test_nesting),
	    cmocka_unit_test(test_several_requests_in_one_piece),
	    cmocka_unit_test(test_a_line_octet_by_octet),
	    cmocka_unit_test(test_an_endless_line_is_cut_off),
	    cmocka_unit_test(test_the_answer_comes_after_the_end_of_input),
	    cmocka_unit_test(test_the_end_of_input_after_what_does_not_wait),
	    cmocka_unit_test(test_a_long_list_of_sas),
	    cmocka_unit_test(test_a_client_that_does_not_read),
	    cmocka_unit_test(test_a_client_that_goes_away),
	    cmocka_unit_test(test_too_many_clients),
	    cmocka_unit_test(test_initiate_without_keytab),
	    cmocka_unit_test(test_gone_before_the_outcome),
	    cmocka_unit_test(test_a_second_daemon),
	    cmocka_unit_test(test_what_is_in_the_sockets_place),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
