/* The raw sockets of ESP: raw(7), ipv6(7). */
#include "dataplane/userspace/sockets.h"

#include <errno.h>
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
		    "cannot open a raw socket for ESP: %s; the daemon needs CAP_NET_RAW (systemd: "
		    "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW)",
		    strerror(errno));
	if (*out < 0)
		return problem_set(
		    problem, ERR_SYSTEM, "cannot open a raw socket for ESP: %s", strerror(errno));
	if (setsockopt(*out, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0)
		return problem_set(problem, ERR_DENIED,
		    "cannot mark the packets of ESP: %s; the daemon needs CAP_NET_ADMIN",
		    strerror(errno));
	return ERR_OK;
}

/* More than the system's limit where we may, else as much as it allows. */
static void set_buffer(int fd, int forced, int plain, int size)
{
	if (set_option(fd, SOL_SOCKET, forced, size) != ERR_OK)
		(void)set_option(fd, SOL_SOCKET, plain, size);
}

static enum err prepare_in(int fd, int family)
{
	enum err code = ERR_OK;

	if (fd < 0)
		return ERR_OK;
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER);
	if (family == AF_INET)
		return ERR_OK;
	code = set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	if (code == ERR_OK)
		code = set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (code == ERR_OK)
		code = set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	return code;
}

enum err sockets_open(struct sockets *sockets, uint32_t mark, struct problem *problem)
{
	static const int families[2] = {AF_INET, AF_INET6};
	enum err code;

	for (int i = 0; i < 2; i++)
		sockets->in[i] = sockets->out[i] = -1;
	for (int i = 0; i < 2; i++) {
		int family = families[i];

		code = open_one(family, SOCK_RAW, IPPROTO_RAW, mark, &sockets->out[i], problem);
		if (code == ERR_OK)
			code = open_one(family, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ESP, mark,
			    &sockets->in[i], problem);
		if (code != ERR_OK)
			goto fail;
		if (sockets->out[i] >= 0)
			set_buffer(sockets->out[i], SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
		code = prepare_in(sockets->in[i], family);
		if (code != ERR_OK) {
			(void)problem_set(problem, code,
			    "cannot prepare the raw socket for ESP: %s", strerror(errno));
			goto fail;
		}
	}
	return ERR_OK;
fail:
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
		close_one(&sockets->in[i]);
	}
}
