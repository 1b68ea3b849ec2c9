/* Counters of SAs, asked of the data plane for status. */
#include <stdlib.h>

#include "daemon/daemon.h"

#define QUERIES_MAX 4096

struct query {
	uint64_t handle;
	query_done done;
	void *context;
};

enum err query_sa(struct daemon *daemon, enum ipsec_protocol protocol, uint32_t spi,
    const struct address *destination, enum ipsec_direction direction, query_done done,
    void *context)
{
	struct dataplane_request request = {.operation = DATAPLANE_QUERY_SA};
	struct query *query;
	enum err error;

	if (daemon->queries.count >= QUERIES_MAX)
		return ERR_LIMIT;
	query = calloc(1, sizeof(*query));
	if (query == NULL)
		return ERR_NO_MEMORY;
	query->done = done;
	query->context = context;
	error = slots_add(&daemon->queries, query, &query->handle);
	if (error != ERR_OK) {
		free(query);
		return error;
	}
	request.token = DAEMON_TOKEN | query->handle;
	request.sa.direction = direction;
	request.sa.spi = spi;
	request.sa.destination = *destination;
	request.sa.suite.protocol = protocol;
	daemon->dataplane_ops->submit(daemon->dataplane, &request);
	return ERR_OK;
}

void query_completed(struct daemon *daemon, const struct dataplane_completion *completion)
{
	struct query *query = slots_get(&daemon->queries, completion->token & ~DAEMON_TOKEN);

	if (query == NULL)
		return;
	slots_remove(&daemon->queries, query->handle);
	query->done(query->context, completion);
	free(query);
}

void query_close(struct daemon *daemon)
{
	struct dataplane_completion nothing = {.problem = {.code = ERR_UNAVAILABLE}};
	struct query *query;
	uint32_t cursor = 0;

	while ((query = slots_next(&daemon->queries, &cursor)) != NULL) {
		slots_remove(&daemon->queries, query->handle);
		query->done(query->context, &nothing);
		free(query);
	}
	slots_clear(&daemon->queries);
}
