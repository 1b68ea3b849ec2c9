/*
 * The inbound thread: batches of ESP packets from the raw sockets, checked and opened (RFC 4303
 * 3.4, RFC 4301 5.2), to the TUN device, where consecutive segments of a flow go as one.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dataplane/selector.h"
#include "dataplane/userspace/coalesce.h"
#include "dataplane/userspace/encapsulate.h"
#include "dataplane/userspace/private.h"

#define SLOTS        64
#define HEADROOM     64                             /* for the IPv6 header that the kernel keeps */
#define SLOT_SIZE    (HEADROOM + 65536 + 2048 + 64) /* not a power of two: see outbound.c */
#define CONTROL_SIZE 128
#define POURING      8 /* packets at once from which on more are about to come */
#define PAUSE_NS     250000

struct inbound {
	struct dataplane *dp;
	uint64_t now_ms;
	struct coalesce coalesce;
	struct mmsghdr messages[SLOTS];
	struct iovec pieces[SLOTS];
	struct sockaddr_in6 from[SLOTS];
	_Alignas(struct cmsghdr) uint8_t control[SLOTS][CONTROL_SIZE];
	uint8_t *slots;
};

static void write_frame(void *context, const struct iovec *pieces, int count)
{
	struct inbound *in = context;

	tun_write(&in->dp->tun, pieces, count);
}

static uint8_t *slot_of(struct inbound *in, unsigned index)
{
	return in->slots + (size_t)index * SLOT_SIZE + HEADROOM;
}

/*
 * The kernel gives an IPv6 raw socket the packet without its header; it is made again in front of
 * it, from what ancillary data tell (RFC 3542 section 6).
 */
static enum err rebuild_ipv6(struct inbound *in, unsigned index, struct outer_packet *outer)
{
	struct msghdr *message = &in->messages[index].msg_hdr;
	size_t len = in->messages[index].msg_len;
	struct in6_pktinfo info = {0};
	int traffic_class = 0;
	int hop_limit = 0;
	struct writer w = writer_of(slot_of(in, index) - IPV6_HEADER, IPV6_HEADER);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO)
			memcpy(&info, CMSG_DATA(c), sizeof(info));
		else if (c->cmsg_type == IPV6_TCLASS)
			memcpy(&traffic_class, CMSG_DATA(c), sizeof(traffic_class));
		else if (c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hop_limit, CMSG_DATA(c), sizeof(hop_limit));
	}
	writer_u32(&w, UINT32_C(6) << 28 | (uint32_t)(traffic_class & 0xff) << 20);
	writer_u16(&w, (uint16_t)len);
	writer_u8(&w, IPPROTO_ESP);
	writer_u8(&w, (uint8_t)hop_limit);
	writer_put(&w, bytes_of(&in->from[index].sin6_addr, 16));
	writer_put(&w, bytes_of(&info.ipi6_addr, 16));
	outer->octets = w.data;
	return packet_parse(bytes_of(w.data, IPV6_HEADER + len), &outer->header);
}

/* The SA that an ESP packet names, and its sequence number. */
static struct sa *find_sa(struct inbound *in, const struct outer_packet *outer, uint64_t *sequence)
{
	struct reader r = reader_of(outer->header.data);
	struct sa *sa;
	uint32_t spi;

	(void)reader_take(&r, outer->header.header_len);
	spi = reader_u32(&r);
	*sequence = reader_u32(&r);
	if (!reader_ok(&r))
		return NULL;
	sa = sa_table_find(in->dp->sas, spi, IPSEC_ESP, &outer->header.destination);
	return sa != NULL && sa->installed && sa->told.direction == IPSEC_IN ? sa : NULL;
}

/* RFC 4301 5.2: what came out must be what the SA was made for. */
static bool selector_agrees(const struct sa *sa, const uint8_t *octets, size_t len)
{
	struct packet inner;
	struct dataplane_flow flow;

	if (packet_parse(bytes_of(octets, len), &inner) != ERR_OK)
		return false;
	flow = packet_flow(&inner, IPSEC_IN);
	return selector_matches(&sa->told.selector, &flow);
}

/* One ESP packet; gives the inner one if it may pass. */
static bool open_packet(
    struct inbound *in, const struct outer_packet *outer, uint8_t **inner, size_t *inner_len)
{
	size_t header_len = outer->header.header_len;
	uint64_t sequence;
	struct sa *sa = find_sa(in, outer, &sequence);
	struct esp_opened opened;

	if (sa == NULL)
		return false;
	if (!replay_is_fresh(&sa->replay, sequence)) {
		sa->counters.replayed++;
		return false;
	}
	if (esp_open(sa->esp, sequence, outer->octets + header_len,
		outer->header.data.len - header_len, &opened) != ERR_OK) {
		sa->counters.integrity_failed++;
		return false;
	}
	replay_accept(&sa->replay, sequence);
	if (decapsulate(sa, outer, &opened, inner, inner_len) != ERR_OK)
		return false;
	if (!selector_agrees(sa, *inner, *inner_len)) {
		sa->counters.selector_mismatch++;
		return false;
	}
	return lifetime_use(in->dp, sa, 1, *inner_len, in->now_ms);
}

static void open_batch(struct inbound *in, bool ipv6, unsigned count)
{
	struct {
		uint8_t *octets;
		size_t len;
	} opened[SLOTS];
	unsigned kept = 0;

	pthread_rwlock_rdlock(&in->dp->lock);
	for (unsigned i = 0; i < count; i++) {
		struct outer_packet outer = {.octets = slot_of(in, i)};
		enum err code = ipv6 ? rebuild_ipv6(in, i, &outer)
		                     : packet_parse(bytes_of(outer.octets, in->messages[i].msg_len),
					   &outer.header);

		if (code == ERR_OK &&
		    open_packet(in, &outer, &opened[kept].octets, &opened[kept].len))
			kept++;
	}
	pthread_rwlock_unlock(&in->dp->lock);
	for (unsigned i = 0; i < kept; i++)
		coalesce_add(&in->coalesce, opened[i].octets, opened[i].len);
	coalesce_flush(&in->coalesce);
}

static void prepare_batch(struct inbound *in, bool ipv6)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		in->pieces[i] =
		    (struct iovec){.iov_base = slot_of(in, i), .iov_len = SLOT_SIZE - HEADROOM};
		in->messages[i].msg_hdr =
		    (struct msghdr){.msg_iov = &in->pieces[i], .msg_iovlen = 1};
		if (!ipv6)
			continue;
		in->messages[i].msg_hdr.msg_name = &in->from[i];
		in->messages[i].msg_hdr.msg_namelen = sizeof(in->from[i]);
		in->messages[i].msg_hdr.msg_control = in->control[i];
		in->messages[i].msg_hdr.msg_controllen = CONTROL_SIZE;
	}
}

/* Reads until the socket has no more; returns how many packets that were. */
static unsigned drain_socket(struct inbound *in, bool ipv6)
{
	int fd = in->dp->sockets.in[ipv6 ? 1 : 0];
	unsigned total = 0;
	int got;

	do {
		prepare_batch(in, ipv6);
		got = recvmmsg(fd, in->messages, SLOTS, MSG_DONTWAIT, NULL);
		if (got > 0) {
			open_batch(in, ipv6, (unsigned)got);
			total += (unsigned)got;
		}
	} while (got == SLOTS);
	return total;
}

/*
 * Waits for packets. While they pour in, a short pause lets a batch gather: that makes fewer and
 * larger packets for the host's stack, fewer acknowledgements, and fewer switches between threads.
 */
static int wait_for_packets(struct pollfd wait[3], bool pouring)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};

	if (!pouring)
		return poll(wait, 3, -1);
	wait[1].revents = wait[2].revents = POLLIN;
	return ppoll(wait, 1, &pause, NULL);
}

static void run(struct inbound *in)
{
	struct dataplane *dp = in->dp;
	struct pollfd wait[3] = {{.fd = dp->stop, .events = POLLIN},
	    {.fd = dp->sockets.in[0], .events = POLLIN},
	    {.fd = dp->sockets.in[1], .events = POLLIN}};
	unsigned got = 0;

	(void)prctl(PR_SET_TIMERSLACK, 1000UL);
	for (;;) {
		if (wait_for_packets(wait, got >= POURING) < 0 && errno != EINTR)
			return;
		if (wait[0].revents != 0)
			return;
		in->now_ms = coarse_ms();
		got = 0;
		if (wait[1].revents != 0)
			got += drain_socket(in, false);
		if (wait[2].revents != 0)
			got += drain_socket(in, true);
	}
}

void *inbound_run(void *argument)
{
	struct inbound *in = calloc(1, sizeof(*in));
	struct dataplane *dp = argument;

	if (in != NULL) {
		in->dp = dp;
		in->slots = malloc((size_t)SLOTS * SLOT_SIZE);
		coalesce_init(&in->coalesce, write_frame, in, dp->tun.datagram_offload);
	}
	if (in != NULL && in->slots != NULL) {
		run(in);
	} else {
		struct problem problem;

		(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory for packet buffers");
		dp->listener.failed(dp->listener.self, &problem);
	}
	if (in != NULL)
		free(in->slots);
	free(in);
	return NULL;
}
