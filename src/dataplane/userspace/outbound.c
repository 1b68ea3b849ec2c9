/*
 * The outbound thread: frames from the TUN device, by policy, into IPsec packets (RFC 4301 5.1),
 * sent in batches. One read may give some fifty packets' worth; they are sealed into slots of one
 * buffer and leave with one system call.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "dataplane/selector.h"
#include "dataplane/userspace/encapsulate.h"
#include "dataplane/userspace/fragment.h"
#include "dataplane/userspace/icmp.h"
#include "dataplane/userspace/private.h"

#define SLOTS      128
/* In a slot: a jumbo frame. Not a power of two, so that slots spread over the cache. */
#define ROOM       9728
#define SLOT_SIZE  (ENCAPSULATE_HEADROOM + ROOM)
#define SEND_EAGER 32 /* a batch as large as that need not wait for more */
#define LARGE_SIZE (ENCAPSULATE_HEADROOM + TUN_FRAME_MAX + 512)

#define PATH_MTU_FRESH_MS 2000
#define IPV6_MTU_MIN      1280

#define KEEPALIVE_MS 20000 /* RFC 3948 4 */

struct outbound {
	struct dataplane *dp;
	uint64_t now_ms;
	uint8_t family; /* of the packets in the batch */
	unsigned count;
	struct mmsghdr messages[SLOTS];
	struct iovec pieces[SLOTS];
	struct sockaddr_in6 to[SLOTS]; /* room for either family */
	uint8_t *slots;
	uint8_t *large; /* for the packet that exceeds a slot */
	uint8_t *frame; /* what was read */
	uint8_t *whole; /* the same, made of fragments */
	struct reassembler *reassembler;
	struct ipcomp *ipcomp;   /* NULL until an SA wants it, and when out of memory */
	uint32_t identification; /* of the packet fragmented last */
};

/* What becomes of a frame. */
struct verdict {
	enum { DROP, CLEAR, PROTECT } action;
	struct sa *sa;
};

static void send_batch(struct outbound *out)
{
	int fd = out->count > 0 ? out->dp->sockets.out[sockets_index(out->family)] : -1;
	unsigned sent = 0;

	while (fd >= 0 && sent < out->count) {
		int n = sendmmsg(fd, out->messages + sent, out->count - sent, 0);

		if (n > 0)
			sent += (unsigned)n;
		else if (errno != EINTR)
			sent++; /* this one cannot go: as lost as on the wire */
	}
	out->count = 0;
}

/* The next free slot, for a packet to that address. */
static uint8_t *take_slot(struct outbound *out, const struct address *to, size_t len)
{
	uint8_t *slot;
	struct mmsghdr *message;
	struct endpoint endpoint = {.address = *to};
	struct sockaddr_storage storage;
	socklen_t to_len;

	if (out->count == SLOTS || (out->count > 0 && out->family != to->family))
		send_batch(out);
	out->family = to->family;
	slot = out->slots + (size_t)out->count * SLOT_SIZE;
	message = &out->messages[out->count];
	to_len = endpoint_to_sockaddr(&endpoint, &storage);
	memcpy(&out->to[out->count], &storage, to_len);
	out->pieces[out->count] = (struct iovec){.iov_base = slot, .iov_len = len};
	message->msg_hdr = (struct msghdr){.msg_name = &out->to[out->count],
	    .msg_namelen = to_len,
	    .msg_iov = &out->pieces[out->count],
	    .msg_iovlen = 1};
	out->count++;
	return slot;
}

/* No SA yet: ask for one, hold what must not go clear. */
static void ask_for_sa(struct outbound *out, const struct dataplane_policy *policy,
    const struct dataplane_flow *flow, bool clear, struct bytes frame)
{
	struct dataplane *dp = out->dp;
	bool with_ports = policy->selector.protocol != 0 || selector_has_ports(&policy->selector);

	if (flow_is_multicast(flow))
		return;
	if (clear)
		frame = bytes_of(NULL, 0);
	if (hold_add(dp->hold, flow, with_ports, frame, out->now_ms) == HOLD_ASK)
		dp->listener.acquire(dp->listener.self, flow);
}

/* Counts packets on a bundle; with one of its SAs all of it is used up. */
static bool use_all(struct outbound *out, struct sa *innermost, uint64_t packets, uint64_t bytes)
{
	for (struct sa *sa = innermost; sa != NULL; sa = sa->outer) {
		if (!lifetime_use(out->dp, sa, packets, bytes, out->now_ms)) {
			innermost->hard_reported = true;
			return false;
		}
		sa->sent_ms = out->now_ms;
	}
	return true;
}

static struct verdict judge(
    struct outbound *out, const struct segmenter *segmenter, struct bytes frame)
{
	struct dataplane *dp = out->dp;
	struct dataplane_flow flow = packet_flow(&segmenter->packet, IPSEC_OUT);
	const struct dataplane_policy *policy = spd_match(&dp->spd, &flow);
	size_t transport = segmenter->packet.data.len - segmenter->packet.header_len;
	struct sa *sa;
	bool clear;

	if (policy == NULL || policy->action == POLICY_BYPASS)
		return (struct verdict){.action = CLEAR};
	if (policy->action == POLICY_DISCARD)
		return (struct verdict){.action = DROP};
	flow.policy_id = policy->id;
	/* A used-up SA is passed over in the next round. */
	while ((sa = sa_table_find_outbound(dp->sas, &flow)) != NULL) {
		if (use_all(out, sa, segmenter->count,
			segmenter->count * segmenter->packet.header_len + transport))
			return (struct verdict){.action = PROTECT, .sa = sa};
	}
	clear = policy->action == POLICY_REQUEST && !spd_is_required(&dp->spd, policy, &flow);
	ask_for_sa(out, policy, &flow, clear, frame);
	return (struct verdict){.action = clear ? CLEAR : DROP};
}

static void write_too_big(struct outbound *out, const struct packet *packet, size_t mtu)
{
	struct virtio_net_hdr offload = {0};
	uint8_t icmp[ICMP_TOO_BIG_MAX];
	struct iovec pieces[2] = {
	    {.iov_base = &offload, .iov_len = sizeof(offload)}, {.iov_base = icmp, .iov_len = 0}};

	pieces[1].iov_len = icmp_too_big(packet, (unsigned)mtu, icmp);
	tun_write(&out->dp->tun, pieces, 2);
}

/* Whether packets of that inner length fit the path; asks the kernel about it now and then. */
static bool fits_path(struct outbound *out, struct sa *sa, const struct packet *packet,
    size_t inner_len, size_t *inner_max)
{
	if (sa->path_mtu_ms == 0 || out->now_ms - sa->path_mtu_ms >= PATH_MTU_FRESH_MS) {
		sa->path_mtu = path_mtu(&out->dp->path, &sa->told.destination, NULL);
		sa->path_mtu_ms = out->now_ms;
	}
	if (sa->path_mtu == 0)
		return true;
	*inner_max = encapsulate_inner_max(sa, packet, sa->path_mtu);
	return inner_len <= *inner_max;
}

/*
 * Sends a finished packet, in fragments if the path wants that. Compressed it may fit after all,
 * and then gets no fragment header: to Linux AH would cover that too.
 */
static void send_fragments(struct outbound *out, const struct address *to, struct bytes octets)
{
	struct fragmenter fragmenter;
	unsigned mtu = path_mtu(&out->dp->path, to, NULL);

	if (mtu > ROOM)
		mtu = ROOM;
	if (octets.len <= mtu) {
		memcpy(take_slot(out, to, octets.len), octets.data, octets.len);
		return;
	}
	if (fragment_begin(&fragmenter, octets, mtu, ++out->identification) != ERR_OK)
		return;
	for (size_t i = 0; i < fragmenter.count; i++) {
		uint8_t *slot = take_slot(out, to, 0);
		unsigned taken = out->count - 1;

		out->pieces[taken].iov_len = fragment_write(&fragmenter, i, slot);
	}
}

/* A packet that the path takes only in fragments: those of the IPsec packet, so that ours stays
 * whole. */
static void protect_large(struct outbound *out, struct sa *sa, const struct segmenter *segmenter)
{
	size_t total =
	    encapsulate_length(sa, &segmenter->packet, segment_transport_length(segmenter, 0));
	struct parcel parcel;

	if (total <= UINT16_MAX &&
	    encapsulate(sa, segmenter, 0, out->ipcomp, out->large, &parcel) == ERR_OK)
		send_fragments(out, &sa->told.destination, bytes_of(parcel.octets, parcel.len));
}

static void protect_segment(
    struct outbound *out, struct sa *sa, const struct segmenter *segmenter, size_t index)
{
	uint8_t *slot = take_slot(out, &sa->told.destination, 0);
	struct parcel parcel;

	if (encapsulate(sa, segmenter, index, out->ipcomp, slot, &parcel) != ERR_OK) {
		out->count--;
		return;
	}
	out->pieces[out->count - 1] =
	    (struct iovec){.iov_base = parcel.octets, .iov_len = parcel.len};
}

static void protect(
    struct outbound *out, struct sa *sa, const struct segmenter *segmenter, bool reassembled)
{
	const struct packet *inner = &segmenter->packet;
	size_t longest = inner->header_len + segment_transport_length(segmenter, 0);
	size_t inner_max = 0;

	if (out->ipcomp == NULL && sa->outer != NULL)
		out->ipcomp = ipcomp_new();
	if (!fits_path(out, sa, inner, longest, &inner_max)) {
		/* IPv6 must carry 1280 octets whatever the path takes (RFC 8200 section 5). */
		bool may_fragment = reassembled || !inner->dont_fragment ||
		                    (inner->source.family == 6 && longest <= IPV6_MTU_MIN);

		if (may_fragment && segmenter->count == 1) {
			protect_large(out, sa, segmenter);
			return;
		}
		if (inner->source.family == 6 && inner_max < IPV6_MTU_MIN)
			inner_max = IPV6_MTU_MIN;
		write_too_big(out, inner, inner_max);
		return;
	}
	for (size_t i = 0; i < segmenter->count; i++) {
		if (encapsulate_length(sa, inner, segment_transport_length(segmenter, i)) > ROOM) {
			protect_large(out, sa, segmenter);
			return;
		}
		protect_segment(out, sa, segmenter, i);
	}
}

/* As it is: its policy lets it pass. */
static void pass_clear(struct outbound *out, const struct segmenter *segmenter, bool reassembled)
{
	const struct packet *packet = &segmenter->packet;
	size_t header_len = packet->header_len;
	size_t longest = header_len + segment_transport_length(segmenter, 0);

	/* The device takes no packet longer than the path does, but for those made of fragments. */
	if (reassembled) {
		segment_write(segmenter, 0, out->large, out->large + header_len);
		send_fragments(out, &packet->destination, bytes_of(out->large, longest));
		return;
	}
	for (size_t i = 0; i < segmenter->count && longest <= ROOM; i++) {
		size_t total = header_len + segment_transport_length(segmenter, i);
		uint8_t *slot = take_slot(out, &packet->destination, total);

		segment_write(segmenter, i, slot, slot + header_len);
	}
}

static void process_packet(
    struct outbound *out, struct segmenter *segmenter, struct bytes frame, bool reassembled)
{
	struct dataplane *dp = out->dp;
	struct verdict verdict;

	if (SLOTS - out->count < segmenter->count)
		send_batch(out);
	pthread_rwlock_rdlock(&dp->lock);
	verdict = judge(out, segmenter, frame);
	if (verdict.action == PROTECT)
		protect(out, verdict.sa, segmenter, reassembled);
	pthread_rwlock_unlock(&dp->lock);
	if (verdict.action == CLEAR)
		pass_clear(out, segmenter, reassembled);
	if (out->count >= SEND_EAGER)
		send_batch(out);
}

/* A fragment; the last one missing gives a packet, as a frame of its own. */
static void process_fragment(struct outbound *out, const struct packet *fragment)
{
	struct virtio_net_hdr offload = {0};
	struct segmenter segmenter;
	struct writer w = writer_of(out->whole, TUN_FRAME_MAX);
	struct bytes whole = reassembler_add(out->reassembler, fragment, out->now_ms);

	if (whole.len == 0)
		return;
	writer_put(&w, bytes_of(&offload, sizeof(offload)));
	writer_put(&w, whole);
	if (writer_ok(&w) && segment_begin(&segmenter, &offload, whole) == ERR_OK)
		process_packet(out, &segmenter, writer_bytes(&w), true);
}

static void process_frame(struct outbound *out, struct bytes frame)
{
	struct virtio_net_hdr offload;
	struct segmenter segmenter;

	if (frame.len < sizeof(offload))
		return;
	memcpy(&offload, frame.data, sizeof(offload));
	if (segment_begin(&segmenter, &offload,
		bytes_of(frame.data + sizeof(offload), frame.len - sizeof(offload))) != ERR_OK)
		return;
	if (segmenter.packet.fragment)
		process_fragment(out, &segmenter.packet);
	else
		process_packet(out, &segmenter, frame, false);
}

static void process_ready(struct outbound *out)
{
	struct dataplane *dp = out->dp;
	struct held_frame *frame;
	eventfd_t ignored;

	(void)eventfd_read(dp->ready, &ignored);
	do {
		pthread_rwlock_rdlock(&dp->lock);
		frame = hold_next_ready(dp->hold);
		pthread_rwlock_unlock(&dp->lock);
		if (frame != NULL)
			process_frame(out, bytes_of(frame->octets, frame->len));
		free(frame);
	} while (frame != NULL);
}

/* What NATs would forget is called to mind again. */
static void send_keepalives(struct outbound *out)
{
	struct dataplane *dp = out->dp;
	uint64_t ticks;

	if (read(dp->tick, &ticks, sizeof(ticks)) < 0)
		return;
	pthread_rwlock_rdlock(&dp->lock);
	for (struct sa *sa = sa_table_keepalives(dp->sas); sa != NULL; sa = sa->next_keepalive) {
		struct parcel parcel;
		uint8_t *slot;

		/* The first one tells the peer where we are before there is traffic. */
		if ((sa->sequence > 0 && out->now_ms - sa->sent_ms < KEEPALIVE_MS) ||
		    !lifetime_use(dp, sa, 1, 0, out->now_ms))
			continue;
		sa->sent_ms = out->now_ms;
		slot = take_slot(out, &sa->told.destination, 0);
		if (encapsulate_keepalive(sa, slot, &parcel) == ERR_OK)
			out->pieces[out->count - 1] =
			    (struct iovec){.iov_base = parcel.octets, .iov_len = parcel.len};
		else
			out->count--;
	}
	pthread_rwlock_unlock(&dp->lock);
	send_batch(out);
}

/* Reads until the device has no more; false when it is gone. */
static bool drain_device(struct outbound *out)
{
	struct dataplane *dp = out->dp;
	ssize_t got;

	while ((got = read(dp->tun.fd, out->frame, TUN_FRAME_MAX)) > 0)
		process_frame(out, bytes_of(out->frame, (size_t)got));
	send_batch(out);
	return got < 0 && (errno == EAGAIN || errno == EINTR || errno == EIO);
}

static void run(struct outbound *out)
{
	struct dataplane *dp = out->dp;
	struct pollfd wait[4] = {{.fd = dp->stop, .events = POLLIN},
	    {.fd = dp->ready, .events = POLLIN}, {.fd = dp->tun.fd, .events = POLLIN},
	    {.fd = dp->tick, .events = POLLIN}};

	for (;;) {
		if (poll(wait, 4, -1) < 0 && errno != EINTR)
			return;
		if (wait[0].revents != 0)
			return;
		out->now_ms = coarse_ms();
		if (wait[1].revents != 0)
			process_ready(out);
		if (wait[3].revents != 0)
			send_keepalives(out);
		if (!drain_device(out) || (wait[2].revents & (POLLERR | POLLHUP)) != 0) {
			struct problem problem;

			(void)problem_set(&problem, ERR_SYSTEM,
			    "device %s is gone; protected traffic stays blocked: restart the "
			    "daemon",
			    dp->tun.name);
			dp->listener.failed(dp->listener.self, &problem);
			return;
		}
	}
}

static struct outbound *outbound_new(struct dataplane *dp)
{
	struct outbound *out = calloc(1, sizeof(*out));

	if (out == NULL)
		return NULL;
	out->dp = dp;
	out->slots = malloc((size_t)SLOTS * SLOT_SIZE);
	out->large = malloc(LARGE_SIZE);
	out->frame = malloc(TUN_FRAME_MAX);
	out->whole = malloc(TUN_FRAME_MAX);
	out->reassembler = reassembler_new();
	return out;
}

static bool is_complete(const struct outbound *out)
{
	return out != NULL && out->slots != NULL && out->large != NULL && out->frame != NULL &&
	       out->whole != NULL && out->reassembler != NULL;
}

static void outbound_free(struct outbound *out)
{
	if (out == NULL)
		return;
	reassembler_free(out->reassembler);
	ipcomp_free(out->ipcomp);
	free(out->slots);
	free(out->large);
	free(out->frame);
	free(out->whole);
	free(out);
}

void *outbound_run(void *argument)
{
	struct dataplane *dp = argument;
	struct outbound *out = outbound_new(dp);

	if (is_complete(out)) {
		/* A start that nobody can guess; short of random octets any will do. */
		(void)getrandom(&out->identification, sizeof(out->identification), 0);
		run(out);
	} else {
		struct problem problem;

		(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory for packet buffers");
		dp->listener.failed(dp->listener.self, &problem);
	}
	outbound_free(out);
	return NULL;
}
