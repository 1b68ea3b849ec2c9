/* UDP sockets with known local addresses, in batches: recvmmsg, sendmmsg. */
#include "daemon/udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limit.h"
#include "base/source-address.h"

#define BATCH        32
#define DATAGRAM_MAX 65536
#define CONTROL_SIZE CMSG_SPACE(sizeof(struct in6_pktinfo))
/* What the kernel says of an error, with the address of whoever reported it. */
#define ERROR_SIZE                                                                                 \
	(CONTROL_SIZE + CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6)))
#define ERRORS_MAX    32 /* taken at a time */
#define QUEUE_MAX     1024
#define FAMILIES      2
#define BUFFER_OCTETS (4 * 1024 * 1024)

struct outgoing {
	struct sockaddr_storage remote;
	socklen_t remote_len;
	struct address local;
	uint8_t *data;
	size_t len;
};

struct socket {
	struct udp *udp;
	int descriptor;
	int family;
	enum host_port role;
	uint16_t port;
	uv_poll_t poll;
	struct outgoing queue[QUEUE_MAX];
	size_t queued;
};

struct udp {
	struct udp_listener listener;
	struct log *log;
	struct limit log_limit;
	uint8_t *buffers; /* BATCH of DATAGRAM_MAX */
	struct socket *sockets[HOST_PORT_COUNT][FAMILIES];
};

/* Before each message on the port that ESP shares: RFC 3948 2.2. */
#define MARKER_SIZE 4
static const uint8_t marker[MARKER_SIZE];
/* RFC 3948 2.3. */
#define KEEPALIVE 0xff

static void closed(uv_handle_t *handle)
{
	struct socket *socket = handle->data;

	(void)close(socket->descriptor);
	free(socket);
}

void udp_close(struct udp *udp)
{
	for (int i = 0; udp != NULL && i < HOST_PORT_COUNT * FAMILIES; i++) {
		struct socket **socket = &udp->sockets[i / FAMILIES][i % FAMILIES];

		if (*socket == NULL)
			continue;
		for (size_t j = 0; j < (*socket)->queued; j++)
			free((*socket)->queue[j].data);
		uv_close((uv_handle_t *)&(*socket)->poll, closed);
		*socket = NULL;
	}
}

void udp_free(struct udp *udp)
{
	if (udp == NULL)
		return;
	free(udp->buffers);
	free(udp);
}

/* The local address that a datagram was sent to. */
static bool local_address(struct msghdr *message, struct address *out)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
	     part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(part), sizeof(info));
			return address_from_octets((const uint8_t *)&info.ipi_addr, 4, out) ==
			       ERR_OK;
		}
		if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(part), sizeof(info));
			return address_from_octets(info.ipi6_addr.s6_addr, 16, out) == ERR_OK;
		}
	}
	return false;
}

/* What is for the engine of a datagram; false: nothing, as of ESP and keepalives. */
static bool take_marker(enum host_port role, struct bytes *data)
{
	if (role != HOST_PORT_IKE_NAT)
		return true;
	if (data->len < MARKER_SIZE || memcmp(data->data, marker, MARKER_SIZE) != 0)
		return false;
	*data = bytes_of(data->data + MARKER_SIZE, data->len - MARKER_SIZE);
	return true;
}

static void receive_batch(struct socket *socket, int *received)
{
	struct udp *udp = socket->udp;
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_storage remotes[BATCH];
	uint8_t control[BATCH][CONTROL_SIZE];

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){
		    .iov_base = udp->buffers + (size_t)i * DATAGRAM_MAX, .iov_len = DATAGRAM_MAX};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &remotes[i],
		    .msg_namelen = sizeof(remotes[i]),
		    .msg_iov = &vectors[i],
		    .msg_iovlen = 1,
		    .msg_control = control[i],
		    .msg_controllen = sizeof(control[i])};
	}
	*received = recvmmsg(socket->descriptor, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < *received; i++) {
		struct host_datagram datagram = {.port = socket->role,
		    .local = {.port = socket->port},
		    .data = bytes_of(vectors[i].iov_base, messages[i].msg_len)};

		if (endpoint_from_sockaddr(
			(const struct sockaddr *)&remotes[i], &datagram.remote) == ERR_OK &&
		    take_marker(socket->role, &datagram.data) &&
		    local_address(&messages[i].msg_hdr, &datagram.local.address))
			udp->listener.received(udp->listener.self, &datagram);
	}
}

/* Whether an error that the kernel kept says that its datagram did not arrive. */
static bool is_unreachable(struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
	     part = CMSG_NXTHDR(message, part)) {
		struct sock_extended_err error;

		if (!(part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) &&
		    !(part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR))
			continue;
		if (part->cmsg_len < CMSG_LEN(sizeof(error)))
			return false;
		memcpy(&error, CMSG_DATA(part), sizeof(error));
		return (error.ee_origin == SO_EE_ORIGIN_ICMP ||
			   error.ee_origin == SO_EE_ORIGIN_ICMP6) &&
		       error.ee_errno != EMSGSIZE;
	}
	return false;
}

/* Takes what the kernel has kept of ICMP errors; each comes with where its datagram was sent. */
static void take_errors(struct socket *socket)
{
	struct udp *udp = socket->udp;
	struct sockaddr_storage name;
	struct endpoint remote;
	uint8_t control[ERROR_SIZE];

	for (int i = 0; i < ERRORS_MAX; i++) {
		struct msghdr message = {.msg_name = &name,
		    .msg_namelen = sizeof(name),
		    .msg_control = control,
		    .msg_controllen = sizeof(control)};

		if (recvmsg(socket->descriptor, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		if (is_unreachable(&message) &&
		    endpoint_from_sockaddr((const struct sockaddr *)&name, &remote) == ERR_OK)
			udp->listener.unreachable(udp->listener.self, &remote.address);
	}
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct socket *socket = poll->data;
	struct udp *udp = socket->udp;
	int received = BATCH;

	(void)events;
	if (status < 0) {
		/* libuv stops a handle whose descriptor has an error, and an ICMP error is one. */
		take_errors(socket);
		(void)uv_poll_start(poll, UV_READABLE, readable);
	}
	/* A few batches at most, so that a flood does not starve timers and commands. */
	for (int i = 0; i < 8 && received == BATCH; i++)
		receive_batch(socket, &received);
	udp->listener.settled(udp->listener.self);
}

static bool set_option(int descriptor, int level, int option, int value)
{
	return setsockopt(descriptor, level, option, &value, sizeof(value)) == 0;
}

static enum err configure(int descriptor, int family, uint32_t mark)
{
	bool good;

	if (family == AF_INET6)
		good = set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
		       set_option(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
		       set_option(descriptor, IPPROTO_IPV6, IPV6_RECVERR, 1) &&
		       set_option(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	else
		/* Messages with large tickets are fragmented rather than lost. */
		good = set_option(descriptor, IPPROTO_IP, IP_PKTINFO, 1) &&
		       set_option(descriptor, IPPROTO_IP, IP_RECVERR, 1) &&
		       set_option(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	/* Helpful only: the data plane has a bypass rule as well, and the kernel its own limits. */
	if (mark != 0)
		(void)set_option(descriptor, SOL_SOCKET, SO_MARK, (int)mark);
	(void)set_option(descriptor, SOL_SOCKET, SO_RCVBUF, BUFFER_OCTETS);
	(void)set_option(descriptor, SOL_SOCKET, SO_SNDBUF, BUFFER_OCTETS);
	return good ? ERR_OK : ERR_SYSTEM;
}

static const char *other_daemon(enum host_port role)
{
	return role == HOST_PORT_KINK ? "kinkd" : "daemon for IPsec";
}

static enum err open_family(struct udp *udp, uv_loop_t *loop, int family, enum host_port role,
    const struct udp_settings *settings, struct problem *problem)
{
	uint16_t port = settings->ports[role];
	struct endpoint any = {.address = {.family = family == AF_INET6 ? 6 : 4}, .port = port};
	struct sockaddr_storage name;
	socklen_t name_len = endpoint_to_sockaddr(&any, &name);
	int descriptor = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct socket *opened = NULL;
	enum err error = ERR_SYSTEM;

	if (descriptor < 0) {
		if (errno == EAFNOSUPPORT)
			return ERR_OK;
		return problem_set(problem, error, "UDP socket: %s", strerror(errno));
	}
	if (configure(descriptor, family, settings->mark) != ERR_OK) {
		(void)problem_set(problem, error, "UDP socket options: %s", strerror(errno));
		goto out;
	}
	if (bind(descriptor, (const struct sockaddr *)&name, name_len) != 0) {
		if (errno == EADDRINUSE)
			(void)problem_set(problem, error,
			    "UDP port %u is in use: is another %s running? (ss -ulpn sport = :%u)",
			    port, other_daemon(role), port);
		else if (errno == EACCES)
			(void)problem_set(problem, error,
			    "UDP port %u: permission denied; kinkd needs CAP_NET_BIND_SERVICE",
			    port);
		else
			(void)problem_set(problem, error, "UDP port %u: %s", port, strerror(errno));
		goto out;
	}
	opened = calloc(1, sizeof(*opened));
	if (opened == NULL || uv_poll_init(loop, &opened->poll, descriptor) != 0) {
		error = problem_set(problem, ERR_NO_MEMORY, "out of memory");
		goto out;
	}
	opened->udp = udp;
	opened->descriptor = descriptor;
	opened->family = family;
	opened->role = role;
	opened->port = port;
	opened->poll.data = opened;
	(void)uv_poll_start(&opened->poll, UV_READABLE, readable);
	udp->sockets[role][family == AF_INET6 ? 1 : 0] = opened;
	return ERR_OK;
out:
	free(opened);
	(void)close(descriptor);
	return error;
}

enum err udp_open(uv_loop_t *loop, const struct udp_settings *settings,
    const struct udp_listener *listener, struct log *log, struct udp **out, struct problem *problem)
{
	static const int families[FAMILIES] = {AF_INET, AF_INET6};
	struct udp *udp = calloc(1, sizeof(*udp));
	enum err error = ERR_OK;

	if (udp == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	udp->listener = *listener;
	udp->log = log;
	limit_init(&udp->log_limit, 5, 1, 0);
	udp->buffers = malloc((size_t)BATCH * DATAGRAM_MAX);
	if (udp->buffers == NULL)
		error = problem_set(problem, ERR_NO_MEMORY, "out of memory");
	for (int i = 0; error == ERR_OK && i < HOST_PORT_COUNT * FAMILIES; i++) {
		if (settings->ports[i / FAMILIES] != 0)
			error = open_family(udp, loop, families[i % FAMILIES],
			    (enum host_port)(i / FAMILIES), settings, problem);
	}
	/* On failure the caller closes what is open, as ever. */
	*out = udp;
	return error;
}

void udp_descriptors(const struct udp *udp, enum host_port port, int out[2])
{
	for (int i = 0; i < FAMILIES; i++)
		out[i] = udp->sockets[port][i] != NULL ? udp->sockets[port][i]->descriptor : -1;
}

void udp_stop_reading(struct udp *udp, enum host_port port)
{
	for (int i = 0; i < FAMILIES; i++) {
		struct socket *socket = udp->sockets[port][i];
		bool ipv6 = i == 1;

		if (socket == NULL)
			continue;
		(void)uv_poll_stop(&socket->poll);
		/* Errors that nobody takes would make the socket look readable for ever. */
		(void)set_option(socket->descriptor, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
		    ipv6 ? IPV6_RECVERR : IP_RECVERR, 0);
	}
}

/* The octets as they go over the wire; the caller frees them. */
static uint8_t *wire_octets(enum host_port role, struct bytes data, size_t *len)
{
	size_t before = role == HOST_PORT_IKE_NAT ? MARKER_SIZE : 0;
	bool keepalive = before > 0 && data.len == 0;
	uint8_t *out;

	*len = keepalive ? 1 : before + data.len;
	out = malloc(*len);
	if (out == NULL)
		return NULL;
	if (keepalive) {
		out[0] = KEEPALIVE;
		return out;
	}
	memcpy(out, marker, before);
	memcpy(out + before, data.data, data.len);
	return out;
}

void udp_send(struct udp *udp, const struct host_datagram *datagram)
{
	struct socket *socket =
	    udp->sockets[datagram->port][datagram->remote.address.family == 6 ? 1 : 0];
	struct outgoing *entry;

	if (socket == NULL)
		return;
	if (socket->queued == QUEUE_MAX)
		udp_flush(udp);
	entry = &socket->queue[socket->queued];
	entry->data = wire_octets(datagram->port, datagram->data, &entry->len);
	if (entry->data == NULL)
		return;
	entry->local = datagram->local.address;
	entry->remote_len = endpoint_to_sockaddr(&datagram->remote, &entry->remote);
	socket->queued++;
}

static void flush_batch(struct socket *socket, size_t first, size_t count)
{
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	uint8_t control[BATCH][CONTROL_SIZE];
	size_t sent = 0;
	bool again = true;

	memset(control, 0, sizeof(control));
	for (size_t i = 0; i < count; i++) {
		struct outgoing *entry = &socket->queue[first + i];

		vectors[i] = (struct iovec){.iov_base = entry->data, .iov_len = entry->len};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &entry->remote,
		    .msg_namelen = entry->remote_len,
		    .msg_iov = &vectors[i],
		    .msg_iovlen = 1,
		    .msg_control = control[i],
		    .msg_controllen = sizeof(control[i])};
		source_address_put(&messages[i].msg_hdr, &entry->local);
	}
	/* One that cannot be sent is lost, as datagrams are; those behind it are not. */
	while (sent < count) {
		int done =
		    sendmmsg(socket->descriptor, messages + sent, (unsigned)(count - sent), 0);

		/* It may be an ICMP error about another datagram, reported now. */
		if (done < 0 && again) {
			again = false;
			continue;
		}
		again = true;
		if (done < 0 && limit_take(&socket->udp->log_limit, uv_hrtime() / 1000000)) {
			struct endpoint remote = {0};
			char text[ENDPOINT_TEXT_SIZE];

			if (endpoint_from_sockaddr(
				(const struct sockaddr *)&socket->queue[first + sent].remote,
				&remote) == ERR_OK)
				log_event(socket->udp->log, LOG_LEVEL_WARNING, LOG_AREA_DAEMON,
				    LOG_FIELDS({"remote", endpoint_format(&remote, text)}),
				    "a datagram cannot be sent: %s", strerror(errno));
		}
		sent += done > 0 ? (size_t)done : 1;
	}
	for (size_t i = 0; i < count; i++)
		free(socket->queue[first + i].data);
}

void udp_flush(struct udp *udp)
{
	for (int i = 0; i < HOST_PORT_COUNT * FAMILIES; i++) {
		struct socket *socket = udp->sockets[i / FAMILIES][i % FAMILIES];

		for (size_t first = 0; socket != NULL && first < socket->queued; first += BATCH)
			flush_batch(socket, first,
			    socket->queued - first < BATCH ? socket->queued - first : BATCH);
		if (socket != NULL)
			socket->queued = 0;
	}
}
