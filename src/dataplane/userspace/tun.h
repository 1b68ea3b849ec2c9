/* The TUN device through which protected traffic passes between the host's stack and ESP. */
#ifndef DATAPLANE_USERSPACE_TUN_H
#define DATAPLANE_USERSPACE_TUN_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

/* The most that one read gives: an offload header and a packet of the greatest length. */
#define TUN_FRAME_MAX (10 + 65535)

struct tun {
	int fd; /* non-blocking */
	unsigned index;
	char name[IFNAMSIZ];
	bool datagram_offload; /* large UDP packets, from Linux 6.2 on */
};

/* Creates the device, up, with that MTU. It vanishes with the process. */
enum err tun_open(
    struct tun *tun, const char *name, unsigned mtu, struct problem *problem) MUST_CHECK;
void tun_close(struct tun *tun);
enum err tun_set_mtu(const struct tun *tun, unsigned mtu, struct problem *problem) MUST_CHECK;
/* One frame: virtio_net_hdr, then an IP packet. A frame that the device refuses is lost. */
void tun_write(const struct tun *tun, const struct iovec *pieces, int count);

#endif
