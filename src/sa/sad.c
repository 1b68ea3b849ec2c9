/* The SAD: pairs, their installation and their removal (RFC 4301 4.4.2; RFC 4430 3.3). */
#include "sa/sad-internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/secret.h"
#include "sa/peer.h"

/* A data-plane token: the owner in the top bits, the pair's handle, what was asked. */
static uint64_t token_of(const struct sa_pair *pair)
{
	return (uint64_t)SAD_TOKEN_OWNER << 56 | pair->handle;
}

enum err sad_create(const struct host *host, struct timers *timers,
    const struct sad_settings *settings, const struct sad_listener *listener, struct sad **out)
{
	struct sad *sad = calloc(1, sizeof(*sad));

	if (sad == NULL)
		return ERR_NO_MEMORY;
	sad->host = *host;
	sad->timers = timers;
	sad->settings = *settings;
	sad->listener = *listener;
	*out = sad;
	return ERR_OK;
}

/* Takes a pair out of every table and frees it. */
static void forget(struct sad *sad, struct sa_pair *pair)
{
	timers_cancel(sad->timers, &pair->timer);
	if (pair->retired)
		sad->retired_count--;
	if (pair->spi_in != 0)
		HASH_DELETE(by_spi_in, sad->by_spi_in, pair);
	if (pair->spi_out != 0)
		HASH_DELETE(by_spi_out, sad->by_spi_out, pair);
	DL_DELETE2(pair->peer->pairs, pair, peer_previous, peer_next);
	sad_peer_drop(sad, pair->peer);
	slots_remove(&sad->pairs, pair->handle);
	free(pair->install_problem);
	free(pair);
}

void sad_destroy(struct sad *sad)
{
	uint32_t cursor = 0;
	struct sa_pair *pair;

	if (sad == NULL)
		return;
	while ((pair = slots_next(&sad->pairs, &cursor)) != NULL)
		forget(sad, pair);
	slots_clear(&sad->pairs);
	free(sad);
}

enum err sad_add(struct sad *sad, const struct sa_pair *model, struct sa_pair **out)
{
	struct dataplane_request request = {.operation = DATAPLANE_RESERVE_SPI};
	struct sa_pair *pair;
	enum err error;

	if (sad->pairs.count >= sad->settings.max_pairs)
		return ERR_LIMIT;
	pair = calloc(1, sizeof(*pair));
	if (pair == NULL)
		return ERR_NO_MEMORY;
	*pair = (struct sa_pair){.state = SA_LARVAL,
	    .local = model->local,
	    .remote = model->remote,
	    .mode = model->mode,
	    .suite = {.protocol = model->suite.protocol},
	    .selector = model->selector,
	    .policy_id = model->policy_id,
	    .exchange = model->exchange,
	    .initiator = model->initiator,
	    .owner = model->owner};
	pair->peer = sad_peer(sad, &pair->remote);
	if (pair->peer == NULL) {
		free(pair);
		return ERR_NO_MEMORY;
	}
	DL_APPEND2(pair->peer->pairs, pair, peer_previous, peer_next);
	error = slots_add(&sad->pairs, pair, &pair->handle);
	if (error != ERR_OK) {
		DL_DELETE2(pair->peer->pairs, pair, peer_previous, peer_next);
		sad_peer_drop(sad, pair->peer);
		free(pair);
		return error;
	}
	pair->created_ms = sad->host.now_ms(sad->host.self);
	pair->reserving = true;
	request.token = token_of(pair);
	request.sa.direction = IPSEC_IN;
	request.sa.source = pair->remote;
	request.sa.destination = pair->local;
	request.sa.suite.protocol = pair->suite.protocol;
	request.sa.policy_id = pair->policy_id;
	*out = pair;
	sad->host.dataplane(sad->host.self, &request);
	return ERR_OK;
}

void sad_agree(struct sa_pair *pair, const struct suite *suite, const struct lifetime *lifetime)
{
	pair->suite = *suite;
	pair->lifetime = *lifetime;
}

/* Octet by octet, so that padding is zero and keys compare. */
static void fill_key(struct sa_key *key, const struct address *destination, uint32_t spi)
{
	memset(key, 0, sizeof(*key));
	key->destination = *destination;
	key->spi = spi;
}

enum err sad_set_spi_out(struct sad *sad, struct sa_pair *pair, uint32_t spi)
{
	if (sad_by_spi_out(sad, &pair->remote, spi) != NULL)
		return ERR_EXISTS;
	fill_key(&pair->key_out, &pair->remote, spi);
	HASH_ADD(by_spi_out, sad->by_spi_out, key_out, sizeof(pair->key_out), pair);
	if (!table_holds(&pair->by_spi_out))
		return ERR_NO_MEMORY;
	pair->spi_out = spi;
	return ERR_OK;
}

/* Names one direction's SA to the data plane. */
static void name_sa(
    const struct sa_pair *pair, enum ipsec_direction direction, struct dataplane_sa *sa)
{
	bool in = direction == IPSEC_IN;

	sa->direction = direction;
	sa->spi = in ? pair->spi_in : pair->spi_out;
	sa->source = in ? pair->remote : pair->local;
	sa->destination = in ? pair->local : pair->remote;
	sa->suite = pair->suite;
	sa->policy_id = pair->policy_id;
}

static void uninstall(struct sad *sad, struct sa_pair *pair, enum ipsec_direction direction)
{
	struct dataplane_request request = {.operation = DATAPLANE_DELETE_SA};

	name_sa(pair, direction, &request.sa);
	if (request.sa.spi != 0)
		sad->host.dataplane(sad->host.self, &request);
}

void sad_install(
    struct sad *sad, struct sa_pair *pair, enum ipsec_direction direction, struct bytes key)
{
	struct dataplane_request request = {.operation = DATAPLANE_ADD_SA, .token = token_of(pair)};
	struct dataplane_sa *sa = &request.sa;

	if (direction == IPSEC_IN && pair->installed_in)
		uninstall(sad, pair, direction);
	name_sa(pair, direction, sa);
	sa->mode = pair->mode;
	sa->selector = pair->selector;
	sa->hard_seconds = pair->lifetime.seconds;
	sa->hard_bytes = pair->lifetime.bytes;
	sa->soft_bytes = sad_soft_bytes(sad, pair);
	if (direction == IPSEC_IN)
		sa->replay_window = sad->settings.replay_window;
	if (key.len <= sizeof(sa->key)) {
		memcpy(sa->key, key.data, key.len);
		sa->key_len = (uint16_t)key.len;
	}
	pair->installing++;
	if (direction == IPSEC_IN)
		pair->installed_in = true;
	else
		pair->installed_out = true;
	sad->host.dataplane(sad->host.self, &request);
	secret_wipe(&request, sizeof(request));
}

void sad_establish(struct sad *sad, struct sa_pair *pair)
{
	pair->state = SA_ESTABLISHED;
	pair->owner = 0;
	sad_start_lifetime(sad, pair);
}

void sad_query(
    struct sad *sad, const struct sa_pair *pair, enum ipsec_direction direction, uint64_t token)
{
	struct dataplane_request request = {.operation = DATAPLANE_QUERY_SA, .token = token};

	name_sa(pair, direction, &request.sa);
	sad->host.dataplane(sad->host.self, &request);
}

void sad_close_outbound(struct sad *sad, struct sa_pair *pair)
{
	pair->state = SA_DELETING;
	pair->rekey_ms = 0;
	if (!pair->installed_out)
		return;
	pair->installed_out = false;
	uninstall(sad, pair, IPSEC_OUT);
}

void sad_close_inbound(struct sad *sad, struct sa_pair *pair)
{
	uninstall(sad, pair, IPSEC_IN);
	pair->installed_in = false;
	if (pair->spi_in != 0)
		HASH_DELETE(by_spi_in, sad->by_spi_in, pair);
	pair->spi_in = 0;
}

static void grace_over(struct timer *timer, void *context)
{
	sad_remove(context, (struct sa_pair *)((char *)timer - offsetof(struct sa_pair, timer)));
}

void sad_retire(struct sad *sad, struct sa_pair *pair)
{
	uint64_t due = sad->host.now_ms(sad->host.self) + sad->settings.delete_grace_ms;

	sad_close_outbound(sad, pair);
	if (pair->retired)
		return;
	if (timers_set(sad->timers, &pair->timer, due, grace_over, sad) != ERR_OK) {
		sad_remove(sad, pair);
		return;
	}
	pair->retired = true;
	sad->retired_count++;
	sad->listener.retired(sad->listener.self, pair);
}

void sad_remove(struct sad *sad, struct sa_pair *pair)
{
	if (pair->reserving) {
		/* The answer may bring an SPI that must be given back. */
		pair->doomed = true;
		pair->owner = 0;
		return;
	}
	if (pair->installed_out)
		uninstall(sad, pair, IPSEC_OUT);
	/* A reserved SPI is released in the same way. */
	uninstall(sad, pair, IPSEC_IN);
	sad->listener.removed(sad->listener.self, pair);
	forget(sad, pair);
}

struct sa_pair *sad_by_handle(const struct sad *sad, uint64_t handle)
{
	return slots_get(&sad->pairs, handle);
}

struct sa_pair *sad_by_spi_in(const struct sad *sad, const struct address *local, uint32_t spi)
{
	struct sa_pair *pair;
	struct sa_key key;

	fill_key(&key, local, spi);
	HASH_FIND(by_spi_in, sad->by_spi_in, &key, sizeof(key), pair);
	return pair;
}

struct sa_pair *sad_by_spi_out(const struct sad *sad, const struct address *remote, uint32_t spi)
{
	struct sa_pair *pair;
	struct sa_key key;

	fill_key(&key, remote, spi);
	HASH_FIND(by_spi_out, sad->by_spi_out, &key, sizeof(key), pair);
	return pair;
}

struct sa_pair *sad_next(const struct sad *sad, uint32_t *cursor)
{
	return slots_next(&sad->pairs, cursor);
}

size_t sad_count(const struct sad *sad)
{
	return sad->pairs.count;
}

size_t sad_active_count(const struct sad *sad)
{
	return sad->pairs.count - sad->retired_count;
}

static void reserved(
    struct sad *sad, struct sa_pair *pair, const struct dataplane_completion *completion)
{
	struct problem problem = completion->problem;

	pair->reserving = false;
	if (problem.code == ERR_OK && sad_by_spi_in(sad, &pair->local, completion->spi) != NULL)
		(void)problem_set(&problem, ERR_EXISTS,
		    "the data plane gave SPI 0x%08x, which is in use", completion->spi);
	if (problem.code == ERR_OK) {
		pair->spi_in = completion->spi;
		fill_key(&pair->key_in, &pair->local, pair->spi_in);
		HASH_ADD(by_spi_in, sad->by_spi_in, key_in, sizeof(pair->key_in), pair);
		if (!table_holds(&pair->by_spi_in)) {
			pair->spi_in = 0;
			(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory");
		}
	}
	if (pair->doomed)
		sad_remove(sad, pair);
	else
		sad->listener.reserved(sad->listener.self, pair, &problem);
}

static void installed(struct sad *sad, struct sa_pair *pair, const struct problem *problem)
{
	struct problem outcome = *problem;

	pair->installing--;
	if (problem->code != ERR_OK && pair->install_problem == NULL) {
		pair->install_problem = malloc(sizeof(*problem));
		if (pair->install_problem != NULL)
			*pair->install_problem = *problem;
	}
	if (pair->installing > 0)
		return;
	if (pair->install_problem != NULL)
		outcome = *pair->install_problem;
	sad->listener.installed(sad->listener.self, pair, &outcome);
}

void sad_dataplane_done(struct sad *sad, const struct dataplane_completion *completion)
{
	uint64_t handle = completion->token & ((1ULL << SLOTS_HANDLE_BITS) - 1);
	struct sa_pair *pair = sad_by_handle(sad, handle);

	if (pair == NULL)
		return;
	if (completion->operation == DATAPLANE_RESERVE_SPI)
		reserved(sad, pair, completion);
	else if (completion->operation == DATAPLANE_ADD_SA && pair->installing > 0)
		installed(sad, pair, &completion->problem);
}

void sad_expired(struct sad *sad, const struct dataplane_expiry *expiry)
{
	struct sa_pair *pair;

	if (expiry->direction == IPSEC_IN)
		pair = sad_by_spi_in(sad, &expiry->destination, expiry->spi);
	else
		pair = sad_by_spi_out(sad, &expiry->destination, expiry->spi);
	if (pair == NULL)
		return;
	if (expiry->hard)
		sad_remove(sad, pair);
	else
		sad_soft_expired(sad, pair);
}
