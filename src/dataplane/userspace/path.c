/* Path MTU and source address, from a connected datagram socket: ip(7), ipv6(7). */
#include "dataplane/userspace/path.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/source-address.h"

enum err path_open(struct path *path, uint32_t mark, struct problem *problem)
{
	static const int families[2] = {AF_INET, AF_INET6};

	path->fd[0] = path->fd[1] = -1;
	for (int i = 0; i < 2; i++) {
		path->fd[i] = socket(families[i], SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (path->fd[i] < 0 && errno == EAFNOSUPPORT)
			continue;
		if (path->fd[i] >= 0 &&
		    setsockopt(path->fd[i], SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0)
			continue;
		(void)problem_set(problem, ERR_DENIED,
		    "cannot mark a socket's packets: %s; the daemon needs CAP_NET_ADMIN",
		    strerror(errno));
		path_close(path);
		return ERR_DENIED;
	}
	return ERR_OK;
}

void path_close(struct path *path)
{
	for (int i = 0; i < 2; i++) {
		if (path->fd[i] >= 0)
			(void)close(path->fd[i]);
		path->fd[i] = -1;
	}
}

unsigned path_mtu(
    const struct path *path, const struct address *destination, struct address *source)
{
	bool ipv4 = destination->family == 4;
	int fd = path->fd[ipv4 ? 0 : 1];
	int mtu = 0;
	socklen_t mtu_len = sizeof(mtu);

	if (fd < 0 || source_address_ask(fd, destination, source) != ERR_OK ||
	    getsockopt(fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_MTU : IPV6_MTU, &mtu,
		&mtu_len) != 0 ||
	    mtu < 0)
		return 0;
	return (unsigned)mtu;
}
