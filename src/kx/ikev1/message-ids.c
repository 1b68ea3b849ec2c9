/* Message IDs of an ISAKMP SA, each of which is used once: RFC 2408 3.1, RFC 2409 5.5 and 5.7. */
#include <stdlib.h>

#include "kx/ikev1/sa.h"

#define FIRST_CAPACITY 32
/* A peer that uses more under one SA has to make another. */
#define IDS_MAX        65536

static uint32_t *place_of(uint32_t *ids, size_t capacity, uint32_t id)
{
	size_t at = id * 2654435761U % capacity;

	while (ids[at] != 0 && ids[at] != id)
		at = (at + 1) % capacity;
	return &ids[at];
}

bool ikev1_sa_took_message_id(const struct ikev1_sa *sa, uint32_t message_id)
{
	const struct ikev1_message_ids *table = &sa->ids;

	return table->capacity > 0 &&
	       *place_of(table->ids, table->capacity, message_id) == message_id;
}

static enum err grow(struct ikev1_message_ids *table)
{
	size_t capacity = table->capacity > 0 ? 2 * table->capacity : FIRST_CAPACITY;
	uint32_t *ids;

	if (table->count >= IDS_MAX)
		return ERR_LIMIT;
	ids = calloc(capacity, sizeof(*ids));
	if (ids == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < table->capacity; i++) {
		if (table->ids[i] != 0)
			*place_of(ids, capacity, table->ids[i]) = table->ids[i];
	}
	free(table->ids);
	table->ids = ids;
	table->capacity = capacity;
	return ERR_OK;
}

enum err ikev1_sa_take_message_id(struct ikev1_sa *sa, uint32_t message_id)
{
	struct ikev1_message_ids *table = &sa->ids;
	enum err error = ERR_OK;

	if (ikev1_sa_took_message_id(sa, message_id))
		return ERR_REPLAY;
	if (4 * (table->count + 1) > 3 * table->capacity)
		error = grow(table);
	if (error != ERR_OK)
		return error;
	*place_of(table->ids, table->capacity, message_id) = message_id;
	table->count++;
	return ERR_OK;
}

uint32_t ikev1_sa_new_message_id(struct ikev1_sa *sa)
{
	const struct host *host = kx_host(sa->peer->ikev1->kx);
	uint32_t id = 0;

	while (id == 0 || ikev1_sa_took_message_id(sa, id))
		host->random(host->self, &id, sizeof(id));
	/* Without room for it one chance in four thousand million is left of its coming again. */
	if (ikev1_sa_take_message_id(sa, id) != ERR_OK)
		return id;
	return id;
}
