/* Netlink to XFRM in batches: netlink(7), linux/xfrm.h. */
#include "dataplane/xfrm/batch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/secret.h"

#define BUFFER_OCTETS  65536
#define ENTRIES_MAX    256
#define RECEIVE_OCTETS 32768             /* the most that the kernel puts into one answer */
#define SOCKET_BUFFER  (4 * 1024 * 1024) /* room for the answers to a whole batch */

struct entry {
	batch_done done;
	void *context;
	uint64_t argument;
	uint32_t sequence;
	bool answered;
};

/* Requests that go together. */
struct group {
	struct group *next;
	struct nlmsghdr *last;
	size_t used;
	size_t count;
	struct entry entries[ENTRIES_MAX];
	uint8_t octets[BUFFER_OCTETS] __attribute__((aligned(8)));
};

struct batch {
	struct mnl_socket *socket;
	uint32_t sequence;
	bool sending;
	struct group *first; /* to be sent; the last of them is being filled */
	struct group *last;
	uint8_t received[RECEIVE_OCTETS] __attribute__((aligned(8)));
};

static void set_option(struct mnl_socket *socket, int level, int name, int value)
{
	(void)setsockopt(mnl_socket_get_fd(socket), level, name, &value, sizeof(value));
}

enum err batch_open(struct batch **out, struct problem *problem)
{
	struct batch *batch = secret_alloc(sizeof(*batch));

	*out = NULL;
	if (batch == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for netlink");
	batch->socket = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC);
	if (batch->socket == NULL || mnl_socket_bind(batch->socket, 0, MNL_SOCKET_AUTOPID) != 0) {
		(void)problem_set(problem, ERR_UNSUPPORTED,
		    "the kernel offers no control of its IPsec (NETLINK_XFRM): %s",
		    strerror(errno));
		batch_close(batch);
		return ERR_UNSUPPORTED;
	}
	/* The kernel's words on errors, and errors without the request, in which keys may be. */
	set_option(batch->socket, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	set_option(batch->socket, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	set_option(batch->socket, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER);
	*out = batch;
	return ERR_OK;
}

static void drop_first(struct batch *batch)
{
	struct group *group = batch->first;

	batch->first = group->next;
	secret_free(group, sizeof(*group));
}

void batch_close(struct batch *batch)
{
	if (batch == NULL)
		return;
	if (batch->socket != NULL)
		(void)mnl_socket_close(batch->socket);
	while (batch->first != NULL)
		drop_first(batch);
	secret_free(batch, sizeof(*batch));
}

uint32_t batch_port(const struct batch *batch)
{
	return mnl_socket_get_portid(batch->socket);
}

static bool is_full(const struct group *group)
{
	return group->count == ENTRIES_MAX || group->used + BATCH_MESSAGE_MAX > BUFFER_OCTETS;
}

/* The group that takes one more message. */
static struct group *room(struct batch *batch)
{
	struct group *group = batch->last;

	if (group != NULL && is_full(group) && !batch->sending) {
		batch_flush(batch);
		group = batch->last;
	}
	if (group != NULL && !is_full(group))
		return group;
	group = secret_alloc(sizeof(*group));
	/* A request without an answer would leave a negotiation hanging for ever. */
	if (group == NULL)
		abort();
	if (batch->first == NULL)
		batch->first = group;
	else
		batch->last->next = group;
	batch->last = group;
	return group;
}

struct nlmsghdr *batch_begin(struct batch *batch, uint16_t type)
{
	struct group *group = room(batch);
	struct nlmsghdr *message = mnl_nlmsg_put_header(group->octets + group->used);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = ++batch->sequence;
	/* The kernel repeats it in reports of what the request has changed. */
	message->nlmsg_pid = batch_port(batch);
	return message;
}

void batch_end(struct batch *batch, struct nlmsghdr *message, batch_done done, void *context,
    uint64_t argument)
{
	struct group *group = batch->last;

	/* Structures with 64 bits in them want the next message to begin where such may. */
	if (message->nlmsg_len % 8 != 0)
		mnl_attr_put(message, XFRMA_PAD, 0, NULL);
	group->used += NLMSG_ALIGN(message->nlmsg_len);
	group->last = message;
	group->entries[group->count++] = (struct entry){
	    .done = done, .context = context, .argument = argument, .sequence = message->nlmsg_seq};
}

static void answer(struct entry *entry, int error, const char *text, const struct nlmsghdr *reply)
{
	struct batch_answer told = {.error = error, .text = text, .reply = reply};

	if (entry->answered)
		return;
	entry->answered = true;
	if (entry->done != NULL)
		entry->done(entry->context, entry->argument, &told);
}

static int find_text(const struct nlattr *attribute, void *data)
{
	const char **text = data;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		*text = mnl_attr_get_str(attribute);
	return MNL_CB_OK;
}

/* The kernel's verdict on a request: 0 or an errno, and maybe words. */
static int verdict_of(const struct nlmsghdr *message, const char **text)
{
	const struct nlmsgerr *verdict = mnl_nlmsg_get_payload(message);

	*text = "";
	if (message->nlmsg_len < mnl_nlmsg_size(sizeof(*verdict)))
		return EBADMSG;
	/* The request's header alone stands before the attributes (NETLINK_CAP_ACK). */
	if ((message->nlmsg_flags & NLM_F_ACK_TLVS) != 0 &&
	    (message->nlmsg_flags & NLM_F_CAPPED) != 0)
		(void)mnl_attr_parse(message, sizeof(*verdict), find_text, text);
	return -verdict->error;
}

/* What came stands for one of the requests; those before it had nothing to say, so all went well.
 */
static bool take(struct group *group, size_t *at, const struct nlmsghdr *message)
{
	const char *text;

	while (*at < group->count && group->entries[*at].sequence != message->nlmsg_seq)
		answer(&group->entries[(*at)++], 0, "", NULL);
	if (*at == group->count)
		return false;
	if (message->nlmsg_type == NLMSG_ERROR) {
		int error = verdict_of(message, &text);

		answer(&group->entries[*at], error, text, NULL);
		return *at + 1 < group->count;
	}
	answer(&group->entries[*at], 0, "", message);
	return true;
}

static void fail_rest(struct group *group, int error)
{
	for (size_t i = 0; i < group->count; i++)
		answer(&group->entries[i], error, "", NULL);
}

static bool is_ours(const struct group *group, const struct nlmsghdr *message)
{
	return message->nlmsg_seq - group->entries[0].sequence < group->count;
}

static void receive(struct batch *batch, struct group *group)
{
	bool more = true;
	size_t at = 0;

	while (more) {
		ssize_t got =
		    mnl_socket_recvfrom(batch->socket, batch->received, sizeof(batch->received));
		const struct nlmsghdr *message = (const struct nlmsghdr *)batch->received;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fail_rest(group, errno);
			return;
		}
		for (; more && mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left)) {
			if (is_ours(group, message))
				more = take(group, &at, message);
		}
	}
}

static void send_group(struct batch *batch, struct group *group)
{
	/* Only the last is confirmed; of the others errors and replies are heard. */
	group->last->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(batch->socket, group->octets, group->used) < 0)
		fail_rest(group, errno);
	else
		receive(batch, group);
	secret_wipe(batch->received, sizeof(batch->received));
}

void batch_flush(struct batch *batch)
{
	if (batch->sending)
		return;
	batch->sending = true;
	while (batch->first != NULL) {
		struct group *group = batch->first;

		/* Handlers fill another one. */
		batch->first = group->next;
		if (batch->first == NULL)
			batch->last = NULL;
		if (group->count > 0)
			send_group(batch, group);
		secret_free(group, sizeof(*group));
	}
	batch->sending = false;
}

struct visit {
	batch_visitor visitor;
	void *context;
};

static int visit_one(const struct nlmsghdr *message, void *data)
{
	const struct visit *visit = data;
	uint8_t aligned[BATCH_MESSAGE_MAX] __attribute__((aligned(8)));

	/* In a dump messages follow one another at multiples of four octets. */
	if (message->nlmsg_len > sizeof(aligned))
		return MNL_CB_OK;
	memcpy(aligned, message, message->nlmsg_len);
	visit->visitor(visit->context, (const struct nlmsghdr *)aligned);
	secret_wipe(aligned, message->nlmsg_len);
	return MNL_CB_OK;
}

enum err batch_dump(struct batch *batch, uint16_t type, batch_visitor visitor, void *context,
    struct problem *problem)
{
	uint8_t buffer[64] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct visit visit = {.visitor = visitor, .context = context};
	int state = MNL_CB_OK;

	batch_flush(batch);
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = ++batch->sequence;
	/* What the visitor queues has to wait, for its answers would come between what is shown. */
	batch->sending = true;
	if (mnl_socket_sendto(batch->socket, request, request->nlmsg_len) < 0)
		state = MNL_CB_ERROR;
	while (state == MNL_CB_OK) {
		ssize_t got =
		    mnl_socket_recvfrom(batch->socket, batch->received, sizeof(batch->received));

		state = got < 0 ? MNL_CB_ERROR
		                : mnl_cb_run(batch->received, (size_t)got, request->nlmsg_seq,
				      mnl_socket_get_portid(batch->socket), visit_one, &visit);
	}
	batch->sending = false;
	secret_wipe(batch->received, sizeof(batch->received));
	if (state != MNL_CB_STOP)
		return problem_set(problem, ERR_SYSTEM,
		    "the kernel does not show its IPsec %s: %s%s",
		    type == XFRM_MSG_GETSA ? "SAs" : "policies", strerror(errno),
		    errno == EPERM ? "; the daemon needs CAP_NET_ADMIN" : "");
	return ERR_OK;
}
