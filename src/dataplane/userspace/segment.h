/*
 * What one read from the TUN device gives: a packet, or a large one that the kernel leaves to be
 * cut into segments (TCP and UDP segmentation offload), with transport checksums still to be
 * finished. Each segment is written straight to where it will be encrypted, checksum and copy in
 * one pass.
 */
#ifndef DATAPLANE_USERSPACE_SEGMENT_H
#define DATAPLANE_USERSPACE_SEGMENT_H

#include "dataplane/userspace/checksum.h"
#include "dataplane/userspace/offload.h"
#include "dataplane/userspace/packet.h"

struct segmenter {
	struct packet packet;
	size_t count;               /* segments */
	size_t payload_per_segment; /* 0 when there is just the one */
	size_t transport_header;    /* octets of it that each segment repeats */
	size_t checksum_at;         /* in the transport header */
	bool checksum_pending;
	checksum_sum pseudo; /* addresses and protocol */
};

/* Borrows octets. ERR_INVALID when the two headers contradict each other. */
enum err segment_begin(struct segmenter *segmenter, const struct virtio_net_hdr *offload,
    struct bytes octets) MUST_CHECK;
/* Octets of the transport part of segment number index. */
size_t segment_transport_length(const struct segmenter *segmenter, size_t index);
/*
 * Writes the IP header (packet.header_len octets) to header, with length and IPv4 checksum set,
 * and segment_transport_length() octets to transport.
 */
void segment_write(
    const struct segmenter *segmenter, size_t index, uint8_t *header, uint8_t *transport);

#endif
