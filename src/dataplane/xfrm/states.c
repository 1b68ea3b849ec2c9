/* The SAs in the kernel. */
#include "dataplane/xfrm/states.h"

#include <stdlib.h>
#include <string.h>

/* Field by field, so that padding is zero and names compare as octets. */
static struct state_name name_of(
    uint32_t spi, enum ipsec_protocol protocol, const struct address *destination)
{
	struct state_name name;

	memset(&name, 0, sizeof(name));
	name.spi = spi;
	name.protocol = (uint32_t)protocol;
	name.destination = *destination;
	return name;
}

struct state *states_find(const struct states *states, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination)
{
	struct state_name name = name_of(spi, protocol, destination);
	struct state *state;

	HASH_FIND(hh, states->by_name, &name, sizeof(name), state);
	return state;
}

struct state *states_add(struct states *states, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination)
{
	struct state *state = calloc(1, sizeof(*state));

	if (state == NULL)
		return NULL;
	state->name = name_of(spi, protocol, destination);
	HASH_ADD(hh, states->by_name, name, sizeof(state->name), state);
	if (!table_holds(&state->hh)) {
		free(state);
		return NULL;
	}
	return state;
}

void states_forget(struct states *states, struct state *state)
{
	HASH_DEL(states->by_name, state);
	free(state);
}
