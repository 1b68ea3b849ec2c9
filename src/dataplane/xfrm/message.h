/*
 * What XFRM is told and tells (linux/xfrm.h), from and to this project's words. No I/O here.
 *
 * What is ours carries its policy's number: SAs and templates in their reqid, policies in their
 * index. So an earlier run's are found again, and reports come with the policy that they are about.
 */
#ifndef DATAPLANE_XFRM_MESSAGE_H
#define DATAPLANE_XFRM_MESSAGE_H

#include <libmnl/libmnl.h>
#include <linux/xfrm.h>

#include "kinkd/dataplane.h"

/* Linux 6.2; the headers of a Debian 12 may be older than the kernel. */
#ifndef XFRM_OFFLOAD_PACKET
#define XFRM_OFFLOAD_PACKET 4
#endif

/* Ranges of numbers that this daemon takes for its own, reqids and indices of policies. */
#define MESSAGE_OWN           0x4b000000U
#define MESSAGE_OWN_MASK      0xff000000U
/* The greatest policy id that finds room in a reqid. */
#define MESSAGE_POLICY_ID_MAX 0x7fffffU
/* The greatest number of a kernel's policy. */
#define MESSAGE_NUMBER_MAX    0x1fffffU

/* Whether an index or a reqid is in that range. */
bool message_is_own(uint32_t number);
uint32_t message_reqid(uint32_t policy_id, enum ipsec_direction direction);
uint32_t message_policy_of_reqid(uint32_t reqid);
enum ipsec_direction message_direction_of_reqid(uint32_t reqid);
/* direction is XFRM_POLICY_IN, _OUT or _FWD. */
uint32_t message_index(uint32_t number, uint8_t direction);
uint32_t message_number_of_index(uint32_t index);

uint16_t message_family(uint8_t family); /* AF_INET, AF_INET6 */
xfrm_address_t message_address(const struct address *address);
struct address message_address_of(const xfrm_address_t *address, uint16_t family);

/* A part of a selector that XFRM can express: prefixes, and ports that share leading bits. */
struct message_ports {
	uint16_t port;
	uint16_t mask;
};
struct message_selector {
	struct prefix local;
	struct prefix remote;
	struct message_ports local_ports;
	struct message_ports remote_ports;
	uint8_t protocol;
};

/* False where one does not express it. */
bool message_selector_of(const struct selector *selector, struct message_selector *out);
/* Seen in this direction: the local side is the source of what goes out. */
struct xfrm_selector message_selector(const struct message_selector *selector, uint8_t direction);

/* A range of ports as the fewest such blocks; returns how many, at most MESSAGE_PORTS_MAX. */
#define MESSAGE_PORTS_MAX 30
size_t message_port_blocks(
    const struct port_range *range, struct message_ports out[MESSAGE_PORTS_MAX]);

/* What tells policies, and SAs, apart beside their names: the same selector may stand twice. */
struct message_scope {
	struct packet_mark mark;
	uint32_t if_id;
};

/* That of something that the kernel shows or reports, which starts with a header of this size. */
struct message_scope message_scope_of(const struct nlmsghdr *message, size_t header);

/* Attributes that say so, as far as there is something to say. */
void message_put_mark(struct nlmsghdr *message, const struct packet_mark *mark);
void message_put_scope(struct nlmsghdr *message, const struct message_scope *scope);

/* One of the kernel's policies. */
struct message_policy {
	struct xfrm_selector selector;
	uint8_t direction;
	uint32_t index;
	unsigned device;   /* the index of the one that takes it; 0: none */
	uint32_t priority; /* the kernel's: lower comes first */
	const struct dataplane_policy *told;
	enum policy_action action; /* told's, or what has become of it */
};

void message_put_policy(struct nlmsghdr *message, const struct message_policy *policy);
void message_put_policy_name(
    struct nlmsghdr *message, uint32_t index, uint8_t direction, const struct message_scope *scope);

/* ERR_UNSUPPORTED with the reason for what the kernel has no words for. */
enum err message_check_sa(const struct dataplane_sa *sa, struct problem *problem) MUST_CHECK;
/* What an SA has of its policy. */
struct message_terms {
	struct message_scope scope;
	enum offload offload;
	unsigned device; /* the index of the one that does it; 0: none */
};

void message_put_sa(
    struct nlmsghdr *message, const struct dataplane_sa *sa, const struct message_terms *terms);
/* The mark is an outbound SA's; inbound ones have none. */
void message_put_sa_name(struct nlmsghdr *message, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination, const struct packet_mark *mark);
/* An SPI between `first` and `last` for an SA of that policy, mode, addresses and scope. */
void message_put_spi_wish(struct nlmsghdr *message, const struct dataplane_sa *sa,
    const struct message_scope *scope, uint32_t first, uint32_t last);

#endif
