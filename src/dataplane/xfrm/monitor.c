/* The monitor's thread: XFRM's multicast groups. */
#include "dataplane/xfrm/monitor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "dataplane/selector.h"
#include "dataplane/xfrm/message.h"

#define RECEIVE_OCTETS 32768
#define OWN_MAX        16
#define SOCKET_BUFFER  (4 * 1024 * 1024) /* reports that wait while the thread does not run */

struct monitor {
	struct dataplane_listener listener;
	struct wishes *wishes;
	struct encapsulation *encapsulation;
	struct mnl_socket *socket;
	int stop;             /* eventfd: readable when the thread is to end */
	int reminder;         /* timerfd */
	atomic_uint news;     /* enum monitor_news */
	pthread_mutex_t lock; /* for these: */
	struct wish own[OWN_MAX];
	size_t own_count;
	bool running;
	pthread_t thread;
	uint8_t received[RECEIVE_OCTETS] __attribute__((aligned(8)));
};

/* Where the protocol has ports; of ICMP the kernel puts type and code in their place. */
static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

/* A larval SA's selector is its packet. */
static struct dataplane_flow flow_of(const struct xfrm_selector *selector, uint32_t policy_id)
{
	struct dataplane_flow flow = {.policy_id = policy_id,
	    .local = message_address_of(&selector->saddr, selector->family),
	    .remote = message_address_of(&selector->daddr, selector->family),
	    .protocol = selector->proto};

	if (has_ports(selector->proto)) {
		flow.local_port = ntohs(selector->sport);
		flow.remote_port = ntohs(selector->dport);
	}
	return flow;
}

static const void *payload(const struct nlmsghdr *message, size_t len)
{
	return message->nlmsg_len >= mnl_nlmsg_size(len) ? mnl_nlmsg_get_payload(message) : NULL;
}

/* Of a bundle's templates, the one for the protocol that is asked for. */
struct search {
	uint8_t protocol;
	struct xfrm_user_tmpl found;
};

static int find_template(const struct nlattr *attribute, void *context)
{
	struct search *search = context;
	const struct xfrm_user_tmpl *template = mnl_attr_get_payload(attribute);
	size_t left = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) != XFRMA_TMPL)
		return MNL_CB_OK;
	for (; left >= sizeof(*template); left -= sizeof(*template), template ++) {
		if (template->id.proto == search->protocol)
			search->found = *template;
	}
	return MNL_CB_OK;
}

/* A report about nothing, by which the engine's thread comes to look for itself. */
static void wake(struct monitor *monitor)
{
	static const struct dataplane_expiry nothing = {0};

	monitor->listener.expired(monitor->listener.self, &nothing);
}

/* The kernel lets nobody bind to an address that is not the host's. */
static bool is_own(const struct address *address)
{
	struct endpoint endpoint = {.address = *address};
	struct sockaddr_storage storage;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &storage);
	int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool own = fd >= 0 && bind(fd, (const struct sockaddr *)&storage, len) == 0;

	if (fd >= 0)
		(void)close(fd);
	return own;
}

static void note_own(struct monitor *monitor, const struct wish *wish)
{
	(void)pthread_mutex_lock(&monitor->lock);
	if (monitor->own_count < OWN_MAX)
		monitor->own[monitor->own_count++] = *wish;
	(void)pthread_mutex_unlock(&monitor->lock);
	wake(monitor);
}

bool monitor_take_own(struct monitor *monitor, struct wish *out)
{
	bool any;

	(void)pthread_mutex_lock(&monitor->lock);
	any = monitor->own_count > 0;
	if (any)
		*out = monitor->own[--monitor->own_count];
	(void)pthread_mutex_unlock(&monitor->lock);
	return any;
}

static void acquire(struct monitor *monitor, const struct nlmsghdr *message)
{
	const struct xfrm_user_acquire *told = payload(message, sizeof(*told));
	struct search search = {0};
	const struct xfrm_user_tmpl *wanted = &search.found;
	struct wish wish;

	if (told == NULL)
		return;
	search.protocol = told->id.proto;
	(void)mnl_attr_parse(message, sizeof(*told), find_template, &search);
	if (!message_is_own(wanted->reqid))
		return;
	wish = (struct wish){.flow = flow_of(&told->sel, message_policy_of_reqid(wanted->reqid)),
	    .index = told->policy.index,
	    .protocol = (enum ipsec_protocol)told->id.proto,
	    .mode = wanted->mode == XFRM_MODE_TUNNEL ? IPSEC_TUNNEL : IPSEC_TRANSPORT,
	    .source = message_address_of(&told->saddr, wanted->family),
	    .destination = message_address_of(&told->id.daddr, wanted->family),
	    .scope = message_scope_of(message, sizeof(*told))};
	/* Until its larval SA ends the kernel does not ask again. */
	if (flow_is_multicast(&wish.flow))
		return;
	if (is_own(&wish.flow.remote)) {
		note_own(monitor, &wish);
		return;
	}
	wishes_add(monitor->wishes, &wish);
	monitor->listener.acquire(monitor->listener.self, &wish.flow);
}

static void expired(struct monitor *monitor, const struct nlmsghdr *message)
{
	const struct xfrm_user_expire *told = payload(message, sizeof(*told));
	const struct xfrm_usersa_info *info;
	struct dataplane_expiry expiry;
	struct address source;

	if (told == NULL || !message_is_own(told->state.reqid))
		return;
	info = &told->state;
	source = message_address_of(&info->saddr, info->family);
	expiry = (struct dataplane_expiry){.spi = ntohl(info->id.spi),
	    .destination = message_address_of(&info->id.daddr, info->family),
	    .protocol = (enum ipsec_protocol)info->id.proto,
	    .direction = message_direction_of_reqid(info->reqid),
	    .hard = told->hard != 0};
	if (expiry.spi == 0)
		wishes_drop(monitor->wishes, message_policy_of_reqid(info->reqid), expiry.protocol,
		    &source, &expiry.destination);
	else
		monitor->listener.expired(monitor->listener.self, &expiry);
}

static void mapping(struct monitor *monitor, const struct nlmsghdr *message)
{
	const struct xfrm_user_mapping *told = payload(message, sizeof(*told));
	struct dataplane_move move;

	if (told == NULL || !message_is_own(told->reqid) || monitor->listener.moved == NULL)
		return;
	move = (struct dataplane_move){.spi = ntohl(told->id.spi),
	    .protocol = (enum ipsec_protocol)told->id.proto,
	    .destination = message_address_of(&told->id.daddr, told->id.family),
	    .remote = {.address = message_address_of(&told->new_saddr, told->id.family),
		.port = ntohs(told->new_sport)}};
	monitor->listener.moved(monitor->listener.self, &move);
}

static void note(struct monitor *monitor, enum monitor_news news)
{
	(void)atomic_fetch_or(&monitor->news, news);
	wake(monitor);
}

/* The attribute of a report in which the thing stands that is gone. */
struct gone {
	uint16_t type;
	size_t size;
	const void *found;
};

static int find_gone(const struct nlattr *attribute, void *context)
{
	struct gone *gone = context;

	if (mnl_attr_get_type(attribute) == gone->type &&
	    mnl_attr_get_payload_len(attribute) >= gone->size)
		gone->found = mnl_attr_get_payload(attribute);
	return MNL_CB_OK;
}

static void policy_removed(struct monitor *monitor, const struct nlmsghdr *message)
{
	struct gone gone = {.type = XFRMA_POLICY, .size = sizeof(struct xfrm_userpolicy_info)};
	struct xfrm_userpolicy_info info;

	(void)mnl_attr_parse(message, sizeof(struct xfrm_userpolicy_id), find_gone, &gone);
	if (gone.found == NULL)
		return;
	memcpy(&info, gone.found, sizeof(info));
	if (message_is_own(info.index))
		note(monitor, MONITOR_POLICIES_REMOVED);
}

static void sa_removed(struct monitor *monitor, const struct nlmsghdr *message)
{
	struct gone gone = {.type = XFRMA_SA, .size = sizeof(struct xfrm_usersa_info)};
	struct xfrm_usersa_info info;

	(void)mnl_attr_parse(message, sizeof(struct xfrm_usersa_id), find_gone, &gone);
	if (gone.found == NULL)
		return;
	memcpy(&info, gone.found, sizeof(info));
	if (message_is_own(info.reqid))
		note(monitor, MONITOR_SAS_REMOVED);
}

static void take(struct monitor *monitor, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case XFRM_MSG_ACQUIRE:
		acquire(monitor, message);
		break;
	case XFRM_MSG_EXPIRE:
		expired(monitor, message);
		break;
	case XFRM_MSG_MAPPING:
		mapping(monitor, message);
		break;
	case XFRM_MSG_DELPOLICY:
		policy_removed(monitor, message);
		break;
	case XFRM_MSG_FLUSHPOLICY:
		note(monitor, MONITOR_POLICIES_REMOVED);
		break;
	case XFRM_MSG_DELSA:
		sa_removed(monitor, message);
		break;
	case XFRM_MSG_FLUSHSA:
		note(monitor, MONITOR_SAS_REMOVED);
		break;
	default:
		break;
	}
}

unsigned monitor_take_news(struct monitor *monitor)
{
	return atomic_exchange(&monitor->news, 0);
}

struct wish monitor_wish_of(const struct nlmsghdr *message)
{
	const struct xfrm_usersa_info *larval = mnl_nlmsg_get_payload(message);

	return (struct wish){.flow = flow_of(&larval->sel, message_policy_of_reqid(larval->reqid)),
	    .protocol = (enum ipsec_protocol)larval->id.proto,
	    .mode = larval->mode == XFRM_MODE_TUNNEL ? IPSEC_TUNNEL : IPSEC_TRANSPORT,
	    .source = message_address_of(&larval->saddr, larval->family),
	    .destination = message_address_of(&larval->id.daddr, larval->family),
	    .scope = message_scope_of(message, sizeof(*larval))};
}

void monitor_wanted(struct monitor *monitor, const struct nlmsghdr *message)
{
	struct wish wish = monitor_wish_of(message);

	wishes_add(monitor->wishes, &wish);
	monitor->listener.acquire(monitor->listener.self, &wish.flow);
}

void monitor_wants_successor(struct monitor *monitor, const struct xfrm_usersa_info *left)
{
	struct dataplane_flow flow = flow_of(&left->sel, 0);

	/* What has no selector is for its hosts, or for more than the kernel could be told. */
	if (left->sel.family == 0) {
		if (left->mode == XFRM_MODE_TUNNEL)
			return;
		flow.local = message_address_of(&left->saddr, left->family);
		flow.remote = message_address_of(&left->id.daddr, left->family);
	}
	monitor->listener.acquire(monitor->listener.self, &flow);
}

static void receive(struct monitor *monitor)
{
	ssize_t got =
	    mnl_socket_recvfrom(monitor->socket, monitor->received, sizeof(monitor->received));
	const struct nlmsghdr *message = (const struct nlmsghdr *)monitor->received;
	int left = (int)got;

	if (got < 0) {
		if (errno == ENOBUFS)
			note(monitor, MONITOR_MISSED);
		return;
	}
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		take(monitor, message);
	/* Reports of SAs come with their keys. */
	secret_wipe(monitor->received, (size_t)got);
}

void monitor_remind(struct monitor *monitor, uint64_t in_ms)
{
	struct itimerspec due = {.it_value = {.tv_sec = (time_t)(in_ms / 1000),
				     .tv_nsec = (long)(in_ms % 1000) * 1000000}};

	(void)timerfd_settime(monitor->reminder, 0, &due, NULL);
}

static void remind(struct monitor *monitor)
{
	uint64_t times;

	if (read(monitor->reminder, &times, sizeof(times)) == sizeof(times))
		wake(monitor);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *run(void *argument)
{
	struct monitor *monitor = argument;
	struct pollfd wait[] = {{.fd = mnl_socket_get_fd(monitor->socket), .events = POLLIN},
	    {.fd = monitor->stop, .events = POLLIN}, {.fd = monitor->reminder, .events = POLLIN}};

	uint64_t next = now_ms() + ENCAPSULATION_KEEPALIVE_MS;

	while (wait[1].revents == 0) {
		uint64_t now = now_ms();

		if (now >= next) {
			if (monitor->encapsulation != NULL)
				encapsulation_keep_alive(monitor->encapsulation);
			next = now + ENCAPSULATION_KEEPALIVE_MS;
		}
		if (poll(wait, 3, monitor->encapsulation != NULL ? (int)(next - now) : -1) <= 0)
			continue;
		if (wait[0].revents != 0)
			receive(monitor);
		if (wait[2].revents != 0)
			remind(monitor);
	}
	return NULL;
}

#define ACCEPT            10
#define REFUSE            11
#define WHO               8
#define TO(at, end)       ((end) - (at)-1)
#define IS(at, type, end) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), TO(at, end), 0)

/*
 * The kernel reports every change of an SA or a policy to who wants to hear of one, also our own,
 * and with keys. Here only reports pass, and removals by others.
 */
static bool filter(const struct monitor *monitor, uint32_t own_port)
{
	struct sock_filter program[] = {
	    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
	    IS(1, XFRM_MSG_ACQUIRE, ACCEPT),
	    IS(2, XFRM_MSG_EXPIRE, ACCEPT),
	    IS(3, XFRM_MSG_MAPPING, ACCEPT),
	    IS(4, XFRM_MSG_FLUSHSA, WHO),
	    IS(5, XFRM_MSG_FLUSHPOLICY, WHO),
	    IS(6, XFRM_MSG_DELSA, WHO),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(XFRM_MSG_DELPOLICY), 0, TO(7, REFUSE)),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(own_port), TO(9, REFUSE), 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog attached = {
	    .len = sizeof(program) / sizeof(program[0]), .filter = program};

	return setsockopt(mnl_socket_get_fd(monitor->socket), SOL_SOCKET, SO_ATTACH_FILTER,
		   &attached, sizeof(attached)) == 0;
}

static enum err subscribe(struct monitor *monitor, uint32_t own_port, struct problem *problem)
{
	static const int groups[] = {
	    XFRMNLGRP_ACQUIRE, XFRMNLGRP_EXPIRE, XFRMNLGRP_MAPPING, XFRMNLGRP_SA, XFRMNLGRP_POLICY};
	int size = SOCKET_BUFFER;

	monitor->socket = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (monitor->socket == NULL ||
	    mnl_socket_bind(monitor->socket, 0, MNL_SOCKET_AUTOPID) != 0 ||
	    !filter(monitor, own_port))
		return problem_set(problem, ERR_SYSTEM, "cannot listen to the kernel's IPsec: %s",
		    strerror(errno));
	(void)setsockopt(
	    mnl_socket_get_fd(monitor->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(
			monitor->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
			return problem_set(problem, ERR_SYSTEM,
			    "cannot listen to the kernel's IPsec: %s%s", strerror(errno),
			    errno == EPERM ? "; the daemon needs CAP_NET_ADMIN" : "");
	}
	return ERR_OK;
}

enum err monitor_open(const struct dataplane_listener *listener, struct wishes *wishes,
    struct encapsulation *encapsulation, uint32_t own_port, struct monitor **out,
    struct problem *problem)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	enum err code = ERR_NO_MEMORY;

	*out = NULL;
	if (monitor == NULL)
		return problem_set(problem, code, "out of memory for the data plane");
	monitor->listener = *listener;
	monitor->wishes = wishes;
	monitor->encapsulation = encapsulation;
	(void)pthread_mutex_init(&monitor->lock, NULL);
	monitor->stop = eventfd(0, EFD_CLOEXEC);
	monitor->reminder = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	code = subscribe(monitor, own_port, problem);
	if (code == ERR_OK && pthread_create(&monitor->thread, NULL, run, monitor) != 0)
		code = problem_set(problem, ERR_SYSTEM, "cannot start a thread for the kernel");
	if (code != ERR_OK) {
		monitor_close(monitor);
		return code;
	}
	monitor->running = true;
	*out = monitor;
	return ERR_OK;
}

void monitor_close(struct monitor *monitor)
{
	if (monitor == NULL)
		return;
	if (monitor->running) {
		(void)eventfd_write(monitor->stop, 1);
		(void)pthread_join(monitor->thread, NULL);
	}
	if (monitor->socket != NULL)
		(void)mnl_socket_close(monitor->socket);
	if (monitor->stop >= 0)
		(void)close(monitor->stop);
	if (monitor->reminder >= 0)
		(void)close(monitor->reminder);
	(void)pthread_mutex_destroy(&monitor->lock);
	free(monitor);
}
