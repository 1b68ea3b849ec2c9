/*
 * Drives a data plane by hand, for tests and bench/esp. Commands come on standard
 * input, one a line; events and answers go to standard output, one a line. At the end of input it
 * closes the data plane and exits.
 *
 *     policy ID PRIORITY ACTION LOCAL REMOTE PROTOCOL LOCAL-PORT REMOTE-PORT
 *         [OUTER-LOCAL OUTER-REMOTE] [OPTION...]
 *     unpolicy ID
 *     sa in|out SPI SOURCE DESTINATION POLICY SUITE SEED LOCAL REMOTE transport|tunnel [OPTION...]
 *     delete SPI DESTINATION [PROTOCOL]
 *     query SPI DESTINATION [PROTOCOL]
 *     move SPI DESTINATION REMOTE REMOTE-PORT
 *     reserve SOURCE DESTINATION POLICY [PROTOCOL]
 *     failed|fulfilled POLICY LOCAL REMOTE
 *     settled
 *
 * ACTION is require, request, bypass or discard; LOCAL and REMOTE are prefixes; port 0 is any port
 * and protocol 0 any protocol; SEED is an octet that fills the key; PROTOCOL is esp (unless told
 * otherwise), ah or ipcomp. A policy's OPTION is name=NAME, protect=PROTOCOL[,PROTOCOL]...,
 * innermost first, mark=VALUE,MASK, if_id=NUMBER, crypto=DEVICE or packet=DEVICE for offload;
 * an SA's are limit=BYTES, packets=SOFT,HARD, esn, bundle=NUMBER,INDEX,SIZE,
 * udp=SOURCE-PORT,DESTINATION-PORT, keepalive.
 * Arguments are the device's name, or "kernel" for the kernel's data plane, and the port of UDP
 * encapsulation.
 */
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "crypto/algorithms.h"
#include "kinkd/dataplane.h"

#define WORDS_MAX 20

static void on_completed(void *self, const struct dataplane_completion *completion)
{
	const struct dataplane_counters *c = &completion->counters;

	(void)self;
	if (completion->problem.code != ERR_OK)
		printf("error %s\n", completion->problem.text);
	else if (completion->operation == DATAPLANE_QUERY_SA)
		printf("counters %08x packets=%llu bytes=%llu replayed=%llu integrity=%llu "
		       "selector=%llu wrong=%llu\n",
		    completion->spi, (unsigned long long)c->packets, (unsigned long long)c->bytes,
		    (unsigned long long)c->replayed, (unsigned long long)c->integrity_failed,
		    (unsigned long long)c->selector_mismatch,
		    (unsigned long long)c->wrongly_protected);
	else if (completion->operation == DATAPLANE_RESERVE_SPI)
		printf("reserved %08x\n", completion->spi);
	else
		printf("done\n");
}

static void on_acquire(void *self, const struct dataplane_flow *flow)
{
	char local[ADDRESS_TEXT_SIZE];
	char remote[ADDRESS_TEXT_SIZE];

	(void)self;
	printf("acquire %u %s %s %u\n", flow->policy_id, address_format(&flow->local, local),
	    address_format(&flow->remote, remote), flow->protocol);
}

static void on_expired(void *self, const struct dataplane_expiry *expiry)
{
	(void)self;
	printf("expired %08x %s\n", expiry->spi, expiry->hard ? "hard" : "soft");
}

static void on_moved(void *self, const struct dataplane_move *move)
{
	char remote[ENDPOINT_TEXT_SIZE];

	(void)self;
	printf("moved %08x %s\n", move->spi, endpoint_format(&move->remote, remote));
}

static void on_key_exchange(void *self, const struct dataplane_datagram *datagram)
{
	(void)self;
	printf("key exchange %.*s\n", (int)datagram->data.len, (const char *)datagram->data.data);
}

static void on_failed(void *self, const struct problem *problem)
{
	(void)self;
	printf("failed %s\n", problem->text);
}

static void on_log(void *self, enum log_level level, enum log_area area, const char *message,
    const struct log_field *fields, size_t field_count)
{
	(void)self;
	(void)area;
	(void)fields;
	(void)field_count;
	fprintf(stderr, "%s: %s\n", log_level_name(level), message);
}

static _Noreturn void usage(const char *what)
{
	fprintf(stderr, "dataplane-driver: %s\n", what);
	exit(2);
}

static struct address parse_address(const char *text)
{
	struct address address;

	if (address_parse(text, &address) != ERR_OK)
		usage(text);
	return address;
}

static struct address_range parse_range(const char *text)
{
	struct prefix prefix;

	if (prefix_parse(text, &prefix) != ERR_OK)
		usage(text);
	return range_of_prefix(&prefix);
}

static struct port_range parse_port(const char *text)
{
	uint16_t port = (uint16_t)strtoul(text, NULL, 10);

	return port == 0 ? PORT_ANY : (struct port_range){port, port};
}

static enum policy_action parse_action(const char *text)
{
	static const char *const names[] = {[POLICY_REQUIRE] = "require",
	    [POLICY_REQUEST] = "request",
	    [POLICY_BYPASS] = "bypass",
	    [POLICY_DISCARD] = "discard"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum policy_action)i;
	}
	usage(text);
}

static uint32_t parse_number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 0);
}

static enum ipsec_protocol parse_protocol(const char *text)
{
	if (strcmp(text, "esp") == 0)
		return IPSEC_ESP;
	if (strcmp(text, "ah") == 0)
		return IPSEC_AH;
	if (strcmp(text, "ipcomp") == 0)
		return IPSEC_IPCOMP;
	usage(text);
}

/* What stands behind NAME= in one of the words from `from` on; NULL when none has it. */
static char *option(char **words, size_t count, size_t from, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = from; i < count; i++) {
		if (strncmp(words[i], name, len) == 0)
			return words[i] + len;
	}
	return NULL;
}

/* Up to max numbers with commas between them. */
static size_t parse_list(const char *text, uint32_t *out, size_t max)
{
	size_t count = 0;

	while (text != NULL && count < max) {
		out[count++] = parse_number(text);
		text = strchr(text, ',');
		text = text != NULL ? text + 1 : NULL;
	}
	return count;
}

static void read_kernel_options(char **words, size_t count, struct dataplane_policy *policy)
{
	static const char *const offloads[] = {
	    [OFFLOAD_CRYPTO] = "crypto=", [OFFLOAD_PACKET] = "packet="};
	const char *name = option(words, count, 9, "name=");
	uint32_t numbers[2] = {0};

	(void)snprintf(policy->name, sizeof(policy->name), "%s", name != NULL ? name : "");
	if (parse_list(option(words, count, 9, "mark="), numbers, 2) == 2)
		policy->mark = (struct packet_mark){numbers[0], numbers[1]};
	if (parse_list(option(words, count, 9, "if_id="), numbers, 1) == 1)
		policy->if_id = numbers[0];
	for (int i = OFFLOAD_CRYPTO; i <= OFFLOAD_PACKET; i++) {
		const char *device = option(words, count, 9, offloads[i]);

		if (device == NULL)
			continue;
		policy->offload = (enum offload)i;
		(void)snprintf(
		    policy->offload_device, sizeof(policy->offload_device), "%s", device);
	}
}

static void read_policy(char **words, size_t count, struct dataplane_request *request)
{
	request->operation = DATAPLANE_ADD_POLICY;
	request->policy = (struct dataplane_policy){.id = parse_number(words[1]),
	    .priority = parse_number(words[2]),
	    .action = parse_action(words[3]),
	    .selector = {.local = parse_range(words[4]),
		.remote = parse_range(words[5]),
		.protocol = (uint8_t)parse_number(words[6]),
		.local_ports = parse_port(words[7]),
		.remote_ports = parse_port(words[8])}};
	if (count >= 11 && strchr(words[9], '=') == NULL) {
		request->policy.mode = IPSEC_TUNNEL;
		request->policy.tunnel_local = parse_address(words[9]);
		request->policy.tunnel_remote = parse_address(words[10]);
	}
	read_kernel_options(words, count, &request->policy);
	for (char *name = option(words, count, 9, "protect="); name != NULL;) {
		char *comma = strchr(name, ',');

		if (comma != NULL)
			*comma = '\0';
		request->policy.protocols[request->policy.protocol_count++] = parse_protocol(name);
		name = comma != NULL ? comma + 1 : NULL;
	}
}

static void read_sa(char **words, size_t count, struct dataplane_request *request)
{
	struct dataplane_sa *sa = &request->sa;
	uint32_t numbers[3] = {0};

	request->operation = DATAPLANE_ADD_SA;
	*sa = (struct dataplane_sa){.direction = strcmp(words[1], "in") == 0 ? IPSEC_IN : IPSEC_OUT,
	    .spi = parse_number(words[2]),
	    .source = parse_address(words[3]),
	    .destination = parse_address(words[4]),
	    .policy_id = parse_number(words[5]),
	    .selector = {.local = parse_range(words[8]),
		.remote = parse_range(words[9]),
		.local_ports = PORT_ANY,
		.remote_ports = PORT_ANY},
	    .mode = strcmp(words[10], "tunnel") == 0 ? IPSEC_TUNNEL : IPSEC_TRANSPORT,
	    .replay_window = 1024};
	if (parse_list(option(words, count, 11, "limit="), numbers, 1) == 1)
		sa->hard_bytes = numbers[0];
	if (parse_list(option(words, count, 11, "packets="), numbers, 2) == 2) {
		sa->soft_packets = numbers[0];
		sa->hard_packets = numbers[1];
	}
	if (parse_list(option(words, count, 11, "bundle="), numbers, 3) == 3) {
		sa->bundle = numbers[0];
		sa->bundle_index = (uint8_t)numbers[1];
		sa->bundle_size = (uint8_t)numbers[2];
	}
	if (parse_list(option(words, count, 11, "udp="), numbers, 2) == 2) {
		sa->encapsulation_source = (uint16_t)numbers[0];
		sa->encapsulation_destination = (uint16_t)numbers[1];
	}
	sa->encapsulation_keepalive = option(words, count, 11, "keepalive") != NULL;
	if (suite_parse(words[6], &sa->suite) != ERR_OK)
		usage(words[6]);
	sa->suite.esn = option(words, count, 11, "esn") != NULL;
	sa->key_len = (uint16_t)suite_key_length(&sa->suite);
	memset(sa->key, (int)parse_number(words[7]), sa->key_len);
}

static void read_sa_name(char **words, size_t count, struct dataplane_request *request)
{
	enum ipsec_protocol protocol = count > 3 ? parse_protocol(words[3]) : IPSEC_ESP;

	request->sa = (struct dataplane_sa){.spi = parse_number(words[1]),
	    .destination = parse_address(words[2]),
	    .suite = {.protocol = protocol}};
}

static void read_move(char **words, struct dataplane_request *request)
{
	request->operation = DATAPLANE_MOVE_SA;
	request->move = (struct dataplane_move){.spi = parse_number(words[1]),
	    .protocol = IPSEC_ESP,
	    .destination = parse_address(words[2]),
	    .remote = {
		.address = parse_address(words[3]), .port = (uint16_t)parse_number(words[4])}};
}

static void read_command(char **words, size_t count, struct dataplane_request *request)
{
	if (strcmp(words[0], "policy") == 0 && count >= 9) {
		read_policy(words, count, request);
	} else if (strcmp(words[0], "unpolicy") == 0 && count == 2) {
		request->operation = DATAPLANE_DELETE_POLICY;
		request->policy.id = parse_number(words[1]);
	} else if (strcmp(words[0], "sa") == 0 && count >= 11) {
		read_sa(words, count, request);
	} else if (strcmp(words[0], "delete") == 0 && count >= 3) {
		request->operation = DATAPLANE_DELETE_SA;
		read_sa_name(words, count, request);
	} else if (strcmp(words[0], "query") == 0 && count >= 3) {
		request->operation = DATAPLANE_QUERY_SA;
		read_sa_name(words, count, request);
	} else if (strcmp(words[0], "move") == 0 && count == 5) {
		read_move(words, request);
	} else if (strcmp(words[0], "reserve") == 0 && count >= 4) {
		request->operation = DATAPLANE_RESERVE_SPI;
		request->sa = (struct dataplane_sa){.source = parse_address(words[1]),
		    .destination = parse_address(words[2]),
		    .policy_id = parse_number(words[3]),
		    .suite = {.protocol = count > 4 ? parse_protocol(words[4]) : IPSEC_ESP}};
	} else if (strcmp(words[0], "settled") == 0) {
		request->operation = DATAPLANE_REMOVE_STALE;
	} else if ((strcmp(words[0], "failed") == 0 || strcmp(words[0], "fulfilled") == 0) &&
		   count == 4) {
		struct address local = parse_address(words[2]);
		struct address remote = parse_address(words[3]);

		request->operation =
		    words[0][1] == 'a' ? DATAPLANE_ACQUIRE_FAILED : DATAPLANE_ACQUIRE_FULFILLED;
		request->policy = (struct dataplane_policy){.id = parse_number(words[1]),
		    .selector = {.local = {local, local},
			.remote = {remote, remote},
			.local_ports = {0, 65535},
			.remote_ports = {0, 65535}}};
	} else {
		usage(words[0]);
	}
}

/* As the daemon has them. */
static void open_encapsulation(struct dataplane_settings *settings)
{
	static const int families[] = {AF_INET, AF_INET6};
	int on = 1;

	for (int i = 0; i < 2; i++) {
		struct endpoint any = {
		    .address = {.family = i == 0 ? 4 : 6}, .port = settings->encapsulation_port};
		struct sockaddr_storage name;
		socklen_t len = endpoint_to_sockaddr(&any, &name);
		int fd = socket(families[i], SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0 ||
		    setsockopt(fd, SOL_SOCKET, SO_MARK, &settings->mark, sizeof(settings->mark)) !=
			0 ||
		    (i == 1 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
		    bind(fd, (const struct sockaddr *)&name, len) != 0)
			err(1, "the port of UDP encapsulation");
		settings->encapsulation_sockets[i] = fd;
	}
}

int main(int argc, char **argv)
{
	struct dataplane_listener listener = {.completed = on_completed,
	    .acquire = on_acquire,
	    .expired = on_expired,
	    .moved = on_moved,
	    .key_exchange = on_key_exchange,
	    .failed = on_failed};
	const char *device = argc > 1 ? argv[1] : "kink0";
	const struct dataplane_ops *ops =
	    strcmp(device, "kernel") == 0 ? &dataplane_xfrm : &dataplane_userspace;
	struct dataplane_settings settings = {.device = device,
	    .mark = 910,
	    .hold_packets = 8,
	    .hold_flows = 16,
	    .encapsulation_port = argc > 2 ? (uint16_t)parse_number(argv[2]) : 0,
	    .state_path = getenv("STATE")};
	struct dataplane *dataplane;
	struct problem problem;
	struct log log;
	char line[512];

	log_init(&log, on_log, NULL, LOG_LEVEL_DEBUG);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (settings.encapsulation_port != 0)
		open_encapsulation(&settings);
	if (ops->open(&settings, &listener, &log, &dataplane, &problem) != ERR_OK) {
		fprintf(stderr, "dataplane-driver: %s\n", problem.text);
		return 1;
	}
	printf("open\n");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct dataplane_request request = {.token = 1};
		char *words[WORDS_MAX];
		size_t count = 0;

		for (char *word = strtok(line, " \n"); word != NULL && count < WORDS_MAX;
		     word = strtok(NULL, " \n"))
			words[count++] = word;
		if (count == 0)
			continue;
		read_command(words, count, &request);
		ops->submit(dataplane, &request);
		if (ops->flush != NULL)
			ops->flush(dataplane);
	}
	ops->close(dataplane);
	return 0;
}
