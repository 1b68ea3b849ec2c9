/* The policies in the kernel. */
#include "dataplane/xfrm/policies-internal.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/prefixes.h"

/* Where ours stand among the kernel's, whose lower ones come first. */
#define PRIORITY_NEIGHBOURS 1023
#define PRIORITY_FIRST      1024

const uint8_t policies_directions[POLICIES_DIRECTIONS] = {
    XFRM_POLICY_OUT, XFRM_POLICY_IN, XFRM_POLICY_FWD};

/* Each of the policies told has two: flows that it protects for good come before the others. */
uint32_t policies_priority_of(const struct policy *policy, enum policy_action action)
{
	bool before = action != policy->told.action;

	return PRIORITY_FIRST + 2 * policy->told.priority - (before ? 1 : 0);
}

struct policies *policies_new(void)
{
	return calloc(1, sizeof(struct policies));
}

void policies_forget_part(struct policies *policies, struct policy_part *part)
{
	HASH_DELETE(by_key, policies->by_key, part);
	HASH_DELETE(by_index, policies->by_index, part);
	free(part);
}

static void forget_policy(struct policies *policies, struct policy *policy)
{
	while (policy->parts != NULL) {
		struct policy_part *part = policy->parts;

		policy->parts = part->next;
		policies_forget_part(policies, part);
	}
	free(policy);
}

static void forget_id(struct policies *policies, struct policy_id *entry)
{
	while (entry->policies != NULL) {
		struct policy *policy = entry->policies;

		entry->policies = policy->next;
		forget_policy(policies, policy);
	}
	HASH_DEL(policies->by_id, entry);
	free(entry);
}

void policies_free(struct policies *policies)
{
	struct policy_part *part;
	struct policy_part *next;

	if (policies == NULL)
		return;
	while (policies->by_id != NULL)
		forget_id(policies, policies->by_id);
	HASH_ITER (by_key, policies->by_key, part, next)
		policies_forget_part(policies, part);
	free(policies);
}

enum err policies_enter_part(struct policies *policies, const struct policy_part_key *key,
    uint32_t index, struct policy_part **out)
{
	struct policy_part *part = calloc(1, sizeof(*part));

	if (part == NULL)
		return ERR_NO_MEMORY;
	part->key = *key;
	part->index = index;
	HASH_ADD(by_key, policies->by_key, key, sizeof(part->key), part);
	if (!table_holds(&part->by_key)) {
		free(part);
		return ERR_NO_MEMORY;
	}
	HASH_ADD(by_index, policies->by_index, index, sizeof(part->index), part);
	if (!table_holds(&part->by_index)) {
		HASH_DELETE(by_key, policies->by_key, part);
		free(part);
		return ERR_NO_MEMORY;
	}
	*out = part;
	return ERR_OK;
}

struct policy_part_key policies_key_of(
    const struct xfrm_selector *selector, uint8_t direction, const struct message_scope *scope)
{
	struct policy_part_key key;

	memset(&key, 0, sizeof(key));
	memcpy(&key.selector, selector, sizeof(key.selector));
	key.direction = direction;
	key.scope = *scope;
	return key;
}

void policies_queue_removal(
    struct batch *batch, const struct policy_part *part, batch_done done, void *context)
{
	struct nlmsghdr *message = batch_begin(batch, XFRM_MSG_DELPOLICY);

	message_put_policy_name(
	    message, part->index, (uint8_t)part->key.direction, &part->key.scope);
	batch_end(batch, message, done, context, part->index);
}

static unsigned device_of(const struct dataplane_policy *told)
{
	return told->offload != OFFLOAD_OFF ? if_nametoindex(told->offload_device) : 0;
}

/* Cards that do only the cryptography know nothing of policies. */
static unsigned device_for_policy(const struct dataplane_policy *told)
{
	return told->offload == OFFLOAD_PACKET ? device_of(told) : 0;
}

void policies_queue(
    struct batch *batch, const struct policy_part *part, batch_done done, void *context)
{
	struct message_policy policy = {.selector = part->key.selector,
	    .direction = (uint8_t)part->key.direction,
	    .index = part->index,
	    .priority = part->priority,
	    .told = &part->policy->told,
	    .device = device_for_policy(&part->policy->told),
	    .action = part->action};
	struct nlmsghdr *message = batch_begin(batch, XFRM_MSG_UPDPOLICY);

	message_put_policy(message, &policy);
	batch_end(batch, message, done, context, part->index);
}

/* A number that no policy of ours has; 0 when there is none. */
static uint32_t free_index(struct policies *policies, uint8_t direction)
{
	for (uint32_t tries = 0; tries < MESSAGE_NUMBER_MAX; tries++) {
		struct policy_part *part;
		uint32_t index;

		policies->next_number = policies->next_number % MESSAGE_NUMBER_MAX + 1;
		index = message_index(policies->next_number, direction);
		HASH_FIND(by_index, policies->by_index, &index, sizeof(index), part);
		if (part == NULL)
			return index;
	}
	return 0;
}

enum err policies_take_part(struct policies *policies, struct policy *policy,
    const struct policy_part_key *key, enum policy_action action, struct policy_part **out,
    struct problem *problem)
{
	struct policy_part *part;
	enum err code = ERR_OK;

	HASH_FIND(by_key, policies->by_key, key, sizeof(*key), part);
	if (part == NULL) {
		uint32_t index = free_index(policies, (uint8_t)key->direction);

		if (index == 0)
			return problem_set(
			    problem, ERR_LIMIT, "there are too many policies for the kernel");
		code = policies_enter_part(policies, key, index, &part);
	}
	if (code != ERR_OK)
		return problem_set(
		    problem, code, "policy \"%s\": out of memory", policy->told.name);
	part->priority = policies_priority_of(policy, action);
	part->action = action;
	part->policy = policy;
	part->next = policy->parts;
	policy->parts = part;
	*out = part;
	return ERR_OK;
}

struct message_scope policies_scope_of(const struct dataplane_policy *told)
{
	return (struct message_scope){.mark = told->mark, .if_id = told->if_id};
}

/* One direction of one selector. What an earlier policy matches never comes to this one. */
static enum err add_part(struct policies *policies, struct policy *policy,
    const struct message_selector *selector, uint8_t direction, struct problem *problem)
{
	struct xfrm_selector told = message_selector(selector, direction);
	struct message_scope scope = policies_scope_of(&policy->told);
	struct policy_part_key key = policies_key_of(&told, direction, &scope);
	struct policy_part *part;

	HASH_FIND(by_key, policies->by_key, &key, sizeof(key), part);
	if (part == NULL || part->policy == NULL)
		return policies_take_part(
		    policies, policy, &key, policy->told.action, &part, problem);
	if (part->policy->told.priority < policy->told.priority)
		return ERR_OK;
	return problem_set(problem, ERR_EXISTS,
	    "policy \"%s\": the kernel cannot tell it from policy \"%s\", which comes later",
	    policy->told.name, part->policy->told.name);
}

/* All that one selector takes: for each pair of prefixes, each pair of blocks of ports. */
static enum err add_parts(struct policies *policies, struct policy *policy, struct problem *problem)
{
	const struct selector *told = &policy->told.selector;
	struct message_ports local_ports[MESSAGE_PORTS_MAX];
	struct message_ports remote_ports[MESSAGE_PORTS_MAX];
	size_t local_blocks = message_port_blocks(&told->local_ports, local_ports);
	size_t remote_blocks = message_port_blocks(&told->remote_ports, remote_ports);
	struct prefixes locals;
	struct prefixes remotes;
	enum err code = ERR_OK;

	prefixes_of_range(&told->local, &locals);
	prefixes_of_range(&told->remote, &remotes);
	for (size_t i = 0; i < locals.count * remotes.count && code == ERR_OK; i++) {
		for (size_t j = 0; j < local_blocks * remote_blocks && code == ERR_OK; j++) {
			struct message_selector selector = {.local = locals.list[i % locals.count],
			    .remote = remotes.list[i / locals.count],
			    .local_ports = local_ports[j % local_blocks],
			    .remote_ports = remote_ports[j / local_blocks],
			    .protocol = told->protocol};

			for (size_t k = 0; k < POLICIES_DIRECTIONS && code == ERR_OK; k++)
				code = add_part(
				    policies, policy, &selector, policies_directions[k], problem);
		}
	}
	return code;
}

static struct policy_id *enter_id(struct policies *policies, uint32_t id)
{
	struct policy_id *entry;

	HASH_FIND(hh, policies->by_id, &id, sizeof(id), entry);
	if (entry != NULL)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	entry->id = id;
	HASH_ADD(hh, policies->by_id, id, sizeof(entry->id), entry);
	if (!table_holds(&entry->hh)) {
		free(entry);
		return NULL;
	}
	return entry;
}

/* What is not in force after all, of which an earlier run's may be still: that is stale as before.
 */
static void give_up(struct policies *policies, struct policy *policy)
{
	struct policy_id *entry = enter_id(policies, policy->told.id);

	while (policy->parts != NULL) {
		struct policy_part *part = policy->parts;

		policy->parts = part->next;
		part->policy = NULL;
	}
	entry->policies = policy->next;
	free(policy);
}

/* A policy of its id, without parts yet. */
static struct policy *enter_policy(struct policies *policies, const struct dataplane_policy *told)
{
	struct policy_id *entry = enter_id(policies, told->id);
	struct policy *policy = entry != NULL ? calloc(1, sizeof(*policy)) : NULL;

	if (policy == NULL)
		return NULL;
	policy->told = *told;
	policy->next = entry->policies;
	entry->policies = policy;
	return policy;
}

enum err policies_add(struct policies *policies, const struct dataplane_policy *told,
    struct policy **out, struct problem *problem)
{
	enum err code;

	if (told->id > MESSAGE_POLICY_ID_MAX)
		return problem_set(problem, ERR_LIMIT,
		    "policy \"%s\": the kernel has no number for it", told->name);
	*out = enter_policy(policies, told);
	if (*out == NULL)
		return problem_set(
		    problem, ERR_NO_MEMORY, "policy \"%s\": out of memory", told->name);
	if (told->offload != OFFLOAD_OFF && device_of(told) == 0)
		code = problem_set(problem, ERR_NOT_FOUND,
		    "policy \"%s\": there is no interface \"%s\" to offload to", told->name,
		    told->offload_device);
	else
		code = add_parts(policies, *out, problem);
	if (code != ERR_OK)
		give_up(policies, *out);
	return code;
}

static const struct message_scope everywhere;

enum err policies_add_neighbours(
    struct policies *policies, struct policy **out, struct problem *problem)
{
	/* Solicitations and advertisements of routers and of neighbours (RFC 4861 4.1 to 4.4). */
	static const uint8_t types[] = {133, 134, 135, 136};
	struct dataplane_policy told = {.action = POLICY_BYPASS};
	enum err code = ERR_OK;

	*out = enter_policy(policies, &told);
	if (*out == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for policies");
	for (size_t i = 0; i < sizeof(types) * POLICIES_DIRECTIONS && code == ERR_OK; i++) {
		/* XFRM has ICMP's type where others have the source's port. */
		struct xfrm_selector selector;
		struct policy_part_key key;
		struct policy_part *part;

		memset(&selector, 0, sizeof(selector));
		selector.family = AF_INET6;
		selector.proto = IPPROTO_ICMPV6;
		selector.sport = htons(types[i / POLICIES_DIRECTIONS]);
		selector.sport_mask = UINT16_MAX;
		key = policies_key_of(
		    &selector, policies_directions[i % POLICIES_DIRECTIONS], &everywhere);
		code = policies_take_part(policies, *out, &key, POLICY_BYPASS, &part, problem);
		if (code == ERR_OK)
			part->priority = PRIORITY_NEIGHBOURS;
	}
	return code;
}

struct policy_id *policies_find_id(const struct policies *policies, uint32_t id)
{
	struct policy_id *entry;

	HASH_FIND(hh, policies->by_id, &id, sizeof(id), entry);
	return entry;
}

void policies_allow_own(struct policies *policies, struct batch *batch, const struct address *local,
    const struct address *remote)
{
	const struct policy_id *entry = policies_find_id(policies, 0);
	struct message_selector flow = {
	    .local = prefix_of_host(local), .remote = prefix_of_host(remote)};
	/* Its packets come in with the same addresses in the same places as they went out. */
	struct xfrm_selector selector = message_selector(&flow, XFRM_POLICY_OUT);

	for (size_t i = 0; entry != NULL && i < 2; i++) {
		struct policy_part_key key =
		    policies_key_of(&selector, policies_directions[i], &everywhere);
		struct policy_part *part;

		HASH_FIND(by_key, policies->by_key, &key, sizeof(key), part);
		if (part != NULL && part->policy != NULL)
			continue;
		if (policies_take_part(
			policies, entry->policies, &key, POLICY_BYPASS, &part, NULL) != ERR_OK)
			continue;
		part->priority = PRIORITY_NEIGHBOURS;
		policies_queue(batch, part, NULL, NULL);
	}
}

void policies_forget(struct policies *policies, uint32_t id)
{
	struct policy_id *entry = policies_find_id(policies, id);

	if (entry != NULL)
		forget_id(policies, entry);
}

void policies_remove_all(struct policies *policies, struct batch *batch)
{
	const struct policy_part *part;
	const struct policy_part *next;

	HASH_ITER (by_key, policies->by_key, part, next)
		policies_queue_removal(batch, part, NULL, NULL);
	while (policies->by_id != NULL)
		forget_id(policies, policies->by_id);
}

const struct policy *policies_find(const struct policies *policies, uint32_t id)
{
	const struct policy_id *entry = policies_find_id(policies, id);

	return entry != NULL ? entry->policies : NULL;
}

const char *policies_name(
    const struct policies *policies, uint32_t id, char text[POLICIES_NAME_SIZE])
{
	const struct policy *policy = policies_find(policies, id);

	if (policy != NULL && policy->told.name[0] != '\0')
		(void)snprintf(text, POLICIES_NAME_SIZE, "policy \"%s\"", policy->told.name);
	else
		(void)snprintf(text, POLICIES_NAME_SIZE, "policy %u", id);
	return text;
}

struct message_terms policies_terms(const struct policies *policies, uint32_t id)
{
	const struct policy *policy = policies_find(policies, id);

	if (policy == NULL)
		return (struct message_terms){.device = 0};
	return (struct message_terms){.scope = policies_scope_of(&policy->told),
	    .offload = policy->told.offload,
	    .device = device_of(&policy->told)};
}

const struct policy_part *policies_find_part(const struct policies *policies, uint32_t index)
{
	struct policy_part *part;

	HASH_FIND(by_index, policies->by_index, &index, sizeof(index), part);
	return part;
}

void policies_restore(const struct policies *policies, struct batch *batch)
{
	const struct policy_part *part;
	const struct policy_part *next;

	HASH_ITER (by_key, policies->by_key, part, next) {
		if (part->policy != NULL)
			policies_queue(batch, part, NULL, NULL);
	}
}

void policies_renew(struct policies *policies, struct batch *batch, uint32_t index)
{
	const struct policy_part *part = policies_find_part(policies, index);

	if (part != NULL && part->policy != NULL)
		policies_queue(batch, part, NULL, NULL);
}
