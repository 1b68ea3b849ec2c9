/*
 * The inbound thread: batches of IPsec packets from the sockets, checked and opened (RFC 4303 3.4,
 * RFC 4302 3.4, RFC 4301 5.2), to the TUN device, where consecutive segments of a flow go as one.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dataplane/selector.h"
#include "dataplane/userspace/bundle.h"
#include "dataplane/userspace/coalesce.h"
#include "dataplane/userspace/decapsulate.h"
#include "dataplane/userspace/private.h"
#include "dataplane/userspace/receive.h"
#include "dataplane/userspace/udp.h"

#define POURING      8 /* packets at once from which on more are about to come */
#define PAUSE_NS     250000
#define SOCKET_COUNT (2 * SOCKET_KINDS)

struct inbound {
	struct dataplane *dp;
	uint64_t now_ms;
	struct coalesce coalesce;
	struct receiver *receiver;
	struct ipcomp *ipcomp;
	uint64_t malformed;
};

static void write_frame(void *context, const struct iovec *pieces, int count)
{
	struct inbound *in = context;

	tun_write(&in->dp->tun, pieces, count);
}

/*
 * RFC 4301 5.2: what came out must be what the SA was made for, and what the first policy that
 * matches it lets pass.
 */
static bool selector_agrees(
    const struct dataplane *dp, const struct sa *sa, const struct parcel *parcel)
{
	struct packet inner;
	struct dataplane_flow flow;

	if (packet_parse(bytes_of(parcel->octets, parcel->len), &inner) != ERR_OK)
		return false;
	flow = packet_flow(&inner, IPSEC_IN);
	return selector_matches(&sa->told.selector, &flow) && !spd_discards(&dp->spd, &flow);
}

/* Whether the policy protects with just these; looked up again when policies have changed. */
static bool policy_agrees(const struct dataplane *dp, struct sa *innermost)
{
	if (innermost->spd_version != dp->spd.version) {
		const struct dataplane_policy *policy =
		    spd_find(&dp->spd, innermost->told.policy_id);

		innermost->spd_version = dp->spd.version;
		innermost->misfits = policy != NULL && policy->action == POLICY_REQUIRE &&
		                     !bundle_conforms(innermost, policy);
	}
	return !innermost->misfits;
}

/* Whether the other end of an encapsulated SA has moved. Told once for each new place. */
static void notice_move(struct inbound *in, struct sa *sa, const struct endpoint *source)
{
	struct endpoint known = {.address = sa->told.source, .port = sa->told.encapsulation_source};
	struct dataplane_move move = {.spi = sa->told.spi,
	    .protocol = sa->told.suite.protocol,
	    .destination = sa->told.destination,
	    .remote = *source};

	if (endpoint_equal(source, &known)) {
		sa->seen_at = (struct endpoint){0};
		return;
	}
	if (endpoint_equal(source, &sa->seen_at) || in->dp->listener.moved == NULL)
		return;
	sa->seen_at = *source;
	in->dp->listener.moved(in->dp->listener.self, &move);
}

static bool use_all(struct inbound *in, struct sa *innermost, size_t len)
{
	for (struct sa *sa = innermost; sa != NULL; sa = sa->outer) {
		if (!lifetime_use(in->dp, sa, 1, len, in->now_ms))
			return false;
	}
	return true;
}

/* One IPsec packet, turned into the inner one in place; whether that may pass. */
static bool open_packet(struct inbound *in, struct received *received, bool in_udp)
{
	struct parcel *parcel = &received->parcel;
	struct sa *sa = decapsulate_find(in->dp->sas, parcel, &received->destination, in_udp);
	struct decapsulated opened;
	enum err code;

	if (sa == NULL)
		return false;
	if (sa->inner != NULL && in->ipcomp == NULL)
		in->ipcomp = ipcomp_new();
	code = decapsulate(sa, in->ipcomp, parcel, &opened);
	/* Authentic, whatever is in it: a keepalive holds nothing. */
	if (in_udp && opened.newest)
		notice_move(in, sa, &received->source);
	if (code != ERR_OK)
		return false;
	if (!policy_agrees(in->dp, opened.innermost)) {
		sa->counters.wrongly_protected++;
		return false;
	}
	if (!selector_agrees(in->dp, opened.innermost, parcel)) {
		sa->counters.selector_mismatch++;
		return false;
	}
	return use_all(in, opened.innermost, parcel->len);
}

/* A message of a key exchange goes up, without its marker, with where it came from. */
static void give_up_message(struct inbound *in, unsigned index)
{
	const struct dataplane_listener *listener = &in->dp->listener;
	struct bytes octets = receiver_octets(in->receiver, index);
	struct received received;
	struct dataplane_datagram datagram = {
	    .data = bytes_of(octets.data + UDP_MARKER, octets.len - UDP_MARKER)};

	if (listener->key_exchange == NULL ||
	    receiver_packet(in->receiver, index, &received) != ERR_OK)
		return;
	datagram.local = (struct endpoint){received.destination, in->dp->udp_port};
	datagram.remote = received.source;
	listener->key_exchange(listener->self, &datagram);
}

/* A datagram of the encapsulation's port: whether it is ESP. */
static bool is_esp(struct inbound *in, unsigned index)
{
	switch (udp_classify(receiver_octets(in->receiver, index))) {
	case UDP_ESP:
		return true;
	case UDP_KEY_EXCHANGE:
		give_up_message(in, index);
		break;
	case UDP_KEEPALIVE:
		break;
	case UDP_MALFORMED:
		in->malformed++;
		break;
	}
	return false;
}

static void open_batch(struct inbound *in, enum socket_kind kind, unsigned count)
{
	struct {
		uint8_t *octets;
		size_t len;
	} opened[RECEIVE_BATCH];
	unsigned kept = 0;

	pthread_rwlock_rdlock(&in->dp->lock);
	for (unsigned i = 0; i < count; i++) {
		struct received received;

		if (kind == SOCKET_UDP && !is_esp(in, i))
			continue;
		if (receiver_packet(in->receiver, i, &received) != ERR_OK ||
		    !open_packet(in, &received, kind == SOCKET_UDP))
			continue;
		opened[kept].octets = received.parcel.octets;
		opened[kept++].len = received.parcel.len;
	}
	pthread_rwlock_unlock(&in->dp->lock);
	for (unsigned i = 0; i < kept; i++)
		coalesce_add(&in->coalesce, opened[i].octets, opened[i].len);
	coalesce_flush(&in->coalesce);
}

/* Reads until the socket has no more; returns how many packets that were. */
static unsigned drain_socket(struct inbound *in, enum socket_kind kind, bool ipv6)
{
	unsigned total = 0;
	unsigned got;

	do {
		got = receiver_take(in->receiver, &in->dp->sockets, kind, ipv6);
		if (got > 0)
			open_batch(in, kind, got);
		total += got;
	} while (got == RECEIVE_BATCH);
	return total;
}

/*
 * Waits for packets. While they pour in, a short pause lets a batch gather: that makes fewer and
 * larger packets for the host's stack, fewer acknowledgements, and fewer switches between threads.
 */
static int wait_for_packets(struct pollfd wait[1 + SOCKET_COUNT], bool pouring)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};

	if (!pouring)
		return poll(wait, 1 + SOCKET_COUNT, -1);
	(void)ppoll(wait, 1, &pause, NULL);
	return poll(wait, 1 + SOCKET_COUNT, 0);
}

static void run(struct inbound *in)
{
	struct dataplane *dp = in->dp;
	struct pollfd wait[1 + SOCKET_COUNT] = {{.fd = dp->stop, .events = POLLIN}};
	unsigned got = 0;

	for (int i = 0; i < SOCKET_COUNT; i++)
		wait[1 + i] = (struct pollfd){.fd = dp->sockets.in[i / 2][i % 2], .events = POLLIN};
	(void)prctl(PR_SET_TIMERSLACK, 1000UL);
	for (;;) {
		if (wait_for_packets(wait, got >= POURING) < 0 && errno != EINTR)
			return;
		if (wait[0].revents != 0)
			return;
		in->now_ms = coarse_ms();
		got = 0;
		for (int i = 0; i < SOCKET_COUNT; i++) {
			if (wait[1 + i].revents != 0)
				got += drain_socket(in, (enum socket_kind)(i / 2), i % 2 != 0);
		}
	}
}

static void report_strays(const struct inbound *in)
{
	if (in->malformed == 0)
		return;
	log_event(in->dp->log, LOG_LEVEL_INFO, LOG_AREA_DATAPLANE, LOG_NO_FIELDS,
	    "the port of UDP encapsulation got %llu datagrams that are neither ESP nor a key "
	    "exchange; all were dropped",
	    (unsigned long long)in->malformed);
}

void *inbound_run(void *argument)
{
	struct inbound *in = calloc(1, sizeof(*in));
	struct dataplane *dp = argument;

	if (in != NULL) {
		in->dp = dp;
		in->receiver = receiver_new();
		coalesce_init(&in->coalesce, write_frame, in, dp->tun.datagram_offload);
	}
	if (in != NULL && in->receiver != NULL) {
		run(in);
		report_strays(in);
	} else {
		struct problem problem;

		(void)problem_set(&problem, ERR_NO_MEMORY, "out of memory for packet buffers");
		dp->listener.failed(dp->listener.self, &problem);
	}
	if (in != NULL) {
		receiver_free(in->receiver);
		ipcomp_free(in->ipcomp);
	}
	free(in);
	return NULL;
}
