/*
 * Forward-confirmed reverse lookups. A name counts only if it leads back to the address: whoever
 * controls a reverse zone could otherwise claim any name.
 */
#include "daemon/resolver.h"

#include <ctype.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUPS_MAX 1024

struct resolver {
	uv_loop_t *loop;
	resolver_done done;
	void *self;
	size_t busy;
	bool closed;
};

struct lookup {
	uv_work_t work;
	struct resolver *resolver;
	struct address address;
	uint64_t token;
	struct problem problem;
	char name[NI_MAXHOST];
};

enum err resolver_open(uv_loop_t *loop, resolver_done done, void *self, struct resolver **out)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (resolver == NULL)
		return ERR_NO_MEMORY;
	resolver->loop = loop;
	resolver->done = done;
	resolver->self = self;
	*out = resolver;
	return ERR_OK;
}

static bool leads_back(const char *name, const struct address *address)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_DGRAM, .ai_family = address->family == 6 ? AF_INET6 : AF_INET};
	struct addrinfo *list = NULL;
	bool found = false;

	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return false;
	for (struct addrinfo *entry = list; entry != NULL && !found; entry = entry->ai_next) {
		struct endpoint endpoint;

		found = endpoint_from_sockaddr(entry->ai_addr, &endpoint) == ERR_OK &&
		        address_equal(&endpoint.address, address);
	}
	freeaddrinfo(list);
	return found;
}

/* As principals have it: lower case, no dot at the end (RFC 4430 4.2.1). */
static void normalise(char *name)
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '.')
		name[len - 1] = '\0';
	for (; *name != '\0'; name++)
		*name = (char)tolower((unsigned char)*name);
}

static void look_up(uv_work_t *work)
{
	struct lookup *lookup = work->data;
	struct endpoint endpoint = {.address = lookup->address};
	struct sockaddr_storage storage;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &storage);
	char text[ADDRESS_TEXT_SIZE];
	int code = getnameinfo((const struct sockaddr *)&storage, len, lookup->name,
	    sizeof(lookup->name), NULL, 0, NI_NAMEREQD);

	(void)address_format(&lookup->address, text);
	if (code != 0) {
		(void)problem_set(&lookup->problem,
		    code == EAI_AGAIN ? ERR_UNAVAILABLE : ERR_NOT_FOUND,
		    "the resolver has no name for %s (%s): add its PTR record, or an entry in "
		    "hosts "
		    "of kinkd.conf",
		    text, gai_strerror(code));
		return;
	}
	normalise(lookup->name);
	if (!leads_back(lookup->name, &lookup->address))
		(void)problem_set(&lookup->problem, ERR_NOT_FOUND,
		    "%s has the name %s, but that name does not lead back to it: correct the DNS, "
		    "or "
		    "add an entry in hosts of kinkd.conf",
		    text, lookup->name);
}

static void looked_up(uv_work_t *work, int status)
{
	struct lookup *lookup = work->data;
	struct resolver *resolver = lookup->resolver;
	struct host_name_completion completion = {.token = lookup->token,
	    .problem = lookup->problem,
	    .name = lookup->problem.code == ERR_OK ? lookup->name : NULL};

	resolver->busy--;
	if (!resolver->closed && status == 0)
		resolver->done(resolver->self, &completion);
	free(lookup);
	if (resolver->closed && resolver->busy == 0)
		free(resolver);
}

enum err resolver_ask(struct resolver *resolver, const struct address *address, uint64_t token)
{
	struct lookup *lookup;

	if (resolver->busy >= LOOKUPS_MAX)
		return ERR_LIMIT;
	lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL)
		return ERR_NO_MEMORY;
	lookup->resolver = resolver;
	lookup->address = *address;
	lookup->token = token;
	lookup->work.data = lookup;
	if (uv_queue_work(resolver->loop, &lookup->work, look_up, looked_up) != 0) {
		free(lookup);
		return ERR_SYSTEM;
	}
	resolver->busy++;
	return ERR_OK;
}

void resolver_close(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	resolver->closed = true;
	if (resolver->busy == 0)
		free(resolver);
}

size_t resolver_busy(const struct resolver *resolver)
{
	return resolver->busy;
}
