/* What the data plane is told of pairs: the orders that the rest of the room decides on. */
#include "sa/sad-internal.h"

#include <string.h>

#include "base/secret.h"

/* A data-plane token: the owner in the top bits, which part, the pair's handle. */
static uint64_t token_of(const struct sa_part *part)
{
	return (uint64_t)SAD_TOKEN_OWNER << 56 |
	       (uint64_t)(part - part->pair->parts) << SLOTS_HANDLE_BITS | part->pair->handle;
}

void sad_reserve(struct sad *sad, const struct sa_part *part)
{
	const struct sa_pair *pair = part->pair;
	struct dataplane_request request = {
	    .operation = DATAPLANE_RESERVE_SPI, .token = token_of(part)};

	request.sa.direction = IPSEC_IN;
	request.sa.source = pair->remote;
	request.sa.destination = pair->local;
	request.sa.suite.protocol = part->suite.protocol;
	request.sa.policy_id = pair->policy_id;
	sad->host.dataplane(sad->host.self, &request);
}

/* Names one direction's SA to the data plane. */
static void name_sa(
    const struct sa_part *part, enum ipsec_direction direction, struct dataplane_sa *sa)
{
	const struct sa_pair *pair = part->pair;
	bool in = direction == IPSEC_IN;

	sa->direction = direction;
	sa->spi = in ? part->spi_in : part->spi_out;
	sa->source = in ? pair->remote : pair->local;
	sa->destination = in ? pair->local : pair->remote;
	sa->suite = part->suite;
	sa->policy_id = pair->policy_id;
}

static void encapsulate(
    const struct sa_pair *pair, enum ipsec_direction direction, struct dataplane_sa *sa)
{
	uint16_t remote_port = pair->encapsulation.remote_port;
	bool in = direction == IPSEC_IN;

	if (remote_port == 0)
		return;
	sa->encapsulation_source = in ? remote_port : IPSEC_ENCAPSULATION_PORT;
	sa->encapsulation_destination = in ? IPSEC_ENCAPSULATION_PORT : remote_port;
	sa->encapsulation_keepalive = !in && pair->encapsulation.behind_nat;
}

void sad_uninstall(struct sad *sad, struct sa_pair *pair, enum ipsec_direction direction)
{
	/* The outermost first, so that nothing comes or goes half-protected. */
	for (size_t i = pair->part_count; i-- > 0;) {
		struct dataplane_request request = {.operation = DATAPLANE_DELETE_SA};

		name_sa(&pair->parts[i], direction, &request.sa);
		if (request.sa.spi != 0)
			sad->host.dataplane(sad->host.self, &request);
	}
}

static void install(
    struct sad *sad, struct sa_part *part, enum ipsec_direction direction, struct bytes key)
{
	const struct sa_pair *pair = part->pair;
	size_t index = (size_t)(part - pair->parts);
	struct dataplane_request request = {.operation = DATAPLANE_ADD_SA, .token = token_of(part)};
	struct dataplane_sa *sa = &request.sa;

	name_sa(part, direction, sa);
	sa->mode = index == 0 ? pair->mode : IPSEC_TRANSPORT;
	sa->selector = pair->selector;
	sa->hard_seconds = pair->lifetime.seconds;
	if (index == 0) {
		sa->hard_bytes = pair->lifetime.bytes;
		sa->soft_bytes = sad_soft_bytes(sad, pair);
		sa->hard_packets = pair->packet_limit;
		sa->soft_packets = sad_soft_packets(sad, pair);
	}
	if (pair->bundle != 0) {
		sa->bundle = pair->bundle;
		sa->bundle_index = (uint8_t)index;
		sa->bundle_size = pair->part_count;
	}
	if (direction == IPSEC_IN)
		sa->replay_window = sad->settings.replay_window;
	if (index + 1U == pair->part_count)
		encapsulate(pair, direction, sa);
	if (key.len > 0 && key.len <= sizeof(sa->key)) {
		memcpy(sa->key, key.data, key.len);
		sa->key_len = (uint16_t)key.len;
	}
	sad->host.dataplane(sad->host.self, &request);
	secret_wipe(&request, sizeof(request));
}

void sad_install(
    struct sad *sad, struct sa_pair *pair, enum ipsec_direction direction, const struct bytes *keys)
{
	if (direction == IPSEC_IN && pair->installed_in)
		sad_uninstall(sad, pair, direction);
	if (direction == IPSEC_IN)
		pair->installed_in = true;
	else
		pair->installed_out = true;
	pair->installing = (uint8_t)(pair->installing + pair->part_count);
	for (size_t i = 0; i < pair->part_count; i++)
		install(sad, &pair->parts[i], direction, keys[i]);
}

void sad_query(
    struct sad *sad, const struct sa_pair *pair, enum ipsec_direction direction, uint64_t token)
{
	struct dataplane_request request = {.operation = DATAPLANE_QUERY_SA, .token = token};

	name_sa(sa_primary(pair), direction, &request.sa);
	sad->host.dataplane(sad->host.self, &request);
}

static void move(const struct sad *sad, const struct sa_part *part, enum ipsec_direction direction,
    bool installed)
{
	const struct sa_pair *pair = part->pair;
	struct dataplane_request request = {.operation = DATAPLANE_MOVE_SA};
	struct dataplane_sa name;

	if (!installed)
		return;
	name_sa(part, direction, &name);
	request.move = (struct dataplane_move){.spi = name.spi,
	    .protocol = name.suite.protocol,
	    .destination = name.destination,
	    .remote = {.address = pair->remote, .port = pair->encapsulation.remote_port}};
	sad->host.dataplane(sad->host.self, &request);
}

struct sa_pair *sad_moved(struct sad *sad, const struct dataplane_move *report)
{
	struct sa_pair *pair =
	    sad_by_spi_in(sad, &report->destination, report->protocol, report->spi);
	const struct sa_part *outermost;

	if (pair == NULL || pair->encapsulation.remote_port == 0 ||
	    pair->encapsulation.behind_nat || report->remote.port == 0 ||
	    !address_equal(&report->remote.address, &pair->remote))
		return NULL;
	outermost = &pair->parts[pair->part_count - 1];
	pair->encapsulation.remote_port = report->remote.port;
	move(sad, outermost, IPSEC_IN, pair->installed_in);
	move(sad, outermost, IPSEC_OUT, pair->installed_out);
	return pair;
}
