/*
 * The reverse of segmentation: consecutive TCP segments (or UDP datagrams of one size) of a flow
 * go to the TUN device as one large packet, so that the host's stack sees a fraction of the
 * packets. The rules are those of the kernel's own receive offload: headers equal but for the
 * fields that count, checksums right, order kept within a flow.
 */
#ifndef DATAPLANE_USERSPACE_COALESCE_H
#define DATAPLANE_USERSPACE_COALESCE_H

#include <sys/uio.h>

#include "base/bytes.h"
#include "dataplane/userspace/offload.h"

#define COALESCE_GROUPS   16  /* flows at a time */
#define COALESCE_SEGMENTS 64  /* per group */
#define COALESCE_HEADER   100 /* IPv6 and the longest TCP header */

struct coalesce_group {
	uint8_t *first;    /* the first packet, whole */
	size_t header_len; /* of IP and transport */
	size_t ip_header;
	size_t total;   /* octets of the packet made */
	size_t segment; /* payload octets of each but the last */
	uint32_t next_sequence;
	uint8_t protocol;
	bool verified; /* the first packet's checksum */
	bool closed;   /* takes no more */
	bool push;
	int piece_count;
	struct iovec pieces[COALESCE_SEGMENTS + 1]; /* [0] is the offload header's */
	uint8_t pattern[COALESCE_HEADER];           /* the headers, blank where they may differ */
};

/* Takes one packet: pieces[0] is the virtio_net_hdr. */
typedef void (*coalesce_output)(void *context, const struct iovec *pieces, int count);

struct coalesce {
	coalesce_output output;
	void *context;
	bool datagrams; /* the device takes large UDP packets too */
	int count;
	struct coalesce_group groups[COALESCE_GROUPS];
};

void coalesce_init(
    struct coalesce *coalesce, coalesce_output output, void *context, bool datagrams);
/* The octets of packet, one whole IP packet, are borrowed and changed until the next flush. */
void coalesce_add(struct coalesce *coalesce, uint8_t *packet, size_t len);
void coalesce_flush(struct coalesce *coalesce);

#endif
