/* The sockets of ESP and AH: raw(7), udp(7), ip(7), ipv6(7). */
#include "dataplane/userspace/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for bursts while a thread is busy with the batch before. */
#define RECEIVE_BUFFER (8 << 20)
#define SEND_BUFFER    (2 << 20)

static enum err set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum err open_one(
    int family, int type, int protocol, uint32_t mark, int *out, struct problem *problem)
{
	*out = socket(family, type | SOCK_CLOEXEC, protocol);
	if (*out < 0 && errno == EAFNOSUPPORT)
		return ERR_OK; /* a host without IPv6 */
	if (*out < 0 && (errno == EPERM || errno == EACCES))
		return problem_set(problem, ERR_DENIED,
		    "cannot open a raw socket for IPsec: %s; the daemon needs CAP_NET_RAW "
		    "(systemd: "
		    "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW)",
		    strerror(errno));
	if (*out < 0)
		return problem_set(
		    problem, ERR_SYSTEM, "cannot open a raw socket for IPsec: %s", strerror(errno));
	if (setsockopt(*out, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0)
		return problem_set(problem, ERR_DENIED,
		    "cannot mark the packets of IPsec: %s; the daemon needs CAP_NET_ADMIN",
		    strerror(errno));
	return ERR_OK;
}

/* More than the system's limit where we may, else as much as it allows. */
static void set_buffer(int fd, int forced, int plain, int size)
{
	if (set_option(fd, SOL_SOCKET, forced, size) != ERR_OK)
		(void)set_option(fd, SOL_SOCKET, plain, size);
}

/* What the kernel is to tell of packets that it gives without their IP header. */
static enum err ask_ipv6(int fd, enum socket_kind kind)
{
	enum err code = set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);

	if (code == ERR_OK)
		code = set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (code == ERR_OK)
		code = set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	if (code != ERR_OK || kind != SOCKET_AH)
		return code;
	/* AH covers the extension headers before it. */
	code = set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPOPTS, 1);
	if (code == ERR_OK)
		code = set_option(fd, IPPROTO_IPV6, IPV6_RECVRTHDR, 1);
	if (code == ERR_OK)
		code = set_option(fd, IPPROTO_IPV6, IPV6_RECVDSTOPTS, 1);
	return code;
}

static enum err ask_ipv4(int fd)
{
	enum err code = set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);

	if (code == ERR_OK)
		code = set_option(fd, IPPROTO_IP, IP_RECVTOS, 1);
	if (code == ERR_OK)
		code = set_option(fd, IPPROTO_IP, IP_RECVTTL, 1);
	return code;
}

static enum err prepare_in(int fd, int family, enum socket_kind kind)
{
	if (fd < 0)
		return ERR_OK;
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER);
	if (family == AF_INET6)
		return ask_ipv6(fd, kind);
	return kind == SOCKET_UDP ? ask_ipv4(fd) : ERR_OK;
}

static enum err open_raw(
    int family, uint32_t mark, struct sockets *sockets, struct problem *problem)
{
	static const int protocols[] = {[SOCKET_ESP] = IPPROTO_ESP, [SOCKET_AH] = IPPROTO_AH};
	int at = family == AF_INET ? 0 : 1;
	enum err code = open_one(family, SOCK_RAW, IPPROTO_RAW, mark, &sockets->out[at], problem);

	if (code == ERR_OK && sockets->out[at] >= 0)
		set_buffer(sockets->out[at], SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
	for (enum socket_kind kind = SOCKET_ESP; kind <= SOCKET_AH && code == ERR_OK; kind++) {
		code = open_one(family, SOCK_RAW | SOCK_NONBLOCK, protocols[kind], mark,
		    &sockets->in[kind][at], problem);
		if (code == ERR_OK && prepare_in(sockets->in[kind][at], family, kind) != ERR_OK)
			code = problem_set(problem, ERR_SYSTEM,
			    "cannot prepare a raw socket for IPsec: %s", strerror(errno));
	}
	return code;
}

/* A descriptor of our own for the same socket. */
static enum err share_udp(
    int family, const int *udp, struct sockets *sockets, struct problem *problem)
{
	int at = family == AF_INET ? 0 : 1;
	int *fd = &sockets->in[SOCKET_UDP][at];

	if (udp[at] < 0)
		return ERR_OK;
	*fd = fcntl(udp[at], F_DUPFD_CLOEXEC, 0);
	if (*fd < 0 || prepare_in(*fd, family, SOCKET_UDP) != ERR_OK)
		return problem_set(problem, ERR_SYSTEM,
		    "cannot prepare the UDP port for ESP through NATs: %s", strerror(errno));
	return ERR_OK;
}

void sockets_init(struct sockets *sockets)
{
	for (int i = 0; i < 2; i++) {
		sockets->out[i] = -1;
		for (int kind = 0; kind < SOCKET_KINDS; kind++)
			sockets->in[kind][i] = -1;
	}
}

enum err sockets_open(
    struct sockets *sockets, uint32_t mark, const int *udp, struct problem *problem)
{
	static const int families[2] = {AF_INET, AF_INET6};
	enum err code = ERR_OK;

	sockets_init(sockets);
	for (int i = 0; i < 2 && code == ERR_OK; i++) {
		code = open_raw(families[i], mark, sockets, problem);
		if (code == ERR_OK && udp != NULL)
			code = share_udp(families[i], udp, sockets, problem);
	}
	if (code != ERR_OK)
		sockets_close(sockets);
	return code;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void sockets_close(struct sockets *sockets)
{
	for (int i = 0; i < 2; i++) {
		close_one(&sockets->out[i]);
		for (int kind = 0; kind < SOCKET_KINDS; kind++)
			close_one(&sockets->in[kind][i]);
	}
}
