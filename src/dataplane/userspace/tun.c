/* The TUN device, with segmentation and checksum offload (Documentation/networking/tuntap). */
#include "dataplane/userspace/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/userspace/offload.h"

#define OFFLOAD (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

static void name_request(struct ifreq *request, const char *name)
{
	memset(request, 0, sizeof(*request));
	(void)snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
}

static enum err explain_device(struct problem *problem)
{
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return problem_set(problem, ERR_NOT_FOUND,
		    "/dev/net/tun: %s; load the module with 'modprobe tun' (in a container, give "
		    "it the device)",
		    strerror(errno));
	if (errno == EACCES || errno == EPERM)
		return problem_set(problem, ERR_DENIED,
		    "/dev/net/tun: %s; the daemon needs CAP_NET_ADMIN and access to the device "
		    "(systemd: AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW)",
		    strerror(errno));
	return problem_set(problem, ERR_SYSTEM, "/dev/net/tun: %s", strerror(errno));
}

static enum err explain_name(const char *name, struct problem *problem)
{
	if (errno == EBUSY)
		return problem_set(problem, ERR_EXISTS,
		    "device %s is in use: another kinkd runs here, or choose another device name",
		    name);
	if (errno == EINVAL)
		return problem_set(problem, ERR_EXISTS,
		    "device %s exists and is no TUN device, or its name is not allowed; choose "
		    "another device name",
		    name);
	if (errno == EPERM)
		return problem_set(problem, ERR_DENIED,
		    "cannot create device %s: %s; the daemon needs CAP_NET_ADMIN (systemd: "
		    "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW)",
		    name, strerror(errno));
	return problem_set(
	    problem, ERR_SYSTEM, "cannot create device %s: %s", name, strerror(errno));
}

/* The ioctl on a throwaway socket, as the interface ioctls want. */
static int interface_ioctl(unsigned long code, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0)
		return -1;
	result = ioctl(fd, code, request);
	(void)close(fd);
	return result;
}

static enum err bring_up(struct tun *tun, unsigned mtu, struct problem *problem)
{
	struct ifreq request;

	/* Large UDP packets are a bonus; the rest every supported kernel has. */
	tun->datagram_offload =
	    ioctl(tun->fd, TUNSETOFFLOAD, OFFLOAD | TUN_F_USO4 | TUN_F_USO6) == 0;
	if (!tun->datagram_offload && ioctl(tun->fd, TUNSETOFFLOAD, OFFLOAD) != 0)
		return problem_set(problem, ERR_SYSTEM,
		    "device %s: cannot enable segmentation offload: %s", tun->name,
		    strerror(errno));
	tun->index = if_nametoindex(tun->name);
	if (tun_set_mtu(tun, mtu, problem) != ERR_OK)
		return ERR_SYSTEM;
	name_request(&request, tun->name);
	request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP | IFF_POINTOPOINT;
	if (interface_ioctl(SIOCSIFFLAGS, &request) != 0)
		return problem_set(problem, ERR_SYSTEM, "cannot bring up device %s: %s", tun->name,
		    strerror(errno));
	return ERR_OK;
}

enum err tun_open(struct tun *tun, const char *name, unsigned mtu, struct problem *problem)
{
	struct ifreq request;
	enum err code;

	*tun = (struct tun){.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
	if (tun->fd < 0)
		return explain_device(problem);
	name_request(&request, name);
	request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(tun->fd, TUNSETIFF, &request) != 0) {
		code = explain_name(name, problem);
		tun_close(tun);
		return code;
	}
	memcpy(tun->name, request.ifr_name, sizeof(tun->name));
	code = bring_up(tun, mtu, problem);
	if (code != ERR_OK)
		tun_close(tun);
	return code;
}

void tun_close(struct tun *tun)
{
	if (tun->fd >= 0)
		(void)close(tun->fd);
	tun->fd = -1;
}

enum err tun_set_mtu(const struct tun *tun, unsigned mtu, struct problem *problem)
{
	struct ifreq request;

	name_request(&request, tun->name);
	request.ifr_mtu = (int)mtu;
	if (interface_ioctl(SIOCSIFMTU, &request) != 0)
		return problem_set(problem, ERR_SYSTEM, "cannot set the MTU of device %s to %u: %s",
		    tun->name, mtu, strerror(errno));
	return ERR_OK;
}

void tun_write(const struct tun *tun, const struct iovec *pieces, int count)
{
	ssize_t written = writev(tun->fd, pieces, count);

	(void)written;
}
