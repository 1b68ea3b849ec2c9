/*
 * The header in front of each frame of the TUN device, which says what work on the packet is left
 * to do: linux/virtio_net.h, with what headers before Linux 6.2 lack.
 */
#ifndef DATAPLANE_USERSPACE_OFFLOAD_H
#define DATAPLANE_USERSPACE_OFFLOAD_H

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#endif
